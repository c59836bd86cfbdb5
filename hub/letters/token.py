"""Our own token in the Message-IDs of what we send: whoever answers one of them answers that conversation.

The token is signed, so that nobody can name a conversation of ours who never had a mail from it.
"""

from __future__ import annotations

import re
import secrets

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from hub.formats.signing import equal, hmac_hex
from hub.store.schema import keys

NAME = "letters"
"""Under which the key lies in the store, where every hub on it finds the same one."""

MAC_CHARACTERS = 20
_TOKEN = re.compile(r"<c(\d{1,19})\.([0-9a-f]{16})\.([0-9a-f]{20})@[^<>@\s]+>", re.IGNORECASE)


class Tokens:
    """Makes and reads Message-IDs with the key of this store (`key`). Pure but for the random part."""

    def __init__(self, key: str) -> None:
        self._key = key
        self.marker = hmac_hex(key, b"loop")[:MAC_CHARACTERS]
        """The hub's marker in the loop header (`hub.formats.automatic.outgoing`): one for each store."""

    def message_id(self, conversation: int, domain: str) -> str:
        """A new Message-ID at *domain* (ASCII) that names *conversation*, with its angle brackets."""
        named = f"c{conversation}.{secrets.token_hex(8)}"
        return f"<{named}.{self._mac(named)}@{domain}>"

    def conversation_of(self, message_id: str) -> int | None:
        """The conversation that *message_id* names; None where it is no token of ours."""
        found = _TOKEN.fullmatch(message_id)
        if found is None:
            return None
        conversation, drawn, mac = found.groups()
        if not equal(self._mac(f"c{conversation}.{drawn.lower()}"), mac.lower()):
            return None
        return int(conversation)

    def _mac(self, named: str) -> str:
        return hmac_hex(self._key, named.encode())[:MAC_CHARACTERS]


def key(conn: Connection) -> str:
    """The key of this store; the first who asks makes it. Runs in a transaction that writes."""
    insert = (sqlite.insert if conn.dialect.name == "sqlite" else postgresql.insert)(keys)
    conn.execute(insert.values(name=NAME, value=secrets.token_hex(32)).on_conflict_do_nothing())
    made: str = conn.execute(sa.select(keys.c.value).where(keys.c.name == NAME)).scalar_one()
    return made
