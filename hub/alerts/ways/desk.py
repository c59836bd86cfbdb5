"""The ways as people work with them: what each has, her phones, a trial of each, and how it did last."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy import Connection

from hub import audit
from hub.alerts.ways import claims
from hub.alerts.ways.apprised import Apprised
from hub.alerts.ways.chat import Chat
from hub.alerts.ways.claims import Claimed, Ended
from hub.alerts.ways.couriers import Couriers, Read, WaysPace
from hub.alerts.ways.mail import Mail
from hub.alerts.ways.ntfy import Ntfy
from hub.alerts.ways.push import Push
from hub.alerts.ways.registry import Reach, WayOf, chat_name, ways_of
from hub.alerts.ways.sms import Sms
from hub.alerts.ways.way import CHAT, MAIL, PUSH, SMS, Gone, Way, What
from hub.config import Config
from hub.config_ways import WayConfig
from hub.contracts import Sender, Teller, Unavailable, Unsupported, Verdict
from hub.courier import Status, fault, line
from hub.crm.records import insert
from hub.formats import webpush
from hub.formats.digest import digest
from hub.http import Guarded
from hub.http.addresses import checked
from hub.letters.compose import Person
from hub.letters.identities import name_of
from hub.live import Live
from hub.privacy.visibility import Actor
from hub.store import Store
from hub.store.way_tables import way_states, ways

log = logging.getLogger(__name__)

MOST_PHONES = 20
"""So many browsers one colleague may have told."""

TRIAL_SECONDS = 30.0


class Refused(Exception):
    """What was asked for cannot be: *field* is wrong. The text says why."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field


@dataclass(frozen=True, slots=True)
class WayView:
    """A way of somebody, when it last worked, and when and why it last did not."""

    way: WayOf
    sent_at: datetime | None
    failed_at: datetime | None
    reason: str


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of trying a way: *state* is `sent`, `perhaps` or `failed`."""

    state: str
    reason: str
    milliseconds: int


class Ways:
    """`async with Ways(...)` sends what is due until the end of the block; all else works at once. *read* says what is
    to be told, *vapid* is the hub's own key for pushes and *marker* its own in mails."""

    def __init__(
        self,
        config: Config,
        store: Store,
        live: Live,
        senders: Mapping[str, Sender],
        tellers: Mapping[str, Teller],
        read: Read,
        *,
        vapid: str,
        marker: str,
        pace: WaysPace | None = None,
    ) -> None:
        self._config = config
        self._store = store
        self._allow = config.alerts.allow_private
        self._web = Guarded(self._allow)
        self.reach = Reach(config, senders, tellers)
        key = webpush.private(vapid)
        self._push = Push(self._web, key, self._contact(), details=bool(self._details(PUSH)))
        self._ways: dict[str, Way] = {PUSH: self._push}
        self._ways |= self._by_address(senders, marker)
        for source, teller in tellers.items():
            name = chat_name(source)
            self._ways[name] = Chat(teller, self._people(name), details=self._details(CHAT) is not False)
        for name, way in config.ways.items():
            if way.kind in ("ntfy", "apprise"):
                self._ways[name] = _made(way)
        self._couriers = Couriers(store, self._ways, read, live, pace=pace)

    async def __aenter__(self) -> Self:
        await self._couriers.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._couriers.__aexit__(*error)
        await self.close()

    async def close(self) -> None:
        """Close what a trial opened."""
        await asyncio.gather(*(way.close() for way in self._ways.values()), return_exceptions=True)
        await self._web.close()

    @property
    def public_key(self) -> str:
        """What a browser subscribes with (`applicationServerKey`)."""
        return self._push.public_key

    def look(self) -> None:
        """Something is due now."""
        self._couriers.look()

    def statuses(self) -> dict[str, Status]:
        """How each way does, as this hub sees it."""
        return self._couriers.statuses()

    async def of(self, agent: str) -> list[WayView]:
        """The ways of *agent*."""
        states = sa.select(way_states).where(way_states.c.agent == agent)

        def work(conn: Connection) -> list[WayView]:
            last = {(row.way, row.way_id): row for row in conn.execute(states)}
            found = []
            for way in ways_of(conn, self._config, agent, self.reach):
                row = last.get((way.name, way.way_id or 0))
                found.append(
                    WayView(way, row.sent_at, row.failed_at, row.reason) if row else WayView(way, None, None, "")
                )
            return found

        return await self._store.read(work)

    async def subscribe(
        self, actor: Actor, subscription: Mapping[str, Any], label: str, *, details: bool | None = None
    ) -> WayOf:
        """Have *actor* told by a browser, with what it gave (`PushSubscription.toJSON()`). A browser belongs to whoever
        subscribed with it last. Raises `Refused`."""
        given = self._given(subscription)
        if details is not None:
            given["details"] = details
        address, now = digest(given["endpoint"].encode()), datetime.now(UTC)
        way_id, entry = self._store.ids(), self._store.ids()

        def work(conn: Connection) -> int:
            mine = sa.select(sa.func.count()).select_from(ways).where(ways.c.agent == actor.agent)
            if conn.execute(mine.where(ways.c.address != address)).scalar_one() >= MOST_PHONES:
                raise Refused("subscription", f"There are {MOST_PHONES} already. Take one away first.")
            values = {"agent": actor.agent, "label": label, "settings": given}
            made = insert(conn, ways).values(id=way_id, kind=PUSH, address=address, created_at=now, **values)
            conn.execute(made.on_conflict_do_update(index_elements=["address"], set_=values))
            found: int = conn.execute(sa.select(ways.c.id).where(ways.c.address == address)).scalar_one()
            audit.note(conn, entry, actor, "way.create", f"way/{found}", now)
            return found

        number = await self._store.write(work)
        return WayOf(PUSH, number, PUSH, label, self.reach.enabled(PUSH))

    async def remove(self, actor: Actor, way_id: int) -> bool:
        """Forget a way that *actor* made. Nothing is sent by it any more. False where she has none of that id."""
        entry, now = self._store.ids(), datetime.now(UTC)

        def work(conn: Connection) -> bool:
            mine = ways.delete().where(ways.c.id == way_id, ways.c.agent == actor.agent)
            if not conn.execute(mine).rowcount:
                return False
            conn.execute(way_states.delete().where(way_states.c.way_id == way_id))
            claims.cancel(conn, way_id)
            audit.note(conn, entry, actor, "way.delete", f"way/{way_id}", now)
            return True

        return await self._store.write(work)

    async def tried(self, agent: str, ident: str, title: str, url: str) -> Trial | None:
        """Tell *agent* now that this is a trial (*title*), by the way of that id. None where she has no such way."""

        def work(conn: Connection) -> tuple[WayOf, Mapping[str, Any]] | None:
            for way in ways_of(conn, self._config, agent, self.reach):
                if way.id == ident:
                    mine = sa.select(ways.c.settings).where(ways.c.id == way.way_id)
                    return way, conn.execute(mine).scalar() or {}
            return None

        found = await self._store.read(work)
        if found is None:
            return None
        way, settings = found
        number, now = self._store.ids(), datetime.now(UTC)
        what = What(
            ident=f"test-{number}", topic=f"test-{number}", agent=agent, title=title, brief=title, url=url, at=now,
            settings=settings,
        )  # fmt: skip
        began = time.perf_counter()
        row = Claimed(number, None, agent, way.name, way.way_id, "test", 0, None, now)
        ended = await self._attempt(row, what) if way.enabled else Ended(row, claims.FAILED, "It is switched off.")
        took = int((time.perf_counter() - began) * 1000)
        await self._store.write(lambda conn: claims.settle(conn, [ended]))
        return Trial(ended.state, ended.reason, took)

    async def _attempt(self, row: Claimed, what: What) -> Ended:
        try:
            async with asyncio.timeout(TRIAL_SECONDS):
                await self._ways[row.way].tell(what)
        except (Unavailable, Unsupported) as verdict:
            return Ended(row, claims.FAILED, line(str(verdict)), gone=isinstance(verdict, Gone))
        except Verdict as verdict:
            return Ended(row, claims.FAILED, line(str(verdict)))
        except TimeoutError as error:
            return Ended(row, claims.PERHAPS, line(str(error)) or f"No answer within {TRIAL_SECONDS:g} seconds.")
        except Exception as error:
            log.exception("a trial of %s failed", row.way)
            return Ended(row, claims.FAILED, fault(error))
        return Ended(row, claims.SENT)

    def _given(self, subscription: Mapping[str, Any]) -> dict[str, Any]:
        endpoint, keys = str(subscription.get("endpoint", "")), subscription.get("keys", {})
        try:
            at = checked(endpoint, allow=self._allow)
            if at.scheme != "https" and f"{at.host}:{at.port}" not in self._allow:
                raise ValueError("the endpoint is not https")
            webpush.subscription(endpoint, str(keys.get("p256dh", "")), str(keys.get("auth", "")))
        except (ValueError, Unsupported) as error:
            raise Refused("subscription", f"This is no subscription of a browser: {error}.") from error
        return {"endpoint": endpoint, "p256dh": str(keys["p256dh"]), "auth": str(keys["auth"])}

    def _by_address(self, senders: Mapping[str, Sender], marker: str) -> dict[str, Way]:
        found: dict[str, Way] = {}
        if (by := self.reach.sources[MAIL]) is not None:
            source, ours = by
            sender = Person(ours, name_of(self._config, source, ""))
            people = {
                agent: Person(handle, self._config.agents[agent].name) for agent, handle in self._people(MAIL).items()
            }
            settings = f"{self._config.public_url}/settings/alerts"
            found[MAIL] = Mail(senders[source], sender, people, marker, settings)
        if (by := self.reach.sources[SMS]) is not None:
            source, ours = by
            found[SMS] = Sms(senders[source], ours, self._people(SMS), details=bool(self._details(SMS)))
        return found

    def _people(self, name: str) -> dict[str, str]:
        """By the ids of all whom the way of that *name* reaches, where."""
        reached = {agent: self.reach.handle(name, agent) for agent in self._config.agents}
        return {agent: handle for agent, handle in reached.items() if handle}

    def _details(self, kind: str) -> bool | None:
        return self._config.ways[kind].details if kind in self._config.ways else None

    def _contact(self) -> str:
        """At which the operator of a push service reaches whoever runs this hub (RFC 8292, 2.1)."""
        if self._config.public_url.startswith("https://"):
            return self._config.public_url
        by = self.reach.sources[MAIL]
        return by[1] if by is not None else "mailto:postmaster@localhost"


def _made(way: WayConfig) -> Way:
    if way.kind == "ntfy":
        return Ntfy(way.server, way.topic, way.token, details=bool(way.details))
    return Apprised(way.url, details=bool(way.details))
