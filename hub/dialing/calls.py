"""A call that somebody wants is placed: looked at by the gate, written down, and then handed to a phone system, once.

wanted ─▶ phone and line ─▶ one transaction: gate, row in `dials` ─▶ Dialer.dial ─▶ placed | refused | failed | perhaps

What becomes of the call the phone system's own events say; until they do, an event of ours under its key has it on the
timeline.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy import Connection

from hub import audit
from hub.calls.blocking import blocked
from hub.config import Config
from hub.contracts import Dialer, Misconfigured, Rejected, Unavailable, Unsupported
from hub.courier import fault, line
from hub.dialing import known
from hub.dialing.dials import DialView, by_id, forget, unrecorded
from hub.dialing.gate import Known, Refusal, Rules, gate, next_allowed
from hub.dialing.states import UNHEARD, State
from hub.formats import handles
from hub.ingest import Ingest
from hub.live import Live, LiveEvent
from hub.privacy.never_log import NeverLog
from hub.privacy.visibility import Actor
from hub.store import Lane, Store
from hub.store.schema import dials
from hub.vocabulary import Call, CallState, Channel, Dial, Direction, Event, Participant, Role

log = logging.getLogger(__name__)

ANSWER_SECONDS = 30.0
"""How long a phone system may take to say that it places a call."""

_UNHEARD_AFTER = timedelta(seconds=3 * ANSWER_SECONDS)
_SWEEP_SECONDS = 60.0
_GRACE_SECONDS = 5.0
_DAY = timedelta(hours=24)
_PHONES = ("tel:", "sip:", "sips:")


class Refused(Exception):
    """The gate does not let the call through. *open* are the refusals that nobody overrode."""

    def __init__(self, checked: Checked) -> None:
        super().__init__(", ".join(each.rule for each in checked.refusals))
        self.checked = checked


class CannotHangUp(Exception):
    """The call cannot be ended from here. The text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A call as somebody wants it: the number as typed or as a handle, "" for the number of *contact*. *source*, *line*
    (a number of ours) and *phone* (one of her own) are "" for the preferred ones. *override* is why it is placed though
    the hour or the day is quiet. *client_id* is the caller's own name for this wish: the same one is placed once."""

    callee: str = ""
    contact: int | None = None
    source: str = ""
    line: str = ""
    phone: str = ""
    override: str = ""
    client_id: str = ""
    entry: int | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """What the gate says of a wish, and how it would be placed: over *source*, ringing *phone* first, showing *line*.
    *next_at* (UTC) is when the clock allows it, None where it never does or does now."""

    callee: str
    source: str
    line: str
    phone: str
    refusals: tuple[Refusal, ...]
    next_at: datetime | None = None

    def closed(self, override: str) -> bool:
        """Whether the call is not placed, given the reason to override."""
        return any(not (override and each.may_override) for each in self.refusals)


class Dialing:
    """Places calls over *dialers*, those of the sources that can. Enter it with `async with` where the hub runs: then
    calls that nobody heard of again are seen to."""

    def __init__(self, config: Config, store: Store, ingest: Ingest, live: Live, dialers: Mapping[str, Dialer]) -> None:
        self._config = config
        self._store = store
        self._ingest = ingest
        self._live = live
        self._dialers = _ordered(config, dialers)
        self._never = NeverLog(config.privacy.never_log)
        self._under_way: set[asyncio.Task[DialView]] = set()
        self._sweeping: asyncio.Task[None] | None = None
        self._since = datetime.now(UTC)
        self.rules: Rules = known.rules_of(config)

    async def __aenter__(self) -> Self:
        if self._dialers:
            if self._store.dialect == "sqlite":  # whoever placed a call from this store is gone
                await self._store.write(lambda conn: forget(conn, self._since), Lane.BULK)
            self._sweeping = asyncio.create_task(self._sweep(), name="dials")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._sweeping is not None:
            self._sweeping.cancel()
            await asyncio.gather(self._sweeping, return_exceptions=True)

    async def close(self) -> None:
        """The hub stops: what is being placed gets a moment to be answered, and is `perhaps` placed otherwise."""
        if under_way := set(self._under_way):
            await asyncio.wait(under_way, timeout=_GRACE_SECONDS)
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)
        await asyncio.gather(*(dialer.close() for dialer in self._dialers.values()), return_exceptions=True)

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources that can place calls, the preferred one first."""
        return tuple(self._dialers)

    def handle(self, typed: str) -> str:
        """The handle of a number as people write it, "" where it is none."""
        found = handles.phone(typed, self._config.region)
        return found if found and found.startswith(_PHONES) else ""

    async def check(self, agent: str, wanted: Wanted) -> Checked:
        """What stands in the way of a call that *agent* wants, and how it would be placed."""
        return await self._store.read(lambda conn: self.checked(conn, agent, wanted, datetime.now(UTC)))

    def checked(self, conn: Connection, agent: str, wanted: Wanted, now: datetime) -> Checked:
        """As `check`, within somebody's transaction."""
        typed = wanted.callee or (known.number_of(conn, wanted.contact) if wanted.contact else "")
        callee = self.handle(typed)
        source, line_, phone = self._way(agent, wanted)
        refusals = gate(
            Known(
                callee=callee,
                typed=typed,
                agreed=known.agreed(conn, callee),
                blocked=callee in blocked(conn, [callee]),
                never_recorded=self._never.covers([callee]),
                calls=known.calls_since(conn, callee, now - _DAY),
                phone=phone,
                line=bool(source) or not self._asked(wanted),
                talking=known.talking(conn, agent, now),
            ),
            self.rules,
            now,
        )
        quiet = any(each.rule.by_the_clock for each in refusals)
        allowed = next_allowed(callee, self.rules, now) if quiet else None
        return Checked(callee or typed, source, line_, phone, refusals, allowed if allowed != now else None)

    async def dial(self, actor: Actor, agent: str, wanted: Wanted) -> DialView:
        """Place the call that *actor* wants for *agent*, once, and say what became of that. A wish that was heard
        before is answered as it stands. Raises `Refused`."""
        try:
            view, fresh = await self._store.write(lambda conn: self.begin(conn, actor, agent, wanted))
        except sa.exc.IntegrityError:  # another hub has just heard the same wish
            view, fresh = await self._store.write(lambda conn: self.begin(conn, actor, agent, wanted))
        return await self.place(view) if fresh else view

    def begin(self, conn: Connection, actor: Actor, agent: str, wanted: Wanted) -> tuple[DialView, bool]:
        """Write down in the caller's transaction that a call is to be placed, and whether that is new. It must then be
        `place`d. Raises `Refused`."""
        _in_turn(conn, agent)
        now = datetime.now(UTC)
        dial_id = _id_of(agent, wanted.client_id) if wanted.client_id else self._store.ids()
        if wanted.client_id and (before := by_id(conn, dial_id)) is not None:
            return before, False
        checked = self.checked(conn, agent, wanted, now)
        if checked.closed(wanted.override):
            raise Refused(checked)
        row = {
            "id": dial_id,
            "agent": agent,
            "phone": checked.phone,
            "callee": checked.callee,
            "line": checked.line,
            "source": checked.source,
            "state": State.WANTED,
            "reason": line(wanted.override) if checked.refusals else "",
            "entry_id": wanted.entry,
            "at": now,
        }
        conn.execute(dials.insert().values(row))
        action = "call.dial-override" if checked.refusals else "call.dial"
        audit.note(conn, self._store.ids(), actor, action, f"dial/{dial_id}", now)
        view = by_id(conn, dial_id)
        assert view is not None
        return view, True

    async def place(self, view: DialView) -> DialView:
        """Hand a call that was begun to its phone system. Goes to its end though the caller leaves."""
        task = asyncio.create_task(self._place(view), name=f"dial {view.id}")
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return await asyncio.shield(task)

    async def one(self, dial_id: int) -> DialView | None:
        """The call of that id."""
        return await self._store.read(lambda conn: by_id(conn, dial_id))

    async def hang_up(self, actor: Actor, dial_id: int) -> None:
        """End a call. Raises `CannotHangUp`, and what the phone system says (`Unavailable`, `Rejected`,
        `Misconfigured`)."""
        view = await self.one(dial_id)
        if view is None or not view.key:
            raise CannotHangUp("It was not placed, or nobody knows whether it was. End it at the phone.")
        dialer = self._dialers.get(view.source)
        if dialer is None:
            raise CannotHangUp(f"The source {view.source} places no calls any more. End it at the phone.")
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await dialer.hang_up(view.key)
        except TimeoutError as error:
            raise Unavailable("The phone system does not answer. End the call at the phone.") from error
        except Unsupported as verdict:
            raise CannotHangUp(str(verdict)) from verdict
        entry, now = self._store.ids(), datetime.now(UTC)
        await self._store.write(
            lambda conn: audit.note(conn, entry, actor, "call.hang-up", f"dial/{dial_id}", now), Lane.PEOPLE
        )

    # --- placing ---

    async def _place(self, view: DialView) -> DialView:
        self._tell(view)
        state, reason, key = await self._asked_to_dial(view)
        values: dict[str, Any] = {"state": state, "key": key} | ({"reason": reason} if reason else {})
        still = sa.and_(dials.c.id == view.id, dials.c.state.in_((State.WANTED, State.PERHAPS)))

        def work(conn: Connection) -> DialView:
            conn.execute(dials.update().where(still).values(values))
            after = by_id(conn, view.id)
            assert after is not None
            return after

        view = await self._written(work)
        if key:
            await self._record(view)
            view = await self.one(view.id) or view
        self._tell(view)
        return view

    async def _asked_to_dial(self, view: DialView) -> tuple[State, str, str]:
        """Try once. Answers the state, the reason where it was not placed, and the call's key where it was."""
        wanted = Dial(
            id=str(view.id),
            agent=view.agent,
            phone=view.phone,
            callee=view.callee,
            line=view.line,
            ring_seconds=self._config.telephony.calls.ring_seconds,
            machine=view.entry is not None,
        )
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                dialled = await self._dialers[view.source].dial(wanted)
        except Unsupported as verdict:
            return State.REFUSED, line(str(verdict)), ""
        except (Unavailable, Rejected, Misconfigured) as verdict:
            log.warning("dial/%s over %s was not placed: %s", view.id, view.source, line(str(verdict)))
            return State.FAILED, line(str(verdict)), ""
        except TimeoutError:
            log.error("dial/%s over %s was perhaps placed, and is not placed again by itself", view.id, view.source)
            return State.PERHAPS, UNHEARD, ""
        except Exception as error:
            log.exception("dial/%s over %s failed, and is not placed again by itself", view.id, view.source)
            return State.PERHAPS, fault(error), ""
        return State.PLACED, "", dialled.key

    async def _written(self, work: Any) -> DialView:
        """Write it down, however long the store is away: a call that nobody knows of would be placed again."""
        while True:
            try:
                view: DialView = await self._store.write(work, Lane.CALLS)
            except Unavailable as verdict:
                log.warning("a call was placed and cannot be written down yet: %s", verdict)
                await asyncio.sleep(1)
            else:
                return view

    async def _record(self, view: DialView) -> None:
        """The call on the timeline, though its phone system should say nothing of it."""
        with contextlib.suppress(Unavailable):  # the sweep does it again
            await self._ingest.record(view.source, [self._event(view)])

    def _event(self, view: DialView) -> Event:
        agent = self._config.agents.get(view.agent)
        own = (
            next((handle for handle in agent.handles if handle.startswith(("tel:", "sip:", "sips:"))), "")
            if agent
            else ""
        )
        caller = Participant(own or view.line, Role.CALLER, agent.name if agent else "")
        facts = Call(
            participants=(caller, Participant(view.callee, Role.CALLEE)),
            line=view.line or None,
            direction=Direction.OUTBOUND,
            state=CallState.QUEUED,
        )
        return Event(key=view.key, id=f"dial:{view.id}", channel=Channel.VOICE, at=view.at, facts=facts)

    def _tell(self, view: DialView) -> None:
        told = {"id": str(view.id), "state": view.state.value, "reason": view.reason}
        if view.interaction is not None:
            told["interaction"] = str(view.interaction)
        self._live.publish([LiveEvent("dial", told, view.agent)])

    # --- how it is placed ---

    def _way(self, agent_id: str, wanted: Wanted) -> tuple[str, str, str]:
        """Source, line and phone for a call of that agent. Without a source there is none that fits what is asked for,
        without a phone none that a source reaches."""
        agent = self._config.agents.get(agent_id)
        asked = self.handle(wanted.line) if wanted.line else ""
        fitting = [
            (name, asked or next((handle for handle in ours if handle.startswith("tel:")), ""))
            for name in self._dialers
            for ours in (self._config.sources[name].ours,)
            if wanted.source in ("", name) and (not wanted.line or asked in ours)
        ]
        for name, line_ in fitting:
            for phone in agent.phones if agent else ():
                if wanted.phone in ("", phone) and self._dialers[name].reaches(phone):
                    return name, line_, phone
        return (*fitting[0], "") if fitting else ("", "", "")

    def _asked(self, wanted: Wanted) -> bool:
        return bool(wanted.source or wanted.line)

    # --- what was not heard of again ---

    async def _sweep(self) -> None:
        """Once a minute: calls that nobody heard the end of, and calls that are not on the timeline."""
        while True:
            try:
                await self._look_after(datetime.now(UTC))
            except Unavailable as verdict:
                log.warning("dials: %s", verdict)
            except Exception:
                log.exception("dials: those that nobody heard of again could not be looked at")
            await asyncio.sleep(_SWEEP_SECONDS)

    async def _look_after(self, now: datetime) -> None:
        for view in await self._store.write(lambda conn: forget(conn, now - _UNHEARD_AFTER), Lane.BULK):
            self._tell(view)
        for view in await self._store.read(lambda conn: unrecorded(conn, now - _DAY)):
            if view.source in self._config.sources:
                await self._record(view)


def _ordered(config: Config, dialers: Mapping[str, Dialer]) -> dict[str, Dialer]:
    """In the order of the config, and only those that it names where it names any."""
    preferred = config.telephony.calls.dialers or tuple(config.sources)
    return {name: dialers[name] for name in preferred if name in dialers}


def _in_turn(conn: Connection, agent: str) -> None:
    """Of two hubs that begin a call for the same agent the second sees the first one's. SQLite has one writer."""
    if conn.dialect.name == "postgresql":
        conn.execute(sa.select(sa.func.pg_advisory_xact_lock(_id_of(agent, "begins"))))


def _id_of(agent: str, client_id: str) -> int:
    """The id of the call that a client calls *client_id*: the same at every attempt, and another for each agent."""
    return int.from_bytes(hashlib.sha256(f"{agent}\0{client_id}".encode()).digest()[:8]) >> 1
