"""A calendar in memory that tests may hold up, take away, and write into as its owner would."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count

from hub import Appointment, Busy, Calendar, Conflict, Kept, Settings, Unavailable


@dataclass
class Diary(Calendar):
    """What lies in it by provider's id, and how it behaves. *names_itself*: it gives every event a UID of its own, as
    some providers do. *silent*: it keeps to itself where an event lies, as free/busy answers do."""

    tells: bool = False
    names_itself: bool = False
    silent: bool = False
    away: bool = False
    unheard: bool = False
    events: dict[str, Appointment] = field(default_factory=dict)
    etags: dict[str, str] = field(default_factory=dict)
    foreign: list[Busy] = field(default_factory=list)
    puts: list[Appointment] = field(default_factory=list)
    deletes: int = 0
    open: asyncio.Event = field(default_factory=asyncio.Event)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    writing: asyncio.Event = field(default_factory=asyncio.Event)
    _numbers: count[int] = field(default_factory=count)

    Settings = Settings

    def __post_init__(self) -> None:
        self.open.set()

    @property
    def notifies(self) -> bool:
        return self.tells

    async def busy(self, since: datetime, until: datetime) -> Sequence[Busy]:
        self.asked.set()
        self._there()
        mine = [Busy(e.starts_at, e.ends_at, "" if self.silent else e.uid) for e in self.events.values()]
        return [each for each in [*self.foreign, *mine] if each.starts_at < until and each.ends_at > since]

    async def put(self, appointment: Appointment, kept: Kept | None) -> Kept:
        self.writing.set()
        await self.open.wait()
        self._there()
        id = kept.provider_id if kept else f"{appointment.uid}.ics"
        if kept is not None and self.etags.get(id) != kept.etag:
            raise Conflict("It was changed there.")
        uid = appointment.uid
        if self.names_itself:
            uid = kept.uid if kept else f"their-{appointment.uid}"
        self.puts.append(appointment)
        self.events[id] = appointment
        self.etags[id] = f'"{next(self._numbers)}"'
        if self.unheard:
            raise TimeoutError
        return Kept("diary", id, self.etags[id], uid)

    async def delete(self, kept: Kept) -> None:
        self._there()
        self.deletes += 1
        self.events.pop(kept.provider_id, None)
        self.etags.pop(kept.provider_id, None)

    def _there(self) -> None:
        if self.away:
            raise Unavailable("The calendar is away.")
