"""Who wrote a mail that somebody passed on: the mail attached, or the block of header lines that mail programs put
above what they forward, in the languages people write."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from hub.formats import headers, mail
from hub.formats.errors import Unreadable
from hub.formats.headers import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Forwarded:
    """The mail that was forwarded. *date* is in UTC: a time without a zone is read in the zone of who forwarded it;
    None where there is none that can be read. *text* is what it said. *index* is the attachment that it is, None where
    it stands in the text."""

    sender: Address
    to: tuple[Address, ...]
    subject: str
    date: datetime | None
    text: str
    index: int | None = None


def forwarded(raw: bytes, parsed: mail.Mail | None = None) -> Forwarded | None:
    """The mail forwarded in *raw*, attached or in the text; None where none with a sender's address is found. *parsed*
    is `mail.parse(raw)` where the caller has it. Whether *raw* is a forward or an answer that quotes in the same manner
    the caller must know. Raises `Unreadable` as `mail.parse` does."""
    parsed = parsed or mail.parse(raw)
    if parsed.automatic == "report":
        return None
    for each in parsed.attachments:
        if each.media_type in ("message/rfc822", "message/global"):
            try:
                inner = mail.parse(mail.attachment(raw, each.index))
            except Unreadable:
                continue
            sender = next((address for address in inner.sender if "@" in address.address), None)
            if sender is not None:
                return Forwarded(
                    sender=sender,
                    to=inner.to,
                    subject=inner.subject,
                    date=inner.date,
                    text=inner.text,
                    index=each.index,
                )
    written = next((value for name, value in parsed.headers if name == "date"), "")
    return in_text(parsed.text, _zone(written))


# --- the block of header lines ----------------------------------------------------------------------------------


def _any(words: str) -> str:
    return "|".join(re.escape(word.strip()) for word in sorted(words.split("|"), key=len, reverse=True))


_LABELS = {
    "from": _any(
        "from|von|de|da|van|od|från|fra|lähettäjä|от|от кого|від|kimden|gönderen|feladó|expéditeur|remitente|mittente|"
        "afzender|afsender|avsändare|nadawca|odesílatel|odosielateľ|από|από τον/την|מאת|من|người gửi|dari|"
        "发件人|发信人|发送人|發件人|寄件者|寄件人|寄信人|差出人|送信者|送信元|보낸 사람|보낸사람|보낸이"
    ),
    "date": _any(
        "date|sent|sent on|gesendet|gesendet am|datum|date d'envoi|date d’envoi|envoyé|envoyé le|enviado|enviado el|"
        "enviado em|enviada em|enviada|fecha|data|data invio|inviato|verzonden|verzonden op|skickat|sendt|dato|"
        "lähetetty|päivämäärä|päiväys|wysłano|data wysłania|отправлено|дата|дата отправки|надіслано|odesláno|odoslané|"
        "dátum|küldve|elküldve|gönderildi|gönderme tarihi|tarih|ημερομηνία|στάλθηκε|נשלח|תאריך|ngày|tanggal|"
        "发送时间|发送日期|发件时间|时间|日期|發送時間|發送日期|寄件日期|傳送日期|傳送時間|寄送日期|時間|"
        "送信日時|日時|日付|보낸 날짜|보낸날짜|날짜"
    ),
    "subject": _any(
        "subject|betreff|objet|sujet|asunto|assunto|oggetto|onderwerp|ämne|emne|aihe|temat|тема|předmět|predmet|tárgy|"
        "konu|subiect|θέμα|נושא|chủ đề|subjek|主题|主　题|主旨|主題|标题|件名|題名|제목"
    ),
    "to": _any(
        "to|an|à|a|al|para|aan|till|til|vastaanottaja|do|кому|кому:|komu|címzett|kime|către|destinataire|destinatario|"
        "destinatari|προς|אל|đến|kepada|收件人|收件者|收信人|宛先|받는 사람|받는사람"
    ),
    "other": _any(
        "cc|bcc|kopie|copie à|copie|copia|cópia|kopia|kopi|kopio|dw|копия|másolat|bilgi|reply-to|antwort an|répondre à|"
        "responder a|抄送|副本|抄　送|密送|密件副本|参照|참조|priority|importance|wichtigkeit|priorität|重要性|"
        "attachments|anlagen|附件|organization|organisation"
    ),
}
_KIND = {word.replace("\\", "").lower(): kind for kind, words in _LABELS.items() for word in words.split("|")}
_LINE = re.compile(
    r"[>\s|*_]{0,20}(?P<label>(?:" + "|".join(_LABELS.values()) + r"))[\s*_]{0,5}(?:[:：]|\|)[\s*_]{0,5}(?P<value>.*)",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"^(?:>[ \t]?)+")
_MAILTO = re.compile(
    r"[\[(<]\s?mailto:\s?([^\s\])>]+@[^\s\])>]+)\s?[\])>]|<([^\s<>]+@[^\s<>]+?)(?:<mailto:[^>]*>)?>", re.I
)
_BARE = re.compile(r"[^\s<>()\[\]\"',;:，；|]+@[^\s<>()\[\]\"',;:，；|]+\.[^\s<>()\[\]\"',;:，；|.]+")
_LONGEST = 200_000
_MOST_LINES = 4_000
_BLOCK_LINES = 14


def in_text(text: str, zone: tzinfo = UTC) -> Forwarded | None:
    """The first forwarded mail in a plain *text*; times without a zone are in *zone*."""
    lines = text[:_LONGEST].replace("\u00a0", " ").splitlines()[:_MOST_LINES]
    for at, line in enumerate(lines):
        found = _field(line)
        if found is None or found[0] == "other":
            continue
        block = _block(lines, at)
        if block is None:
            continue
        fields, end = block
        sender = _address(fields["from"])
        if sender is None:
            continue
        return Forwarded(
            sender=sender,
            to=_addresses(fields.get("to", "")),
            subject=" ".join(fields.get("subject", "").split()),
            date=date(fields.get("date", ""), zone),
            text=_unquoted(lines[end:], line.lstrip()[:1] == ">"),
        )
    return None


def _field(line: str) -> tuple[str, str] | None:
    if ":" not in line[:60] and "：" not in line[:60] and "|" not in line[:60]:
        return None
    match = _LINE.match(line)
    if match is None:
        return None
    return _KIND[match["label"].lower()], match["value"].strip(" \t*_|\u00a0")


def _block(lines: list[str], at: int) -> tuple[dict[str, str], int] | None:
    """The header lines from *at* by their meaning, and where they end: a sender and at least one more of date, subject
    and recipient. Other programs leave blank lines between them, and long values go on in the next line."""
    fields: dict[str, str] = {}
    last = ""
    end = at
    for number in range(at, min(len(lines), at + _BLOCK_LINES)):
        line = lines[number]
        found = _field(line)
        if found is not None and found[0] not in fields:
            last = found[0]
            fields[last] = found[1]
        elif found is not None and found[0] == "other":
            last = "other"
        elif not line.strip(" \t>|-\u00a0"):
            follows = _field(lines[number + 1]) if number + 1 < len(lines) else None
            if follows is None or follows[0] in fields:
                break
            continue
        elif last in ("to", "subject", "other", "from") and len(line) < 1_000 and found is None:
            if not fields.get(last) or line[:1] in " \t" or fields[last].rstrip().endswith((",", ";", "<")):
                fields[last] = f"{fields.get(last, '')} {_QUOTED.sub('', line).strip()}"
            else:
                break
        else:
            break
        end = number + 1
    if "from" not in fields or not fields.keys() & {"date", "subject", "to"}:
        return None
    return fields, end


def _address(value: str) -> Address | None:
    """`Ada <ada@example.org>`, `Ada [mailto:ada@example.org]`, `"Ada"<ada@example.org>;`, `ada@example.org`."""
    value = value[:2_000]
    marked = _MAILTO.search(value)
    if marked:
        spec = marked[1] or marked[2]
        name = value[: marked.start()].strip(" \t\"'<;,*")
        return Address("" if name == spec else name, spec)
    bare = _BARE.search(value)
    if bare is None:
        return None
    return Address((value[: bare.start()] + value[bare.end() :]).strip(" \t\"'<>()[];,，；*|"), bare[0])


def _addresses(value: str) -> tuple[Address, ...]:
    found = (_address(each) for each in re.split(r"[;；]|,(?=[^,]*@)", value[:20_000])[:200])
    return tuple(each for each in found if each is not None)


def _unquoted(lines: list[str], quoted: bool) -> str:
    if quoted:
        lines = [_QUOTED.sub("", line) for line in lines]
    return "\n".join(lines).strip("\n")


# --- dates as programs write them for people --------------------------------------------------------------------

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan janv ene gen янв sty led ιαν oca",
            "feb febr févr fév feb фев lut úno φεβ şub",
            "mar mär mars mrt maa мар bře μαρ márc",
            "apr avr abr апр kwi dub απρ nis huh ápr",
            "may mai mei maj mag май мая kvě μαΐ touk máj",
            "jun juin giu июн cze čvn ιου haz kes jún",
            "jul juil lug июл lip čvc ιουλ tem hein júl",
            "aug août ago авг sie srp αυγ ağu elo",
            "sep set sept сен wrz zář σεπ eyl syys szept",
            "oct okt out ott окт paź říj οκτ eki loka",
            "nov ноя lis νοε kas marr",
            "dec dez déc dic дек gru pro δεκ ara joulu",
        ),
        1,
    )
    for name in names.split()
}
_CLOCK = re.compile(
    r"(?P<before>上午|下午|晚上|中午|凌晨|早上|午前|午後|오전|오후)?\s?(?P<hour>\d{1,2})\s?[:.hH时時：시]\s?(?P<minute>\d{2})"
    r"(?:[:.]\d{2})?\s?(?P<after>[ap]\.?\s?m\b)?",
    re.IGNORECASE,
)
_YEAR_FIRST = re.compile(r"(\d{4})\s?(?:[-/.年년])\s?(\d{1,2})\s?(?:[-/.月월])\s?(\d{1,2})")
_NUMBERS = re.compile(r"\b(\d{1,2})([./-])\s?(\d{1,2})\2\s?(\d{4})\b")
_DAY_MONTH = re.compile(
    r"\b(\d{1,2})(?:\.|er|º|-|th|st|nd|rd)?\s?(?:de\s|d')?\s?([^\W\d_]{3,12})\.?,?(?:\s|-|de\s|del\s){0,3}(\d{4})", re.I
)
_MONTH_DAY = re.compile(r"\b([^\W\d_]{3,12})\.?\s(\d{1,2})(?:th|st|nd|rd)?,?\s(?:[^\d]{0,4})?(\d{4})", re.I)
_OFFSET = re.compile(r"(?:(?:GMT|UTC)\s?)?([+-])(\d{1,2}):?(\d{2})?\b|\b(?:GMT|UTC|Z)\b")
_AFTERNOON = frozenset(("下午", "晚上", "午後", "오후", "中午"))


def date(value: str, zone: tzinfo = UTC) -> datetime | None:
    """The moment in a date that was written for people, in UTC; without a zone of its own it is in *zone*. Of
    `3/4/2026` nobody knows which is the month: the day is taken first unless an English clock follows (`10:00 AM`)."""
    value = value[:200]
    if re.match(r"\s*(?:[A-Za-z]{3},?\s)?\d{1,2} [A-Za-z]{3} \d{4} \d\d?:\d\d(?::\d\d)? [+-]\d{4}", value):
        return headers.date(value)
    day = _day(value)
    if day is None:
        return None
    clock = _CLOCK.search(value, day[1])
    if clock is None and (early := _CLOCK.search(value)) and early.end() <= day[2]:
        clock = early
    hour, minute = (int(clock["hour"]), int(clock["minute"])) if clock else (0, 0)
    if clock and hour < 12 and (clock["before"] in _AFTERNOON or (clock["after"] or "").lower().startswith("p")):
        hour += 12
    elif (
        clock and hour == 12 and ((clock["after"] or "").lower().startswith("a") or clock["before"] in ("上午", "凌晨"))
    ):
        hour = 0
    offset = _OFFSET.search(value, clock.end()) if clock else None
    try:
        if offset:
            zone = _offset(offset)
        return datetime(*day[0], hour, minute, tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _day(value: str) -> tuple[tuple[int, int, int], int, int] | None:
    """Year, month and day, where they end and where they begin."""
    if found := _YEAR_FIRST.search(value):
        return (int(found[1]), int(found[2]), int(found[3])), found.end(), found.start()
    for pattern, day, month in ((_DAY_MONTH, 1, 2), (_MONTH_DAY, 2, 1)):
        for found in pattern.finditer(value):
            number = _month(found[month])
            if number:
                return (int(found[3]), number, int(found[day])), found.end(), found.start()
    if found := _NUMBERS.search(value):
        first, second = int(found[1]), int(found[3])
        american = found[2] == "/" and first <= 12 and re.search(r"\d\s?[ap]\.?m", value, re.IGNORECASE) is not None
        day, month = (second, first) if american or second > 12 else (first, second)
        return (int(found[4]), month, day), found.end(), found.start()
    return None


def _month(name: str) -> int | None:
    name = name.lower()
    return next(
        (_MONTHS[name[:length]] for length in range(min(8, len(name)), 2, -1) if name[:length] in _MONTHS), None
    )


def _offset(found: re.Match[str]) -> tzinfo:
    if not found[1]:
        return UTC
    shift = timedelta(hours=int(found[2]), minutes=int(found[3] or 0))
    return timezone(-shift if found[1] == "-" else shift)


_ZONE = re.compile(r"([+-])(\d\d)(\d\d)\b")


def _zone(written: str) -> tzinfo:
    """The zone of a Date header (RFC 5322 section 3.3)."""
    found = _ZONE.search(written[:200])
    if found is None or int(found[2]) > 14:
        return UTC
    shift = timedelta(hours=int(found[2]), minutes=int(found[3]))
    return timezone(-shift if found[1] == "-" else shift)
