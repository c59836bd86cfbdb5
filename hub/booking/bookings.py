"""Booking: times are held, confirmed, moved and cancelled here, whoever asks: a page, the API, a command."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self, TypeVar

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.accounts import fingerprint
from hub.booking import asking, changing, confirming, ending, holding, rows
from hub.booking.asking import Asked
from hub.booking.choosing import Slot
from hub.booking.confirming import Lapsed
from hub.booking.holding import Team
from hub.booking.keeper import Keeper
from hub.booking.means import Means
from hub.booking.states import BOOKED, Booked, BookingView, Code, Gone, Held, Invitee, Refused, State
from hub.booking.types import EventType
from hub.privacy.visibility import HUB, Actor, Authority
from hub.store.schema import appointments, bookings

log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which bookings are listed: those that take place in [*since*, *until*), with that *host*, in one of *states*, of
    that *contact* or *event_type*."""

    since: datetime | None = None
    until: datetime | None = None
    host: str = ""
    states: tuple[State, ...] = BOOKED
    contact_id: int | None = None
    event_type: str = ""
    newest_first: bool = False
    limit: int = 200


class Bookings:
    """Enter it with `async with` where the hub runs: then what is due is seen to (`hub.booking.keeper`).

    Every method may raise `Unavailable` where the store is away.
    """

    def __init__(self, means: Means) -> None:
        self._means = means
        self._keeper = Keeper(means)
        self._confirming: dict[str, asyncio.Task[int]] = {}
        self._under_way: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> Self:
        await self._keeper.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._under_way:
            await asyncio.wait(set(self._under_way), timeout=5)
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        await self._keeper.__aexit__()

    @property
    def keeper(self) -> Keeper:
        """Sees to what is due."""
        return self._keeper

    @property
    def means(self) -> Means:
        """What booking works with."""
        return self._means

    def link(self, booking_id: int) -> str:
        """The page where its invitee sees, moves and cancels a booking."""
        return self._means.link(booking_id)

    # --- holding ---

    async def hold(
        self,
        slug: str,
        starts_at: datetime,
        duration: int,
        *,
        zone: str,
        language: str = "",
        host: str = "",
        link: str = "",
        actor: Actor | None = None,
    ) -> Held:
        """Keep the time of *duration* minutes from *starts_at* (aware) for a while. *zone* (IANA) and *language* are
        the invitee's, *host* whom she wants, *link* the secret of a one-time link.

        Raises `Gone` with the nearest times that are free, and `Refused`.
        """
        wish = Asked(slug, starts_at, duration, zone, language, host, link)
        return await asking.hold(self._means, wish)

    # --- confirming ---

    async def confirm(self, secret: str, invitee: Invitee) -> Booked:
        """Make a booking of what is held. Asked again it answers the same, whoever was first.

        It goes to its end though the caller leaves. Raises `Gone` with the nearest times that are free, and `Refused`.
        """
        key = fingerprint(secret)
        task = self._confirming.get(key)
        if task is None:
            task = self._start(self._confirmed(key, invitee), f"confirm {key[:8]}")
            self._confirming[key] = task
            task.add_done_callback(lambda _: self._confirming.pop(key, None))
        view = await self.get(await asyncio.shield(task))
        return Booked(view, view.state)

    async def _confirmed(self, key: str, invitee: Invitee) -> int:
        try:
            return await confirming.confirm(self._means, key, invitee)
        except (Lapsed, Gone) as error:
            row = (
                error.row
                if isinstance(error, Lapsed)
                else await self._means.store.read(lambda conn: _held_row(conn, key))
            )
            raise Gone(await self._nearest(row)) from error
        finally:
            self._keeper.look()

    async def _nearest(self, row: rows.Row | None, *, without: int | None = None) -> Sequence[Slot]:
        if row is None or await self._means.catalogue.get(row.event_type) is None:
            return ()
        minutes = int((row.ends_at - row.starts_at).total_seconds() // 60)
        return await self._means.slots.nearest(row.event_type, minutes, row.starts_at, without=without)

    # --- changing ---

    async def move(self, which: str | int, starts_at: datetime, *, actor: Actor | None = None) -> BookingView:
        """Move a booking to *starts_at* (aware): the invitee by its secret, to a time that is offered; an *actor* by
        its id, to any at which the hosts are free. Raises `Gone` with the nearest times, and `Refused`."""
        view = await self._mine(which, actor)
        now = datetime.now(UTC)
        if starts_at.tzinfo is None:
            raise Refused(Code.NO_ZONE, "This time does not say in which zone it is meant.")
        starts_at = starts_at.astimezone(UTC)
        if starts_at <= now or view.starts_at <= now:
            raise Refused(Code.PAST, "This time has passed.")
        if starts_at > now + asking.FURTHEST:
            raise Refused(Code.TOO_FAR, "This time is too far away.")
        if view.state not in BOOKED:
            raise Refused(Code.OVER, "This booking has ended.")
        spec = await self._means.catalogue.get(view.event_type)
        teams: Sequence[Team] = ()
        minutes = int((view.ends_at - view.starts_at).total_seconds() // 60)
        if actor is None and spec is not None and spec.seats > 1:
            return await self._change_seat(view, spec, starts_at, minutes)
        if actor is None:
            teams = await self._teams_to_move(view, spec, minutes, starts_at)
        when = starts_at, starts_at + (view.ends_at - view.starts_at)
        try:
            await self._changed(
                view,
                lambda: changing.change(
                    self._means, view.appointment_id, spec, teams, when,
                    actor=actor or HUB, action="booking.move", by_invitee=actor is None,
                )
            )  # fmt: skip
        except Gone as error:
            near = (
                await self._means.slots.nearest(view.event_type, minutes, starts_at, without=view.appointment_id)
                if spec
                else ()
            )
            raise Gone(near) from error
        return await self.get(view.id)

    async def _change_seat(self, view: BookingView, spec: EventType, starts_at: datetime, minutes: int) -> BookingView:
        """Where others come too, an invitee who moves takes a seat at another time and leaves hers."""
        held = await self.hold(view.event_type, starts_at, minutes, zone=view.zone, language=view.language)
        who = Invitee(
            name=view.name, mail=view.mail, phone=view.phone, place=view.place, answers=view.answers, guests=view.guests
        )
        await self.confirm(held.secret, who)
        await self._means.store.write(lambda conn: changing.exchange(conn, view.id, held.booking_id))
        old = await self.get(held.booking_id)
        await self._changed(
            old,
            lambda: ending.leave(self._means, spec, old.appointment_id, old.id, State.CANCELLED, "invitee", "", HUB),
        )
        return await self.get(view.id)

    async def _teams_to_move(
        self, view: BookingView, spec: EventType | None, minutes: int, starts_at: datetime
    ) -> list[Team]:
        """Who takes it at its new time: those who have it, where they can."""
        slot = None
        if spec is not None:
            slot = await self._means.slots.at(view.event_type, minutes, starts_at, without=view.appointment_id)
        if slot is None:
            raise Gone(
                await self._means.slots.nearest(view.event_type, minutes, starts_at, without=view.appointment_id)
                if spec
                else ()
            )
        same = [Team(view.hosts, view.organizer, view.why)]
        if any(set(hosts) == set(view.hosts) for hosts in slot.hosts):
            return same
        return await asking.teams(self._means, view.event_type, slot, view.contact_id)

    async def reassign(self, booking_id: int, host: str, *, actor: Actor) -> BookingView:
        """Give it to *host* instead of the organizer. Raises `Gone` where she has no time, and `Refused`."""
        view = await self._mine(booking_id, actor)
        if host not in self._means.config.agents:
            raise Refused(Code.UNKNOWN_HOST, f'There is no colleague "{host}".')
        if host in view.hosts:
            return view
        spec = await self._means.catalogue.get(view.event_type)
        leaves = view.organizer
        if spec is not None and leaves in spec.fixed:
            leaves = next((each for each in view.hosts if each not in spec.fixed), leaves)
        hosts = tuple(host if each == leaves else each for each in view.hosts)
        team = Team(
            hosts,
            host if view.organizer == leaves else view.organizer,
            ({"code": "reassigned", "agent": host, "by": actor.agent},),
        )
        await self._changed(
            view,
            lambda: changing.change(
                self._means, view.appointment_id, spec, [team], None, actor=actor, action="booking.reassign"
            ),
        )
        return await self.get(booking_id)

    async def agree(self, booking_id: int, *, actor: Actor) -> BookingView:
        """A host agrees to what was asked of her. Raises `Refused`."""
        view = await self._mine(booking_id, actor)
        spec = await self._means.catalogue.get(view.event_type)
        await self._changed(
            view,
            lambda: changing.change(
                self._means, view.appointment_id, spec, [], None, actor=actor, action="booking.agree", agreed=True
            ),
        )
        return await self.get(booking_id)

    # --- ending ---

    async def cancel(self, which: str | int, reason: str = "", *, actor: Actor | None = None) -> BookingView:
        """Cancel a booking: the invitee by its secret, an *actor* by its id. It never waits for a calendar. What was
        only held is given back. Raises `Refused`."""
        view = await self._mine(which, actor)
        if view.state is State.HELD:
            await self._means.store.write(lambda conn: _give_up(conn, view))
        elif view.starts_at <= datetime.now(UTC):
            raise Refused(Code.PAST, "This time has passed.")
        else:
            await self._leave(view, State.CANCELLED, "invitee" if actor is None else "host", reason, actor or HUB)
        return await self.get(view.id)

    async def decline(self, booking_id: int, reason: str = "", *, actor: Actor) -> BookingView:
        """A host does not agree to what was asked of her. Raises `Refused`."""
        view = await self._mine(booking_id, actor)
        if view.state is not State.ASKED:
            raise Refused(Code.NOT_ASKED, "Nobody waits for an answer to this booking any more.")
        await self._leave(view, State.DECLINED, "host", reason, actor)
        return await self.get(booking_id)

    async def _leave(self, view: BookingView, state: State, by: str, reason: str, actor: Actor) -> None:
        spec = await self._means.catalogue.get(view.event_type)
        await self._changed(
            view,
            lambda: ending.leave(self._means, spec, view.appointment_id, view.id, state, by, reason[:1000], actor),
        )

    async def no_show(self, booking_id: int, *, actor: Actor, came: bool = False) -> BookingView:
        """Mark that the invitee did not come (*came*: that she did). Raises `Refused`."""
        await self._mine(booking_id, actor)
        await ending.no_show(self._means, booking_id, actor, came)
        return await self.get(booking_id)

    async def propose(self, booking_id: int, *, actor: Actor) -> BookingView:
        """Ask the invitee to choose another time. Raises `Refused`."""
        await self._mine(booking_id, actor)
        await ending.propose(self._means, booking_id, actor)
        return await self.get(booking_id)

    # --- reading ---

    async def find(self, secret: str) -> BookingView | None:
        """The booking with that secret; None where there is none."""
        return await self._one(bookings.c.secret == fingerprint(secret))

    async def get(self, booking_id: int) -> BookingView:
        """The booking with that id. Raises `Refused` where there is none."""
        view = await self._one(bookings.c.id == booking_id)
        if view is None:
            raise _unknown()
        return view

    async def listed(self, which: Filter) -> list[BookingView]:
        """The bookings that *which* describes."""
        where: list[sa.ColumnElement[bool]] = [bookings.c.state.in_(which.states)]
        if which.since is not None:
            where.append(appointments.c.ends_at > which.since)
        if which.until is not None:
            where.append(appointments.c.starts_at < which.until)
        if which.host:
            where.append(rows.with_host(which.host))
        if which.contact_id is not None:
            where.append(bookings.c.contact_id == which.contact_id)
        if which.event_type:
            where.append(appointments.c.event_type == which.event_type)
        return await self._means.store.read(
            lambda conn: rows.views(conn, *where, limit=which.limit, newest_first=which.newest_first)
        )

    async def _one(self, where: sa.ColumnElement[bool]) -> BookingView | None:
        found = await self._means.store.read(lambda conn: rows.views(conn, where, limit=1))
        return found[0] if found else None

    async def _mine(self, which: str | int, actor: Actor | None) -> BookingView:
        """The booking, where it is theirs who ask: by its secret, or as one of its hosts or who leads them."""
        if isinstance(which, str):
            view = await self.find(which)
            if view is None:
                raise _unknown()
            return view
        view = await self.get(which)
        leads = actor is not None and actor.authority in (Authority.ADMIN, Authority.MANAGER)
        if actor is None or not (leads or actor.agent in view.hosts):
            raise Refused(Code.NOT_YOURS, "Only its hosts, and who leads them, may change this booking.")
        return view

    # --- under way ---

    def _start(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        task = asyncio.create_task(work, name=name)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return task

    async def _changed(self, view: BookingView, change: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Change it, and try once more where only its etag in a calendar was not known. Done though the caller leaves;
        then the keeper has a look."""

        async def tried() -> None:
            try:
                await change()
            finally:
                await self._keeper.recheck(view.appointment_id)
                self._keeper.look()

        async def all_of_it() -> None:
            try:
                await tried()
            except Refused as refused:
                if refused.code is not Code.CHANGED or (await self.get(view.id)).sequence != view.sequence:
                    raise
                await tried()

        await asyncio.shield(self._start(all_of_it(), "booking"))


def _unknown() -> Refused:
    return Refused(Code.UNKNOWN_BOOKING, "There is no such booking. The link may be incomplete.")


def _held_row(conn: Connection, key: str) -> rows.Row | None:
    seat = rows.guest(conn, bookings.c.secret == key)
    return rows.appointment(conn, seat.appointment_id) if seat else None


def _give_up(conn: Connection, view: BookingView) -> None:
    held = sa.and_(bookings.c.id == view.id, bookings.c.state == State.HELD)
    conn.execute(bookings.update().where(held).values(state=State.RELEASED))
    if not rows.guests(conn, view.appointment_id):
        holding.release(conn, view.appointment_id, datetime.now(UTC))
