"""Google's Calendar API (v3) on loopback: the calendars of one account, as the discovery document describes them.

Every request is held against the description (`tests/data/specs/google_calendar_v3.json`): an address, a parameter or a
field that is not in it is answered 400, as Google does, and stands in `faults`, which a test expects to be empty.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote
from zoneinfo import ZoneInfo

from aiohttp import web
from aiohttp.test_utils import TestServer
from dateutil.rrule import rrulestr

TOKEN = "google-access-3f9c"
OWNER = "alice@example.test"

_SPEC = json.loads((Path(__file__).parents[1] / "data/specs/google_calendar_v3.json").read_text("utf-8"))
_NOT_WITH_A_TOKEN = frozenset(
    {"iCalUID", "orderBy", "privateExtendedProperty", "q", "sharedExtendedProperty", "timeMin", "timeMax", "updatedMin"}
)
_PYTHON = {"string": str, "boolean": bool, "integer": int, "array": list, "object": dict, "number": float}


class Refused(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


@dataclass(slots=True)
class Place:
    """One calendar: its events by id in the order of their last change, deleted ones among them. Sync tokens before the
    change *oldest* are void, and page tokens."""

    id: str
    name: str
    role: str = "owner"
    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    oldest: int = 0


@dataclass(slots=True)
class GoogleCalendar:
    """The account behind *url*. *page_size* is the largest page. *refuses* answers the next requests with a status, a
    reason and a message. *channels* are those that are open, by id, as they were asked for, with the calendar.
    *asked* are the requests: method, path below `/calendar/v3`, parameters. *told* are the bodies of writes.
    """

    url: str = ""
    page_size: int = 250
    places: dict[str, Place] = field(default_factory=dict)
    refuses: list[tuple[int, str, str]] = field(default_factory=list)
    channels: dict[str, dict[str, Any]] = field(default_factory=dict)
    stopped: list[str] = field(default_factory=list)
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    told: list[dict[str, Any]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    life: timedelta = timedelta(days=7)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    # --- what happens at Google ---------------------------------------------------------------------------------------

    def place(self, name: str, role: str = "owner", id: str = "") -> str:
        """A new calendar: its id."""
        id = id or f"c{next(self._numbers)}@group.calendar.google.com"
        self.places[id] = Place(id, name, role)
        return id

    def event(self, place: str, **fields: Any) -> str:
        """Somebody makes an event: its id. `start` and `end` may be datetimes."""
        id = fields.pop("id", "") or f"ev{next(self._numbers):06}"
        for key in ("start", "end"):
            if isinstance(fields.get(key), datetime):
                fields[key] = {"dateTime": fields[key].isoformat(), "timeZone": "UTC"}
        defaults = {
            "kind": "calendar#event",
            "id": id,
            "status": "confirmed",
            "iCalUID": f"{id}@google.com",
            "sequence": 0,
            "organizer": {"email": OWNER, "self": True},
            "created": _now(),
        }
        self._changed(place, {**defaults, **fields})
        return id

    def change(self, place: str, id: str, **fields: Any) -> None:
        """Somebody changes an event."""
        self._changed(place, {**self.places[place].events[id], **fields})

    def delete(self, place: str, id: str) -> None:
        """Somebody deletes an event."""
        self.change(place, id, status="cancelled")

    def forget(self, place: str) -> None:
        """Every sync token and page token that was given so far is void."""
        self.places[place].oldest = next(self._numbers)

    def push(self, place: str, state: str = "exists") -> list[dict[str, str]]:
        """The headers of what Google sends over the channels of a calendar."""
        return [
            {
                "X-Goog-Channel-ID": id,
                "X-Goog-Channel-Token": channel["token"],
                "X-Goog-Channel-Expiration": "Mon, 30 Nov 2026 09:30:00 GMT",
                "X-Goog-Resource-ID": channel["resourceId"],
                "X-Goog-Resource-URI": f"{self.url}/calendar/v3/calendars/{place}/events?alt=json",
                "X-Goog-Resource-State": state,
                "X-Goog-Message-Number": "1" if state == "sync" else "10",
            }
            for id, channel in self.channels.items()
            if channel["place"] == place
        ]

    def _changed(self, place: str, event: dict[str, Any]) -> dict[str, Any]:
        number = next(self._numbers)
        events = self.places[place].events
        events.pop(event["id"], None)
        events[event["id"]] = {**event, "etag": f'"{number:016}"', "updated": _now(), "#": number}
        return events[event["id"]]

    # --- what the API answers -----------------------------------------------------------------------------------------

    async def handle(self, request: web.Request) -> web.Response:
        """One request."""
        try:
            if request.headers.get("Authorization") != f"Bearer {TOKEN}":
                raise Refused(401, "authError", "Invalid Credentials")
            if self.refuses:
                raise Refused(*self.refuses.pop(0))
            raw = await request.read()
            told = await self._answer(request, json.loads(raw) if raw else None)
        except Refused as refused:
            if refused.status == 400:
                self.faults.append(f"{request.method} {request.path_qs}: {refused}")
            error = {"domain": "global", "reason": refused.reason, "message": str(refused)}
            body = {"error": {"errors": [error], "code": refused.status, "message": str(refused)}}
            return web.json_response(body, status=refused.status)
        return web.Response(status=204) if told is None else web.json_response(told)

    async def _answer(self, request: web.Request, body: dict[str, Any] | None) -> dict[str, Any] | None:
        path = request.raw_path.partition("?")[0].removeprefix("/calendar/v3/")
        query = dict(parse_qsl(request.query_string, keep_blank_values=True, strict_parsing=bool(request.query_string)))
        self.asked.append((request.method, f"/{unquote(path)}", query))
        name, found = _method(request.method, path)
        _check_query(name, query)
        if body is not None:
            _check_body(name, body)
            self.told.append(body)
        if name == "calendarList.list":
            return self._calendars(query)
        if name == "channels.stop":
            if self.channels.pop(str((body or {})["id"]), None) is None:
                raise Refused(404, "notFound", "Channel not found")
            self.stopped.append(str((body or {})["id"]))
            return None
        place = self.places.get(unquote(found["calendarId"]))
        if place is None:
            raise Refused(404, "notFound", "Not Found")
        if name == "events.list":
            return self._events(place, query)
        if name == "events.watch":
            return self._watch(place, body or {})
        if name == "events.insert":
            return self._insert(place, body or {})
        event = place.events.get(unquote(found["eventId"]))
        if event is None:
            raise Refused(404, "notFound", "Not Found")
        if name == "events.get":
            return _shown(event)
        if request.headers.get("If-Match", event["etag"]) != event["etag"]:
            raise Refused(412, "conditionNotMet", "Precondition Failed")
        if name == "events.delete":
            if event["status"] == "cancelled":
                raise Refused(410, "deleted", "Resource has been deleted")
            self.delete(place.id, event["id"])
            return None
        return _shown(self._changed(place.id, {**event, **(body or {})}))

    def _calendars(self, query: Mapping[str, str]) -> dict[str, Any]:
        items = [
            {"id": each.id, "summary": each.name, "accessRole": each.role, "primary": each.id == OWNER}
            for each in self.places.values()
        ]
        return {"kind": "calendar#calendarList", "items": items[: int(query.get("maxResults", "100"))]}

    def _events(self, place: Place, query: Mapping[str, str]) -> dict[str, Any]:
        page = query.get("pageToken", "")
        begin = int(page.partition("/")[0]) if page else 0
        since, single = 0, query.get("singleEvents", "false")
        # A page goes on with what was there when the first was read.
        until = int(page.partition("/")[2]) if page else next(self._numbers)
        if until < place.oldest:
            raise Refused(410, "updatedMinTooLongAgo", "The page token is no longer valid.")
        if token := query.get("syncToken"):
            if _NOT_WITH_A_TOKEN & query.keys():
                raise Refused(400, "invalid", "Sync token cannot be used with other query restrictions")
            number, _, was = token.partition("/")
            if was != single:
                raise Refused(400, "invalid", "singleEvents is not what it was")
            since = int(number)
            if since < place.oldest:
                raise Refused(410, "fullSyncRequired", "Sync token is no longer valid, a full sync is required.")
        events = [each for each in place.events.values() if since < each["#"] <= until]
        if not token and query.get("showDeleted") != "true":
            events = [each for each in events if each["status"] != "cancelled" or "recurringEventId" in each]
        if uid := query.get("iCalUID"):
            events = [each for each in events if each.get("iCalUID") == uid]
        if single == "true":
            events = list(_instances(events, query))
        size = min(int(query.get("maxResults", "250")), self.page_size)
        shown = [_shown(each, brief=bool(token)) for each in events[begin : begin + size]]
        answer: dict[str, Any] = {"kind": "calendar#events", "timeZone": "UTC", "items": shown}
        if begin + size < len(events):
            answer["nextPageToken"] = f"{begin + size}/{until}"
        else:
            answer["nextSyncToken"] = f"{until}/{single}"
        return _picked(answer, query.get("fields", ""))

    def _watch(self, place: Place, body: Mapping[str, Any]) -> dict[str, Any]:
        if body.get("type") != "web_hook" or not str(body.get("address")).startswith("https://"):
            raise Refused(400, "push.webhookUrlNotHttps", "WebHook callback must be HTTPS")
        if body["id"] in self.channels:
            raise Refused(400, "channelIdNotUnique", "Channel id not unique")
        longest = int((datetime.now(UTC) + self.life).timestamp() * 1000)
        resource = f"r-{place.id}"
        self.channels[body["id"]] = {**body, "resourceId": resource, "place": place.id}
        expiration = str(min(int(body.get("expiration", longest)), longest))
        return {"kind": "api#channel", "id": body["id"], "resourceId": resource, "expiration": expiration}

    def _insert(self, place: Place, body: Mapping[str, Any]) -> dict[str, Any]:
        if "id" in body and "iCalUID" in body:
            raise Refused(400, "invalid", "Invalid resource id value.")
        if any(each.get("iCalUID") == body.get("iCalUID") for each in place.events.values()):
            raise Refused(409, "duplicate", "The requested identifier already exists.")
        return _shown(place.events[self.event(place.id, **body)])


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _shown(event: Mapping[str, Any], *, brief: bool = False) -> dict[str, Any]:
    """An event as the API tells it; *brief*: of what is deleted only what it promises."""
    shown = {key: value for key, value in event.items() if key != "#"}
    if brief and event["status"] == "cancelled":
        promised = {"kind", "id", "status", "etag", "recurringEventId", "originalStartTime"}
        shown = {key: value for key, value in shown.items() if key in promised}
    return shown


def _at(told: Mapping[str, str]) -> datetime:
    if "date" in told:
        return datetime.fromisoformat(told["date"]).replace(tzinfo=UTC)
    return datetime.fromisoformat(told["dateTime"])


def _instances(events: Sequence[dict[str, Any]], query: Mapping[str, str]) -> list[dict[str, Any]]:
    """Single events, and series as their instances, of the time that is asked for."""
    low, high = (datetime.fromisoformat(query[key]) for key in ("timeMin", "timeMax"))
    changed = {
        (each["recurringEventId"], _at(each["originalStartTime"])) for each in events if "originalStartTime" in each
    }
    found = []
    for each in events:
        if each["status"] == "cancelled" or "start" not in each:
            continue
        begin, end = _at(each["start"]), _at(each["end"])
        if not each.get("recurrence"):
            if begin < high and end > low:
                found.append(each)
            continue
        zone = ZoneInfo(each["start"]["timeZone"])
        wall = begin.astimezone(zone).replace(tzinfo=None)
        for at in rrulestr("\n".join(each["recurrence"]), dtstart=wall).between(
            low.astimezone(zone).replace(tzinfo=None) - (end - begin),
            high.astimezone(zone).replace(tzinfo=None),
            inc=True,
        ):
            start = at.replace(tzinfo=zone)
            if (each["id"], start) not in changed and start < high and start + (end - begin) > low:
                times = {
                    "start": {"dateTime": start.isoformat()},
                    "end": {"dateTime": (start + (end - begin)).isoformat()},
                }
                found.append({**each, **times, "recurringEventId": each["id"], "recurrence": []})
    return found


def _picked(answer: dict[str, Any], fields: str) -> dict[str, Any]:
    """The part of *answer* that *fields* names, as deep as its items."""
    if not fields:
        return answer
    within = re.search(r"items\((.*)\)", fields)
    names = set(re.sub(r"\([^()]*\)", "", within[1]).split(",")) if within else set()
    top = set(re.sub(r"\(.*\)", "", fields).split(","))
    kept = {key: value for key, value in answer.items() if key in top}
    kept["items"] = [{key: value for key, value in each.items() if key in names} for each in answer["items"]]
    return kept


# --- the description --------------------------------------------------------------------------------------------------


def _method(verb: str, path: str) -> tuple[str, dict[str, str]]:
    for resource, group in _SPEC["resources"].items():
        for name, method in group["methods"].items():
            pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", method["path"])
            if method["httpMethod"] == verb and (found := re.fullmatch(pattern, path)):
                return f"{resource}.{name}", found.groupdict()
    raise Refused(400, "notFound", f"there is no {verb} {path}")


def _described(name: str) -> dict[str, Any]:
    resource, _, method = name.partition(".")
    described: dict[str, Any] = _SPEC["resources"][resource]["methods"][method]
    return described


def _check_query(name: str, query: Mapping[str, str]) -> None:
    known = {**_SPEC["parameters"], **_described(name).get("parameters", {})}
    for key, value in query.items():
        if key not in known or known[key].get("location") == "path":
            raise Refused(400, "invalidParameter", f"{name} has no parameter {key}")
        kind, allowed = known[key]["type"], known[key].get("enum")
        if (kind == "boolean" and value not in ("true", "false")) or (kind == "integer" and not value.isdigit()):
            raise Refused(400, "invalidParameter", f"{key} is no {kind}: {value}")
        if allowed and value not in allowed:
            raise Refused(400, "invalidParameter", f"{key} cannot be {value}")


def _check_body(name: str, body: Mapping[str, Any]) -> None:
    reference = _described(name).get("request", {}).get("$ref")
    if reference is None:
        raise Refused(400, "invalid", f"{name} takes no body")
    _check_value(reference, {"$ref": reference}, body)


def _check_value(where: str, schema: Mapping[str, Any], value: Any) -> None:
    schema = _SPEC["schemas"][schema["$ref"]] if "$ref" in schema else schema
    kind = _PYTHON[schema["type"]]
    if type(value) is not kind:
        raise Refused(400, "invalid", f"{where} is no {schema['type']}")
    if isinstance(value, list):
        for each in value:
            _check_value(where, schema["items"], each)
    if isinstance(value, dict) and "properties" in schema:
        for key, each in value.items():
            if key not in schema["properties"] or schema["properties"][key].get("readOnly"):
                raise Refused(400, "invalid", f"{where} takes no {key}")
            _check_value(f"{where}.{key}", schema["properties"][key], each)


@asynccontextmanager
async def google_calendar() -> AsyncIterator[GoogleCalendar]:
    """A running one, with the account's main calendar. In the end nothing must have been asked that the description
    does not have."""
    api = GoogleCalendar()
    api.place("Alice", id=OWNER)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", api.handle)
    async with TestServer(app, host="127.0.0.1") as server:
        api.url = str(server.make_url("")).rstrip("/")
        yield api
    assert api.faults == []
