"""The gate before every call: what stands in the way has a name, and nothing is dialled without looking."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hub.dialing.gate import MOST_A_DAY, Known, Rule, Rules, gate, next_allowed, zones

BERLIN = ZoneInfo("Europe/Berlin")
LINE = "tel:+4930123456"
GERMAN = "tel:+493098765432"
MOBILE_IN_AUSTRALIA = "tel:+61400000000"  # from Perth to Lord Howe
NEW_YORK = "tel:+12125550100"
RULES = Rules(
    zone=BERLIN,
    region="DE",
    allowed=(time(8), time(20)),
    quiet_days=frozenset({6}),
    holidays=frozenset({date(2026, 12, 25)}),
    consent_regions=frozenset({"US"}),
    ours=frozenset({LINE}),
)
FRIDAY_NOON = datetime(2026, 11, 20, 11, tzinfo=UTC)


def known(callee: str = GERMAN, phone: str = "pbx/21", **more: object) -> Known:
    return Known(callee=callee, phone=phone, **more)  # type: ignore[arg-type]


def rules_in_the_way(about: Known, at: datetime = FRIDAY_NOON, rules: Rules = RULES) -> list[str]:
    return [each.rule.value for each in gate(about, rules, at)]


def test_dialling_without_looking_do_not_call_the_callees_local_hour_consent() -> None:
    assert rules_in_the_way(known()) == []
    assert rules_in_the_way(known(agreed=False)) == ["do-not-call"]
    assert rules_in_the_way(known(NEW_YORK, agreed=True)) == ["hours"]  # 06:00 there
    assert rules_in_the_way(known(NEW_YORK), FRIDAY_NOON + timedelta(hours=5)) == ["consent"]
    assert rules_in_the_way(known(NEW_YORK, agreed=True), FRIDAY_NOON + timedelta(hours=5)) == []
    (refusal,) = gate(known(NEW_YORK, agreed=True), RULES, FRIDAY_NOON)
    assert refusal.facts == {"local": "06:00", "zone": "America/New_York", "begin": "08:00", "end": "20:00"}
    assert refusal.may_override
    assert not any(Rule(name).may_override for name in ("do-not-call", "consent", "blocked", "emergency"))


@pytest.mark.parametrize(
    ("about", "rule"),
    [
        (Known(callee="", typed="112", phone="pbx/21"), "emergency"),
        (Known(callee="", typed="21", phone="pbx/21"), "no-number"),
        (known("tel:+499001234567"), "premium"),
        (known("tel:+19005551234", agreed=True), "premium"),
        (known(LINE), "our-own"),
        (known("tel:+491701111111", phone="tel:+491701111111"), "our-own"),
        (known(never_recorded=True), "never-recorded"),
        (known(blocked=True), "blocked"),
        (known(calls=MOST_A_DAY), "too-often"),
        (known(phone=""), "no-agent-phone"),
        (known(line=False), "no-line"),
        (known(talking=True), "on-a-call"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_each_refusal_has_a_name(about: Known, rule: str) -> None:
    assert rule in rules_in_the_way(about)


def test_a_number_that_may_be_in_several_zones_is_called_when_it_is_day_in_all() -> None:
    assert len(zones(MOBILE_IN_AUSTRALIA, BERLIN)) > 3
    # 01:00 UTC is 09:00 in Perth and noon in Sydney; 23:00 UTC is 07:00 in Perth and 10:00 in Sydney.
    assert rules_in_the_way(known(MOBILE_IN_AUSTRALIA), datetime(2026, 11, 20, 2, tzinfo=UTC)) == []
    assert rules_in_the_way(known(MOBILE_IN_AUSTRALIA), datetime(2026, 11, 19, 23, tzinfo=UTC)) == ["hours"]


def test_where_nobody_knows_where_a_number_is_our_own_clock_counts() -> None:
    assert zones("tel:+80012345678", BERLIN) == (BERLIN,)
    assert zones("sip:li@customer.example", BERLIN) == (BERLIN,)
    assert zones("tel:+18005550100", BERLIN) == (BERLIN,)  # a whole country's, from Guam to Puerto Rico


def test_sundays_and_holidays_are_quiet_on_the_callees_calendar() -> None:
    saturday_night = datetime(2026, 11, 21, 21, tzinfo=UTC)  # Sunday, 08:00, in Sydney; Saturday, 22:00, in Berlin
    sydney = "tel:+61299999999"
    assert rules_in_the_way(known(sydney), saturday_night) == ["quiet-day"]
    assert rules_in_the_way(known(), datetime(2026, 12, 25, 11, tzinfo=UTC)) == ["quiet-day"]
    assert next_allowed(GERMAN, RULES, datetime(2026, 12, 24, 23, tzinfo=UTC)) == datetime(2026, 12, 26, 7, tzinfo=UTC)


def test_a_day_that_is_never_allowed_has_no_next_time() -> None:
    never = Rules(zone=BERLIN, allowed=(time(8), time(20)), quiet_days=frozenset(range(7)))
    assert next_allowed(GERMAN, never, FRIDAY_NOON) is None


@settings(max_examples=150, deadline=None)
@given(
    callee=st.sampled_from([GERMAN, NEW_YORK, MOBILE_IN_AUSTRALIA, "tel:+79161234567", "tel:+5511987654321", LINE]),
    minutes=st.integers(0, 2 * 366 * 24 * 60),
    hours=st.tuples(st.integers(0, 23), st.integers(1, 24)).filter(lambda pair: pair[0] < pair[1]),
    quiet=st.sets(st.integers(0, 6), max_size=6),
    agreed=st.sampled_from([None, True, False]),
    blocked=st.booleans(),
)
# The night in which clocks go forward in Berlin: 02:30 does not exist.
@example(callee=GERMAN, minutes=(31 + 28 + 28) * 1440 + 60, hours=(2, 3), quiet=set(), agreed=None, blocked=False)
def test_whoever_passes_the_gate_may_be_called_and_the_next_time_passes_the_clock(
    callee: str, minutes: int, hours: tuple[int, int], quiet: set[int], agreed: bool | None, blocked: bool
) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    allowed = (time(hours[0]), time.max if hours[1] == 24 else time(hours[1]))
    rules = Rules(
        zone=BERLIN, allowed=allowed, quiet_days=frozenset(quiet), consent_regions=frozenset({"US"}),
        ours=frozenset({LINE}),
    )  # fmt: skip
    about = known(callee, agreed=agreed, blocked=blocked)
    refused = {each.rule for each in gate(about, rules, at)}
    locals_ = [at.astimezone(zone) for zone in zones(callee, BERLIN)]
    assert (Rule.HOURS in refused) == any(not allowed[0] <= local.time() < allowed[1] for local in locals_)
    assert (Rule.QUIET_DAY in refused) == any(local.weekday() in quiet for local in locals_)
    assert (Rule.DO_NOT_CALL in refused) == (agreed is False)
    assert (Rule.CONSENT in refused) == (agreed is None and callee == NEW_YORK)
    assert (Rule.BLOCKED in refused) == blocked
    assert (Rule.OUR_OWN in refused) == (callee == LINE)
    later = next_allowed(callee, rules, at)
    if later is not None:
        assert later >= at
        assert not {each.rule for each in gate(about, rules, later)} & {Rule.HOURS, Rule.QUIET_DAY}
    assert (later == at) == (not refused & {Rule.HOURS, Rule.QUIET_DAY})
