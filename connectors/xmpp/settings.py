"""The keys of a `[sources.<name>]` table with `provider = "xmpp"`."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, StringConstraints, field_validator, model_validator

import hub
from connectors.xmpp.names import bare, handle_of

Jid = Annotated[str, StringConstraints(pattern=r"^[^@/\s\"&'<>]+@[^@/\s]+$", max_length=2047)]


class XmppSettings(hub.Settings):
    """The account (*jid*, `sales@example.org`), and the *rooms* that it enters as *nick*.

    *host* and *port* are needed only where the domain's SRV records do not say where its server is. *security* is how
    the connection is protected: "starttls", "tls" from the first byte, or "none", to this machine alone. *ca_file* are
    certificates to trust instead of the system's. The first reading takes the messages of the last *days*. People may
    see our presence who ask for it: nobody, those *listed* in *accept_from* (addresses, or whole domains), or anyone.
    *file_hosts* (`host:port`) may be private addresses, and on any port; files lie there.
    """

    jid: Jid
    password: Annotated[SecretStr, Field(min_length=1)]
    host: str = ""
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    security: Literal["starttls", "tls", "none"] = "starttls"
    ca_file: str = ""
    rooms: tuple[Jid, ...] = ()
    nick: Annotated[str, StringConstraints(min_length=1, max_length=100)] = "hub"
    days: int = Field(30, ge=0, le=3650)
    accept: Literal["nobody", "listed", "anyone"] = "nobody"
    accept_from: tuple[Annotated[str, StringConstraints(min_length=1, max_length=2047)], ...] = ()
    file_hosts: tuple[str, ...] = ()

    @field_validator("jid")
    @classmethod
    def _lower(cls, jid: str) -> str:
        return bare(jid)

    @field_validator("rooms")
    @classmethod
    def _all_lower(cls, rooms: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(bare(room) for room in rooms)

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if self.security == "none" and not _is_loopback(self.host):
            raise ValueError('security = "none" sends all in clear; only a host on this machine may use it')
        if self.port and not self.host:
            raise ValueError("port needs host")
        return self

    @property
    def own(self) -> tuple[str, ...]:
        """The account is ours."""
        return (handle_of(self.jid),)

    def accepts(self, jid: str) -> bool:
        """Whether *jid* may see our presence."""
        if self.accept != "listed":
            return self.accept == "anyone"
        return bare(jid) in self.accept_from or bare(jid).partition("@")[2] in self.accept_from


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
