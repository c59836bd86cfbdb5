"""The token in our Message-IDs: it names its conversation to us, and to nobody who makes one up."""

from __future__ import annotations

import pytest

from hub.letters import token
from hub.letters.token import Tokens
from hub.store import Store

OURS = Tokens("a" * 64)


def test_a_message_id_names_its_conversation() -> None:
    one, other = OURS.message_id(4711, "example.org"), OURS.message_id(4711, "example.org")
    assert one != other
    assert one.endswith("@example.org>")
    assert OURS.conversation_of(one) == OURS.conversation_of(other) == 4711
    # Some servers write ids anew in capitals.
    assert OURS.conversation_of(one.upper()) == 4711


@pytest.mark.parametrize("change", [("c4711.", "c4712."), ("<", ""), ("@", "@@"), (".", "", 1)])
def test_what_was_changed_names_nothing(change: tuple[str, str]) -> None:
    assert OURS.conversation_of(OURS.message_id(4711, "example.org").replace(*change)) is None


def test_another_hub_s_names_nothing_here() -> None:
    assert OURS.conversation_of(Tokens("b" * 64).message_id(4711, "example.org")) is None
    assert OURS.marker != Tokens("b" * 64).marker


async def test_every_hub_on_a_store_has_the_same_key(store: Store) -> None:
    first = await store.write(token.key)
    assert len(first) == 64
    assert await store.write(token.key) == first
