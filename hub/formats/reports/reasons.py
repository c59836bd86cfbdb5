"""Why a mail was refused: the words of servers and providers, then the codes of RFC 3463 and RFC 5321."""

from __future__ import annotations

import re

from hub.formats.reports.vocabulary import Reason

LONGEST = 4_000
"""Characters of a text that are looked at."""

_WHO = r"(?:user|recipient|mailbox|mail ?box|account|addressee|address|alias|person|member|e-?mail)s?"
_OFF = r"(?:disabled|suspended|frozen|inactive|deactivated|locked|not active|closed)"

# In this order: the first that is found counts. What is said of the sender comes before what is said of "address".
_PHRASES: tuple[tuple[Reason, tuple[str, ...]], ...] = (
    (
        Reason.MAILBOX_FULL,
        (
            r"(?:mailbox|mailfolder|mail folder|inbox|account)(?: for [^ ]+)?(?: is| has| are)?(?: too| now)? full",
            r"over (?:its |the |his |her |their )?(?:disk |storage |mailbox )?quota|overquota",
            r"quota (?:is )?(?:exceeded|full)",
            r"(?:exceed(?:s|ed|ing)?|over) .{0,30}(?:storage|quota|mailbox size)|mailbox (?:has )?exceeded",
            r"(?:not enough|insufficient|out of|no) (?:disk |mailbox |storage )?(?:space|storage)(?! .{0,10}system)",
            r"mailbox size limit|too many messages in (?:the )?mailbox",
            r"postfach (?:ist )?(?:voll|überfüllt)|boîte .{0,20}pleine|buzón .{0,10}lleno|ящик переполнен",
            r"メールボックスが一杯|容量(?:を)?(?:超|オーバー)",
            r"(?:邮箱|信箱|郵箱)(?:空间|空間|容量)?.{0,6}(?:已满|已滿|不足)",
        ),
    ),
    (Reason.LOOP, (r"hop count|too many hops|mail(?:er)? loop|routing loop|loop detected|loops? back to",)),
    (
        Reason.AUTH,
        (
            r"\b(?:dmarc|dkim|spf)\b|dmarcrejection|unauthenticated|not authenticated|sender policy framework",
            r"authentication (?:is )?(?:required|failed|needed)|smtp auth|without authentication|advertise auth",
        ),
    ),
    (
        Reason.RATE_LIMITED,
        (
            r"rate ?limit|frequency (?:is )?limited|throttl|gr[ea]y[- ]?list|too many (?:connections|emails?|mails)",
            r"too many (?:messages|recipients) .{0,20}(?:hour|minute|day|session|sender)",
            r"unusual rate|message rate|sending limit",
            r"receiving (?:mail|messages) (?:too quickly|at a rate)|频率|頻率",
        ),
    ),
    (
        Reason.TOO_BIG,
        (
            r"(?:message|mail|size|file|data) (?:is |was )?too (?:big|large)|too large (?:message|mail)",
            r"(?:message|size) .{0,20}exceed|exceed.{0,40}(?:message size|size limit|maximum size)",
            r"message size limit",
            r"邮件(?:太大|过大)|郵件(?:太大|過大)",
        ),
    ),
    (
        Reason.BLOCKED,
        (
            r"\b[a-z]{0,8}rbl\b|dnsbl|block ?list|black ?list|deny ?list|spamhaus|spamcop|sorbs\b|reputation",
            r"banned (?:sending )?ip|traffic not accepted from this ip|blocked (?:ip|host|using)",
            r"(?:ip|host|server|client) .{0,60}(?:is )?(?:blocked|banned)",
            r"client host .{0,80}rejected|host network not allowed|use the smtp server of your isp|dynamic ip",
            r"reverse (?:dns|hostname)|cannot find your hostname|no ptr\b|service refused",
        ),
    ),
    (
        Reason.POLICY,
        (
            r"sender (?:address )?(?:is |was )?(?:rejected|denied|refused|blocked|unknown|invalid)",
            r"sender (?:address )?(?:is |was )?not (?:accepted|allowed)",
            # GMX of senders without a way back, NetEase of one who is another.
            r"invalid dns mx|must equal authorized user",
            r"sender (?:address )?.{0,40}(?:does not exist|domain not found|verif)",
            r"mail from .{0,80}(?:rejected|refused)",
        ),
    ),
    (
        Reason.SPAM,
        (
            r"\bspam\b|\bube\b|\buce\b|\bdt:spm\b|unsolicited|junk ?mail|bulk e?-?mail filter|spam-like",
            r"垃圾(?:邮件|郵件)|迷惑メール",
        ),
    ),
    (
        Reason.CONTENT,
        (
            r"\bvirus|malware|infected|phishing|prohibited content",
            r"content (?:was |is )?(?:rejected|denied|refused|blocked)",
            r"(?:attachment|file) (?:type |name )?.{0,20}(?:not allowed|blocked|rejected|prohibited|banned)",
            r"(?:missing|invalid|malformed|duplicate) (?:\S+ )?header|not rfc ?\d* ?compliant|message format",
        ),
    ),
    (
        Reason.HOST_UNKNOWN,
        (
            r"(?:host|domain)(?: or domain)?(?: name)?(?: was| is)? (?:not found|unknown|invalid)",
            r"(?:domain|host)(?: name)?(?: \S{1,80})? (?:does(?:n't| not) exist|could(?:n't| not) be found|not found)",
            r"(?:unknown|no such|nonexistent|invalid) (?:host|domain)|unrouteable mail domain|null ?mx",
            r"no mx\b|nxdomain",
            r"does not accept (?:e-?mail|mail)\b|bad destination host|域名不存在|網域不存在",
        ),
    ),
    (
        Reason.SUSPENDED,
        (
            rf"{_WHO}\b[^.;]{{0,40}}\b(?:is|was|been)\b[^.;]{{0,20}}\b{_OFF}|(?:user|mailbox|account) {_OFF}",
            rf"{_OFF} (?:user|recipient|mailbox|account)",
            r"no longer active|has left the (?:company|organi[sz]ation)",
            r"(?:账户|帳戶|账号|帳號).{0,6}(?:停用|冻结|凍結|禁用)",
        ),
    ),
    (
        Reason.UNKNOWN_USER,
        (
            rf"(?:unknown|invalid|no such|bad|non-?existent|illegal|no valid|undeliverable) (?:\S+ )?{_WHO}\b",
            rf"{_WHO}\b.{{0,80}}?\b(?:unknown|invalid|incorrect|no longer|(?:wasn't|couldn't be) found)",
            rf"{_WHO}\b.{{0,80}}?\bnot (?:be found|found|recogni[sz]ed|listed|valid|known)",
            rf"{_WHO}\b.{{0,80}}?\b(?:does|did|do)(?:n't| not) exist",
            r"no mailbox here|no (?:such )?(?:user|mailbox|account|recipient|person|address)\b|unrouteable address",
            r"does(?:n't| not) have an? .{0,80}\baccount|not our customer|addresslookup|recip(?:ient)?notfound",
            # RFC 5321 section 4.2.3, where nothing else is said; Outlook.com of every unknown address.
            r"mailbox unavailable",
            # Exchange Online's edge says this of addresses that its directory does not know.
            r"5\.4\.1 recipient address rejected: access denied",
            r"(?:empfänger|benutzer|adresse|postfach).{0,40}(?:unbekannt|nicht gefunden|existiert nicht|ungültig)",
            r"destinataire .{0,30}(?:invalide|inconnu)|utilisateur inconnu|usuario (?:desconocido|no existe)",
            r"(?:пользователь|ящик|адрес).{0,20}(?:не найден|не существует)|нет такого пользователя",
            r"(?:用户|用戶|收件人|帐户|帳戶|账号|邮箱|信箱|地址)(?:地址)?.{0,6}(?:不存在|无效|無效|找不到)",
            r"(?:宛先|ユーザ).{0,12}(?:存在しません|見つかりません|不明)",
        ),
    ),
    (
        Reason.FILTERED,
        (
            r"domain filter|rejected by (?:the )?recipient",
            r"(?:recipient|user) .{0,30}(?:refused|rejects|has restricted)",
            r"> has restricted|only accepts? (?:mail|messages) from|not accepting (?:mail|messages) from",
            # EZweb (au), for mails that a subscriber's domain filter keeps out.
            r"each of the following recipients was rejected by a remote mail server",
        ),
    ),
    (
        Reason.EXPIRED,
        (
            r"(?:delivery time|message|mail|queue) (?:has )?expired|retry time(?:out)? (?:not reached|exceeded)",
            r"(?:cannot|could not) (?:send|be sent|be delivered|deliver).{0,30} for (?:more than )?\d+ (?:day|hour)",
            r"has been in the queue too long|gave up|giving up|undelivered for \d+",
            r"(?:aborted|collected) after [\d.]+ (?:day|hour)|failed \d+ attempts",
        ),
    ),
    (
        Reason.NETWORK,
        (
            r"connection (?:was |is )?(?:timed out|timeout|refused|reset|lost|dropped|closed|failed)|timed? ?out",
            r"no route|unreachable|(?:could not|cannot|unable to|can't) (?:connect|contact)|lost connection",
            r"not responding",
            r"dns (?:lookup |query )?(?:fail|error|time)|name service error",
            r"(?:tls|ssl) (?:handshake|negotiation|is required)",
        ),
    ),
    (
        Reason.SYSTEM,
        (
            r"internal (?:server )?error",
            r"(?:system|server|upstream|configuration|local|database|lookup) (?:error|failure)",
            r"temporar(?:y|ily) .{0,20}(?:failure|error|unavailable|deferred|problem)|service (?:is )?unavailable",
            r"system storage|system resources|out of memory|disk (?:is )?full|input/output|server (?:is )?busy",
        ),
    ),
    (
        Reason.POLICY,
        (
            r"\bpolic(?:y|ies)\b|access denied|permission|relay(?:ing)? (?:access )?(?:denied|not|prohibited)",
            r"not (?:permitted|allowed|authori[sz]ed|accepted)",
            r"administrative(?:ly)? (?:prohibit|reject|deni)|prohibited",
            # Google Groups: the group does not exist, or one may not write to it.
            r"メッセージを投稿する権限がない|拒收|被拒绝|被拒絕",
        ),
    ),
)
_TABLE = tuple((reason, re.compile("|".join(phrases), re.IGNORECASE)) for reason, phrases in _PHRASES)

_EXACT: dict[str, Reason] = {
    **dict.fromkeys(("1.1", "1.3", "1.6", "1.10"), Reason.UNKNOWN_USER),
    **dict.fromkeys(("1.2", "4.4"), Reason.HOST_UNKNOWN),
    **dict.fromkeys(("1.7", "1.8", "5.3", "7.1", "7.2", "7.27", "7.29"), Reason.POLICY),
    **dict.fromkeys(("2.1", "7.13"), Reason.SUSPENDED),
    "2.2": Reason.MAILBOX_FULL,
    **dict.fromkeys(("2.3", "3.4"), Reason.TOO_BIG),
    **dict.fromkeys(("3.1", "3.2", "3.3", "3.5"), Reason.SYSTEM),
    **dict.fromkeys(("4.1", "4.2", "4.3", "4.5"), Reason.NETWORK),
    "4.6": Reason.LOOP,
    "4.7": Reason.EXPIRED,
    **dict.fromkeys((f"6.{detail}" for detail in range(1, 11)), Reason.CONTENT),
    **dict.fromkeys(("7.8", "7.9", "7.20", "7.21", "7.22", "7.23", "7.24", "7.26", "7.30"), Reason.AUTH),
    "7.25": Reason.BLOCKED,
    "7.28": Reason.RATE_LIMITED,
    # Exchange Online: banned senders and their addresses (5.7.511, 5.7.606 to 5.7.649).
    **dict.fromkeys((f"7.{detail}" for detail in (511, *range(606, 650))), Reason.BLOCKED),
}
_GENERAL: dict[str, Reason] = {
    "1.0": Reason.UNKNOWN_USER,
    "3.0": Reason.SYSTEM,
    "4.0": Reason.NETWORK,
    "5.0": Reason.SYSTEM,
    "6.0": Reason.CONTENT,
    "7.0": Reason.POLICY,
}
_REPLIES: dict[str, Reason] = {
    "421": Reason.SYSTEM,
    "451": Reason.SYSTEM,
    "452": Reason.SYSTEM,
    "530": Reason.AUTH,
    "535": Reason.AUTH,
    "552": Reason.MAILBOX_FULL,
}
EXPIRED = dict(_TABLE)[Reason.EXPIRED]
PASSING = frozenset((Reason.MAILBOX_FULL, Reason.RATE_LIMITED, Reason.NETWORK, Reason.SYSTEM, Reason.EXPIRED))
"""What passes by its nature, where the report itself does not say whether it will."""

_REPLY = re.compile(r"(?<![\d.:/])([45]\d\d)(?=[\s\-:,'\")(]|$)")
_REPLIED = re.compile(r"(?<![\d.:/])[45]\d\d[ -]['\"]?\s?[(#]{0,2}([45]\.[0-7]\.\d{1,3})(?![\d.])")
_STATUS = re.compile(r"(?<![\d./-])([245]\.[0-7]\.\d{1,3})(?!\d|\.\d)")
# IronPort puts its own words, the same for every refusal, before those of the server.
_WRAPPER = re.compile(r"^\s*[45]\.\d\.\d - [a-z ]{1,40} error (?=['\"]?[45]\d\d[ -])", re.IGNORECASE)


_NAMES = re.compile(r"https?://[!-;=?-~]{1,500}|[\w.!#$%&'*+/=?^{|}~-]{1,200}@[\w.-]{1,255}", re.ASCII)


def by_words(text: str) -> Reason | None:
    """The reason that the words of *text* give. Addresses and links in it are names, not words."""
    flat = " ".join(_NAMES.sub("@", _WRAPPER.sub("", text[:LONGEST])).replace("’", "'").split())
    return next((reason for reason, phrases in _TABLE if phrases.search(flat)), None)


def by_codes(status: str) -> Reason | None:
    """The reason that an exact status gives (RFC 3463; the registry of RFC 5248)."""
    return _EXACT.get(status[2:]) if status else None


def by_general_codes(status: str, reply: str) -> Reason | None:
    """What the vaguest codes leave: the class of status x.y.0, else the SMTP reply."""
    return _GENERAL.get(status[2:]) or _REPLIES.get(reply)


def codes(stated: str, text: str) -> tuple[str, str]:
    """The status of RFC 3463 and the SMTP reply code: *stated* is a Status field, *text* what the server said. The
    server's own code counts where the field says no more than "it failed"."""
    field = _STATUS.search(stated)
    text = text[:LONGEST]
    found = _REPLIED.search(text) or _STATUS.search(_WRAPPER.sub("", text))
    reply = _REPLY.search(text)
    status = field[1] if field else ""
    if found and (not status or status.endswith(".0.0")) and not (status and found[1].startswith("2")):
        status = found[1]
    return status, reply[1] if reply else ""


def lasting(status: str, reply: str, reason: Reason) -> bool:
    """Whether it is permanent: by the status, by the reply where that is vague, else by the reason's nature."""
    if reply and (not status or status.endswith(".0.0")):
        return reply.startswith("5")
    if status:
        return status.startswith("5")
    return reason not in PASSING
