"""A workspace of Slack on loopback with our app in it: the Web API, Socket Mode, the Events API and files.

No such server can be run, so that this stand-in is all that the tests have. Requests are held against the vendor's
OpenAPI description (`tests/data/specs/slack_web_v2.json`) where that has the method: what it does not know is refused,
and stands in `faults`, which a test expects to be empty. Events have the shape of the vendor's schema.

    async with slack() as workspace:
        workspace.hub_url = "http://127.0.0.1:8080/webhooks/slack"   # else everything goes over Socket Mode
        ts = workspace.say("U0000001", "Where is my parcel?")          # in a channel; to the app: channel=direct(user)
        await workspace.until(lambda: workspace.told("U0000001"))      # what our app told her directly
        await workspace.press("U0000001", "Acknowledge")
"""

from __future__ import annotations

import asyncio
import copy
import hashlib
import hmac
import itertools
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
from aiohttp import WSCloseCode, web
from aiohttp.test_utils import TestServer

TEAM = "T0000001"
BOT = "U0000099"
ANN = "U0000001"
CHANNEL = "C0000001"
BOT_TOKEN = "xoxb-4711"
APP_TOKEN = "xapp-4711"
SECRET = "slack-test-signing-secret"

_SPEC: dict[str, Any] = json.loads((Path(__file__).parents[1] / "data/specs/slack_web_v2.json").read_text())["paths"]
_SECONDS = 20


class Slack:
    """*users* are names by id, *messages* those of each channel, oldest first, *members* the channels that our app is
    in. *asked* are the requests with their parameters. *acknowledged* are the envelopes that the hub took."""

    def __init__(self) -> None:
        self.port = 0
        self.hub_url = ""
        self.users = {BOT: "hub", ANN: "Ann Example"}
        self.messages: dict[str, list[dict[str, Any]]] = {CHANNEL: []}
        self.members = {CHANNEL}
        self.files: dict[str, dict[str, Any]] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.faults: list[str] = []
        self.acknowledged: list[str] = []
        self.answers: list[int] = []
        self.page = 1000
        self.connected = 0
        self.sockets: list[web.WebSocketResponse] = []
        self._refusals: dict[str, list[web.Response]] = {}
        self._waiting: dict[str, dict[str, Any]] = {}
        self._direct: dict[str, str] = {}
        self._data: dict[str, bytes] = {}
        self._counter = itertools.count(1)
        self._latest = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Future[None]] = set()
        self._changed: asyncio.Condition | None = None
        self._server: TestServer | None = None

    @property
    def url(self) -> str:
        """Its address, for `api_url`."""
        return f"http://127.0.0.1:{self.port}/api"

    # --- what people do; any thread may, except where it is awaited ---

    def direct(self, user: str) -> str:
        """The direct conversation of *user* and our app."""
        channel = self._direct.setdefault(user, f"D{user[1:]}")
        self.messages.setdefault(channel, [])
        return channel

    def say(
        self, user: str, text: str, *, channel: str = CHANNEL, thread: str = "", event: str = "message", **more: Any
    ) -> str:
        """*user* writes *text* as Slack writes it, in answer to *thread*; answers its ts. *more* are fields of the
        message, as a subtype. *event* may be `app_mention`."""
        ts = self._ts()
        message: dict[str, Any] = {"type": "message", "user": user, "text": text, "ts": ts, "team": TEAM, **more}
        if thread:
            parent = next(each for each in self.messages[channel] if each["ts"] == thread)
            message |= {"thread_ts": thread, "parent_user_id": parent.get("user")}
            parent |= {"thread_ts": thread, "reply_count": parent.get("reply_count", 0) + 1, "latest_reply": ts}
        self.messages.setdefault(channel, []).append(message)
        kind = "im" if channel.startswith("D") else "channel"
        self.tell({**message, "type": event, "channel": channel, "event_ts": ts, "channel_type": kind})
        return ts

    def edit(self, channel: str, ts: str, text: str, **more: Any) -> None:
        """The writer changes her message."""
        message, now = self.message(channel, ts), self._ts()
        before = copy.deepcopy(message)
        message |= {"text": text, "edited": {"user": message.get("user"), "ts": now}, **more}
        self._hidden(channel, now, subtype="message_changed", message=dict(message), previous_message=before)

    def delete(self, channel: str, ts: str) -> None:
        """The writer deletes her message."""
        message = self.message(channel, ts)
        self.messages[channel].remove(message)
        self._hidden(channel, self._ts(), subtype="message_deleted", deleted_ts=ts, previous_message=message)

    def share(
        self, user: str, name: str, data: bytes, media_type: str, *, channel: str = CHANNEL, text: str = ""
    ) -> str:
        """*user* sends a file; answers the message's ts."""
        file = self._kept(name, data, media_type)
        return self.say(user, text, channel=channel, subtype="file_share", files=[file])

    async def press(self, user: str, label: str, message: Mapping[str, Any] | None = None) -> int:
        """*user* presses the button *label* below *message*, the last that she was told if it is None. Answers the
        hub's status, 200 where it went over Socket Mode."""
        channel = self.direct(user)
        message = message or self.told(user)[-1]
        pressed = next(
            element
            for block in message.get("blocks", [])
            if block["type"] == "actions"
            for element in block["elements"]
            if element["text"]["text"] == label
        )
        action = {key: pressed[key] for key in ("action_id", "value", "type", "text") if key in pressed}
        payload = {
            "type": "block_actions",
            "user": {"id": user, "team_id": TEAM, "name": self.users[user]},
            "team": {"id": TEAM, "domain": "example"},
            "container": {"type": "message", "message_ts": message["ts"], "channel_id": channel},
            "channel": {"id": channel},
            "actions": [{**action, "block_id": "hub-alert-buttons", "action_ts": self._ts()}],
        }
        if not self.hub_url:
            self._enqueue("interactive", payload)
            return 200
        form = urlencode({"payload": json.dumps(payload)}).encode()
        return await self.deliver(form, "application/x-www-form-urlencoded")

    # --- what Slack does ---

    def tell(self, event: Mapping[str, Any]) -> None:
        """Tell our app of *event*, over the one way or the other."""
        callback = {
            "token": "deprecated",
            "team_id": TEAM,
            "api_app_id": "A0000001",
            "event": dict(event),
            "type": "event_callback",
            "event_id": f"Ev{next(self._counter):08}",
            "event_time": int(time.time()),
            "authorizations": [{"enterprise_id": None, "team_id": TEAM, "user_id": BOT, "is_bot": True}],
            "is_ext_shared_channel": False,
        }
        if self.hub_url:
            self._run(self._post(callback))
        else:
            self._enqueue("events_api", callback)

    async def deliver(self, body: bytes, media_type: str = "application/json", **headers: str) -> int:
        """Send *body* to the hub's webhook, signed; answers the status."""
        now = str(int(time.time()))
        signature = hmac.digest(SECRET.encode(), f"v0:{now}:".encode() + body, hashlib.sha256).hex()
        signed = {"Content-Type": media_type, "X-Slack-Request-Timestamp": now, "X-Slack-Signature": f"v0={signature}"}
        async with (
            aiohttp.ClientSession() as session,
            session.post(self.hub_url, data=body, headers={**signed, **headers}) as answer,
        ):
            await answer.read()
        self.answers.append(answer.status)
        await self._notify()
        return answer.status

    async def repeat(self) -> None:
        """Say again, over Socket Mode, what was not acknowledged."""
        for envelope in list(self._waiting.values()):
            await self._frame({**envelope, "retry_attempt": 1, "retry_reason": "timeout"})

    async def change(self, reason: str = "refresh_requested") -> None:
        """Ask the hub to connect anew, before Slack closes the connection."""
        await self.sockets[-1].send_json({"type": "disconnect", "reason": reason, "debug_info": {"host": "applink-1"}})

    async def cut(self) -> None:
        """End every connection of Socket Mode."""
        for socket in list(self.sockets):
            await socket.close(code=WSCloseCode.GOING_AWAY)

    def refuse(self, method: str, error: str, *, status: int = 200, retry_after: int = 0, **more: Any) -> None:
        """Answer the next call of *method* with *error*."""
        headers = {"Retry-After": str(retry_after)} if retry_after else {}
        answer = web.json_response({"ok": False, "error": error, **more}, status=status, headers=headers)
        self._refusals.setdefault(method, []).append(answer)

    # --- what can be seen ---

    def message(self, channel: str, ts: str) -> dict[str, Any]:
        """One message as it stands."""
        return next(each for each in self.messages[channel] if each["ts"] == ts)

    def ours(self) -> list[dict[str, Any]]:
        """What our app has said, in every channel."""
        return [each for channel in self.messages.values() for each in channel if each.get("user") == BOT]

    def told(self, user: str) -> list[dict[str, Any]]:
        """What our app has said to *user* directly."""
        return [each for each in self.messages[self.direct(user)] if each.get("user") == BOT]

    def data(self, file: str) -> bytes:
        """What is in a file."""
        return self._data[file]

    async def until(self, true: Callable[[], Any]) -> None:
        """Return when *true* says so; it is asked again whenever something came from the hub."""
        assert self._changed is not None, "it runs"
        async with asyncio.timeout(_SECONDS), self._changed:
            await self._changed.wait_for(true)

    # --- its answers ---

    async def call(self, request: web.Request) -> web.StreamResponse:
        """A method of the Web API."""
        method = request.match_info["method"]
        given = {key: str(value) for key, value in {**request.query, **(await request.post())}.items()}
        self.asked.append((method, given))
        await self._notify()
        if self._refusals.get(method):
            return self._refusals[method].pop(0)
        wanted = APP_TOKEN if method == "apps.connections.open" else BOT_TOKEN
        if request.headers.get("Authorization") != f"Bearer {wanted}":
            return _refused("invalid_auth")
        if wrong := _wrong(method, given):
            self.faults.append(f"{method}: {wrong}")
            return _refused("invalid_arguments")
        answer = getattr(self, f"_{method.replace('.', '_')}", None)
        if answer is None:
            self.faults.append(f"{method} is not known")
            return _refused("unknown_method")
        said: Mapping[str, Any] | str = answer(given, request)
        await self._notify()
        return _refused(said) if isinstance(said, str) else web.json_response({"ok": True, **said})

    async def socket(self, request: web.Request) -> web.StreamResponse:
        """A connection of Socket Mode."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"type": "hello", "num_connections": 1, "connection_info": {"app_id": "A0000001"}})
        self.sockets.append(socket)
        self.connected += 1
        await self.repeat()
        await self._notify()
        try:
            async for frame in socket:
                id = json.loads(frame.data)["envelope_id"]
                assert id in self._waiting, "nothing is acknowledged twice"
                del self._waiting[id]
                self.acknowledged.append(id)
                await self._notify()
        finally:
            self.sockets.remove(socket)
            await self._notify()
        return socket

    async def upload(self, request: web.Request) -> web.StreamResponse:
        """The bytes of a file that our app sends."""
        self._data[request.match_info["id"]] = await request.read()
        return web.Response(text="OK")

    async def download(self, request: web.Request) -> web.StreamResponse:
        """The bytes of a file, and the login page for whoever may not have them."""
        if request.headers.get("Authorization") != f"Bearer {BOT_TOKEN}":
            return web.Response(text="<html>Sign in</html>", content_type="text/html")
        file = self.files[request.match_info["id"]]
        return web.Response(body=self._data[file["id"]], content_type=file["mimetype"])

    def _auth_test(self, given: Mapping[str, str], request: web.Request) -> Mapping[str, Any]:
        return {"team_id": TEAM, "user_id": BOT, "bot_id": "B0000099", "team": "Example", "user": "hub"}

    def _apps_connections_open(self, given: Mapping[str, str], request: web.Request) -> Mapping[str, Any]:
        # Whoever asks through a proxy is sent through it to the socket, too.
        return {"url": f"ws://{request.host}/link/?ticket={next(self._counter)}"}

    def _users_info(self, given: Mapping[str, str], request: web.Request) -> Mapping[str, Any] | str:
        name = self.users.get(given["user"])
        user = {"id": given["user"], "team_id": TEAM, "profile": {"real_name": name, "display_name": ""}}
        return "user_not_found" if name is None else {"user": user}

    def _users_conversations(self, given: Mapping[str, str], request: web.Request) -> Mapping[str, Any]:
        assert given["types"] == "im"
        return {"channels": [{"id": channel, "user": user, "is_im": True} for user, channel in self._direct.items()]}

    def _conversations_info(self, given: Mapping[str, str], request: web.Request) -> Mapping[str, Any] | str:
        user = next((user for user, channel in self._direct.items() if channel == given["channel"]), None)
        return {"channel": {"id": given["channel"], "user": user}} if user else "channel_not_found"

    def _conversations_open(self, given: Mapping[str, str], request: web.Request) -> Mapping[str, Any] | str:
        return {"channel": {"id": self.direct(given["users"])}} if given["users"] in self.users else "user_not_found"

    def _conversations_history(self, given: Mapping[str, str], request: web.Request) -> Mapping[str, Any] | str:
        if given["channel"] not in self.members and not given["channel"].startswith("D"):
            return "not_in_channel"
        after = float(given.get("oldest", 0))
        found = [
            each
            for each in reversed(self.messages[given["channel"]])
            if float(each["ts"]) > after
            and (each.get("thread_ts", each["ts"]) == each["ts"] or each.get("subtype") == "thread_broadcast")
        ]
        return self._paged(found, given)

    def _conversations_replies(self, given: Mapping[str, str], request: web.Request) -> Mapping[str, Any] | str:
        thread, after = given["ts"], float(given.get("oldest", 0))
        found = [each for each in self.messages[given["channel"]] if each.get("thread_ts") == thread]
        if not found:
            return "thread_not_found"
        return self._paged([each for each in found if each["ts"] == thread or float(each["ts"]) > after], given)

    def _chat_postMessage(self, given: Mapping[str, str], request: web.Request) -> Mapping[str, Any] | str:  # noqa: N802
        channel, thread = given["channel"], given.get("thread_ts", "")
        if channel not in self.messages:
            return "channel_not_found"
        if channel not in self.members and not channel.startswith("D"):
            return "not_in_channel"
        if thread and not any(each["ts"] == thread for each in self.messages[channel]):
            return "thread_not_found"
        if not given.get("text") and not given.get("blocks"):
            return "no_text"
        if len(given.get("text", "")) > 40_000:
            return "msg_too_long"
        more: dict[str, Any] = {"blocks": json.loads(given["blocks"])} if "blocks" in given else {}
        if given.get("mrkdwn") == "false":
            more["mrkdwn"] = False
        said = self.say(
            BOT, given.get("text", ""), channel=channel, thread=thread, bot_id="B0000099", **more
        )  # fmt: skip
        return {"channel": channel, "ts": said, "message": self.message(channel, said)}

    def _chat_update(self, given: Mapping[str, str], request: web.Request) -> Mapping[str, Any] | str:
        found = [each for each in self.messages.get(given["channel"], []) if each["ts"] == given["ts"]]
        if not found:
            return "message_not_found"
        if found[0].get("user") != BOT:
            return "cant_update_message"
        self.edit(given["channel"], given["ts"], given.get("text", ""), blocks=json.loads(given.get("blocks", "[]")))
        return {"channel": given["channel"], "ts": given["ts"], "text": given.get("text", "")}

    def _files_getUploadURLExternal(self, given: Mapping[str, str], request: web.Request) -> Mapping[str, Any]:  # noqa: N802
        file = self._kept(given["filename"], b"", "application/octet-stream", size=int(given["length"]))
        return {"upload_url": f"http://{request.host}/upload/v1/{file['id']}", "file_id": file["id"]}

    def _files_completeUploadExternal(self, given: Mapping[str, str], request: web.Request) -> Mapping[str, Any] | str:  # noqa: N802
        files = [self.files[each["id"]] for each in json.loads(given["files"])]
        channel, text = given["channel_id"], given.get("initial_comment", "")
        if channel not in self.messages:
            return "channel_not_found"
        if any(len(self._data[each["id"]]) != each["size"] for each in files):
            return "file_update_failed"
        # Files are shared after this was answered: the answer knows nothing of the message.
        answer = {"files": copy.deepcopy(files)}
        ts = self.say(
            BOT, text, channel=channel, thread=given.get("thread_ts", ""), subtype="file_share", files=files,
            bot_id="B0000099",
        )  # fmt: skip
        for each in files:
            each["shares"] = {"public": {channel: [{"ts": ts, "channel_name": "sales"}]}}
        return answer

    def _files_info(self, given: Mapping[str, str], request: web.Request) -> Mapping[str, Any] | str:
        return {"file": self.files[given["file"]]} if given["file"] in self.files else "file_not_found"

    # --- the rest ---

    async def start(self) -> None:
        """Listen on a free port."""
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Condition()
        app = web.Application(client_max_size=64 << 20)
        app.router.add_route("*", "/api/{method}", self.call)
        app.router.add_get("/link/", self.socket)
        app.router.add_post("/upload/v1/{id}", self.upload)
        app.router.add_get("/files-pri/{id}/{name}", self.download)
        self._server = TestServer(app, host="127.0.0.1")
        await self._server.start_server()
        assert self._server.port is not None
        self.port = self._server.port

    async def close(self) -> None:
        """End every connection and stop listening."""
        await self.cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server is not None:
            await self._server.close()

    def _ts(self) -> str:
        self._latest = max(time.time_ns() // 1000, self._latest + 1)
        return f"{self._latest // 1_000_000}.{self._latest % 1_000_000:06}"

    def _kept(self, name: str, data: bytes, media_type: str, size: int = -1) -> dict[str, Any]:
        id = f"F{next(self._counter):07}"
        self._data[id] = data
        self.files[id] = {
            "id": id,
            "name": name,
            "title": name,
            "mimetype": media_type,
            "size": len(data) if size < 0 else size,
            "mode": "hosted",
            "url_private": f"http://127.0.0.1:{self.port}/files-pri/{id}/file",
        }
        return self.files[id]

    def _hidden(self, channel: str, ts: str, **more: Any) -> None:
        kind = "im" if channel.startswith("D") else "channel"
        event = {"type": "message", "hidden": True, "channel": channel, "ts": ts, "event_ts": ts, "channel_type": kind}
        self.tell({**event, **more})

    def _paged(self, found: list[dict[str, Any]], given: Mapping[str, str]) -> Mapping[str, Any]:
        start = int(given.get("cursor", 0))
        end = start + min(int(given.get("limit", 100)), self.page)
        more = end < len(found)
        cursor = {"response_metadata": {"next_cursor": str(end)}} if more else {}
        return {"messages": copy.deepcopy(found[start:end]), "has_more": more, **cursor}

    def _enqueue(self, kind: str, payload: Mapping[str, Any]) -> None:
        id = f"00000000-0000-4000-8000-{next(self._counter):012}"
        envelope = {"envelope_id": id, "payload": copy.deepcopy(payload), "type": kind, "retry_attempt": 0}

        async def send() -> None:
            if self.sockets:  # else it is lost: Slack gives up after three attempts
                self._waiting[id] = envelope
                await self._frame(envelope)

        self._run(send())

    async def _frame(self, envelope: Mapping[str, Any]) -> None:
        if self.sockets:
            await self.sockets[-1].send_json(envelope)

    async def _post(self, callback: Mapping[str, Any]) -> None:
        await self.deliver(json.dumps(callback).encode())

    def _run(self, what: Any) -> None:
        def begin() -> None:
            self._tasks.add(task := asyncio.ensure_future(what))
            task.add_done_callback(self._tasks.discard)

        assert self._loop is not None, "it runs"
        self._loop.call_soon_threadsafe(begin)

    async def _notify(self) -> None:
        assert self._changed is not None
        async with self._changed:
            self._changed.notify_all()


def _refused(error: str) -> web.Response:
    return web.json_response({"ok": False, "error": error})


def _wrong(method: str, given: Mapping[str, str]) -> str:
    """What is wrong with a request as the vendor describes it; "" where nothing is, or there is no description."""
    for verb in _SPEC.get(f"/{method}", {}).values():
        known = {each["name"]: each for each in verb["parameters"]}
        if unknown := given.keys() - known.keys():
            return f"{', '.join(sorted(unknown))} unknown"
        needed = {name for name, each in known.items() if each.get("required") and name != "token"}
        if missing := needed - given.keys():
            return f"{', '.join(sorted(missing))} missing"
        for name, value in given.items():
            if not _is(known[name].get("type", "string"), value):
                return f"{name} is no {known[name]['type']}"
    return ""


def _is(kind: str, value: str) -> bool:
    if kind == "boolean":
        return value in ("true", "false")
    if kind == "integer":
        return value.isdigit()
    return kind != "number" or value.replace(".", "", 1).isdigit()


@asynccontextmanager
async def slack() -> AsyncIterator[Slack]:
    """A running workspace in which nobody has written."""
    workspace = Slack()
    await workspace.start()
    try:
        yield workspace
    finally:
        await workspace.close()
