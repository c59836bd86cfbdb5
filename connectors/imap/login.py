"""Signing in to the server. Blocks. Errors leave as verdicts of fixed text: a server may quote a password."""

# mypy: allow-untyped-calls
# imapclient annotates only some of its functions.

from __future__ import annotations

import imaplib
import json
import re

from imapclient import IMAPClient
from imapclient.exceptions import LoginError

import hub
from connectors.imap.settings import ImapSettings

BUSY = re.compile(
    rb"\[(?:UNAVAILABLE|INUSE|LIMIT|SERVERBUG|OVERQUOTA|THROTTLED)|too many|try again|temporar", re.IGNORECASE
)
"""Refusals that pass by themselves: the codes of RFC 5530, and what servers without them say."""

_SWITCHED_OFF = re.compile(r"not enabled for IMAP|IMAP (?:access )?(?:is )?disabled", re.IGNORECASE)
"""What Gmail says of an account or a domain without IMAP."""

_NOT_ITS_OWN = re.compile(r"authenticated but not connected", re.IGNORECASE)
"""What Exchange says where the token is good, and the mailbox is not open to its account."""


class TokenRefused(hub.Rejected):
    """The server does not take the access token. Another one may do: a token can be void before its time."""


def login(client: IMAPClient, settings: ImapSettings, source: str, access_token: str | None) -> None:
    """Log *client* in as *settings* say. *source* is the source's name, for messages that say which key to change;
    *access_token* is the OAuth token of the hub's loan, `None` with `auth = "password"`.

    Raises `TokenRefused`, `Rejected`, `Misconfigured`, `Unavailable`; what else goes wrong with the connection leaves
    as it is.
    """
    if settings.auth == "password":
        _by_password(client, settings, source)
    else:
        assert access_token is not None, "the session gets one"
        _by_token(client, settings, source, access_token)


def xoauth2(username: str, access_token: str) -> bytes:
    """What XOAUTH2 sends, before base64 (https://developers.google.com/workspace/gmail/imap/xoauth2-protocol)."""
    return f"user={username}\x01auth=Bearer {access_token}\x01\x01".encode()


def oauthbearer(username: str, access_token: str, host: str, port: int) -> bytes:
    """What OAUTHBEARER sends, before base64 (RFC 7628, 3.1; the name as RFC 5801, 4, writes it)."""
    name = username.replace("=", "=3D").replace(",", "=2C")
    return f"n,a={name},\x01host={host}\x01port={port}\x01auth=Bearer {access_token}\x01\x01".encode()


def _by_password(client: IMAPClient, settings: ImapSettings, source: str) -> None:
    if client.has_capability("LOGINDISABLED"):
        raise hub.Misconfigured(
            f'{settings.host} takes no password in clear; set sources.{source}.security = "tls" or "starttls"'
        )
    assert settings.password is not None, "the settings demand one"
    password = settings.password.get_secret_value()
    try:
        if (settings.username + password).isascii():
            client.login(settings.username, password)
        else:
            # LOGIN knows only ASCII; SASL PLAIN is UTF-8 (RFC 4616).
            client.plain_login(settings.username, password)
    except LoginError as error:
        if _passes(error):
            raise hub.Unavailable(f"{settings.host} takes no login now") from None
        raise hub.Rejected(
            f"{settings.host} refused the login; check sources.{source}.username and sources.{source}.password"
            " (many providers want a password made for this one program)"
        ) from None


def _by_token(client: IMAPClient, settings: ImapSettings, source: str, access_token: str) -> None:
    mechanism = settings.auth.upper()
    if not client.has_capability(f"AUTH={mechanism}"):
        offered = [name for name in ("XOAUTH2", "OAUTHBEARER") if client.has_capability(f"AUTH={name}")]
        cure = f'set sources.{source}.auth = "{offered[0].lower()}"' if offered else "it takes passwords only"
        raise hub.Misconfigured(f"{settings.host} offers no {mechanism}; {cure}")
    host, port = settings.address
    if settings.auth == "xoauth2":
        first, last = xoauth2(settings.username, access_token), b""
    else:
        # The server waits for this before it says NO (RFC 7628, 3.2.3).
        first, last = oauthbearer(settings.username, access_token, host, port), b"\x01"
    told: list[bytes] = []

    def answer(challenge: bytes) -> bytes:
        told.append(challenge)
        return first if len(told) == 1 else last

    try:
        client.sasl_login(mechanism, answer)
    except LoginError as error:
        if _passes(error):
            raise hub.Unavailable(f"{settings.host} takes no login now") from None
        raise _refusal(settings, source, told[1:], str(error)) from None


def _refusal(settings: ImapSettings, source: str, challenges: list[bytes], said: str) -> hub.Rejected:
    """What a server means that refuses a token: its challenge is JSON with a `status` and the `scope` it wants
    (RFC 7628, 3.2.2)."""
    host = settings.host
    if _SWITCHED_OFF.search(said):
        return hub.Rejected(f"{host} has IMAP switched off for {settings.username}; switch it on in its settings there")
    if _NOT_ITS_OWN.search(said):
        return hub.Rejected(
            f"the account that gave the permission may not open the mailbox of {settings.username}; let it, or connect "
            f"{source} again as the right one"
        )
    if _status(challenges) == "insufficient_scope":
        return hub.Rejected(f"the permission for {source} does not reach as far as {host} wants; connect it again")
    return TokenRefused(
        f"{host} does not take the permission for {settings.username}; connect {source} again on its page under "
        f"Sources, as the account of sources.{source}.username"
    )


def _status(challenges: list[bytes]) -> str:
    try:
        document = json.loads(challenges[-1]) if challenges else {}
    except ValueError:
        return ""
    return str(document.get("status", "")) if isinstance(document, dict) else ""


def _passes(error: LoginError) -> bool:
    """Whether the server may let us in later. imapclient says the same of a connection that ended meanwhile."""
    return isinstance(error.__context__, imaplib.IMAP4.abort) or bool(BUSY.search(str(error).encode()))
