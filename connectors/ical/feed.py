"""Fetching a published calendar (RFC 7986, 5.7, calls it a subscription): only what changed, and only within limits."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

import hub
from connectors.ical.settings import IcalSettings
from hub.http import Answer, Client

LARGEST = 32 << 20
"""The largest feed in bytes, unpacked."""

SECONDS = 120.0
HOPS = 3

_REDIRECTS = (301, 302, 303, 307, 308)


@dataclass(frozen=True, slots=True)
class Validators:
    """By what the server knows which state of the feed we have (RFC 9110, 8.8), verbatim; "" where it gave none."""

    etag: str = ""
    modified: str = ""


@dataclass(frozen=True, slots=True)
class Fetched:
    """The feed as it is now."""

    raw: bytes = field(repr=False)
    validators: Validators


async def fetch(settings: IcalSettings, source: str, known: Validators) -> Fetched | None:
    """The feed; None where it is as it was when it had the validators *known*.

    Raises `Rejected`, `Unavailable` (also for what is no calendar: a login page, nothing at all), `Misconfigured` (a
    redirect to a host that is not named, a feed beyond the limits).
    """
    try:
        address = first = settings.address
    except ValueError as error:
        raise hub.Misconfigured(f"sources.{source}.secret_url {error}") from None
    if settings.password is not None and address.startswith("http:"):
        raise hub.Misconfigured(f"sources.{source}.secret_url sends the password in clear; write https://")
    host = _host(address)
    try:
        for _ in range(HOPS + 1):
            answer = await _ask(settings, source, address, known, first=address == first)
            if answer.status == 304:
                return None
            if answer.status not in _REDIRECTS:
                return Fetched(_calendar(answer, host), _validators(answer))
            address = _followed(settings, source, address, answer.headers.get("location", ""))
    except hub.Unsupported as verdict:
        raise _wrong(verdict, source) from None
    raise hub.Misconfigured(f"{host} redirects without an end; check sources.{source}.url")


async def _ask(settings: IcalSettings, source: str, address: str, known: Validators, *, first: bool) -> Answer:
    parts = urlsplit(address)
    conditions = {"If-None-Match": known.etag, "If-Modified-Since": known.modified}
    password = settings.password.get_secret_value() if settings.password and first else ""
    async with Client(
        f"{parts.scheme}://{parts.netloc}",
        user=settings.username if first else "",
        password=password,
        cure=f"the address in sources.{source}, and whether it is still published",
        seconds=SECONDS,
    ) as client:
        return await client.ask(
            "GET",
            address,
            headers={
                "Accept": "text/calendar, */*;q=0.1",
                "Accept-Encoding": "gzip",
                **{name: value for name, value in conditions.items() if value},
            },
            accept=(304, *_REDIRECTS),
            most=LARGEST,
        )


def _followed(settings: IcalSettings, source: str, address: str, location: str) -> str:
    """Where the server sends us. Raises `Misconfigured` where it may not."""
    target = urljoin(address, location)
    try:
        old, new = urlsplit(address), urlsplit(target)
        same = new.hostname == old.hostname and new.port in (None, old.port)
        allowed = "@" not in new.netloc and (same or new.netloc.lower() in settings.redirects)
        secure = new.scheme == "https" or (new.scheme == "http" and old.scheme == "http")
    except ValueError:
        allowed, secure, new = False, False, urlsplit("")
    if not allowed or not secure:
        where = new.netloc if new.netloc.isascii() and new.netloc.isprintable() else "another host"
        raise hub.Misconfigured(
            f"{_host(address)} redirects to {where or 'another host'}; if that is to be trusted, add it to"
            f" sources.{source}.redirects"
        )
    return target


def _calendar(answer: Answer, host: str) -> bytes:
    """The text of the feed. Raises `Unavailable` where it is none, `Unsupported` where it is too large."""
    raw = answer.body
    if raw[:2] == b"\x1f\x8b":
        unpacking = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        try:
            raw = unpacking.decompress(raw, LARGEST + 1)
        except zlib.error:
            raise hub.Unavailable(f"{host} sends a damaged file") from None
        if len(raw) > LARGEST:
            raise hub.Unsupported(f"{host} sends more than the {LARGEST:,} bytes that are allowed")
        if not unpacking.eof:
            raise hub.Unavailable(f"{host} sends only a part of the feed")
    if b"BEGIN:VCALENDAR" not in raw[:65_536].upper():
        said = "nothing" if not raw.strip() else answer.media_type if answer.media_type != "text/calendar" else "a file"
        raise hub.Unavailable(f"{host} sends {said} where the calendar was; does the feed ask for a login now?")
    if b"END:VCALENDAR" not in raw[-65_536:].upper():
        raise hub.Unavailable(f"{host} sends only a part of the feed")
    return raw


def _validators(answer: Answer) -> Validators:
    return Validators(answer.headers.get("etag", ""), answer.headers.get("last-modified", ""))


def _wrong(verdict: hub.Unsupported, source: str) -> hub.Verdict:
    text = str(verdict)
    if text.endswith(("answers 404", "answers 410")):
        return hub.Unavailable(f"{text}: the feed is not there (any more); check the address in sources.{source}")
    return hub.Misconfigured(f"{text}; check the address in sources.{source}")


def _host(address: str) -> str:
    return urlsplit(address).hostname or "the feed's host"
