"""A mail that goes all the way round: recognised, recorded nowhere, missed when it is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest

import hub
from hub.live import Live
from hub.sources import canary
from hub.sources.alerts import Alerts
from hub.sources.canary import Canaries, Flight
from hub.sources.flights import Flights, Route
from hub.store import Store
from hub.store.schema import logins

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
ADDRESS = "mailto:support@example.org"
SECONDS = 20


class Post(hub.Sender):
    """A post office on the corner: keeps what it is given, or says why it will not."""

    Settings = hub.Settings

    def __init__(self) -> None:
        self.letters: asyncio.Queue[hub.Letter] = asyncio.Queue()
        self.refuses: Exception | None = None
        self.closed = False

    async def send(self, letter: hub.Letter) -> hub.Sent:
        """Take it."""
        self.letters.put_nowait(letter)
        if self.refuses is not None:
            raise self.refuses
        return hub.Sent()

    async def close(self) -> None:
        """No more."""
        self.closed = True


@pytest.fixture
def post() -> Post:
    return Post()


def raw_mail(raw: bytes) -> hub.RawMail:
    return hub.RawMail(raw, hub.Copy("INBOX", "1"), NOW)


async def flight(store: Store) -> Flight:
    return (await store.read(canary.flights))["mail"]


@asynccontextmanager
async def flying(
    store: Store, post: Post, seconds: float = 600, patience: float = 600, listens: Callable[[str], bool] = bool
) -> AsyncGenerator[Live, None]:
    """A hub that sends canaries of the source "mail", with Ada the administrator."""
    async with Live() as live, Alerts(store, live) as alerts:
        route = Route("mail", seconds, ADDRESS, post)
        flights = Flights(store, alerts, {"mail": route}, listens, look=0.01, patience=patience)
        task = asyncio.create_task(flights.run())
        try:
            async with asyncio.timeout(SECONDS):
                yield live
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def add_administrator(store: Store) -> None:
    row = {"id": 1, "name": "ada", "password": "", "role": "admin", "agent": "ada", "created_at": NOW}
    await store.write(lambda conn: conn.execute(logins.insert().values(row)).rowcount)


# --- telling it from mail -------------------------------------------------------------------------------------------


def test_a_canary_is_a_mail_that_nobody_answers_by_himself() -> None:
    letter = canary.letter(ADDRESS, "ab" * 16, NOW)

    assert (letter.sender, letter.recipients) == (ADDRESS, (ADDRESS,))
    assert b"\r\nAuto-Submitted: auto-generated\r\n" in letter.raw
    assert b"From: support@example.org\r\nTo: support@example.org\r\n" in letter.raw
    assert canary.token(letter.raw) == "ab" * 16


def test_a_mail_that_quotes_a_canary_is_none() -> None:
    bounce = EmailMessage()
    bounce["Subject"] = "Undelivered mail"
    bounce.set_content("Hub-Canary: " + "ab" * 16)

    assert canary.token(bounce.as_bytes()) == ""
    assert canary.token(b"Subject: Hub-Canary: " + b"ab" * 16 + b"\r\n\r\n") == ""
    assert canary.token(b"Hub-Canary: short\r\n\r\n") == ""


async def test_ours_are_taken_out_and_noted_and_mails_stay(store: Store) -> None:
    token = await store.write(lambda conn: canary.send(conn, "mail", None, NOW))
    ours = raw_mail(canary.letter(ADDRESS, token, NOW).raw)
    mail, stranger = raw_mail(b"Subject: hello\r\n\r\nhello"), raw_mail(canary.letter(ADDRESS, "cd" * 16, NOW).raw)
    canaries = Canaries(store)

    assert canaries.is_canary(ours.raw)
    assert not canaries.is_canary(mail.raw)
    assert await canaries.taken_out("mail", [mail, ours, stranger]) == [mail, stranger]
    assert await canaries.taken_out("other", [ours]) == [ours]
    assert (await flight(store)).arrived_at is not None


async def test_one_that_comes_late_is_no_mail_either(store: Store) -> None:
    first = await store.write(lambda conn: canary.send(conn, "mail", None, NOW))
    before = await flight(store)
    await store.write(lambda conn: canary.send(conn, "mail", before, NOW))

    assert await Canaries(store).taken_out("mail", [raw_mail(canary.letter(ADDRESS, first, NOW).raw)]) == []
    assert (await flight(store)).arrived_at is None, "the one that is on its way is another"


# --- all the way round ----------------------------------------------------------------------------------------------


async def test_it_goes_out_comes_back_and_goes_out_again(store: Store, post: Post) -> None:
    async with flying(store, post, seconds=1):
        for _ in range(2):
            letter = await post.letters.get()
            assert await Canaries(store).taken_out("mail", [raw_mail(letter.raw)]) == []
        assert (await flight(store)).cause == ""
    assert post.closed


async def test_a_lost_one_is_told_once_with_its_end(store: Store, post: Post) -> None:
    await add_administrator(store)
    async with flying(store, post, seconds=0.3, patience=0.1) as live:
        with live.subscribe("ada") as screen:
            await post.letters.get()
            lost = await screen.frames()
            cause = (await flight(store)).cause
            while True:  # the next one comes back at once
                letter = await post.letters.get()
                await Canaries(store).taken_out("mail", [raw_mail(letter.raw)])
                if (await flight(store)).arrived_at is not None:
                    break
            well = await screen.frames()

    assert b'"kind":"source","source":"mail","state":"lost"' in (lost or b"")
    assert cause.startswith("The test mail of ")
    assert b'"state":"listening"' in (well or b"")


async def test_one_that_cannot_be_sent_says_why(store: Store, post: Post) -> None:
    await add_administrator(store)
    post.refuses = hub.Rejected("The server refuses the password.")
    async with flying(store, post) as live:
        with live.subscribe("ada") as screen:
            assert b'"state":"lost"' in (await screen.frames() or b"")
        assert (await flight(store)).cause == "The test mail could not be sent: The server refuses the password."


async def test_a_source_that_does_not_listen_here_sends_none(store: Store, post: Post) -> None:
    looked = asyncio.Event()

    def listens(source: str) -> bool:
        looked.set()
        return False

    async with flying(store, post, listens=listens):
        for _ in range(3):
            looked.clear()
            await looked.wait()
    assert post.letters.empty()
    assert await store.read(canary.flights) == {}
