"""Signing in to the server. Blocks. Errors leave as verdicts of fixed text: a server may quote a password."""

# mypy: allow-untyped-calls
# imapclient annotates only some of its functions.

from __future__ import annotations

import imaplib
import re

from imapclient import IMAPClient
from imapclient.exceptions import LoginError

import hub
from connectors.imap.settings import ImapSettings

BUSY = re.compile(
    rb"\[(?:UNAVAILABLE|INUSE|LIMIT|SERVERBUG|OVERQUOTA|THROTTLED)|too many|try again|temporar", re.IGNORECASE
)
"""Refusals that pass by themselves: the codes of RFC 5530, and what servers without them say."""


def login(client: IMAPClient, settings: ImapSettings, source: str, access_token: str | None) -> None:
    """Log *client* in as *settings* say. *source* is the source's name, for messages that say which key to change;
    *access_token* is the OAuth token of the hub's loan, `None` with `auth = "password"`.

    Raises `Rejected`, `Misconfigured`, `Unavailable`; what else goes wrong with the connection leaves as it is.
    """
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
        # imapclient says this also of a connection that ended meanwhile.
        if isinstance(error.__context__, imaplib.IMAP4.abort) or BUSY.search(str(error).encode()):
            raise hub.Unavailable(f"{settings.host} takes no login now") from None
        raise hub.Rejected(
            f"{settings.host} refused the login; check sources.{source}.username and sources.{source}.password"
            " (many providers want a password made for this one program)"
        ) from None
