"""Which times an event type offers, and who would take them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from hub.booking import choosing
from hub.booking.catalogue import Catalogue
from hub.booking.choosing import Choice, Slot, StandIn
from hub.booking.explain import Explanation, HostReasons, Taken, named, told
from hub.booking.known import Known, ours, read
from hub.booking.openings import DAY, always, hours_of, openings
from hub.booking.rules import AgentBusy, CalendarState, Length, Reason, Week, nobody, person
from hub.booking.together import Board
from hub.booking.types import EventType
from hub.config import Config
from hub.config_values import timezone
from hub.crm.records import Unknown
from hub.store import Store
from hub.store.schema import micros

_NEAR = 7 * DAY, 31 * DAY
"""So far one looks for the next or nearest time first: most often it is there, and few are looked through."""
_AT_ONCE = 60 * DAY
"""So much time of all hosts together is looked through at once; more is done beside the event loop."""
_FAR = 800 * DAY
"""Beyond this, before or after now, nothing is looked up: no window reaches there."""


class Calendars(Protocol):
    """What is known of people's calendars: see `hub.calendars`."""

    async def busy(self, agents: Sequence[str], since: datetime, until: datetime) -> Mapping[str, AgentBusy]:
        """When each of *agents* is busy in that time."""
        ...

    async def taking(self, agent: str, since: datetime, until: datetime, *, reader: str = "") -> Sequence[Taken]:
        """The events that take that time, as *reader* may see them."""
        ...


@dataclass(frozen=True, slots=True)
class Offer:
    """The times that are offered, in order. *stale* are the hosts who are left out because a calendar of theirs is too
    old to be believed; *next* is the first time after those asked for, where there is none among them."""

    slots: tuple[Slot, ...]
    stale: tuple[str, ...] = ()
    next: Slot | None = None


@dataclass(frozen=True, slots=True)
class NoCalendars:
    """The calendars of people who have none."""

    spans: tuple[tuple[int, int], ...] = ()
    calendars: tuple[CalendarState, ...] = ()


class Slots:
    """The times of one hub's event types. All moments are aware, all durations minutes.

    Every method raises `Unknown` where there is no such event type (or it is archived), and `ValueError` for a duration
    or host that it does not have, and for moments without a zone.
    """

    def __init__(self, store: Store, config: Config, catalogue: Catalogue, calendars: Calendars) -> None:
        self._store = store
        self._config = config
        self._catalogue = catalogue
        self._calendars = calendars

    async def offered(
        self,
        slug: str,
        duration: int,
        since: datetime,
        until: datetime,
        *,
        without: int | None = None,
        host: str = "",
        now: datetime | None = None,
    ) -> Offer:
        """The times at which it can begin from *since* until *until* (exclusive), which are cut to its window.

        *without* is an appointment that is being moved, *host* a host that is asked for. *now* is the present, for
        whoever asks of another one.
        """
        wish = await self._wish(slug, duration, now, without, host, since, until)
        first, last = wish.window
        begin, end = max(_second(since), first), min(_second(until), last)
        slots, stale = await self._times(wish, begin, end)
        later: tuple[Slot, ...] = ()
        begin = max(end, first)
        for reach in (*_NEAR, last - begin):
            if not slots and not later:
                later, old = await self._times(wish, begin, min(begin + reach, last))
                stale = stale or old
        return Offer(slots, stale, later[0] if later else None)

    async def nearest(
        self,
        slug: str,
        duration: int,
        moment: datetime,
        count: int = 3,
        *,
        without: int | None = None,
        host: str = "",
        now: datetime | None = None,
    ) -> tuple[Slot, ...]:
        """The *count* times that are nearest to *moment*, in order of time."""
        wish = await self._wish(slug, duration, now, without, host, moment)
        first, last = wish.window
        at = min(max(_second(moment), first), last)
        found: tuple[Slot, ...] = ()
        for reach in (*_NEAR, last - first):
            if len(found) < count:
                found, _ = await self._times(wish, max(at - reach, first), min(at + reach, last))
        near = sorted(found, key=lambda slot: (abs(slot.starts_at - moment), slot.starts_at))[:count]
        return tuple(sorted(near, key=lambda slot: slot.starts_at))

    async def at(
        self,
        slug: str,
        duration: int,
        starts_at: datetime,
        *,
        without: int | None = None,
        host: str = "",
        now: datetime | None = None,
    ) -> Slot | None:
        """The slot that begins at this moment; None where it is not offered."""
        wish = await self._wish(slug, duration, now, without, host, starts_at)
        first, last = wish.window
        begin = _second(starts_at)
        if starts_at.microsecond or not first <= begin < last:
            return None
        found, _ = await self._times(wish, begin, begin + 1)
        return found[0] if found else None

    async def explain(
        self, slug: str, moment: datetime, duration: int, *, reader: str, now: datetime | None = None
    ) -> Explanation:
        """Why it could begin at *moment* or not, for each host. *reader* is the agent who is told: titles of private
        events in other people's calendars are not hers to see."""
        wish = await self._wish(slug, duration, now, None, "", moment)
        event, at = wish.event, _second(moment)
        if abs(at - _second(wish.now)) > _FAR:
            why = (Reason("window", False, {"days": event.window_days}),)
            return Explanation(False, moment, tuple(HostReasons(host, why) for host in event.hosts))
        board = (await self._known(wish, at, at + 1))()
        is_open, reasons = told(board, at)

        async def taking(agent: str, since: datetime, until: datetime) -> Sequence[Taken]:
            events = await self._calendars.taking(agent, since, until, reader=reader)
            own = await self._store.read(lambda conn: ours(conn, agent, [each.uid for each in events], wish.now))
            return [each for each in events if each.uid not in own]

        begins = moment.astimezone(UTC) - timedelta(minutes=event.buffer_before)
        ends = moment.astimezone(UTC) + timedelta(minutes=duration + event.buffer_after)
        hosts = [HostReasons(host, await named(host, some, begins, ends, taking)) for host, some in reasons.items()]
        return Explanation(is_open, moment, tuple(hosts))

    async def choose(
        self,
        slug: str,
        slot: Slot,
        *,
        contact_id: int | None = None,
        mail: str = "",
        now: datetime | None = None,
    ) -> Choice:
        """Who would take *slot* now. Inside a transaction ask `hub.booking.choosing.choose`."""
        event = await self._event(slug)
        at = now or datetime.now(UTC)
        return await self._store.read(
            lambda conn: choosing.choose(conn, slug, event, slot, now=at, contact_id=contact_id, mail=mail)
        )

    async def _event(self, slug: str) -> EventType:
        event = await self._catalogue.get(slug)
        if event is None:
            raise Unknown(f"event-type/{slug}")
        return event

    async def _wish(
        self, slug: str, duration: int, now: datetime | None, without: int | None, host: str, *moments: datetime
    ) -> _Wish:
        event = await self._event(slug)
        if duration not in event.durations:
            raise ValueError(f"it does not last {duration} minutes")
        if host and host not in event.hosts:
            raise ValueError(f"{host} is none of its hosts")
        if any(moment.tzinfo is None for moment in moments):
            raise ValueError("a moment without a time zone")
        return _Wish(slug, event, duration, now or datetime.now(UTC), without, host)

    async def _times(self, wish: _Wish, since: int, until: int) -> tuple[tuple[Slot, ...], tuple[str, ...]]:
        """What is offered in that time, and who is left out because of an old calendar."""
        if since >= until:
            return (), ()
        build = await self._known(wish, since, until)
        if (until - since) * len(wish.event.hosts) < _AT_ONCE:
            return _offered(build())
        return await asyncio.to_thread(lambda: _offered(build()))

    async def _known(self, wish: _Wish, since: int, until: int) -> Callable[[], Board]:
        """Ask the store and the calendars for what counts in that time; the rest is arithmetic."""
        agents = self._config.agents
        event, length = wish.event, wish.length

        def work(conn: Connection) -> Known:
            return read(
                conn,
                wish.slug,
                event,
                wish.duration,
                agents,
                now=wish.now,
                since=since,
                until=until,
                without=wish.without,
            )

        known = await self._store.read(work)
        around = max(length.seconds + length.after, length.before)
        begin, end = (datetime.fromtimestamp(at, UTC) for at in (since - around, until + around))
        busy = await self._calendars.busy(known.people, begin, end)

        def build() -> Board:
            weeks = self._weeks(event, known.people, since, until)
            people = {agent: nobody(agent) for agent in event.hosts if agent not in agents}
            for agent in known.people:
                people[agent] = person(
                    event,
                    wish.slug,
                    length,
                    agent,
                    weeks[agent],
                    busy=busy.get(agent, NoCalendars()),
                    own=known.own.get(agent, []),
                    away=known.away.get(agent, []),
                    now=_second(wish.now),
                    since=since,
                    until=until,
                )
            return Board(event, length, people, known.groups, since, until, wish.host)

        return build

    def _weeks(self, event: EventType, people: Sequence[str], since: int, until: int) -> dict[str, Week]:
        """When each of *people* works: by the event type's hours or her own. Those who share hours are counted once."""
        kept: dict[tuple[str, str], Week] = {}
        found = {}
        for agent in people:
            name, zone = event.hours or self._config.agents[agent].hours, self._config.zone(agent)
            if (name, zone.key) not in kept:
                hours = hours_of(event, self._config.telephony.hours.get(name) or always(zone))
                kept[name, zone.key] = Week(hours, openings(hours, since, until), zone)
            found[agent] = kept[name, zone.key]
        return found


@dataclass(frozen=True, slots=True)
class _Wish:
    """What somebody asks for: *now* is the present, *duration* minutes."""

    slug: str
    event: EventType
    duration: int
    now: datetime
    without: int | None
    host: str

    @property
    def length(self) -> Length:
        return Length(self.duration * 60, self.event.buffer_before * 60, self.event.buffer_after * 60)

    @property
    def window(self) -> tuple[int, int]:
        """The first moment at which it may begin, and the one after the last."""
        present = _second(self.now)
        return present + self.event.notice * 60, present + self.event.window_days * DAY + 1


def zone_named(name: str) -> ZoneInfo:
    """The time zone of that name in the IANA database. Raises `ValueError` where there is none."""
    return ZoneInfo(timezone(name))


def _second(moment: datetime) -> int:
    return -(-micros(moment) // 1_000_000)


def _stale(board: Board) -> tuple[str, ...]:
    """The hosts who are left out because of an old calendar."""
    return tuple(
        host for host in board.event.hosts if any(rule.kind == "stale-calendar" for rule in board.people[host].rules)
    )


def _offered(board: Board) -> tuple[tuple[Slot, ...], tuple[str, ...]]:
    joinable = board.joinable()
    found = []
    for at, hosts in board.times().items():
        begins = datetime.fromtimestamp(at, UTC)
        ends = datetime.fromtimestamp(at + board.length.seconds, UTC)
        if group := joinable.get(at):
            found.append(Slot(begins, ends, tuple(hosts), group.seats_left, group.id, (), board.host))
        else:
            found.append(Slot(begins, ends, tuple(hosts), board.event.seats, None, _stand_ins(board, at), board.host))
    return tuple(found), _stale(board)


def _stand_ins(board: Board, at: int) -> tuple[StandIn, ...]:
    return tuple(
        StandIn(stand_in[0], host, datetime.fromtimestamp(stand_in[1].until, UTC))
        for host in board.event.hosts
        if board.people[host].away and (stand_in := board.stands_in(host, at))
    )
