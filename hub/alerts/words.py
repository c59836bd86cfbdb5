"""An alert in words, made when somebody reads it: from ids, in her language, on her clock, of what she may see."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.alerts.raising import MORE
from hub.privacy.visibility import Actor, Authority, readable, sees
from hub.store.alert_tables import alerts, reminders
from hub.store.mention_tables import watch_queries
from hub.store.schema import appointments, contacts, deals, interactions, participants, tasks
from hub.vocabulary import Level
from hub.web.i18n import Reader


@dataclass(frozen=True, slots=True)
class Said:
    """An alert as somebody reads it: a line that says what, lines that say more, where it leads (an absolute address),
    how urgent it is, and why she is told."""

    title: str
    lines: tuple[str, ...]
    url: str
    severity: str
    why: str


@dataclass(frozen=True, slots=True)
class _Known:
    """What the alerts to be told are about, by ids."""

    contacts: Mapping[int, str]
    people: Mapping[int, str]
    titles: Mapping[int, str]
    deals: Mapping[int, str]
    tasks: Mapping[int, str]
    bookings: Mapping[int, str]
    queries: Mapping[int, str]
    notes: Mapping[int, str]


class Words:
    """Puts alerts into words; *public_url* is where the hub's pages are, *names* the agents by id."""

    def __init__(self, public_url: str, names: Mapping[str, str]) -> None:
        self._public_url = public_url
        self._names = names

    def said(
        self, conn: Connection, alert_ids: Sequence[int], agent: str, language: str, timezone: str
    ) -> dict[int, Said]:
        """The alerts of these ids as *agent* ("" for nobody, who sees no names) reads them. What does not exist is left
        out."""
        rows = conn.execute(sa.select(alerts).where(alerts.c.id.in_(alert_ids))).all()
        known = _known(conn, rows, agent)
        reader = Reader.at(language, timezone)
        return {
            row.id: Said(
                title=_title(reader, row, known),
                lines=_lines(reader, row, known),
                url=f"{self._public_url}/alerts/{row.id}",
                severity=row.severity,
                why=self._why(reader, row),
            )
            for row in rows
        }

    def _why(self, reader: Reader, row: sa.Row[Any]) -> str:
        t = reader.gettext
        said = t("The rule “%(rule)s” tells you.") % {"rule": row.rule}
        if row.about.get("escalated_from"):
            who = self._names.get(row.about["escalated_from"], row.about["escalated_from"])
            said = f"{said} {t('%(who)s has not seen to it in time.') % {'who': who}}"
        return said


def _known(conn: Connection, rows: Sequence[sa.Row[Any]], agent: str) -> _Known:
    if not agent:
        return _Known({}, {}, {}, {}, {}, {}, {}, {})
    seen, people = _interactions(conn, {row.interaction_id for row in rows}, agent)
    return _Known(
        contacts=_named(conn, contacts, contacts.c.name, {row.contact_id for row in rows}),
        people=people,
        titles=seen,
        deals=_named(conn, deals, deals.c.title, _ids(rows, "deal")),
        tasks=_named(conn, tasks, tasks.c.title, _ids(rows, "task")),
        bookings=_named(conn, appointments, appointments.c.title, _ids(rows, "booking")),
        queries=_named(conn, watch_queries, watch_queries.c.name, _ids(rows, "query")),
        notes=_named(conn, reminders, reminders.c.note, _ids(rows, "reminder"), reminders.c.agent == agent),
    )


def _interactions(conn: Connection, ids: set[int | None], agent: str) -> tuple[dict[int, str], dict[int, str]]:
    """Titles and people of interactions, as far as *agent* may read them. An alert shows her no more than any colleague
    would see, whatever else her login may."""
    ids = ids - {None}
    if not ids:
        return {}, {}
    level = sees(Actor(agent, Authority.AGENT, agent))
    found = conn.execute(
        sa.select(interactions.c.id, interactions.c.title, level.label("level")).where(interactions.c.id.in_(ids))
    ).all()
    titles = {row.id: row.title for row in found if readable(row.level, Level.SUBJECT)}
    visible = [row.id for row in found if row.level > 0]
    query = (
        sa.select(participants.c.interaction_id, participants.c.name, participants.c.handle)
        .where(participants.c.interaction_id.in_(visible), ~participants.c.ours)
        .order_by(participants.c.interaction_id, participants.c.position.desc())
    )
    return titles, {row.interaction_id: row.name or row.handle.partition(":")[2] for row in conn.execute(query)}


def _named(
    conn: Connection, table: sa.Table, name: sa.ColumnElement[str], ids: set[int | None], *which: sa.ColumnElement[bool]
) -> dict[int, str]:
    ids = ids - {None}
    if not ids:
        return {}
    return {row[0]: row[1] for row in conn.execute(sa.select(table.c.id, name).where(table.c.id.in_(ids), *which))}


def _ids(rows: Sequence[sa.Row[Any]], name: str) -> set[int | None]:
    return {int(row.about[name]) for row in rows if name in row.about}


def _about(row: sa.Row[Any], name: str) -> int:
    return int(row.about.get(name, 0))


def _count(row: sa.Row[Any]) -> int:
    return int(row._mapping["count"])


def _who(reader: Reader, row: sa.Row[Any], known: _Known) -> str:
    t = reader.gettext
    return known.contacts.get(row.contact_id) or known.people.get(row.interaction_id) or t("Somebody")


def _title(reader: Reader, row: sa.Row[Any], known: _Known) -> str:
    t, values, count = reader.gettext, row.about.get("values", {}), _count(row)
    if row.kind == MORE:
        said = reader.ngettext("%(count)s more alert", "%(count)s more alerts", count)
        return said % {"count": reader.number(count)}
    if row.kind == "booking":
        title = known.bookings.get(_about(row, "booking")) or t("An appointment")
        state = {"moved": t("%(title)s was moved"), "cancelled": t("%(title)s was cancelled")}
        return state.get(str(values.get("state")), t("%(title)s was booked")) % {"title": title}
    said_of = _TITLES.get(row.kind)
    if said_of is None:
        return t("This is a trial: alerts reach you this way.")
    about = {
        "who": _who(reader, row, known),
        "deal": known.deals.get(_about(row, "deal")) or t("A deal"),
        "stage": values.get("stage") or "–",
        "days": reader.number(int(values.get("days", 0))),
        "task": known.tasks.get(_about(row, "task")) or t("a promise"),
        "source": row.about.get("source", ""),
        "query": known.queries.get(_about(row, "query")) or t("What you watch"),
        "note": known.notes.get(_about(row, "reminder")) or known.titles.get(row.interaction_id) or "",
    }
    return (said_of(reader) % about).removesuffix(": ")


def _lines(reader: Reader, row: sa.Row[Any], known: _Known) -> tuple[str, ...]:
    found = []
    title = known.titles.get(row.interaction_id, "")
    if title and row.kind in ("message", "call", "missed", "overdue-call", "mention", "bounce", "reminder"):
        found.append(title)
    if (count := _count(row)) > 1 and row.kind != MORE:
        found.append(reader.gettext("%(count)s times") % {"count": reader.number(count)})
    if row.kind in ("spike", "silence") and "seen" in (values := row.about.get("values", {})):
        said = reader.gettext("%(seen)s in an hour, usually %(usual)s")
        found.append(said % {name: reader.number(values[name]) for name in ("seen", "usual")})
    return tuple(found)


_TITLES: Mapping[str, Callable[[Reader], str]] = {
    "message": lambda reader: reader.gettext("%(who)s writes"),
    "call": lambda reader: reader.gettext("%(who)s calls"),
    "missed": lambda reader: reader.gettext("Missed call: %(who)s"),
    "overdue-call": lambda reader: reader.gettext("%(who)s waits to be called back"),
    "deal-moved": lambda reader: reader.gettext("%(deal)s is now at %(stage)s"),
    "deal-still": lambda reader: reader.gettext("%(deal)s has stood still for %(days)s days"),
    "silence-of-contact": lambda reader: reader.gettext("Nobody has spoken to %(who)s for %(days)s days"),
    "promise-due": lambda reader: reader.gettext("Due: %(task)s"),
    "source-lag": lambda reader: reader.gettext("%(source)s is behind"),
    "source-silent": lambda reader: reader.gettext("Nothing arrives from %(source)s"),
    "mention": lambda reader: reader.gettext("%(query)s: a mention"),
    "spike": lambda reader: reader.gettext("%(query)s: far more mentions than usual"),
    "silence": lambda reader: reader.gettext("%(query)s: far fewer mentions than usual"),
    "bounce": lambda reader: reader.gettext("A letter to %(who)s came back"),
    "reminder": lambda reader: reader.gettext("Reminder: %(note)s"),
}
