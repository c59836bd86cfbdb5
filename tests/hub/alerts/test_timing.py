"""When somebody may be told, on her own clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as some

from hub.alerts.timing import WEEKDAYS, Preferences, Quiet

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Shanghai", "Africa/Casablanca")
YEAR = datetime(2026, 1, 1, tzinfo=UTC)
clocks = some.builds("{:02d}:{:02d}".format, some.integers(0, 23), some.sampled_from([0, 15, 30]))
quiets = some.builds(
    lambda days, begin, until: Quiet.model_validate({"days": days, "from": begin, "until": until}),
    some.sets(some.sampled_from(WEEKDAYS), min_size=1, max_size=5).map(sorted),
    clocks,
    clocks,
)


def nights(*, begin: str = "22:00", until: str = "07:00") -> Preferences:
    return Preferences(quiet=(Quiet.model_validate({"from": begin, "until": until}),))


@settings(max_examples=150, deadline=None)
@given(quiets, some.sampled_from(ZONES), some.integers(0, 366 * 96))
def test_quiet_hours_end_at_the_first_moment_that_is_not_quiet(quiet: Quiet, name: str, quarters: int) -> None:
    """Whatever the zone, also over the days on which clocks change: looked at minute by quarter of an hour."""
    zone, preferences = ZoneInfo(name), Preferences(quiet=(quiet,))
    moment = YEAR + timedelta(minutes=15 * quarters)
    until = preferences.quiet_until(moment, zone)
    if until is None:
        return
    assert until > moment
    assert until - moment <= timedelta(days=7)
    assert preferences.quiet_until(until, zone) is None
    at = moment
    while at < until:
        assert preferences.quiet_until(at, zone) == until
        at += timedelta(minutes=15)


def test_a_night_is_an_hour_shorter_in_spring_and_longer_in_autumn() -> None:
    preferences = nights()
    for day, hours in (((2026, 3, 28), 8), ((2026, 10, 24), 10), ((2026, 6, 1), 9)):
        begin = datetime(*day, 22, 0, tzinfo=BERLIN)
        until = preferences.quiet_until(begin, BERLIN)
        assert until is not None
        assert until - begin.astimezone(UTC) == timedelta(hours=hours)
        assert until.astimezone(BERLIN).hour == 7


def test_only_what_is_urgent_pierces_quiet_hours_and_only_where_she_said_so() -> None:
    night = datetime(2026, 6, 1, 23, 0, tzinfo=BERLIN)
    morning = datetime(2026, 6, 2, 7, 0, tzinfo=BERLIN)
    assert nights().due("urgent", night, BERLIN) == morning
    open_ = nights().model_copy(update={"urgent_pierces": True})
    assert open_.due("urgent", night, BERLIN) is None
    assert open_.due("warning", night, BERLIN) == morning
    assert open_.due("warning", morning, BERLIN) is None


def test_a_digest_waits_for_its_time_and_for_the_end_of_quiet_hours() -> None:
    preferences = Preferences(
        digest=("09:00", "16:30"), quiet=(Quiet.model_validate({"from": "16:00", "until": "18:00"}),)
    )
    noon = datetime(2026, 6, 1, 12, 0, tzinfo=BERLIN)
    assert preferences.due("info", noon, BERLIN) == datetime(2026, 6, 1, 18, 0, tzinfo=BERLIN)
    assert preferences.due("warning", noon, BERLIN) is None
    assert preferences.next_digest(noon.replace(hour=17), BERLIN) == datetime(2026, 6, 2, 9, 0, tzinfo=BERLIN)
