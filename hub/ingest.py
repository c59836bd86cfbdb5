"""The way in. What connectors, doors and webhooks hear becomes durable here, once, and only then is it told.

items ─▶ privacy ─▶ understand ─▶ [ lane: collect ─▶ one transaction: claim, fold, match, thread, write ] ─▶ live
                                                 (hub.record)
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import Connection

from hub import facts
from hub.batch import Books, Entry, Part, Recorded, Refused
from hub.calendars import intake as calendars
from hub.calendars.objects import Change
from hub.contracts import Unavailable, Webhook
from hub.floods import Floods
from hub.formats.digest import digest
from hub.live import Live
from hub.mailroom import Mailroom
from hub.mentions import intake as mentioning
from hub.mentions.heard import Heard
from hub.mentions.watching import Watching
from hub.metrics import Metrics
from hub.ours import Ours
from hub.privacy.never_log import NeverLog
from hub.record import record
from hub.replay import CannotReplay, items
from hub.sources.canary import Canaries
from hub.store import Lane, Store
from hub.store.blobs import INLINE_LIMIT
from hub.store.schema import quarantine
from hub.understanding import Opened
from hub.unrecorded import Unrecorded
from hub.vocabulary import (
    Call,
    Channel,
    Copy,
    Event,
    Flagged,
    Item,
    Mention,
    Pressed,
    RawMail,
    Receipt,
    Removed,
    Unreadable,
)

log = logging.getLogger(__name__)
T = TypeVar("T")

BATCH_ITEMS = 64
BATCH_BYTES = 1 << 20
SHORT_BATCH_ITEMS = 8
PHONES_RING_SECONDS = 2.0
"""For so long after a call's event, batches of mail are short, and each is followed by a rest: a pop shares the
database's one writer and the disk with them."""
REST = 3.0
"""How many times as long as the batch took the rest is, and at the most so many seconds:"""
LONGEST_REST = 0.25


class LeaseLost(Exception):
    """Another hub listens to this source now: nothing of this arrival was recorded here."""


@dataclass(slots=True)
class _Waiting:
    part: Part
    done: asyncio.Future[None]

    def settle(self, error: BaseException | None = None) -> None:
        """Tell the caller, unless it has gone: the others of its batch must be told all the same."""
        if self.done.done():
            return
        if error is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(error)


class _Lane:
    """Collects what comes while a transaction runs, and commits it together in the next one."""

    def __init__(self, ingest: Ingest, lane: Lane) -> None:
        self._ingest = ingest
        self._lane = lane
        self._waiting: deque[_Waiting] = deque()
        self._running: asyncio.Task[None] | None = None

    async def put(self, part: Part) -> None:
        """Returns when *part* is durable."""
        waiting = _Waiting(part, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        await waiting.done

    async def _run(self) -> None:
        try:
            while self._waiting:
                batch = self._batch()
                began = time.monotonic()
                try:
                    await self._commit(batch)
                except BaseException as error:
                    for waiting in batch:
                        waiting.settle(error)
                    if not isinstance(error, Exception):
                        raise
                if self._lane is Lane.BULK and self._ingest.phones_ring:
                    await asyncio.sleep(min(LONGEST_REST, REST * (time.monotonic() - began)))
        finally:
            self._running = None

    def _batch(self) -> list[_Waiting]:
        batch = [self._waiting.popleft()]
        count, size = _items(batch[0].part), _size(batch[0].part)
        limit = self._ingest.batch_items(self._lane)
        while self._waiting:
            part = self._waiting[0].part
            count, size = count + _items(part), size + _size(part)
            if count > limit or size > BATCH_BYTES:
                break
            batch.append(self._waiting.popleft())
        return batch

    async def _commit(self, batch: list[_Waiting]) -> None:
        parts = [waiting.part for waiting in batch]
        for attempt in (1, 2):
            try:
                recorded = await self._ingest.write(parts, self._lane)
            except Unavailable:
                raise
            except Exception as error:
                # Two hubs that recorded the same new thing at once collide on its key: the second attempt finds it.
                if attempt == 1:
                    continue
                log.info("a batch was refused, looking for the item that did it: %s", type(error).__name__)
                for waiting in batch:
                    await self._alone(waiting)
                return
            for waiting in batch:
                waiting.settle(_lost(waiting.part, recorded))
            return

    async def _alone(self, waiting: _Waiting) -> None:
        try:
            recorded = await self._halves(waiting.part)
        except Exception as error:
            waiting.settle(error)
        else:
            waiting.settle(LeaseLost(waiting.part.source) if recorded.lost else None)

    async def _halves(self, part: Part) -> Recorded:
        """Record *part*; what cannot be recorded of it is found by halving and put into quarantine."""
        try:
            return await self._ingest.write([part], self._lane)
        except Unavailable:
            raise
        except Exception as error:
            if part.calendar:
                return await self._calendar_apart(part, error)
            if not part.entries:
                raise
            if len(part.entries) == 1:
                log.warning("quarantined an item of %s: %s", part.source, type(error).__name__)
                refused = _refused(part.entries[0], _why(error))
                return await self._ingest.write(
                    [replace(part, entries=(), refused=(*part.refused, refused))], self._lane
                )
        middle = len(part.entries) // 2
        await self._halves(
            replace(
                part,
                entries=part.entries[:middle],
                refused=(),
                changes=(),
                receipts=(),
                watch=part.watch.marked,
                cursor=None,
                epoch=None,
            )
        )
        return await self._halves(replace(part, entries=part.entries[middle:]))

    async def _calendar_apart(self, part: Part, error: Exception) -> Recorded:
        """Record *part*, its calendar in smaller pieces than before; a piece of one goes to quarantine."""
        if part.entries:
            await self._halves(Part(part.source, part.entries, watch=part.watch.marked))
            return await self._halves(replace(part, entries=()))
        if len(part.calendar) == 1:
            log.warning("quarantined an object of %s: %s", part.source, type(error).__name__)
            refused = tuple(calendars.refused(put, _why(error)) for put in part.calendar.puts)
            return await self._halves(replace(part, calendar=Change(), refused=(*part.refused, *refused)))
        some, others = part.calendar.halves()
        await self._halves(Part(part.source, calendar=some))
        return await self._halves(replace(part, calendar=others))


class Ingest:
    """Records what sources say. Safe to call from many tasks at once; that is what makes it fast."""

    def __init__(
        self,
        store: Store,
        live: Live,
        mailroom: Mailroom,
        books: Books,
        never: NeverLog,
        unrecorded: Unrecorded,
        metrics: Metrics,
        webhooks: Callable[[str], Webhook | None],
        intake: calendars.Intake | None = None,
        posts: mentioning.Intake | None = None,
    ) -> None:
        self._store = store
        self._live = live
        self._mailroom = mailroom
        self._books = books
        self._never = never
        self._unrecorded = unrecorded
        self._metrics = metrics
        self._webhooks = webhooks
        self._intake = intake or calendars.Intake(store, mailroom, books.owners)
        self._posts = posts or mentioning.Intake(store, Watching(), books.ours.handles, 0)
        self._canaries = Canaries(store)
        self._floods = Floods()
        self._calls = _Lane(self, Lane.CALLS)
        self._rest = _Lane(self, Lane.BULK)
        self._last_call = -PHONES_RING_SECONDS
        self._pressed: Callable[[str, str], Awaitable[object]] | None = None

    def press(self, pressed: Callable[[str, str], Awaitable[object]]) -> None:
        """Buttons of ours that people press in chats go to *pressed*: what we gave the button, and who pressed it."""
        self._pressed = pressed

    async def record(
        self,
        source: str,
        items: Sequence[Item],
        *,
        live: bool = True,
        cursor: str | None = None,
        epoch: int | None = None,
        after: asyncio.Future[None] | None = None,
    ) -> None:
        """Returns when *items* of *source* are durable, and the *cursor* after them with the lease's *epoch*.

        *live* is false for what is older than the source's connection: nobody is alerted. What came before and is still
        on its way is durable first where *after* stands for it; mails are understood meanwhile. Raises `Unavailable`
        where the store cannot take it (nothing may be acknowledged), `LeaseLost` where *epoch* is not ours any more,
        and what *after* raised.
        """
        items = await self._canaries.taken_out(source, items)
        for item in items:
            if isinstance(item, Pressed) and self._pressed is not None:
                await self._pressed(item.value, item.by)
        calendar = self._intake.concerns(source, items)
        if after is not None and calendar:  # what is in a calendar is compared with what was there before
            await asyncio.wait([after])
            after.result()
        part = await self._prepare(source, items, live)
        await self._settle_large(part)
        if after is not None and not calendar:
            await asyncio.wait([after])
            after.result()
        voice = any(entry.event.channel is Channel.VOICE for entry in part.entries)
        if voice:
            self._last_call = time.monotonic()
        lane, limit = (self._calls, BATCH_ITEMS) if voice else (self._rest, self.batch_items(Lane.BULK))
        *before, last = _slices(part, limit)
        for slice in before:
            await lane.put(slice)
        await lane.put(replace(last, cursor=cursor, epoch=epoch) if cursor is not None else last)

    @property
    def phones_ring(self) -> bool:
        """True while calls come in, and shortly after."""
        return time.monotonic() - self._last_call < PHONES_RING_SECONDS

    def batch_items(self, lane: Lane) -> int:
        """How many items a batch of *lane* may have now."""
        return SHORT_BATCH_ITEMS if lane is Lane.BULK and self.phones_ring else BATCH_ITEMS

    async def write(self, parts: Sequence[Part], lane: Lane) -> Recorded:
        """One transaction for *parts*, then word of it to the screens."""
        began = time.perf_counter()

        def work(conn: Connection) -> Recorded:
            return record(conn, parts, self._books)

        recorded = await self._store.write(work, lane)
        self._live.publish(recorded.news)
        if any(part.calendar for part in parts):
            self._intake.committed()
        self._metrics.recorded(parts, time.perf_counter() - began)
        return recorded

    @property
    def ours(self) -> Ours:
        """Our own addresses."""
        return self._books.ours

    async def record_with(
        self, source: str, items: Sequence[Item], work: Callable[[Connection], T], lane: Lane = Lane.PEOPLE
    ) -> T:
        """Do *work* and record *items* of *source* in one transaction: both happen, or neither. Answers what *work*
        does. Raises what it raises, and `Unavailable`."""
        part = await self._prepare(source, items, live=False)
        await self._settle_large(part)

        def both(conn: Connection) -> tuple[T, Recorded]:
            done = work(conn)
            return done, record(conn, [part], self._books)

        done, recorded = await self._store.write(both, lane)
        self._live.publish(recorded.news)
        return done

    async def quarantine(self, source: str, kind: str, reason: str, raw: bytes, about: dict[str, Any]) -> None:
        """Put *raw* aside durably: *kind* is `mail`, `delivery` or `event`; *about* is what a replay will need."""
        part = Part(source, refused=(Refused(kind, reason, digest(raw), raw, about),))
        await self._settle_large(part)
        await self._rest.put(part)

    async def replay(self, held_id: int) -> str:
        """Try again what lies in quarantine under *held_id*. Answers "" where it is recorded now, else why not."""

        def held(conn: Connection) -> tuple[str, str, dict[str, Any], bytes]:
            row = conn.execute(sa.select(quarantine).where(quarantine.c.id == held_id)).one()
            return row.source, row.kind, row.about, self._store.blobs.read(conn, row.blob) or b""

        source, kind, about, raw = await self._store.read(held)
        try:
            again = items(kind, about, raw, self._webhooks(source))
            if not await self._intake.still(source, again):
                return "its calendar has another state of it by now, or none"
            part = await self._prepare(source, again, live=False)
        except CannotReplay as error:
            return str(error)
        if part.refused:
            return part.refused[0].reason
        replayed = quarantine.update().where(quarantine.c.id == held_id).values(state="replayed")
        await self._settle_large(part)
        try:
            await self.write([part], Lane.PEOPLE)
        except Unavailable:
            raise
        except Exception as error:
            return _why(error)
        await self._store.write(lambda conn: conn.execute(replayed).rowcount)
        return ""

    async def _prepare(self, source: str, items: Sequence[Item], live: bool) -> Part:
        """Privacy first, then understanding: what is left goes into a lane."""
        entries: list[Entry] = []
        refused: list[Refused] = []
        changes: list[Flagged | Removed] = []
        receipts: list[Receipt] = []
        letters = [item for item in items if isinstance(item, RawMail)]
        opened = iter(await self._mailroom.open(source, letters) if letters else ())
        for item in items:
            letter = item if isinstance(item, RawMail) else None
            result = next(opened) if letter else item
            if isinstance(result, Opened):
                entries += self._mail(result, live)
            elif isinstance(result, Unreadable):
                if letter is not None or not await self._mailroom.forbids(result):
                    refused.append(_unreadable(result, letter.copy if letter else result.copy))
            elif isinstance(result, Event) and not isinstance(result.facts, Mention):
                entries += self._event(source, result, live)
            elif isinstance(result, Flagged | Removed):
                changes.append(result)
            elif isinstance(result, Receipt):
                receipts.append(result)
        watch = Heard()
        if mentioning.Intake.concerns(items):
            posts = await self._posts.take(source, items)
            watch = posts.heard
            entries += [entry for event in posts.events for entry in self._event(source, event, live)]
        if not self._intake.concerns(source, items):
            return Part(source, tuple(entries), tuple(refused), tuple(changes), tuple(receipts), watch=watch)
        taken = await self._intake.take(source, items)
        # However many invitations one reading brings, nobody is alerted of them.
        entries += [entry for event in taken.events for entry in self._event(source, event, live=False)]
        refused += taken.refused
        return Part(source, tuple(entries), tuple(refused), tuple(changes), tuple(receipts), taken.change, watch)

    def _mail(self, opened: Opened, live: bool) -> list[Entry]:
        if opened.event is None:
            return []
        event = self._floods.marked(opened.event, self._books.ours.handles) if live else opened.event
        alerts = live and event is opened.event
        mail = Entry(event, alerts, opened.blob if event.raw else None, len(event.raw or b""))
        # It is the mail that waits for an answer, and that alerts: the meeting only stands on the timeline.
        return [mail, *(Entry(meeting, live=False) for meeting in opened.meetings)]

    def _event(self, source: str, event: Event, live: bool) -> list[Entry]:
        people = (participant.handle for participant in event.facts.participants or ())
        if self._never.covers(people) or self._unrecorded.knows(event.key):
            if isinstance(event.facts, Call) and live:
                self._unrecorded.take(source, event)
            return []
        blob = digest(event.raw) if event.raw is not None else None
        return [Entry(event, live, blob, len(event.raw or b""))]

    async def _settle_large(self, part: Part) -> None:
        """Make the large blobs of *part* durable, before the transaction that names them."""
        large = [
            (entry.blob, entry.event.raw)
            for entry in part.entries
            if entry.blob and entry.event.raw is not None and entry.size > INLINE_LIMIT
        ]
        large += [(item.blob, item.raw) for item in part.refused if len(item.raw) > INLINE_LIMIT]
        if not large:
            return

        def work() -> None:
            for name, data in large:
                self._store.blobs.settle(name, data)

        try:
            await asyncio.to_thread(work)
        except OSError as error:
            raise Unavailable(f"the blob folder cannot be written: {error.strerror}") from error


def _lost(part: Part, recorded: Recorded) -> LeaseLost | None:
    return LeaseLost(part.source) if any(part is lost for lost in recorded.lost) else None


def _why(error: Exception) -> str:
    """One line for people: the first of what the database or our own code said."""
    return f"{type(error).__name__}: {error}".splitlines()[0][:500]


def _items(part: Part) -> int:
    return len(part.entries) + len(part.refused) + len(part.calendar)


def _size(part: Part) -> int:
    raws = sum(len(item.raw) for item in part.refused) + part.calendar.size
    return sum(entry.size for entry in part.entries) + raws


def _slices(part: Part, limit: int) -> list[Part]:
    """*part* in pieces of at most *limit* entries; the order stays, and what was refused, changed or received, and
    what lies in a calendar, goes with the last."""
    pieces = [part.entries[start : start + limit] for start in range(0, len(part.entries), limit)] or [()]
    slices = [Part(part.source, piece, watch=part.watch.marked) for piece in pieces]
    slices[-1] = replace(part, entries=pieces[-1], cursor=None, epoch=None)
    return slices


def _unreadable(item: Unreadable, copy: Copy | None) -> Refused:
    about: dict[str, Any] = {"received_at": item.received_at.isoformat()}
    if copy is not None:
        about |= {
            "place": copy.place,
            "provider_id": copy.provider_id,
            "flags": sorted(copy.flags),
            "level": copy.level,
            "audience": copy.audience,
            "labels": sorted(copy.labels),
        }
    return Refused("mail", item.reason, digest(item.raw), item.raw, about)


def _refused(entry: Entry, reason: str) -> Refused:
    """An event that cannot be recorded, as something that can be looked at and replayed."""
    event = entry.event
    copy = event.copy
    if event.raw is not None and copy is not None:
        return _unreadable(Unreadable(event.raw, reason, event.at), copy)
    raw = facts.encode(event.facts).encode()
    about = {
        "key": event.key,
        "id": event.id,
        "channel": event.channel,
        "kind": facts.kind(event.facts),
        "at": event.at.isoformat(),
        "order": event.order,
        "conversation": event.conversation,
    }
    return Refused("event", reason, digest(raw), raw, about)
