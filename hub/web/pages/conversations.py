"""The inbox's rows for pages that were written for `listing`; `hub.inbox.listing` has what they show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sqlalchemy import Connection

from hub.inbox.listing import CHANNELS as CHANNELS
from hub.inbox.listing import Row, State, Wanted, count, page
from hub.privacy.visibility import Actor
from hub.timeline import Place
from hub.vocabulary import Agent

Conversation = Row
Filter = Wanted


def listing(
    conn: Connection,
    actor: Actor,
    agents: Mapping[str, Agent],
    wanted: Filter,
    limit: int,
    before: Place | None = None,
) -> list[Conversation]:
    """At most *limit* conversations, newest first, those after *before* (`Row.place` of the last one)."""
    return list(page(conn, actor, replace(wanted, limit=limit, after=before), agents).rows)


def waiting(conn: Connection, actor: Actor, most: int) -> int:
    """How many open conversations wait for an answer; counts no further than *most*."""
    return count(conn, actor, Wanted(states=(State.OPEN,), waiting=True), most)

