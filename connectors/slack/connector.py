"""Slack without an address of ours: Socket Mode, and the history for what was missed."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta

import orjson

import hub
from connectors.slack.messages import Heard, event, heard, listed, mark
from connectors.slack.missed import Missed
from connectors.slack.names import Names
from connectors.slack.pressing import pressed
from connectors.slack.progress import Progress
from connectors.slack.settings import SlackSettings
from connectors.slack.sockets import Envelope, Sockets
from connectors.slack.web import Web

logger = logging.getLogger(__name__)

NEWS = timedelta(hours=1)
"""What was written longer ago is no news when it is heard: nobody is alerted of it."""

BLOCK = 20


class Connector(hub.Connector):
    """Listens first and then reads what was missed, so that nothing falls between; what came twice by that is left out.
    An event is acknowledged once it is durable. Slack says again what it was not told of within 3 s."""

    Settings = SlackSettings

    def __init__(self, settings: SlackSettings, setup: hub.Setup) -> None:
        self._settings = settings
        self._source = setup.name
        self._sockets: Sockets | None = None
        self._waiting: deque[tuple[str, list[Envelope]]] = deque()

    @property
    def ready(self) -> bool:
        """Whether there is a token for Socket Mode; without it Slack tells the webhook."""
        return self._settings.app_token is not None

    async def listen(self, cursor: str | None) -> AsyncGenerator[hub.Arrival, None]:
        """Yields messages, their changes and deletions, and buttons that were pressed."""
        progress = self._progress(cursor)
        web = Web(self._settings, keep=False)
        sockets = Sockets(web, plain=self._settings.api_url.startswith("http:"))
        names = Names(web)
        self._waiting.clear()
        try:
            await self._check(web)
            await sockets.open()
            self._sockets = sockets
            missed = Missed(web, self._settings, progress)
            await missed.begin()
            due = 0.0
            while True:
                if missed and time.monotonic() >= due:
                    try:
                        done = await missed.page()
                    except hub.Unavailable as error:
                        if error.retry_after is None:
                            raise
                        done, due = None, time.monotonic() + error.retry_after
                    if done is not None:
                        found = [what for each in done.found if (what := self._listed(done.channel, each))]
                        for start in range(0, len(found), BLOCK):
                            items = []
                            for what in found[start : start + BLOCK]:
                                items += await self._told(what, progress, names, live=False)
                            if items:
                                yield hub.Arrival(tuple(items), str(progress), live=False)
                        progress.was_read(done.name)
                envelope = await sockets.next(max(0.0, due - time.monotonic()) if missed else None)
                if envelope is not None:
                    items = await self._heard(envelope, progress, names)
                    if items:
                        at = str(progress)
                        self._waiting.append((at, [envelope]))
                        live = any(_at(item) >= datetime.now(UTC) - NEWS for item in items)
                        yield hub.Arrival(tuple(items), at, live=live)
                    elif self._waiting:  # it repeats what is perhaps not durable yet
                        self._waiting[-1][1].append(envelope)
                    else:
                        await sockets.acknowledge(envelope)
        finally:
            self._sockets = None
            await sockets.close()
            await web.close()

    async def committed(self, cursor: str) -> None:
        """Acknowledge what was told up to *cursor*."""
        if self._sockets is None or not any(at == cursor for at, _ in self._waiting):
            return
        at = ""
        while at != cursor:
            at, envelopes = self._waiting.popleft()
            for envelope in envelopes:
                await self._sockets.acknowledge(envelope)

    async def freshness(self, cursor: str | None) -> hub.Freshness:
        """Nothing while it listens; else Slack cannot say it cheaply."""
        web = Web(self._settings, keep=False)
        try:
            await self._check(web)
        finally:
            await web.close()
        return hub.Freshness(0, 0.0) if self._sockets is not None else hub.Freshness(None, None)

    async def _check(self, web: Web) -> None:
        """Whether the token is of the workspace and the user that the settings say."""
        us = await web.ask("auth.test")
        team, bot = us.get("team_id"), us.get("user_id")
        if (team, bot) != (self._settings.workspace, self._settings.bot):
            raise hub.Misconfigured(
                f'bot_token is of another app than workspace and bot say: it is of "{team}" and "{bot}"'
            )

    async def _heard(self, envelope: Envelope, progress: Progress, names: Names) -> list[hub.Item]:
        """What a frame says."""
        try:
            if envelope.kind == "interactive":
                presses = pressed(envelope.payload, self._settings)
                if presses:
                    progress.told(envelope.id)
                return list(presses)
            if envelope.kind == "slash_commands":
                raise hub.Unsupported("The hub has no slash commands: take this one out of the app.")
            if envelope.kind != "events_api":
                return []
            what = heard(envelope.payload, self._settings)
        except hub.Unsupported as error:
            progress.told(envelope.id)
            return [hub.Unreadable(orjson.dumps(envelope.payload), str(error), datetime.now(UTC))]
        return [] if what is None else await self._told(what, progress, names, live=True)

    def _listed(self, channel: str, said: object) -> Heard | None:
        try:
            return listed(channel, said if isinstance(said, dict) else {}, self._settings)
        except hub.Unsupported as error:
            logger.warning("%s: %s", self._source, error)
            return None

    async def _told(self, what: Heard, progress: Progress, names: Names, *, live: bool) -> list[hub.Item]:
        """The event of *what*, unless it was told already."""
        if progress.knows(mark(what)):
            return []
        message = what.message
        ours = message.user == self._settings.bot and not what.deleted_at
        partner = await names.partner(what.channel) if ours and what.channel.startswith("D") else ""
        people = what.people | ({partner} if partner else set()) - {""}
        found = event(what, self._settings, await names.of(people), partner)
        progress.note(what.channel, message.ts, mark(what), message.thread_ts, live=live)
        return [found]

    def _progress(self, cursor: str | None) -> Progress:
        try:
            return Progress.read(cursor)
        except (ValueError, KeyError, TypeError, AttributeError):
            logger.warning("%s: the cursor cannot be read, so the newest messages are read again", self._source)
            return Progress()


def _at(item: hub.Item) -> datetime:
    assert isinstance(item, hub.Event | hub.Pressed | hub.Unreadable)
    return item.received_at if isinstance(item, hub.Unreadable) else item.at
