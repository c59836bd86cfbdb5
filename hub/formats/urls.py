"""Addresses of servers as people write them into the config."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

_PLAIN = {"https": "http", "wss": "ws"}


def secure(url: str, scheme: str = "https") -> str:
    """*url* without a slash at the end, if it keeps secrets on their way: its scheme is *scheme* (`https` or `wss`), or
    the one without encryption to this very machine. Raises `ValueError`, whose text says what it must begin with."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        parts, host = urlsplit(""), ""
    if not (parts.scheme == scheme and host) and not (parts.scheme == _PLAIN[scheme] and _is_loopback(host)):
        raise ValueError(f"must begin with {scheme}://")
    return url.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
