"""Files of mails and meetings, taken in as backfill: nobody is alerted, and what is known already stays as it is."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.formats import ics, mailfiles
from hub.formats.mailfiles import FileKind, FileMail
from hub.meetings import event_of
from hub.operation import Failure, Progress
from hub.registry import nearest
from hub.service import Service
from hub.store.schema import quarantine
from hub.vocabulary import Copy, Level, RawMail

AT_ONCE = 64
BYTES_AT_ONCE = 4 << 20
UNDER_WAY = 3
"""Portions of mails that are parsed and recorded at the same time."""


async def ingest(service: Service, args: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """`ingest`: {paths, source, level, audience} → {mails, meetings, quarantined, failed: [why, …]}.

    *paths* are files and folders of this machine. *level* and *audience* say who may read what is in them; "" is what
    the source's own settings say, else all and everyone. Progress is {bytes, of, mails, meetings}. Raises `Failure`,
    and `Unavailable` where the store takes no more: what was told by then is recorded, and may be taken in again.
    """
    copy = _copy(service, args["source"], args["level"], args["audience"])
    intake = _Intake(service, args["source"], copy, progress)
    before = await service.store.read(intake.quarantined)
    await intake.survey([Path(path) for path in args["paths"]])
    for path, kind in intake.kinds.items():
        if kind is FileKind.ICS:
            await intake.calendar(path)
        else:
            await intake.mails_of(path)
    after = await service.store.read(intake.quarantined)
    return {
        "mails": intake.mails,
        "meetings": intake.meetings,
        "quarantined": after - before,
        "failed": intake.failed,
    }


@dataclass(slots=True)
class _Intake:
    """One run: what there is, and what of it is recorded so far."""

    service: Service
    source: str
    copy: Copy
    progress: Progress
    kinds: dict[Path, FileKind] = field(default_factory=dict)
    sizes: dict[Path, int] = field(default_factory=dict)
    bytes: int = 0
    mails: int = 0
    meetings: int = 0
    failed: list[str] = field(default_factory=list)

    async def survey(self, paths: Sequence[Path]) -> None:
        """What each of *paths* is, and how much."""
        for path in paths:
            try:
                kind = await asyncio.to_thread(mailfiles.kind, path)
                measure = _file_size if kind is FileKind.ICS else mailfiles.size
                self.sizes[path] = await asyncio.to_thread(measure, path)
            except ValueError as error:
                self.failed.append(str(error))
            else:
                self.kinds[path] = kind

    async def mails_of(self, path: Path) -> None:
        """Record every mail in *path*."""
        began, found = self.bytes, mailfiles.mails(path)
        slots, errors = asyncio.Semaphore(UNDER_WAY), list[Exception]()

        async def record(portion: Sequence[FileMail]) -> None:
            try:
                await self.service.ingest.record(self.source, [self._letter(each) for each in portion], live=False)
                self.mails += len(portion)
                await self._tell(max(self.bytes, began + portion[-1].position))
            except Exception as error:  # raised below, once the others are done
                errors.append(error)
            finally:
                slots.release()

        async with asyncio.TaskGroup() as group:
            while not errors:
                await slots.acquire()
                portion, why = await asyncio.to_thread(_portion, found)
                if portion:
                    group.create_task(record(portion))
                if why:
                    self.failed.append(why)
                if why or not portion:
                    break
        if errors:
            raise errors[0]
        await self._tell(began + self.sizes[path])

    async def calendar(self, path: Path) -> None:
        """Record every meeting in *path*."""
        zone = ZoneInfo(self.service.config.timezone)
        try:
            said = await asyncio.to_thread(lambda: ics.events(path.read_bytes(), zone))
        except ics.Unreadable as error:
            self.failed.append(f"{path}: {error}")
            return
        events = [event_of(each, self.copy, self.service.config.region) for each in said]
        known = [event for event in events if event is not None]
        for start in range(0, len(known), AT_ONCE):
            await self.service.ingest.record(self.source, known[start : start + AT_ONCE], live=False)
        self.meetings += len(known)
        await self._tell(self.bytes + self.sizes[path])

    def quarantined(self, conn: Connection) -> int:
        """How many things of the source lie in quarantine."""
        statement = sa.select(sa.func.count()).select_from(quarantine).where(quarantine.c.source == self.source)
        return conn.execute(statement).scalar_one()

    async def _tell(self, position: int) -> None:
        self.bytes = position
        whole = sum(self.sizes.values())
        await self.progress({"bytes": position, "of": whole, "mails": self.mails, "meetings": self.meetings})

    def _letter(self, mail: FileMail) -> RawMail:
        copy = Copy(mail.place, mail.provider_id, mail.flags, self.copy.level, self.copy.audience)
        return RawMail(mail.raw, copy, mail.received_at or datetime.now(UTC))


def _portion(found: Iterator[FileMail]) -> tuple[list[FileMail], str]:
    """The next mails, and why there can be no more after them, if that is an error."""
    taken: list[FileMail] = []
    size = 0
    try:
        for mail in found:
            taken.append(mail)
            size += len(mail.raw)
            if len(taken) == AT_ONCE or size >= BYTES_AT_ONCE:
                break
    except ValueError as error:
        return taken, str(error)
    return taken, ""


def _file_size(path: Path) -> int:
    return path.stat().st_size


def _copy(service: Service, source: str, level: str, audience: str) -> Copy:
    """Who may read what is taken in: as asked for, else as the source's settings say."""
    config = service.config.sources.get(source)
    settings: Mapping[str, Any] = config.settings if config is not None else {}
    audience = audience or settings.get("audience", "")
    agents = service.config.agents
    if audience and audience not in agents:
        guess = nearest(audience, agents)
        raise Failure(f'There is no agent "{audience}". ' + (f'Did you mean "{guess}"?' if guess else ""))
    return Copy(level=Level(level or settings.get("level", Level.ALL)), audience=audience)
