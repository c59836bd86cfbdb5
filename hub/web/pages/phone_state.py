"""What every page knows of the telephone: what rings, what waits to be wrapped up, how its reader can be reached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.availability import State
from hub.calls import wrapping
from hub.service import Service
from hub.store.schema import pops
from hub.web.i18n import Reader
from hub.web.pages import call_words, moments


@dataclass(frozen=True, slots=True)
class Me:
    """How the reader stands, for the switch in the frame."""

    state: State
    words: str
    tone: str


async def standing(service: Service, speaks: Reader, agent: str) -> Me | None:
    """How *agent* can be reached, None for a login without one."""
    found = (await service.availability.everybody()).get(agent) if agent else None
    if found is None:
        return None
    return Me(found.state, call_words.standing(speaks, found.state), call_words.TONES[found.state])


async def state(service: Service, speaks: Reader, agent: str) -> dict[str, Any]:
    """What the scripts of a page begin with. *ended* are the calls whose wrap-up runs."""
    if not agent:
        return {"pops": [], "ended": [], "agent": "", "dispositions": [], "times": [], "dials": False}
    return {
        "pops": await service.pops.ringing(agent),
        "ended": await _unfinished(service, agent),
        "agent": agent,
        "dispositions": service.config.telephony.calls.dispositions,
        "times": [each.document(speaks) for each in moments.choices(speaks)],
        "dials": bool(service.dialing.sources),
    }


async def _unfinished(service: Service, agent: str) -> list[dict[str, Any]]:
    def work(conn: Connection) -> list[tuple[int, int]]:
        open_ = wrapping.of_agent(conn, agent)
        query = sa.select(pops.c.id, pops.c.interaction_id).where(
            pops.c.agent == agent, pops.c.interaction_id.in_([each.interaction_id for each in open_])
        )
        began = {each.interaction_id: int(each.began_at.timestamp() * 1000) for each in open_}
        return [(row.id, began[row.interaction_id]) for row in conn.execute(query)] if open_ else []

    found = []
    for pop_id, ended in await service.store.read(work):
        pop = await service.pops.one(pop_id, agent)
        if pop is not None and pop["state"] == "over":
            found.append({**pop, "state": "over", "ended": ended})
    return found
