"""A mailbox as a source: one connection while it listens, and how far behind it is."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta

import hub
from connectors.imap.folders import choose
from connectors.imap.mailbox import Mailbox
from connectors.imap.progress import Progress
from connectors.imap.reading import Broke, Reading
from connectors.imap.session import opened
from connectors.imap.settings import ImapSettings

logger = logging.getLogger(__name__)

MEASURE_SECONDS = 300.0
"""So long the server's word about its numbers counts while it is connected and says nothing else."""


class Connector(hub.Connector):
    """A mailbox over IMAP4rev1 (RFC 3501), with whatever of IDLE, NOTIFY, CONDSTORE, QRESYNC and SPECIAL-USE the server
    has, over one connection and without a thread.

    The cursor is a JSON object: folder → UIDVALIDITY, last UID, last modification sequence, number of mails, and while
    old mail is still being read also up to which UID it is to come, how much is done of how much, and 1 if the hub had
    the folder under other numbers.
    """

    Settings = ImapSettings

    def __init__(self, settings: ImapSettings, setup: hub.Setup) -> None:
        self._settings = settings
        self._source = setup.name
        self._loan = setup.loan
        self._broke: Broke = {}
        self._reading: Reading | None = None

    async def listen(self, cursor: str | None) -> AsyncGenerator[hub.Arrival, None]:
        """Yields what the folders hold beyond *cursor*, then what comes, and what changes of what had come.

        What lay in a folder when it was first seen is backfill (`live` false), newest first and not older than
        `since_days`. New mail overtakes it. Mail that came while nobody listened is live if it came within the
        last hour. Every arrival has the cursor after it, so that it can be resumed at each of them.
        """
        progress = self._progress(cursor)
        async with opened(self._settings, self._source, self._loan) as mailbox:
            reading = self._reading = Reading(mailbox, self._settings, progress, self._loan, self._broke)
            try:
                async with aclosing(reading.run()) as arrivals:
                    async for arrival in arrivals:
                        yield arrival
            finally:
                self._reading = None

    async def freshness(self, cursor: str | None) -> hub.Freshness:
        """How many mails the folders hold beyond *cursor*, and the age of the oldest new one by the server's
        INTERNALDATE; the first reading counts among the mails and has no age.

        While somebody listens this is what that connection knows, and it asks the server where that is old; otherwise
        a connection is made for it.
        """
        progress = self._progress(cursor)
        if self._reading is not None:
            return await self._heard(self._reading, progress)
        async with opened(self._settings, self._source, self._loan) as mailbox:
            return await self._measured(mailbox, progress)

    async def wake(self, word: str = "") -> None:
        """Somebody says there is news: look at every folder."""
        if self._reading is not None:
            self._reading.look()

    def _progress(self, cursor: str | None) -> Progress:
        try:
            return Progress.read(cursor)
        except ValueError:
            logger.warning("%s: the cursor cannot be read, so the mailbox is read again from the start", self._source)
            return Progress()

    async def _heard(self, reading: Reading, progress: Progress) -> hub.Freshness:
        known = reading.known
        if time.monotonic() - known.measured > MEASURE_SECONDS:
            await reading.measure()
        while known.coming and (place := progress.get(known.coming[0][0])) and place.uid >= known.coming[0][1]:
            known.coming.popleft()
        messages, oldest = 0, None
        for name, next_uid in known.next_uid.items():
            place = progress.get(name)
            messages += max(0, next_uid - 1 - place.uid) if place else 0
        waiting = [at for name, uid, at in known.coming if (place := progress.get(name)) and place.uid < uid]
        if messages and waiting:
            oldest = max(0.0, (datetime.now(UTC) - min(waiting)).total_seconds())
        backfill = progress.backfill(progress.folders)
        old = backfill.total - backfill.done if backfill else 0
        return hub.Freshness(messages + old, oldest if messages else None if old else 0.0)

    async def _measured(self, mailbox: Mailbox, progress: Progress) -> hub.Freshness:
        settings = self._settings
        chosen = choose(await mailbox.folders(), settings.folders, settings.leave_out, labels=mailbox.quirks.labels)
        if chosen.missing:
            raise mailbox.missing(chosen.missing[0], [folder.name for folder in await mailbox.folders()])
        now = datetime.now(UTC)
        since = (now - timedelta(days=settings.since_days)).date()
        messages, oldest = 0, now
        for folder in await mailbox.status(chosen.names):
            place = progress.get(folder.name)
            left = place.backfill.left if place and place.backfill else 0
            if place and place.validity == folder.validity and folder.next_uid <= place.uid + 1 and not left:
                continue
            await mailbox.examine(folder.name)
            if place is None or place.validity != folder.validity:
                messages += len(await mailbox.search(1, folder.next_uid - 1, since))
                continue
            new = await mailbox.search(place.uid + 1, max(folder.next_uid - 1, place.uid + 1))
            messages += len(new) + len(await mailbox.search(1, left, since))
            for outline in await mailbox.outlines(new[:1]):
                oldest = min(oldest, outline.received_at or now)
        return hub.Freshness(messages, (now - oldest).total_seconds())
