"""Sends the letters that are due: per source a courier, who hands a letter to the source's sender, records what was
sent as the interaction it is, and sees to its copy in the mailbox.

A sender tries once and raises a verdict; here is decided what follows. Only `Rejected` and `Misconfigured` stop a
courier, until the hub is started again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Self

from sqlalchemy import Connection

from hub.contracts import Misconfigured, Rejected, Sender, Unavailable, Unsupported
from hub.courier import Courier, Pace, Status, fault, line
from hub.ingest import Ingest
from hub.letters import claims, drafts, letters, receipts
from hub.letters.claims import Claimed
from hub.letters.medium import Medium
from hub.live import Live, LiveEvent
from hub.sources.pace import Pace as Backoff
from hub.store import Lane, Store
from hub.vocabulary import Letter, Sent

log = logging.getLogger(__name__)

MOST_ATTEMPTS = 200
"""How often a letter is tried that the server does not take now: some days (RFC 5321, 4.5.4.1)."""

MOST_FILINGS = 20
"""How often it is tried to keep a copy of a letter that has long been sent."""

CLEANING_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class LettersPace(Pace):
    """As `Pace`; a large letter over a slow line takes minutes. *filing* is how long it may take to keep a copy,
    *again* how soon one letter is tried again."""

    answer: float = 300
    filing: float = 90
    claim: float = 420
    at_once: int = 2
    again: Backoff = field(default_factory=lambda: Backoff(first_delay=15, longest_delay=1800))


class Couriers:
    """`async with Couriers(...)` sends what is due at each source of *senders* until the end of the block, each letter
    as the one of *media* says that it names (`Claimed.medium`).

    Letters of a source that is not among them stay as they are.
    """

    def __init__(
        self,
        media: Mapping[str, Medium],
        store: Store,
        ingest: Ingest,
        live: Live,
        senders: Mapping[str, Sender],
        *,
        pace: LettersPace | None = None,
    ) -> None:
        self._store = store
        self._senders = senders
        self._pace = pace or LettersPace()
        self._couriers = {
            name: _Courier(name, sender, media, store, ingest, live, self._pace) for name, sender in senders.items()
        }
        self._news = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        if self._couriers:
            if self._store.dialect == "sqlite":
                await self._store.write(claims.forget_claims, Lane.BULK)
            self._tasks = [
                asyncio.create_task(self._watch(), name="letters"),
                asyncio.create_task(self._clean(), name="uploads"),
            ]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(courier.stop() for courier in self._couriers.values()))
        await asyncio.gather(*(sender.close() for sender in self._senders.values()), return_exceptions=True)

    def statuses(self) -> dict[str, Status]:
        """How sending from each source does, as this hub sees it."""
        return {name: courier.status for name, courier in self._couriers.items()}

    def resume(self, source: str) -> None:
        """Somebody says that sending from *source* may work now: try it, whatever stopped it."""
        if source in self._couriers:
            self._couriers[source].resume()
        self.look()

    def look(self) -> None:
        """Something is due now: do not wait for the next look."""
        self._news.set()

    async def _watch(self) -> None:
        """One look for all sources, however many there are: a mailbox from which nothing is sent costs nothing."""
        while True:
            for name in await self._due():
                if name in self._couriers:
                    self._couriers[name].go()
            self._news.clear()
            try:
                async with asyncio.timeout(self._pace.look):
                    await self._news.wait()
            except TimeoutError:
                continue

    async def _due(self) -> list[str]:
        try:
            return await self._store.read(claims.due_sources)
        except Unavailable as verdict:
            log.warning("letters: %s", verdict)
        except Exception:
            log.exception("letters: what is due cannot be read")
        return []

    async def _clean(self) -> None:
        """Forget what was called back long ago, and files that belong to nothing."""

        def work(conn: Connection) -> None:
            now = datetime.now(UTC)
            letters.tidy(conn, self._store.blobs, now)
            receipts.tidy(conn, now)
            drafts.clean(conn, self._store.blobs, now)

        while True:
            try:
                await self._store.write(work, Lane.BULK)
            except Unavailable as verdict:
                log.warning("letters: %s", verdict)
            except Exception:
                log.exception("letters: old ones cannot be cleaned away")
            await asyncio.sleep(CLEANING_SECONDS)


class _Courier(Courier):
    """Sends what is due from one source, a few letters at once."""

    def __init__(
        self,
        name: str,
        sender: Sender,
        media: Mapping[str, Medium],
        store: Store,
        ingest: Ingest,
        live: Live,
        pace: LettersPace,
    ) -> None:
        super().__init__(f"letters from {name}", store, pace, log)
        self._name = name
        self._sender = sender
        self._media = media
        self._ingest = ingest
        self._live = live
        self._again = pace.again
        self._filing = pace.filing
        self._run: asyncio.Task[None] | None = None

    def go(self) -> None:
        """Send what is due, unless that is under way, or this is no time for it."""
        if self.status.health.final or self._rest() or (self._run is not None and not self._run.done()):
            return
        self._run = asyncio.create_task(self._round(), name=f"letters {self._name}")
        self._run.add_done_callback(self._check)

    def resume(self) -> None:
        """Forget what went wrong."""
        self.status = Status()
        self._failures = 0
        self._resume_at = 0.0

    async def stop(self) -> None:
        """End. What is under way gets a moment to end well."""
        if self._run is not None:
            self._run.cancel()
            await asyncio.gather(self._run, return_exceptions=True)

    async def _round(self) -> None:
        under_way: set[asyncio.Task[None]] = set()
        try:
            while True:
                # What is under way goes to its end, whatever became of another letter meanwhile.
                resting = self.status.health.final or bool(self._rest())
                claimed = await self._claim(0 if resting else self._pace.at_once - len(under_way))
                under_way |= {asyncio.create_task(self._deliver(letter)) for letter in claimed}
                if not under_way:
                    return
                done, under_way = await asyncio.wait(
                    under_way, timeout=self._pace.look, return_when=asyncio.FIRST_COMPLETED
                )
                for task in done:
                    self._check(task)
        finally:
            if under_way:
                await asyncio.wait(under_way, timeout=self._pace.grace)
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    async def _claim(self, limit: int) -> list[Claimed]:
        if not limit:
            return []
        name, seconds = self._name, self._pace.claim
        try:
            if name not in await self._store.read(claims.due_sources):
                return []
            claimed, unheard = await self._store.write(lambda conn: claims.claim(conn, name, limit, seconds), Lane.BULK)
        except Unavailable as verdict:
            self._wait(str(verdict))
            return []
        for conversation_id in unheard:
            self._tell(conversation_id)
        return claimed

    async def _deliver(self, letter: Claimed) -> None:
        """Send one letter, or file it, and write down how that ended."""
        try:
            ready = await self._store.read(lambda conn: self._packed(conn, letter))
        except Unsupported as verdict:
            reason = line(str(verdict))
            await self._settle(lambda conn: claims.refused(conn, letter, reason))
            self._tell(letter.conversation_id)
            return
        except (Unavailable, OSError) as error:
            reason = line(str(error))
            await self._settle(lambda conn: claims.put_back(conn, letter, reason, count=False))
            self._wait(reason)
            return
        medium = self._media[letter.medium]
        if not letter.was_sent:
            sent, work = await self._send(letter, ready, medium)
            await self._settle(work)
            self._tell(letter.conversation_id)
            if sent is None:
                return
            letter = replace(letter, key=sent.key or letter.key, sent_at=datetime.now(UTC))
        await self._settle(await self._keep(letter, ready, medium))
        self._tell(letter.conversation_id)

    def _packed(self, conn: Connection, letter: Claimed) -> Letter:
        raw = self._store.blobs.read(conn, letter.blob)
        if raw is None:
            raise Unsupported("Its mail is not there any more.")
        return self._media[letter.medium].letter(conn, letter, raw)

    async def _send(
        self, letter: Claimed, ready: Letter, medium: Medium
    ) -> tuple[Sent | None, Callable[[Connection], None]]:
        """Try once. Answers what the provider says, None where it is not gone, and what to write down."""
        try:
            if obstacle := await self._store.read(lambda conn: medium.obstacle(conn, letter)):
                return None, lambda conn: claims.refused(conn, letter, obstacle)
            async with asyncio.timeout(self._pace.answer):
                sent = await self._sender.send(ready)
        except Unavailable as verdict:
            reason = self._wait(str(verdict), verdict.retry_after)
            if letter.attempts + 1 >= MOST_ATTEMPTS:
                return None, lambda conn: claims.refused(conn, letter, reason)
            wait = max(self._again.delay(letter.attempts + 1), verdict.retry_after or 0)
            return None, lambda conn: claims.put_back(conn, letter, reason, wait)
        except (Rejected, Misconfigured) as verdict:
            reason = self._stop(verdict)
            return None, lambda conn: claims.put_back(conn, letter, reason, count=False)
        except Unsupported as verdict:
            reason = line(str(verdict))
            log.warning("%s: letter/%s is not taken", self._called, letter.id)
            self._good()
            return None, lambda conn: claims.refused(conn, letter, reason)
        except TimeoutError:
            log.error("%s: letter/%s was perhaps sent, and is not sent again by itself", self._called, letter.id)
            self._wait("The server took a letter and did not answer.")
            return None, lambda conn: claims.unheard(conn, letter)
        except Exception as error:
            log.exception("%s: letter/%s cannot be sent", self._called, letter.id)
            self._wait(fault(error))
            return None, lambda conn: claims.unheard(conn, letter)
        self._good()
        new_id = self._store.ids

        def taken(conn: Connection) -> None:
            if claims.sent(conn, letter, sent.provider_id, sent.refused, new_id):
                medium.taken(conn, letter, sent)

        return sent, taken

    async def _keep(self, letter: Claimed, ready: Letter, medium: Medium) -> Callable[[Connection], None]:
        """Record what was sent and file it, both once however often it is done. Answers what to write down."""
        try:
            item = medium.recorded(letter, ready, letter.sent_at or datetime.now(UTC))
            await self._ingest.record(self._name, [item])
            async with asyncio.timeout(self._filing):
                await self._sender.file(replace(ready, key=letter.key))
        except (Rejected, Misconfigured, Unsupported) as verdict:
            reason = f"It was sent. No copy is kept in the mailbox: {line(str(verdict))}"
            log.warning("%s: letter/%s is not filed", self._called, letter.id)
            return lambda conn: claims.filed(conn, letter, reason)
        except Exception as error:
            known = isinstance(error, Unavailable | TimeoutError)
            if not known:
                log.exception("%s: letter/%s cannot be filed", self._called, letter.id)
            reason = line(str(error)) if known else fault(error)
            if letter.attempts + 1 >= MOST_FILINGS and letter.was_sent:
                reason = f"It was sent. No copy is kept in the mailbox: {reason}"
                return lambda conn: claims.filed(conn, letter, reason)
            wait = self._again.delay(letter.attempts + 1)
            return lambda conn: claims.put_back(conn, letter, "", wait)

        def filed(conn: Connection) -> None:
            claims.filed(conn, letter)
            medium.filed(conn, letter)

        return filed

    def _tell(self, conversation_id: int) -> None:
        self._live.publish([LiveEvent("activity", {"conversations": [str(conversation_id)]})])
