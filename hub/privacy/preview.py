"""What would be recorded of a mailbox, and what not: read from the mailbox itself, and nothing of it is stored."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

from hub.contracts import Connector, Misconfigured
from hub.formats import handles, mail
from hub.service import mail_rules
from hub.sources import canary
from hub.understanding import Guide, Opened, understand
from hub.vocabulary import Arrival, Level, RawMail, Unreadable

if TYPE_CHECKING:
    from hub.config import Config, Lend

EXAMPLES = 5
"""Of each reason so many mails are remembered."""
QUIET_SECONDS = 60.0
"""A mailbox that says nothing for so long, though it has not said that it was read, has no more to say."""
SUBJECT = 80  # characters of an example's subject and of its sender


class Kept(StrEnum):
    """What would become of a mail."""

    WHOLE = "whole"
    SUBJECT = "subject"
    METADATA = "metadata"
    NOTHING = "nothing"
    QUARANTINE = "quarantine"


LEVEL = "level"
UNREADABLE = "unreadable"
CANARY = "canary"
"""Reasons beside those of `hub.privacy.mail_rules.Rule`: the source's own level, a mail that cannot be understood or is
too large, and a test mail of the hub itself."""

_KEPT: Mapping[Level | None, Kept] = MappingProxyType(
    {Level.ALL: Kept.WHOLE, Level.SUBJECT: Kept.SUBJECT, Level.METADATA: Kept.METADATA, None: Kept.NOTHING}
)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why mails of a folder are kept as they are: the *rule* ("" where none speaks) and *what* matched."""

    folder: str
    kept: Kept
    rule: str = ""
    what: str = ""


@dataclass(frozen=True, slots=True)
class Example:
    """One mail, for whoever owns the mailbox. *sender* and *subject* are shortened."""

    at: datetime
    sender: str
    subject: str


@dataclass(slots=True)
class Mails:
    """The mails of one reason."""

    count: int = 0
    examples: list[Example] = field(default_factory=list)


@dataclass(slots=True)
class Preview:
    """The mails since *since* by what would become of them. *complete* is false where the mailbox fell silent before
    it had told them all."""

    source: str
    since: datetime
    found: dict[Reason, Mails] = field(default_factory=dict)
    complete: bool = True

    @property
    def mails(self) -> int:
        """How many there are."""
        return sum(mails.count for mails in self.found.values())

    def totals(self) -> dict[Kept, int]:
        """How many mails would be kept how far."""
        return {kept: sum(m.count for reason, m in self.found.items() if reason.kept is kept) for kept in Kept}

    def add(self, reason: Reason, example: Example) -> None:
        """Count a mail."""
        mails = self.found.setdefault(reason, Mails())
        mails.count += 1
        if len(mails.examples) < EXAMPLES:
            mails.examples.append(example)


async def preview(
    config: Config, source: str, days: int, lend: Lend, tell: Callable[[int, int | None], None]
) -> Preview:
    """What the rules of *config* would keep of the mails of the last *days* in the mailbox *source*, over a connection
    of its own, with what *lend* lends it. *tell* hears how many of how many are read. Raises `Misconfigured` where it
    is no mailbox, and what its connector raises."""
    found = Preview(source, datetime.now(UTC) - timedelta(days=days))
    connector = _connector(config, source, days, lend)
    total = (await connector.freshness(None)).messages
    tell(0, total)
    if total == 0:
        return found
    guide = Guide(mail_rules(config), config.region, servers=config.inbox.authenticated_by)
    read, began = 0, False
    async with aclosing(connector.listen(None)) as arrivals:
        while True:
            try:
                async with asyncio.timeout(QUIET_SECONDS):
                    arrival = await anext(arrivals)
            except StopAsyncIteration:
                break
            except TimeoutError:
                found.complete = False
                break
            judged = await asyncio.to_thread(lambda heard: list(_judged(source, heard, guide)), arrival)
            for at, reason, example in judged:
                read += 1
                if at >= found.since:
                    found.add(reason, example)
            tell(read, total)
            began = began or arrival.backfill is not None
            if arrival.backfill is None and (began or (total is not None and read >= total)):
                break
    return found


def _connector(config: Config, source: str, days: int, lend: Lend) -> Connector:
    """The connector of *source*. One whose settings say how far back it reads is not asked for more than *days*."""
    known = config.sources[source]
    typed = {
        model: settings.model_copy(update={"since_days": min(days, settings.since_days)})
        if hasattr(settings, "since_days")
        else settings
        for model, settings in known.typed.items()
    }
    shorter = replace(known, typed=MappingProxyType(typed))
    plugins = replace(config, sources={source: shorter}).plugins(source, lend)
    if plugins.connector is None:
        raise Misconfigured(f"{source} is no mailbox: there is nothing in it that could be read before it comes")
    return plugins.connector


def _judged(source: str, arrival: Arrival, guide: Guide) -> Iterator[tuple[datetime, Reason, Example]]:
    for item in arrival.items:
        if isinstance(item, RawMail):
            yield item.received_at, *judge(source, item, guide)
        elif isinstance(item, Unreadable):
            reason = Reason("", Kept.QUARANTINE, UNREADABLE, item.reason)
            yield item.received_at, reason, _example(item.raw, item.received_at)


def judge(source: str, letter: RawMail, guide: Guide) -> tuple[Reason, Example]:
    """What the rules say of one mail, as `hub.understanding.understand` follows them. Pure."""
    place = letter.copy.place
    if canary.token(letter.raw):
        return Reason(place, Kept.NOTHING, CANARY), _example(letter.raw, letter.received_at)
    try:
        parsed = mail.parse(letter.raw)
    except mail.Unreadable as error:
        known = guide.rules.place(letter.copy)
        if known.level is None:
            reason = Reason(place, Kept.NOTHING, known.rule, known.what)
        elif isinstance(understand(source, letter, guide), Opened):
            reason = Reason(place, Kept.NOTHING, "never-log")
        else:
            reason = Reason(place, Kept.QUARANTINE, UNREADABLE, str(error))
        return reason, Example(letter.received_at, "", "")
    people = (
        handle
        for address in (*parsed.sender, *parsed.to, *parsed.cc, *parsed.bcc)
        if (handle := handles.mail(address.address))
    )
    decision = guide.rules.decide(people, letter.copy, parsed.headers)
    rule: str = decision.rule
    if not rule and decision.level is not Level.ALL:
        rule = LEVEL
    return Reason(place, _KEPT[decision.level], rule, decision.what), _shown(parsed, letter.received_at)


def _example(raw: bytes, received_at: datetime) -> Example:
    """The example that a mail is which perhaps cannot be read."""
    try:
        return _shown(mail.parse(raw), received_at)
    except mail.Unreadable:
        return Example(received_at, "", "")


def _shown(parsed: mail.Mail, received_at: datetime) -> Example:
    sender = next(iter(parsed.sender), mail.Address("", ""))
    written = f"{sender.name} <{sender.address}>" if sender.name else sender.address
    return Example(parsed.date or received_at, _short(written), _short(parsed.subject))


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= SUBJECT else f"{text[: SUBJECT - 1]}…"
