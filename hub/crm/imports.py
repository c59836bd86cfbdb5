"""Contact lists into the Directory: add who is new, complete whom we know, and say what could not be taken and why.

A row is somebody we know if it has the external id of a contact, or a personal mail address of one, or a phone number
or role mailbox of one with the same name; where it has none of these, by name and company. A phone number under another
name is shared, not a duplicate: colleagues behind one switchboard stay two people. So the same file taken in twice
changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson
import sqlalchemy as sa
from sqlalchemy import Connection

from hub import audit, outgoing
from hub.crm import join
from hub.crm.files import Row
from hub.crm.records import Strength
from hub.formats import handles
from hub.privacy.visibility import HUB
from hub.store import Lane
from hub.store.schema import companies, contacts, identities, micros
from hub.store.sets import Run, SetRead, SetWrite, among

if TYPE_CHECKING:
    from hub.operation import Progress
    from hub.service import Service

LONGEST = 500  # characters of a name and of an id: they are indexed
BATCH = 200
"""Rows to a transaction: short enough that a ringing phone does not wait for it."""

# RFC 2142, and what small firms call them: mailboxes that belong to a function, not to a person.
_ROLES = frozenset(
    (
        "abuse", "accounting", "accounts", "admin", "bestellung", "billing", "booking", "buchhaltung", "contact",
        "einkauf", "enquiries", "finance", "hello", "help", "helpdesk", "hostmaster", "hr", "info", "inquiry",
        "invoice", "jobs", "kontakt", "kundenservice", "mail", "marketing", "news", "noc", "noreply", "no-reply",
        "office", "orders", "postmaster", "post", "press", "purchasing", "rechnung", "reception", "sales",
        "sekretariat", "security", "service", "shop", "support", "team", "vertrieb", "verwaltung", "webmaster",
        "zentrale",
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A row made ready: *handles* are normalised. *named* is false where *name* had to be made of something else."""

    number: int
    name: str
    named: bool = True
    company: str = ""
    title: str = ""
    owner: str = ""
    notes: str = ""
    external_id: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    handles: tuple[str, ...] = ()

    @property
    def bare(self) -> bool:
        """True where a name is all there is to know her by."""
        return not self.handles and self.external_id is None


@dataclass(frozen=True, slots=True)
class Remark:
    """What could not be taken of row *number*, and why; *kept* where the rest of it was."""

    number: int
    reason: str
    kept: bool


def prepare(row: Row, region: str) -> tuple[Person | None, list[Remark]]:
    """A row with its handles read in *region*; None where there is nobody in it."""
    if row.problem:
        return None, [Remark(row.number, row.problem, False)]
    found: dict[str, None] = {}
    unread = []
    for text, handle in (
        *((text, handles.mail(text)) for text in row.mails),
        *((text, handles.phone(text, region)) for text in row.phones),
    ):
        if handle is None:
            unread.append(text)
        else:
            found[handle] = None
    name = row.name or row.company or next((handles.display(each) for each in found), "")
    if len(row.external_id) > LONGEST:
        return None, [Remark(row.number, f"its id has more than {LONGEST} characters", False)]
    if not name:
        why = f'neither a name nor an address that can be read ("{unread[0]}")' if unread else "nobody is in this row"
        return None, [Remark(row.number, why, False)]
    person = Person(
        number=row.number,
        name=name[:LONGEST],
        named=bool(row.name),
        company=row.company,
        title=row.title,
        owner=row.owner,
        notes=row.notes,
        external_id=row.external_id or None,
        fields=dict(row.fields),
        handles=tuple(found),
    )
    return person, [Remark(row.number, f'"{text}" is neither a phone number nor an address', True) for text in unread]


# --- what commands ask the running hub for --------------------------------------------------------------------------


async def import_operation(service: Service, args: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """`contacts.import`: {people: [fields of Person, …], dry_run} → {added, changed, same, remarks: [[number, reason,
    kept], …]}."""
    people = [Person(**{**each, "handles": tuple(each["handles"])}) for each in args["people"]]
    ours = service.ours.handles
    known = Known()
    await service.store.read(known.know_companies)
    counts = {"added": 0, "changed": 0, "same": 0}
    remarks: list[Remark] = []
    for start in range(0, len(people), BATCH):
        batch = people[start : start + BATCH]
        if args["dry_run"]:
            made = await service.store.read(_planner(batch, known, ours, service.store.ids))
        else:
            crms = service.config.crm
            made = await service.store.write(_recorder(batch, known, ours, crms, service.store.ids), Lane.BULK)
        for name in counts:
            counts[name] += getattr(made, name)
        known.learn(made)
        remarks += made.remarks
        await progress({"done": start + len(batch), "of": len(people)})
    return {**counts, "remarks": [[each.number, each.reason, each.kept] for each in remarks]}


def _planner(
    batch: Sequence[Person], known: Known, ours: frozenset[str], new_id: Callable[[], int]
) -> Callable[[Connection], Plan]:
    def work(conn: Connection) -> Plan:
        known.look_up(conn, batch)
        return plan(batch, known, ours, new_id)

    return work


def _recorder(
    batch: Sequence[Person], before: Known, ours: frozenset[str], crms: Collection[str], new_id: Callable[[], int]
) -> Callable[[Connection], Plan]:
    def work(conn: Connection) -> Plan:
        now = datetime.now(UTC)
        join.change_identities(conn)
        known = before.fresh()
        known.look_up(conn, batch)
        made = plan(batch, known, ours, new_id)
        made.write(conn, new_id, now)
        joined = join.join(conn, [handle for person in batch for handle in person.handles])
        outgoing.tell(conn, crms, joined, new_id, micros(now))
        return made

    return work


# --- what is known, and what is to be done --------------------------------------------------------------------------

_CONTACT = ("id", "name", "company_id", "title", "owner", "notes", "external_id", "fields")
_CONTACTS = SetRead(sa.select(*(contacts.c[name] for name in _CONTACT)).where(among(contacts.c.id)))
_BY_NAME = SetRead(sa.select(contacts.c.name, contacts.c.company_id, contacts.c.id).where(among(contacts.c.name)))
_BY_EXTERNAL_ID = SetRead(sa.select(contacts.c.external_id, contacts.c.id).where(among(contacts.c.external_id)))
_LINKS = SetRead(
    sa.select(identities.c.handle, identities.c.contact_id, identities.c.strength).where(among(identities.c.handle))
)
_COMPANIES = sa.select(companies.c.name, companies.c.id).order_by(companies.c.id.desc())
_NEW_COMPANIES = SetWrite(companies, ("id", "name", "created_at"))
_NEW_CONTACTS = SetWrite(contacts, (*_CONTACT, "created_at", "updated_at"))
_CHANGE = Run(
    "UPDATE contacts SET name = ?, company_id = ?, title = ?, owner = ?, notes = ?, external_id = ?, fields = ?,"
    " updated_at = ?, revision = revision + 1 WHERE id = ?"
)
_NEW_LINKS = SetWrite(identities, ("handle", "contact_id", "strength", "how", "learned_at"), "ON CONFLICT DO NOTHING")
_SHARE = Run("UPDATE identities SET strength = 'shared' WHERE handle = ? AND strength = 'personal'")


@dataclass(frozen=True, slots=True)
class _Contact:
    id: int
    name: str
    company_id: int | None
    title: str
    owner: str
    notes: str
    external_id: str | None
    fields: Mapping[str, str]

    def row(self) -> tuple[Any, ...]:
        """As the driver takes it, without the id."""
        fields = orjson.dumps(dict(self.fields)).decode()
        return (self.name, self.company_id, self.title, self.owner, self.notes, self.external_id, fields)


class Known:
    """What the store knows of the people of a batch, and what earlier rows have added to it. *placed* are the contacts
    that rows of this list were about."""

    def __init__(self) -> None:
        self.placed: set[int] = set()
        self.contacts: dict[int, _Contact] = {}
        self.external: dict[str, int] = {}
        self.links: dict[str, dict[int, Strength]] = {}
        self.named: dict[tuple[str, int | None], int] = {}
        self.companies: dict[str, int] = {}
        self._companies_known = False

    def fresh(self) -> Known:
        """To look people up anew in another transaction; a copy, since a transaction may be repeated."""
        known = Known()
        known.placed, known.companies = set(self.placed), dict(self.companies)
        known._companies_known = self._companies_known
        return known

    def learn(self, made: Plan) -> None:
        """What a batch that is committed has added."""
        self.placed |= made.placed
        self.companies.update({name.casefold(): company_id for company_id, name in made.companies})

    def look_up(self, conn: Connection, batch: Sequence[Person]) -> None:
        """Read what concerns *batch* and is not known yet."""
        wanted = sorted({handle for person in batch for handle in person.handles} - self.links.keys())
        self.links.update({handle: {} for handle in wanted})
        for handle, contact_id, strength in _LINKS(conn, wanted):
            self.links[handle][contact_id] = Strength(strength)
        names = sorted({person.external_id for person in batch if person.external_id} - self.external.keys())
        self.external.update(dict(_BY_EXTERNAL_ID(conn, names)))
        ids = {each for handle in wanted for each in self.links[handle]}
        ids |= {self.external[name] for name in names if name in self.external}
        for name, company_id, contact_id in _BY_NAME(conn, sorted({each.name for each in batch if each.bare})):
            self.named.setdefault((name, company_id), contact_id)
            ids.add(self.named[name, company_id])
        for row in _CONTACTS(conn, sorted(ids - self.contacts.keys())):
            contact_id, name, company_id, title, owner, notes, external_id, fields = row
            self.contacts[contact_id] = _Contact(
                contact_id, name, company_id, title, owner, notes, external_id, orjson.loads(fields)
            )
        self.know_companies(conn)

    def know_companies(self, conn: Connection) -> None:
        """Read the names of all companies, once for a whole list."""
        if not self._companies_known:
            self.companies = {name.casefold(): company_id for name, company_id in conn.execute(_COMPANIES)}
            self._companies_known = True


@dataclass(slots=True)
class Plan:
    """What a batch comes to."""

    new: dict[int, _Contact] = field(default_factory=dict)
    altered: dict[int, _Contact] = field(default_factory=dict)
    companies: list[tuple[int, str]] = field(default_factory=list)
    links: list[tuple[str, int, Strength]] = field(default_factory=list)
    shared: set[str] = field(default_factory=set)
    placed: set[int] = field(default_factory=set)
    same: int = 0
    remarks: list[Remark] = field(default_factory=list)

    @property
    def added(self) -> int:
        """How many people are new."""
        return len(self.new)

    @property
    def changed(self) -> int:
        """How many of those we knew have learned something."""
        return len(self.altered.keys() - self.new.keys())

    def write(self, conn: Connection, new_id: Callable[[], int], now: datetime) -> None:
        """Do it, in the caller's transaction."""
        at = micros(now)
        _NEW_COMPANIES(conn, [(company_id, name, at) for company_id, name in self.companies])
        _NEW_CONTACTS(conn, [(each.id, *each.row(), at, at) for each in self.new.values()])
        altered = [each for each in self.altered.values() if each.id not in self.new]
        _CHANGE.many(conn, [(*each.row(), at, each.id) for each in altered])
        _NEW_LINKS(
            conn, [(handle, contact_id, strength.value, "import", at) for handle, contact_id, strength in self.links]
        )
        _SHARE.many(conn, [(handle,) for handle in sorted(self.shared)])
        if self.new or altered:
            audit.note(conn, new_id(), HUB, "contacts.import", f"contacts:{len(self.new)}+{len(altered)}", now)


def plan(batch: Iterable[Person], known: Known, ours: frozenset[str], new_id: Callable[[], int]) -> Plan:
    """What to do with *batch*, given what is *known*, which grows by it. Pure but for the ids."""
    made = Plan()
    for person in batch:
        _place(person, known, ours, made, new_id)
    return made


def _place(person: Person, known: Known, ours: frozenset[str], made: Plan, new_id: Callable[[], int]) -> None:
    own = [handle for handle in person.handles if handle in ours]
    for handle in own:
        said = f"{handles.display(handle)} is one of our own addresses"
        made.remarks.append(Remark(person.number, said, True))
    if own:
        person = replace(person, handles=tuple(handle for handle in person.handles if handle not in ours))
    company_id = _company(person.company, known, made, new_id)
    before = _same_person(person, company_id, known)
    if before is None:
        after = _Contact(
            new_id(), person.name, company_id, person.title, person.owner, person.notes, person.external_id,
            dict(person.fields),
        )  # fmt: skip
        made.new[after.id] = after
    else:
        after = replace(
            before,
            name=person.name if person.named else before.name,
            company_id=company_id or before.company_id,
            title=person.title or before.title,
            owner=person.owner or before.owner,
            notes=person.notes or before.notes,
            external_id=before.external_id or person.external_id,
            fields={**before.fields, **person.fields},
        )
        if after.id in made.new:
            made.new[after.id] = after
    known.contacts[after.id] = after
    known.named.setdefault((after.name, after.company_id), after.id)
    known.placed.add(after.id)
    made.placed.add(after.id)
    if after.external_id:
        known.external[after.external_id] = after.id
    linked = _link(person, after.id, known, made)
    if before is not None and before == after and not linked:
        made.same += 1
    elif before is not None:
        made.altered[after.id] = after


def _same_person(person: Person, company_id: int | None, known: Known) -> _Contact | None:
    """Whom a row is about, where we know her."""
    if person.bare and (person.name, company_id) in known.named:
        return known.contacts[known.named[person.name, company_id]]
    if person.external_id and person.external_id in known.external:
        return known.contacts[known.external[person.external_id]]
    for handle in sorted(person.handles, key=_surest):
        owners = known.links[handle]
        for contact in (known.contacts[each] for each in sorted(owners)):
            if person.external_id and contact.external_id:
                continue  # in the list it came from, this is somebody else
            nameless = not person.named or contact.name == handles.display(handle)
            if nameless or _alike(person.name, contact.name):
                return contact
            alone = len(owners) == 1 and contact.id not in known.placed  # the list has one row for each person
            if alone and handle.startswith("mailto:") and _strength(handle) is Strength.PERSONAL:
                return contact
    return None


def _link(person: Person, contact_id: int, known: Known, made: Plan) -> bool:
    """Link the handles that are new to the contact; whether there were any."""
    linked = False
    for handle in person.handles:
        owners = known.links[handle]
        if contact_id in owners:
            continue
        strength = _strength(handle)
        if owners and strength is Strength.PERSONAL:
            strength = Strength.SHARED
            made.shared.add(handle)
            others = ", ".join(f"contact/{owner}" for owner in sorted(owners))
            said = f"{handles.display(handle)} also belongs to {others}: it is shared now"
            made.remarks.append(Remark(person.number, said, True))
        owners[contact_id] = strength
        made.links.append((handle, contact_id, strength))
        linked = True
    return linked


def _company(name: str, known: Known, made: Plan, new_id: Callable[[], int]) -> int | None:
    if not name:
        return None
    company_id = known.companies.get(name.casefold())
    if company_id is None:
        company_id = known.companies[name.casefold()] = new_id()
        made.companies.append((company_id, name))
    return company_id


def _strength(handle: str) -> Strength:
    role = handle.startswith("mailto:") and handle[7:].partition("@")[0] in _ROLES
    return Strength.ROLE if role else Strength.PERSONAL


def _surest(handle: str) -> tuple[bool, bool]:
    """Sorts personal mail addresses first, then phones, then role mailboxes."""
    return _strength(handle) is not Strength.PERSONAL, not handle.startswith("mailto:")


def _alike(one: str, other: str) -> bool:
    """Whether two names are the same words, in whatever order and case."""
    return _words(one) == _words(other)


def _words(name: str) -> list[str]:
    return sorted(name.casefold().replace(",", " ").split())
