"""What things are called on the pages: outcomes, reasons, roles and channels, in the reader's language."""

from __future__ import annotations

from datetime import date, datetime
from importlib import import_module

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberType

from hub.formats.handles import display
from hub.privacy.visibility import Authority
from hub.vocabulary import Channel, Direction, Kind, Outcome
from hub.web.i18n import Reader, talking

PLACES = "phonenumbers.geocoder"
"""Names of places for numbers: much to load, and the hub is quicker there without. The pages load it beside the loop
when they start."""


def icon(kind: Kind, channel: Channel, direction: Direction, outcome: str = "") -> str:
    """The name of the symbol for an interaction: its channel and its direction."""
    if kind is Kind.CALL:
        if outcome in (Outcome.MISSED, Outcome.VOICEMAIL) and direction is not Direction.OUTBOUND:
            return "call-missed"
        return "call-out" if direction is Direction.OUTBOUND else "call-in"
    if kind is Kind.MEETING:
        return "meeting"
    if kind is Kind.MENTION:
        return "mention"
    if channel is Channel.EMAIL:
        return "mail-out" if direction is Direction.OUTBOUND else "mail-in"
    return "message"


def sort_of(reader: Reader, kind: Kind, channel: Channel, direction: Direction) -> str:
    """An interaction's channel and direction in words, for those who do not see the symbol."""
    t = reader.gettext
    out = direction is Direction.OUTBOUND
    if kind is Kind.CALL:
        return t("Call we made") if out else t("Call to us")
    if kind is Kind.MEETING:
        return t("Meeting")
    if kind is Kind.MENTION:
        return t("Mention")
    if channel is Channel.EMAIL:
        return t("Mail we sent") if out else t("Mail to us")
    if channel is Channel.SMS:
        return t("SMS we sent") if out else t("SMS to us")
    return t("Message we sent") if out else t("Message to us")


_SERVICES = {
    "dingtalk": "DingTalk",
    "feishu": "Feishu",
    "instagram": "Instagram",
    "mastodon": "Mastodon",
    "bluesky": "Bluesky",
    "matrix": "Matrix",
    "messenger": "Messenger",
    "slack": "Slack",
    "telegram": "Telegram",
    "twilio": "WhatsApp",
    "wecom": "WeCom",
    "whatsapp": "WhatsApp",
    "xmpp": "XMPP",
}


def service(reader: Reader, channel: Channel, provider: str) -> str:
    """What people call that over which a text conversation runs, "" where it has no name of its own."""
    if channel is Channel.SMS:
        return "SMS"
    if provider == "web":
        return reader.gettext("Web form") if channel is Channel.WEB else reader.gettext("Web chat")
    return _SERVICES.get(provider, provider.capitalize())


def outcome(reader: Reader, direction: Direction, state: str, ended: str, seconds: int) -> tuple[str, str]:
    """How a call went, and its tone: "late" for what somebody must mend, "well" while it lives, else ""."""
    t = reader.gettext
    if state == "ringing":
        return t("ringing"), "well"
    if state == "answered":
        return t("talking"), "well"
    if state in ("queued", "held", "transferred"):
        return {"queued": t("waits"), "held": t("on hold"), "transferred": t("passed on")}[state], "waiting"
    if ended == Outcome.COMPLETED:
        return t("answered %s") % talking(seconds), ""
    if ended == Outcome.VOICEMAIL:
        return t("left a message"), "late"
    if ended == Outcome.MISSED or (ended == Outcome.NO_ANSWER and direction is not Direction.OUTBOUND):
        return t("missed"), "late"
    words = {
        Outcome.BUSY: t("busy"),
        Outcome.NO_ANSWER: t("no answer"),
        Outcome.REJECTED: t("rejected"),
        Outcome.FAILED: t("failed"),
        Outcome.CANCELLED: t("cancelled"),
    }
    return (words[Outcome(ended)] if ended else t("over")), ""


def because(reader: Reader, handle: str, name: str, reasons: tuple[str, ...]) -> str:
    """Why we think that *handle* is *name*: the words of `hub.match` made into one line."""
    t = reader.gettext
    number = handle.startswith("tel:")
    whose = t("%(number)s is the number of %(name)s") if number else t("%(number)s belongs to %(name)s")
    said = [whose % {"number": display(handle), "name": name}, learned(reader, reasons)]
    return t(", ").join(part for part in said if part)


def learned(reader: Reader, reasons: tuple[str, ...]) -> str:
    """How we know whose a handle is, and how sure that is."""
    t = reader.gettext
    facts = {word.partition(":")[0]: word.partition(":")[2] for word in reasons}
    said = []
    if "confirmed" in facts:
        said.append(t("confirmed on %s") % reader.full_date(date.fromisoformat(facts["confirmed"])))
    elif "learned" in facts:
        said.append(_learned(reader, facts["learned"]))
    if "shared" in facts:
        said.append(t("several people share it"))
    if "role" in facts:
        said.append(t("it belongs to a function, not to one person"))
    return t(", ").join(said)


def _learned(reader: Reader, how: str) -> str:
    t = reader.gettext
    known = {
        "import": t("from an import"),
        "agent": t("entered by a colleague"),
        "api": t("from another system"),
        "demo": t("from the demonstration"),
    }
    return known.get(how, t("from %s") % how)


def place(reader: Reader, handle: str) -> str:
    """Where a number is from and of what type: "Berlin, landline". "" where nobody can say."""
    if not handle.startswith("tel:"):
        return ""
    try:
        number = phonenumbers.parse(handle[4:])
    except NumberParseException:
        return ""
    language, script = ("zh", "Hant" if reader.tag == "zh-Hant" else "Hans") if reader.tag != "en" else ("en", None)
    where = import_module(PLACES).description_for_number(number, language, script=script)
    if not where:
        region = phonenumbers.region_code_for_number(number)
        where = (reader.locale.territories.get(region) or "") if region else ""
    t = reader.gettext
    sort = {
        PhoneNumberType.MOBILE: t("mobile"),
        PhoneNumberType.FIXED_LINE: t("landline"),
        PhoneNumberType.FIXED_LINE_OR_MOBILE: "",
        PhoneNumberType.TOLL_FREE: t("toll-free"),
        PhoneNumberType.PREMIUM_RATE: t("premium rate"),
        PhoneNumberType.VOIP: t("internet telephony"),
    }.get(phonenumbers.number_type(number), "")
    return t(", ").join(part for part in (where, sort) if part)


def role(reader: Reader, authority: Authority) -> str:
    """What a login is called by what it may do."""
    t = reader.gettext
    return {
        Authority.ADMIN: t("Administrator"),
        Authority.MANAGER: t("Manager"),
        Authority.AGENT: t("Agent"),
        Authority.MARKETER: t("Marketing"),
    }[authority]


def age(reader: Reader, moment: datetime) -> str:
    """How old something is, in one unit."""
    return reader.lasting(max(60.0, (reader.now - moment).total_seconds()))
