"""The keys of a `[sources.<name>]` table with `provider = "imap"` that say how its mails leave (RFC 6409)."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, StringConstraints, model_validator

import hub

OneLine = Annotated[str, StringConstraints(pattern=r"^[^\r\n\x00]*$")]


class SubmissionSettings(hub.Settings):
    """Without *smtp_host* the mailbox is only read.

    *smtp_port* is 465 with `smtp_security = "tls"` and 587 otherwise. *smtp_username* and *smtp_password* are the
    mailbox's own unless they are given, and so is *smtp_auth*; "none" is for a server that knows us by our address.
    *save_sent* says whether the hub keeps a copy in the folder of sent mails; "auto" leaves it to servers that do so
    themselves. *from_name* stands before the address, with {agent} for the name of who writes.
    """

    smtp_host: OneLine = ""
    smtp_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    smtp_security: Literal["tls", "starttls", "none"] = "tls"
    smtp_username: OneLine = ""
    smtp_password: SecretStr | None = None
    smtp_auth: Literal["", "password", "xoauth2", "oauthbearer", "none"] = ""
    save_sent: Literal["auto", "yes", "no"] = "auto"
    from_name: OneLine = "{agent}"

    @property
    def smtp_address(self) -> tuple[str, int]:
        """Host and port that mails are handed to."""
        return self.smtp_host, self.smtp_port or (465 if self.smtp_security == "tls" else 587)

    @model_validator(mode="after")
    def _sends_safely(self) -> Self:
        if self.smtp_host and self.smtp_security == "none" and not is_loopback(self.smtp_host):
            raise ValueError('smtp_security = "none" sends mails in clear; only a host on this machine may use it')
        if self.smtp_password is not None and re.search(r"[\r\n\x00]", self.smtp_password.get_secret_value()):
            raise ValueError("the smtp_password is more than one line")
        return self


def is_loopback(host: str) -> bool:
    """Whether *host* is this machine."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
