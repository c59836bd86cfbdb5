"""What a telling says, made from the alert as it stands at this moment; or why there is nothing to tell any more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.alerts.timing import Preferences
from hub.alerts.ways import claims, words
from hub.alerts.ways.claims import Claimed
from hub.alerts.ways.registry import Reach
from hub.alerts.ways.way import CHAT, PUSH, What
from hub.config import Config
from hub.store.alert_tables import alert_settings, alert_tellings, alerts
from hub.store.schema import logins
from hub.store.way_tables import ways
from hub.vocabulary import Button
from hub.web.i18n import Reader, chosen

MOST_LINES = 30
"""So many alerts are named in one digest."""


class Said(Protocol):
    """An alert in words."""

    @property
    def title(self) -> str: ...
    @property
    def lines(self) -> Sequence[str]: ...
    @property
    def url(self) -> str: ...
    @property
    def severity(self) -> str: ...
    @property
    def why(self) -> str: ...


Words = Callable[[Connection, Sequence[int], str, str, str], Mapping[int, Said]]
"""`hub.alerts.words.Words.said`: the alerts of these ids as an agent may see them ("" for a stranger, who sees no
names), in a language, on her clock."""

Row = sa.Row[*tuple[Any, ...]]


class Reading:
    """Reads what is to be told (`hub.alerts.ways.couriers.Read`). *said* puts alerts into words; *acknowledge* is what
    a button gives back that says "I have seen to it" of an alert."""

    def __init__(self, config: Config, reach: Reach, said: Words, acknowledge: Callable[[int], str]) -> None:
        self._config = config
        self._reach = reach
        self._said = said
        self._acknowledge = acknowledge

    def __call__(self, conn: Connection, rows: Sequence[Claimed]) -> dict[int, What | str]:
        """What each says, by its id; a text where nothing is to be told any more."""
        found: dict[int, What | str] = {}
        by_agent: dict[str, list[Claimed]] = defaultdict(list)
        for row in rows:
            by_agent[row.agent].append(row)
        for agent, theirs in by_agent.items():
            found |= self._of(conn, agent, theirs)
        return found

    def _of(self, conn: Connection, agent: str, rows: Sequence[Claimed]) -> dict[int, What | str]:
        digests = self._digests(conn, rows)
        ids = {row.alert_id for row in rows if row.alert_id is not None} | {
            i for each in digests.values() for i in each
        }
        known = {row.id: row for row in conn.execute(sa.select(alerts).where(alerts.c.id.in_(ids)))}
        reader = self._reader(conn, agent)
        said = self._said(conn, sorted(known), agent, reader.tag, reader.timezone)
        strangers = self._said(conn, sorted(known), "", reader.tag, reader.timezone)
        settings = self._settings(conn, rows)
        preferences = self._preferences(conn, agent)
        before = self._before(conn, agent, rows)
        found: dict[int, What | str] = {}
        for row in rows:
            if off := self._off(row, preferences, settings):
                found[row.id] = off
            elif row.kind == "digest":
                open_ones = [each for each in digests.get(row.id, ()) if each in known and known[each].state == "open"]
                found[row.id] = self._digest(row, reader, [said[each] for each in open_ones if each in said], settings)
            elif row.alert_id is None or row.alert_id not in known or row.alert_id not in said:
                found[row.id] = "The alert is not there any more."
            else:
                alert = known[row.alert_id]
                known_as = before.get((row.way, row.way_id, row.alert_id), "")
                what = self._alert(row, reader, alert, said[row.alert_id], settings, preferences, known_as)
                brief = strangers[row.alert_id].title if row.alert_id in strangers else ""
                found[row.id] = replace(what, brief=brief) if isinstance(what, What) else what
        return found

    def _off(self, row: Claimed, preferences: Preferences, settings: Mapping[int, Mapping[str, Any]]) -> str:
        """Why nothing is to be sent to her this way, "" where it is."""
        if row.way_id is not None and row.way_id not in settings:
            return "She has taken this way away."
        mine = [way for way in self._reach.of(row.agent) if way.name == row.way]
        kind = PUSH if row.way_id is not None else mine[0].kind if mine else ""
        if row.way_id is None and not mine:
            return "This way does not reach her any more."
        if not (self._reach.enabled(kind) if row.way_id is not None else mine[0].enabled):
            return "This way was switched off."
        if {row.way, kind, str(row.way_id)} & set(preferences.off):
            return "She has switched this way off."
        return ""

    def _alert(
        self,
        row: Claimed,
        reader: Reader,
        alert: Row,
        said: Said,
        settings: Mapping[int, Mapping[str, Any]],
        preferences: Preferences,
        known_as: str,
    ) -> What | str:
        over = alert.state != "open"
        if row.kind != "update" and over:
            return f"The alert is {alert.state}."
        if row.kind != "update" and alert.rule in preferences.muted:
            return "She wants to hear nothing of this rule."
        if over and row.kind == "update" and row.way.startswith(f"{CHAT}-") and not known_as:
            return "She was not told of it here."
        who = alert.acknowledged_by if alert.acknowledged_by != row.agent else ""
        who = self._config.agents[who].name if who in self._config.agents else who
        t = reader.gettext
        return What(
            ident=f"telling-{row.id}",
            topic=f"alert-{alert.id}",
            agent=row.agent,
            title=said.title,
            lines=tuple(said.lines),
            url=said.url,
            why=said.why,
            severity=said.severity,
            language=reader.tag,
            done=words.done(reader, alert.state, who) if over else "",
            buttons=(
                Button(t("Acknowledge"), value=self._acknowledge(alert.id)),
                *([Button(t("Open"), url=said.url)] if said.url else []),
            ),
            known=known_as if row.kind == "update" else "",  # what was snoozed is news again
            at=datetime.now(UTC),
            expires_at=row.expires_at,
            settings=settings.get(row.way_id or 0, {}),
        )

    def _digest(
        self, row: Claimed, reader: Reader, said: Sequence[Said], settings: Mapping[int, Mapping[str, Any]]
    ) -> What | str:
        if not said:
            return "Nothing of it is open any more."
        title = words.digest(reader, len(said))
        return What(
            ident=f"telling-{row.id}",
            topic=f"digest-{row.agent}"[:32],
            agent=row.agent,
            title=title,
            brief=title,
            lines=tuple(each.title for each in said[:MOST_LINES]),
            url=f"{self._config.public_url}/",
            severity="notice",
            language=reader.tag,
            buttons=(Button(reader.gettext("Open"), url=f"{self._config.public_url}/"),),
            at=datetime.now(UTC),
            expires_at=row.expires_at,
            settings=settings.get(row.way_id or 0, {}),
        )

    def _reader(self, conn: Connection, agent: str) -> Reader:
        """As she reads pages."""
        login = conn.execute(
            sa.select(logins.c.language, logins.c.timezone).where(logins.c.agent == agent, ~logins.c.disabled).limit(1)
        ).one_or_none()
        language = chosen(login.language if login else "", "", self._config.languages)
        return Reader.at(language, (login.timezone if login else "") or self._config.zone(agent).key)

    def _preferences(self, conn: Connection, agent: str) -> Preferences:
        kept = conn.execute(sa.select(alert_settings.c.settings).where(alert_settings.c.agent == agent)).scalar()
        return Preferences.model_validate(kept or {})

    def _settings(self, conn: Connection, rows: Sequence[Claimed]) -> dict[int, Mapping[str, Any]]:
        """What belongs to the ways that she made herself, by their ids."""
        ids = {row.way_id for row in rows if row.way_id is not None}
        if not ids:
            return {}
        query = sa.select(ways.c.id, ways.c.settings).where(ways.c.id.in_(ids), ways.c.agent == rows[0].agent)
        return {row.id: row.settings for row in conn.execute(query)}

    def _digests(self, conn: Connection, rows: Sequence[Claimed]) -> dict[int, list[int]]:
        """The alerts that each digest tells of."""
        ids = [row.id for row in rows if row.kind == "digest"]
        found: dict[int, list[int]] = defaultdict(list)
        if ids:
            query = sa.select(alert_tellings.c.digest_id, alert_tellings.c.alert_id).distinct()
            query = query.where(alert_tellings.c.digest_id.in_(ids), alert_tellings.c.alert_id.is_not(None))
            for digest_id, alert_id in conn.execute(query.order_by(alert_tellings.c.alert_id)):
                found[digest_id].append(alert_id)
        return found

    def _before(
        self, conn: Connection, agent: str, rows: Sequence[Claimed]
    ) -> dict[tuple[str, int | None, int | None], str]:
        """What each way called the message that it last told her of an alert."""
        told = alert_tellings.c
        query = sa.select(told.way, told.way_id, told.alert_id, told.provider_id).where(
            told.agent == agent,
            told.alert_id.in_({row.alert_id for row in rows}),
            told.state == claims.SENT,
            told.provider_id != "",
        )
        ordered = conn.execute(query.order_by(told.sent_at, told.id))
        return {(row.way, row.way_id, row.alert_id): row.provider_id for row in ordered}
