"""Where a request that a stranger caused may go: to public addresses, on the ports of the web, and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Collection
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from yarl import URL

from hub.contracts import Unsupported

PORTS = frozenset({80, 443, 8080, 8443})
LONGEST_URL = 4096

_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\.?")
# https://url.spec.whatwg.org/#ends-in-a-number-checker: what an old parser would take for an IPv4 address.
_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\.?")
# IANA's registry of special-purpose addresses; `is_global` of Python 3.11 knows neither all of them nor mapped ones.
_IPV4 = tuple(map(IPv4Network, ("192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "100.64.0.0/10", "240.0.0.0/4")))
_UNICAST = IPv6Network("2000::/3")
_IPV6 = tuple(map(IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")))


def public(address: str) -> bool:
    """Whether the IP *address* is one of the public internet. Those that carry another inside (IPv4-mapped, NAT64,
    6to4, Teredo) never are: what they lead to depends on the network we are in."""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, IPv4Address):
        return ip.is_global and not ip.is_multicast and not any(ip in network for network in _IPV4)
    return _native(ip)


def _native(ip: IPv6Address) -> bool:
    return ip.scope_id is None and ip in _UNICAST and ip.is_global and not any(ip in network for network in _IPV6)


def place(url: URL) -> str:
    """`host:port` of *url*, as `Guarded` is told which it may ask although they are private."""
    host = (url.raw_host or "").lower().rstrip(".")
    return f"[{host}]:{url.port}" if ":" in host else f"{host}:{url.port}"


def checked(text: str, base: URL | None = None, allow: Collection[str] = ()) -> URL:
    """The address that *text* is, seen from *base*, without its fragment: exactly what will be asked, read by the
    parser that asks. Raises `Unsupported` where it is not one to go to, whatever its name stands for."""
    if len(text) > LONGEST_URL or any(character < " " or character in "\\\x7f" for character in text):
        raise Unsupported("the address is not one that can be asked")
    try:
        # What is escaped stays as it was written: servers tell the spellings apart.
        url = URL(text.strip(), encoded=text.isascii())
        url = (url if base is None else base.join(url)).with_fragment(None)
        host, port = (url.raw_host or "").lower(), url.port
    except (ValueError, TypeError):
        raise Unsupported("the address is not one that can be asked") from None
    if url.scheme not in ("http", "https"):
        raise Unsupported("the address is neither http nor https, so it is not asked")
    if "@" in url.raw_authority:
        raise Unsupported("the address holds a name or a password, so it is not asked")
    if place(url) in allow:
        return url
    if port not in PORTS:
        raise Unsupported(f"the address is on port {port}, which is not one of the web's, so it is not asked")
    if ":" in host or _numeric(host):
        if not public(host):
            raise Unsupported("the address is not a public one, so it is not asked")
    elif not _NAME.fullmatch(host):
        raise Unsupported("the address names no host")
    return url


def _numeric(host: str) -> bool:
    return _NUMBER.fullmatch(host) is not None
