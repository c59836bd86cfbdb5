"""Whom of a group a call is shown to now, and whose customer it is: pure over who can be reached."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from hub.availability import Rota, Standing, State, stands_in
from hub.ours import Reach
from hub.pops.states import HEAD_START_SECONDS, Pop, Ringing
from hub.vocabulary import CallState


def sorted_out(
    call: Ringing, pops: Iterable[Pop], standings: Mapping[str, Standing], preferred: str, now: int
) -> list[Pop]:
    """*pops* of *call* that are to ring, each as it is shown now: ringing, or waiting until she is free.

    A phone of her own always rings. One that rings because she is of a group does unless she wants no disturbance.
    Where nobody says whose phone rings, the free ones of the group see it; of a call that rings at least somebody who
    is there, though she is busy. A call that waits in a queue is the *preferred* agent's first.
    """
    found = [replace(pop, preferred=preferred) for pop in pops]
    group = [pop for pop in found if _reach(call, pop) is Reach.GROUP]
    free = {pop.agent for pop in group if _free(standings, pop.agent)}
    if call.state is CallState.QUEUED:
        shown = free & {preferred}
    else:
        shown = free or {pop.agent for pop in group if _present(standings, pop.agent)}
    shown |= {pop.agent for pop in found if _reach(call, pop) is Reach.GROUP_PHONE and not _quiet(standings, pop.agent)}
    shown |= {pop.agent for pop in found if _reach(call, pop) is Reach.PHONE}
    return [pop if pop.agent in shown else pop.waits(now) for pop in found]


def turns(waiting: Iterable[Pop], standings: Mapping[str, Standing], now: int) -> list[Pop]:
    """Those of *waiting* whose turn it is now: she is free, and the preferred agent had her head start."""
    late = now - HEAD_START_SECONDS * 1_000_000
    return [
        pop
        for pop in waiting
        if _free(standings, pop.agent) and (pop.agent == pop.preferred or pop.waits_since <= late)
    ]


def preferred(owner: str, rota: Rota, standings: Mapping[str, Standing]) -> str:
    """Who is asked first for a customer of *owner*: the agent of that id or name, or who stands in for her while she is
    out; "" where that is nobody."""
    agent = owner if owner in rota.agents else ""
    if not agent and owner:
        names = [each.id for each in rota.agents.values() if each.name.casefold() == owner.casefold()]
        agent = names[0] if len(names) == 1 else ""
    return stands_in(agent, standings) if agent else ""


def _reach(call: Ringing, pop: Pop) -> Reach:
    return call.phones[pop.agent].reach


def _free(standings: Mapping[str, Standing], agent: str) -> bool:
    return agent not in standings or standings[agent].free


def _present(standings: Mapping[str, Standing], agent: str) -> bool:
    return agent not in standings or standings[agent].present


def _quiet(standings: Mapping[str, Standing], agent: str) -> bool:
    return agent in standings and State.DND in standings[agent].holds
