"""Facts become alerts, in the transaction that learns of them: who is told by which rule, once for each episode.

Read `raised` from top to bottom. Each statement runs once for a whole set of facts; where no rule wants their kind none
runs at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from hub.alerts import telling
from hub.alerts.book import Rulebook, page_made
from hub.alerts.facts import LASTING, Fact
from hub.alerts.rules import Rule
from hub.alerts.timing import Preferences
from hub.alerts.whom import Customers, People
from hub.live import LiveEvent
from hub.store.alert_tables import alert_rules, alerts
from hub.store.columns import micros
from hub.store.sets import SetRead, among, given

MOST_AN_HOUR = 20
"""So many alerts one rule raises for one person within an hour. What comes beyond is one alert that counts it."""

MORE = "more"
"""The kind of that alert, and the beginning of its key."""

KEPT = timedelta(days=30)
"""An alert that has no end of its own, and that nobody has seen to, is over then."""

_CHUNK = 200
_OPEN = SetRead(
    sa.select(alerts.c.rule, alerts.c.agent, alerts.c.key).where(sa.text("ended_at IS NULL"), among(alerts.c.key))
)
_LATELY = SetRead(
    sa.select(alerts.c.rule, alerts.c.agent, sa.func.count())
    .where(among(alerts.c.agent), alerts.c.created_at > given("since", alerts.c.created_at.type), alerts.c.kind != MORE)
    .group_by(alerts.c.rule, alerts.c.agent)
)
_BY_KEY = SetRead(sa.select(alerts.c.id).where(sa.text("ended_at IS NULL"), among(alerts.c.key)))


@dataclass(slots=True)
class Wanted:
    """An alert as it is to be: of *fact*, by *rule*, for *agent*, *count* times."""

    rule: Rule
    agent: str
    fact: Fact
    key: str
    kind: str
    count: int = 1
    escalated_from: str = ""

    @property
    def place(self) -> tuple[str, str, str]:
        """What it is one of."""
        return (self.rule.name, self.agent, self.key)


def raised(
    conn: Connection,
    facts: Sequence[Fact],
    book: Rulebook,
    new_id: Callable[[], int],
    now: datetime,
    *,
    only: Rule | None = None,
    again: bool = True,
) -> list[LiveEvent]:
    """Raise what the rules of *book* want of *facts*, in the caller's transaction; a fact that has `ended` closes the
    alerts of its key. Answers what to tell the screens after the commit. *only*: ask no other rule. Not *again*: a
    fact of an episode that is open changes nothing."""
    if not any(fact.ended or book.wants(fact.kind) for fact in facts):
        return []
    news: list[LiveEvent] = []
    for ended, some in groupby(facts, key=lambda fact: fact.ended):
        if ended:
            ids = [id for (id,) in _BY_KEY(conn, sorted({fact.key for fact in some}))]
            news += telling.over(conn, ids, "ended", book, new_id, now)
        else:
            wanted = matching(conn, list(some), book, now, only=only)
            news += opened(conn, wanted, book, new_id, now, again=again)
    return news


def matching(
    conn: Connection, facts: Sequence[Fact], book: Rulebook, now: datetime, *, only: Rule | None = None
) -> list[Wanted]:
    """What the rules want of *facts*: each alert once, with how many facts it is of."""
    asked = [
        (fact, [only] if only else book.wants(fact.kind))
        for fact in facts
        if fact.live and (fact.expires_at is None or fact.expires_at > now)
    ]
    asked = [(fact, rules) for fact, rules in asked if rules]
    if not asked:
        return []
    customers = Customers(conn, [fact for fact, rules in asked if any(rule.asks_customer for rule in rules)])
    matched = [
        (fact, rule) for fact, rules in asked for rule in rules if rule.matches(fact, customers.of(fact.contact_id))
    ]
    if not matched:
        return []
    people = People(conn, book, [fact for fact, _ in matched], now)
    found: dict[tuple[str, str, str], Wanted] = {}
    for fact, rule in matched:
        for agent in people.told(rule, fact):
            wanted = Wanted(rule, agent, fact, fact.key, fact.kind.value)
            known = found.setdefault(wanted.place, wanted)
            if known is not wanted:
                known.count, known.fact = known.count + 1, fact
    return list(found.values())


def opened(
    conn: Connection,
    wanted: Sequence[Wanted],
    book: Rulebook,
    new_id: Callable[[], int],
    now: datetime,
    *,
    again: bool = True,
) -> list[LiveEvent]:
    """Write *wanted*: a new alert where none of its episode is open, else one more of the one that is."""
    if not wanted:
        return []
    preferences = telling.preferences(conn, sorted({each.agent for each in wanted}))
    usual = Preferences()
    wanted = [each for each in wanted if each.rule.name not in preferences.get(each.agent, usual).muted]
    wanted = _still_on(conn, wanted)
    if not wanted:
        return []
    known = set(_OPEN(conn, sorted({each.key for each in wanted})))
    wanted = _limited(conn, [each for each in wanted if again or each.place not in known], known, now)
    news: list[LiveEvent] = []
    fresh: list[tuple[int, Wanted]] = []
    ids = {each.place: new_id() for each in wanted}
    for some in _chunks(sorted(wanted, key=lambda each: each.place)):
        rows = [_row(ids[each.place], each, now) for each in some]
        written = {row.id: row for row in conn.execute(_writing(conn.dialect.name, again=again), rows)}
        news += [_news(row) for row in written.values()]
        fresh += [(ids[each.place], each) for each in some if ids[each.place] in written]
    told = [
        telling.New(number, each.agent, each.rule, each.fact.expires_at, preferences.get(each.agent, usual))
        for number, each in fresh
    ]
    telling.tell(conn, told, book, new_id, now)
    return news


def _row(number: int, wanted: Wanted, now: datetime) -> dict[str, Any]:
    fact, minutes = wanted.fact, wanted.rule.table.escalate_minutes
    about = fact.about()
    if wanted.escalated_from:
        about["escalated_from"] = wanted.escalated_from
    lasts = fact.kind in LASTING and wanted.kind != MORE
    escalates = minutes is not None and not wanted.escalated_from and wanted.kind != MORE
    return {
        "id": number,
        "rule": wanted.rule.name,
        "agent": wanted.agent,
        "key": wanted.key,
        "kind": wanted.kind,
        "severity": wanted.rule.severity,
        "state": "open",
        "count": wanted.count,
        "interaction_id": None if wanted.kind == MORE else fact.interaction_id,
        "contact_id": None if wanted.kind == MORE else fact.contact_id,
        "about": {} if wanted.kind == MORE else about,
        "fact_at": fact.at,
        "created_at": now,
        "updated_at": now,
        "escalate_at": now + timedelta(minutes=minutes) if minutes is not None and escalates else None,
        "expires_at": fact.expires_at if lasts or fact.expires_at else now + KEPT,
    }


@cache
def _writing(dialect: str, *, again: bool) -> Any:
    """The statement that inserts rows, or counts up what is open. It answers what it wrote."""
    made: Any = (sqlite.insert if dialect == "sqlite" else postgresql.insert)(alerts)
    place = {"index_elements": ["rule", "agent", "key"], "index_where": sa.text("ended_at IS NULL")}
    if again:
        refreshed = ("interaction_id", "contact_id", "about", "fact_at", "updated_at", "expires_at")
        values = {name: made.excluded[name] for name in refreshed}
        values["count"] = alerts.c.count + made.excluded.count
        made = made.on_conflict_do_update(**place, set_=values)
    else:
        made = made.on_conflict_do_nothing(**place)
    return made.returning(alerts.c.id, alerts.c.agent, alerts.c.state, alerts.c.severity)


def _limited(conn: Connection, wanted: Sequence[Wanted], known: set[tuple[Any, ...]], now: datetime) -> list[Wanted]:
    """*wanted*, with all that goes beyond what one rule may raise for one person as one alert that counts it."""
    fresh = sorted({each.agent for each in wanted if each.place not in known})
    lately = _LATELY(conn, fresh, since=micros(now - timedelta(hours=1)))
    counts = {(rule, agent): count for rule, agent, count in lately}
    kept: list[Wanted] = []
    more: dict[tuple[str, str], Wanted] = {}
    for each in wanted:
        of = (each.rule.name, each.agent)
        if each.place in known or counts.get(of, 0) < MOST_AN_HOUR:
            counts[of] = counts.get(of, 0) + (each.place not in known)
            kept.append(each)
        elif of in more:
            more[of].count += each.count
        else:
            more[of] = Wanted(each.rule, each.agent, each.fact, f"{MORE}/{each.rule.name}", MORE, each.count)
    return [*kept, *more.values()]


def _still_on(conn: Connection, wanted: Sequence[Wanted]) -> list[Wanted]:
    """*wanted* without what a rule wants that another hub has switched off, or deleted, meanwhile."""
    names = {each.rule.name for each in wanted if each.rule.origin == "page"}
    if not names:
        return list(wanted)
    on = {rule.name for rule in page_made(conn, (alert_rules.c.name.in_(names), alert_rules.c.enabled))}
    return [each for each in wanted if each.rule.name not in names or each.rule.name in on]


def _news(row: sa.Row[Any]) -> LiveEvent:
    return LiveEvent("alert", {"id": str(row.id), "state": row.state, "severity": row.severity}, row.agent)


def _chunks(wanted: Sequence[Wanted]) -> Iterable[Sequence[Wanted]]:
    for start in range(0, len(wanted), _CHUNK):
        yield wanted[start : start + _CHUNK]
