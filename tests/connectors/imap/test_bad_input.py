"""What a server may say that none should: one bad mail never stops the source, and none fills the memory."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Callable
from contextlib import aclosing

import pytest

import hub
from connectors.imap import Connector
from tests.connectors.imap.mails import mail, settings, subject
from tests.contracts.connector import heard, setup
from tests.fakes.imap import FakeFolder, FakeImap, FakeMail, fake_imap

MEGABYTE = 1_000_000
PLAIN = "IMAP4rev1"


def server(*mails: FakeMail) -> FakeImap:
    """An Inbox with *mails* at a server that can do nothing special."""
    return FakeImap([FakeFolder("INBOX", "", list(mails))], PLAIN, "ready")


async def everything(running: FakeImap, mails: int) -> list[hub.Item]:
    """What comes, over as many connections as it takes."""
    connector = Connector(settings(running.port, folders=["INBOX"], poll_seconds=1), setup())
    items: list[hub.Item] = []
    cursor: str | None = None
    async with asyncio.timeout(60):
        while len(items) < mails:
            try:
                async with aclosing(connector.listen(cursor)) as arrivals:
                    async for arrival in arrivals:
                        items += [item for item in arrival.items if not isinstance(item, hub.Flagged)]
                        cursor = arrival.cursor
                        if len(items) >= mails:
                            break
            except hub.Unavailable:
                continue
    return items


@pytest.mark.parametrize("said", [None, 1000], ids=["that is said to be large", "that is said to be small"])
async def test_a_mail_of_two_hundred_megabytes_never_is_in_memory(said: int | None) -> None:
    huge = FakeMail(2, mail("huge"), size=said, filler=200 * MEGABYTE)
    async with fake_imap(server(FakeMail(1, mail("before")), huge, FakeMail(3, mail("after")))) as running:
        tracemalloc.start()
        try:
            after, large, before = await everything(running, 3)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert [subject(item) for item in (before, large, after)] == ["before", "huge", "after"]
    assert isinstance(large, hub.Unreadable)
    assert "max_bytes" in large.reason
    assert len(large.raw) < 1000
    assert peak < 20 * MEGABYTE
    assert [command for command in running.commands if "BODY.PEEK[HEADER]<0.262144>" in command]


GARBLED: dict[str, Callable[[bytes], bytes | None]] = {
    "a bracket is missing": lambda answer: answer.replace(b")\r\n", b"\r\n"),
    "the literal is shorter than it says": lambda answer: answer.replace(b"Hello", b"Hell"),
    "the literal is longer than it says": lambda answer: answer.replace(b"Hello", b"Hello, hello"),
    "no uid": lambda answer: answer.replace(b"UID 2", b"UID two"),
    "no body": lambda answer: answer.split(b" BODY[]")[0] + b")\r\n",
    "the body is nothing": lambda answer: answer.split(b" BODY[]")[0] + b" BODY[] NIL)\r\n",
    "another mail": lambda answer: answer.replace(b"UID 2", b"UID 77"),
    "nothing at all": lambda answer: b"",
    "the connection ends": lambda answer: None,
    "a literal of a petabyte": lambda answer: answer.split(b" BODY[]")[0] + b" BODY[] {1000000000000000}\r\n",
}


@pytest.mark.parametrize("how", GARBLED)
async def test_one_bad_mail_never_stops_the_source(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.imap.session.ANSWER_SECONDS", 0.5)
    running = server(*(FakeMail(number, mail(f"mail-{number}")) for number in range(1, 5)))
    running.fetched = lambda one, answer: GARBLED[how](answer) if one.uid == 2 else answer
    async with fake_imap(running):
        items = await everything(running, 4)
    good = sorted(subject(item) for item in items if isinstance(item, hub.RawMail))
    bad = [item for item in items if isinstance(item, hub.Unreadable)]
    assert good == ["mail-1", "mail-3", "mail-4"]
    (lost,) = bad
    assert "2 in INBOX" in lost.reason
    # It is given up after the first few failures.
    assert running.commands.count("LOGIN") <= 5


@pytest.mark.parametrize("answer", [b"* OK [UIDVALIDITY x]\r\n", b"* 1 FETCH (((\r\n", b"\xff\xfe\r\n", b"H1 OK\r\n"])
async def test_what_is_said_unasked_and_is_nonsense_does_no_harm(answer: bytes) -> None:
    """It may cost the connection, and nothing more."""
    running = server(FakeMail(1, mail("one")), FakeMail(2, mail("two")))
    said: list[bytes] = []

    def before(one: FakeMail, told: bytes) -> bytes:
        if said:
            return told
        said.append(answer)
        return answer + told

    running.fetched = before
    async with fake_imap(running):
        items = await everything(running, 2)
    assert sorted(subject(item) for item in items) == ["one", "two"]


async def test_a_server_of_plain_imap_is_read_and_asked_again() -> None:
    running = server(FakeMail(1, mail("one")))
    async with fake_imap(running):
        connector = Connector(settings(running.port, poll_seconds=1), setup())
        async with aclosing(connector.listen(None)) as arrivals:
            await heard(arrivals, 1)
            running.folders["INBOX"].mails.append(FakeMail(2, mail("two")))
            new: list[hub.Item] = []
            async with asyncio.timeout(20):
                while not new:
                    new = [item for item in (await anext(arrivals)).items if isinstance(item, hub.RawMail)]
            assert [subject(item) for item in new] == ["two"]
    assert not {"IDLE"} & set(running.commands)
    assert not [command for command in running.commands if command.startswith(("ENABLE", "NOTIFY", "ID"))]
