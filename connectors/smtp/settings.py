"""The keys of a `[sources.<name>]` table with `provider = "smtp"`."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from ipaddress import ip_address
from typing import Annotated, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

import hub

SHORTEST_SECRET = 16

_LISTEN = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[^\s:\[\]/]+):(?P<port>[0-9]{1,5})")


def _listen(text: str) -> str:
    match = _LISTEN.fullmatch(text)
    if match is None or int(match["port"]) > 65535:
        raise ValueError(f'"{text}" is no address to listen on. Write one such as "127.0.0.1:2525".')
    return text


def _pattern(text: str) -> str:
    """`example.org` and `@example.org` stand for every address there."""
    pattern = text.strip().lower()
    if not pattern or re.search(r"\s|,", pattern):
        raise ValueError(f'"{text}" is neither a domain ("example.org") nor an address ("crm-*@example.org").')
    return pattern if "@" in pattern.lstrip("@") else f"*@{pattern.lstrip('@')}"


def _plain_address(text: str) -> str:
    if text and not re.fullmatch(r"[A-Za-z0-9._-]{1,20}@[^@\s<>,;:\"()\[\]\\]+", text):
        raise ValueError(
            f'"{text}" is no address of which there can be one for each agent. Write it as "dropbox@hub.example.org".'
        )
    return text.lower()


class SmtpSettings(hub.Settings):
    """Where the door is, for which recipients it opens, and how much of its mail may be seen.

    *accept* are domains and addresses, in which `*` stands for anything; empty takes every recipient, which is allowed
    only on an address that other machines cannot reach. *max_bytes* is the largest mail.

    *dropbox* and *forward* are addresses of which every agent gets one of her own, made with *secret*
    (`connectors.smtp.entrances`): with one of them set and *accept* empty, the door opens for these alone.
    *cert_file* and *key_file* (PEM) are for STARTTLS; with *username* and *password* nobody hands in mail without them,
    and nobody says them without TLS.
    """

    listen: Annotated[str, AfterValidator(_listen)] = "127.0.0.1:2525"
    accept: tuple[Annotated[str, AfterValidator(_pattern)], ...] = ()
    max_bytes: Annotated[int, Field(ge=1024)] = 50_000_000
    dropbox: Annotated[str, AfterValidator(_plain_address)] = ""
    forward: Annotated[str, AfterValidator(_plain_address)] = ""
    secret: SecretStr | None = None
    cert_file: str = ""
    key_file: str = ""
    username: str = ""
    password: SecretStr | None = None
    level: hub.Level = hub.Level.ALL
    audience: str = ""

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of *listen*."""
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach the door."""
        host, _ = self.address
        try:
            return ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"

    @property
    def opens_for_all(self) -> bool:
        """Whether mail is taken for whatever address."""
        return not (self.accept or self.dropbox or self.forward)

    def accepts(self, address: str) -> bool:
        """Whether mail for *address* is taken, which is none of an agent's."""
        return self.opens_for_all or any(fnmatchcase(address.lower(), pattern) for pattern in self.accept)

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if (self.dropbox or self.forward) and self.secret is None:
            raise ValueError("secret is missing; without one anybody could hand in mail in an agent's name")
        if self.secret is not None and len(self.secret.get_secret_value()) < SHORTEST_SECRET:
            raise ValueError(
                f"the secret is shorter than {SHORTEST_SECRET} characters; `openssl rand -hex 32` makes one"
            )
        if self.dropbox and self.dropbox == self.forward:
            raise ValueError("dropbox and forward are the same address")
        if self.key_file and not self.cert_file:
            raise ValueError("cert_file is missing beside key_file")
        if bool(self.username) != (self.password is not None):
            raise ValueError("username and password belong together")
        if self.username and not self.cert_file:
            raise ValueError("cert_file is missing: a password is not sent without TLS")
        return self
