"""What changes of mails that were read: their flags, that they went, and their numbers. On a real Dovecot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from imapclient import DELETED, FLAGGED, SEEN

import hub
from connectors.imap import Connector, reading
from tests.connectors.imap.mails import mail, settings, subject
from tests.contracts.connector import SECONDS, heard, setup
from tests.contracts.proxy import Proxy
from tests.servers.dovecot import Dovecot


def connector(port: int, loan: hub.Loan | None = None, **changes: object) -> Connector:
    return Connector(settings(port, **{"folders": ["INBOX"], **changes}), replace(setup(), loan=loan))


def in_inbox(dovecot: Dovecot, change: Callable[[Any], object], folder: str = "INBOX") -> None:
    """Another program changes something."""
    with dovecot.login() as client:
        client.select_folder(folder)
        change(client)


def delete(uids: Sequence[int]) -> Callable[[Any], object]:
    def change(client: Any) -> None:
        client.set_flags(uids, [DELETED], silent=True)
        client.expunge()

    return change


async def told(arrivals: AsyncGenerator[hub.Arrival, None], kind: type[hub.Item]) -> list[hub.Item]:
    """The items of the next arrival that has one of *kind*."""
    async with asyncio.timeout(SECONDS):
        async for arrival in arrivals:
            if found := [item for item in arrival.items if isinstance(item, kind)]:
                return found
    raise AssertionError("it ended")


def ids(items: Sequence[hub.Item]) -> list[int]:
    """The UIDs of *items*."""
    assert all(isinstance(item, hub.Flagged | hub.Removed) for item in items)
    return sorted(int(item.provider_id.partition(":")[2]) for item in items)  # type: ignore[union-attr]


async def test_flags_and_removals_are_told_while_we_listen(dovecot: Dovecot, between: Proxy) -> None:
    dovecot.append([mail("one"), mail("two"), mail("three")])
    async with aclosing(connector(between.port).listen(None)) as arrivals:
        first = (await heard(arrivals, 3))[-1].items[-1]
        coming = asyncio.ensure_future(told(arrivals, hub.Flagged))
        await between.until_sent(b"IDLE\r\n")
        await asyncio.to_thread(in_inbox, dovecot, lambda client: client.set_flags([2], [FLAGGED, b"$Done"]))
        (flagged,) = await coming
        assert isinstance(flagged, hub.Flagged)
        assert isinstance(first, hub.RawMail)
        assert flagged.provider_id == f"{first.copy.provider_id.partition(':')[0]}:2"
        assert (flagged.place, set(flagged.flags)) == ("INBOX", {r"\Flagged", "$Done"})
        coming = asyncio.ensure_future(told(arrivals, hub.Removed))
        await between.until_sent(b"IDLE\r\n")
        await asyncio.to_thread(in_inbox, dovecot, delete([1, 3]))
        assert ids(await coming) == [1, 3]
    assert between.accepted == 1


async def test_what_changed_while_nobody_listened_is_told_next_time(dovecot: Dovecot, between: Proxy) -> None:
    dovecot.append(mail(f"mail-{number}") for number in range(1, 9))
    async with aclosing(connector(between.port).listen(None)) as arrivals:
        await heard(arrivals, 8)
        cursor = (await anext(arrivals)).cursor
    in_inbox(dovecot, lambda client: client.set_flags([5], [SEEN]))
    in_inbox(dovecot, delete([2, 3, 7]))
    async with aclosing(connector(between.port).listen(cursor)) as arrivals:
        arrival = next(arrival for arrival in await heard(arrivals, 1) if arrival.items)
        assert ids([item for item in arrival.items if isinstance(item, hub.Flagged)]) == [5]
        assert ids([item for item in arrival.items if isinstance(item, hub.Removed)]) == [2, 3, 7]
        cursor = (await anext(arrivals)).cursor
    # And then it is over.
    async with aclosing(connector(between.port).listen(cursor)) as arrivals:
        waiting = asyncio.ensure_future(anext(arrivals))
        await between.until_sent(b"IDLE\r\n")
        assert not waiting.done()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


async def test_changes_in_a_folder_that_is_not_open_are_told(dovecot: Dovecot, between: Proxy) -> None:
    dovecot.append([mail("one"), mail("two")], folder="Sent")
    async with aclosing(connector(between.port, folders=()).listen(None)) as arrivals:
        await heard(arrivals, 2)
        coming = asyncio.ensure_future(told(arrivals, hub.Flagged))
        await between.until_sent(b"IDLE\r\n")
        await asyncio.to_thread(in_inbox, dovecot, lambda client: client.set_flags([1], [FLAGGED]), "Sent")
        assert ids(await coming) == [1]
        coming = asyncio.ensure_future(told(arrivals, hub.RawMail))
        await asyncio.to_thread(dovecot.append, [mail("out")], folder="Sent")
        assert [subject(item) for item in await coming] == ["out"]
    assert between.accepted == 1


@pytest.mark.parametrize("without", [b"QRESYNC", b"CONDSTORE"])
async def test_a_server_that_counts_less_is_compared_with(
    dovecot: Dovecot, between: Proxy, without: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "COMPARE_SECONDS", 0.2)
    between.edit = lambda block: block.replace(b" " + without, b"")
    dovecot.append(mail(f"mail-{number}") for number in range(1, 9))
    async with aclosing(connector(between.port, poll_seconds=1).listen(None)) as arrivals:
        await heard(arrivals, 8)
        cursor = (await anext(arrivals)).cursor
    in_inbox(dovecot, delete([2, 3, 7]))
    in_inbox(dovecot, lambda client: client.set_flags([5], [SEEN]))
    async with aclosing(connector(between.port, poll_seconds=1).listen(cursor)) as arrivals:
        items: list[hub.Item] = []
        async with asyncio.timeout(SECONDS):
            while not {hub.Flagged, hub.Removed} <= {type(item) for item in items}:
                items += (await anext(arrivals)).items
        assert 5 in ids([item for item in items if isinstance(item, hub.Flagged)])
        assert ids([item for item in items if isinstance(item, hub.Removed)]) == [2, 3, 7]
        # From here on it is known what was there.
        coming = asyncio.ensure_future(told(arrivals, hub.Removed))
        await asyncio.to_thread(in_inbox, dovecot, delete([4]))
        assert ids(await coming) == [4]


async def test_a_mail_that_is_said_to_have_vanished_and_lies_there_is_not_removed(
    dovecot: Dovecot, between: Proxy
) -> None:
    """As iCloud says it: Mailspring-Sync#91."""
    dovecot.append(mail(f"mail-{number}") for number in range(1, 6))

    def lie(block: bytes) -> bytes:
        return block.replace(b"* VANISHED 2\r\n", b"* VANISHED 1:3,x\r\n* VANISHED 1:4294967295\r\n")

    async with aclosing(connector(between.port).listen(None)) as arrivals:
        await heard(arrivals, 5)
        between.edit = lie
        coming = asyncio.ensure_future(told(arrivals, hub.Removed))
        await between.until_sent(b"IDLE\r\n")
        await asyncio.to_thread(in_inbox, dovecot, delete([2]))
        assert ids(await coming) == [2]


class Memory:
    """What the hub lends: it knows the mails with *subjects*."""

    def __init__(self, *subjects: str) -> None:
        self.known = {f"<{subject}@example.net>" for subject in subjects}
        self.asked: list[hub.Sighting] = []

    async def access_token(self, refused: str | None = None) -> str:
        raise AssertionError("nobody needs one")

    async def rebind(self, place: str, sightings: Sequence[hub.Sighting]) -> frozenset[str]:
        assert place == "Shop"
        assert len(sightings) <= reading.AT_ONCE
        self.asked += sightings
        return frozenset(sighting.provider_id for sighting in sightings if sighting.message_id not in self.known)


async def test_of_a_renumbered_folder_only_what_is_unknown_is_fetched(dovecot: Dovecot, between: Proxy) -> None:
    now = datetime.now(UTC)
    with dovecot.login() as client:
        client.create_folder("Shop")
    dovecot.append((mail(f"mail-{number}") for number in range(reading.AT_ONCE + 50)), folder="Shop")
    memory = Memory(*(f"mail-{number}" for number in range(reading.AT_ONCE + 50)))
    async with aclosing(connector(between.port, memory, folders=["Shop"]).listen(None)) as arrivals:
        await heard(arrivals, reading.AT_ONCE + 50)
        cursor = (await anext(arrivals)).cursor
    assert memory.asked == []
    with dovecot.login() as client:
        client.delete_folder("Shop")
        client.create_folder("Shop")
        client.append("Shop", mail("unknown"), msg_time=now - timedelta(days=2))
        client.append("Shop", mail("too old"), msg_time=now - timedelta(days=700))
        client.append("Shop", b"Subject: without id\r\n\r\nhello\r\n", msg_time=now)
    dovecot.append((mail(f"mail-{number}") for number in range(reading.AT_ONCE + 50)), folder="Shop")
    between.sent.clear()
    got: list[hub.Arrival] = []
    async with aclosing(connector(between.port, memory, folders=["Shop"]).listen(cursor)) as arrivals:
        async with asyncio.timeout(SECONDS):
            while not got or got[-1].backfill is not None:
                got.append(await anext(arrivals))
    items = [item for arrival in got for item in arrival.items]
    assert [subject(item) for item in items] == ["without id", "unknown"]
    assert {arrival.backfill.total for arrival in got if arrival.backfill} == {reading.AT_ONCE + 53}
    first = next(sighting for sighting in memory.asked if sighting.message_id == "<mail-0@example.net>")
    assert first.size == len(mail("mail-0"))
    assert first.received_at >= now.replace(microsecond=0)
    assert first.provider_id.endswith(":4")
    assert [sighting.message_id for sighting in memory.asked].count("") == 1
    # Two mails were fetched, and of the others their headers' one line.
    assert between.sent.count(b"BODY.PEEK[])") <= 2


async def test_freshness_while_listening_needs_no_connection_of_its_own(
    dovecot: Dovecot, between: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = connector(between.port, folders=())
    async with aclosing(listener.listen(None)) as arrivals:
        cursor = (await anext(arrivals)).cursor
        while (arrival := await anext(arrivals)).cursor and '"INBOX"' not in (arrival.cursor or ""):
            pass
        cursor = arrival.cursor
        coming = asyncio.ensure_future(told(arrivals, hub.RawMail))
        await between.until_sent(b"IDLE\r\n")
        assert await listener.freshness(cursor) == hub.Freshness(0, 0.0)
        assert between.sent.count(b"STATUS") == 0
        # An old word does not count: the server is asked.
        monkeypatch.setattr("connectors.imap.connector.MEASURE_SECONDS", -1.0)
        assert await listener.freshness(cursor) == hub.Freshness(0, 0.0)
        assert between.sent.count(b"STATUS") > 0
        await asyncio.to_thread(dovecot.deliver, mail("new"))
        await coming
        monkeypatch.undo()
        # Heard, and not durable yet.
        lag = await listener.freshness(cursor)
        assert lag.messages == 1
        assert lag.seconds is not None
        assert 0 <= lag.seconds < SECONDS
    assert between.accepted == 1


async def test_who_measures_hears_that_the_connection_ended(
    dovecot: Dovecot, between: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.imap.connector.MEASURE_SECONDS", -1.0)
    listener = connector(between.port)
    async with aclosing(listener.listen(None)) as arrivals:
        await anext(arrivals)
        measuring = asyncio.ensure_future(listener.freshness(None))
        await asyncio.sleep(0)
    with pytest.raises(hub.Unavailable):
        await measuring


async def test_a_server_that_does_not_answer_the_end_of_an_idle_is_gone(
    dovecot: Dovecot, between: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.imap.mailbox.DONE_SECONDS", 0.2)
    listener = connector(between.port)
    async with aclosing(listener.listen(None)) as arrivals:
        await anext(arrivals)
        waiting = asyncio.ensure_future(anext(arrivals))
        await between.until_sent(b"IDLE\r\n")
        between.edit = lambda block: b"* OK here\r\n" if b"Idle completed" in block else block
        await listener.wake()
        with pytest.raises(hub.Unavailable) as error:
            await waiting
    assert "in time" in str(error.value)
