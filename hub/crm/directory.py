"""The Directory: search, read and change contacts, and say whose a handle is."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from hub import audit, outgoing, pops
from hub.crm import join, records
from hub.crm.records import Card, Clash, Conflict, Contact, Draft, Stale, Strength, Unknown
from hub.crm.search import BadCursor as BadCursor
from hub.crm.search import Page, search
from hub.formats import handles
from hub.live import Live, LiveEvent
from hub.privacy.visibility import Actor, sees
from hub.store import Store
from hub.store.schema import activities, contacts, identities, interactions, micros, participants
from hub.vocabulary import Agent

CHANGEABLE = frozenset(("name", "company", "title", "owner", "notes", "external_id", "fields"))
_LONGEST = 500
_VERBATIM = ("acct:", "slack:", "client:", "xmpp:", "matrix:", "https:", "did:")


class Directory:
    """Open to every login and token; what it changes is audited. *ours* are our own addresses, nobody's identity;
    *crms* the names of the outside CRMs, which are told what comes onto a timeline; *agents* the colleagues by id."""

    def __init__(
        self,
        store: Store,
        live: Live,
        region: str,
        ours: Collection[str],
        crms: Collection[str] = (),
        agents: Mapping[str, Agent] | None = None,
    ) -> None:
        self._store = store
        self._live = live
        self._region = region
        self._ours = frozenset(ours)
        self._crms = tuple(crms)
        self._agents = agents or {}

    def handle(self, text: str) -> str | None:
        """The handle that *text* spells (`030 123456`, `ada@example.org`, `acct:a@b`), None where it is none."""
        text = text.strip()
        if len(text) > _LONGEST:
            return None
        if text.startswith(_VERBATIM):
            return text if len(text) > text.index(":") + 1 and text.isprintable() and " " not in text else None
        return handles.handle(text, self._region)

    # --- reading ---

    async def search(self, actor: Actor, q: str = "", *, limit: int = 50, cursor: str | None = None) -> Page:
        """Contacts whose name, company or handles hold every word of *q*, by name. A phone number may be spelt in any
        way. Raises `BadCursor`."""
        whole = self.handle(q)
        return await self._store.read(lambda conn: search(conn, actor, q, whole, limit, cursor))

    async def by_handle(self, actor: Actor, text: str) -> tuple[Contact, ...]:
        """The contacts whose handle *text* is, in whatever spelling."""
        handle = self.handle(text)
        return () if handle is None else await self._store.read(lambda conn: records.owners(conn, actor, handle))

    async def get(self, actor: Actor, contact_id: int) -> Card:
        """One contact with deals, cases and orders. Raises `Unknown`."""
        return await self._store.read(lambda conn: records.card(conn, actor, contact_id))

    # --- changing ---

    async def create(self, actor: Actor, draft: Draft, how: str = "agent") -> Contact:
        """A new contact, with what its handles did before on its timeline.

        Raises `Conflict` where a personal handle or the external id belongs to somebody else.
        """
        new_id, entry, now = self._store.ids(), self._store.ids(), _now()

        def work(conn: Connection) -> Contact:
            join.change_identities(conn)
            self._check(conn, new_id, draft.handles, draft.external_id)
            conn.execute(
                contacts.insert().values(
                    id=new_id,
                    name=draft.name,
                    company_id=records.company_named(conn, draft.company, self._store.ids, now),
                    title=draft.title,
                    owner=draft.owner,
                    notes=draft.notes,
                    external_id=draft.external_id,
                    fields=dict(draft.fields),
                    created_at=now,
                    updated_at=now,
                )
            )
            self._link(conn, actor, new_id, draft.handles, how, now)
            audit.note(conn, entry, actor, "contact.create", f"contact/{new_id}", now)
            return records.by_id(conn, actor, new_id)

        contact = await self._store.write(work)
        await self._tell(contact.id, contact)
        return contact

    async def change(
        self,
        actor: Actor,
        contact_id: int,
        changes: Mapping[str, Any],
        *,
        handles: Sequence[tuple[str, Strength]] | None = None,
        revision: int | None = None,
        how: str = "agent",
    ) -> Contact:
        """Change fields (`CHANGEABLE`; *company* by name) and, where given, the whole set of *handles*.

        Raises `Unknown`, `Conflict`, and `Stale` where the contact is not at *revision* any more.
        """
        entry, now = self._store.ids(), _now()

        gone: set[str] = set()

        def work(conn: Connection) -> Contact:
            join.change_identities(conn)
            before = self._lock(conn, actor, contact_id, revision)
            wanted = (
                dict(handles) if handles is not None else {each.handle: each.strength for each in before.identities}
            )
            had = {each.handle: each.strength for each in before.identities}
            new = [(handle, strength) for handle, strength in wanted.items() if had.get(handle) != strength]
            self._check(conn, contact_id, new, changes.get("external_id"))
            values = {name: value for name, value in changes.items() if name in CHANGEABLE - {"company"}}
            if "company" in changes:
                values["company_id"] = records.company_named(conn, changes["company"], self._store.ids, now)
            self._touch(conn, contact_id, now, values)
            gone.update(had.keys() - wanted.keys())
            for handle in sorted(gone):
                self._unlink(conn, contact_id, handle, now)
            self._link(conn, actor, contact_id, new, how, now)
            audit.note(conn, entry, actor, "contact.change", f"contact/{contact_id}", now)
            return records.by_id(conn, actor, contact_id)

        contact = await self._store.write(work)
        await self._tell(contact.id, contact, *gone)
        return contact

    async def link(
        self,
        actor: Actor,
        contact_id: int,
        handle: str,
        strength: Strength = Strength.PERSONAL,
        how: str = "agent",
    ) -> Contact:
        """Say that *handle* is this contact's: confirmed by a person, and what it did before joins the timeline.

        Raises `Unknown`, and `Conflict` where it is to be personal and belongs to somebody else.
        """
        entry, now = self._store.ids(), _now()

        def work(conn: Connection) -> Contact:
            join.change_identities(conn)
            self._lock(conn, actor, contact_id, None)
            self._check(conn, contact_id, [(handle, strength)], None)
            self._link(conn, actor, contact_id, [(handle, strength)], how, now)
            self._touch(conn, contact_id, now, {})
            audit.note(conn, entry, actor, "contact.link", f"contact/{contact_id}", now)
            return records.by_id(conn, actor, contact_id)

        contact = await self._store.write(work)
        await self._tell(contact.id, contact)
        return contact

    async def unlink(self, actor: Actor, contact_id: int, handle: str) -> Contact:
        """Take it back: what stood on the timeline only because of *handle* leaves it. Raises `Unknown`."""
        entry, now = self._store.ids(), _now()

        def work(conn: Connection) -> Contact:
            join.change_identities(conn)
            before = self._lock(conn, actor, contact_id, None)
            if handle not in {each.handle for each in before.identities}:
                raise Unknown(f"{handle} is not a handle of contact/{contact_id}")
            self._unlink(conn, contact_id, handle, now)
            self._touch(conn, contact_id, now, {})
            audit.note(conn, entry, actor, "contact.unlink", f"contact/{contact_id}", now)
            return records.by_id(conn, actor, contact_id)

        contact = await self._store.write(work)
        await self._tell(contact.id, contact, handle)
        return contact

    async def confirm(self, actor: Actor, interaction_id: int, contact_id: int, handle: str) -> None:
        """Say that in this interaction *handle* was this contact, one of several candidates: the interaction comes
        onto the timeline, and the choice is remembered. Raises `Unknown`."""
        entry, now = self._store.ids(), _now()

        def work(conn: Connection) -> None:
            join.change_identities(conn)
            records.by_id(conn, actor, contact_id)
            occurred_at = conn.execute(
                sa.select(interactions.c.occurred_at)
                .join(participants, participants.c.interaction_id == interactions.c.id)
                .where(interactions.c.id == interaction_id, sees(actor) > 0)
                .where(participants.c.handle == handle, ~participants.c.ours)
            ).scalar()
            if occurred_at is None:
                raise Unknown(f"{handle} in interaction/{interaction_id}")
            others = conn.execute(
                sa.select(identities.c.contact_id).where(
                    identities.c.handle == handle, identities.c.contact_id != contact_id
                )
            ).first()
            strength = Strength.PERSONAL if others is None else Strength.SHARED
            known = conn.execute(
                sa.select(identities.c.strength).where(
                    identities.c.handle == handle, identities.c.contact_id == contact_id
                )
            ).scalar()
            records.add_identity(
                conn,
                contact_id,
                handle,
                Strength(known) if known else strength,
                "agent",
                actor.name,
                now,
                confirmed=True,
            )
            statement = records.insert(conn, activities).values(
                contact_id=contact_id, interaction_id=interaction_id, occurred_at=occurred_at, confirmed_by=actor.name
            )
            conn.execute(
                statement.on_conflict_do_update(
                    index_elements=["contact_id", "interaction_id"],
                    set_={"confirmed_by": statement.excluded.confirmed_by},
                )
            )
            self._join(conn, [handle], now, (contact_id, interaction_id))
            audit.note(conn, entry, actor, "contact.confirm", f"interaction/{interaction_id}", now)

        await self._store.write(work)
        await self._tell(contact_id, None, handle)

    # --- the parts of a change ---

    def _check(
        self, conn: Connection, contact_id: int, new: Sequence[tuple[str, Strength]], external_id: str | None
    ) -> None:
        found = [Clash("hub", "the hub", handle, "our-own-address") for handle, _ in new if handle in self._ours]
        found += records.clashes(conn, contact_id, new)
        if external_id is not None:
            found += records.external_clash(conn, contact_id, external_id)
        if found:
            raise Conflict(found)

    def _lock(self, conn: Connection, actor: Actor, contact_id: int, revision: int | None) -> Contact:
        conn.execute(sa.select(contacts.c.id).where(contacts.c.id == contact_id).with_for_update())
        contact = records.by_id(conn, actor, contact_id)
        if revision is not None and contact.revision != revision:
            raise Stale(contact)
        return contact

    def _touch(self, conn: Connection, contact_id: int, now: datetime, values: Mapping[str, Any]) -> None:
        changed: dict[str, Any] = {**values, "revision": contacts.c.revision + 1, "updated_at": now}
        conn.execute(contacts.update().where(contacts.c.id == contact_id).values(changed))

    def _link(
        self,
        conn: Connection,
        actor: Actor,
        contact_id: int,
        new: Sequence[tuple[str, Strength]],
        how: str,
        now: datetime,
    ) -> None:
        for handle, strength in new:
            records.add_identity(conn, contact_id, handle, strength, how, actor.name, now, confirmed=how == "agent")
        self._join(conn, [handle for handle, _ in new], now)

    def _unlink(self, conn: Connection, contact_id: int, handle: str, now: datetime) -> None:
        conn.execute(identities.delete().where(identities.c.handle == handle, identities.c.contact_id == contact_id))
        join.leave(conn, contact_id, handle)
        self._join(conn, [handle], now)  # one of two owners is gone: the other is the only one now

    def _join(self, conn: Connection, handles: Collection[str], now: datetime, *stands: tuple[int, int]) -> None:
        """What came before joins the timelines, and the CRMs are told, also of what *stands* there otherwise."""
        joined = join.join(conn, handles)
        outgoing.tell(conn, self._crms, {*joined, *stands}, self._store.ids, micros(now))

    async def _tell(self, contact_id: int, contact: Contact | None, *handles: str) -> None:
        """The contact's pages have news, and so has every screen on which one of these handles calls now."""
        self._live.publish([LiveEvent("activity", {"contacts": [str(contact_id)]})])
        concerned = {*handles, *(each.handle for each in contact.identities)} if contact else set(handles)
        if await self._store.read(lambda conn: pops.on_a_screen(conn, concerned)):
            self._live.publish(await self._store.write(lambda conn: pops.again(conn, concerned, self._agents)))


def _now() -> datetime:
    return datetime.now(UTC)
