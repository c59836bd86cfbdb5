"""The keys of a `[sources.<name>]` table with `provider = "imap"`."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, SecretStr, StringConstraints, model_validator

import hub
from connectors.imap.submission import SubmissionSettings, is_loopback

Word = Annotated[str, StringConstraints(min_length=1, pattern=r"^[^\r\n\x00]+$")]


class ImapSettings(SubmissionSettings):
    """Where the mailbox is, which folders are read, how far back, and how much of it may be seen.

    *port* is 993 with `security = "tls"` and 143 otherwise. *folders* are the ones to read, none for all but those that
    `connectors.imap.folders.LEFT_OUT` and *leave_out* name; each is a name or a special use, as "\\Sent". The first of
    *folders*, or the Inbox, is watched by IDLE. *since_days* bounds what is read when a folder is first connected.
    *idle_minutes* is how long one IDLE lasts: RFC 2177 allows 29, some servers hang up earlier.
    *poll_seconds* is how often the folders are looked at of which the server does not tell by itself.
    *auth* is how the server is signed in to; *password* is needed for "password" only, the others take the permission
    that somebody gave on the source's page.
    *max_bytes* is the size of the largest mail that is fetched whole. *level* and *audience* go to every copy.
    """

    # A password must not appear in the message about another key.
    model_config = ConfigDict(hide_input_in_errors=True)

    host: Word
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    security: Literal["tls", "starttls", "none"] = "tls"
    ca_file: str = ""
    username: Word
    auth: Literal["password", "xoauth2", "oauthbearer"] = "password"
    password: SecretStr | None = None
    folders: tuple[Word, ...] = ()
    leave_out: tuple[Word, ...] = ()
    since_days: Annotated[int, Field(ge=0)] = 365
    poll_seconds: Annotated[int, Field(ge=1)] = 60
    idle_minutes: Annotated[int, Field(ge=1, lt=29)] = 9
    max_bytes: Annotated[int, Field(ge=1024)] = 50_000_000
    level: hub.Level = hub.Level.ALL
    audience: str = ""

    @property
    def address(self) -> tuple[str, int]:
        """Host and port to connect to."""
        return self.host, self.port or (993 if self.security == "tls" else 143)

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if self.security == "none" and not is_loopback(self.host):
            raise ValueError('security = "none" sends the password in clear; only a host on this machine may use it')
        if len(set(self.folders)) != len(self.folders):
            raise ValueError("folders names a folder twice")
        if self.auth == "password" and self.password is None:
            raise ValueError('password is missing; without one, set auth = "xoauth2" or "oauthbearer"')
        if self.password is not None and re.search(r"[\r\n\x00]", self.password.get_secret_value()):
            raise ValueError("the password is more than one line")
        return self
