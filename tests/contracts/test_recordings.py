"""Every recording becomes what stands beside it. A new recording is a new test."""

from __future__ import annotations

from typing import Any

import pytest

import hub
from tests.contracts.recordings import CONNECTORS, Recording, recordings, told, webhook


@pytest.mark.parametrize("recording", recordings(), ids=lambda each: f"{each.provider}-{each.path.name}")
def test_it_becomes_what_stands_beside_it(recording: Recording) -> None:
    door, delivery, expected = webhook(recording.provider), recording.delivery(), recording.expected
    door.verify(delivery)
    if "unsupported" in expected:
        with pytest.raises(hub.Unsupported) as refused:
            door.parse(delivery)
        assert expected["unsupported"] in str(refused.value)
    else:
        said = door.parse(delivery)
        events = [event for event in said if isinstance(event, hub.Event)]
        assert len(events) == len(expected["events"])
        for event, wanted in zip(events, expected["events"], strict=True):
            assert told(event, wanted) == wanted
        receipts = [_receipt(each) for each in said if isinstance(each, hub.Receipt)]
        assert receipts == expected.get("receipts", [])
    assert _reply(door.reply(delivery)) == expected["reply"]


def test_every_recording_is_whole() -> None:
    folders = {path.parent for path in CONNECTORS.glob("*/recordings/*.http")}
    assert folders
    for folder in folders:
        assert {path.stem for path in folder.glob("*.http")} == {path.stem for path in folder.glob("*.json")}
        assert "CC0" in (folder / "SOURCES.md").read_text() or "licence" in (folder / "SOURCES.md").read_text().lower()


def _receipt(receipt: hub.Receipt) -> dict[str, str]:
    shown = {"key": receipt.key, "state": receipt.state.value}
    return {**shown, "reason": receipt.reason} if receipt.reason else shown


def _reply(reply: hub.Reply) -> dict[str, Any]:
    if not reply.body:
        return {"status": reply.status}
    return {"status": reply.status, "content_type": reply.content_type, "body": reply.body.decode()}
