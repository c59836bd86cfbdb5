"""From an event in a calendar to the times that are offered, and back to the event that says why not."""

from __future__ import annotations

from pathlib import Path

from hub.booking.catalogue import Catalogue
from hub.booking.slots import Slots
from hub.config import load
from hub.store import Store
from tests.hub.calendars.diary import OWNERS, at, bring, current, ics, scheduled, vevent
from tests.hub.core import Core, open_core

CONFIG = """
[hub]
region = "DE"

[agents.ada]
name = "Ada"

[agents.ben]
name = "Ben"

[event_types.both]
title = "Both"
hosts = ["ada", "ben"]
assign = "collective"
durations = [60]
notice = 0
"""


def slots_of(core: Core, folder: Path) -> Slots:
    """The slots of a firm whose calendars *core* reads."""
    (folder / "config.toml").write_text(CONFIG)
    config = load(folder / "config.toml", {})
    return Slots(core.store, config, Catalogue(core.store, config), core.calendars)


async def hours(slots: Slots) -> list[int]:
    """At which hours of the day after tomorrow it is offered, from 08:00 to 13:00 UTC."""
    offer = await slots.offered("both", 60, at(2, 8), at(2, 13))
    return [each.starts_at.hour for each in offer.slots]


async def test_an_event_closes_its_time_by_name_calendar_and_freshness(store: Store, tmp_path: Path) -> None:
    async with open_core(store, owners=OWNERS) as core:
        slots = slots_of(core, tmp_path)
        await current(core, "ada-calendar", "ben-calendar")
        assert await hours(slots) == [8, 9, 10, 11, 12]
        series = vevent("gym", at(1, 9), "SUMMARY:Gym", "RRULE:FREQ=DAILY;COUNT=5")
        await bring(core, scheduled("gym", ics(series)))
        secret = vevent("doctor", at(2, 11, 30), "SUMMARY:Doctor", "CLASS:PRIVATE", minutes=15)
        await bring(core, scheduled("doctor", ics(secret), place="/ben/"), source="ben-calendar")
        assert await hours(slots) == [8, 10, 12]

        found = await slots.explain("both", at(2, 9), 60, reader="ada")
        ada, ben = found.hosts
        assert (found.open, ada.open, ben.open) == (False, False, True)
        closing = next(reason for reason in ada.reasons if not reason.opens)
        assert (closing.source, closing.facts["title"]) == ("ada-calendar", "Gym")
        assert closing.current_at is not None
        assert (at(0) - closing.current_at).total_seconds() < 0, "from today"

        found = await slots.explain("both", at(2, 11), 60, reader="ada")
        closing = next(reason for reason in found.hosts[1].reasons if not reason.opens)
        assert (closing.source, closing.facts["title"], closing.facts["private"]) == ("ben-calendar", "", 1)


async def test_stale_calendar_no_slots_until_it_is_heard_from_again(store: Store, tmp_path: Path) -> None:
    async with open_core(store, owners=OWNERS) as core:
        slots = slots_of(core, tmp_path)
        await current(core, "ada-calendar")
        await current(core, "ben-calendar", minutes_ago=16)
        offer = await slots.offered("both", 60, at(2, 8), at(2, 13))
        assert (offer.slots, offer.stale, offer.next) == ((), ("ben",), None)
        found = await slots.explain("both", at(2, 9), 60, reader="ada")
        assert [reason.kind for reason in found.hosts[1].reasons if not reason.opens] == ["stale-calendar"]
        await current(core, "ben-calendar", minutes_ago=14)
        assert await hours(slots) == [8, 9, 10, 11, 12]
