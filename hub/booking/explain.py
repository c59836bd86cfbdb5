"""Why a minute is offered or not: what each rule and each event in a calendar says of it, for every host."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from hub.booking.rules import Fact, Reason
from hub.booking.together import Board


class Taken(Protocol):
    """An event in somebody's calendar, as its reader may see it: *title* "" where it is not hers to know."""

    @property
    def starts_at(self) -> datetime: ...
    @property
    def ends_at(self) -> datetime: ...
    @property
    def uid(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def private(self) -> bool: ...
    @property
    def current_at(self) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class HostReasons:
    """Why the place of *agent*, one of the event type's hosts, is open: no reason closes it."""

    agent: str
    reasons: tuple[Reason, ...]

    @property
    def open(self) -> bool:
        """Whether she, or who stands in for her, could take it."""
        return all(reason.opens for reason in self.reasons)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why *starts_at* is offered (*open*) or not, for each host of the event type."""

    open: bool
    starts_at: datetime
    hosts: tuple[HostReasons, ...]


def told(board: Board, at: int) -> tuple[bool, dict[str, tuple[Reason, ...]]]:
    """Whether *at* is offered, and what the rules say of it for each host. Where all of several hosts are needed, what
    stands in the way of them together is told of whoever is in turn, and of all where nobody is."""
    found = {host: list(board.reasons(host, at)) for host in board.event.hosts}
    joined = board.joinable().get(at)
    open_ = joined is not None
    for fixed, turn in board.alternatives():
        members = (*fixed, *turn)
        if joined is None or not set(members) <= set(joined.hosts):
            for host, reason in _between(board, members, turn or fixed, found, at):
                if joined is None or host not in joined.hosts:
                    found[host].append(reason)
        open_ = open_ or all(reason.opens for host in members for reason in found[host])
    return open_, {host: tuple(reasons) for host, reasons in found.items()}


def _between(
    board: Board, members: Sequence[str], told_of: Sequence[str], found: dict[str, list[Reason]], at: int
) -> Iterable[tuple[str, Reason]]:
    """What stands in the way of *members* together: it is between two times that are offered, or somebody would take
    two places."""
    working = all(any(reason.kind == "hours" for reason in found[host]) for host in members)
    if working and not board.on_grid(tuple(members), at):
        step = board.event.step or board.length.seconds // 60
        yield from ((host, Reason("between-times", False, {"step": step})) for host in told_of)
    taken: set[str] = set()
    for host in members:
        stand_in = board.stands_in(host, at)
        who = stand_in[0] if stand_in else host
        if who in taken:
            yield (
                host if host in told_of else told_of[-1],
                Reason("takes-part-already", False, {"agent": who, "for": host}),
            )
        taken.add(who)


Taking = Callable[[str, datetime, datetime], Awaitable[Sequence[Taken]]]


async def named(
    agent: str, reasons: Iterable[Reason], since: datetime, until: datetime, taking: Taking
) -> tuple[Reason, ...]:
    """*reasons* of *agent* with the events that *taking* finds in her calendars between *since* and *until* (UTC): the
    time of the appointment with its buffers."""
    found: list[Reason] = []
    for reason in reasons:
        events: Sequence[Taken] = ()
        if reason.kind == "calendar" and not reason.opens:
            begins, ends = (datetime.fromisoformat(str(reason.facts[each])) for each in ("since", "until"))
            events = await taking(str(reason.facts.get("agent", agent)), max(begins, since), min(ends, until))
        for event in events:
            facts: dict[str, Fact] = {"title": event.title, "private": int(event.private)}
            facts |= {"since": event.starts_at.isoformat(), "until": event.ends_at.isoformat()}
            more = replace(reason, facts={**reason.facts, **facts}, source=event.source, current_at=event.current_at)
            found.append(more)
        if not events:
            found.append(reason)
    return tuple(found)
