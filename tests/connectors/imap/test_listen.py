"""What the connector hears of a mailbox, on a real Dovecot."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime, timedelta, timezone
from random import Random

import pytest
from imapclient import DELETED

import hub
from connectors.imap import Connector
from connectors.imap.portions import MAILS
from tests.connectors.imap.mails import mail, settings, subject
from tests.contracts.connector import heard, setup
from tests.contracts.proxy import Proxy, proxy
from tests.servers.dovecot import Dovecot
from tests.servers.dovecot import dovecot as running_dovecot


def connector(port: int, **changes: object) -> Connector:
    """Of the Inbox alone, where nothing else is said."""
    return Connector(settings(port, **{"folders": ["INBOX"], **changes}), setup())


def subjects(arrivals: list[hub.Arrival]) -> list[str]:
    return [subject(item) for arrival in arrivals for item in arrival.items]


def raw_mail(arrival: hub.Arrival) -> hub.RawMail:
    (item,) = arrival.items
    assert isinstance(item, hub.RawMail)
    return item


async def test_a_mail_comes_as_it_lies_there(dovecot: Dovecot) -> None:
    raw = mail("as it is", body="8-bit: \xfc, and a line of dots:\r\n...").replace(b"\xc3\xbc", b"\xfc")
    dovecot.deliver(mail("delivered"))
    with dovecot.login() as client:
        taken = datetime(2025, 11, 3, 15, 30, tzinfo=timezone(timedelta(hours=5, minutes=30)))
        client.append("INBOX", raw, flags=[rb"\Flagged", b"$Label1"], msg_time=taken)
    async with aclosing(connector(dovecot.imap_port, since_days=40_000).listen(None)) as arrivals:
        items = [item for arrival in await heard(arrivals, 2) for item in arrival.items]
    got = items[0]  # the newest first
    assert isinstance(got, hub.RawMail)
    assert got.raw == raw
    assert got.received_at == datetime(2025, 11, 3, 10, 0, tzinfo=UTC)
    assert got.received_at.tzinfo is UTC
    assert got.copy.place == "INBOX"
    assert got.copy.flags == {r"\Flagged", "$Label1"}
    validity, _, uid = got.copy.provider_id.partition(":")
    assert (int(validity) > 0, uid) == (True, "2")


async def test_no_flag_of_any_mail_is_changed(dovecot: Dovecot) -> None:
    dovecot.append([mail("small"), mail("large", body="x" * 5000)])
    async with aclosing(connector(dovecot.imap_port, max_bytes=2000).listen(None)) as arrivals:
        await heard(arrivals, 2)
    with dovecot.login() as client:
        client.select_folder("INBOX", readonly=True)
        assert set(client.get_flags([1, 2]).values()) <= {(), (rb"\Recent",)}


async def test_level_and_audience_go_to_every_copy(dovecot: Dovecot) -> None:
    dovecot.append([mail("one")])
    listening = connector(dovecot.imap_port, level="subject", audience="ada").listen(None)
    async with aclosing(listening) as arrivals:
        copy = raw_mail((await heard(arrivals, 1))[-1]).copy
    assert (copy.level, copy.audience) == (hub.Level.SUBJECT, "ada")


async def test_a_delivery_ends_the_idle(dovecot: Dovecot, between: Proxy) -> None:
    async with aclosing(connector(between.port).listen(None)) as arrivals:
        coming = asyncio.ensure_future(heard(arrivals, 1))
        await between.until_sent(b"IDLE\r\n")
        await asyncio.to_thread(dovecot.deliver, mail("rings"))
        arrival = (await coming)[-1]
        assert subjects([arrival]) == ["rings"]
        assert arrival.live
        # And a second time on the same connection.
        coming = asyncio.ensure_future(heard(arrivals, 1))
        await between.until_sent(b"IDLE\r\n")
        await asyncio.to_thread(dovecot.deliver, mail("again"))
        assert subjects(await coming) == ["again"]
    assert between.accepted == 1


async def test_news_that_come_with_the_go_ahead_of_idle_are_seen(dovecot: Dovecot, between: Proxy) -> None:
    """The server's go-ahead and its first news may share a packet; whoever then waits on the socket misses them."""
    dovecot.append([mail("first")])
    told: list[bytes] = []

    def with_news(block: bytes) -> bytes | None:
        if b"+ idling" in block and not told:
            told.append(block)
            dovecot.append([mail("second")])
            return block + b"* 2 EXISTS\r\n"
        return block

    between.edit = with_news
    async with aclosing(connector(between.port, idle_minutes=28).listen(None)) as arrivals:
        assert subjects(await heard(arrivals, 2)) == ["first", "second"]
    assert told


async def test_a_server_that_chats_does_not_end_the_idle(dovecot: Dovecot, between: Proxy) -> None:
    dovecot.append([mail("first"), mail("second")])
    chat = b"* OK Still here\r\n* 2 EXISTS\r\n* 0 RECENT\r\n"
    between.edit = lambda block: block + chat if b"+ idling" in block else block
    async with aclosing(connector(between.port).listen(None)) as arrivals:
        await heard(arrivals, 2)
        coming = asyncio.ensure_future(heard(arrivals, 1))
        await between.until_sent(b"IDLE\r\n")
        await asyncio.to_thread(dovecot.deliver, mail("third"))
        assert subjects(await coming) == ["third"]
        assert between.sent.count(b"IDLE\r\n") == 0


async def test_a_mail_that_takes_the_number_of_a_deleted_one_ends_the_idle(dovecot: Dovecot, between: Proxy) -> None:
    dovecot.append([mail("first"), mail("second")])
    async with aclosing(connector(between.port).listen(None)) as arrivals:
        await heard(arrivals, 2)
        coming = asyncio.ensure_future(heard(arrivals, 1))
        await between.until_sent(b"IDLE\r\n")
        with dovecot.login() as client:
            client.select_folder("INBOX")
            client.set_flags([1], [DELETED])
            client.expunge()
            client.append("INBOX", mail("third"))
        told = await coming
        while not any(isinstance(item, hub.RawMail) for item in told[-1].items):
            told = await heard(arrivals, 1)
        assert subjects(told[-1:]) == ["third"]


async def test_a_server_without_idle_is_asked_again_and_again(dovecot: Dovecot, between: Proxy) -> None:
    between.edit = lambda block: block.replace(b" IDLE", b"")
    async with aclosing(connector(between.port, poll_seconds=1).listen(None)) as arrivals:
        coming = asyncio.ensure_future(heard(arrivals, 1))
        await between.until_sent(b"NOOP")
        await asyncio.to_thread(dovecot.deliver, mail("polled"))
        assert subjects(await coming) == ["polled"]


async def test_every_folder_is_read_and_the_second_is_polled(dovecot: Dovecot) -> None:
    name = 'Ablage/Größe "x"'
    with dovecot.login() as client:
        client.create_folder(name)
    dovecot.append([mail("in inbox")])
    dovecot.append([mail("in sent")], folder="Sent")
    folders = ["INBOX", "Sent", name]
    async with aclosing(connector(dovecot.imap_port, folders=folders, poll_seconds=1).listen(None)) as arrivals:
        before = await heard(arrivals, 2)
        with dovecot.login() as client:
            client.append(name, mail("filed"))
        filed = raw_mail((await heard(arrivals, 1))[-1])
        await asyncio.to_thread(dovecot.deliver, mail("rings"))
        after = await heard(arrivals, 1)
    assert sorted(subjects(before)) == ["in inbox", "in sent"]
    assert filed.copy.place == name
    assert subjects(after) == ["rings"]
    async with aclosing(connector(dovecot.imap_port, folders=folders).listen(after[-1].cursor)) as arrivals:
        await asyncio.to_thread(dovecot.deliver, mail("next"))
        assert subjects(await heard(arrivals, 1)) == ["next"]


async def test_backfill_ends_at_the_cut_off_and_runs_from_new_to_old(dovecot: Dovecot) -> None:
    now = datetime.now(UTC)
    with dovecot.login() as client:
        for days in (400, 300, 200, 500, 100):
            client.append("INBOX", mail(f"{days} days"), msg_time=now - timedelta(days=days))
    async with aclosing(connector(dovecot.imap_port).listen(None)) as arrivals:
        before = await heard(arrivals, 3)
        await asyncio.to_thread(dovecot.deliver, mail("now"))
        after = await heard(arrivals, 1)
    assert subjects(before) == ["100 days", "200 days", "300 days"]
    assert subjects(after) == ["now"]


async def test_new_mail_overtakes_backfill(dovecot: Dovecot) -> None:
    dovecot.append(mail(f"old-{number}") for number in range(6 * MAILS))
    async with aclosing(connector(dovecot.imap_port).listen(None)) as arrivals:
        before = await heard(arrivals, 1)
        await asyncio.to_thread(dovecot.append, [mail("new")])
        rest = await heard(arrivals, 6 * MAILS + 1 - len(subjects(before)))
    assert [subjects([arrival]) for arrival in rest if arrival.live] == [["new"]]
    # What had been asked for already comes before it.
    assert subjects(rest).index("new") <= 2 * MAILS
    assert [name for name in subjects([*before, *rest]) if name != "new"] == [
        f"old-{number}" for number in reversed(range(6 * MAILS))
    ]


async def test_how_far_the_first_reading_is_and_that_it_is_over(dovecot: Dovecot) -> None:
    dovecot.append(mail(f"in-{number}") for number in range(MAILS + 1))
    dovecot.append([mail("out-1"), mail("out-2")], folder="Sent")
    listener = connector(dovecot.imap_port, folders=())
    told: list[hub.Backfill | None] = []
    cursor: str | None = None
    async with asyncio.timeout(20):
        while not told or told[-1] is not None:
            # On a connection of its own each time: the count goes on.
            async with aclosing(listener.listen(cursor)) as arrivals:
                async for arrival in arrivals:
                    told, cursor = [*told, arrival.backfill], arrival.cursor
                    if arrival.items:
                        break
                    if arrival.backfill is None:
                        break
    counted = [each for each in told if each is not None]
    assert [each.done for each in counted] == sorted(each.done for each in counted)
    assert {each.total for each in counted if each.done} == {MAILS + 3}
    assert counted[-1].done >= MAILS + 1


async def test_backfill_stays_quiet_when_it_is_resumed(dovecot: Dovecot) -> None:
    dovecot.append(mail(f"old-{number}") for number in range(2 * MAILS))
    async with aclosing(connector(dovecot.imap_port).listen(None)) as arrivals:
        before = await heard(arrivals, 1)
    await asyncio.to_thread(dovecot.append, [mail("new")])
    async with aclosing(connector(dovecot.imap_port).listen(before[-1].cursor)) as arrivals:
        rest = await heard(arrivals, 2 * MAILS + 1 - len(subjects(before)))
    live = [name for arrival in rest if arrival.live for name in subjects([arrival])]
    assert live == ["new"]
    old = [f"old-{number}" for number in range(2 * MAILS)]
    assert sorted(subjects(before) + subjects(rest)) == sorted([*old, "new"])


async def test_an_empty_mailbox_is_remembered_so_that_its_first_mail_is_live(dovecot: Dovecot) -> None:
    async with aclosing(connector(dovecot.imap_port).listen(None)) as arrivals:
        begun = await anext(arrivals)
    assert begun.items == ()
    await asyncio.to_thread(dovecot.deliver, mail("first"))
    async with aclosing(connector(dovecot.imap_port).listen(begun.cursor)) as arrivals:
        (arrival,) = await heard(arrivals, 1)
    assert (subjects([arrival]), arrival.live) == (["first"], True)


async def test_of_what_came_meanwhile_only_the_last_hour_is_live(dovecot: Dovecot) -> None:
    async with aclosing(connector(dovecot.imap_port).listen(None)) as arrivals:
        begun = await anext(arrivals)
    now = datetime.now(UTC)
    with dovecot.login() as client:
        for name, age in (("long ago", timedelta(hours=3)), ("just missed", timedelta(minutes=50))):
            client.append("INBOX", mail(name), msg_time=now - age)
    async with aclosing(connector(dovecot.imap_port).listen(begun.cursor)) as arrivals:
        got = await heard(arrivals, 2)
    assert [(subjects([arrival]), arrival.live) for arrival in got] == [
        (["long ago"], False),
        (["just missed"], True),
    ]


async def test_old_mail_that_is_moved_into_the_folder_alerts_nobody(dovecot: Dovecot) -> None:
    async with aclosing(connector(dovecot.imap_port).listen(None)) as arrivals:
        await anext(arrivals)
        with dovecot.login() as client:
            client.append("INBOX", mail("archived"), msg_time=datetime.now(UTC) - timedelta(days=30))
        (arrival,) = await heard(arrivals, 1)
    assert (subjects([arrival]), arrival.live) == (["archived"], False)


async def test_a_renumbered_folder_is_read_again_from_the_cut_off(dovecot: Dovecot) -> None:
    now = datetime.now(UTC)
    with dovecot.login() as client:
        client.create_folder("Shop")
    dovecot.append([mail("kept")], folder="Shop")
    async with aclosing(connector(dovecot.imap_port, folders=["Shop"]).listen(None)) as arrivals:
        cursor = (await heard(arrivals, 1))[-1].cursor
    with dovecot.login() as client:
        client.delete_folder("Shop")
        client.create_folder("Shop")
        for name, age in (("too old", 700), ("kept", 2), ("new", 0)):
            client.append("Shop", mail(name), msg_time=now - timedelta(days=age))
    async with aclosing(connector(dovecot.imap_port, folders=["Shop"]).listen(cursor)) as arrivals:
        got = await heard(arrivals, 2)
        assert (await connector(dovecot.imap_port, folders=["Shop"]).freshness(cursor)).messages == 2
    assert [(subjects([arrival]), arrival.live) for arrival in got if arrival.items] == [
        (["new"], True),
        (["kept"], False),
    ]


async def test_a_mail_over_the_limit_comes_as_its_headers_and_the_reason(dovecot: Dovecot) -> None:
    dovecot.append([mail("before"), mail("huge", body="x" * 5000), mail("after")])
    async with aclosing(connector(dovecot.imap_port, max_bytes=2000).listen(None)) as arrivals:
        after, huge, before = [item for arrival in await heard(arrivals, 3) for item in arrival.items]
    assert [subject(item) for item in (before, huge, after)] == ["before", "huge", "after"]
    assert isinstance(huge, hub.Unreadable)
    assert b"xxx" not in huge.raw
    assert "max_bytes" in huge.reason


async def test_a_mail_that_is_deleted_under_our_hands_is_passed_over() -> None:
    # As a folder of files: what is expunged there cannot be told any more.
    with running_dovecot("maildir") as server:
        server.append([mail("one"), mail("two"), mail("three")])
        deleted: list[int] = []

        def delete_two(block: bytes) -> bytes:
            if b"RFC822.SIZE" in block and not deleted:
                deleted.append(2)
                with server.login() as client:
                    client.select_folder("INBOX")
                    client.set_flags(deleted, [DELETED])
                    client.expunge()
            return block

        async with proxy(server.imap_port) as between:
            between.edit = delete_two
            async with aclosing(connector(between.port).listen(None)) as arrivals:
                assert subjects(await heard(arrivals, 2)) == ["three", "one"]
            assert (deleted, between.accepted) == ([2], 1)


async def test_two_thousand_mails_through_a_line_that_breaks_anywhere(dovecot: Dovecot, between: Proxy) -> None:
    """No gap and no repeat between what was taken before a break and what comes after it."""
    random = Random(11)
    sent = [f"mail-{number}" for number in range(2000)]
    dovecot.append(mail(name, body="x" * random.randint(10, 3000)) for name in sent)
    left = 0

    def break_sometimes(block: bytes) -> bytes | None:
        nonlocal left
        left -= len(block)
        if left < 0:
            left = random.randint(50_000, 1_500_000)
            return None
        return block

    left = 400_000
    between.edit = break_sometimes
    listener = connector(between.port)
    got: list[str] = []
    cursor: str | None = None
    breaks = 0
    async with asyncio.timeout(120):
        while len(got) < len(sent):
            try:
                async with aclosing(listener.listen(cursor)) as arrivals:
                    async for arrival in arrivals:
                        got += subjects([arrival])
                        cursor = arrival.cursor
                        if len(got) >= len(sent):
                            break
            except hub.Unavailable:
                breaks += 1
    assert got == sent[::-1]
    assert breaks > 2


async def test_a_mail_on_which_the_server_breaks_every_time_is_given_up_alone(dovecot: Dovecot, between: Proxy) -> None:
    """Otherwise it would be asked for again for ever, and nothing behind it would come."""
    dovecot.append([mail("one"), mail("two"), mail("poison"), mail("four")])
    between.edit = lambda block: None if b"Subject: poison" in block else block
    listener = connector(between.port)
    items: list[hub.Item] = []
    cursor: str | None = None
    async with asyncio.timeout(30):
        while len(items) < 4:
            try:
                async with aclosing(listener.listen(cursor)) as arrivals:
                    async for arrival in arrivals:
                        items += arrival.items
                        cursor = arrival.cursor
                        if len(items) >= 4:
                            break
            except hub.Unavailable:
                continue
    assert [type(item) for item in items] == [hub.RawMail, hub.Unreadable, hub.RawMail, hub.RawMail]
    assert isinstance(items[1], hub.Unreadable)
    assert "3 in INBOX" in items[1].reason


@pytest.mark.parametrize("cursor", ["nonsense", "[]", '{"INBOX": 7}'])
async def test_a_cursor_that_is_none_starts_again_and_says_so(
    dovecot: Dovecot, cursor: str, caplog: pytest.LogCaptureFixture
) -> None:
    dovecot.append([mail("one")])
    async with aclosing(connector(dovecot.imap_port).listen(cursor)) as arrivals:
        assert subjects(await heard(arrivals, 1)) == ["one"]
    assert "contract" in caplog.text


async def test_freshness_of_a_first_sync_counts_what_is_left_of_it(dovecot: Dovecot) -> None:
    dovecot.append(mail(f"old-{number}") for number in range(MAILS + 20))
    listener = connector(dovecot.imap_port)
    assert (await listener.freshness(None)).messages == MAILS + 20
    async with aclosing(listener.listen(None)) as arrivals:
        before = await heard(arrivals, 1)
    with dovecot.login() as client:
        client.append("INBOX", mail("new"), msg_time=datetime.now(UTC) - timedelta(minutes=10))
    lag = await listener.freshness(before[-1].cursor)
    assert lag.messages == MAILS + 21 - len(subjects(before))
    assert lag.seconds is not None
    assert lag.seconds >= 0
