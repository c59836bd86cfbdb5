"""A phone system as a source: the calls that are alive, and whatever happens to them from then on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, ValidationError

import hub
from connectors.freeswitch.numbers import Numbers
from connectors.freeswitch.session import Session, connected
from connectors.freeswitch.settings import FreeswitchSettings
from connectors.freeswitch.switchboard import EVENTS, Switchboard
from connectors.freeswitch.wire import Told

SILENCE_SECONDS = 90.0
"""FreeSWITCH sends a heartbeat every 20 seconds: after so long a silence the connection is lost."""

AT_ONCE = 20
"""Calls in one arrival when a connection begins."""


class Cursor(BaseModel):
    """The channels that were alive, each with its call's id and whether it was answered."""

    model_config = ConfigDict(extra="ignore")

    alive: dict[str, tuple[str, bool]] = {}

    @classmethod
    def read(cls, text: str | None) -> Cursor:
        """The cursor that *text* is; the beginning where it is none of ours."""
        try:
            return cls.model_validate_json(text or "{}")
        except ValidationError:
            return cls()


class Connector(hub.Connector):
    """A FreeSWITCH over its Event Socket.

    The Event Socket keeps nothing: a call that began and ended while nobody listened is never told. One that was alive
    before and is gone is ended, marked `presumed`.
    """

    Settings = FreeswitchSettings

    def __init__(self, settings: FreeswitchSettings, setup: hub.Setup) -> None:
        self._settings = settings
        self._numbers = Numbers.of(setup)
        self._listening = False

    async def listen(self, cursor: str | None) -> AsyncGenerator[hub.Arrival, None]:
        """Yields the calls that are alive and not known yet, then what happens. The first time they are no news."""
        async with connected(self._settings) as session:
            self._listening = True
            try:
                answer = await session.command(f"event json {EVENTS}")
                if not answer.startswith("+OK"):
                    raise hub.Misconfigured("FreeSWITCH tells this user no events.")
                switchboard = Switchboard(self._numbers, self._settings.recordings, session.skew)
                before = Cursor.read(cursor).alive
                events = switchboard.resume(before, await session.channels(), datetime.now(UTC))
                for part, alive in _parts(events, before, switchboard.alive):
                    yield hub.Arrival(part, Cursor(alive=alive).model_dump_json(), live=cursor is not None)
                while True:
                    heard = [event for told in await _next(session) for event in switchboard.hear(told)]
                    if heard:
                        yield hub.Arrival(tuple(heard), Cursor(alive=switchboard.alive).model_dump_json())
            finally:
                self._listening = False

    async def freshness(self, cursor: str | None) -> hub.Freshness:
        """Only whether it can be reached: FreeSWITCH keeps nothing for later."""
        if not self._listening:
            async with connected(self._settings):
                pass
        return hub.Freshness(None, None)


def _parts(
    events: list[hub.Event], before: dict[str, tuple[str, bool]], alive: dict[str, tuple[str, bool]]
) -> Iterable[tuple[tuple[hub.Event, ...], dict[str, tuple[str, bool]]]]:
    """*events* in parts of whole calls, each with the cursor's channels after it. At least one part."""
    keys = list(dict.fromkeys(event.key for event in events))
    done = dict(before)
    for start in range(0, max(1, len(keys)), AT_ONCE):
        some = set(keys[start : start + AT_ONCE])
        part = tuple(event for event in events if event.key in some)
        calls = {key.partition(":")[2] for key in some}
        done = {ident: known for ident, known in done.items() if known[0] not in calls}
        done |= {ident: known for ident, known in alive.items() if known[0] in calls}
        yield part, dict(done)


async def _next(session: Session) -> list[Told]:
    """What was told since this was last asked, one thing at least. Raises `Unavailable`."""
    try:
        async with asyncio.timeout(SILENCE_SECONDS):
            heard = [await session.events.get()]
    except TimeoutError:
        raise hub.Unavailable("FreeSWITCH has said nothing for too long, not even its heartbeat.") from None
    while not session.events.empty() and heard[-1] is not None:
        heard.append(session.events.get_nowait())
    told = [each for each in heard if each is not None]
    if not told:
        raise session.ended
    if heard[-1] is None:
        session.events.put_nowait(None)
    return told
