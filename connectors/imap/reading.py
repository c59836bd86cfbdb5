"""Reads the folders of one mailbox over one connection: what is new at once, what lay there before in pieces between,
and what changes of what was read.

One pass after the other: new mail everywhere, then a portion of old mail, and where there is none left, waiting.
"""

from __future__ import annotations

import asyncio
import logging
import time
from array import array
from collections import defaultdict, deque
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import groupby

import hub
from connectors.imap.folders import choose
from connectors.imap.mailbox import Folder, Mail, Mailbox, Outline, Shut, Ticket, Unfetchable
from connectors.imap.portions import ATTEMPTS, Portion, portions
from connectors.imap.progress import Backfill, Place, Progress
from connectors.imap.responses import TooLarge
from connectors.imap.settings import ImapSettings

logger = logging.getLogger(__name__)

AT_ONCE = 500
"""Mails whose sizes are asked for at once."""

CHANGED_AT_ONCE = 20_000
"""UIDs among which changes are asked for at once."""

ITEMS = 500
"""Changes in one arrival."""

LOOK_SECONDS = 2.0
"""How often the other folders are looked at while old mail is read."""

COMPARE_SECONDS = 900.0
"""How often it is found out which mails went, where the server does not tell."""

LIST_SECONDS = 3600.0
"""How often new folders are looked for."""

FLAGS_KNOWN = 500
"""Of so many of the newest mails in the watched folder the flags are compared, where the server does not tell which
changed."""

MISSED = timedelta(hours=1)
"""What came while we were away still alerts somebody when it is not older than this."""

MOVED = timedelta(days=1)
"""What appears while we listen and is older than this has been moved here from another folder, and alerts nobody."""


COMING = 1000
"""So many mails are remembered whose age may be asked for."""

NEVER = float("-inf")

Broke = dict[tuple[str, int, int], int]
"""Mails on which the connection broke, and how often: a server may fail on one mail, and would for ever."""

Told = tuple[int, hub.RawMail | hub.Unreadable]


@dataclass(slots=True)
class Known:
    """What the connection knows of the server, for whoever asks how far behind we are. *measured* is when the server
    last told its numbers (`time.monotonic`), *next_uid* are these, *coming* the new mails that were listed and perhaps
    are not durable yet: folder, UID, and when the server took them."""

    measured: float = NEVER
    next_uid: dict[str, int] = field(default_factory=dict)
    coming: deque[tuple[str, int, datetime]] = field(default_factory=lambda: deque(maxlen=COMING))


@dataclass(slots=True)
class _Memory:
    """What is remembered of a folder while the connection lasts, where the server counts no changes."""

    uids: array[int] | None = None
    compared: float = NEVER
    suspicious: bool = False
    flags: dict[int, frozenset[str]] = field(default_factory=dict)
    flags_compared: float = NEVER


class Reading:
    """Reads *mailbox* from *progress* on. *broke* outlives the connection; `known` is for others to read."""

    def __init__(
        self,
        mailbox: Mailbox,
        settings: ImapSettings,
        progress: Progress,
        loan: hub.Loan | None,
        broke: Broke,
    ) -> None:
        self._mailbox = mailbox
        self._settings = settings
        self._progress = progress
        self._loan = loan
        self.known = Known()
        self._asked: list[asyncio.Future[None]] = []
        self._broke = broke
        self._memory: defaultdict[str, _Memory] = defaultdict(_Memory)
        self._names: tuple[str, ...] = ()
        self._listed = NEVER
        self._looked = NEVER
        self._notified = False
        self._fresh = MISSED

    def look(self) -> None:
        """Ask the server for its numbers now, instead of when it is time."""
        self._looked = NEVER
        self._mailbox.poke()

    async def measure(self) -> None:
        """Return once the server has told its numbers anew. Raises `Unavailable` where the connection ends before."""
        asked: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._asked.append(asked)
        self.look()
        await asked

    async def run(self) -> AsyncGenerator[hub.Arrival, None]:
        """Every arrival, for as long as the connection lasts."""
        try:
            while True:
                try:
                    async with aclosing(self._round()) as arrivals:
                        async for arrival in arrivals:
                            yield arrival
                except Shut as error:
                    self._leave_out(error)
        finally:
            for asked in self._asked:
                if not asked.done():
                    asked.set_exception(hub.Unavailable(f"the connection to {self._settings.host} ended"))

    async def _round(self) -> AsyncGenerator[hub.Arrival, None]:
        if time.monotonic() - self._listed > LIST_SECONDS:
            await self._list()
        for name in await self._changed():
            async with aclosing(self._folder(name)) as arrivals:
                async for arrival in arrivals:
                    yield arrival
        self._fresh = MOVED
        if old := next((name for name in self._names if self._left(name)), None):
            async with aclosing(self._old(old)) as arrivals:
                async for arrival in arrivals:
                    yield arrival
        else:
            await self._mailbox.examine(self._names[0])
            if not self._is_news_here():
                await self._mailbox.wait(self._pause())

    def _arrival(self, items: Sequence[hub.Item] = (), *, live: bool = False) -> hub.Arrival:
        return hub.Arrival(tuple(items), str(self._progress), live, self._progress.backfill(self._names))

    # Where to look.

    async def _list(self) -> None:
        """Find out which folders are to be read."""
        listed = await self._mailbox.folders()
        settings = self._settings
        chosen = choose(listed, settings.folders, settings.leave_out, labels=self._mailbox.quirks.labels)
        if chosen.missing:
            raise self._mailbox.missing(chosen.missing[0], [folder.name for folder in listed])
        if chosen.names != self._names:
            self._names = chosen.names
            self._notified = await self._mailbox.notify(self._names[1:])
        self._listed = time.monotonic()
        self._looked = NEVER

    def _leave_out(self, shut: Shut) -> None:
        """A folder cannot be opened. One that nobody asked for is left out for a while; the others go on."""
        if self._settings.folders or shut.name == self._names[0]:
            raise shut.verdict from shut
        logger.warning("a folder is left out: %s", shut.verdict)
        self._names = tuple(name for name in self._names if name != shut.name)

    def _pause(self) -> float:
        """How long the server may be silent before it is asked."""
        told_of_all = self._mailbox.idles and (self._notified or len(self._names) == 1)
        seconds = self._settings.idle_minutes * 60
        return seconds if told_of_all else min(seconds, self._settings.poll_seconds)

    async def _changed(self) -> list[str]:
        """The folders in which something is new, the watched one last, because it is then the one that is open."""
        mailbox = self._mailbox
        here = mailbox.folder.name if mailbox.folder else ""
        told = [name for name in self._names if name in mailbox.told and name != here]
        mailbox.told.clear()
        pause = LOOK_SECONDS if any(map(self._left, self._names)) else self._pause()
        if time.monotonic() - self._looked >= pause:
            if here:
                await mailbox.noop()
            told = [name for name in self._names if name != here]
            self._looked = time.monotonic()
            numbers = await mailbox.status(told)
            self.known.measured = time.monotonic()
            asked, self._asked = self._asked, []
            for one in asked:
                if not one.done():
                    one.set_result(None)
        else:
            numbers = await mailbox.status(told) if told else []
        found = {folder.name for folder in numbers if self._is_news(folder)}
        if mailbox.folder is not None and (mailbox.has_news or self._is_news_here()):
            found.add(here)
        return [name for name in (*self._names[1:], *self._names[:1]) if name in found]

    def _is_news(self, folder: Folder) -> bool:
        """Whether there is something to do in a folder with these numbers."""
        name, place = folder.name, self._progress.get(folder.name)
        self.known.next_uid[name] = max(folder.next_uid, self.known.next_uid.get(name, 0))
        if place is None or place.validity != folder.validity or folder.next_uid > place.uid + 1:
            return True
        if self._mailbox.counts and place.modseq and folder.modseq:
            if folder.modseq > place.modseq:
                return True
        elif self._flags_due(name):
            return True
        if folder.messages < place.messages:
            self._memory[name].suspicious = True
        return not self._mailbox.qresync and self._comparison_due(name)

    def _is_news_here(self) -> bool:
        """Whether there is something to do in the open folder, as far as is known."""
        folder = self._mailbox.folder
        return folder is not None and self._is_news(replace(folder, messages=self._mailbox.exists))

    def _flags_due(self, name: str) -> bool:
        if name != self._names[0] or self._left(name):
            return False
        return time.monotonic() - self._memory[name].flags_compared > COMPARE_SECONDS

    def _comparison_due(self, name: str) -> bool:
        memory = self._memory[name]
        return memory.suspicious and time.monotonic() - memory.compared > COMPARE_SECONDS

    def _left(self, name: str) -> int:
        place = self._progress.get(name)
        return place.backfill.left if place is not None and place.backfill is not None else 0

    # What is new.

    async def _folder(self, name: str) -> AsyncGenerator[hub.Arrival, None]:
        """What is new or has changed in one folder."""
        folder = await self._mailbox.examine(name)
        place = self._progress.get(name)
        if place is None or place.validity != folder.validity:
            await self._begin(folder)
            # Where the new begins must not be forgotten, even if nothing comes for a long time.
            yield self._arrival()
        place = self._progress[name]
        while self._mailbox.new or folder.next_uid > self._progress[name].uid + 1:
            async with aclosing(self._new(folder)) as arrivals:
                async for arrival in arrivals:
                    yield arrival
        async with aclosing(self._changes(folder, place)) as arrivals:
            async for arrival in arrivals:
                yield arrival

    async def _begin(self, folder: Folder) -> None:
        """A folder that is new to us, or whose numbering is: what lies in it is read later."""
        renumbered = folder.name in self._known_places
        until = folder.next_uid - 1
        total = len(await self._mailbox.search(1, until, None if renumbered else self._since()))
        backfill = Backfill(until, 0, total, known=renumbered) if total else None
        self.known.next_uid[folder.name] = folder.next_uid
        self._memory.pop(folder.name, None)
        self._progress.set(folder.name, Place(folder.validity, until, folder.modseq, folder.messages, backfill))

    @property
    def _known_places(self) -> frozenset[str]:
        return frozenset(name for name in self._names if self._progress.get(name))

    def _since(self) -> date:
        return (datetime.now(UTC) - timedelta(days=self._settings.since_days)).date()

    async def _new(self, folder: Folder) -> AsyncGenerator[hub.Arrival, None]:
        """Mails above those that we know, oldest first."""
        name, before = folder.name, self._progress[folder.name]
        outlines, upto = await self._listed_after(folder, before.uid)
        self.known.coming.extend((name, one.uid, one.received_at or datetime.now(UTC)) for one in outlines)
        self.known.next_uid[name] = max(upto + 1, self.known.next_uid.get(name, 0))
        for portion in self._portions(folder, [one for one in outlines if not one.draft]):
            told = await self._fetch(folder, portion, await self._ask(portion))
            live_from = datetime.now(UTC) - self._fresh
            for live, run in groupby(told, key=lambda one: one[1].received_at >= live_from):
                uids, items = zip(*run, strict=True)
                self._progress.change(name, uid=uids[-1])
                yield self._arrival(items, live=live)
        self._progress.change(name, uid=upto, messages=before.messages + len(outlines))
        yield self._arrival()

    async def _listed_after(self, folder: Folder, uid: int) -> tuple[list[Outline], int]:
        """Some of the mails above *uid*, and the UID up to which these are all of them."""
        mailbox = self._mailbox
        if folder.next_uid - uid <= AT_ONCE and mailbox.exists - mailbox.known <= AT_ONCE:
            outlines = await mailbox.outlines_after(uid)
        else:
            await mailbox.noop()
            uids = (await mailbox.search(uid + 1, 2**32 - 1))[:AT_ONCE]
            outlines = await mailbox.outlines(uids)
            if len(uids) == AT_ONCE:
                return outlines, uids[-1]
            mailbox.known = mailbox.exists
        # Of those that are gone nothing is told.
        return outlines, max(folder.next_uid - 1, uid, outlines[-1].uid if outlines else 0)

    # What changes.

    async def _changes(self, folder: Folder, before: Place) -> AsyncGenerator[hub.Arrival, None]:
        """Flags that changed in a folder, and mails that went, among those that were known *before* the new ones."""
        mailbox, name, memory = self._mailbox, folder.name, self._memory[folder.name]
        told, went = mailbox.flags_changed, mailbox.mails_went
        mailbox.flags_changed = mailbox.mails_went = False
        vanished = await mailbox.vanished(self._progress[name].uid)
        for arrival in self._changed_arrivals([self._removed(folder, uid) for uid in vanished]):
            yield arrival
        if mailbox.condstore and before.modseq:
            if told or folder.modseq > before.modseq:
                async with aclosing(self._counted_changes(folder, before)) as arrivals:
                    async for arrival in arrivals:
                        yield arrival
        elif mailbox.condstore:
            self._progress.change(name, modseq=folder.modseq)
        elif told or self._flags_due(name):
            for arrival in self._changed_arrivals(await self._compared_flags(folder)):
                yield arrival
        memory.suspicious |= went
        if not mailbox.qresync and self._comparison_due(name):
            for arrival in self._changed_arrivals(await self._compared(folder)):
                yield arrival
            yield self._arrival()

    async def _counted_changes(self, folder: Folder, before: Place) -> AsyncGenerator[hub.Arrival, None]:
        """What the server says changed since it had counted as far as *before* (RFC 7162)."""
        highest = folder.modseq
        for high in range(before.uid, 0, -CHANGED_AT_ONCE):
            low = max(1, high - CHANGED_AT_ONCE + 1)
            changed, gone, sequence = await self._mailbox.changes(low, high, before.modseq)
            highest = max(highest, sequence)
            items: list[hub.Flagged | hub.Removed] = [
                hub.Flagged(folder.name, f"{folder.validity}:{uid}", *state) for uid, state in changed.items()
            ]
            for arrival in self._changed_arrivals([*items, *(self._removed(folder, uid) for uid in gone)]):
                yield arrival
        self._progress.change(folder.name, modseq=highest)
        yield self._arrival()

    async def _compared_flags(self, folder: Folder) -> list[hub.Flagged]:
        """The newest mails whose flags are others than when they were last compared."""
        memory = self._memory[folder.name]
        uids = (await self._mailbox.search(1, self._progress[folder.name].uid))[-FLAGS_KNOWN:]
        before, memory.flags = memory.flags, await self._mailbox.flags(uids)
        memory.flags_compared = time.monotonic()
        return [
            hub.Flagged(folder.name, f"{folder.validity}:{uid}", flags)
            for uid, flags in memory.flags.items()
            if before.get(uid) != flags
        ]

    async def _compared(self, folder: Folder) -> list[hub.Removed]:
        """The mails that went since they were last compared; the first time, whatever may have gone among the newest
        `CHANGED_AT_ONCE`, where the number of mails says that some did."""
        memory, place = self._memory[folder.name], self._progress[folder.name]
        uids = await self._mailbox.search(1, place.uid)
        gone: set[int] = set()
        if memory.uids is not None:
            gone = set(memory.uids) - set(uids)
        elif len(uids) < place.messages:
            gone = set(range(max(1, place.uid - CHANGED_AT_ONCE), place.uid + 1)) - set(uids)
        memory.uids, memory.compared, memory.suspicious = array("L", uids), time.monotonic(), False
        self._progress.change(folder.name, messages=len(uids))
        return [self._removed(folder, uid) for uid in sorted(gone)]

    def _changed_arrivals(self, items: Sequence[hub.Flagged | hub.Removed]) -> Iterator[hub.Arrival]:
        # The cursor stays where it is: what comes after these is not told yet.
        for start in range(0, len(items), ITEMS):
            yield self._arrival(items[start : start + ITEMS])

    def _removed(self, folder: Folder, uid: int) -> hub.Removed:
        return hub.Removed(folder.name, f"{folder.validity}:{uid}")

    # What lay there before.

    async def _old(self, name: str) -> AsyncGenerator[hub.Arrival, None]:
        """Old mail of one folder, newest first, until it is done or something new comes."""
        folder = await self._mailbox.examine(name)
        backfill = self._progress[name].backfill
        if backfill is None or self._progress[name].validity != folder.validity:
            return
        since = self._since()
        uids = await self._mailbox.search(1, backfill.left, None if backfill.known else since)
        uids.reverse()
        for start in range(0, len(uids), AT_ONCE):
            piece = uids[start : start + AT_ONCE]
            wanted = await (
                self._unknown(folder, piece, since) if backfill.known else self._mailbox.outlines(piece, dates=False)
            )
            planned = list(self._portions(folder, [one for one in reversed(wanted) if not one.draft]))
            ticket = await self._ask(planned[0]) if planned else None
            for number, portion in enumerate(planned):
                told = await self._fetch(folder, portion, ticket)
                interrupted = self._interrupted()
                following = planned[number + 1 : number + 2]
                # While this portion is made durable the server tells the next.
                ticket = await self._ask(following[0]) if following and not interrupted else None
                for live, run in groupby(reversed(told), key=lambda one: self._alerts(one, backfill)):
                    some, items = zip(*run, strict=True)
                    self._progress.old_read(name, some[-1] - 1, len(items))
                    yield self._arrival(items, live=live)
                if following and interrupted:
                    return
            done = self._progress[name].backfill
            self._progress.old_read(
                name, piece[-1] - 1, backfill.done + start + len(piece) - (done.done if done else 0)
            )
            if start + AT_ONCE < len(uids):
                yield self._arrival()
                if self._interrupted():
                    return
        self._progress.old_read(name, 0, 0)
        self._progress.settle(self._names)
        yield self._arrival()

    def _alerts(self, told: Told, backfill: Backfill) -> bool:
        return backfill.known and told[1].received_at >= datetime.now(UTC) - MISSED

    def _interrupted(self) -> bool:
        """Whether it is time to look for what is new."""
        return self._mailbox.has_news or time.monotonic() - self._looked >= LOOK_SECONDS

    async def _unknown(self, folder: Folder, uids: Sequence[int], since: date) -> list[Outline]:
        """Of *uids* in a folder that has been renumbered the mails that the hub does not know; of the others it learns
        the new numbers."""
        sightings = await self._mailbox.sightings(uids)
        outlines = [outline for outline, _ in sightings]
        if self._loan is not None:
            unknown = await self._loan.rebind(
                folder.name,
                [
                    hub.Sighting(f"{folder.validity}:{one.uid}", ident, one.size, one.received_at or datetime.now(UTC))
                    for one, ident in sightings
                ],
            )
            outlines = [one for one in outlines if f"{folder.validity}:{one.uid}" in unknown]
        # What was too old to be read is unknown for that reason.
        outlines = [one for one in outlines if one.received_at is None or one.received_at.date() >= since]
        return sorted(outlines, key=lambda one: one.uid)

    # Fetching.

    def _portions(self, folder: Folder, outlines: Sequence[Outline]) -> Iterator[Portion]:
        broke = {one.uid: self._broke.get(_identity(folder, one.uid), 0) for one in outlines} if self._broke else {}
        return portions(outlines, broke, self._settings.max_bytes)

    async def _ask(self, portion: Portion) -> Ticket | None:
        return None if portion.lost else await self._mailbox.ask_mails(portion.uids, headers=portion.too_large)

    async def _fetch(self, folder: Folder, portion: Portion, ticket: Ticket | None) -> list[Told]:
        """The mails of a portion that was asked for with *ticket*, ascending."""
        if ticket is None:
            (uid,) = portion.uids
            mail = f"{folder.validity}:{uid} in {folder.name}"
            reason = f"{self._settings.host} broke off {ATTEMPTS} times while it told this mail ({mail})"
            return [(uid, hub.Unreadable(b"", reason, datetime.now(UTC)))]
        try:
            mails = await self._mailbox.mails(ticket)
            if liars := [mail.uid for mail in mails if isinstance(mail.raw, TooLarge)]:
                headers = await self._mailbox.mails(await self._mailbox.ask_mails(liars, headers=True))
                large = {mail.uid: mail for mail in headers}
                mails = [large.get(mail.uid, mail) for mail in mails]
            else:
                large = {}
        except Unfetchable:
            # Each is asked for alone next time, until the guilty one is known.
            for uid in portion.uids:
                self._broke[_identity(folder, uid)] = self._broke.get(_identity(folder, uid), 0) + 1
            raise
        if self._broke:
            for uid in portion.uids:
                self._broke.pop(_identity(folder, uid), None)
        return [(one.uid, self._item(folder, one, portion.too_large or one.uid in large)) for one in mails]

    def _item(self, folder: Folder, mail: Mail, too_large: bool) -> hub.RawMail | hub.Unreadable:
        raw = mail.raw if isinstance(mail.raw, bytes) else b""
        received_at = mail.received_at or datetime.now(UTC)
        copy = hub.Copy(
            place=folder.name,
            provider_id=f"{folder.validity}:{mail.uid}",
            flags=mail.flags,
            level=self._settings.level,
            audience=self._settings.audience,
            labels=mail.labels,
        )
        if too_large:
            reason = f"larger than max_bytes = {self._settings.max_bytes}; only its headers are here"
            return hub.Unreadable(raw, reason, received_at, copy)
        return hub.RawMail(raw, copy, received_at)


def _identity(folder: Folder, uid: int) -> tuple[str, int, int]:
    return folder.name, folder.validity, uid
