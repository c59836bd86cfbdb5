"""What every calendar that bookings are written into must do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

import hub
from tests.contracts.connector import assert_readable
from tests.contracts.proxy import Proxy, proxy
from tests.servers.process import free_port

NINE = datetime(2026, 12, 1, 9, tzinfo=UTC)
HALF = timedelta(minutes=30)
HOUR = timedelta(hours=1)
DAY = (NINE.replace(hour=0), NINE.replace(hour=0) + timedelta(days=1))

BOOKED = hub.Appointment(
    uid="b7-contract@hub.example.test",
    sequence=0,
    stamp=datetime(2026, 11, 20, 9, tzinfo=UTC),
    starts_at=NINE,
    ends_at=NINE + HALF,
    zone="Europe/Berlin",
    title="Offer for Li Na 李娜 🙂",
    text="Agreed on the phone.\nSee you then; it takes half an hour, no more.",
    place="Room 2, first floor",
    url="https://hub.example.test/booking/secret",
    organizer=hub.Attendee("mailto:alice@example.test", "Alice", "ACCEPTED", "CHAIR"),
    attendees=(hub.Attendee("mailto:li.na@customer.example", "Li Na", "NEEDS-ACTION", "REQ-PARTICIPANT"),),
)
MOVED = replace(
    BOOKED, sequence=1, stamp=BOOKED.stamp + HOUR, starts_at=NINE + 2 * HOUR, ends_at=NINE + 2 * HOUR + HALF
)


@dataclass(frozen=True, slots=True)
class Lies:
    """An event that lies in the provider's calendar, as the provider itself says. Times are UTC."""

    uid: str
    title: str
    starts_at: datetime
    ends_at: datetime


class CalendarContract(ABC):
    """Subclass it, name it `Test...`, and say how the provider is spoken to behind the calendar's back.

    *provider_port* is a fixture of the subclass: where the real or fake server listens, with an empty calendar of
    alice@example.test that bookings go into.
    """

    @abstractmethod
    def calendar(self, port: int) -> hub.Calendar:
        """A calendar with right settings, to the server on *port* of this machine."""

    @abstractmethod
    def refused(self, port: int) -> hub.Calendar:
        """The same with a credential that the provider refuses."""

    @abstractmethod
    def lies(self) -> Sequence[Lies]:
        """Every event in the calendar. Blocks."""

    @abstractmethod
    def foreign(self, title: str, starts_at: datetime, ends_at: datetime, state: str = "") -> None:
        """Somebody else makes an event: one that takes time, or one that is "cancelled", shown as "free", or an
        invitation that alice has "declined". Blocks."""

    @abstractmethod
    def change(self, kept: hub.Kept) -> None:
        """Somebody else gives the event of *kept* the title "Changed". Blocks."""

    @abstractmethod
    def remove(self, kept: hub.Kept) -> None:
        """Somebody else takes the event of *kept* away. Blocks."""

    @pytest.fixture
    async def between(self, provider_port: int) -> AsyncIterator[Proxy]:
        """A proxy in front of the provider, so that the suite sees and breaks the connection."""
        async with proxy(provider_port) as running:
            yield running

    @asynccontextmanager
    async def open(self, port: int, make: Callable[[int], hub.Calendar] | None = None) -> AsyncIterator[hub.Calendar]:
        """A calendar, closed at the end as the hub does."""
        calendar = (make or self.calendar)(port)
        assert calendar.ready
        try:
            yield calendar
        finally:
            await calendar.close()

    def lies_only(self, appointment: hub.Appointment, kept: hub.Kept, title: str | None = None) -> None:
        """The calendar holds *appointment* and nothing else."""
        assert self.lies() == [Lies(kept.uid, title or appointment.title, appointment.starts_at, appointment.ends_at)]

    # --- writing ---

    async def test_what_is_put_lies_there(self, provider_port: int) -> None:
        async with self.open(provider_port) as calendar:
            kept = await calendar.put(BOOKED, None)
        assert kept.place
        assert kept.provider_id
        assert kept.etag
        self.lies_only(BOOKED, kept)

    async def test_put_twice_makes_one(self, provider_port: int) -> None:
        async with self.open(provider_port) as calendar:
            first = await calendar.put(BOOKED, None)
            assert await calendar.put(BOOKED, None) == first
        self.lies_only(BOOKED, first)

    async def test_an_answer_that_is_lost_makes_no_second_one(self, between: Proxy) -> None:
        async with self.open(between.port) as calendar:
            await calendar.busy(*DAY)  # whatever is asked once is asked now
            between.edit = lambda _: None
            with pytest.raises(TimeoutError) as told:
                await calendar.put(BOOKED, None)
            assert str(told.value)
            between.edit = lambda block: block
            kept = await calendar.put(BOOKED, None)
            self.lies_only(BOOKED, kept)
            between.edit = lambda _: None
            with pytest.raises(TimeoutError):
                await calendar.put(MOVED, kept)
            between.edit = lambda block: block
            moved = await calendar.put(MOVED, kept)
        self.lies_only(MOVED, moved)

    async def test_it_is_moved_where_it_lies(self, provider_port: int) -> None:
        async with self.open(provider_port) as calendar:
            first = await calendar.put(BOOKED, None)
            moved = await calendar.put(MOVED, first)
            assert (moved.place, moved.provider_id, moved.uid) == (first.place, first.provider_id, first.uid)
            assert moved.etag != first.etag
            self.lies_only(MOVED, moved)
            back = await calendar.put(replace(BOOKED, sequence=2), moved)
        self.lies_only(BOOKED, back)

    async def test_what_was_changed_by_somebody_else_is_a_conflict_and_stays(self, provider_port: int) -> None:
        async with self.open(provider_port) as calendar:
            kept = await calendar.put(BOOKED, None)
            self.change(kept)
            with pytest.raises(hub.Conflict) as told:
                await calendar.put(MOVED, kept)
            assert_readable(told.value)
            with pytest.raises(hub.Conflict):
                await calendar.delete(kept)
        self.lies_only(BOOKED, kept, title="Changed")

    async def test_what_was_taken_away_by_somebody_else_is_a_conflict_and_stays_away(self, provider_port: int) -> None:
        async with self.open(provider_port) as calendar:
            kept = await calendar.put(BOOKED, None)
            self.remove(kept)
            with pytest.raises(hub.Conflict):
                await calendar.put(MOVED, kept)
            assert self.lies() == []
            await calendar.delete(kept)

    async def test_deleted_twice_it_is_gone(self, provider_port: int) -> None:
        async with self.open(provider_port) as calendar:
            kept = await calendar.put(BOOKED, None)
            await calendar.delete(kept)
            assert self.lies() == []
            await calendar.delete(kept)

    async def test_what_others_made_is_never_touched(self, provider_port: int) -> None:
        self.foreign("Dentist", NINE, NINE + HALF)
        before = self.lies()
        async with self.open(provider_port) as calendar:
            kept = await calendar.put(BOOKED, None)
            kept = await calendar.put(MOVED, kept)
            assert [each for each in self.lies() if each.uid != kept.uid] == before
            await calendar.delete(kept)
        assert self.lies() == before

    # --- free/busy ---

    async def test_busy_is_what_takes_time_and_nothing_else(self, provider_port: int) -> None:
        self.foreign("Review", NINE + 3 * HOUR, NINE + 4 * HOUR)
        self.foreign("Long", NINE + 9 * HOUR, NINE + 18 * HOUR)
        self.foreign("Tomorrow", NINE + 24 * HOUR, NINE + 25 * HOUR)
        self.foreign("Called off", NINE + 4 * HOUR, NINE + 5 * HOUR, "cancelled")
        self.foreign("Birthday", NINE + 5 * HOUR, NINE + 6 * HOUR, "free")
        self.foreign("Not for me", NINE + 6 * HOUR, NINE + 7 * HOUR, "declined")
        async with self.open(provider_port) as calendar:
            kept = await calendar.put(BOOKED, None)
            found = await calendar.busy(*DAY)
        times = sorted((max(each.starts_at, DAY[0]), min(each.ends_at, DAY[1])) for each in found)
        assert times == [
            (BOOKED.starts_at, BOOKED.ends_at),
            (NINE + 3 * HOUR, NINE + 4 * HOUR),
            (NINE + 9 * HOUR, DAY[1]),
        ]
        ours = [each.uid for each in found if each.starts_at == BOOKED.starts_at]
        assert ours in ([kept.uid], [""])

    async def test_busy_is_asked_anew_each_time(self, provider_port: int) -> None:
        async with self.open(provider_port) as calendar:
            assert list(await calendar.busy(*DAY)) == []
            self.foreign("Review", NINE, NINE + HOUR)
            (found,) = await calendar.busy(*DAY)
        assert (found.starts_at, found.ends_at) == (NINE, NINE + HOUR)

    # --- trouble ---

    async def test_a_refused_credential_is_rejected(self, provider_port: int) -> None:
        kept = hub.Kept("calendar", "event", '"1"', BOOKED.uid)
        async with self.open(provider_port, self.refused) as calendar:
            with pytest.raises(hub.Rejected) as told:
                await calendar.busy(*DAY)
            assert_readable(told.value)
            with pytest.raises(hub.Rejected):
                await calendar.put(BOOKED, None)
            with pytest.raises(hub.Rejected):
                await calendar.delete(kept)
        assert self.lies() == []

    async def test_a_server_that_is_not_there_is_unavailable(self) -> None:
        async with self.open(free_port()) as calendar:
            with pytest.raises(hub.Unavailable) as told:
                await calendar.busy(*DAY)
            assert_readable(told.value)
            with pytest.raises(hub.Unavailable):
                await calendar.put(BOOKED, None)

    async def test_closing_it_closes_its_sockets(self, between: Proxy) -> None:
        async with self.open(between.port) as calendar:
            await calendar.put(BOOKED, None)
            assert between.accepted
        await between.until(open=0)
