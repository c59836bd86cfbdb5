"""The mailroom: raw mails become events, in worker processes.

Parsing is the one heavy computation of the hub. In processes of their own it cannot hold up a ringing phone, and a mail
that crashes or hangs a parser costs that worker, not the hub: the mail goes to quarantine and the next one is opened.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from typing import TypeVar

from hub.contracts import Unavailable
from hub.understanding import Guide, Opened, forbidden, understand
from hub.vocabulary import Message, RawMail, Unreadable

T = TypeVar("T")
CHUNK = 16
SECONDS_FOR_CHUNK = 60
SECONDS_FOR_MAIL = 20

_guide = Guide()


class Crashed(Exception):
    """What was to be computed "took too long" or "crashed" its worker: which of the two is the text."""


def _begin(guide: Guide) -> None:
    """In a new worker: it leaves Ctrl-C to the hub, yields to it, ends with it, and knows what to go by."""
    global _guide
    _guide = guide
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        os.nice(5)
    threading.Thread(target=_end_with_hub, name="end-with-hub", daemon=True).start()


def _end_with_hub() -> None:
    """Of a hub that was killed nobody else hears here: each worker holds the queue's own writing end open."""
    hub = multiprocessing.parent_process()
    if hub is not None:
        hub.join()
        os._exit(1)


def _understand_all(source: str, letters: Sequence[RawMail]) -> list[Opened | Unreadable]:
    return [understand(source, letter, _guide) for letter in letters]


class Mailroom:
    """Opens mails in *workers* processes, which start with the first mail. An async context manager."""

    def __init__(self, guide: Guide, workers: int | None = None) -> None:
        self._guide = guide
        self._workers = workers or max(1, min(4, (os.cpu_count() or 2) - 1))
        self._pool: ProcessPoolExecutor | None = None

    async def __aenter__(self) -> Mailroom:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the workers, whatever they do."""
        self._discard()

    async def forbids(self, letter: Unreadable) -> bool:
        """Whether nothing may be kept of a mail that its connector could not hand over whole."""
        copy = letter.copy
        return copy is not None and await asyncio.to_thread(forbidden, letter.raw, copy, self._guide.rules)

    async def open(self, source: str, letters: Sequence[RawMail]) -> list[Opened | Unreadable]:
        """One answer for each of *letters*, in their order; a bad mail is an answer. Raises `Unavailable` where no
        parser can be started."""
        chunks = [letters[start : start + CHUNK] for start in range(0, len(letters), CHUNK)]
        answers = await asyncio.gather(*(self._open(source, chunk, SECONDS_FOR_CHUNK) for chunk in chunks))
        return [opened for answer in answers for opened in answer]

    async def compute(self, work: Callable[..., T], *args: object, seconds: float) -> T:
        """What the module's function *work* answers to *args*, in a worker. Raises `Crashed` where it took longer than
        *seconds* or did not survive it, `Unavailable` where no worker can be started, and what *work* raises."""
        why = ""
        for _ in range(2):  # the first time it may be somebody else's work that ended the workers
            pool = self._pool or self._start()
            try:
                async with asyncio.timeout(seconds):
                    return await asyncio.get_running_loop().run_in_executor(pool, work, *args)
            except TimeoutError:
                why = "took too long"
            except BrokenProcessPool:
                why = "crashed"
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if self._pool is pool or (task is not None and task.cancelling()):
                    raise
                continue  # the workers were ended while it still waited for one
            if self._pool is pool:
                self._discard()
            await self._prove()
            if why == "took too long":
                break
        raise Crashed(why or "crashed")

    async def _open(self, source: str, letters: Sequence[RawMail], seconds: float) -> list[Opened | Unreadable]:
        pool = self._pool or self._start()
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(seconds):
                opened = await loop.run_in_executor(pool, _understand_all, source, letters)
        except (TimeoutError, BrokenProcessPool) as error:
            if self._pool is pool:
                self._discard()
            if len(letters) > 1:  # one of them did it: each gets a chance of its own
                alone = [await self._open(source, [letter], SECONDS_FOR_MAIL) for letter in letters]
                return [each for answer in alone for each in answer]
            await self._prove()
            how = "took too long" if isinstance(error, TimeoutError) else "crashed"
            return [Unreadable(letters[0].raw, f"the parser {how} on this mail", letters[0].received_at)]
        return [_with_raw(each, letter) for each, letter in zip(opened, letters, strict=True)]

    async def _prove(self) -> None:
        """Raises `Unavailable` where no worker can even start: then it is not the mail's fault."""
        pool = self._pool or self._start()
        try:
            async with asyncio.timeout(SECONDS_FOR_CHUNK):
                await asyncio.get_running_loop().run_in_executor(pool, _understand_all, "", ())
        except (TimeoutError, BrokenProcessPool) as error:
            self._discard()
            raise Unavailable("mails cannot be opened: the parser processes do not start") from error

    def _start(self) -> ProcessPoolExecutor:
        # A clean process imports the parsers once; each worker after that begins as a copy of it.
        workshop = multiprocessing.get_context("forkserver")
        workshop.set_forkserver_preload([__name__])
        self._pool = ProcessPoolExecutor(self._workers, workshop, initializer=_begin, initargs=(self._guide,))
        return self._pool

    def _discard(self) -> None:
        pool, self._pool = self._pool, None
        if pool is None:
            return
        workers = list((pool._processes or {}).values())  # the executor has no public way to end a worker that hangs
        pool.shutdown(wait=False, cancel_futures=True)
        for worker in workers:
            worker.kill()


def _with_raw(opened: Opened | Unreadable, letter: RawMail) -> Opened | Unreadable:
    """The worker sends back what it understood; the bytes, where they are to be kept, are added here."""
    if not isinstance(opened, Opened) or opened.event is None:
        return opened
    facts = opened.event.facts
    if not isinstance(facts, Message) or facts.raw is None:
        return opened
    return replace(opened, event=replace(opened.event, raw=letter.raw))
