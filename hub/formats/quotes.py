"""Which part of a mail's text is new, which is quoted, which is a signature.

Nothing is thrown away: the segments put together are the text. What is not new is folded on the page, so a wrong guess
costs a click.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

Kind = Literal["new", "quote", "signature"]


@dataclass(frozen=True, slots=True)
class Segment:
    """Lines of one kind that stand together, with their line ends."""

    kind: Kind
    text: str


def _any(words: str) -> str:
    return "|".join(re.escape(word.strip()) for word in words.split("|"))


_LONGEST_ATTRIBUTION = 300
_ATTRIBUTION_LINES = 4
# "---- 在 …，… 写道： ----", of NetEase's app.
_RULED = re.compile(r"-{3,10}\s?([^-].{0,280}?)\s?-{3,10}")
_HEADER_LINES = 8
_MOST_LINES = 20_000

_WROTE = _any(
    "wrote|a écrit|schrieb|geschrieben|escribió|escreveu|ha scritto|scrisse|schreef|skrev|napisał|napisał(a)|napisała|"
    "napísal|napsal|kirjoitti|написал|написала|написал(а)|пишет|пише|написав|írta|yazdı|a scris|έγραψε|"
    "写道|寫道|写到|书写|作成|書きました|のメール|작성|님이 씀"
)
_MONTHS = _any(
    "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mai|juni|okt|dez|janv|févr|mars|avr|juin|juil|août|déc|ene|abr|"
    "ago|dic|gen|mag|giu|lug|set|ott|янв|фев|мар|апр|мая|июн|июл|авг|сен|окт|ноя|дек"
)
_WHEN = re.compile(rf"\d{{1,2}}[:.h]\d\d|\b(?:19|20)\d\d\b|(?:{_MONTHS})\w*\.? \d|\d\.? (?:{_MONTHS})", re.IGNORECASE)
_BEGINS_WITH_WORD = re.compile(r"(?:On|At|Le|Am|El|Il|Em|Op|Den|På|W dniu|Dnia|Dňa|Dne|Στις|Vào)\b")
_BEGINS = re.compile(rf"{_BEGINS_WITH_WORD.pattern}|[^<@]{{0,30}}\d|在|于|於")
_VERB = re.compile(rf"(?:^|[\s)>,\d\"'日])(?:{_WROTE})(?=$|[\s:：(])", re.IGNORECASE)
_MAILBOX = re.compile(r"[<(\[]?\s?(?:mailto:)?[^\s<>()@]+@[^\s<>()@]+\.[^\s<>()@]+\s?[>)\]]?")
_VERBS = tuple(verb.replace("\\", "") for verb in _WROTE.split("|"))

_ORIGINAL = re.compile(
    r"\s*[-_=*—]{2,}\s*(?:"
    + _any(
        "original message|original-nachricht|originalnachricht|ursprüngliche nachricht|weitergeleitete nachricht|"
        "message d'origine|message original|message d’origine|message initial|message transféré|mensaje original|"
        "mensaje reenviado|messaggio originale|messaggio inoltrato|mensagem original|mensagem encaminhada|"
        "oorspronkelijk bericht|doorgestuurd bericht|ursprungligt meddelande|ursprungsmeddelande|opprinnelig melding|"
        "oprindelig besked|oprindelig meddelelse|videresendt besked|alkuperäinen viesti|välitetty viesti|"
        "wiadomość oryginalna|oryginalna wiadomość|пересылаемое сообщение|исходное сообщение|původní zpráva|"
        "eredeti üzenet|orijinal mesaj|forwarded message|begin forwarded message|reply message|原始邮件|原始郵件|"
        "邮件原件|原邮件|转发邮件|转发的邮件|轉寄郵件|轉寄的郵件|回复的原邮件|回覆的原郵件|元のメッセージ|"
        "オリジナル メッセージ|オリジナルメッセージ|転送されたメッセージ|원본 메시지|원본 메일|original|"
        "回复邮件|回覆郵件|转发邮件信息|轉寄郵件資訊|回复原邮件|转发的原邮件"
    )
    + r")\s*[-_=*—:]{0,}.{0,40}$",
    re.IGNORECASE,
)
_FORWARD_BEGINS = re.compile(
    r"(?:Begin forwarded message|Anfang der weitergeleiteten Nachricht|Début du message réexpédié)\s?:$"
)
_FROM = _any(
    "from|von|de|da|van|od|från|fra|lähettäjä|от|от кого|kimden|feladó|expéditeur|发件人|寄件者|寄件人|差出人|送信者|"
    "보낸 사람|보낸사람"
)
_OTHER = _any(
    "sent|date|to|cc|subject|reply-to|gesendet|datum|an|betreff|kopie|envoyé|message du|à|a|objet|sujet|copie à|"
    "enviado|enviado el|fecha|para|asunto|data|assunto|inviato|oggetto|verzonden|aan|onderwerp|skickat|till|ämne|sendt|"
    "til|emne|lähetetty|vastaanottaja|aihe|wysłano|do|temat|отправлено|дата|кому|тема|odesláno|komu|předmět|küldve|"
    "címzett|tárgy|gönderildi|kime|konu|"
    "发送时间|时间|日期|收件人|抄送|主题|傳送日期|寄件日期|發送時間|收件者|副本|主旨|主題|"
    "送信日時|日時|宛先|件名|보낸 날짜|날짜|받는 사람|받는사람|참조|제목"
)
_HEADER_FROM = re.compile(rf"\s*\*{{0,2}}(?:{_FROM})\*{{0,2}}\s?[:：]", re.IGNORECASE)
_HEADER_OTHER = re.compile(rf"\s*\*{{0,2}}(?:{_OTHER})\*{{0,2}}\s?[:：]", re.IGNORECASE)
_RULE = re.compile(r"\s*(?:[_=—*]{3,}|-{5,})\s*$")

_DASHES = re.compile(r"(?:--|__)$")
_CLOSING = re.compile(
    r"(?:(?:(?:with )?(?:best|kind|warm|warmest|kindest)\s)?regards|mit freundlichen gr(?:ü|ue)(?:ß|ss)en|"
    r"(?:viele|beste|liebe) gr(?:ü|ue)(?:ß|ss)e|cordialement|bien cordialement|saludos(?: cordiales)?|un saludo|"
    r"cordiali saluti|distinti saluti|met vriendelijke groet(?:en)?|med vänliga hälsningar|vennlig hilsen|"
    r"med venlig hilsen|ystävällisin terveisin|"
    r"pozdrawiam|с уважением|atenciosamente|此致|此致敬[礼禮]|"
    r"(?:[顺順此即敬谨謹]\s?)?[祝颂頌]\s?.{0,8}(?:[祺安好绥綏]|[顺順]利|愉快))[\s,.!，。！]*$",
    re.IGNORECASE,
)
_LONGEST_CLOSING = 36
_LONG_RULE = re.compile(r"-{6,60}$")
_CHINESE = re.compile("[\u4e00-\u9fff]")
_SIGNATURE_LINES = 8
_SIGNATURE_LINE = 70
_DEVICE = re.compile(
    r"\s{0,8}(?:"
    r"Sent (?:from|via|with|using) \S|Get Outlook for |Gesendet (?:von|mit|über) |Von meinem .{1,40} gesendet|"
    r"Diese Nachricht wurde von meinem |Envoyé (?:à partir d|depuis |de mon |avec )|"
    r"Enviado (?:desde |do |de |a partir d)|"
    r"Inviato da |Verzonden (?:vanaf |met |via )|Verstuurd vanaf |Skickat från |Sendt fra |Lähetetty |"
    r"Wysłan[eoy] z |Отправлено (?:с |из |от )|Odesláno z |Küldve |iPhone'?umdan gönderildi|"
    r"(?:发自|發自|寄自|来自|來自|发送自|傳送自)\s?(?:我的|QQ|企业微信|企業微信|网易|網易|飞书|飛書|钉钉|釘釘|阿里|新浪|"
    r"Foxmail|Outlook|iPhone|iPad|Android|Windows|Mac|华为|小米)|(?:获取|取得|下载|下載).{0,12}Outlook|"
    r"由\s?.{2,20}\s?(?:发出|發出|寄出)$|签名由.{2,20}定制$|"
    r"(?:从|從).{1,20}(?:发送|發送|傳送|寄出)|.{1,20}から送信|"
    r"나의 .{1,20}에서 보냄"
    r").{0,80}$",
    re.IGNORECASE,
)


def fold(text: str) -> tuple[Segment, ...]:
    """*text* in segments; put together they are *text* again, byte for byte. No text, no segments."""
    lines = text.splitlines(keepends=True)
    kinds = _kinds([line.strip() for line in lines[:_MOST_LINES]])
    kinds += kinds[-1:] * (len(lines) - len(kinds))
    return tuple(
        Segment(kind, "".join(line for _, line in group))
        for kind, group in groupby(zip(kinds, lines, strict=True), key=lambda pair: pair[0])
    )


def new_text(text: str) -> str:
    """What the sender wrote herself; where there is nothing of the kind (a mail that only forwards), the whole text."""
    new = "\n".join(segment.text.strip("\r\n") for segment in fold(text) if segment.kind == "new").strip()
    return new or text.strip()


def _kinds(lines: Sequence[str]) -> list[Kind]:
    """The kind of each line; *lines* are stripped. A blank line goes with the one before it."""
    kinds: list[Kind] = ["new"] * len(lines)
    current: Kind = "new"
    armoured = -1  # the last line of a PGP block
    for at, line in enumerate(lines):
        if at <= armoured:
            continue
        if line.startswith(_ARMOUR):
            armoured = _armour_ends(lines, at)
            kinds[at : armoured + 1] = ["signature"] * (armoured + 1 - at)
            continue
        if not line:
            kinds[at] = kinds[at - 1] if at else "new"
            continue
        if line[0] == ">":
            kinds[at], current = "quote", "new"
            continue
        if _opens_quote(lines, at):
            rule = _with_rule(lines, at)
            kinds[rule:] = ["quote"] * (len(lines) - rule)
            break
        begin = _attribution(lines, at)
        if begin is not None:
            if not _quoted_follows(lines, at):
                kinds[begin:] = ["quote"] * (len(lines) - begin)
                break
            kinds[begin : at + 1] = ["quote"] * (at + 1 - begin)
            current = "new"
            continue
        if current == "new" and (not at or not lines[at - 1]) and _DEVICE.match(line):
            # A phone signs above what it quotes, and often quotes without a mark.
            kinds[at] = "signature"
            current = "new" if _marked_quote_follows(lines, at) else "quote"
            continue
        if current == "new" and _begins_signature(lines, at):
            current = "signature"
        kinds[at] = current
    return kinds


_ARMOUR = ("-----BEGIN PGP SIGNED MESSAGE-----", "-----BEGIN PGP SIGNATURE-----")
_LONGEST_ARMOUR = 200


def _armour_ends(lines: Sequence[str], at: int) -> int:
    """The last line of the head of a signed text, or of its signature (RFC 9580 section 7)."""
    last = "" if lines[at] == _ARMOUR[0] else "-----END PGP SIGNATURE-----"
    for later in range(at + 1, min(len(lines), at + _LONGEST_ARMOUR)):
        if lines[later] == last:
            return later
    return at


def _opens_quote(lines: Sequence[str], at: int) -> bool:
    """Whether everything from here on is another mail: a "original message" line, or a header block."""
    line = lines[at]
    if line[0] in "-_=*—" and _ORIGINAL.match(line):
        return True
    if line[-1] == ":" and _FORWARD_BEGINS.match(line):
        return True
    label = line[:24]
    if (":" not in label and "：" not in label) or not (_HEADER_FROM.match(line) or _HEADER_OTHER.match(line)):
        return False
    block: list[str] = []
    for other in lines[at : at + _HEADER_LINES]:
        if not other and block:
            break
        block.append(other)
    senders = sum(1 for other in block if _HEADER_FROM.match(other))
    others = sum(1 for other in block if _HEADER_OTHER.match(other))
    return bool(senders) and others + senders >= 3


def _with_rule(lines: Sequence[str], at: int) -> int:
    """The line above a quote that separates it, if there is one."""
    above = at - 1
    while above >= 0 and not lines[above]:
        above -= 1
    return above if above >= 0 and _RULE.match(lines[above]) else at


def _attribution(lines: Sequence[str], at: int) -> int | None:
    """Where "On Monday somebody wrote:" begins, if it ends at line *at*."""
    line = lines[at]
    if len(line) > _LONGEST_ATTRIBUTION:
        return None
    if line[-1] == "-" and (ruled := _RULED.fullmatch(line)):
        line = ruled[1]
    said = line.rstrip(" :：").lower().endswith(_VERBS)
    if not said and line[-1] not in ":：":
        return None
    found: int | None = None
    for begin in range(at, max(-1, at - _ATTRIBUTION_LINES), -1):
        if not lines[begin] or lines[begin][0] == ">":
            break
        text = " ".join(lines[begin : at + 1])
        if len(text) > _LONGEST_ATTRIBUTION:
            break
        if found is not None:
            # "On Nov 21, 2014," above "at 10:18, John Doe wrote:"
            found = begin if _BEGINS_WITH_WORD.match(text) and _WHEN.search(lines[begin]) else found
        elif _BEGINS.match(text) and _WHEN.search(text):
            named = line[-1] in ":：" and (_VERB.search(text) or (line[-2:-1] == ">" and _MAILBOX.search(text)))
            found = begin if said or named else None
    if found is not None:
        return found
    if said and (_quoted_follows(lines, at) or (_MAILBOX.search(line) and line[-1] in ":：")):
        return at
    return None


def _quoted_follows(lines: Sequence[str], at: int) -> bool:
    """Whether the next line that is not blank is marked as quoted."""
    return next((line[0] == ">" for line in lines[at + 1 : at + 4] if line), False)


def _marked_quote_follows(lines: Sequence[str], at: int) -> bool:
    """Whether what comes after the block at *at* says itself where it is quoted."""
    return any(
        line and (line[0] == ">" or _opens_quote(lines, later) or _attribution(lines, later) is not None)
        for later, line in enumerate(lines[at + 1 : at + 12], at + 1)
    )


def _begins_signature(lines: Sequence[str], at: int) -> bool:
    line = lines[at]
    if len(line) > _LONGEST_CLOSING and line[0] != "-":
        return False
    if _DASHES.match(line):
        return True
    # QQ and Foxmail draw a long line above what others put after two dashes.
    ruled = _LONG_RULE.match(line) is not None and _CHINESE.search("".join(lines[at + 1 : at + 3])) is not None
    return (ruled or _CLOSING.match(line) is not None) and _is_short(lines, at)


def _is_short(lines: Sequence[str], at: int) -> bool:
    """Whether what follows a closing is a name and an address, not more of the letter."""
    following = 0
    for later in range(at + 1, len(lines)):
        line = lines[later]
        if not line:
            continue
        if line[0] == ">" or _opens_quote(lines, later) or _attribution(lines, later) is not None:
            break
        following += 1
        if following > _SIGNATURE_LINES or len(line) > _SIGNATURE_LINE:
            return False
    return True
