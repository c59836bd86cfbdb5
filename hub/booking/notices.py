"""Tells people of their bookings: what is due becomes a letter, each once, in the transaction that says so.

booking_notices that are due ─▶ read as it stands ─▶ composed ─▶ one transaction: letter taken, notice done ─▶ couriers
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.booking import mails, reminders, rows
from hub.booking.mails import About, Due
from hub.booking.means import Means
from hub.booking.reminders import HOST, PLAN, REMINDER
from hub.booking.states import BOOKED, State
from hub.contracts import Unavailable
from hub.courier import fault
from hub.letters.medium import Plan
from hub.letters.system import Dispatch, Meanwhile
from hub.letters.wanted import CannotSend
from hub.store import Lane
from hub.store.schema import booking_notices, bookings

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
AT_ONCE = 20
TRIES = 10
LATEST_FOLLOW_UP = timedelta(days=7)
"""What was to be said after a meeting so long ago is not said any more."""

_STANDS = ("asked", "booked", "moved", "cancelled", "declined")
"""Kinds that say how a booking stands: where several are due, one tells it all."""
_WAYS = ("mail", "sms", HOST, PLAN)


@dataclass(frozen=True, slots=True)
class Made:
    """What is to be written down: *due* is done, and said at once are the notices *others*. *plan* is the letter; None
    where nothing is sent, for *reason*, as *state* says. *sequence* is the state of the appointment that it tells."""

    due: Due
    state: str
    reason: str = ""
    plan: Plan | None = None
    others: tuple[int, ...] = ()
    sequence: int = 0
    seat: str = ""


class Notices:
    """`async with Notices(...)` tells what is due every two seconds, and whenever `look` is called, until the end of
    the block. *taken* is called when a letter was taken, so that it leaves at once."""

    def __init__(
        self,
        means: Means,
        dispatch: Dispatch,
        taken: Callable[[], None] = lambda: None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._means = means
        self._dispatch = dispatch
        self._taken = taken
        self._clock = clock
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="notices")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def look(self) -> None:
        """There may be something to tell."""
        self._news.set()

    async def _run(self) -> None:
        while True:
            try:
                await self.once()
            except Unavailable as verdict:
                log.warning("notices: %s", verdict)
            except Exception:
                log.exception("notices: what is due cannot be told")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._news.wait()
            self._news.clear()

    async def once(self) -> None:
        """Tell everything that is due now. Raises `Unavailable`."""
        store = self._means.store
        while due := await store.read(lambda conn: _due(conn, self._clock())):
            for each in due:
                try:
                    await self._see_to(each)
                except Unavailable:
                    raise
                except Exception as error:  # one that cannot be told must not stand before all others
                    log.exception("booking/%s: the notice %s cannot be given", each.booking_id, each.kind)
                    await self._settle(Made(each, "failed", fault(error)))

    async def _see_to(self, due: Due) -> None:
        if due.way == PLAN:
            await self._means.store.write(lambda conn: self._plan(conn, due), Lane.BULK)
            return
        for _ in range(TRIES):
            made = await self._means.store.read(lambda conn: self._made(conn, due))
            if made is None:
                return
            try:
                await self._settle(made)
            except Meanwhile:
                continue
            return
        log.warning("booking/%s changes faster than it can be told", due.booking_id)
        await self._settle(Made(due, "failed", "It changed all the time."))

    async def _settle(self, made: Made) -> None:
        """Write down what became of it, and have the letter leave. Raises `Meanwhile`."""
        if made.plan is not None:
            await asyncio.to_thread(self._dispatch.settle, made.plan)
        await self._means.store.write(lambda conn: self._take(conn, made), Lane.BULK)
        if made.plan is not None:
            self._taken()
        elif made.state == "failed":
            log.warning("booking/%s: nobody is told %s: %s", made.due.booking_id, made.due.kind, made.reason)

    # --- within transactions ------------------------------------------------------------------------------------------

    def _plan(self, conn: Connection, due: Due) -> None:
        """Make the reminders of a booking as it stands, once."""
        about = self._about(conn, due.booking_id, lock=True)  # who moves it now drops these reminders, too
        if not _done(conn, [due.id], "done"):
            return
        now = self._clock()
        if about is None or about.spec is None or about.seat.state is not State.CONFIRMED:
            return
        texts = bool(self._means.config.booking.texts_from)
        region = self._means.config.region
        reminders.plan(conn, self._means.store.ids, about.row, about.seat, about.spec, texts, region, now)

    def _made(self, conn: Connection, due: Due) -> Made | None:
        """What becomes of *due*; None where somebody saw to it meanwhile."""
        if not _is_due(conn, due.id):
            return None
        about = self._about(conn, due.booking_id)
        if about is None:
            return Made(due, "dropped", "There is no such booking any more.")
        due, others = self._chosen(conn, due, about)
        if why := self._nothing(conn, due, about):
            return Made(due, "dropped", why, others=others)
        try:
            letter = mails.notice(conn, self._means, self._dispatch, due, about)
            plan = self._dispatch.made(conn, letter, datetime.now(UTC))
        except CannotSend as verdict:
            return Made(due, "failed", str(verdict), others=others)
        return Made(due, "sent", plan=plan, others=others, sequence=about.row.sequence, seat=about.seat.state)

    def _about(self, conn: Connection, booking_id: int, *, lock: bool = False) -> About | None:
        """The booking as it stands. *lock*: nobody else changes it in this transaction; locked in the order in which
        all others do."""
        which = bookings.c.id == booking_id
        seat = rows.guest(conn, which)
        row = rows.appointment(conn, seat.appointment_id, lock=lock) if seat else None
        seat = rows.guest(conn, which, lock=True) if lock else seat
        if seat is None or row is None:
            return None
        listed = self._means.catalogue.find_in(conn, row.event_type)
        return About(row, seat, listed.event_type if listed else None)

    def _chosen(self, conn: Connection, due: Due, about: About) -> tuple[Due, tuple[int, ...]]:
        """The notice that says all that is due for one recipient of a booking, and those that it says with it."""
        kinds = _STANDS if due.kind in _STANDS else (due.kind,)
        if due.kind not in (*_STANDS, REMINDER):
            return due, ()
        beside = _read(
            conn,
            booking_notices.c.booking_id == due.booking_id,
            booking_notices.c.way == due.way,
            booking_notices.c.recipient == due.recipient,
            booking_notices.c.kind.in_(kinds),
            booking_notices.c.state == "due",
            booking_notices.c.due_at <= self._clock(),
        )
        if len(beside) < 2:
            return due, ()
        best = beside[-1]
        if due.kind in _STANDS and about.seat.state in BOOKED:
            best = next((each for each in beside if each.kind == "booked"), best)
        elif due.kind in _STANDS:
            best = next((each for each in beside if each.kind == about.seat.state), best)
        return best, tuple(each.id for each in beside if each.id != best.id)

    def _nothing(self, conn: Connection, due: Due, about: About) -> str:
        """Why there is nothing to tell any more, "" where there is."""
        row, seat, now = about.row, about.seat, self._clock()
        stands = seat.state in BOOKED
        match due.kind:
            case "booked" | "asked" | "moved" | "proposed" | "conflict" | reminders.GIVEN:
                if not stands:
                    return "It has ended."
                if row.ends_at <= now:
                    return "It is over."
            case "cancelled" | "declined":
                if row.ends_at <= now:
                    return "It would be over."
            case _ if seat.state is not State.CONFIRMED:
                return "It does not take place."
            case reminders.REMINDER if row.starts_at <= now:
                return "It has begun."
            case reminders.FOLLOW_UP:
                if _no_show(conn, seat.id):
                    return "The invitee did not come."
                if row.ends_at > now:
                    return "It was moved."
                if due.due_at < now - LATEST_FOLLOW_UP:
                    return "It was too long ago."
        return ""

    def _take(self, conn: Connection, made: Made) -> None:
        """Write down what became of it. Raises `Meanwhile` where the booking is another one by now."""
        about = self._about(conn, made.due.booking_id, lock=True) if made.plan is not None else None
        if not _done(conn, [made.due.id], made.state, made.reason):
            return
        _done(conn, made.others, "dropped", "It was told together with what came after it.")
        if made.plan is None:
            return
        if about is None or (about.row.sequence, about.seat.state) != (made.sequence, made.seat):
            raise Meanwhile
        letter_id = self._dispatch.put(conn, made.plan)
        conn.execute(booking_notices.update().where(booking_notices.c.id == made.due.id).values(letter_id=letter_id))


def _due(conn: Connection, now: datetime) -> list[Due]:
    """What is to be told now; first what reminders follow from."""
    return _read(
        conn,
        booking_notices.c.state == "due",
        booking_notices.c.due_at <= now,
        booking_notices.c.way.in_(_WAYS),
        first=booking_notices.c.way != PLAN,
        limit=AT_ONCE,
    )


def _read(
    conn: Connection, *where: sa.ColumnElement[bool], first: sa.ColumnElement[Any] | None = None, limit: int = 100
) -> list[Due]:
    order = [*([first] if first is not None else []), booking_notices.c.due_at, booking_notices.c.id]
    columns = [booking_notices.c[name] for name in Due.__slots__]
    return [Due(*row) for row in conn.execute(sa.select(*columns).where(*where).order_by(*order).limit(limit))]


def _is_due(conn: Connection, notice_id: int) -> bool:
    mine = booking_notices.c.id == notice_id, booking_notices.c.state == "due"
    return conn.execute(sa.select(sa.literal(1)).where(*mine)).first() is not None


def _done(conn: Connection, ids: Sequence[int], state: str, reason: str = "") -> int:
    """Nobody else sees to these any more. Answers how many that was still true of."""
    mine = booking_notices.c.id.in_(ids), booking_notices.c.state == "due"
    if not ids:
        return 0
    return conn.execute(booking_notices.update().where(*mine).values(state=state, reason=reason[:500])).rowcount


def _no_show(conn: Connection, booking_id: int) -> bool:
    return bool(conn.execute(sa.select(bookings.c.no_show).where(bookings.c.id == booking_id)).scalar())
