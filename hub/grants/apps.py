"""The apps under which the hub is known at OAuth providers: `[oauth.<name>]`, and where each provider's doors are.

Google: https://developers.google.com/identity/protocols/oauth2/web-server and
https://developers.google.com/workspace/gmail/imap/xoauth2-protocol. Microsoft:
https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow and
https://learn.microsoft.com/exchange/client-developer/legacy-protocols/how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, model_validator

from hub.contracts import Settings

Kind = Literal["google", "microsoft", "generic"]


def _endpoint(url: str) -> str:
    """An address to which tokens may be sent: https, or http on this machine."""
    if not url:
        return url
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        parts, host = urlsplit(""), ""
    if (parts.scheme == "https" and host) or (parts.scheme == "http" and _is_loopback(host)):
        return url
    raise ValueError("must begin with https://; only a server on this machine may be asked over http://.")


Endpoint = Annotated[str, AfterValidator(_endpoint)]
Word = Annotated[str, StringConstraints(min_length=1, pattern=r"^[^\s\x00]+$")]


class OAuthTable(Settings):
    """`[oauth.<name>]`: the app that was registered at the provider.

    *tenant* is Microsoft's: the directory's id or domain, "common" for all. The three URLs are known for Google and
    Microsoft; a generic provider needs the first two and its *scopes*. *secret_expires* is the day on which the
    client secret ends, so that somebody is told before.
    """

    provider: Kind
    client_id: Word
    client_secret: SecretStr | None = None
    tenant: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.-]+$")] = "common"
    authorize_url: Endpoint = ""
    token_url: Endpoint = ""
    userinfo_url: Endpoint = ""
    scopes: Annotated[tuple[Word, ...], Field()] = ()
    secret_expires: date | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        missing = [key for key in ("authorize_url", "token_url", "scopes") if not getattr(self, key)]
        if self.provider == "generic" and missing:
            raise ValueError(f"a generic provider needs {' and '.join(missing)}. Its documentation names them.")
        return self


@dataclass(frozen=True, slots=True)
class _Known:
    """What is the same for every app at a provider. *extra* goes to the page on which people consent."""

    name: str
    authorize_url: str
    token_url: str
    userinfo_url: str
    scopes: tuple[str, ...]
    extra: Mapping[str, str]


_PROVIDERS: Mapping[Kind, _Known] = MappingProxyType(
    {
        "google": _Known(
            "Google",
            "https://accounts.google.com/o/oauth2/v2/auth",
            "https://oauth2.googleapis.com/token",
            "https://openidconnect.googleapis.com/v1/userinfo",
            ("https://mail.google.com/", "openid", "email"),
            # Without these two Google gives a refresh token only the first time somebody consents.
            {"access_type": "offline", "prompt": "consent"},
        ),
        "microsoft": _Known(
            "Microsoft",
            "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/authorize",
            "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token",
            # Its own userinfo wants a token for Graph, and ours is for Outlook; the id_token says who it is.
            "",
            (
                "https://outlook.office.com/IMAP.AccessAsUser.All",
                "https://outlook.office.com/SMTP.Send",
                "offline_access",
                "openid",
                "email",
                "profile",
            ),
            {"prompt": "select_account"},
        ),
        "generic": _Known("", "", "", "", (), {}),
    }
)

_ABOUT_THE_PERSON = frozenset(("openid", "email", "profile", "offline_access"))
"""Scopes that open no mailbox (OpenID Connect Core, 5.4 and 11). Providers need not list them among those granted."""


@dataclass(frozen=True, slots=True)
class App:
    """One app at a provider. *name* is that of its table, *provider* its provider's as people know it."""

    name: str
    kind: Kind
    provider: str
    client_id: str
    client_secret: str = field(repr=False)
    authorize_url: str
    token_url: str
    userinfo_url: str
    scopes: tuple[str, ...]
    extra: Mapping[str, str]
    secret_expires: date | None

    @classmethod
    def of(cls, name: str, table: OAuthTable) -> App:
        """The app of `[oauth.<name>]`."""
        known = _PROVIDERS[table.provider]
        return cls(
            name=name,
            kind=table.provider,
            provider=known.name or urlsplit(table.authorize_url).hostname or name,
            client_id=table.client_id,
            client_secret=table.client_secret.get_secret_value() if table.client_secret else "",
            authorize_url=table.authorize_url or known.authorize_url.format(tenant=table.tenant),
            token_url=table.token_url or known.token_url.format(tenant=table.tenant),
            userinfo_url=table.userinfo_url or known.userinfo_url,
            scopes=table.scopes or known.scopes,
            extra=known.extra,
            secret_expires=table.secret_expires,
        )

    def missing(self, granted: Iterable[str]) -> tuple[str, ...]:
        """The scopes that open the mailbox and are not among the *granted* ones, in the order in which we ask."""
        have = {_plain(scope) for scope in granted}
        return tuple(scope for scope in self.scopes if scope not in _ABOUT_THE_PERSON and _plain(scope) not in have)


def _plain(scope: str) -> str:
    """A scope without what Microsoft writes now one way, now another: case, and which of Outlook's two hosts."""
    return scope.lower().replace("//outlook.office365.com/", "//outlook.office.com/").rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
