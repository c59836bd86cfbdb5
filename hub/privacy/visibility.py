"""Who sees what: the one function that every read passes.

A reader sees an interaction as far as the copies open to her allow (`Copy.level`, `Copy.audience`). Calls and other
interactions that lie in no mailbox count as open to everyone. People may share a conversation or make it private
(`hub.privacy.sharing`). The table for people is in docs/VISIBILITY.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import sqlalchemy as sa

from hub.store.schema import copies, interactions
from hub.vocabulary import Channel, Level


class Authority(StrEnum):
    """The role of a login. A token has the authority its scope stands for."""

    ADMIN = "admin"
    MANAGER = "manager"
    AGENT = "agent"
    MARKETER = "marketer"


class Scope(StrEnum):
    """What a token may do. Each includes the ones before it."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who reads or does something: a login, a token, or the hub itself (`HUB`).

    *name* is unique among logins or tokens; *agent* is the colleague it belongs to, or "". *scope* says whether it may
    write: logins have `WRITE`, administrators `ADMIN`. *record* is what the audit calls it: `login/7`, `token/9`.
    """

    name: str
    authority: Authority
    agent: str = ""
    scope: Scope = Scope.WRITE
    record: str = "hub"

    def may(self, scope: Scope) -> bool:
        """True where this actor may do what needs *scope*."""
        order = tuple(Scope)
        return order.index(self.scope) >= order.index(scope)


HUB = Actor("hub", Authority.ADMIN, scope=Scope.ADMIN)


def sees(actor: Actor, row: sa.FromClause = interactions) -> sa.ColumnElement[int]:
    """How much of the current `interactions` row *actor* may read, as SQL: 0 nothing, else a `Level.rank`.

    Use it in the select list to redact (`hub.timeline.redacted`) and as `sees(actor) > 0` in the condition of every
    query. *row* is the alias under which the query knows the table, where it has one.
    """
    everything = actor.authority in (Authority.ADMIN, Authority.MANAGER)
    mine = sa.select(sa.func.max(copies.c.level)).where(copies.c.interaction_id == row.c.id)
    if not everything:
        # Where a conversation is private nothing is open, whatever mailbox it lies in (hub.privacy.sharing).
        opened = (copies.c.audience == "") & (row.c.open_level > 0)
        mine = mine.where(opened | (copies.c.audience == actor.agent) & (copies.c.audience != ""))
    widest = sa.case(
        (row.c.open_level == Level.ALL.rank, Level.ALL.rank),
        else_=sa.func.coalesce(mine.scalar_subquery(), row.c.open_level),
    )
    if actor.authority is Authority.MARKETER:
        public = row.c.channel.in_((Channel.SOCIAL, Channel.WEB, Channel.CALENDAR))
        return sa.case((public, widest), (widest > 0, Level.METADATA.rank), else_=0)
    return widest


def readable(level: int, needed: Level) -> bool:
    """True where a row seen at *level* shows what lies at *needed*."""
    return level >= needed.rank


def knows(actor: Actor) -> sa.ColumnElement[bool]:
    """Whether *actor* may read the current row of the Directory, as SQL: contacts, companies, deals, cases and orders
    are open to every login and token."""
    return sa.literal(actor.may(Scope.READ))
