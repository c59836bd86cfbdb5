"""The keys of a `[sources.<name>]` table with `provider = "ical"`."""

from __future__ import annotations

from typing import Annotated, Self
from urllib.parse import urlsplit, urlunsplit

from pydantic import ConfigDict, Field, SecretStr, StringConstraints, field_validator, model_validator

import hub

Host = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.-]+(:[0-9]{1,5})?$", to_lower=True)]


class IcalSettings(hub.Settings):
    """Where the feed is published, how often it is asked for, and how much of it may be seen.

    *url* is its address; one that nobody may know is given as *secret_url* instead. `webcal://` is read as https.
    *username* and *password* are for the few feeds that ask for them. *redirects* are other hosts to which the feed's
    own may send us; the same host always may.
    """

    # A secret must not appear in the message about another key.
    model_config = ConfigDict(hide_input_in_errors=True)

    url: str = ""
    secret_url: SecretStr | None = None
    username: str = ""
    password: SecretStr | None = None
    redirects: tuple[Host, ...] = ()
    poll_seconds: Annotated[int, Field(ge=1, le=86_400)] = 600
    level: hub.Level = hub.Level.ALL
    audience: str = ""

    @property
    def address(self) -> str:
        """The address to ask. Raises `ValueError` where the secret one is none: what is behind `env:` or `file:` is the
        machine's, and the file itself may be right."""
        return self.url or _address(self.secret_url.get_secret_value() if self.secret_url else "")

    @field_validator("url")
    @classmethod
    def _is_address(cls, url: str) -> str:
        return _address(url) if url else ""

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if bool(self.url) == (self.secret_url is not None):
            raise ValueError("write either url, or secret_url where the address is a secret")
        if bool(self.username) != (self.password is not None):
            raise ValueError("username and password belong together")
        if self.password is not None and self.url.startswith("http:"):
            raise ValueError("http:// sends the password in clear; write https://")
        return self


def _address(text: str) -> str:
    """An https or http address, with `webcal` and `webcals` as https. Raises `ValueError`."""
    try:
        parts = urlsplit(text.strip())
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if parts.scheme in ("webcal", "webcals"):
        parts = parts._replace(scheme="https")
    if not host or parts.scheme not in ("https", "http") or parts.username is not None or not text.isascii():
        raise ValueError("must be the address of a feed, which begins with https:// or webcal:// and holds no password")
    return urlunsplit(parts._replace(fragment=""))
