"""Handles: addresses as URIs, so that equal strings are the same address (RFC 3966, RFC 6068, RFC 3261).

`phone` and `mail` are told which kind of address they read; `handle` guesses, for people who type into a form and
for files they import. All three answer `None` where there is no address that could ever be matched to somebody.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from functools import lru_cache
from urllib.parse import quote, unquote

import idna
import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, ValidationResult

_CACHED = 65_536
"""How many addresses each function remembers: more than a busy office meets in a day, about 15 MB at most."""

_SHORTEST_INTERNATIONAL = 7
"""Digits with the country code. The shortest numbers in use are +683 1234 on Niue and +290 1234 on Saint Helena."""

_LONGEST = 320
"""Characters around and in a mail address: RFC 5321 section 4.5.3.1 allows 64 before the @ and 255 after it."""

_WITHHELD = frozenset(
    ("", "anonymous", "restricted", "unavailable", "unknown", "blocked", "private", "withheld", "unidentified")
)
# What keypads make of ANONYMOUS, RESTRICTED, BLOCKED, UNKNOWN and UNAVAILABLE: Twilio sends them as a caller's number.
_WITHHELD_NUMBERS = frozenset(("+266696687", "+7378742833", "+2562533", "+8656696", "+86282452253"))

# WhatsApp names a user who hides her number by a country and an id, such as US.13491208655302741918.
_WHATSAPP_USER = re.compile(r"[A-Z]{2}(?:\.[A-Za-z0-9]{1,128}){1,2}")

_PREFIX = re.compile(r"(tel|phone|callto|whatsapp|sips?|client):[ /]*", re.IGNORECASE)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:(?! )", re.IGNORECASE)
_NUMERIC_USER = re.compile(r"\+?[0-9().\-]+")
_HOST_PORT = re.compile(r":[0-9]*$")

_ATOM = r"[^\x00-\x20\x7f()<>\[\]:;@\\,.\"]+"
_DOT_ATOM = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_AROUND = " \t\r\n\f\v,;\u200b\u200e\u200f\u202a\u202c\u2060\ufeff"
_COMMENT = re.compile(r"^\([^()]*\)\s*|\s*\([^()]*\)$")
_QUOTED = re.compile(r'"((?:[^"\\\r\n\x00]|\\[^\r\n\x00])+)"')
_ESCAPED = re.compile(r"\\(.)")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_IN_ANGLES = re.compile(r'(?:[^"<>]|"(?:[^"\\]|\\.)*")*<([^<>]*(?:"(?:[^"\\]|\\.)*"[^<>]*)?)>\s*')
# RFC 6068 section 2: everything else in an address may stand in the URI as it is.
_KEPT_IN_MAILTO = "!$'()*+,:@"
_NEEDS_NO_ENCODING = re.compile(rf"[A-Za-z0-9_.~{re.escape(_KEPT_IN_MAILTO)}-]*")


@lru_cache(maxsize=_CACHED)
def phone(text: str, region: str) -> str | None:
    """The handle of a caller, a callee or a phone number somebody wrote: `tel:+4930123456`.

    *region* is the ISO 3166 country in which a number without country code is read ("DE"); empty reads only
    international numbers. An extension is left out: the handle is the line that rings, and several people behind one
    line are several candidates. `whatsapp:+49…` is the same phone, a WhatsApp user who hides hers stays
    `whatsapp:US.1349…`; `sip:+49…@host` and `sip:030…@host` are too where
    the user part is a valid number; any other SIP address stays `sip:user@host` (without port and parameters) and
    Twilio's `client:name` stays as it is. A withheld number, an internal extension and anything else that nobody
    could call back is None.
    """
    if len(text) > _LONGEST:
        return None
    text = unicodedata.normalize("NFKC", text).strip()
    prefix = _PREFIX.match(text)
    if prefix:
        scheme, text = prefix[1].lower(), text[prefix.end() :].strip()
        if scheme == "client":
            return None if text.lower() in _WITHHELD else f"client:{text}"
        if scheme in ("sip", "sips"):
            return _sip(text, region)
        text = unquote(text)
        if scheme == "whatsapp" and _WHATSAPP_USER.fullmatch(text):
            return f"whatsapp:{text}"
    elif "@" in text or _SCHEME.match(text):
        return None
    if text.lower() in _WITHHELD or text in _WITHHELD_NUMBERS:
        return None
    number = _parsed(text, region)
    if number is None or not _plausible(number, text, region):
        return None
    return f"tel:{phonenumbers.format_number(number, PhoneNumberFormat.E164)}"


@lru_cache(maxsize=_CACHED)
def mail(text: str) -> str | None:
    """The handle of a mail address: `mailto:ada@example.org`.

    Lower case, an international domain as its A-label (RFC 5891, mapped by UTS 46), UTF-8 before the @ kept
    (RFC 6532), needless quotes left out, and only what RFC 6068 demands percent-encoded. Takes an address alone,
    a `mailto:` URI or `Name <address>`, with blanks, commas and quotes around it; None where no address is in it.
    """
    if len(text) > _LONGEST:
        return None
    text = _COMMENT.sub("", unicodedata.normalize("NFKC", text).strip(_AROUND))
    if text.endswith(">"):
        angles = _IN_ANGLES.fullmatch(text)
        if not angles:
            return None
        text = angles[1].strip()
    elif len(text) > 1 and text[0] == text[-1] == "'":
        text = text[1:-1]
    if text[:7].lower() == "mailto:":
        text = unquote(text[7:].partition("?")[0]).strip()
    local, at, domain = text.rpartition("@")
    if not at:
        return None
    plain, host = _local_part(local), _domain(domain)
    if plain is None or host is None:
        return None
    return f"mailto:{_percent_encoded(plain)}@{_percent_encoded(host)}"


@lru_cache(maxsize=_CACHED)
def handle(text: str, region: str) -> str | None:
    """The handle of what somebody typed, a phone number or a mail address; None where it is neither."""
    stripped = text.strip()
    if stripped[:4].lower() == "sip:" or stripped[:5].lower() == "sips:":
        return phone(text, region)
    return mail(text) if "@" in text or "＠" in text else phone(text, region)


@lru_cache(maxsize=_CACHED)
def display(handle: str) -> str:
    """What people read in place of a handle: `+49 30 123456`, `ada@bücher.example`, `@ada:hub.test`, else what follows
    the scheme."""
    scheme, _, rest = handle.partition(":")
    if scheme == "tel":
        number = _parsed(rest, "")
        return phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL) if number else rest
    if scheme == "mailto":
        local, _, domain = unquote(rest).rpartition("@")
        return f"{local}@{_readable(domain)}"
    if scheme == "matrix" and rest.startswith("u/"):
        return f"@{unquote(rest[2:])}"
    return rest


def _parsed(text: str, region: str) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(text, region or None)
    except NumberParseException:
        return None


def _plausible(number: PhoneNumber, text: str, region: str) -> bool:
    """Whether this may be somebody's number. Numbering plans change before their metadata does: so not "valid"."""
    if number.extension is None and any(character.isalpha() for character in text):
        # Letters spell digits on a keypad (1-800-FLOWERS), and are something else where the number doesn't exist.
        return phonenumbers.is_valid_number(number)
    if "+" in text or number.country_code != phonenumbers.country_code_for_region(region):
        digits = len(str(number.country_code)) + len(phonenumbers.national_significant_number(number))
        return digits >= _SHORTEST_INTERNATIONAL
    return phonenumbers.is_possible_number_with_reason(number) not in (
        ValidationResult.TOO_SHORT,
        ValidationResult.IS_POSSIBLE_LOCAL_ONLY,
    )


def _sip(text: str, region: str) -> str | None:
    """RFC 3261 section 19.1: `user:password@host:port;parameters?headers`; RFC 3323: withheld is anonymous.invalid."""
    user, at, rest = text.rpartition("@")
    host = _HOST_PORT.sub("", re.split(r"[;?>\s]", rest, maxsplit=1)[0]).lower()
    user = unquote(user.partition(":")[0]).partition(";")[0].strip()
    if not at or not user or not host or host == "anonymous.invalid":
        return None
    if user.lower() in _WITHHELD or user in _WITHHELD_NUMBERS:
        return None
    if _NUMERIC_USER.fullmatch(user):
        for digits, country in ((user, region), (f"+{user}", "")):
            number = _parsed(digits, country)
            if number is not None and (user.startswith("+") or phonenumbers.is_valid_number(number)):
                return f"tel:{phonenumbers.format_number(number, PhoneNumberFormat.E164)}"
    return f"sip:{user}@{host}"


def _local_part(text: str) -> str | None:
    """The part before the @ in its shortest spelling (RFC 5322 section 3.4.1) and lower case, None if it is none."""
    quoted = _QUOTED.fullmatch(text)
    plain = _ESCAPED.sub(r"\1", quoted[1]) if quoted else text
    plain = plain.lower()
    if _DOT_ATOM.fullmatch(plain):
        return plain if plain.isprintable() else None
    if not quoted or not plain.isprintable():
        return None
    escaped = plain.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _domain(text: str) -> str | None:
    """A domain in A-labels, or an address literal (RFC 5321 section 4.1.3); None where it is neither."""
    text = text.strip().lower()
    if text.startswith("[") and text.endswith("]"):
        try:
            return f"[{ipaddress.ip_address(text[1:-1].removeprefix('ipv6:')).compressed}]"
        except ValueError:
            return None
    if not text.isascii():
        try:
            text = idna.encode(text, uts46=True).decode("ascii")
        except idna.IDNAError:
            text = ".".join(_a_label(label) for label in text.split("."))
    labels = text.split(".")
    if len(text) > 253 or not all(_LABEL.fullmatch(label) and _is_label(label) for label in labels):
        return None
    return text


def _a_label(label: str) -> str:
    """What browsers make of a label that IDNA 2008 refuses, such as an emoji."""
    return label if label.isascii() else f"xn--{label.encode('punycode').decode('ascii')}"


def _is_label(label: str) -> bool:
    if not label.startswith("xn--"):
        return True
    try:
        decoded = label[4:].encode("ascii").decode("punycode")
    except UnicodeError:
        return False
    return not decoded.isascii() and decoded == unicodedata.normalize("NFKC", decoded).lower()


def _readable(domain: str) -> str:
    try:
        return idna.decode(domain)
    except idna.IDNAError:
        return domain


def _percent_encoded(text: str) -> str:
    if _NEEDS_NO_ENCODING.fullmatch(text):
        return text
    return "".join(
        character if not character.isascii() else quote(character, safe=_KEPT_IN_MAILTO) for character in text
    )
