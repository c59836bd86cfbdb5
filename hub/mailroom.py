"""The mailroom: raw mails become events, in worker processes.

Parsing is the one heavy computation of the hub. In processes of their own it cannot hold up a ringing phone, and a mail
that crashes or hangs a parser costs that worker, not the hub: the mail goes to quarantine and the next one is opened.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import re
import signal
import threading
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from hub.contracts import Unavailable
from hub.facts import content_key
from hub.formats import handles, mail
from hub.formats.digest import digest
from hub.formats.quotes import new_text
from hub.formats.search import terms
from hub.privacy.mail_rules import MailRules
from hub.vocabulary import Channel, Event, Level, Message, Participant, RawMail, Role, Unreadable

VERSION = 1
"""Of preview and indexed text: raise it when the same mail would give others."""

CHUNK = 16
SECONDS_FOR_CHUNK = 60
SECONDS_FOR_MAIL = 20
PREVIEW = 300
PREVIEW_FROM = 1500  # characters of the text in which the first words are looked for
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
_ADDRESS = re.compile(rb"[^\s<>\"',;:()]+@[^\s<>\"',;:()]+")


@dataclass(frozen=True, slots=True)
class Opened:
    """A mail that was understood, and the hash of its bytes. *event* is `None` where nothing may be recorded."""

    event: Event | None
    blob: str


def understand(source: str, letter: RawMail, rules: MailRules) -> Opened | Unreadable:
    """What *letter* says, as far as *rules* and its copy's level allow. Pure."""
    blob = digest(letter.raw)
    try:
        parsed = mail.parse(letter.raw)
    except mail.Unreadable as error:
        if rules.never.covers(_addresses(letter.raw)) or rules.place(letter.copy).level is None:
            return Opened(None, blob)
        return Unreadable(letter.raw, str(error), letter.received_at)
    people = _participants(parsed)
    level = rules.decide((person.handle for person in people), letter.copy, parsed.headers).level
    if level is None:
        return Opened(None, blob)
    sent_at = parsed.date if _plausible(parsed.date, letter.received_at) else None
    facts = Message(
        participants=people,
        title=parsed.subject if level is not Level.METADATA else None,
        preview=" ".join(new_text(parsed.text[:PREVIEW_FROM]).split())[:PREVIEW] if level is Level.ALL else None,
        sent_at=sent_at,
        ident=parsed.message_id or None,
        thread=_thread(parsed),
        attachments=parsed.attachments if level is Level.ALL else None,
        raw=blob if level is Level.ALL else None,
        automatic=parsed.automatic,
        derived_by=VERSION,
    )
    copy = replace(letter.copy, level=level, size=len(letter.raw), received_at=letter.received_at)
    event = Event(
        key=f"mail:{parsed.message_id}" if parsed.message_id else content_key(facts, blob),
        id=f"{source}/{copy.place}/{copy.provider_id or blob}",
        channel=Channel.EMAIL,
        at=sent_at or letter.received_at,
        facts=facts,
        copy=copy,
        search=_searched(parsed, people, level),
    )
    return Opened(event, blob)


def _participants(parsed: mail.Mail) -> tuple[Participant, ...]:
    groups = (
        (Role.SENDER, parsed.sender),
        (Role.RECIPIENT, parsed.to),
        (Role.COPIED, parsed.cc),
        (Role.COPIED, parsed.bcc),
    )
    found: dict[tuple[str, Role], Participant] = {}
    for role, addresses in groups:
        for address in addresses:
            handle = handles.mail(address.address) or ""
            name = address.name or ("" if handle else address.address)
            found.setdefault((handle or name, role), Participant(handle, role, name))
    return tuple(found.values())


def _thread(parsed: mail.Mail) -> tuple[str, ...]:
    """References (RFC 5322, 3.6.4), oldest first, without the mail itself; In-Reply-To where it adds one."""
    wanted = (*parsed.references, *((parsed.in_reply_to,) if parsed.in_reply_to else ()))
    return tuple(ref for ref in dict.fromkeys(wanted) if ref != parsed.message_id)


def _plausible(date: datetime | None, received_at: datetime) -> bool:
    """False where the mail's own date is missing, from the future or from before there was mail."""
    return date is not None and EARLIEST < date < received_at + timedelta(days=1)


def _searched(parsed: mail.Mail, people: Sequence[Participant], level: Level) -> str:
    words = [f"{person.name} {person.handle.removeprefix('mailto:')}" for person in people]
    if level is not Level.METADATA:
        words.append(parsed.subject)
    if level is Level.ALL:
        words += [parsed.text, *(each.name for each in parsed.attachments)]
    return terms(" ".join(words))


def _addresses(raw: bytes) -> set[str]:
    """Whatever looks like an address in the headers of a mail that cannot be parsed."""
    head = raw[:65536].partition(b"\r\n\r\n")[0].partition(b"\n\n")[0]
    found = (handles.mail(match.decode("utf-8", "replace")) for match in _ADDRESS.findall(head))
    return {handle for handle in found if handle}


_rules = MailRules()


def _begin(rules: MailRules) -> None:
    """In a new worker: it leaves Ctrl-C to the hub, yields to it, ends with it, and knows what never to record."""
    global _rules
    _rules = rules
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
    return [understand(source, letter, _rules) for letter in letters]


class Mailroom:
    """Opens mails in *workers* processes, which start with the first mail. An async context manager."""

    def __init__(self, rules: MailRules, workers: int | None = None) -> None:
        self._rules = rules
        self._workers = workers or max(1, min(4, (os.cpu_count() or 2) - 1))
        self._pool: ProcessPoolExecutor | None = None

    async def __aenter__(self) -> Mailroom:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._discard()

    async def open(self, source: str, letters: Sequence[RawMail]) -> list[Opened | Unreadable]:
        """One answer for each of *letters*, in their order; a bad mail is an answer. Raises `Unavailable` where no
        parser can be started."""
        chunks = [letters[start : start + CHUNK] for start in range(0, len(letters), CHUNK)]
        answers = await asyncio.gather(*(self._open(source, chunk, SECONDS_FOR_CHUNK) for chunk in chunks))
        return [opened for answer in answers for opened in answer]

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
        self._pool = ProcessPoolExecutor(
            self._workers, multiprocessing.get_context("spawn"), initializer=_begin, initargs=(self._rules,)
        )
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
