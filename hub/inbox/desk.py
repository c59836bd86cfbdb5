"""Where people act on conversations: each deed is one transaction, audited, undoable, and told to the screens."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import Connection

from hub import audit
from hub.inbox import deeds, joining, noting
from hub.inbox.deeds import By, Done, Refused, Stale
from hub.inbox.listing import State
from hub.inbox.noting import Noted
from hub.inbox.teams import Team
from hub.inbox.waking import Waking
from hub.live import Live, LiveEvent
from hub.privacy.visibility import Actor
from hub.store import Store
from hub.store.schema import cases, deals, micros
from hub.store.schema import deeds as deeds_table
from hub.vocabulary import Agent

T = TypeVar("T")

AT_ONCE = 200
"""So many conversations take part in one deed at most."""

SHARING = ("", "shared", "private")
_KINDS = {"state": "state", "owner": "assign", "team": "team", "deal_id": "link", "case_id": "link", "sharing": "share"}


class Desk:
    """*agents* and *teams* are the config's, by id."""

    def __init__(
        self, store: Store, live: Live, waking: Waking, agents: Mapping[str, Agent], teams: Mapping[str, Team]
    ) -> None:
        self._store = store
        self._live = live
        self._waking = waking
        self.agents = agents
        self.teams = teams

    async def change(
        self,
        actor: Actor,
        ids: Sequence[int],
        values: Mapping[str, Any],
        *,
        until: datetime | None = None,
        revision: int | None = None,
    ) -> Done:
        """Set *values* in the conversations *ids*: `state`, `owner`, `team`, `deal_id`, `case_id` (None unlinks) and
        `sharing`. *until* is when what is snoozed comes back.

        Raises `Refused` for a value that is none, and `Stale` where the only one is not at *revision* any more.
        """
        values = self._checked(dict(values), until)

        def work(conn: Connection, by: By) -> Done:
            self._linked(conn, values)
            refused: tuple[tuple[int, str], ...] = ()
            wanted = list(ids)
            if revision is not None:
                now = deeds.locked(conn, actor, ids[0])["revision"]
                if now != revision:
                    raise Stale(now)
            if "sharing" in values:
                fully = deeds.opens_fully(conn, actor, wanted)
                closed = [id for id in wanted if id not in fully]
                refused = tuple((id, "Only who reads all of it decides how it is shared.") for id in closed)
                wanted = [id for id in wanted if id in fully]
            kind = next((_KINDS[name] for name in values if name in _KINDS), "change")
            done = deeds.change(conn, by, kind, wanted, values)
            return Done(done.done, (*done.refused, *refused), done.deed)

        done = await self._do(actor, len(ids), work)
        if values.get("state") == State.SNOOZED:
            self._waking.snoozed()
        self._tell(done.done)
        return done

    async def claim(self, actor: Actor, ids: Sequence[int]) -> Done:
        """Make the actor's agent the owner of those that nobody owns; of the others it is said who does."""
        if not actor.agent:
            raise Refused("This login belongs to no agent; only agents own conversations.")

        def work(conn: Connection, by: By) -> Done:
            return deeds.change(conn, by, "claim", ids, {"owner": actor.agent}, lambda owner: self.has(owner))

        done = await self._do(actor, len(ids), work)
        self._tell(done.done)
        return done

    def has(self, owner: str) -> str:
        """That *owner* has it, as a sentence."""
        return f"{self.name(owner)} has it."

    def name(self, agent: str) -> str:
        """The name of an agent, or the id where the config does not know it any more."""
        return self.agents[agent].name if agent in self.agents else agent

    async def read(self, actor: Actor, ids: Sequence[int], *, unread: bool = False) -> Done:
        """The actor's agent has read these, or wants them marked as not read."""
        if not actor.agent:
            raise Refused("This login belongs to no agent; only agents have something to read.")
        return await self._do(actor, 1, lambda conn, by: deeds.read(conn, by, ids, unread=unread))

    async def merge(self, actor: Actor, gone: int, into: int) -> int:
        """Make *gone* a part of *into*; answers the deed. Raises `Gone` and `Refused`."""

        def work(conn: Connection, by: By) -> int:
            joining.merge(conn, by, gone, into)
            return by.deed

        deed = await self._do(actor, 2, work)
        self._tell((gone, into))
        return deed

    async def split(self, actor: Actor, conversation_id: int, first: int) -> tuple[int, int]:
        """Begin a conversation of its own with the interaction *first*; answers it and the deed. Raises `Gone` and
        `Refused`."""
        new = self._store.ids()

        def work(conn: Connection, by: By) -> int:
            joining.split(conn, by, conversation_id, first, new)
            return by.deed

        deed = await self._do(actor, 2, work)
        self._tell((conversation_id, new))
        return new, deed

    async def note(self, actor: Actor, conversation_id: int, text: str) -> Noted:
        """Write a note on the conversation; who is named in it is alerted. Raises `Gone` and `Refused`."""
        text, note_id = text.strip()[: noting.LONGEST], self._store.ids()
        if not text:
            raise Refused("A note needs words.")

        def work(conn: Connection, by: By) -> Noted:
            written = noting.note(conn, by, conversation_id, note_id, text, self.agents)
            audit.note(conn, by.audit[0], actor, "note.write", f"conversation/{conversation_id}", by.at)
            return written

        written = await self._do(actor, 1, work)
        told = {"kind": "mention", "conversation": str(conversation_id), "note": str(note_id)}
        self._live.publish(LiveEvent("alert", told, agent) for agent in written.mentioned)
        self._tell((conversation_id,))
        return written

    async def undo(self, actor: Actor, deed_id: int) -> Done:
        """Undo a deed as far as nobody changed it since. Raises `Gone`, and `Refused` where nothing of it can be."""

        def work(conn: Connection, by: By) -> Done:
            deed = deeds.find(conn, actor, deed_id)
            if deed.kind == "merge":
                done = joining.undo_merge(conn, by, deed)
            elif deed.kind == "split":
                done = joining.undo_split(conn, by, deed)
            elif deed.kind == "note":
                done = noting.undo_note(conn, deed)
            elif deed.kind in ("read", "unread"):
                done = deeds.undo_read(conn, by, deed)
            else:
                done = deeds.undo_change(conn, by, deed)
            if not done.done and done.refused:
                raise Refused(done.refused[0][1])
            conn.execute(deeds_table.update().where(deeds_table.c.id == deed_id).values(undone_at=by.at))
            if deed.kind not in ("read", "unread"):
                for entry, id in zip(by.audit, done.done, strict=False):
                    audit.note(conn, entry, actor, "conversation.undo", f"conversation/{id}", by.at)
            return done

        done = await self._do(actor, AT_ONCE, work)
        self._waking.snoozed()
        self._tell(done.done)
        return done

    def _checked(self, values: dict[str, Any], until: datetime | None) -> dict[str, Any]:
        owner, team = values.get("owner", ""), values.get("team", "")
        if owner and owner not in self.agents:
            raise Refused(f'There is no agent "{owner}".')
        if team and team not in self.teams:
            raise Refused(f'There is no team "{team}".')
        if values.get("sharing", "") not in SHARING:
            raise Refused('A conversation is "shared", "private", or "" as its copies allow.')
        if values.get("state") == State.SNOOZED:
            if until is None or until <= datetime.now(UTC):
                raise Refused("Say until when, and make it a time to come.")
            values["snoozed_until"] = micros(until)
        if "state" in values:
            values["state"] = State(values["state"]).value
        return values

    def _linked(self, conn: Connection, values: Mapping[str, Any]) -> None:
        for name, table, word in (("deal_id", deals, "deal"), ("case_id", cases, "case")):
            wanted = values.get(name)
            if wanted is not None and conn.execute(sa.select(table.c.id).where(table.c.id == wanted)).first() is None:
                raise Refused(f"There is no such {word}.")

    async def _do(self, actor: Actor, audited: int, work: Callable[[Connection, By], T]) -> T:
        new_id = self._store.ids
        by = By(actor, datetime.now(UTC), new_id(), [new_id() for _ in range(audited)])
        return await self._store.write(lambda conn: work(conn, by))

    def _tell(self, ids: Sequence[int]) -> None:
        if ids:
            self._live.publish([LiveEvent("activity", {"conversations": [str(id) for id in ids], "contacts": []})])
