"""Reads the folders of one mailbox: what is new at once, what lay there before in pieces between."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import groupby

import hub
from connectors.imap.mailbox import Folder, Mail, Unfetchable
from connectors.imap.portions import ATTEMPTS, Portion, portions
from connectors.imap.progress import Backfill, Place, Progress
from connectors.imap.session import Session
from connectors.imap.settings import ImapSettings

logger = logging.getLogger(__name__)

SIZES_AT_ONCE = 500

MISSED = timedelta(hours=1)
"""What came while we were away still alerts somebody when it is not older than this."""

MOVED = timedelta(days=1)
"""What appears while we listen and is older than this has been moved here from another folder, and alerts nobody."""


class Connector(hub.Connector):
    """A mailbox over IMAP4rev1 (RFC 3501), with IDLE (RFC 2177) where the server has it.

    The cursor is a JSON object: folder → UIDVALIDITY, last UID, and while old mail is still being read also the last
    UID of that, where it ends, and 1 if it is quiet. The first folder of the settings is watched by IDLE, the others
    are looked at every `poll_seconds`.
    """

    Settings = ImapSettings

    def __init__(self, settings: ImapSettings, setup: hub.Setup) -> None:
        self._settings = settings
        self._source = setup.name
        self._loan = setup.loan
        # Mails on which the connection broke, and how often: a server may fail on one mail, and would for ever.
        self._broke: dict[tuple[str, int, int], int] = {}

    async def listen(self, cursor: str | None) -> AsyncGenerator[hub.Arrival, None]:
        """Yields what the folders hold beyond *cursor*, then what comes.

        What lay in a folder when the source was first connected is backfill (`live` false), oldest first and not older
        than `since_days`. New mail overtakes it. Mail that came while nobody listened is live if it came within the
        last hour. Every arrival has the cursor after it, so that it can be resumed at each of them.
        """
        progress = self._progress(cursor)
        first, *others = self._settings.folders
        async with Session(self._settings, self._source, self._loan) as session:
            fresh = MISSED
            while True:
                # The watched folder last: it is then the one that is open.
                for name in (*others, first):
                    if name in others and not await self._has_news(session, name, progress):
                        continue
                    async with aclosing(self._read(session, name, progress, fresh)) as arrivals:
                        async for arrival in arrivals:
                            yield arrival
                fresh = MOVED
                await session.run(session.mailbox.wait, poll=bool(others))

    async def freshness(self, cursor: str | None) -> hub.Freshness:
        """How many mails the folders hold beyond *cursor*, and the age of the oldest by the server's INTERNALDATE."""
        progress = self._progress(cursor)
        messages = 0
        oldest = now = datetime.now(UTC)
        async with Session(self._settings, self._source, self._loan) as session:
            for name in self._settings.folders:
                if not await self._has_news(session, name, progress):
                    continue
                folder = await session.run(session.mailbox.examine, name)
                place = self._place(folder, progress.get(name))
                uids = await self._unread(session, place)
                messages += len(uids)
                if uids:
                    received_at = await session.run(session.mailbox.received_at, uids[0])
                    oldest = oldest if received_at is None else min(oldest, received_at)
        return hub.Freshness(messages, (now - oldest).total_seconds())

    def _progress(self, cursor: str | None) -> Progress:
        try:
            return Progress.read(cursor)
        except ValueError:
            logger.warning("%s: the cursor cannot be read, so the mailbox is read again from the start", self._source)
            return Progress()

    def _place(self, folder: Folder, known: Place | None) -> Place:
        if known is not None and known.validity == folder.validity:
            return known
        # The folder is new to us, or its numbering is: the core knows each mail that it has seen by its Message-ID.
        until = folder.next_uid - 1
        return Place(folder.validity, until, Backfill(0, until, quiet=known is None) if until else None)

    async def _has_news(self, session: Session, name: str, progress: Progress) -> bool:
        place = progress.get(name)
        if place is None or place.backfill is not None:
            return True
        folder = await session.run(session.mailbox.status, name)
        return folder.validity != place.validity or folder.next_uid > place.uid + 1

    async def _unread(self, session: Session, place: Place) -> list[int]:
        new = await session.run(session.mailbox.search, place.uid)
        return [*await self._old(session, place.backfill), *new] if place.backfill else new

    async def _old(self, session: Session, backfill: Backfill) -> list[int]:
        since: date = (datetime.now(UTC) - timedelta(days=self._settings.since_days)).date()
        return await session.run(session.mailbox.search, backfill.after, backfill.until, since)

    async def _read(
        self, session: Session, name: str, progress: Progress, fresh: timedelta
    ) -> AsyncGenerator[hub.Arrival, None]:
        """All that is unread in one folder, in which *progress* goes on; new mail younger than *fresh* is live."""
        folder = await session.run(session.mailbox.examine, name)
        place = self._place(folder, progress.get(name))
        if place != progress.get(name):
            progress.set(name, place)
            # Where the new begins must not be forgotten, even if nothing comes for a long time.
            yield hub.Arrival((), str(progress), live=False)
        old = await self._old(session, place.backfill) if place.backfill else []
        planned: list[Portion] = []
        while True:
            if new := await session.run(session.mailbox.search, progress[name].uid):
                for portion in await self._portions(session, folder, new[:SIZES_AT_ONCE]):
                    for arrival in await self._arrivals(session, folder, progress, portion, fresh):
                        yield arrival
                continue
            if old and not planned:
                planned = await self._portions(session, folder, old[:SIZES_AT_ONCE])
                del old[:SIZES_AT_ONCE]
            if not planned:
                break
            for arrival in await self._arrivals(session, folder, progress, planned.pop(0), None):
                yield arrival
        if place.backfill:
            progress.set(name, replace(progress[name], backfill=None))
            yield hub.Arrival((), str(progress), live=False)

    async def _portions(self, session: Session, folder: Folder, uids: Sequence[int]) -> list[Portion]:
        sizes = await session.run(session.mailbox.sizes, uids)
        broke = {uid: self._broke.get(_identity(folder, uid), 0) for uid in uids}
        return list(portions(uids, sizes, broke, self._settings.max_bytes))

    async def _arrivals(
        self, session: Session, folder: Folder, progress: Progress, portion: Portion, fresh: timedelta | None
    ) -> list[hub.Arrival]:
        """A portion of new mail, or where *fresh* is `None` of old: an arrival for each run of (not) live mails."""
        told = await self._fetch(session, folder, portion)
        old = fresh is None
        backfill = progress[folder.name].backfill
        quiet = old and backfill is not None and backfill.quiet
        live_from = datetime.now(UTC) - (fresh or MISSED)
        arrivals = []
        for live, run in groupby(told, key=lambda one: not quiet and one[1].received_at >= live_from):
            uids, items = zip(*run, strict=True)
            progress.advance(folder.name, uids[-1], old=old)
            arrivals.append(hub.Arrival(items, str(progress), live))
        # Beyond those that were deleted under our hands, too.
        progress.advance(folder.name, portion.uids[-1], old=old)
        return arrivals

    async def _fetch(
        self, session: Session, folder: Folder, portion: Portion
    ) -> list[tuple[int, hub.RawMail | hub.Unreadable]]:
        if portion.lost:
            (uid,) = portion.uids
            mail = f"{folder.validity}:{uid} in {folder.name}"
            reason = f"{self._settings.host} broke off {ATTEMPTS} times while it told this mail ({mail})"
            return [(uid, hub.Unreadable(b"", reason, datetime.now(UTC)))]
        try:
            mails = await session.run(session.mailbox.mails, portion.uids, "HEADER" if portion.too_large else "")
        except Unfetchable:
            # Each is asked for alone next time, until the guilty one is known.
            for uid in portion.uids:
                self._broke[_identity(folder, uid)] = self._broke.get(_identity(folder, uid), 0) + 1
            raise
        for uid in portion.uids:
            self._broke.pop(_identity(folder, uid), None)
        if portion.too_large:
            reason = f"larger than max_bytes = {self._settings.max_bytes}; only its headers are here"
            return [(mail.uid, hub.Unreadable(mail.raw, reason, _date(mail))) for mail in mails]
        return [(mail.uid, self._raw_mail(folder, mail)) for mail in mails]

    def _raw_mail(self, folder: Folder, mail: Mail) -> hub.RawMail:
        return hub.RawMail(
            mail.raw,
            hub.Copy(
                place=folder.name,
                provider_id=f"{folder.validity}:{mail.uid}",
                flags=mail.flags,
                level=self._settings.level,
                audience=self._settings.audience,
            ),
            _date(mail),
        )


def _date(mail: Mail) -> datetime:
    return mail.received_at or datetime.now(UTC)


def _identity(folder: Folder, uid: int) -> tuple[str, int, int]:
    return folder.name, folder.validity, uid
