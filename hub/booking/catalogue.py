"""What can be booked: the event types of the config file and those made on a page, and the forms that lead to them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
import sqlalchemy as sa
from pydantic import ValidationError
from sqlalchemy import Connection

from hub import audit
from hub.booking.types import EventType, Form
from hub.config import Config
from hub.config_values import complaints, toml_path, unknown
from hub.crm.records import Unknown, insert
from hub.privacy.visibility import Actor
from hub.store import Store
from hub.store.schema import event_types

_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True)
class Listed:
    """An event type at its *slug*. *version* grows with each change on a page; it is 0 for those of the config file,
    which no page changes."""

    slug: str
    event_type: EventType
    version: int = 0
    archived: bool = False

    @property
    def in_file(self) -> bool:
        """Whether it stands in the config file."""
        return self.version == 0


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong at *path* (`hosts[0]`) of an event type."""

    path: str
    text: str


class Wrong(ValueError):
    """The event type cannot be as it is written; nothing was changed."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(f"{each.path}: {each.text}" for each in problems))
        self.problems = problems


class Changed(Exception):
    """Somebody else changed the event type meanwhile; nothing was changed. *current* is how it stands now."""

    def __init__(self, current: Listed) -> None:
        super().__init__(f"the event type {current.slug} is at version {current.version}")
        self.current = current


class SlugTaken(Exception):
    """There is, or was, an event type of this slug."""


class InTheFile(Exception):
    """It stands in the config file: it is changed there."""


class Catalogue:
    """The event types and forms of one hub."""

    def __init__(self, store: Store, config: Config) -> None:
        self._store = store
        self._config = config

    @property
    def forms(self) -> Mapping[str, Form]:
        """The forms of the config file, by slug."""
        return self._config.booking.forms

    async def get(self, slug: str) -> EventType | None:
        """The event type of that slug; None where there is none, or it is archived."""
        found = await self.find(slug)
        return None if found is None or found.archived else found.event_type

    async def find(self, slug: str) -> Listed | None:
        """The same with its version, archived or not."""
        if slug in self._config.booking.types:
            return Listed(slug, self._config.booking.types[slug])
        return await self._store.read(lambda conn: self.find_in(conn, slug))

    def find_in(self, conn: Connection, slug: str) -> Listed | None:
        """The same, inside a transaction."""
        if slug in self._config.booking.types:
            return Listed(slug, self._config.booking.types[slug])
        row = conn.execute(sa.select(event_types).where(event_types.c.slug == slug)).one_or_none()
        return None if row is None else _listed(row)

    async def listed(self, team: str = "", *, archived: bool = False) -> tuple[Listed, ...]:
        """All of them, or those of one *team*, by title; *archived* ones only where they are asked for."""
        made = sa.select(event_types) if archived else sa.select(event_types).where(~event_types.c.archived)
        rows = await self._store.read(lambda conn: [_listed(row) for row in conn.execute(made)])
        written = self._config.booking.types
        found = [Listed(slug, each) for slug, each in written.items()]
        found += [each for each in rows if each.slug not in written]
        chosen = [each for each in found if not team or each.event_type.team == team]
        return tuple(sorted(chosen, key=lambda each: (each.event_type.title.casefold(), each.slug)))

    def read(self, spec: Mapping[str, Any]) -> EventType:
        """An event type as a page or the API wrote it. Raises `Wrong`, with the path of every field that is wrong."""
        try:
            found = EventType.model_validate_json(orjson.dumps(spec))
        except (TypeError, orjson.JSONEncodeError) as error:
            raise Wrong((Problem("", "It cannot be written as JSON."),)) from error
        except ValidationError as error:
            told = complaints(error, EventType, EventType.model_fields)
            raise Wrong(tuple(Problem(toml_path("", loc).removeprefix("."), text) for loc, text in told)) from error
        config = self._config
        wrong = [
            Problem(f"hosts[{place}]", unknown(host, config.agents, "agent"))
            for place, host in enumerate(found.hosts)
            if host not in config.agents
        ]
        if found.hours and found.hours not in config.telephony.hours:
            wrong.append(Problem("hours", unknown(found.hours, config.telephony.hours, "hours")))
        if found.team and found.team not in config.teams:
            wrong.append(Problem("team", unknown(found.team, config.teams, "team")))
        if wrong:
            raise Wrong(tuple(wrong))
        return found

    async def save(self, actor: Actor, slug: str, spec: Mapping[str, Any], version: int = 0) -> Listed:
        """Make an event type (*version* 0), or change the one that is at *version*; an archived one is back then.

        Raises `Wrong`, `SlugTaken`, `InTheFile`, `Changed` where it is at another version, and `Unknown`.
        """
        self._not_in_file(slug)
        if not _SLUG.fullmatch(slug):
            text = "Write small letters, digits, - and _, at most 64, and begin with a letter or digit."
            raise Wrong((Problem("slug", text),))
        wanted = self.read(spec)
        document = orjson.loads(wanted.model_dump_json(exclude_defaults=True))
        entry, now = self._store.ids(), datetime.now(UTC)

        def work(conn: Connection) -> Listed:
            if version:
                _change(conn, slug, version, {"spec": document, "archived": False, "actor": actor.record}, now)
            else:
                row = {"slug": slug, "spec": document, "actor": actor.record, "created_at": now, "updated_at": now}
                made = insert(conn, event_types).values(row).on_conflict_do_nothing(index_elements=["slug"])
                if conn.execute(made.returning(event_types.c.slug)).first() is None:
                    raise SlugTaken(slug)
            done = "change" if version else "create"
            audit.note(conn, entry, actor, f"event-type.{done}", f"event-type/{slug}", now)
            return Listed(slug, wanted, version + 1)

        return await self._store.write(work)

    async def archive(self, actor: Actor, slug: str, version: int) -> None:
        """It can be booked no more; what is booked stays. Raises `InTheFile`, `Changed` and `Unknown`."""
        self._not_in_file(slug)
        entry, now = self._store.ids(), datetime.now(UTC)

        def work(conn: Connection) -> None:
            _change(conn, slug, version, {"archived": True, "actor": actor.record}, now)
            audit.note(conn, entry, actor, "event-type.archive", f"event-type/{slug}", now)

        await self._store.write(work)

    def _not_in_file(self, slug: str) -> None:
        if slug in self._config.booking.types:
            raise InTheFile(slug)


def _change(conn: Connection, slug: str, version: int, values: dict[str, Any], now: datetime) -> None:
    at = (event_types.c.slug == slug) & (event_types.c.version == version)
    if conn.execute(event_types.update().where(at).values(**values, version=version + 1, updated_at=now)).rowcount:
        return
    row = conn.execute(sa.select(event_types).where(event_types.c.slug == slug)).one_or_none()
    if row is None:
        raise Unknown(f"event-type/{slug}")
    raise Changed(_listed(row))


def _listed(row: sa.Row[Any]) -> Listed:
    event_type = EventType.model_validate_json(orjson.dumps(row.spec))
    return Listed(row.slug, event_type, row.version, row.archived)
