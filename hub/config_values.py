"""What a single value of the config file must look like. Each function raises `ValueError`, which says the cure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlsplit
from zoneinfo import available_timezones

import phonenumbers
from pydantic import BaseModel, ValidationError

from hub.formats import handles
from hub.references import alternatives
from hub.registry import nearest

_zones = cache(available_timezones)

LANGUAGES = ("en", "zh-Hans", "zh-Hant")

_LISTEN = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[^\s:\[\]/]+):(?P<port>[0-9]{1,5})")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_PHONE_SCHEMES = ("tel", "sip", "sips", "whatsapp", "phone", "callto", "client")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def listen(text: str) -> tuple[str, int]:
    """Host and port of `127.0.0.1:8080`, `localhost:8080` or `[::1]:8080`."""
    match = _LISTEN.fullmatch(text)
    if not match or int(match["port"]) > 65535:
        raise ValueError(f'"{text}" is no address to listen on. Write one such as "127.0.0.1:8080".')
    return match["host"].strip("[]"), int(match["port"])


def public_url(text: str) -> str:
    """An absolute http or https URL without a slash at its end."""
    parts = urlsplit(text) if _splits(text) else urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ValueError(f'"{text}" is no public URL. Write one such as "https://hub.example.org".')
    return text.rstrip("/")


def origin(text: str) -> str:
    """A web site as browsers name it (RFC 6454): scheme, host and port, nothing behind them."""
    parts = urlsplit(text) if _splits(text) else urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or text != f"{parts.scheme}://{parts.netloc}":
        raise ValueError(f'"{text}" is no web site. Write one such as "https://www.example.org", without a path.')
    return text.lower()


def store(text: str, folder: Path) -> str:
    """The URL of the store; a relative SQLite file lies in *folder*, the config file's."""
    if text.startswith("sqlite:///") and len(text) > len("sqlite:///") and ":memory:" not in text:
        return f"sqlite:///{folder / text.removeprefix('sqlite:///')}"
    if text.startswith("postgresql://") and _splits(text):
        return text
    raise ValueError('must be "sqlite:///PATH" or "postgresql://USER@HOST/DATABASE".')


def redis(text: str) -> str:
    """The URL of a Redis, or "" where there is none."""
    if not text or (text.startswith(("redis://", "rediss://", "unix://")) and _splits(text)):
        return text
    raise ValueError('must be "redis://HOST:6379/0", or "" for none.')


def has_password(url: str) -> bool:
    """Whether a URL carries a password, which is a secret."""
    try:
        return bool(urlsplit(url).password)
    except ValueError:
        return False


def region(text: str) -> str:
    """An ISO 3166 country that has a numbering plan; "" reads only numbers that begin with +."""
    if text and text not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError(f'"{text}" is no country. Write two capital letters such as "DE".')
    return text


def timezone(text: str) -> str:
    """A name of the IANA time zone database."""
    known = _zones()
    if text not in known:
        raise ValueError(
            f'there is no time zone "{text}". Write one such as "{nearest(text, known) or "Europe/Berlin"}".'
        )
    return text


def language(text: str) -> str:
    """A language the hub speaks."""
    if text not in LANGUAGES:
        raise ValueError(f'the hub does not speak "{text}". It speaks {", ".join(LANGUAGES)}.')
    return text


def language_tag(text: str) -> str:
    """A language that people speak, as BCP 47 writes it: `de`, `zh-Hant`."""
    if not _LANGUAGE.fullmatch(text):
        raise ValueError(f'"{text}" is no language. Write it as "de" or "zh-Hant" (BCP 47).')
    return text


def day(text: str) -> date:
    """The date in a key such as `2026-12-24`."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f'"{text}" is no date. Write it as "2026-12-24".') from None


def name(text: str) -> str:
    """The name of a source, an agent or a CRM: it stands in URLs and before extensions."""
    if not _NAME.fullmatch(text):
        raise ValueError("a name has only letters without accents, digits, - and _, and begins with a letter or digit.")
    return text


def handle(text: str, region: str) -> str:
    """An address as the handle it is: `tel:+49…`, `mailto:…`, or another URI as it stands."""
    scheme = text.partition(":")[0].lower() if _SCHEME.match(text) else ""
    if scheme == "mailto":
        found = handles.mail(text)
    elif scheme in _PHONE_SCHEMES:
        found = handles.phone(text, region)
    elif scheme:
        found = text
    else:
        found = handles.handle(text, region)
    if found is None:
        raise ValueError(f'"{text}" is no address. Write it as "tel:+4930123456" or "mailto:ada@example.org".')
    return found


def handle_or_domain(text: str, region: str) -> str:
    """A handle, or a mail domain in its A-label form: `example.org`."""
    if not _SCHEME.match(text) and "@" not in text and (found := handles.mail(f"x@{text}")):
        return found.rpartition("@")[2]
    try:
        return handle(text, region)
    except ValueError:
        raise ValueError(
            f'"{text}" is neither an address ("mailto:…", "tel:…") nor a domain ("example.org").'
        ) from None


def domain(text: str) -> str:
    """A mail domain in its A-label form: `example.org`."""
    found = None if "@" in text else handles.mail(f"x@{text}")
    if found is None:
        raise ValueError(f'"{text}" is no mail domain. Write it as "example.org".')
    return found.rpartition("@")[2]


def header(text: str) -> tuple[str, str]:
    """A header field with its value, `Sensitivity: Private`, both in lower case."""
    name, colon, value = (part.strip().lower() for part in text.partition(":"))
    if not (name and colon and value) or any(not 32 < ord(sign) < 127 for sign in name):
        raise ValueError(f'"{text}" is no header field. Write it as "Sensitivity: Private".')
    return name, value


def quoted(key: str) -> str:
    """*key* as it stands in a TOML path."""
    return key if _BARE_KEY.fullmatch(key) else f'"{key}"'


def toml_path(path: str, loc: Iterable[int | str]) -> str:
    """*path* and the rest in pydantic's words: `sources.mail` and `("folders", 0)` give `sources.mail.folders[0]`."""
    for part in loc:
        path += f"[{part}]" if isinstance(part, int) else f".{quoted(part)}"
    return path


def unknown(key: str, known: Iterable[str], what: str = "key") -> str:
    """What to say about a key nobody knows."""
    known = sorted(known)
    guess = nearest(key, known)
    if guess:
        return f'unknown {what}. Did you mean "{guess}"?'
    return f"unknown {what}. " + (f"Known are: {', '.join(known)}." if known else "Take it out.")


def complaints(
    error: ValidationError, model: type[BaseModel], known: Iterable[str]
) -> list[tuple[tuple[Any, ...], str]]:
    """What pydantic found wrong with a table, as (place, what to do). Values are never repeated: they may be secret."""
    said = []
    for detail in error.errors(include_url=False, include_input=False, include_context=False):
        loc, kind, message = detail["loc"], detail["type"], detail["msg"]
        if kind == "extra_forbidden":
            message = unknown(str(loc[-1]), known if len(loc) == 1 else _keys_at(model, loc[:-1]))
        elif kind == "missing":
            message = f"is missing. {_description(model, loc) or f'Add {quoted(str(loc[-1]))} = … to its table.'}"
        else:
            message = message.removeprefix("Value error, ").removeprefix("Input ")
            message = message if message.endswith(".") else f"{message}."
        said.append((loc, message))
    return said


def _keys_at(model: type[BaseModel], loc: tuple[Any, ...]) -> set[str]:
    """The keys a table inside *model* at *loc* may have; none where that is not known."""
    kinds: list[Any] = [model]
    for part in loc:
        fields = [kind.model_fields[part] for kind in kinds if part in getattr(kind, "model_fields", {})]
        inside = [item for kind in kinds for item in get_args(kind)]
        kinds = [kind for inner in (field.annotation for field in fields) for kind in alternatives(inner)] or inside
    return {key for kind in kinds for key in getattr(kind, "model_fields", {})}


def _description(model: type[BaseModel], loc: tuple[Any, ...]) -> str:
    field = model.model_fields.get(str(loc[0])) if len(loc) == 1 else None
    return (field.description or "") if field else ""


def _splits(url: str) -> bool:
    try:
        urlsplit(url).port  # noqa: B018  # reading it is the check
    except ValueError:
        return False
    return True
