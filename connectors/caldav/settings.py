"""The keys of a `[sources.<name>]` table with `provider = "caldav"`."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, SecretStr, StringConstraints, field_validator, model_validator

import hub

Word = Annotated[str, StringConstraints(min_length=1, pattern=r"^[^\r\n\x00]+$")]
OneLine = Annotated[str, StringConstraints(pattern=r"^[^\r\n\x00]*$")]


class CaldavSettings(hub.Settings):
    """Where the calendars are, which of them are read, which one is written into, and how much of them may be seen.

    *url* is the server's address; discovery (RFC 6764) finds the calendars from there, so a host is enough. It may
    lead to a person's calendars or to one calendar as well. *calendars* are the ones to read, each by its name or
    address; none for all that hold events. *write_to* is the one that bookings go into.
    *notifier* is who tells the invited of them: the hub by mail, or the server (RFC 6638), where it does so.
    *auth* is how the server is signed in to; *username* and *password* are needed for "password", "bearer" takes the
    permission that somebody gave on the source's page. *poll_seconds* is how often the server is asked for what
    changed. *level* and *audience* go to every copy.
    """

    # A password must not appear in the message about another key.
    model_config = ConfigDict(hide_input_in_errors=True)

    url: Word
    auth: Literal["password", "bearer"] = "password"
    username: OneLine = ""
    password: SecretStr | None = None
    calendars: tuple[Word, ...] = ()
    write_to: OneLine = ""
    notifier: Literal["hub", "provider"] = "hub"
    poll_seconds: Annotated[int, Field(ge=1, le=86_400)] = 60
    level: hub.Level = hub.Level.ALL
    audience: str = ""

    @property
    def origin(self) -> str:
        """Scheme, host and port: everything that is asked is below it."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def path(self) -> str:
        """Where discovery begins; "" is anywhere."""
        return urlsplit(self.url).path

    @field_validator("url")
    @classmethod
    def _is_url(cls, url: str) -> str:
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname or "", parts.port
        except ValueError:
            host, parts = "", urlsplit("")
        if not host or parts.scheme not in ("https", "http") or parts.username is not None or not url.isascii():
            raise ValueError("must be an address that begins with https:// and holds no password")
        if parts.query or parts.fragment:
            raise ValueError("must end before any ? or #")
        if parts.scheme == "http" and not _is_loopback(host):
            raise ValueError("http:// sends the password in clear; only a host on this machine may use it")
        return url

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if self.auth == "password" and (not self.username or self.password is None):
            raise ValueError('username and password belong together; without them, set auth = "bearer"')
        if ":" in self.username:
            raise ValueError("the username holds a colon, which a server cannot be told (RFC 7617)")
        if len(set(self.calendars)) != len(self.calendars):
            raise ValueError("calendars names a calendar twice")
        return self


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
