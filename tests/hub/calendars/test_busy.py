"""What lies in calendars takes their owners' time, as it is now."""

from __future__ import annotations

from hub import Removed
from tests.hub.calendars.diary import at, bring, current, ics, scheduled, spans, vevent
from tests.hub.core import Core


async def test_an_event_takes_its_owners_time_until_it_has_gone(core: Core) -> None:
    await current(core, "ada-calendar", "ben-calendar")
    await bring(core, scheduled("one", ics(vevent("one", at(1, 9)))))
    assert await spans(core, "ada") == [(at(1, 9), at(1, 10))]
    assert await spans(core, "ben") == []

    await bring(core, scheduled("one", ics(vevent("one", at(2, 9)))))
    assert await spans(core, "ada") == [(at(2, 9), at(2, 10))]

    await bring(core, Removed("/work/", "/work/one.ics"))
    assert await spans(core, "ada") == []
