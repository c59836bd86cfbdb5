"""Answers calls by a plan, over ARI: a call that the dialplan hands to `Stasis(hub)` is done with what the core says.

https://docs.asterisk.org/Configuration/Interfaces/Asterisk-REST-Interface-ARI/

Where no plan answers, or the store is down, the call goes back to the dialplan and rings as it would without the hub.
Where no hub is connected Asterisk knows no such application, and the dialplan goes on by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import uuid
from base64 import b64encode
from collections.abc import AsyncGenerator, Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import aiohttp
import orjson

import hub
from connectors.asterisk.numbers import RUNG, Numbers
from connectors.asterisk.recorder import STORED
from connectors.asterisk.rest import rest
from connectors.asterisk.settings import AsteriskSettings
from hub.http import Client

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 10.0
HEARTBEAT_SECONDS = 20.0
RUNG_ARGUMENT = "rung"
TALK = "hub-talk-"
"""How the id of a bridge begins in which a caller talks to whom the hub has rung."""

_MEDIA = re.compile(r"(sound|recording|number|digits|characters|tone):.+")

Put = Callable[[hub.Event], None]
Message = Mapping[str, Any]


class _Gone(Exception):
    """The caller has hung up."""


class Answering:
    """The application. *put* takes the events that only it can tell: the queue a caller waits in, and messages."""

    def __init__(self, settings: AsteriskSettings, setup: hub.Setup, numbers: Numbers, put: Put) -> None:
        self._settings = settings
        self._loan = setup.loan
        self._numbers = numbers
        self._put = put
        self._callers: dict[str, _Caller] = {}
        self._talks: set[asyncio.Task[None]] = set()
        self._talking: dict[str, str] = {}

    async def run(self, connected: Callable[[], None] = lambda: None) -> None:
        """Answer calls until the connection ends; *connected* is called when Asterisk knows the application. Raises
        `Rejected`, `Unavailable`, `Misconfigured`."""
        async with rest(self._settings) as client:
            try:
                async with contextlib.aclosing(events(self._settings, connected)) as messages:
                    await self._adopt(client)
                    async for message in messages:
                        await self._relieve(message, client)
                        self._heard(message, client)
            finally:
                for talk in self._talks:
                    talk.cancel()
                await asyncio.gather(*self._talks, return_exceptions=True)
        raise hub.Unavailable("ARI closed the connection.")

    async def _adopt(self, client: Client) -> None:
        """Calls that were in the application when its last connection ended: who talks goes on until one side hangs
        up, and everybody else goes back to the dialplan."""
        known = await client.ask("GET", f"/applications/{self._settings.app}", accept=(404,))
        members = known.json().get("channel_ids", []) if known.status == 200 else []
        bridges = (await client.ask("GET", "/bridges")).json() if members else []
        for bridge in bridges:
            if str(bridge.get("id", "")).startswith(TALK):
                self._talking.update({each: str(bridge["id"]) for each in bridge.get("channels", [])})
        for ident in members:
            if ident not in self._talking and not ident.startswith(RUNG):
                await client.ask("POST", f"/channels/{quote(ident, safe='')}/continue", accept=(404, 409))

    async def _relieve(self, message: Message, client: Client) -> None:
        """End a talk from before this connection, when one side has hung up."""
        ident = (message.get("channel") or {}).get("id")
        if message.get("type") not in ("StasisEnd", "ChannelDestroyed") or ident not in self._talking:
            return
        bridge = self._talking.pop(ident)
        for other in [each for each, where in self._talking.items() if where == bridge]:
            del self._talking[other]
            await client.ask("DELETE", f"/channels/{quote(other, safe='')}", accept=(404,))
        await client.ask("DELETE", f"/bridges/{bridge}", accept=(404,))

    def _heard(self, message: Message, client: Client) -> None:
        kind = message.get("type")
        if kind == "ApplicationReplaced":
            raise hub.Unavailable(f'Another program has taken the application "{self._settings.app}" over.')
        channel = message.get("channel") or {}
        ident = str(channel.get("id", ""))
        if kind == "StasisStart" and ident not in self._callers:
            if ident.startswith(RUNG):
                return  # a phone of a caller who has gone: she hangs it up
            caller = _Caller(channel, client, self)
            self._callers[ident] = caller
            talk = asyncio.create_task(self._talk(ident, caller), name=f"asterisk answers {ident}")
            self._talks.add(talk)
            talk.add_done_callback(self._talks.discard)
            return
        about = ident or _subject(message)
        if (heard := self._callers.get(about)) is not None:
            heard.messages.put_nowait(message)

    async def _talk(self, ident: str, caller: _Caller) -> None:
        try:
            await caller.talk()
        except hub.Verdict as verdict:
            logger.warning("%s: a call goes back to the dialplan: %s", self._numbers.source, verdict)
            with contextlib.suppress(hub.Verdict, TimeoutError):
                await caller.give_back()
        except Exception:
            logger.exception("%s: a call goes back to the dialplan", self._numbers.source)
            with contextlib.suppress(hub.Verdict, TimeoutError):
                await caller.give_back()
        finally:
            for each in [each for each, whose in self._callers.items() if whose is caller]:
                del self._callers[each]

    # --- what a caller's talk needs -----------------------------------------------------------------------------------

    @property
    def settings(self) -> AsteriskSettings:
        """Those of the source."""
        return self._settings

    @property
    def numbers(self) -> Numbers:
        """Who a channel is."""
        return self._numbers

    def listens(self, ident: str, caller: _Caller) -> None:
        """What is told of *ident* (a channel, a playback, a recording) is for *caller*."""
        self._callers[ident] = caller

    def tell(self, event: hub.Event) -> None:
        """Say something of a call that its other events do not."""
        self._put(event)

    async def route(self, asked: hub.Asked) -> hub.Step | None:
        """What to do next; None where the phone system is to go on by itself."""
        if self._loan is None:
            return None
        try:
            return await self._loan.route(asked)
        except hub.Unavailable as verdict:
            logger.warning("%s: no plan answers a call: %s", self._numbers.source, verdict)
            return None


class _Caller:
    """One call that is being answered."""

    def __init__(self, channel: Message, client: Client, answering: Answering) -> None:
        self.messages: asyncio.Queue[Message] = asyncio.Queue()
        self._id = str(channel["id"])
        self._channel = channel
        self._client = client
        self._answering = answering
        self._key = f"{answering.numbers.source}:{self._id}"
        self._answered = channel.get("state") == "Up"
        self._gone = False
        self._pressed = ""
        self._order = 0

    async def talk(self) -> None:
        """Do one step after the other, until the caller or the plan hangs up."""
        said = self._channel.get("caller") or {}
        dialled = str((self._channel.get("dialplan") or {}).get("exten", ""))
        number, name = str(said.get("number", "")), str(said.get("name", ""))
        caller = self._answering.numbers.end(str(self._channel.get("name", "")), number, name)
        line = self._answering.numbers.line(dialled) or ""
        place, heard, digits = "", hub.Heard.BEGAN, ""
        with contextlib.suppress(_Gone):
            while True:
                asked = hub.Asked(
                    key=self._key, caller="" if caller.ours else caller.phone, line=line, at=datetime.now(UTC),
                    place=place, heard=heard, digits=digits,
                )  # fmt: skip
                step = await self._answering.route(asked)
                if step is None:
                    await self.give_back()
                    return
                self._pressed = ""
                heard, digits = await self._do(step)
                place = step.place
                if isinstance(step.action, hub.HangUp):
                    return

    async def give_back(self) -> None:
        """Let the dialplan go on after `Stasis()`."""
        if not self._gone:
            await self._ask("POST", f"/channels/{self._id}/continue", accept=(404, 409))

    async def _do(self, step: hub.Step) -> tuple[hub.Heard, str]:
        action = step.action
        await self._say(step.prompts, stops=isinstance(action, hub.Listen))
        if isinstance(action, hub.Listen):
            return await self._listen(action)
        if isinstance(action, hub.Ring):
            return (hub.Heard.ANSWERED if await self._ring(action) else hub.Heard.UNANSWERED), ""
        if isinstance(action, hub.Wait):
            await self._wait(action)
        elif isinstance(action, hub.TakeMessage):
            await self._take_message(action)
        elif isinstance(action, hub.HangUp):
            reason = "busy" if action.busy and not self._answered else "normal"
            await self._hang_up(self._id, reason)
        return hub.Heard.DONE, ""

    # --- steps --------------------------------------------------------------------------------------------------------

    async def _say(self, prompts: tuple[hub.Prompt, ...], *, stops: bool) -> None:
        """Play *prompts*; with *stops*, the first digit that is pressed ends them."""
        for prompt in prompts:
            if not prompt.audio:
                logger.debug("%s: a prompt has no audio, and Asterisk speaks no text", self._answering.numbers.source)
            elif not (stops and self._pressed):
                await self._play(prompt.audio, stops=stops)

    async def _play(self, audio: str, *, stops: bool = False) -> None:
        await self._answer()
        ident = f"hub-play-{uuid.uuid4()}"
        self._answering.listens(ident, self)
        media = audio if _MEDIA.fullmatch(audio) else f"sound:{audio}"
        body = {"media": media, "playbackId": ident}
        answer = await self._ask("POST", f"/channels/{self._id}/play", json=body, accept=(400, 404, 409, 422))
        if answer >= 400:
            logger.warning("%s: Asterisk cannot play %s", self._answering.numbers.source, audio)
            return
        while True:
            message = await self._next()
            if message["type"] == "PlaybackFinished" and message["playback"]["id"] == ident:
                return
            if stops and self._pressed:
                await self._ask("DELETE", f"/playbacks/{ident}", accept=(404,))
                return

    async def _listen(self, wanted: hub.Listen) -> tuple[hub.Heard, str]:
        await self._answer()
        with contextlib.suppress(TimeoutError):
            while len(self._pressed) < wanted.most and not self._pressed.endswith("#"):
                before = self._pressed
                async with asyncio.timeout(wanted.seconds):
                    while self._pressed == before:
                        await self._next()
        digits = self._pressed.removesuffix("#")[: wanted.most] or self._pressed[: wanted.most]
        return (hub.Heard.DIGITS, digits) if digits else (hub.Heard.NOTHING, "")

    async def _ring(self, wanted: hub.Ring) -> bool:
        """Whether a phone was picked up; then the talk is over."""
        rung: set[str] = set()
        try:
            await self._ask("POST", f"/channels/{self._id}/ring", accept=(404, 409))
            for phone in wanted.phones:
                if (ident := await self._call(phone, wanted.seconds)) is not None:
                    rung.add(ident)
            answered = await self._first(rung, wanted.seconds)
            await self._ask("DELETE", f"/channels/{self._id}/ring", accept=(404, 409))
            if answered is None:
                return False
            for other in rung - {answered}:
                await self._hang_up(other, "answered_elsewhere")
            rung = {answered}
            await self._connect(answered, record=wanted.record)
            return True
        finally:
            for each in rung:
                await asyncio.shield(self._hang_up(each, "normal"))

    async def _call(self, phone: str, seconds: int) -> str | None:
        """Begin to ring *phone*: the id of its channel; None where this phone system cannot ring it."""
        settings, numbers = self._answering.settings, self._answering.numbers
        if phone.startswith(f"{numbers.source}/"):
            endpoint = numbers.device(phone)
        elif phone.startswith("tel:") and settings.trunk_device:
            endpoint = settings.trunk_device.format(number=phone.removeprefix("tel:"))
        elif phone.startswith("tel:") and settings.dial_context:
            endpoint = f"Local/{phone.removeprefix('tel:')}@{settings.dial_context}"
        else:
            return None
        ident = f"{RUNG}{uuid.uuid4()}"
        self._answering.listens(ident, self)
        said = self._channel.get("caller") or {}
        body = {
            "endpoint": endpoint,
            "app": settings.app,
            "appArgs": RUNG_ARGUMENT,
            "channelId": ident,
            "originator": self._id,
            "timeout": seconds,
            "callerId": f'"{_plain(said.get("name", ""))}" <{_plain(said.get("number", ""))}>',
        }
        status = await self._ask("POST", "/channels", json=body, accept=(400, 404, 409, 500))
        if status >= 400:
            logger.warning("%s: Asterisk cannot ring %s as %s: see phones", numbers.source, phone, endpoint)
            return None
        return ident

    async def _first(self, rung: set[str], seconds: int) -> str | None:
        """The first of the channels *rung* that is picked up; None where none is. Those that refuse leave *rung*."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while rung:
                    message = await self._next()
                    ident = (message.get("channel") or {}).get("id")
                    if ident in rung and message["type"] == "StasisStart":
                        return str(ident)
                    if ident in rung and message["type"] == "ChannelDestroyed":
                        rung.discard(ident)
        return None

    async def _connect(self, phone: str, *, record: bool) -> None:
        """Let the caller and *phone* talk until one of them hangs up."""
        await self._answer()
        bridge = f"{TALK}{uuid.uuid4()}"
        await self._ask("POST", "/bridges", json={"type": "mixing", "bridgeId": bridge})
        name = f"hub-{uuid.uuid4()}"
        began = datetime.now(UTC)
        recorded = False
        try:
            members = [self._id, phone]
            await self._ask(
                "POST", f"/bridges/{bridge}/addChannel", json={"channel": members}, accept=(400, 404, 409, 422)
            )
            if record:
                body = {"name": name, "format": "wav"}
                status = await self._ask("POST", f"/bridges/{bridge}/record", json=body, accept=(404, 409, 422, 500))
                recorded = status < 400
            while True:
                message = await self._next()
                left = message["type"] in ("ChannelDestroyed", "StasisEnd")
                if left and (message.get("channel") or {}).get("id") == phone:
                    return
        finally:
            await asyncio.shield(self._ask("DELETE", f"/bridges/{bridge}", accept=(404,)))
            if recorded:
                seconds = round((datetime.now(UTC) - began).total_seconds())
                found = hub.Recording(id=f"{STORED}{name}", seconds=seconds, started_at=began)
                self._tell(name, hub.Call(recordings=(found,)))

    async def _wait(self, wanted: hub.Wait) -> None:
        await self._answer()
        self._tell(f"queue:{wanted.queue}", hub.Call(queue=wanted.queue, state=hub.CallState.QUEUED))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wanted.seconds):
                while wanted.music:
                    began = asyncio.get_running_loop().time()
                    await self._play(wanted.music)
                    if asyncio.get_running_loop().time() - began < 0.5:
                        break  # it cannot be played
                await self._ask("POST", f"/channels/{self._id}/moh", accept=(404, 409))
                while True:
                    await self._next()
        await self._ask("DELETE", f"/channels/{self._id}/moh", accept=(404, 409))

    async def _take_message(self, wanted: hub.TakeMessage) -> None:
        await self._answer()
        name = f"hub-message-{uuid.uuid4()}"
        self._answering.listens(name, self)
        began = datetime.now(UTC)
        body = {
            "name": name,
            "format": "wav",
            "maxDurationSeconds": wanted.seconds,
            "maxSilenceSeconds": 10,
            "beep": True,
            "terminateOn": "#",
        }
        await self._ask("POST", f"/channels/{self._id}/record", json=body)
        while True:
            message = await self._next(until_recorded=True)
            if message["type"] == "RecordingFailed":
                return
            if message["type"] == "RecordingFinished":
                break
        seconds = int((message.get("recording") or {}).get("duration", 0))
        found = hub.Recording(id=f"{STORED}{name}", voicemail=True, seconds=seconds, started_at=began)
        self._tell(name, hub.Call(outcome=hub.Outcome.VOICEMAIL, recordings=(found,)))
        if self._gone:
            raise _Gone

    # --- the channel --------------------------------------------------------------------------------------------------

    async def _answer(self) -> None:
        if not self._answered:
            self._answered = True
            await self._ask("POST", f"/channels/{self._id}/answer", accept=(404, 409))

    async def _hang_up(self, channel: str, reason: str) -> None:
        with contextlib.suppress(hub.Verdict, TimeoutError):
            await self._ask("DELETE", f"/channels/{quote(channel)}?reason={reason}", accept=(400, 404))

    async def _next(self, *, until_recorded: bool = False) -> Message:
        """What is told next; digits are noted on the way. Raises `_Gone` when the caller has hung up; a recording that
        ends with that is told a moment later, so *until_recorded* waits for it."""
        if self._gone and not until_recorded:
            raise _Gone
        message = await self.messages.get()
        if (message.get("channel") or {}).get("id") == self._id:
            if message["type"] == "ChannelDtmfReceived":
                self._pressed += str(message.get("digit", ""))
            elif message["type"] in ("StasisEnd", "ChannelDestroyed"):
                self._gone = True
                if not until_recorded:
                    raise _Gone
        return message

    async def _ask(self, method: str, path: str, *, json: Any = None, accept: tuple[int, ...] = ()) -> int:
        """The status of the answer."""
        return (await self._client.ask(method, path, json=json, accept=accept)).status

    def _tell(self, what: str, facts: hub.Call) -> None:
        self._order += 1
        now = datetime.now(UTC)
        self._answering.tell(
            hub.Event(key=self._key, id=what, channel=hub.Channel.VOICE, at=now, facts=facts, order=self._order)
        )


async def events(
    settings: AsteriskSettings, connected: Callable[[], None], *, everything: bool = False
) -> AsyncGenerator[Message, None]:
    """What ARI tells the application, or of *everything*. Raises `Rejected`, `Unavailable`, `Misconfigured`."""
    password = settings.ari_password.get_secret_value() if settings.ari_password else ""
    query = {"app": settings.app, **({"subscribeAll": "true"} if everything else {})}
    basic = b64encode(f"{settings.ari_username}:{password}".encode()).decode()
    headers = {"Authorization": f"Basic {basic}"}
    timeout = aiohttp.ClientTimeout(sock_connect=CONNECT_SECONDS)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                socket = await session.ws_connect(
                    f"{settings.ari_url.rstrip('/')}/events",
                    params=query,
                    heartbeat=HEARTBEAT_SECONDS,
                    max_msg_size=1 << 20,
                )
        except aiohttp.WSServerHandshakeError as error:
            raise _refused(settings, error.status) from None
        except (aiohttp.ClientError, TimeoutError, OSError):
            raise hub.Unavailable(f"ARI cannot be reached at {settings.ari_url}.") from None
        connected()
        async with socket:
            async for message in socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    with contextlib.suppress(orjson.JSONDecodeError):
                        said = orjson.loads(message.data)
                        if isinstance(said, dict) and isinstance(said.get("type"), str):
                            yield said


def _refused(settings: AsteriskSettings, status: int) -> hub.Verdict:
    if status in (401, 403):
        return hub.Rejected("ARI refuses the login: check ari_username and ari_password against ari.conf.")
    if status in (400, 404):
        return hub.Misconfigured(f"There is no ARI at {settings.ari_url}: is it enabled in ari.conf and http.conf?")
    return hub.Unavailable(f"ARI answers {status}.")


def _subject(message: Message) -> str:
    """The playback or the recording that *message* is about."""
    playback, recording = message.get("playback") or {}, message.get("recording") or {}
    return str(playback.get("id") or recording.get("name") or "")


def _plain(text: object) -> str:
    """What a caller calls herself, so that it ends neither the name nor the number."""
    return re.sub(r'["<>\\\r\n\x00]', "", str(text))
