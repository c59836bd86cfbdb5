"""A small firm that can be booked: Ada and Ben, whose calendars tests look into."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hub.booking.bookings import Bookings
from hub.booking.catalogue import Catalogue
from hub.booking.choosing import Choice, Slot
from hub.booking.explain import Taken
from hub.booking.following import Following
from hub.booking.means import Means, Secrets
from hub.booking.rules import AgentBusy
from hub.booking.slots import Slots
from hub.booking.states import Held, Invitee
from hub.config import load
from hub.privacy.visibility import Actor, Authority
from tests.fakes.diary import Diary
from tests.hub.core import Core

ADA = Actor("ada", Authority.AGENT, "ada")
BEN = Actor("ben", Authority.AGENT, "ben")
LI_NA = Invitee(name="Li Na", mail="Li.Na@customer.example", phone="030 987654")

CONFIG = """
[hub]
public_url = "https://hub.example.org"
timezone = "Europe/Berlin"
region = "DE"

[agents.ada]
name = "Ada"
handles = ["mailto:ada@example.org"]

[agents.ben]
name = "Ben"
handles = ["mailto:ben@example.org"]

[sources.ada-diary]
provider = "caldav"
agents = ["ada"]
url = "http://127.0.0.1:1/ada/"
username = "ada"
password = "file:password"

[sources.ben-diary]
provider = "caldav"
agents = ["ben"]
url = "http://127.0.0.1:1/ben/"
username = "ben"
password = "file:password"

[event_types.intro]
title = "Introduction"
durations = [30]
hosts = ["ada"]
notice = 0
window_days = 365

[event_types.careful]
title = "Consultation"
durations = [30]
hosts = ["ada"]
notice = 0
approval = true

[event_types.buffered]
title = "Visit"
durations = [30]
hosts = ["ada"]
notice = 0
buffer_before = 10
buffer_after = 15

[event_types.either]
title = "Sales"
durations = [30]
hosts = ["ada", "ben"]
assign = "round-robin"
notice = 0

[event_types.both]
title = "Review"
durations = [60]
hosts = ["ada", "ben"]
assign = "collective"
notice = 0

[event_types.course]
title = "Course"
durations = [30]
hosts = ["ada"]
seats = 3
notice = 0
"""


@dataclass(frozen=True)
class Blind:
    """Offers every time at every minute, taken or not: what is promised must not depend on what is offered."""

    hosts: Mapping[str, tuple[tuple[str, ...], ...]]

    async def at(
        self, slug: str, duration: int, starts_at: datetime, *, without: int | None = None, host: str = ""
    ) -> Slot | None:
        return Slot(starts_at, starts_at + timedelta(minutes=duration), self.hosts[slug], 1)

    async def nearest(
        self, slug: str, duration: int, moment: datetime, count: int = 3, *, without: int | None = None, host: str = ""
    ) -> Sequence[Slot]:
        starts = [moment + timedelta(hours=hours) for hours in range(1, count + 1)]
        return [Slot(at, at + timedelta(minutes=duration), self.hosts[slug], 1) for at in starts]

    async def choose(self, slug: str, slot: Slot, *, contact_id: int | None = None, mail: str = "") -> Choice:
        return Choice(slot.hosts[0], slot.hosts[0][0], ({"code": "first", "agent": slot.hosts[0][0]},))


class Nothing:
    """What is known where nobody has a calendar."""

    async def busy(self, agents: Sequence[str], since: datetime, until: datetime) -> dict[str, AgentBusy]:
        return {}

    async def taking(self, agent: str, since: datetime, until: datetime, *, reader: str = "") -> Sequence[Taken]:
        return ()


@dataclass(frozen=True)
class Office:
    """The firm's hub, with the diaries that its calendars are."""

    core: Core
    bookings: Bookings
    diaries: dict[str, Diary]

    @property
    def ada(self) -> Diary:
        return self.diaries["ada-diary"]

    @property
    def ben(self) -> Diary:
        return self.diaries["ben-diary"]

    async def hold(self, starts_at: datetime, slug: str = "intro", duration: int = 30, **more: Any) -> Held:
        return await self.bookings.hold(slug, starts_at, duration, zone="Europe/Berlin", language="en", **more)


@asynccontextmanager
async def open_office(core: Core, folder: Path, *, blind: bool = True) -> AsyncIterator[Office]:
    """The office on *core*; its keeper does not run until `bookings` is entered. Unless it is *blind* it offers what
    the rules say."""
    path = folder / "config.toml"
    secret = folder / "secret"
    secret.write_text("a-word-for-tests-alone")
    path.write_text(CONFIG.replace("file:password", f"file:{secret}"))
    config = load(path)
    assert not config.problems, config.problems
    hosts = {
        slug: ((tuple(spec.hosts),) if spec.assign == "collective" else tuple((host,) for host in spec.hosts))
        for slug, spec in config.booking.types.items()
    }
    diaries = {"ada-diary": Diary(), "ben-diary": Diary()}
    catalogue = Catalogue(core.store, config)
    following = Following(config, catalogue, core.store.ids)
    means = Means(
        config=config,
        store=core.store,
        ingest=core.ingest,
        live=core.live,
        catalogue=catalogue,
        slots=Blind(hosts) if blind else Slots(core.store, config, catalogue, Nothing()),
        calendars=None,
        ways=diaries,
        secrets=Secrets("0" * 64),
        following=following,
    )
    yield Office(core, Bookings(means), diaries)


def tomorrow(hour: int = 10, minute: int = 0, days: int = 1) -> datetime:
    """That time of day in some *days*, UTC."""
    day = datetime.now(UTC).replace(hour=hour, minute=minute, second=0, microsecond=0)
    return day + timedelta(days=days)
