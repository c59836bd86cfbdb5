"""Gmail's way: one folder of everything, with labels."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime, timedelta

import hub
from connectors.imap import Connector
from tests.connectors.imap.mails import mail, settings, subject
from tests.contracts.connector import heard, setup
from tests.fakes.imap import FakeFolder, FakeImap, FakeMail, fake_imap

ALL_MAIL = "[Gmail]/All Mail"


def gmail() -> FakeImap:
    """A mailbox with two mails, one of them under two labels, and a draft."""
    before = datetime.now(UTC) - timedelta(days=3)
    everything = [
        FakeMail(3, mail("first"), "\\Seen", '"\\\\Inbox" Customers "&XfJT0ZAB-"', received_at=before),
        FakeMail(5, mail("answer"), "\\Seen", '"\\\\Sent"', received_at=before),
        FakeMail(6, mail("half written"), "\\Draft", '"\\\\Draft"', received_at=before),
    ]
    return FakeImap(
        [
            FakeFolder("INBOX", "\\HasNoChildren", everything[:1]),
            FakeFolder("Customers", "\\HasNoChildren", everything[:1]),
            FakeFolder("[Gmail]", "\\HasChildren \\Noselect"),
            FakeFolder(ALL_MAIL, "\\All \\HasNoChildren", everything),
            FakeFolder("[Gmail]/Sent Mail", "\\Sent \\HasNoChildren", everything[1:2]),
            FakeFolder("[Gmail]/Spam", "\\Junk \\HasNoChildren", [FakeMail(1, mail("spam"))]),
        ]
    )


async def test_each_mail_comes_once_with_its_labels_and_drafts_do_not() -> None:
    async with (
        fake_imap(gmail()) as server,
        aclosing(Connector(settings(server.port), setup()).listen(None)) as arrivals,
    ):
        items = [item for arrival in await heard(arrivals, 2) for item in arrival.items]
    answer, first = items
    assert isinstance(answer, hub.RawMail)
    assert isinstance(first, hub.RawMail)
    assert (subject(answer), answer.copy.place, answer.copy.provider_id) == ("answer", ALL_MAIL, "11:5")
    assert answer.copy.labels == {"\\Sent"}
    assert (subject(first), set(first.copy.flags)) == ("first", {"\\Seen"})
    assert first.copy.labels == {"\\Inbox", "Customers", "已发送"}
    assert {command for command in server.commands if command.startswith("EXAMINE")} == {f'EXAMINE "{ALL_MAIL}"'}


async def test_new_mail_and_new_labels_are_told() -> None:
    async with fake_imap(gmail()) as server:
        everything = server.folders[ALL_MAIL].mails
        async with aclosing(Connector(settings(server.port), setup()).listen(None)) as arrivals:
            await heard(arrivals, 2)
            coming = asyncio.ensure_future(heard(arrivals, 1))
            await server.idle.wait()
            everything.append(FakeMail(9, mail("new"), labels='"\\\\Inbox"', modseq=4))
            server.tell("4 EXISTS")
            arrival = (await coming)[-1]
            assert ([subject(item) for item in arrival.items], arrival.live) == (["new"], True)
            coming = asyncio.ensure_future(heard(arrivals, 1))
            everything[0].labels, everything[0].modseq = "Customers", 5
            server.idle.clear()
            await server.idle.wait()
            server.tell("1 FETCH (FLAGS (\\Seen) UID 3 MODSEQ (5))")
            changed = {item for arrival in await coming for item in arrival.items}
    assert hub.Flagged(ALL_MAIL, "11:3", frozenset({"\\Seen"}), frozenset({"Customers"})) in changed
    assert not [command for command in server.commands if "VANISHED" in command]
