"""What the hub calls the addresses, messages and conversations of XMPP."""

from __future__ import annotations


def bare(jid: str) -> str:
    """An address without its resource (RFC 7622, 3.1), in lower case as servers compare them."""
    return jid.partition("/")[0].lower()


def handle_of(jid: str) -> str:
    """The handle of an address: `ada@hub.test` is `xmpp:ada@hub.test` (RFC 5122)."""
    return f"xmpp:{jid}"


def key_of(archive: str, ident: str) -> str:
    """The key of a message: *archive* is the bare address in whose archive it lies, within which *ident* is unique
    (XEP-0359, 3): the id it has there or, of what the account itself wrote, its origin id."""
    return f"xmpp:{archive}/{ident}"


def pair(account: str, peer: str) -> str:
    """The conversation of an account with somebody; a room's is its own address."""
    return f"{account}/{peer}"


def peer_of(conversation: str) -> tuple[str, bool]:
    """To whom a conversation goes, and whether that is a room."""
    first, slash, peer = conversation.partition("/")
    return (peer, False) if slash else (first, True)
