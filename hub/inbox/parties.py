"""Who took part in interactions, under the names that the reader knows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.formats.handles import display
from hub.match import match
from hub.store.schema import participants
from hub.vocabulary import Agent, Match, Role


@dataclass(frozen=True, slots=True)
class Party:
    """A participant. *name* is the contact's where there is exactly one, else what the message called her, else her
    address; *said* is what the message called her. *handle* is "" where it was withheld."""

    handle: str
    role: Role
    name: str
    said: str
    ours: bool
    match: Match

    @property
    def contact_id(self) -> int | None:
        """The contact, where there is exactly one candidate."""
        return self.match.sure.contact_id if self.match.sure else None

    @property
    def company(self) -> str:
        """Her company, where we know her."""
        return self.match.sure.company if self.match.sure else ""


@dataclass(frozen=True, slots=True)
class Parties:
    """Everybody in one interaction, in order."""

    all: tuple[Party, ...] = ()

    @property
    def began(self) -> tuple[Party, ...]:
        """Who wrote, called or invited."""
        return tuple(party for party in self.all if party.role.begins)

    @property
    def reached(self) -> tuple[Party, ...]:
        """Whom it was meant for; not those who only got a copy."""
        return tuple(party for party in self.all if not party.role.begins and party.role is not Role.COPIED)

    @property
    def copied(self) -> tuple[Party, ...]:
        """Who got a copy."""
        return tuple(party for party in self.all if party.role is Role.COPIED)

    @property
    def outside(self) -> Party | None:
        """The one who matters: who began it, or else the first it was meant for, and is none of us."""
        strangers = [party for party in self.all if not party.ours]
        return next((party for party in strangers if party.role.begins), strangers[0] if strangers else None)


def parties(conn: Connection, ids: Collection[int], agents: Mapping[str, Agent]) -> dict[int, Parties]:
    """Who took part in each of the interactions *ids*: two statements for all of them."""
    rows = conn.execute(
        sa.select(participants)
        .where(participants.c.interaction_id.in_(list(ids)))
        .order_by(participants.c.interaction_id, participants.c.position)
    ).all()
    who = match(conn, {row.handle for row in rows if row.handle and not row.ours})
    colleagues = names_of(agents.values())
    found: defaultdict[int, list[Party]] = defaultdict(list)
    for row in rows:
        known = who.get(row.handle, Match(row.handle))
        if row.ours:
            name = colleagues.get(row.handle) or row.name or display(row.handle)
        elif known.sure:
            name = known.sure.name
        else:
            name = row.name or (display(row.handle) if row.handle else "")
        found[row.interaction_id].append(Party(row.handle, Role(row.role), name, row.name, row.ours, known))
    return {each: Parties(tuple(found[each])) for each in ids}


def names_of(agents: Iterable[Agent]) -> dict[str, str]:
    """The colleagues' names by every address and extension they have."""
    return {phone: agent.name for agent in agents for phone in (agent.id, *agent.handles, *agent.extensions)}
