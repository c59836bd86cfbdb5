"""Twilio's REST API on loopback: calls, messages and recordings of one account, as its OpenAPI description has them.

Every request is held against the description (`tests/data/specs/twilio_api_v2010.json`): an address, a parameter or a
value that is not in it is answered 400, as Twilio does, and stands in `faults`, which a test expects to be empty.
"""

from __future__ import annotations

import base64
import itertools
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.fakes.twilio import ACCOUNT

KEY_SID = "SK00000000000000000000000000000000"
KEY_SECRET = "twilio-test-key-secret"
ROOT = f"/2010-04-01/Accounts/{ACCOUNT}"
WAV = b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(64)

_SPEC = json.loads((Path(__file__).parents[1] / "data/specs/twilio_api_v2010.json").read_text())
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_OVER = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})
_STAMPS = {"calls": "start_time", "messages": "date_sent", "recordings": "date_created"}
_FILTERS = {"calls": "StartTime", "messages": "DateSent", "recordings": "DateCreated"}


@dataclass(slots=True)
class TwilioApi:
    """The account behind *url*. Lists are newest first, as Twilio's are, and page by *page_size*.

    *asked* are the requests, each with method, path below the account and parameters. *busy* answers so many next ones
    with 429; *refuses* answers requests to a path with a status, Twilio's code and its words. *media* is the sound of
    recordings by id, where it is there.
    """

    url: str = ""
    page_size: int = 50
    busy: int = 0
    calls: dict[str, dict[str, Any]] = field(default_factory=dict)
    messages: dict[str, dict[str, Any]] = field(default_factory=dict)
    recordings: dict[str, dict[str, Any]] = field(default_factory=dict)
    media: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    refuses: dict[str, tuple[int, int, str]] = field(default_factory=dict)
    asked: list[tuple[str, str, dict[str, list[str]]]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    # --- what happens at Twilio -------------------------------------------------------------------------------------

    def call(self, **fields: Any) -> str:
        """A call or a leg of one: its sid. Times are datetimes."""
        sid = fields.pop("sid", "") or self.sid("CA")
        began = fields.get("start_time")
        defaults = {
            "parent_call_sid": None, "account_sid": ACCOUNT, "to": "+14155550199", "from": "+14155550100",
            "status": "completed", "start_time": began, "end_time": None, "duration": None, "direction": "inbound",
            "answered_by": None, "forwarded_from": None, "caller_name": None, "api_version": "2010-04-01",
            "date_created": began,
        }  # fmt: skip
        self.calls[sid] = _shown("api.v2010.account.call", {"sid": sid, **defaults, **fields})
        return sid

    def message(self, **fields: Any) -> str:
        """A text message: its sid."""
        sid = fields.pop("sid", "") or self.sid("SM")
        sent = fields.get("date_sent")
        defaults = {
            "account_sid": ACCOUNT, "to": "+14155550199", "from": "+14155550100", "body": "", "status": "received",
            "direction": "inbound", "date_sent": sent, "date_created": sent, "num_media": "0", "error_code": None,
            "error_message": None, "messaging_service_sid": None, "api_version": "2010-04-01",
        }  # fmt: skip
        self.messages[sid] = _shown("api.v2010.account.message", {"sid": sid, **defaults, **fields})
        return sid

    def recording(self, call_sid: str, sound: bytes = WAV, **fields: Any) -> str:
        """A recording of a call: its sid."""
        sid = fields.pop("sid", "") or self.sid("RE")
        began = fields.get("date_created")
        defaults = {
            "account_sid": ACCOUNT, "call_sid": call_sid, "conference_sid": None, "start_time": began,
            "duration": "12", "status": "completed", "channels": 1, "source": "RecordVerb", "error_code": None,
            "uri": f"{ROOT}/Recordings/{sid}.json", "media_url": f"{self.url}{ROOT}/Recordings/{sid}",
        }  # fmt: skip
        self.recordings[sid] = _shown("api.v2010.account.recording", {"sid": sid, **defaults, **fields})
        self.media[sid] = ("audio/x-wav", sound)
        return sid

    def change(self, sid: str, **fields: Any) -> None:
        """What is known of a call, message or recording is something else now."""
        for kind in (self.calls, self.messages, self.recordings):
            if sid in kind:
                kind[sid].update({name: _stamp(value) for name, value in fields.items()})

    def sid(self, prefix: str) -> str:
        """An id that nothing has yet."""
        return f"{prefix}{next(self._numbers):032x}"

    # --- the API ----------------------------------------------------------------------------------------------------

    async def handle(self, request: web.Request) -> web.Response:
        """Any request."""
        pairs = parse_qsl(request.rel_url.raw_query_string, keep_blank_values=True)
        if request.method == "POST":
            if request.content_type != "application/x-www-form-urlencoded":
                self.faults.append(f"a POST with {request.content_type}")
            pairs = parse_qsl((await request.read()).decode("ascii"), keep_blank_values=True)
        said: dict[str, list[str]] = {}
        for name, value in pairs:
            said.setdefault(name, []).append(value)
        path = request.path.removeprefix(f"{ROOT}/")
        if not self._knows(request.headers.get("Authorization", "")):
            return _error(401, 20003, "Authenticate")
        self.asked.append((request.method, path, said))
        if self.busy:
            self.busy -= 1
            return _error(429, 20429, "Too Many Requests")
        if path in self.refuses:
            return _error(*self.refuses[path])
        if sound := re.fullmatch(r"Recordings/(RE[0-9a-f]{32})(?:\.(?:wav|mp3))?", path):
            return self._sound(sound[1])
        if fault := _fault(request.method, request.path, said):
            self.faults.append(f"{request.method} {path}: {fault}")
            return _error(400, 20001, fault)
        return self._answer(request.method, path, said)

    def _knows(self, authorization: str) -> bool:
        pairs = ((ACCOUNT, "twilio-test-auth-token"), (KEY_SID, KEY_SECRET))
        return authorization in {f"Basic {base64.b64encode(':'.join(pair).encode()).decode()}" for pair in pairs}

    def _answer(self, method: str, path: str, said: Mapping[str, list[str]]) -> web.Response:
        one = {name: values[0] for name, values in said.items()}
        kind = path.removesuffix(".json").lower()
        if method == "GET" and kind in _STAMPS:
            return self._list(kind, one)
        if path == "Calls.json":
            made = {"from": one["From"], "to": one["To"], "status": "queued", "direction": "outbound-api"}
            return _json(self.calls[self.call(**made, date_created=datetime.now(UTC))], 201)
        if path == "Messages.json":
            if not (one.get("From") or one.get("MessagingServiceSid")):
                return _error(400, 21603, "A 'From' phone number is required.")
            if not (one.get("Body") or one.get("ContentSid") or one.get("MediaUrl")):
                return _error(400, 21619, "A text message body or media urls must be specified.")
            sent = {"from": one.get("From"), "to": one["To"], "body": one.get("Body", ""), "direction": "outbound-api"}
            return _json(self.messages[self.message(**sent, status="queued", date_created=datetime.now(UTC))], 201)
        if found := re.fullmatch(r"Calls/(CA[0-9a-f]{32})(/Recordings)?(/Twilio\.CURRENT)?\.json", path):
            return self._call(method, found[1], bool(found[2]), bool(found[3]), one)
        return _error(404, 20404, f"The requested resource {path} was not found")

    def _call(self, method: str, sid: str, recordings: bool, current: bool, said: Mapping[str, str]) -> web.Response:
        call = self.calls.get(sid)
        if call is None:
            return _error(404, 20404, f"The requested resource {sid} was not found")
        if method == "GET":
            return _json(call)
        if not recordings:
            if call["status"] in _OVER:
                return _error(400, 21220, "Call is not in-progress. Cannot redirect.")
            if "Status" in said:
                call["status"] = said["Status"]
            return _json(call)
        if call["status"] != "in-progress":
            return _error(400, 21220, "The call is not in progress.")
        now = datetime.now(UTC)
        if not current:
            made = self.recording(sid, status="in-progress", source="StartCallRecordingAPI", date_created=now)
            return _json(self.recordings[made], 201)
        runs = [each for each in self.recordings.values() if each["call_sid"] == sid and each["status"] in _RECORDS]
        if not runs:
            return _error(404, 20404, "The requested resource Twilio.CURRENT was not found")
        runs[-1]["status"] = said["Status"]
        return _json(runs[-1])

    def _sound(self, sid: str) -> web.Response:
        if sid not in self.media:
            return _error(404, 20404, f"The requested resource {sid} was not found")
        media_type, data = self.media[sid]
        return web.Response(body=data, headers={"Content-Type": media_type})

    def _list(self, kind: str, said: Mapping[str, str]) -> web.Response:
        things: dict[str, dict[str, Any]] = getattr(self, kind)
        stamp, wanted = _STAMPS[kind], _FILTERS[kind]
        # By the day, whatever time the filter names: the least that Twilio promises of it.
        after, until = said.get(f"{wanted}>", "")[:10], said.get(f"{wanted}<", "9")[:10]
        found = [
            each
            for each in things.values()
            if each[stamp] and after <= parsedate_to_datetime(each[stamp]).strftime("%Y-%m-%d") <= until
        ]
        found.sort(key=lambda each: (parsedate_to_datetime(each[stamp]), each["sid"]), reverse=True)
        token = said.get("PageToken", "").removeprefix("PA")
        places = [place for place, each in enumerate(found) if each["sid"] == token]
        begin = places[0] + 1 if places else 0
        size = min(int(said.get("PageSize", self.page_size)), self.page_size)
        page, more = found[begin : begin + size], len(found) > begin + size
        number = int(said.get("Page", 0))
        query = {**said, "Page": str(number + 1), "PageToken": f"PA{page[-1]['sid']}" if page else ""}
        uri = f"{ROOT}/{kind.capitalize()}.json"
        following = f"{uri}?{urlencode(query)}" if more else None
        envelope = {
            kind: page, "page": number, "page_size": size, "start": begin, "end": begin + len(page), "uri": uri,
            "first_page_uri": uri, "previous_page_uri": None, "next_page_uri": following,
        }  # fmt: skip
        return _json(envelope)


_RECORDS = ("in-progress", "paused")


def _shown(schema: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """*fields* as Twilio shows them: those of the description, and nothing where nothing is known."""
    known = _SPEC["components"]["schemas"][schema]["properties"]
    assert not (extra := set(fields) - set(known)), f"Twilio has no {extra}"
    return {name: _stamp(fields.get(name)) for name in known}


def _stamp(value: Any) -> Any:
    return format_datetime(value) if isinstance(value, datetime) else value


def _fault(method: str, path: str, said: Mapping[str, list[str]]) -> str:
    """What is wrong with a request by the description; "" where nothing is."""
    templates = (t for t in _SPEC["paths"] if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", t), path))
    # The shorter name fits more addresses: the longest template is the one that is meant.
    template = max(templates, key=len, default="")
    operation = _SPEC["paths"].get(template, {}).get(method.lower())
    if operation is None:
        return "no such address"
    if method == "GET":
        known = {each["name"]: each["schema"] for each in operation["parameters"] if each["in"] == "query"}
        required = []
    else:
        form = operation["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
        known, required = form["properties"], form.get("required", [])
    if missing := [name for name in required if not said.get(name, [""])[0]]:
        return f"{missing[0]} is missing"
    for name, values in said.items():
        if name not in known:
            return f"there is no parameter {name}"
        schema = known[name]
        if len(values) > 1 and schema.get("type") != "array":
            return f"{name} is there more than once"
        if any(not _fits(value, schema) for value in values):
            return f"{name} has not the form that is described"
    return ""


def _fits(value: str, schema: Mapping[str, Any]) -> bool:
    if "$ref" in schema:
        schema = _SPEC["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if schema.get("type") == "array":
        return _fits(value, schema["items"])
    if "enum" in schema and value not in schema["enum"]:
        return False
    if not re.search(schema.get("pattern", ""), value):
        return False
    if schema.get("type") == "integer":
        return value.isdigit()
    if schema.get("type") == "boolean":
        return value in ("true", "false")
    form = schema.get("format")
    if form == "uri":
        return value.startswith(("http://", "https://"))
    if form == "date-time":
        return bool(_DAY.match(value)) and bool(datetime.fromisoformat(value))
    if form == "twiml":
        return value.startswith("<?xml") or value.startswith("<Response")
    return True


def _json(document: Mapping[str, Any], status: int = 200) -> web.Response:
    return web.json_response(document, status=status)


def _error(status: int, code: int, words: str) -> web.Response:
    more = f"https://www.twilio.com/docs/errors/{code}"
    return web.json_response({"code": code, "message": words, "more_info": more, "status": status}, status=status)


@asynccontextmanager
async def twilio_api() -> AsyncIterator[TwilioApi]:
    """A running one. In the end nothing must have been asked that the description does not have."""
    api = TwilioApi()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", api.handle)
    async with TestServer(app, host="127.0.0.1") as server:
        api.url = str(server.make_url("")).rstrip("/")
        yield api
    assert api.faults == []
