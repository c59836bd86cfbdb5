"""A team's new conversations go to somebody who is there to answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hub import Agent, CallState
from hub.availability import Declared, Rota, State, rows
from hub.availability.rows import Absence
from hub.batch import Books, Entry, Part
from hub.inbox.teams import Assign, Assignment, Team
from hub.privacy.visibility import HUB
from hub.record import record
from tests.hub.core import OURS, Core, call

NAMES = ("ada", "ben", "cyd")
DND = Declared(State.DND)


async def missed(core: Core, count: int, **stand_ins: str) -> list[str]:
    """Who gets the conversations of so many missed calls, in their order."""
    rota = Rota({name: Agent(name, name.title(), stand_in=stand_ins.get(name, "")) for name in NAMES})
    team = Team("support", "Support", NAMES, Assign.ROUND_ROBIN)
    books = Books(OURS, core.store.ids, core.store.blobs, assignment=Assignment({"pbx": team}, {}, rota))
    for number in range(count):
        event = call(str(number), CallState.ENDED, caller=f"tel:+49170123456{number}")
        part = Part("pbx", (Entry(event, live=True),))
        await core.store.write(lambda conn, part=part: record(conn, [part], books) and None)  # type: ignore[misc]
    return [owner for (owner,) in await core.rows("SELECT owner FROM conversations ORDER BY id")]


async def away(core: Core, agent: str, stand_in: str = "") -> None:
    now = datetime.now(UTC)
    absence = Absence(core.store.ids(), agent, now - timedelta(hours=1), now + timedelta(hours=1), stand_in)
    await core.store.write(lambda conn: rows.add(conn, HUB, core.store.ids(), absence, now))


async def test_who_is_absent_or_not_to_be_disturbed_is_left_out(core: Core) -> None:
    now = datetime.now(UTC)
    await away(core, "ada")
    await core.store.write(lambda conn: rows.declare(conn, HUB, core.store.ids(), "ben", DND, now))
    assert await missed(core, 2) == ["cyd", "cyd"]


async def test_the_turn_of_an_absent_agent_goes_to_her_stand_in(core: Core) -> None:
    await away(core, "ada", "cyd")
    assert await missed(core, 1) == ["cyd"]


async def test_where_nobody_is_there_it_goes_to_who_is_not_absent(core: Core) -> None:
    now = datetime.now(UTC)
    await away(core, "ada")
    for name in ("ben", "cyd"):
        await core.store.write(lambda conn, name=name: rows.declare(conn, HUB, core.store.ids(), name, DND, now))  # type: ignore[misc]
    assert await missed(core, 3) == ["ben", "cyd", "ben"]
