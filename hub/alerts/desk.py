"""Alerts as people work with them: what is open, what was seen to, how each wants to be told, and the rules."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

import sqlalchemy as sa
from pydantic import ValidationError
from sqlalchemy import Connection

from hub import audit
from hub.alerts import reminders, telling
from hub.alerts.book import Rulebook, page_made
from hub.alerts.dry_run import DryRun, dry_run
from hub.alerts.facts import Fact
from hub.alerts.keeper import LOOK_SECONDS, Keeper
from hub.alerts.raising import raised
from hub.alerts.rules import Rule, RuleTable, complaints
from hub.alerts.timing import Preferences
from hub.alerts.words import Said, Words
from hub.config import Config
from hub.crm.records import Unknown, insert
from hub.live import Live, LiveEvent
from hub.privacy.visibility import Actor, Authority
from hub.store import Store
from hub.store.alert_tables import alert_rules, alert_settings, alert_tellings, alerts
from hub.web.i18n import Reader

CHANGED = "alert-rules"
"""The live event by which hubs tell each other that rules of the page have changed."""

OPEN = ("open", "acknowledged", "snoozed")
_ACT = "alert"


class Refused(Exception):
    """What was asked for cannot be: *field* is wrong. The text says why."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field


class Stale(Exception):
    """Somebody else changed it meanwhile; nothing was changed. It is at *version* now."""

    def __init__(self, version: int) -> None:
        super().__init__(f"it is at version {version}")
        self.version = version


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """An alert as its agent sees it, with the rule and the fact that made it (*about*: ids and values). Times UTC."""

    id: int
    rule: str
    kind: str
    severity: str
    state: str
    count: int
    said: Said
    about: Mapping[str, Any]
    interaction_id: int | None
    contact_id: int | None
    fact_at: datetime
    created_at: datetime
    updated_at: datetime
    acknowledged_at: datetime | None
    snoozed_until: datetime | None
    escalated_at: datetime | None
    escalated_to: str
    ended_at: datetime | None
    expires_at: datetime | None


class Alerts:
    """`async with Alerts(...)` looks after what time brings (`hub.alerts.keeper`) until the end of the block; all else
    works at once."""

    def __init__(self, config: Config, store: Store, live: Live, book: Rulebook, *, look: float = LOOK_SECONDS) -> None:
        self._config = config
        self._store = store
        self._live = live
        self.book = book
        self.words = Words(config.public_url, {agent.id: agent.name for agent in config.agents.values()})
        self.keeper = Keeper(store, live, book, look)
        self._refreshing: set[asyncio.Task[bool]] = set()

    async def __aenter__(self) -> Self:
        self._live.hear(CHANGED, self._heard)
        await self._store.read(self.book.refresh)
        await self.keeper.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.keeper.__aexit__(*error)
        for task in self._refreshing:
            task.cancel()
        await asyncio.gather(*self._refreshing, return_exceptions=True)

    async def happened(self, facts: Sequence[Fact]) -> None:
        """Raise what the rules want of *facts*, in a transaction of its own."""
        if any(fact.ended or self.book.wants(fact.kind) for fact in facts):
            now = datetime.now(UTC)
            self._live.publish(
                await self._store.write(lambda conn: raised(conn, facts, self.book, self._store.ids, now))
            )

    # --- what she has ------------------------------------------------------------------------------------------------

    async def listed(
        self,
        actor: Actor,
        reader: Reader,
        states: Collection[str] = OPEN,
        *,
        before: int | None = None,
        limit: int = 50,
    ) -> list[Alert]:
        """At most *limit* alerts of *actor* in *states*, the latest first, *before* that id."""
        which = [alerts.c.agent == actor.agent, alerts.c.state.in_(states)]
        if before is not None:
            which.append(alerts.c.id < before)
        return await self._views(actor, reader, sa.and_(*which), limit)

    async def get(self, actor: Actor, reader: Reader, alert_id: int) -> Alert:
        """One of hers. Raises `Unknown`."""
        mine = sa.and_(alerts.c.agent == actor.agent, alerts.c.id == alert_id)
        found = await self._views(actor, reader, mine, 1)
        if not found:
            raise Unknown(f"alert/{alert_id}")
        return found[0]

    async def unread(self, agent: str) -> int:
        """How many alerts of *agent* nobody has seen to."""
        mine = sa.select(sa.func.count()).where(alerts.c.agent == agent, alerts.c.state == "open")
        return await self._store.read(lambda conn: int(conn.execute(mine.select_from(alerts)).scalar_one()))

    async def acknowledge(self, actor: Actor, ids: Sequence[int]) -> list[int]:
        """*actor* sees to alerts of hers; on all her screens, and where she was told, they go. Answers which did."""
        return await self._over(actor, ids, "acknowledged")

    async def end(self, actor: Actor, alert_id: int) -> bool:
        """It is over, says *actor*. False where it was, or is none of hers."""
        return bool(await self._over(actor, [alert_id], "ended"))

    async def snooze(self, actor: Actor, alert_id: int, until: datetime) -> bool:
        """*actor* is told again at *until* (UTC). False where it is over, or none of hers. Raises `Refused`."""
        now = datetime.now(UTC)
        if until <= now:
            raise Refused("until", "This is over already. Choose a time to come.")

        def work(conn: Connection) -> bool:
            mine = (alerts.c.id == alert_id, alerts.c.agent == actor.agent, alerts.c.ended_at.is_(None))
            done = alerts.update().where(*mine)
            values = {"state": "snoozed", "snoozed_until": until, "updated_at": now, "escalate_at": None}
            if not conn.execute(done.values(values)).rowcount:
                return False
            telling.untell(conn, [alert_id], self.book, self._store.ids, now)
            audit.note(conn, self._store.ids(), actor, "alert.snooze", f"alert/{alert_id}", now)
            return True

        done = await self._store.write(work)
        if done:
            self._live.publish([LiveEvent("alert-gone", {"id": str(alert_id), "state": "snoozed"}, actor.agent)])
        return done

    def button(self, alert_id: int) -> str:
        """What a button gives back that says "Acknowledge"."""
        return f"{_ACT}:{alert_id}:ack"

    async def by_button(self, value: str, handle: str) -> bool:
        """Whoever has *handle* pressed a button of ours. False where it is not about an alert, or not hers to press."""
        word, _, rest = value.partition(":")
        number, _, deed = rest.partition(":")
        agent = next((agent.id for agent in self._config.agents.values() if handle in agent.handles), "")
        if word != _ACT or deed != "ack" or not number.isascii() or not number.isdigit() or not agent:
            return False
        if len(number) > 19 or int(number) >= 1 << 63:
            return False
        actor = Actor(agent, Authority.AGENT, agent, record=f"agent/{agent}")
        return bool(await self.acknowledge(actor, [int(number)]))

    async def _over(self, actor: Actor, ids: Sequence[int], state: str) -> list[int]:
        now = datetime.now(UTC)

        def work(conn: Connection) -> list[LiveEvent]:
            mine = sa.select(alerts.c.id).where(alerts.c.id.in_(ids), alerts.c.agent == actor.agent)
            hers = list(conn.scalars(mine)) if actor.agent else []
            news = telling.over(conn, hers, state, self.book, self._store.ids, now, actor.agent)
            deed = "alert.acknowledge" if state == "acknowledged" else "alert.end"
            for event in news:
                audit.note(conn, self._store.ids(), actor, deed, f"alert/{event.data['id']}", now)
            return news

        news = await self._store.write(work)
        self._live.publish(news)
        return [int(event.data["id"]) for event in news]

    async def _views(self, actor: Actor, reader: Reader, which: sa.ColumnElement[bool], limit: int) -> list[Alert]:
        query = sa.select(alerts).where(which).order_by(alerts.c.id.desc()).limit(limit)

        def work(conn: Connection) -> list[Alert]:
            rows = conn.execute(query).all()
            ids = [row.id for row in rows]
            said = self.words.said(conn, ids, actor.agent, reader.tag, reader.timezone) if ids else {}
            return [_view(row, said[row.id]) for row in rows]

        return await self._store.read(work) if actor.agent else []

    # --- how she is told ---------------------------------------------------------------------------------------------

    async def settings(self, agent: str) -> tuple[Preferences, int]:
        """How *agent* wants to be told, and which version of it this is: 0 where she has never said."""
        query = sa.select(alert_settings).where(alert_settings.c.agent == agent)
        row = await self._store.read(lambda conn: conn.execute(query).one_or_none())
        return (Preferences.model_validate(row.settings), row.version) if row else (Preferences(), 0)

    async def set_settings(self, actor: Actor, wanted: Preferences, version: int | None) -> int:
        """*actor* wants to be told so from now on; what waits and is not wanted any more is not told. Answers the new
        version. Raises `Stale` where it is not at *version* any more."""
        now, entry = datetime.now(UTC), self._store.ids()

        def work(conn: Connection) -> int:
            mine = alert_settings.c.agent == actor.agent
            row = conn.execute(sa.select(alert_settings).where(mine).with_for_update()).one_or_none()
            before = Preferences.model_validate(row.settings) if row else Preferences()
            current = row.version if row else 0
            if version is not None and version != current:
                raise Stale(current)
            values = {
                "settings": wanted.model_dump(mode="json", by_alias=True),
                "version": current + 1,
                "updated_at": now,
            }
            made = insert(conn, alert_settings).values(agent=actor.agent, **values)
            conn.execute(made.on_conflict_do_update(index_elements=["agent"], set_=values))
            self._switched_off(conn, actor.agent, before, wanted)
            audit.note(conn, entry, actor, "alert-settings.change", f"agent/{actor.agent}", now)
            return current + 1

        return await self._store.write(work)

    def _switched_off(self, conn: Connection, agent: str, before: Preferences, wanted: Preferences) -> None:
        """Nothing is told after it was switched off."""
        t = alert_tellings.c
        hers = t.agent == agent
        if muted := set(wanted.muted) - set(before.muted):
            ids = sa.select(alerts.c.id).where(alerts.c.agent == agent, alerts.c.rule.in_(muted))
            telling.cancel(conn, hers, t.alert_id.in_(ids))
        for way in self.book.ways_of(conn, agent):
            names = {way.kind, way.name, way.id}
            which = (hers, t.way == way.name, t.way_id == way.way_id if way.way_id is not None else t.way_id.is_(None))
            if not names.isdisjoint(wanted.off):
                telling.cancel(conn, *which)
                continue
            unwanted = [
                each for each in ("info", "notice", "warning", "urgent") if names.isdisjoint(wanted.wanted(each))
            ]
            chosen = [rule.name for rule in self.book.rules if rule.table.ways]
            ids = sa.select(alerts.c.id).where(
                alerts.c.agent == agent, alerts.c.severity.in_(unwanted), alerts.c.rule.not_in(chosen)
            )
            telling.cancel(conn, *which, t.alert_id.in_(ids))

    async def remind(self, actor: Actor, interaction_id: int, due_at: datetime, note: str) -> int:
        """Remind *actor* of an interaction at *due_at* (UTC). Answers the reminder's id. Raises `Unknown` and
        `Refused`."""
        now, number, entry = datetime.now(UTC), self._store.ids(), self._store.ids()
        if not actor.agent:
            raise Refused("interaction", "Only who belongs to an agent can be reminded.")
        if due_at <= now:
            raise Refused("due_at", "This is over already. Choose a time to come.")
        await self._store.write(
            lambda conn: reminders.remind(conn, actor, number, entry, interaction_id, due_at, note, now)
        )
        return number

    # --- the rules ---------------------------------------------------------------------------------------------------

    async def rules(self) -> list[Rule]:
        """All rules, those of the file and the built-in ones, too, by name."""
        await self._store.read(self.book.refresh)
        return self.book.rules

    async def make_rule(self, actor: Actor, name: str, given: Mapping[str, Any]) -> Rule:
        """A new rule. Where its name is a built-in one's, it stands in its place. Raises `Refused`."""
        table, now = self.checked(given), datetime.now(UTC)
        number, entry = self._store.ids(), self._store.ids()
        fixed = self.book.fixed(name)
        if fixed is not None and fixed.origin == "file":
            raise Refused("name", "The config file has a rule of this name. Change it there, or choose another name.")

        def work(conn: Connection) -> None:
            taken = sa.select(alert_rules.c.id).where(alert_rules.c.name == name)
            if conn.execute(taken).first() is not None:
                raise Refused("name", "There is a rule of this name already.")
            conn.execute(
                alert_rules.insert().values(
                    id=number, name=name, rule=_kept(table), enabled=table.enabled, made_by=actor.agent or actor.name,
                    created_at=now, updated_at=now,
                )
            )  # fmt: skip
            audit.note(conn, entry, actor, "rule.create", f"rule/{number}", now)

        await self._store.write(work)
        await self._changed()
        return Rule(name=name, table=table, origin="page", id=number)

    async def change_rule(self, actor: Actor, rule_id: int, version: int, given: Mapping[str, Any]) -> Rule:
        """Another rule in its place; what waits to be told of one that is switched off is not told. Raises `Refused`,
        `Unknown`, and `Stale` where it is not at *version* any more."""
        table, now, entry = self.checked(given), datetime.now(UTC), self._store.ids()

        def work(conn: Connection) -> Rule:
            rule = _one(conn, rule_id)
            mine = alert_rules.update().where(alert_rules.c.id == rule_id, alert_rules.c.version == version)
            values = {"rule": _kept(table), "enabled": table.enabled, "version": version + 1, "updated_at": now}
            if not conn.execute(mine.values(values)).rowcount:
                raise Stale(rule.version)
            if not table.enabled:
                self._rule_off(conn, rule.name)
            audit.note(conn, entry, actor, "rule.change", f"rule/{rule_id}", now)
            return Rule(name=rule.name, table=table, origin="page", id=rule_id, version=version + 1)

        changed = await self._store.write(work)
        await self._changed()
        return changed

    async def remove_rule(self, actor: Actor, rule_id: int) -> None:
        """Forget a rule. What it raised is over. Raises `Unknown`."""
        now, entry = datetime.now(UTC), self._store.ids()

        def work(conn: Connection) -> list[LiveEvent]:
            rule = _one(conn, rule_id)
            conn.execute(alert_rules.delete().where(alert_rules.c.id == rule_id))
            self._rule_off(conn, rule.name)
            theirs = sa.select(alerts.c.id).where(alerts.c.rule == rule.name, alerts.c.ended_at.is_(None))
            ids = list(conn.scalars(theirs))
            audit.note(conn, entry, actor, "rule.delete", f"rule/{rule_id}", now)
            return telling.over(conn, ids, "ended", self.book, self._store.ids, now)

        self._live.publish(await self._store.write(work))
        await self._changed()

    async def rule(self, rule_id: int) -> Rule:
        """A rule of the page. Raises `Unknown`."""
        return await self._store.read(lambda conn: _one(conn, rule_id))

    async def dry_run(self, given: Mapping[str, Any], days: int = 30) -> DryRun:
        """What a rule would have raised in the last *days*. Raises `Refused`."""
        rule, now = Rule(name="dry-run", table=self.checked(given), origin="page"), datetime.now(UTC)
        return await self._store.read(lambda conn: dry_run(conn, rule, self.book, now, days))

    def checked(self, given: Mapping[str, Any]) -> RuleTable:
        """*given* as a rule. Raises `Refused`."""
        try:
            table = RuleTable.model_validate(given)
        except ValidationError as error:
            first = error.errors()[0]
            raise Refused(".".join(map(str, first["loc"])) or "rule", first["msg"]) from error
        for key, message in complaints(table, {name for name in given if given[name] not in (None, [], "", False)}):
            raise Refused(key, message)
        teams = {f"team:{name}" for name in self._config.teams}
        for who in table.who:
            if who not in ("concerned", "admins", "everyone", *self._config.agents, *teams):
                raise Refused("who", f'There is no agent or team "{who}".')
        if table.escalate_to and table.escalate_to not in self._config.agents:
            raise Refused("escalate_to", "There is no such agent.")
        return table

    def _rule_off(self, conn: Connection, name: str) -> None:
        ids = sa.select(alerts.c.id).where(alerts.c.rule == name)
        telling.cancel(conn, alert_tellings.c.alert_id.in_(ids), alert_tellings.c.kind != "update")

    async def _changed(self) -> None:
        await self._store.read(self.book.refresh)
        self._live.publish([LiveEvent(CHANGED, {})])

    def _heard(self, _: LiveEvent) -> None:
        task = asyncio.create_task(self._store.read(self.book.refresh))
        self._refreshing.add(task)
        task.add_done_callback(self._refreshing.discard)


def _one(conn: Connection, rule_id: int) -> Rule:
    found = page_made(conn, (alert_rules.c.id == rule_id,))
    if not found:
        raise Unknown(f"rule/{rule_id}")
    return found[0]


def _kept(table: RuleTable) -> dict[str, Any]:
    return table.model_dump(mode="json", exclude={"enabled"}, exclude_defaults=True) | {"kind": table.kind}


def _view(row: sa.Row[Any], said: Said) -> Alert:
    names: Iterable[str] = (
        "id", "rule", "kind", "severity", "state", "count", "about", "interaction_id", "contact_id", "fact_at",
        "created_at", "updated_at", "acknowledged_at", "snoozed_until", "escalated_at", "escalated_to", "ended_at",
        "expires_at",
    )  # fmt: skip
    return Alert(said=said, **{name: row._mapping[name] for name in names})
