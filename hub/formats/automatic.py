"""What a machine sent is told from what a person wrote, and what the hub does so that machines do not write to each
other for ever (RFC 3834, RFC 2919, RFC 2369, and what programs do beside them)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:  # `mail` asks `kind` while it parses
    from hub.formats.mail import Mail

LOOP_HEADER = "X-Hub-Loop"
"""Every mail that leaves the hub carries it, with the hub's own marker as its value."""

Automatic = Literal["auto-replied", "auto-generated", "auto-notified"]
"""Why the hub sends a mail that nobody wrote (RFC 3834 section 5, RFC 5436 section 2.7.1)."""


# --- who sent it ------------------------------------------------------------------------------------------------

_LONGEST = 2_000
"""Characters of a field that are looked at, so that no header can be made to take long."""

_DAEMON = re.compile(
    r"mailer[-_]?daemon|mail[-_]daemon|post_master@|\bmdaemon@|mail[ ._]deliver(?:y|er)[ ._](?:sub)?system",
    re.IGNORECASE,
)
_NOBODY = r"(?:[\w.+-]*[._-])?(?:no|do-?not|dont|never)[._-]?(?:reply|respond|answer)(?:[._+-][\w.+-]*)?"
_NO_REPLY = re.compile(rf"(?:^|[\s<\"]){_NOBODY}@", re.IGNORECASE)
# A person may sit at these: they count only beside another sign.
_MACHINE_LIKE = re.compile(
    rf"(?:^|[\s<\"])(?:postmaster|sysadmin|system[ .]administrator\"?|mail-?admin|system|notifier|ndr"
    rf"|[\w.-]{{0,60}}smtp[\w.-]{{0,60}}|{_NOBODY})@",
    re.IGNORECASE,
)
_EMPTY_PATH = re.compile(r"\s*<\s*>\s*")
_TOKEN = re.compile(r"[a-z][a-z0-9_-]*", re.IGNORECASE)

# How mail servers begin the subject of what they return, and parcel services do not. "Re:" before it is a person's.
_RETURNED = re.compile(
    r"""\W{0,20}(?:permanent\ |temporary\ )?(?:
      undeliver(?:able|ed)\b(?!\ (?:parcel|package|order|item|shipment)) | non-?delivery\ (?:report|notification|of)
    | (?:mail|message|e-?mail)\ (?:delivery|system)\ (?:has\ )?(?:fail|error|delay|status|problem)
    | (?:mail|message|e-?mail)\ (?:could\ not\ be|not|was\ not)\ (?:sent|delivered)
    | unable\ to\ deliver\ (?:your\ )?(?:mail|message|e-?mail) | delivery\ notification:\ delivery
    | delivery\ (?:status\ notification|has\ failed|fail(?:ed|ure))\b(?!\ (?:for|of)\ (?:your\ )?(?:order|parcel))
    | returned\ (?:mail|e-?mail)\b | failure\ notice\b | fail(?:ed|ure)\ (?:delivery|notice)
    | fail(?:ed|ure)\ to\ deliver\ (?:mail|message) | notice:\ mail\ delivery
    | there\ was\ an\ error\ sending\ your | (?:postmaster|mail)\ (?:notify|warning):
    | warning:\ (?:could\ not\ send|message) | delayed\ mail\b | message\ you\ sent\ blocked
    | \[?postmaster\]?\ email\ delivery
    | unzustellbar | (?:e-?mail|nachricht)\ nicht\ zustellbar | nicht\ zugestellt: | mail\ konnte\ nicht
    | (?:échec|echec)\ (?:de\ (?:la\ )?remise|d['’]envoi) | non\ remis | message\ non\ distribu
    | no\ se\ (?:puede|pudo|ha\ podido)\ entregar | no\ entregado | mensaje\ no\ entregado
    | mancata\ (?:consegna|recapito) | impossibile\ recapitare | não\ (?:foi\ )?(?:entregue|possível\ entregar)
    | onbestelbaar | niet[ -]bezorgd | niedostarczon | nedoručiteln | kan\ inte\ levereras
    | недоставленное | сообщение\ не\ доставлено | ваше\ сообщение\ не\ доставлено
    | メールエラー | (?:メール|メッセージ).{0,12}(?:配送|配信)(?:でき|不能|エラー)
    | 配信(?:不能|エラー) | 送信(?:エラー|できませんでした)
    | (?:来自|來自).{1,80}的退信 | 退信 | 系统退信 | 系統退信
    | 无法投递 | 無法(?:投遞|傳遞|寄達) | 投递失败 | (?:未送达|无法送达|未傳遞)[:：]
    | 배달되지\ 않음 | 반송
    )""",
    re.IGNORECASE | re.VERBOSE,
)

# What only programs put before a colon, and what people write too: the second needs another sign.
_REPLY_LABEL = re.compile(
    r"""\s*[\[(【]?(?:
      (?:out\ of\ (?:the\ )?office\ )?auto(?:matic|mated)?[ -]?(?:reply|response|responder|answer)
    | automatische\ antwort | automatisch\ antwoord
    | réponse\ automatique | respuesta\ automática | risposta\ automatica | resposta\ automática
    | automatiskt?\ svar | autosvar | automaattinen\ vastaus | odpowiedź\ automatyczna | autoodpowiedź
    | automatická\ odpověď | automatikus\ válasz | răspuns\ automat | автоответ(?:чик)? | автоматический\ ответ
    | автоматична\ відповідь | otomatik\ yanıt | αυτόματη\ απάντηση | trả\ lời\ tự\ động | תשובה\ אוטומטית | رد\ تلقائي
    | 自动(?:回复|答复|应答) | 自動(?:回覆|回復|答覆|応答|返信|回信) | 자동\ ?(?:회신|응답|답장)
    )[\])】]?\s*(?P<colon>[:：]|$|(?<=[\])】]))""",
    re.IGNORECASE | re.VERBOSE,
)
_AWAY = re.compile(
    r"""\s*[\[(【]?(?:
      out\ of\ (?:the\ )?office(?:\ (?:reply|notification|message|notice))? | \[?auto\]?(?=[\]:])
    | away\ from\ (?:my\ )?(?:mail|desk|the\ office) | (?:on\ )?vacation(?:\ (?:reply|message|notice))? | on\ leave
    | abwesenheit(?:snotiz|sbenachrichtigung|snachricht|smeldung|sassistent)? | abwesend | nicht\ im\ (?:büro|haus)
    | absence(?:\ du\ bureau)? | absent(?:e)?\ du\ bureau | message\ d['’]absence
    | fuera\ de\ (?:la\ )?oficina | ausente
    | fuori\ (?:sede|ufficio) | assenza | fora\ do\ escritório | ausência | afwezig(?:heid)? | niet\ aanwezig
    | frånvaro | fravær | ikke\ (?:til\ stede|på\ kontoret) | poissa(?:\ toimistosta)? | nieobecność | poza\ biurem
    | mimo\ kancelář | nepřítomnost | нет\ на\ (?:работе|месте) | вне\ офиса | ofis\ dışında | εκτός\ γραφείου
    | 不在(?:通知|のお知らせ|届)? | 休暇 | 外出中 | 不在办公室 | 不在辦公室 | 休假(?:通知|中)? | 부재\ ?중
    )[\])】]?\s*(?:[:：]|$|(?<=[\])】]))""",
    re.IGNORECASE | re.VERBOSE,
)


def kind(media_type: str, first: Mapping[str, str], subject: str) -> str | None:
    """Why no person sent a mail: `report`, `auto-replied`, `auto-generated`, `auto-notified`, `list` or `bulk`; None
    where one did. *first* holds the mail's own fields, names in lower case; *subject* is decoded."""
    said = first.get
    sender, path, subject = said("from", "")[:_LONGEST], said("return-path", "")[:_LONGEST], subject[:_LONGEST]
    token = _TOKEN.match(said("auto-submitted", "").strip())
    submitted = token[0].lower() if token else ""
    precedence = said("precedence", "").strip().lower().replace("-", "_")
    if media_type == "multipart/report" or said("x-failed-recipients") or _DAEMON.search(sender + " " + path):
        return "report"
    nobody = bool(path) and bool(_EMPTY_PATH.fullmatch(path))
    told = nobody or (bool(submitted) and submitted != "no")
    if _RETURNED.match(subject) and (told or _MACHINE_LIKE.search(sender)):
        return "report"
    if submitted == "no":
        # A program that knows RFC 3834 says that a person wrote it: no guess of ours beats that.
        return _distributed(first, precedence)
    if submitted:
        return submitted if submitted in ("auto-replied", "auto-notified") else "auto-generated"
    if precedence == "auto_reply" or _answers_by_itself(first):
        return "auto-replied"
    if _reply_subject(subject, nobody or precedence in ("bulk", "junk") or _reacts(first)):
        return "auto-replied"
    distributed = _distributed(first, precedence)
    if distributed:
        return distributed
    if nobody or said("x-cron-env") or _said(first, "x-fc-machinegenerated") or _NO_REPLY.search(sender):
        return "auto-generated"
    return None


# Set by vacation programs and hosting panels; the last two by Postfix's and Tobit's.
_ANSWERERS = ("x-autoreply", "x-autorespond", "x-auto-reply", "x-autoreply-from", "x-mail-autoreply", "x-vacation")


def _answers_by_itself(first: Mapping[str, str]) -> bool:
    if any(_said(first, name) for name in _ANSWERERS):
        return True
    said = first.get
    return (
        said("x-autogenerated", "").strip().lower() in ("reply", "group")
        or "autoresponder" in said("x-post-messageclass", "").lower()
        or said("delivered-to", "").strip().lower() == "autoresponder"
    )


def _said(first: Mapping[str, str], name: str) -> bool:
    return first.get(name, "").strip().lower() not in ("", "no", "false", "0")


def _reacts(first: Mapping[str, str]) -> bool:
    """The mail answers another, or forbids answers to itself: beside a subject that says so, a program's."""
    return any(first.get(name) for name in ("in-reply-to", "references", "x-auto-response-suppress"))


def _reply_subject(subject: str, sign: bool) -> bool:
    label = _REPLY_LABEL.match(subject)
    if label:
        return sign or (label["colon"] in (":", "：") and not subject.rstrip().endswith(("?", "？")))
    return sign and bool(_AWAY.match(subject))


def _distributed(first: Mapping[str, str], precedence: str) -> str | None:
    said = first.get
    if precedence == "list" or said("list-id") or said("list-post") or said("mailing-list"):
        return "list"
    if precedence in ("bulk", "junk") or said("list-unsubscribe"):
        return "bulk"
    return None


# --- whether it may be answered by itself -----------------------------------------------------------------------

_NEVER_ANSWERED = re.compile(
    rf"""(?:mailer[-_]?daemon|mail[-_]daemon|daemon|post_?master|hostmaster|webmaster|abuse|root|nobody|www-data|apache
    |listserv|list-?server|majordomo|mailman|sympa|ezmlm|newsletters?|news|notif(?:y|ications?|ier)|alerts?|bounces?
    |auto(?:mat(?:ic|ed))?[._-]?(?:reply|mail|confirm|responder)|unsubscribe|.*[-_+.](?:request|errors?|outgoing)
    |owner-.*|(?:.*[-_+.])?bounces?(?:[-+._].*)?
    |{_NOBODY})""",
    re.IGNORECASE | re.VERBOSE,
)
# A forwarder rewrote the path of whoever sent it (SRS); Exchange Online writes "bounces+SRS=" for that.
_REWRITTEN = re.compile(r"srs[01]?[=+-]", re.IGNORECASE)
_SUPPRESSED = frozenset(("all", "oof", "autoreply"))


def may_be_answered(mail: Mail) -> bool:
    """Whether an automatic answer to *mail* may be sent (RFC 3834 section 2): only to what a person wrote, from an
    address that a person reads, and that no header asks to leave alone. How often is not asked here, nor whether it
    was ourselves: see `loops`."""
    if mail.automatic is not None or len(mail.sender) != 1:
        return False
    for address in (*mail.sender, *mail.reply_to):
        local, at, domain = address.address.rpartition("@")
        if not at or not domain or len(local) > _LONGEST or _NEVER_ANSWERED.fullmatch(local):
            return False
    for name, value in mail.headers:
        if name == "return-path":
            path = value[:_LONGEST].strip().strip("<>").strip()
            local = path.rpartition("@")[0] or path
            if not local or (_NEVER_ANSWERED.fullmatch(local) and not _REWRITTEN.search(local)):
                return False
        elif name == "x-auto-response-suppress":
            # MS-OXCMAIL 2.2.3.2.14. "DR, NDR, RN, NRN" ask only that no report be sent.
            if _SUPPRESSED & {each.strip().lower() for each in value.split(",")}:
                return False
        elif name == "x-loop" or name.startswith("list-"):
            return False
    return True


# --- what the hub sends -----------------------------------------------------------------------------------------


def outgoing(ours: str, why: Automatic | None = None) -> tuple[tuple[str, str], ...]:
    """The fields that a mail of ours must carry: *ours* is the hub's marker, one for each deployment, in ASCII and
    without blanks. *why* is None for what a person wrote here; otherwise the mail says that nobody did, and asks
    Exchange to send no answer either (MS-OXCMAIL 2.2.3.2.14)."""
    if not ours or not ours.isascii() or not ours.isprintable() or " " in ours:
        raise ValueError("the marker must be ASCII without blanks")
    if why is None:
        return ((LOOP_HEADER, ours),)
    return ((LOOP_HEADER, ours), ("Auto-Submitted", why), ("X-Auto-Response-Suppress", "All"))


def loops(headers: Iterable[tuple[str, str]], ours: str) -> bool:
    """Whether we ourselves sent this mail and it comes back: forwarded to us, or notified by us about itself.
    *headers* are names and values as `Mail.headers` has them, *ours* is the marker given to `outgoing`. What another
    hub sent has another marker; what somebody answers or bounces has none."""
    name = LOOP_HEADER.lower()
    return any(each.lower() == name and value.strip() == ours for each, value in headers)
