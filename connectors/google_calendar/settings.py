"""The keys of a `[sources.<name>]` table with `provider = "google_calendar"`."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, StringConstraints, field_validator

import hub

Word = Annotated[str, StringConstraints(min_length=1, pattern=r"^[^\r\n\x00]+$")]
OneLine = Annotated[str, StringConstraints(pattern=r"^[^\r\n\x00]*$")]


class GoogleCalendarSettings(hub.Settings):
    """Which calendars of one Google account are read, which one is written into, and how much of them may be seen.

    *calendars* are the ones to read, each by its name or id ("primary" is the account's main one); none for all that
    the account owns. *write_to* is the one that bookings go into. *notifier* is who tells the invited of them: the hub
    by mail, or Google. *push_secret* is what Google's words that something changed are known by; without it there are
    none, and the hub learns of changes every *poll_seconds*, as it does in any case. *api_url* is where the API is.
    *level* and *audience* go to every copy.
    """

    calendars: tuple[Word, ...] = ()
    write_to: OneLine = ""
    notifier: Literal["hub", "provider"] = "hub"
    push_secret: SecretStr | None = None
    poll_seconds: Annotated[int, Field(ge=1, le=86_400)] = 60
    api_url: str = "https://www.googleapis.com"
    level: hub.Level = hub.Level.ALL
    audience: str = ""

    @field_validator("push_secret")
    @classmethod
    def _is_long(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and len(secret.get_secret_value()) < 16:
            raise ValueError("must be 16 characters or longer; `openssl rand -hex 32` makes a good one")
        return secret

    @field_validator("calendars")
    @classmethod
    def _named_once(cls, calendars: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(calendars)) != len(calendars):
            raise ValueError("names a calendar twice")
        return calendars

    @field_validator("api_url")
    @classmethod
    def _is_url(cls, url: str) -> str:
        try:
            parts = urlsplit(url)
            host = parts.hostname or ""
        except ValueError:
            parts, host = urlsplit(""), ""
        if not (parts.scheme == "https" and host) and not (parts.scheme == "http" and _is_loopback(host)):
            raise ValueError("must begin with https://")
        return url.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
