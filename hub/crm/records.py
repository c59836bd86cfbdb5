"""The Directory's records as values, and the statements that read and write them inside a transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from hub import audit
from hub.privacy.visibility import Actor, knows
from hub.store.schema import cases, companies, contacts, deals, identities, orders


class Strength(StrEnum):
    """How well a handle stands for one person."""

    PERSONAL = "personal"
    SHARED = "shared"
    ROLE = "role"


@dataclass(frozen=True, slots=True)
class Identity:
    """A handle that stands for a contact. *how* we learned it: `import`, `agent`, `api` …; *learned_by* a login's or
    token's name. *confirmed_at* is when a person said so."""

    handle: str
    strength: Strength
    how: str
    learned_by: str
    learned_at: datetime
    confirmed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A person. *company* is the company's name, "" for none; *fields* are further facts by their headings."""

    id: int
    name: str
    company_id: int | None
    company: str
    title: str
    owner: str
    notes: str
    external_id: str | None
    fields: Mapping[str, str]
    identities: tuple[Identity, ...]
    revision: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Deal:
    """An opportunity. *amount* in units of *currency* (ISO 4217)."""

    id: int
    title: str
    stage: str
    amount: float | None
    currency: str
    open: bool
    owner: str
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Case:
    """A ticket."""

    id: int
    title: str
    urgency: str
    open: bool
    owner: str
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class Order:
    """A purchase. *amount* in units of *currency* (ISO 4217)."""

    id: int
    title: str
    state: str
    amount: float | None
    currency: str
    ordered_at: datetime


@dataclass(frozen=True, slots=True)
class Card:
    """A contact and what matters now: open deals and cases first, then the latest."""

    contact: Contact
    deals: tuple[Deal, ...]
    cases: tuple[Case, ...]
    orders: tuple[Order, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A contact to be made. *handles* are normalised, each with its strength."""

    name: str
    company: str = ""
    title: str = ""
    owner: str = ""
    notes: str = ""
    external_id: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    handles: tuple[tuple[str, Strength], ...] = ()


@dataclass(frozen=True, slots=True)
class Clash:
    """What stands in the way: *record* (`contact/7`) called *name* holds *value*, and *reason* says which rule."""

    record: str
    name: str
    value: str
    reason: str


class Conflict(Exception):
    """The change contradicts other records; nothing was changed."""

    def __init__(self, clashes: Sequence[Clash]) -> None:
        super().__init__("; ".join(f"{clash.value} belongs to {clash.name} ({clash.record})" for clash in clashes))
        self.clashes = tuple(clashes)


class Stale(Exception):
    """Somebody else changed the contact meanwhile; nothing was changed. *current* is how it stands now."""

    def __init__(self, current: Contact) -> None:
        super().__init__(f"contact/{current.id} is at revision {current.revision}")
        self.current = current


class Unknown(LookupError):
    """There is no such record."""


def insert(conn: Connection, table: sa.Table) -> Any:
    """An INSERT of this database's own kind, which knows ON CONFLICT."""
    return (sqlite.insert if conn.dialect.name == "sqlite" else postgresql.insert)(table)


CONTACT_COLUMNS = (*contacts.c, companies.c.name.label("company"))
FROM_CONTACTS = contacts.outerjoin(companies, companies.c.id == contacts.c.company_id)


_CONTACTS = sa.select(*CONTACT_COLUMNS).select_from(FROM_CONTACTS)


def by_id(conn: Connection, actor: Actor, contact_id: int) -> Contact:
    """One contact. Raises `Unknown`."""
    found = with_identities(conn, conn.execute(_CONTACTS.where(contacts.c.id == contact_id, knows(actor))))
    if not found:
        raise Unknown(f"contact/{contact_id}")
    return found[0]


def owners(conn: Connection, actor: Actor, handle: str) -> tuple[Contact, ...]:
    """The contacts whose handle this is, the older record first."""
    theirs = sa.select(identities.c.contact_id).where(identities.c.handle == handle)
    rows = conn.execute(_CONTACTS.where(contacts.c.id.in_(theirs), knows(actor)).order_by(contacts.c.id))
    return tuple(with_identities(conn, rows))


def with_identities(conn: Connection, rows: Iterable[sa.Row[Any]]) -> list[Contact]:
    """Contacts from rows of `CONTACT_COLUMNS`, with one query for all their handles."""
    kept = list(rows)
    known: defaultdict[int, list[Identity]] = defaultdict(list)
    linked = conn.execute(
        sa.select(identities)
        .where(identities.c.contact_id.in_([row.id for row in kept]))
        .order_by(identities.c.learned_at, identities.c.handle)
    )
    for row in linked:
        known[row.contact_id].append(
            Identity(row.handle, Strength(row.strength), row.how, row.learned_by, row.learned_at, row.confirmed_at)
        )
    return [
        Contact(
            id=row.id,
            name=row.name,
            company_id=row.company_id,
            company=row.company or "",
            title=row.title,
            owner=row.owner,
            notes=row.notes,
            external_id=row.external_id,
            fields=row.fields,
            identities=tuple(known[row.id]),
            revision=row.revision,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )
        for row in kept
    ]


def card(conn: Connection, actor: Actor, contact_id: int, limit: int = 20) -> Card:
    """A contact with her own and her company's deals, cases and orders, *limit* of each. Raises `Unknown`."""
    contact = by_id(conn, actor, contact_id)

    def of(table: sa.Table, *order: sa.ColumnElement[Any]) -> Sequence[sa.Row[Any]]:
        concerns = table.c.contact_id == contact.id
        if contact.company_id is not None:
            concerns |= table.c.company_id == contact.company_id
        return conn.execute(sa.select(table).where(concerns).order_by(*order).limit(limit)).all()

    return Card(
        contact,
        tuple(
            Deal(row.id, row.title, row.stage, row.amount, row.currency, row.open, row.owner, row.updated_at)
            for row in of(deals, deals.c.open.desc(), deals.c.updated_at.desc())
        ),
        tuple(
            Case(row.id, row.title, row.urgency, row.open, row.owner, row.opened_at)
            for row in of(cases, cases.c.open.desc(), cases.c.opened_at.desc())
        ),
        tuple(
            Order(row.id, row.title, row.state, row.amount, row.currency, row.ordered_at)
            for row in of(orders, orders.c.ordered_at.desc())
        ),
    )


@dataclass(frozen=True, slots=True)
class NewDeal:
    """An open deal to be made with a contact. *amount* in units of *currency* (ISO 4217)."""

    contact_id: int
    title: str
    stage: str = ""
    amount: float | None = None
    currency: str = ""


@dataclass(frozen=True, slots=True)
class NewCase:
    """An open case to be made of a contact."""

    contact_id: int
    title: str
    urgency: str = ""


def add_deal(conn: Connection, actor: Actor, deal_id: int, entry: int, new: NewDeal, now: datetime) -> Deal:
    """Make a deal of *actor*'s with the contact and her company. Raises `Unknown`."""
    contact = by_id(conn, actor, new.contact_id)
    deal = Deal(deal_id, new.title, new.stage, new.amount, new.currency, True, actor.agent or actor.name, now)
    conn.execute(
        deals.insert().values(
            id=deal.id,
            contact_id=contact.id,
            company_id=contact.company_id,
            title=deal.title,
            stage=deal.stage,
            amount=deal.amount,
            currency=deal.currency,
            open=True,
            owner=deal.owner,
            updated_at=now,
        )
    )
    audit.note(conn, entry, actor, "deal.create", f"deal/{deal.id}", now)
    return deal


def add_case(conn: Connection, actor: Actor, case_id: int, entry: int, new: NewCase, now: datetime) -> Case:
    """Make a case of *actor*'s for the contact and her company. Raises `Unknown`."""
    contact = by_id(conn, actor, new.contact_id)
    case = Case(case_id, new.title, new.urgency, True, actor.agent or actor.name, now)
    conn.execute(
        cases.insert().values(
            id=case.id,
            contact_id=contact.id,
            company_id=contact.company_id,
            title=case.title,
            urgency=case.urgency,
            open=True,
            owner=case.owner,
            opened_at=now,
            updated_at=now,
        )
    )
    audit.note(conn, entry, actor, "case.create", f"case/{case.id}", now)
    return case


def company_named(conn: Connection, name: str, ids: Callable[[], int], now: datetime) -> int | None:
    """The company of that name, made where there is none; None for ""."""
    if not name:
        return None
    found = conn.execute(
        sa.select(companies.c.id)
        .where(sa.func.lower(companies.c.name) == sa.func.lower(name))
        .order_by(companies.c.id)
        .limit(1)
    ).scalar()
    if found is not None:
        return int(found)
    new = ids()
    conn.execute(companies.insert().values(id=new, name=name, created_at=now))
    return new


def clashes(conn: Connection, contact_id: int, draft_handles: Iterable[tuple[str, Strength]]) -> list[Clash]:
    """Handles that are to be personal though another contact has them."""
    personal = [handle for handle, strength in draft_handles if strength is Strength.PERSONAL]
    rows = conn.execute(
        sa.select(identities.c.handle, contacts.c.id, contacts.c.name)
        .join(contacts, contacts.c.id == identities.c.contact_id)
        .where(identities.c.handle.in_(personal), contacts.c.id != contact_id)
        .order_by(identities.c.handle, contacts.c.id)
    )
    return [Clash(f"contact/{row.id}", row.name, row.handle, "handle-in-use") for row in rows]


def external_clash(conn: Connection, contact_id: int, external_id: str | None) -> list[Clash]:
    """Another contact that already has this external id."""
    row = conn.execute(
        sa.select(contacts.c.id, contacts.c.name).where(
            contacts.c.external_id == external_id, contacts.c.id != contact_id
        )
    ).first()
    return [Clash(f"contact/{row.id}", row.name, external_id or "", "external-id-in-use")] if row else []


def add_identity(
    conn: Connection,
    contact_id: int,
    handle: str,
    strength: Strength,
    how: str,
    learned_by: str,
    now: datetime,
    *,
    confirmed: bool,
) -> None:
    """Remember that *handle* stands for the contact; a link that is there takes the new strength and confirmation."""
    values: dict[str, Any] = {
        "handle": handle,
        "contact_id": contact_id,
        "strength": strength.value,
        "how": how,
        "learned_by": learned_by,
        "learned_at": now,
        "confirmed_at": now if confirmed else None,
    }
    statement = insert(conn, identities).values(values)
    conn.execute(
        statement.on_conflict_do_update(
            index_elements=["handle", "contact_id"],
            set_={
                "strength": statement.excluded.strength,
                "confirmed_at": sa.func.coalesce(statement.excluded.confirmed_at, identities.c.confirmed_at),
            },
        )
    )
