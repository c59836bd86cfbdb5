from __future__ import annotations

from tests.servers.pds import pds


def test_people_join_post_and_take_it_down() -> None:
    with pds() as server:
        ada = server.join("ada")
        kept = server.post(ada, "Hello 你好 🙂", langs=["en"])
        gone = server.post(ada, "Not for long")
        server.delete(ada, gone)
        ((post),) = server.posts(ada)
        assert post["uri"] == kept
        assert post["value"]["text"] == "Hello 你好 🙂"
