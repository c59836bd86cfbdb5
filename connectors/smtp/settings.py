"""The keys of a `[sources.<name>]` table with `provider = "smtp"`."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from ipaddress import ip_address
from typing import Annotated

from pydantic import AfterValidator, Field

import hub

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


class SmtpSettings(hub.Settings):
    """Where the door is, for which recipients it opens, and how much of its mail may be seen.

    *accept* are domains and addresses, in which `*` stands for anything; empty takes every recipient, which is allowed
    only on an address that other machines cannot reach. *max_bytes* is the largest mail.
    """

    listen: Annotated[str, AfterValidator(_listen)] = "127.0.0.1:2525"
    accept: tuple[Annotated[str, AfterValidator(_pattern)], ...] = ()
    max_bytes: Annotated[int, Field(ge=1024)] = 50_000_000
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

    def accepts(self, address: str) -> bool:
        """Whether mail for *address* is taken."""
        return not self.accept or any(fnmatchcase(address.lower(), pattern) for pattern in self.accept)
