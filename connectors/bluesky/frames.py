"""The frames of Jetstream, in both wire formats, as one sort of news.

v1: https://github.com/bluesky-social/jetstream; v2: the lexicon `network.bsky.jetstream.subscribeEvents`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import orjson

import hub

POST = "app.bsky.feed.post"
REPOST = "app.bsky.feed.repost"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class NotAFrame(ValueError):
    """This is nothing that Jetstream says. The text is the reason."""


class Ended(Exception):
    """The server ends the stream: the text is its word for why."""


@dataclass(frozen=True, slots=True)
class Said:
    """A record that was made, changed or deleted in somebody's repository, or (*collection* "") an account that is
    *gone* or has come back. *micros* is the server's time in microseconds since 1970, *seq* its number in v2, 0 in v1.
    """

    did: str
    micros: int
    seq: int
    collection: str = ""
    operation: str = ""
    rkey: str = ""
    rev: str = ""
    record: Mapping[str, Any] | None = None
    gone: bool = False

    @property
    def uri(self) -> str:
        """The record's at-uri."""
        return f"at://{self.did}/{self.collection}/{self.rkey}"


def read(frame: str | bytes, wire: Literal["v1", "v2"]) -> Said | None:
    """What *frame* says, None where it is nothing that matters to us. Raises `NotAFrame`, `Ended`."""
    try:
        said = orjson.loads(frame)
        return _first(said) if wire == "v1" else _second(said)
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, NotAFrame):
            raise
        raise NotAFrame(f"{type(error).__name__}: {error}"[:200]) from None


def _first(said: Any) -> Said | None:
    kind, did, micros = said["kind"], str(said["did"]), int(said["time_us"])
    if kind == "commit":
        return _commit(said["commit"], did, micros, 0)
    if kind == "account":
        return _account(said["account"], did, micros, 0)
    return None


def _second(said: Any) -> Said | None:
    if said["$type"] == "error":
        raise Ended(str(said.get("error") or "error")[:100])
    about = said["payload"]
    kind = str(about["$type"]).rpartition("#")[2]
    if kind == "commit":
        return _commit(about, str(about["did"]), _micros(about["time"]), int(about["seq"]))
    if kind == "account":
        return _account(about["account"], str(about["did"]), _micros(about["time"]), int(about["seq"]))
    return None


def _commit(commit: Mapping[str, Any], did: str, micros: int, seq: int) -> Said | None:
    collection = commit["collection"]
    if collection not in (POST, REPOST):
        return None
    operation, record = str(commit["operation"]), commit.get("record")
    if operation not in ("create", "update", "delete"):
        return None
    if operation != "delete" and not isinstance(record, dict):
        raise NotAFrame("a record that was made is not in it")
    return Said(did, micros, seq, collection, operation, str(commit["rkey"]), str(commit["rev"]), record)


def _account(account: Mapping[str, Any], did: str, micros: int, seq: int) -> Said | None:
    # Who is away for a while, or whose server is throttled, has taken nothing back.
    gone = account.get("active") is False and account.get("status") in ("deleted", "takendown", "deactivated")
    return Said(did, micros, seq, gone=True) if gone else None


def moment(micros: int) -> datetime:
    """Microseconds since 1970 as a time."""
    return _EPOCH + timedelta(microseconds=micros)


def micros(at: datetime) -> int:
    """A time in microseconds since 1970."""
    return (at - _EPOCH) // _MICROSECOND


def _micros(text: str) -> int:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise NotAFrame("its time has no zone")
    return micros(at)


def query(wire: Literal["v1", "v2"], cursor: int | None) -> Sequence[tuple[str, str]]:
    """How one asks for posts and reposts after *cursor*. Accounts that go are told in any case in v1."""
    if wire == "v1":
        asked = [("wantedCollections", POST), ("wantedCollections", REPOST)]
    else:
        asked = [("collections", POST), ("collections", REPOST), ("kinds", "commit"), ("kinds", "account")]
    return [*asked, ("cursor", str(cursor))] if cursor is not None else asked


PATHS = {"v1": "/subscribe", "v2": "/xrpc/network.bsky.jetstream.subscribeEvents"}
PROTOCOLS = {"v1": (), "v2": ("xrpc.v1.json",)}

News = hub.Event | hub.Withdrawn
