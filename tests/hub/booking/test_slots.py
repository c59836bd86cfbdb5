"""What is offered from what the store knows: absences, what is booked and held, seats, and who takes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from hub.booking.catalogue import Catalogue, Changed, InTheFile, SlugTaken, Wrong
from hub.booking.choosing import Slot, StandIn
from hub.booking.slots import Slots, zone_named
from hub.config import load
from hub.crm.records import Unknown
from hub.privacy.visibility import Actor, Authority
from hub.store import Store
from hub.store.schema import absences, appointment_hosts, appointments, bookings, contacts, identities
from tests.hub.booking.boards import Busy, Event, State

ADMIN = Actor("ada", Authority.ADMIN, "ada", record="login/1")
NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
"""A Monday, 07:00 in Berlin."""

CONFIG = """
[hub]
timezone = "Europe/Berlin"
region = "DE"

[hours.office]
mon = "09:00-12:00"
tue = "09:00-12:00"
wed = "09:00-12:00"
thu = "09:00-12:00"
fri = "09:00-12:00"

[teams.sales]
name = "Sales"
agents = ["ada", "ben"]

[agents.ada]
name = "Ada"
hours = "office"

[agents.ben]
name = "Ben"
hours = "office"

[agents.cleo]
name = "Cleo"
hours = "office"

[event_types.solo]
title = "Solo"
hosts = ["ada"]
durations = [30, 60]
notice = 60

[event_types.sales]
title = "Sales"
hosts = ["ada", "ben", "cleo"]
assign = "round-robin"
weights = { ben = 2 }
team = "sales"

[event_types.class]
title = "Class"
hosts = ["ada"]
seats = 3

[event_types.pair]
title = "Pair"
hosts = ["ada", "ben", "cleo"]
assign = "fixed-and-rotating"
fixed = ["ada"]
"""


@dataclass
class Diaries:
    """What calendars say, as a test wrote it."""

    of: dict[str, Busy] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    readers: list[str] = field(default_factory=list)

    async def busy(self, agents: Sequence[str], since: datetime, until: datetime) -> dict[str, Busy]:
        """As it was written."""
        return {agent: self.of.get(agent, Busy()) for agent in agents}

    async def taking(self, agent: str, since: datetime, until: datetime, reader: str = "") -> list[Event]:
        """The events in that time."""
        self.readers.append(reader)
        return [each for each in self.events if each.starts_at < until and each.ends_at > since]


@dataclass
class Firm:
    """The event types of a firm, and short ways to say what is booked."""

    store: Store
    catalogue: Catalogue
    slots: Slots
    diaries: Diaries

    async def write(self, table: Any, **values: Any) -> int:
        """A row of that table."""
        row = {"id": self.store.ids(), **values}
        await self.store.write(lambda conn: conn.execute(table.insert().values(row)))
        return int(row["id"])

    async def book(
        self,
        slug: str,
        agents: Sequence[str],
        starts_at: datetime,
        *,
        state: str = "confirmed",
        minutes: int = 30,
        held_until: datetime | None = None,
        seats: int = 1,
        overlaps: bool = False,
        made: datetime = NOW,
    ) -> int:
        """An appointment of *agents* with so many *seats* taken."""
        id = self.store.ids()
        ends_at = starts_at + timedelta(minutes=minutes)
        common = {"state": state, "zone": "UTC", "held_until": held_until, "created_at": made}

        def work(conn: Connection) -> None:
            row = {**common, "id": id, "uid": f"{id}@test", "event_type": slug, "organizer": agents[0], "title": ""}
            row |= {"starts_at": starts_at, "ends_at": ends_at, "changed_at": made, "overlaps": overlaps}
            conn.execute(appointments.insert().values(row))
            for agent in agents:
                taken = {"blocked_from": starts_at, "blocked_until": ends_at, "active": not overlaps}
                conn.execute(appointment_hosts.insert().values(appointment_id=id, agent=agent, **taken))
            for seat in range(seats):
                whose = {"id": self.store.ids(), "seat": seat + 1, "language": "en", "secret": f"{id}/{seat}"}
                conn.execute(bookings.insert().values({**common, **whose, "appointment_id": id}))

        await self.store.write(work)
        return id

    async def times(self, slug: str, day: int = 23, **more: Any) -> list[str]:
        """What is offered on that day of November: hours and minutes in UTC."""
        since = datetime(2026, 11, day, tzinfo=UTC)
        offer = await self.slots.offered(slug, 30, since, since + timedelta(days=1), now=NOW, **more)
        return [f"{each.starts_at:%H:%M}" for each in offer.slots]

    async def hosts(self, slug: str, starts_at: datetime) -> tuple[tuple[str, ...], ...]:
        """Who could take it then."""
        found = await self.slots.at(slug, 30, starts_at, now=NOW)
        return found.hosts if found else ()


@pytest.fixture
def firm(store: Store, tmp_path: Path) -> Firm:
    """A firm of three."""
    (tmp_path / "config.toml").write_text(CONFIG)
    config = load(tmp_path / "config.toml", {})
    catalogue, diaries = Catalogue(store, config), Diaries()
    return Firm(store, catalogue, Slots(store, config, catalogue, diaries), diaries)


def utc(day: int, hour: int, minute: int = 0) -> datetime:
    """A moment in November 2026, UTC."""
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


async def test_what_is_booked_or_held_is_not_offered_and_what_has_ended_is(firm: Firm) -> None:
    assert await firm.times("solo") == ["08:00", "08:30", "09:00", "09:30", "10:00", "10:30"]
    confirmed = await firm.book("solo", ["ada"], utc(23, 8))
    await firm.book("sales", ["ada"], utc(23, 8, 30), state="held", held_until=NOW + timedelta(minutes=1))
    await firm.book("solo", ["ada"], utc(23, 9), state="held", held_until=NOW)
    await firm.book("solo", ["ada"], utc(23, 9, 30), state="cancelled", overlaps=True)
    await firm.book("solo", ["ada"], utc(23, 10), overlaps=True)
    await firm.book("solo", ["ben"], utc(23, 10, 30))
    assert await firm.times("solo") == ["09:00", "09:30", "10:30"]
    assert await firm.times("solo", without=confirmed) == ["08:00", "09:00", "09:30", "10:30"]


async def test_what_is_asked_is_cut_to_the_window_and_the_next_time_is_told(firm: Firm) -> None:
    ten_years = timedelta(days=3650)
    offer = await firm.slots.offered("solo", 60, NOW - ten_years, NOW + ten_years, now=NOW)
    assert offer.slots[0].starts_at == utc(23, 8)
    assert offer.slots[-1].starts_at == datetime(2027, 1, 21, 10, tzinfo=UTC), (
        "60 days, and 22 January is over by 07:00"
    )
    assert len(offer.slots) == 44 * 3, "the 44 working days of it, three hours each"
    saturday = await firm.slots.offered("solo", 30, utc(28, 0), utc(29, 0), now=NOW)
    assert saturday.slots == ()
    assert saturday.next == Slot(utc(30, 8), utc(30, 8, 30), (("ada",),))
    past = await firm.slots.offered("solo", 30, NOW - ten_years, NOW - timedelta(1), now=NOW)
    assert past.next is not None
    assert past.next.starts_at == utc(23, 8)
    gone = await firm.slots.offered("solo", 30, NOW + ten_years, NOW + 2 * ten_years, now=NOW)
    assert (gone.slots, gone.next) == ((), None)


async def test_the_nearest_times_are_told_in_their_order(firm: Firm) -> None:
    await firm.book("solo", ["ada"], utc(24, 9))
    near = await firm.slots.nearest("solo", 30, utc(24, 9), now=NOW)
    assert [each.starts_at for each in near] == [utc(24, 8), utc(24, 8, 30), utc(24, 9, 30)]
    far = await firm.slots.nearest("solo", 30, NOW + timedelta(days=3650), 2, now=NOW)
    assert [each.starts_at for each in far] == [datetime(2027, 1, 21, 10, m, tzinfo=UTC) for m in (0, 30)]
    assert await firm.slots.at("solo", 30, utc(24, 9), now=NOW) is None
    assert await firm.slots.at("solo", 30, utc(24, 9, 30), now=NOW) == near[2]


async def test_who_asks_for_what_there_is_not_is_told(firm: Firm) -> None:
    with pytest.raises(Unknown):
        await firm.times("nothing")
    with pytest.raises(ValueError, match="does not last 45 minutes"):
        await firm.slots.offered("solo", 45, NOW, NOW)
    with pytest.raises(ValueError, match="ben is none of its hosts"):
        await firm.times("solo", host="ben")
    with pytest.raises(ValueError, match="without a time zone"):
        await firm.slots.nearest("solo", 30, NOW.replace(tzinfo=None))
    for name in ("Europe/Atlantis", "", "../../etc/passwd", "Europe"):
        with pytest.raises(ValueError, match="no time zone"):
            zone_named(name)
    assert zone_named("Asia/Kathmandu").key == "Asia/Kathmandu"


async def test_stale_calendar_no_slots_and_its_host_is_named(firm: Firm) -> None:
    firm.diaries.of["ben"] = Busy((), (State("work", NOW, stale=True, why="behind"),))
    day = await firm.slots.offered("sales", 30, utc(24, 0), utc(25, 0), now=NOW)
    assert day.stale == ("ben",)
    assert {each.hosts for each in day.slots} == {(("ada",), ("cleo",))}
    firm.diaries.of["ada"] = firm.diaries.of["ben"]
    alone = await firm.slots.offered("solo", 30, utc(24, 0), utc(25, 0), now=NOW)
    assert (alone.slots, alone.stale, alone.next) == ((), ("ada",), None)


async def test_stand_ins_follow_one_another_while_they_are_absent_too(firm: Firm) -> None:
    for agent, stand_in, until in (("ada", "ben", utc(27, 0)), ("ben", "cleo", utc(25, 0))):
        await firm.write(absences, agent=agent, from_at=utc(24, 0), until_at=until, stand_in=stand_in)
    assert await firm.hosts("solo", utc(24, 9)) == (("cleo",),)
    assert await firm.hosts("solo", utc(25, 9)) == (("ben",),)
    assert await firm.hosts("solo", utc(27, 9)) == (("ada",),)
    slot = await firm.slots.at("solo", 30, utc(24, 9), now=NOW)
    assert slot is not None
    assert slot.stand_ins == (StandIn("cleo", "ada", utc(27, 0)),)
    choice = await firm.slots.choose("solo", slot, now=NOW)
    told = {"code": "stands-in", "agent": "cleo", "for": "ada", "until": "2026-11-27T00:00:00+00:00"}
    assert (choice.hosts, choice.organizer, choice.why[-1]) == (("cleo",), "cleo", told)


async def test_a_group_is_filled_before_another_begins(firm: Firm) -> None:
    group = await firm.book("class", ["ada"], utc(24, 9), seats=2)
    await firm.book("class", ["ada"], utc(24, 10), seats=3)
    assert await firm.times("class", 24) == ["08:00", "08:30", "09:00", "09:30", "10:30"]
    slot = await firm.slots.at("class", 30, utc(24, 9), now=NOW)
    assert slot is not None
    assert (slot.joins, slot.seats_left, slot.hosts) == (group, 1, (("ada",),))
    choice = await firm.slots.choose("class", slot, now=NOW)
    assert choice.why == ({"code": "joins", "appointment": group, "left": 1},)
    assert await firm.times("class", 24, without=group) == ["08:00", "08:30", "09:30", "10:30"], "it takes place anyhow"


async def test_the_owner_of_the_contact_is_not_preferred(firm: Firm) -> None:
    """cal.diy#19898: whoever owns the contact takes it where she is free, known by a link or by the mail address."""
    common = {"name": "Li Na", "created_at": NOW, "updated_at": NOW}
    contact = await firm.write(contacts, owner="cleo", **common)
    handle = {"handle": "mailto:li.na@customer.example", "contact_id": contact, "how": "import", "learned_at": NOW}
    await firm.store.write(lambda conn: conn.execute(identities.insert().values(handle)))
    await firm.book("sales", ["cleo"], utc(24, 8))
    slot = await firm.slots.at("sales", 30, utc(24, 9), now=NOW)
    assert slot is not None
    owned = {"code": "owner", "agent": "cleo", "contact": contact}
    for known in ({"contact_id": contact}, {"mail": "mailto:li.na@customer.example"}):
        choice = await firm.slots.choose("sales", slot, now=NOW, **known)
        assert (choice.hosts, choice.why) == (("cleo",), (owned,))
    unknown = await firm.slots.choose("sales", slot, mail="mailto:bo@customer.example", now=NOW)
    assert unknown.hosts == ("ada",)
    await firm.write(absences, agent="cleo", from_at=utc(24, 0), until_at=utc(28, 0), stand_in="ben")
    slot = await firm.slots.at("sales", 30, utc(24, 9), now=NOW)
    assert slot is not None
    choice = await firm.slots.choose("sales", slot, contact_id=contact, now=NOW)
    assert choice.hosts == ("ben",)
    assert [each["code"] for each in choice.why] == ["owner", "stands-in"]


async def test_the_fewest_for_her_weight_then_who_waits_longest_then_the_first_name(firm: Firm) -> None:
    async def why(slug: str = "sales") -> tuple[str, dict[str, Any]]:
        slot = await firm.slots.at(slug, 30, utc(27, 9), now=NOW)
        assert slot is not None
        choice = await firm.slots.choose(slug, slot, now=NOW)
        return choice.hosts[-1], dict(choice.why[-1])

    assert await why() == ("ada", {"code": "first", "agent": "ada", "taken": 0, "of": 0})
    await firm.book("sales", ["ada"], utc(24, 8), made=NOW - timedelta(days=3))
    await firm.book("sales", ["ben"], utc(24, 8), made=NOW - timedelta(days=2))
    await firm.book("sales", ["cleo"], utc(24, 8), made=NOW - timedelta(days=4))
    await firm.book("sales", ["ada"], utc(24, 9), made=NOW - timedelta(days=31))  # too long ago
    await firm.book("solo", ["ben"], utc(24, 9))  # something else
    assert await why() == ("ben", {"code": "fewest", "agent": "ben", "taken": 1, "of": 3, "weight": 2})
    await firm.book("sales", ["ben"], utc(24, 10), made=NOW - timedelta(days=1))
    last = (NOW - timedelta(days=4)).isoformat()
    assert await why() == ("cleo", {"code": "longest-ago", "agent": "cleo", "taken": 1, "of": 4, "last": last})
    await firm.book("pair", ["ada", "ben"], utc(25, 8))
    assert await why("pair") == ("cleo", {"code": "fewest", "agent": "cleo", "taken": 0, "of": 1, "weight": 1})


async def test_a_host_who_is_asked_for_is_not_called_the_only_one(firm: Firm) -> None:
    slot = await firm.slots.at("sales", 30, utc(24, 9), host="cleo", now=NOW)
    assert slot is not None
    choice = await firm.slots.choose("sales", slot, now=NOW)
    assert (choice.hosts, choice.why) == (("cleo",), ({"code": "asked-for", "agent": "cleo"},))


async def test_whoever_is_told_why_sees_the_events_as_she_may(firm: Firm) -> None:
    begins, ends = utc(24, 9), utc(24, 10)
    firm.diaries.of["ada"] = Busy(((int(begins.timestamp()), int(ends.timestamp())),), (State("work", NOW),))
    own = await firm.book("sales", ["ada"], utc(24, 9, 30))
    firm.diaries.events = [
        Event(begins, ends, "", "work", private=True, current_at=NOW),
        Event(utc(24, 9, 30), ends, "Sales", "work", uid=f"{own}@test", current_at=NOW),
    ]
    found = await firm.slots.explain("solo", utc(24, 9), 60, reader="ben", now=NOW)
    closing = [reason for reason in found.hosts[0].reasons if not reason.opens]
    assert not found.open
    assert [(each.kind, each.source) for each in closing] == [("calendar", "work"), ("appointment", "")]
    assert (closing[0].facts["private"], closing[1].facts["appointment"]) == (1, own)
    assert firm.diaries.readers == ["ben"]
    free = await firm.slots.explain("solo", utc(24, 10), 60, reader="ben", now=NOW)
    assert (free.open, free.hosts[0].open) == (True, True)
    far = await firm.slots.explain("solo", datetime(9999, 12, 31, 23, 59, tzinfo=UTC), 60, reader="ben", now=NOW)
    assert [reason.kind for reason in far.hosts[0].reasons] == ["window"]


async def test_event_types_are_made_changed_and_archived_and_others_changes_are_not_lost(firm: Firm) -> None:
    made = await firm.catalogue.save(ADMIN, "intro", {"title": "Intro", "hosts": ["ada"], "durations": [15]})
    assert (made.version, made.in_file) == (1, False)
    assert [each.slug for each in await firm.catalogue.listed()] == ["class", "intro", "pair", "sales", "solo"]
    assert [each.slug for each in await firm.catalogue.listed("sales")] == ["sales"]
    changed = await firm.catalogue.save(ADMIN, "intro", {"title": "Hello", "hosts": ["ben"], "durations": [15]}, 1)
    assert await firm.catalogue.find("intro") == changed
    with pytest.raises(Changed) as stale:
        await firm.catalogue.save(ADMIN, "intro", {"title": "Lost", "hosts": ["ada"]}, 1)
    assert stale.value.current == changed
    assert len((await firm.slots.offered("intro", 15, NOW, NOW + timedelta(days=1), now=NOW)).slots) > 0
    await firm.catalogue.archive(ADMIN, "intro", 2)
    assert await firm.catalogue.get("intro") is None
    with pytest.raises(SlugTaken):
        await firm.catalogue.save(ADMIN, "intro", {"title": "Again", "hosts": ["ada"]})
    with pytest.raises(InTheFile):
        await firm.catalogue.save(ADMIN, "solo", {"title": "Mine", "hosts": ["ada"]})
    with pytest.raises(Unknown):
        await firm.catalogue.archive(ADMIN, "nothing", 1)

    def audited(conn: Connection) -> list[tuple[str, ...]]:
        return [tuple(row) for row in conn.exec_driver_sql("SELECT actor, action, record FROM audit ORDER BY id")]

    assert await firm.store.read(audited) == [
        ("login/1", f"event-type.{done}", "event-type/intro") for done in ("create", "change", "archive")
    ]


async def test_a_wrong_event_type_is_refused_with_the_path_of_each_field(firm: Firm) -> None:
    plain = {"title": "Intro", "hosts": ["ada"]}
    for slug, spec, paths in (
        ("intro", {**plain, "hosts": ["ada", "bem"], "assign": "collective"}, ["hosts[1]"]),
        ("intro", {**plain, "hours": "ofice", "team": "sale"}, ["hours", "team"]),
        ("intro", {"hosts": ["ada"], "durations": [30, 1]}, ["durations[1]", "title"]),
        ("intro", {**plain, "color": "red"}, ["color"]),
        ("intro", {**plain, "title": object()}, [""]),
        ("In tro", plain, ["slug"]),
    ):
        with pytest.raises(Wrong) as caught:
            await firm.catalogue.save(ADMIN, slug, spec)
        assert sorted(each.path for each in caught.value.problems) == paths
        assert all(each.text for each in caught.value.problems)
    assert await firm.catalogue.find("intro") is None
