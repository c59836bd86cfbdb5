"""Who of an event type's hosts can take it together, and at which times: pure, over what the rules leave of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from hub.booking.rules import Away, Length, Person, Reason, iso
from hub.booking.spans import Span, common, crossed
from hub.booking.types import Assign, EventType

Members = tuple[str, ...]
_Free = list[tuple[int, int, Members]]


@dataclass(frozen=True, slots=True)
class Group:
    """An appointment with seats left that others may join: *starts_at* in seconds, who gives it, and what is left."""

    id: int
    starts_at: int
    hosts: Members
    seats_left: int


@dataclass(slots=True)
class Board:
    """The times at which *event* can begin between *since* and *until* (seconds), and who takes it then.

    *people* are its hosts, and whoever may stand in for one of them. *host* is one that is asked for, "" for any.
    A host's place is hers while she is not absent; then it is her stand-in's, in the host's hours, where the stand-in
    is free by her own rules. Nobody takes two places at once.
    """

    event: EventType
    length: Length
    people: Mapping[str, Person]
    groups: Sequence[Group]
    since: int
    until: int
    host: str = ""
    _free: dict[str, list[Span]] = field(default_factory=dict)
    _places: dict[str, _Free] = field(default_factory=dict)

    def times(self) -> dict[int, list[Members]]:
        """Each beginning that is offered, with the sets of hosts that could take it. A group that has seats left comes
        before all others at its time."""
        found: dict[int, list[Members]] = {}
        for grid, free in self._sets():
            for at, members in self._beginnings(grid, free):
                there = found.setdefault(at, [])
                if members not in there:
                    there.append(members)
        for group in self.joinable().values():
            found[group.starts_at] = [group.hosts]
        return dict(sorted(found.items()))

    def joinable(self) -> dict[int, Group]:
        """The groups that others may join, by their beginning: of several the one that is fullest, to fill it."""
        found: dict[int, Group] = {}
        for group in sorted(self.groups, key=lambda each: (each.seats_left, each.id)):
            asked = not self.host or self.host in group.hosts
            if self.since <= group.starts_at < self.until and asked and self._lasts(group):
                found.setdefault(group.starts_at, group)
        return found

    def stands_in(self, host: str, at: int) -> tuple[str, Away] | None:
        """Who takes the place of *host* at *at*, and the absence for which she does; None where nobody does."""
        for since, until, members in self._place(host):
            if since <= at < until and members[0] != host:
                for reach, away in self.people[host].away:
                    if reach[0] <= at < reach[1]:
                        return members[0], away
        return None

    def reasons(self, host: str, at: int) -> tuple[Reason, ...]:
        """Why the place of *host* is open at *at* or not. It is open where none of them closes it."""
        group = self.joinable().get(at)
        if group is not None and host in group.hosts:
            return (Reason("seats-left", True, {"appointment": group.id, "left": group.seats_left}),)
        person = self.people[host]
        found = list(person.reasons(at))
        stand_in = self.stands_in(host, at)
        if stand_in is not None:
            who, away = stand_in
            opened = [reason for reason in found if reason.kind == "hours"]
            told = Reason("stand-in", True, {"agent": who, "for": host, "until": iso(away.until)})
            found = [*opened, told, *(said_of(who, reason) for reason in self.people[who].reasons(at))]
        elif any(reason.kind == "absent" and not reason.opens for reason in found):
            found += self._refusals(host, at)
        return tuple(found)

    def on_grid(self, hosts: Members, at: int) -> bool:
        """Whether *at* is one of the times that are counted from the opening of all *hosts*."""
        grid = self._grid(hosts)
        return any(since <= at < until and (at - since) % self._step == 0 for since, until in grid)

    def alternatives(self) -> list[tuple[Members, Members]]:
        """The sets of hosts of which one is needed: those that are always in it, and who is in turn."""
        event = self.event
        if event.assign is Assign.COLLECTIVE:
            return [(event.hosts, ())]
        fixed = event.fixed if event.assign is Assign.FIXED_AND_ROTATING else ()
        turns = [host for host in event.hosts if host not in fixed]
        if not turns:
            return [(fixed, ())]
        if self.host in turns:
            turns = [self.host]
        return [(fixed, (host,)) for host in turns]

    @property
    def _step(self) -> int:
        return self.event.step * 60 or self.length.seconds

    def _sets(self) -> Iterator[tuple[list[Span], _Free]]:
        for fixed, turn in self.alternatives():
            free: _Free | None = None
            for host in (*fixed, *turn):
                place = self._place(host)
                free = place if free is None else _together(free, place)
            yield self._grid((*fixed, *turn)), free or []

    def _grid(self, hosts: Members) -> list[Span]:
        grid = self.people[hosts[0]].openings.grid
        for host in hosts[1:]:
            grid = common(grid, self.people[host].openings.grid)
        return grid

    def _beginnings(self, grid: list[Span], free: _Free) -> Iterator[tuple[int, Members]]:
        step = self._step
        for since, until, piece, place in crossed(grid, [each[:2] for each in free]):
            begins, members = grid[piece][0], free[place][2]
            for at in range(begins + -(-(since - begins) // step) * step, until, step):
                yield at, members

    def _place(self, host: str) -> _Free:
        """When the place of *host* is taken care of, and by whom."""
        if host not in self._places:
            person = self.people[host]
            if person.away:
                worked = person.worked(self.since, self.until)
                self._places[host] = _apart(self._filled(host, worked, {host}))
            else:
                free = person.free(self.since, self.until)
                self._places[host] = [(since, until, (host,)) for since, until in free]
        return self._places[host]

    def _filled(self, agent: str, allowed: list[Span], seen: set[str]) -> Iterator[tuple[int, int, Members]]:
        person = self.people[agent]
        if agent not in self._free:
            self._free[agent] = person.free(self.since, self.until)
        for since, until in common(self._free[agent], allowed):
            yield since, until, (agent,)
        for reach, away in person.away:
            if away.stand_in in self.people and away.stand_in not in seen:
                yield from self._filled(away.stand_in, common([reach], allowed), seen | {away.stand_in})

    def _lasts(self, group: Group) -> bool:
        at = group.starts_at
        return all(host in self.people and self.people[host].lasts(at) for host in group.hosts)

    def _refusals(self, host: str, at: int) -> Iterator[Reason]:
        """Why nobody stands in for *host*, who is absent."""
        for reach, away in self.people[host].away:
            if reach[0] <= at < reach[1] and away.stand_in in self.people:
                closed = (reason for reason in self.people[away.stand_in].reasons(at) if not reason.opens)
                yield from (said_of(away.stand_in, reason) for reason in closed)


def said_of(agent: str, reason: Reason) -> Reason:
    """*reason*, told of *agent* though it stands beside another host."""
    return replace(reason, facts={**reason.facts, "agent": agent})


def _together(ones: _Free, others: _Free) -> _Free:
    """When both are there, without those who would take two places."""
    crossing = crossed([each[:2] for each in ones], [each[:2] for each in others])
    found = ((since, until, ones[one][2], others[other][2]) for since, until, one, other in crossing)
    return [(since, until, (*some, *more)) for since, until, some, more in found if not set(some) & set(more)]


def _apart(found: Iterable[tuple[int, int, Members]]) -> _Free:
    """In order, and where two overlap the earlier one counts."""
    kept: _Free = []
    for since, until, members in sorted(found):
        begin = max(since, kept[-1][1]) if kept else since
        if begin < until:
            kept.append((begin, until, members))
    return kept
