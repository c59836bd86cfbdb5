"""Works on the lists that are running: one call after the other, and none before its agent is ready.

running ─▶ is a call under way? ─▶ its result ─▶ is the agent ready? ─▶ gate ─▶ `hub.dialing.calls` places it

Where a list stands is in the store alone. A step is one transaction that holds its list, so that of several hubs one
takes it, and an entry is dialled only by the hub that made it `calling`; after a kill nothing is dialled twice.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import orjson
import sqlalchemy as sa
from sqlalchemy import Connection

from hub import facts as documents
from hub.contracts import Unavailable
from hub.dialing import lists
from hub.dialing.calls import Dialing, Refused, Wanted
from hub.dialing.dials import DialView
from hub.dialing.dials import by_id as dial_by_id
from hub.dialing.gate import Refusal, Rule
from hub.dialing.lists import ListView
from hub.dialing.ready import Ready
from hub.dialing.states import NOT_TAKEN, UNHEARD, EntryState, ListState, State
from hub.live import Live, LiveEvent
from hub.privacy.visibility import HUB
from hub.store import Store
from hub.store.schema import dial_entries, dial_lists, interactions
from hub.vocabulary import Call, CallState, Leg, Outcome

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
AT_ONCE = 100
"""Entries that are refused in one step: a list of thousands does not hold the store."""

_FORGOTTEN = timedelta(hours=1)
"""A call that was placed so long ago and is on no timeline was deleted."""
_TOO_OFTEN_AGAIN = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class _Step:
    """What a step came to: the list as it stands where something changed, and the call that is to be placed."""

    changed: ListView | None = None
    dial: DialView | None = None
    more: bool = False


class Runner:
    """`async with Runner(...)` works on running lists until the end of the block."""

    def __init__(self, store: Store, live: Live, dialing: Dialing, ready: Ready, *, look: float = LOOK_SECONDS) -> None:
        self._store = store
        self._live = live
        self._dialing = dialing
        self._ready = ready
        self._look_seconds = look
        self._news = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None
        self._placing: set[asyncio.Task[DialView]] = set()

    async def __aenter__(self) -> Self:
        self._watching = asyncio.create_task(self._watch(), name="dial lists")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)

    def look(self) -> None:
        """Something changed: do not wait for the next look."""
        self._news.set()

    def tell(self, view: ListView) -> None:
        """Say to its agent how a list stands."""
        told = {"id": str(view.id), "state": view.state.value, "done": view.done, "total": view.total}
        self._live.publish([LiveEvent("dial-list", told, view.agent)])

    async def _watch(self) -> None:
        while True:
            self._news.clear()
            try:
                for list_id in await self._store.read(lists.active):
                    await self._work(list_id)
            except Unavailable as verdict:
                log.warning("dial lists: %s", verdict)
            except Exception:
                log.exception("dial lists: they could not be worked on")
            try:
                async with asyncio.timeout(self._look_seconds):
                    await self._news.wait()
            except TimeoutError:
                continue

    async def _work(self, list_id: int) -> None:
        if not await self._store.read(lambda conn: self._due(conn, list_id, datetime.now(UTC))):
            return
        step = await self._store.write(lambda conn: self.step(conn, list_id, datetime.now(UTC)))
        if step.changed is not None:
            self.tell(step.changed)
        if step.dial is not None:
            placing = asyncio.create_task(self._dialing.place(step.dial), name=f"dial list {list_id}")
            self._placing.add(placing)
            placing.add_done_callback(self._placed)
        if step.more:
            self.look()

    def _placed(self, task: asyncio.Task[DialView]) -> None:
        self._placing.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("dial lists: a call could not be placed: %s", type(error).__name__)
        self.look()

    # --- one step ---

    def _due(self, conn: Connection, list_id: int, now: datetime) -> bool:
        """Whether a step may change anything, without writing: most looks find a call under way, or nobody ready."""
        view = lists.by_id(conn, list_id)
        if view is None:
            return False
        entry = _calling(conn, list_id)
        if entry is not None:
            return _result(conn, entry, now) is not None
        if not view.counts.get(EntryState.WAITING):
            return True
        return _next(conn, list_id, now) is not None and self._ready.ready(conn, view.agent, now)

    def step(self, conn: Connection, list_id: int, now: datetime) -> _Step:
        """Settle the call that is over, and begin the next one where its agent is ready."""
        held = dial_lists.select().where(dial_lists.c.id == list_id)
        row = conn.execute(held.with_for_update(skip_locked=True)).one_or_none()
        if row is None:
            return _Step()
        entry = _calling(conn, list_id)
        if entry is not None:
            result = _result(conn, entry, now)
            if result is None:
                return _Step()
            self._settle(conn, row, entry, result, now)
            return _Step(lists.by_id(conn, list_id), more=True)
        if row.state != ListState.RUNNING:
            return _Step()
        for _ in range(AT_ONCE):
            entry = _next(conn, list_id, now)
            if entry is None:
                return self._waits_or_done(conn, list_id)
            if not self._ready.ready(conn, row.agent, now):
                return _Step()
            wanted = Wanted(callee=entry.handle, source=row.source, line=row.line, entry=entry.id)
            try:
                dial, _ = self._dialing.begin(conn, HUB, row.agent, wanted)
            except Refused as error:
                if any(each.rule is Rule.ON_A_CALL for each in error.checked.refusals):
                    return _Step()
                ours = next((each for each in error.checked.refusals if each.rule.about_us), None)
                if ours is not None:
                    lists.move(conn, list_id, ListState.PAUSED, ours.rule)
                    return _Step(lists.by_id(conn, list_id))
                _put_off(conn, entry.id, error.checked.refusals, error.checked.next_at, now)
                continue
            began = {"state": EntryState.CALLING, "dial_id": dial.id, "reason": "", "changed_at": now}
            conn.execute(dial_entries.update().where(dial_entries.c.id == entry.id).values(began))
            return _Step(lists.by_id(conn, list_id), dial)
        return _Step(lists.by_id(conn, list_id), more=True)

    def _waits_or_done(self, conn: Connection, list_id: int) -> _Step:
        view = lists.by_id(conn, list_id)
        if view is None or view.counts.get(EntryState.WAITING):
            return _Step(view)
        lists.move(conn, list_id, ListState.DONE)
        return _Step(lists.by_id(conn, list_id))

    def _settle(self, conn: Connection, row: Any, entry: Any, result: Result, now: datetime) -> None:
        """Write down what came of a call."""
        attempts = entry.attempts + int(result.counts)
        values: dict[str, Any] = {"attempts": attempts, "reason": result.reason, "changed_at": now}
        if result.state is not None:
            values["state"] = result.state
        elif attempts >= row.attempts:
            values["state"] = EntryState.FAILED
        else:
            wait = timedelta(minutes=row.retry_minutes) if result.counts else timedelta()
            values |= {"state": EntryState.WAITING, "due_at": now + wait}
        conn.execute(dial_entries.update().where(dial_entries.c.id == entry.id).values(values))
        if result.pauses:
            lists.move(conn, row.id, ListState.PAUSED, result.reason)


@dataclass(frozen=True, slots=True)
class Result:
    """What came of calling an entry: its final *state*, None for another attempt. *counts*: it was one of the attempts
    that a number gets. *pauses*: the list stands still until somebody goes on."""

    state: EntryState | None
    reason: str = ""
    counts: bool = True
    pauses: bool = False


def result_of(call: Call, agent: str, phone: str) -> Result:
    """What a call that is over came to, for the entry that was called with *phone* of *agent*."""
    outcome = call.outcome or Outcome.FAILED
    hers = [leg for leg in call.legs if leg.agent == agent or leg.phone == phone]
    theirs = [leg for leg in call.legs if leg not in hers]
    if Outcome.VOICEMAIL in (outcome, *(leg.outcome for leg in theirs)):
        return Result(EntryState.MACHINE)
    # Her own phone answers first: where the other one is known, it alone says whether somebody was reached.
    if outcome is Outcome.COMPLETED and (not theirs or any(_picked_up(leg) for leg in theirs)):
        return Result(EntryState.REACHED)
    if call.presumed:
        return Result(EntryState.PERHAPS, UNHEARD)
    if hers and not any(_picked_up(leg) for leg in hers) and outcome is not Outcome.COMPLETED:
        return Result(None, NOT_TAKEN, counts=False, pauses=True)
    if outcome is Outcome.COMPLETED:
        return Result(None, next((leg.outcome for leg in reversed(theirs) if leg.outcome), Outcome.NO_ANSWER))
    # A phone system that names nobody lets the end of our call look like one of theirs.
    return Result(None, Outcome.NO_ANSWER if outcome is Outcome.MISSED else outcome)


def _picked_up(leg: Leg) -> bool:
    return leg.answered_at is not None or leg.outcome is Outcome.COMPLETED


def _result(conn: Connection, entry: Any, now: datetime) -> Result | None:
    """What came of the call to an entry, None while it is under way."""
    dial = dial_by_id(conn, entry.dial_id) if entry.dial_id is not None else None
    if dial is None or dial.state is State.PERHAPS:
        # She may be on that call: a person says when it goes on.
        return Result(EntryState.PERHAPS, dial.reason if dial else UNHEARD, pauses=True)
    if dial.state is State.REFUSED:
        return Result(EntryState.REFUSED, dial.reason)
    if dial.state is State.FAILED:
        return Result(None, dial.reason, counts=False, pauses=True)
    if dial.interaction is None:
        return Result(EntryState.PERHAPS, UNHEARD) if dial.at < now - _FORGOTTEN else None
    row = conn.execute(
        sa.select(interactions.c.kind, interactions.c.state, interactions.c.facts).where(
            interactions.c.id == dial.interaction
        )
    ).one()
    if row.state != CallState.ENDED:
        return None
    call = documents.decode(row.kind, orjson.dumps(row.facts).decode())
    return result_of(call, dial.agent, dial.phone) if isinstance(call, Call) else Result(EntryState.FAILED)


def _put_off(
    conn: Connection, entry_id: int, refusals: tuple[Refusal, ...], next_at: datetime | None, now: datetime
) -> None:
    """What the gate refused: for ever, or until the clock allows it."""
    final = next((each for each in refusals if not each.may_override), None)
    later = next_at
    if final is None and any(each.rule is Rule.TOO_OFTEN for each in refusals):
        later = max(next_at or now, now + _TOO_OFTEN_AGAIN)
    rule = (final or refusals[0]).rule
    values: dict[str, Any] = {"reason": rule, "changed_at": now}
    if final is not None or later is None:
        values["state"] = EntryState.REFUSED
    else:
        values["due_at"] = later
    conn.execute(dial_entries.update().where(dial_entries.c.id == entry_id).values(values))


def _calling(conn: Connection, list_id: int) -> Any:
    under_way = sa.and_(dial_entries.c.list_id == list_id, dial_entries.c.state == EntryState.CALLING)
    return conn.execute(dial_entries.select().where(under_way).limit(1)).one_or_none()


def _next(conn: Connection, list_id: int, now: datetime) -> Any:
    due = sa.and_(
        dial_entries.c.list_id == list_id, dial_entries.c.state == EntryState.WAITING, dial_entries.c.due_at <= now
    )
    return conn.execute(dial_entries.select().where(due).order_by(dial_entries.c.position).limit(1)).one_or_none()
