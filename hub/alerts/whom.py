"""Whom facts concern: the customers that rules ask for, and the people who are told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import orjson
import sqlalchemy as sa
from sqlalchemy import Connection

from hub.alerts.book import Rulebook
from hub.alerts.facts import Fact, FactKind
from hub.alerts.rules import Customer, Rule
from hub.availability.rows import read as known_now
from hub.availability.states import Known, State, standings, stands_in
from hub.privacy.visibility import Authority
from hub.store.schema import companies, contacts, conversations, deals, logins
from hub.store.sets import SetRead, among

_CONTACTS = SetRead(
    sa.select(contacts.c.id, contacts.c.owner, contacts.c.company_id, contacts.c.fields, companies.c.domain)
    .select_from(contacts.outerjoin(companies, companies.c.id == contacts.c.company_id))
    .where(among(contacts.c.id))
)
_DEALS = SetRead(sa.select(deals.c.contact_id, deals.c.amount).where(deals.c.open, among(deals.c.contact_id)))
_COMPANY_DEALS = SetRead(sa.select(deals.c.company_id, deals.c.amount).where(deals.c.open, among(deals.c.company_id)))
_OF_CONTACTS = SetRead(sa.select(contacts.c.id, contacts.c.owner).where(among(contacts.c.id)))
_OF_DEALS = SetRead(sa.select(deals.c.id, deals.c.owner).where(among(deals.c.id)))
_OF_CONVERSATIONS = SetRead(sa.select(conversations.c.id, conversations.c.owner).where(among(conversations.c.id)))

_HERS_ALONE = (FactKind.REMINDER, FactKind.TEST)


class Customers:
    """Who the contacts of *facts* are."""

    def __init__(self, conn: Connection, facts: Sequence[Fact]) -> None:
        rows = _CONTACTS(conn, sorted({fact.contact_id for fact in facts if fact.contact_id is not None}))
        largest: dict[tuple[str, int], float] = {}
        for name, read, ids in (
            ("contact", _DEALS, {row[0] for row in rows}),
            ("company", _COMPANY_DEALS, {row[2] for row in rows if row[2] is not None}),
        ):
            for number, amount in read(conn, sorted(ids)):
                largest[name, number] = max(largest.get((name, number), 0.0), amount or 0.0)
        self._known = {
            number: Customer(
                contact_id=number,
                owner=owner,
                company_id=company_id,
                domain=domain or "",
                fields=orjson.loads(fields or "{}"),
                deal=max(largest.get(("contact", number), 0.0), largest.get(("company", company_id or 0), 0.0)),
            )
            for number, owner, company_id, fields, domain in rows
        }

    def of(self, contact_id: int | None) -> Customer | None:
        """The customer of that id, None where nobody knows."""
        return None if contact_id is None else self._known.get(contact_id)


class People:
    """Who is told of *facts*. Whoever is absent at *now* is told through her stand-in."""

    def __init__(self, conn: Connection, book: Rulebook, facts: Sequence[Fact], now: datetime) -> None:
        self._conn = conn
        self._book = book
        self._now = now
        nobody = [fact for fact in facts if not fact.agents]
        self._contacts = dict(_OF_CONTACTS(conn, _ids(fact.contact_id for fact in nobody)))
        self._deals = dict(_OF_DEALS(conn, _ids(fact.deal_id for fact in nobody)))
        self._conversations = dict(_OF_CONVERSATIONS(conn, _ids(fact.conversation_id for fact in nobody)))
        self._admins: tuple[str, ...] | None = None
        self._known: Known | None = None

    def told(self, rule: Rule, fact: Fact) -> list[str]:
        """The agents whom *rule* tells of *fact*."""
        named: list[str] = []
        for who in rule.table.who:
            if who == "concerned":
                named += self._concerned(fact)
            elif who == "admins":
                named += self._administrators()
            elif who == "everyone":
                named += sorted(self._book.people())
            elif who.startswith("team:"):
                named += self._book.team(who.removeprefix("team:"))
            else:
                named.append(who)
        if fact.kind not in _HERS_ALONE:
            named = [self._present(agent) for agent in named]
        known = self._book.people()
        return [agent for agent in dict.fromkeys(named) if agent in known]

    def _concerned(self, fact: Fact) -> Iterable[str]:
        if fact.agents:
            return fact.agents
        owners = (
            self._deals.get(fact.deal_id, ""),
            self._conversations.get(fact.conversation_id, ""),
            self._contacts.get(fact.contact_id, ""),
        )
        return [owner for owner in owners if owner][:1]

    def _present(self, agent: str) -> str:
        """*agent*, or who stands in for her while she is absent, where somebody does."""
        if self._known is None:
            self._known = known_now(self._conn, self._now)
        standing = standings(self._book.rota, self._known, self._now, [agent]).get(agent)
        if standing is None or State.ABSENT not in standing.holds:
            return agent
        everybody = standings(self._book.rota, self._known, self._now)
        return stands_in(agent, everybody) or standing.stand_in or agent

    def _administrators(self) -> tuple[str, ...]:
        if self._admins is None:
            self._admins = administrators(self._conn)
        return self._admins


def administrators(conn: Connection) -> tuple[str, ...]:
    """The agents of those who administer the hub."""
    may = sa.and_(logins.c.role == Authority.ADMIN.value, logins.c.agent != "", logins.c.disabled.is_(False))
    return tuple(conn.scalars(sa.select(logins.c.agent).where(may).distinct().order_by(logins.c.agent)))


def _ids(numbers: Iterable[int | None]) -> list[int]:
    return sorted({number for number in numbers if number is not None})
