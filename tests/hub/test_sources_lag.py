"""How far behind sources are: measured in turn, written together, remembered for a day; and when they are too quiet."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

import hub
from hub.sources.habits import Habits, Week, learned
from hub.sources.lag import Measured, Measures, Samples, last_day, measured, prune
from hub.sources.pace import Pace
from hub.store import Store
from hub.store.schema import interactions
from hub.vocabulary import Freshness

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
SECONDS = 20


class Mailbox:
    """Something to be measured, that counts how often it was."""

    def __init__(self, name: str, behind: int = 0) -> None:
        self.name = name
        self.behind = behind
        self.asked = asyncio.Event()
        self.times: list[float] = []
        self.why = ""
        self.since: object | None = object()

    @property
    def listens(self) -> object | None:
        """The same object while it listens."""
        return self.since

    async def freshness(self) -> Freshness:
        """So far behind."""
        self.times.append(asyncio.get_running_loop().time())
        self.asked.set()
        if self.behind < 0:
            raise hub.Unavailable("It hung up.")
        return Freshness(self.behind, 60.0 * self.behind)

    async def measured(self, freshness: Freshness) -> None:
        """Good."""

    def unmeasured(self, why: str, bug: Exception | None = None) -> None:
        """A pity."""
        self.why = why


async def of_day(store: Store) -> dict[str, list[tuple[datetime, int]]]:
    return await store.read(lambda conn: last_day(conn, NOON - timedelta(days=1)))


# --- samples --------------------------------------------------------------------------------------------------------


def test_the_first_sample_is_kept_and_then_each_change_once_in_five_minutes() -> None:
    samples = Samples()
    told = [(0, 0), (30, 0), (200, 5), (310, 5), (320, 9), (620, 9), (2000, 9), (2100, 0)]

    assert [samples.worth("mail", messages, at) for at, messages in told] == [
        True, False, False, True, False, True, False, True,
    ]  # fmt: skip
    assert samples.worth("other", 0, 2100)


async def test_what_was_measured_is_remembered_for_a_day(store: Store) -> None:
    def work(conn: sa.Connection) -> None:
        for hours, messages in ((30, 7), (20, 0), (3, 312), (1, 0)):
            measured(conn, [Measured("mail", Freshness(messages, 1.0))], NOON - timedelta(hours=hours))
        measured(conn, [Measured("mail", Freshness(2, 1.0), sample=False)], NOON)
        prune(conn, NOON)

    await store.write(work)
    assert await of_day(store) == {
        "mail": [(NOON - timedelta(hours=20), 0), (NOON - timedelta(hours=3), 312), (NOON - timedelta(hours=1), 0)]
    }


# --- the pace -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "longest"), [(1, 30), (100, 30), (400, 100), (1000, 250), (5000, 300)])
def test_each_source_is_measured_at_least_every_five_minutes(number: int, longest: float) -> None:
    pace = Pace()
    for _ in range(100):
        assert 0.8 * longest <= pace.until_measured(number, urgent=False) <= longest
        assert pace.until_measured(number, urgent=True) <= 30


async def test_who_is_behind_or_too_quiet_is_looked_at_sooner(store: Store) -> None:
    pace = Pace(freshness=0.02, rarest=3600, measures=0.001)
    well, behind, quiet = Mailbox("well"), Mailbox("behind", 3), Mailbox("quiet")
    async with Measures(store, pace, lambda name: name == "quiet") as measures, asyncio.timeout(SECONDS):
        for mailbox in (well, behind, quiet):
            measures.begin(mailbox)
        while len(behind.times) < 5 or len(quiet.times) < 5:
            behind.asked.clear()
            await behind.asked.wait()

    assert len(well.times) == 1


async def test_who_does_not_listen_any_more_is_left_alone(store: Store) -> None:
    pace = Pace(freshness=0.01, rarest=0.01)
    gone, here = Mailbox("gone"), Mailbox("here")
    async with Measures(store, pace, lambda name: False) as measures, asyncio.timeout(SECONDS):
        measures.begin(gone)
        measures.begin(here)
        await gone.asked.wait()
        gone.since = None
        seen = len(gone.times)
        while len(here.times) < 10:
            here.asked.clear()
            await here.asked.wait()

    assert len(gone.times) <= seen + 1, "one may have been under way"


async def test_who_cannot_say_is_asked_again(store: Store) -> None:
    mailbox = Mailbox("mail", -1)
    async with Measures(store, Pace(freshness=0.01, rarest=0.01), lambda name: False) as measures:
        measures.begin(mailbox)
        async with asyncio.timeout(SECONDS):
            while len(mailbox.times) < 3:
                mailbox.asked.clear()
                await mailbox.asked.wait()

    assert mailbox.why == "It hung up."


# --- silence --------------------------------------------------------------------------------------------------------


async def came(store: Store, source: str, *moments: datetime) -> None:
    """Something is on record at each of *moments*."""
    rows = [
        {
            "id": (number := store.ids()), "key": f"x:{number}", "channel": "email", "kind": "message",
            "direction": "inbound", "occurred_at": at, "title": "", "preview": "", "state": "", "outcome": "",
            "conversation_id": 1, "source": source, "open_level": 0, "facts": {}, "revision": 1, "recorded_at": at,
        }
        for at in moments
    ]  # fmt: skip
    await store.write(lambda conn: conn.execute(interactions.insert(), rows).rowcount)


async def learn(store: Store) -> Week:
    return await store.read(lambda conn: learned(conn, NOON))


async def test_silence_at_a_time_that_was_busy_last_week_is_said(store: Store) -> None:
    last_week = NOON - timedelta(days=7)
    await came(store, "mail", *(last_week - timedelta(minutes=6 + 12 * number) for number in range(25)))
    quiet = (await learn(store)).quiet("mail", NOON - timedelta(hours=5), NOON)

    assert quiet is not None
    assert quiet.seconds == 5 * 3600
    assert quiet.usual == pytest.approx(12 * 60, rel=0.1)


async def test_silence_at_a_time_that_was_silent_last_week_is_none(store: Store) -> None:
    busy = NOON - timedelta(days=7, hours=8)
    await came(store, "mail", *(busy - timedelta(minutes=number) for number in range(200)))
    week = await learn(store)

    assert week.quiet("mail", NOON - timedelta(hours=5), NOON) is None
    assert week.quiet("mail", None, NOON) is None
    assert week.quiet("unknown", NOON - timedelta(hours=5), NOON) is None


async def test_half_an_hour_is_no_silence(store: Store) -> None:
    last_week = NOON - timedelta(days=7)
    await came(store, "mail", *(last_week - timedelta(seconds=number) for number in range(500)))

    assert (await learn(store)).quiet("mail", NOON - timedelta(minutes=30), NOON) is None


async def test_habits_are_learned_once_an_hour(store: Store) -> None:
    habits = Habits(store)
    assert habits.known is None
    first = await habits.week()

    assert await habits.week() is first
    assert habits.known is first
