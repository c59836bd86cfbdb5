"""The web chat: its page, and what that asks and says. The visitor shows the secret that her browser drew, as a bearer
token (RFC 6750): no cookie, so that no other site can speak for her."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import orjson
from aiohttp import web

from hub.contracts import Unavailable
from hub.formats import handles
from hub.formats.digest import stable_id
from hub.visitors.fronts import Front
from hub.visitors.sessions import Session, is_secret
from hub.visitors.talks import Line, Stream, Talks, TooManyStreams
from hub.web.keys import SERVICE
from hub.web.problems import Problem
from hub.web.visitors import page
from hub.web.visitors.gate import GATE, check_size

LONGEST = 4000
LONGEST_NAME = 200
QUIET_SECONDS = 15.0
LONGEST_WAIT = 25.0
STUCK_SECONDS = 10.0
RETRY_MILLISECONDS = 1000

_CLIENT = re.compile(r"[A-Za-z0-9_-]{8,64}")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


async def see(request: web.Request) -> web.StreamResponse:
    """The page, which other sites show in a frame."""
    front = page.front_of(request, "chat")
    request.app[GATE].look(request)
    try:
        here = await _talks(request).somebody(front)
    except Unavailable:  # what she writes is kept by her page until it can be taken
        here = False
    return page.show(request, "chat.html", front, page.reader(request, front), here_now=here)


async def read(request: web.Request) -> web.StreamResponse:
    """What was said: `{"lines", "version", "me", "here"}`. With `version` it waits until that is not the state any
    more, at most `wait` seconds."""
    front = page.front_of(request, "chat")
    request.app[GATE].look(request)
    session = await _session(request, front, _secret(request))
    talks = _talks(request)
    wait = min(float(text), LONGEST_WAIT) if (text := request.query.get("wait", "")).isdigit() else 0.0
    with _stream(talks, session) as stream:
        lines = await talks.look(session, stream)
        if wait and request.query.get("version") == _version(lines):
            await stream.wait(wait)
            lines = await talks.lines(session)
    return web.json_response(await _state(request, front, session, lines))


async def say(request: web.Request) -> web.StreamResponse:
    """`{"id": …, "text": …}`: the id is the page's own, and saying it again adds nothing."""
    front, secret = page.front_of(request, "chat"), _secret(request)
    document = await _document(request)
    client, text = str(document.get("id", "")), str(document.get("text", ""))
    text = _CONTROL.sub("", text.replace("\r\n", "\n")).strip()
    if not _CLIENT.fullmatch(client):
        raise Problem(422, "no-id", "A message needs an id: 8 to 64 of the letters A-Z, a-z, 0-9, _ and -.")
    if not text:
        raise Problem(422, "empty", "Write something first.")
    if len(text) > LONGEST:
        raise Problem(422, "too-long", f"A message has at most {LONGEST} characters, this one {len(text)}.")
    request.app[GATE].say(request, secret)
    talks = _talks(request)
    session = await talks.say(front, secret, client, text, page.reader(request, front).tag)
    return web.json_response(await _state(request, front, session, await talks.lines(session)), status=201)


async def introduce(request: web.Request) -> web.StreamResponse:
    """`{"name": …, "mail": …}`: who she is."""
    front, secret = page.front_of(request, "chat"), _secret(request)
    document = await _document(request)
    request.app[GATE].say(request, secret)
    session = await _session(request, front, secret)
    name = " ".join(_CONTROL.sub("", str(document.get("name", ""))).split())[:LONGEST_NAME]
    mail = handles.mail(str(document.get("mail", "")))
    if mail is None:
        raise Problem(422, "no-mail", "This is no mail address.")
    talks = _talks(request)
    session = await talks.introduce(front, session, name, mail)
    return web.json_response(await _state(request, front, session, await talks.lines(session)))


async def received(request: web.Request) -> web.StreamResponse:
    """`{"ids": […], "read": true}`: her page has shown these messages of ours, or she has read them."""
    front, secret = page.front_of(request, "chat"), _secret(request)
    document = await _document(request)
    request.app[GATE].look(request)
    session = await _session(request, front, secret)
    ids = document.get("ids")
    if not isinstance(ids, list) or len(ids) > 200:
        raise Problem(422, "no-ids", "Name at most 200 messages.")
    known = {int(each) for each in ids if isinstance(each, str) and each.isdigit() and len(each) < 20}
    await _talks(request).received(session, known, document.get("read") is True)
    return web.Response(status=204)


async def stream(request: web.Request) -> web.StreamResponse:
    """Server-sent events (WHATWG HTML, 9.2), read with fetch so that the secret stays out of addresses: `said` with the
    state whenever it changes."""
    front = page.front_of(request, "chat")
    request.app[GATE].look(request)
    session = await _session(request, front, _secret(request))
    talks = _talks(request)
    await talks.looked(session)
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    )
    with _stream(talks, session) as open_page:
        lines = await talks.look(session, open_page)
        await response.prepare(request)
        try:
            await response.write(b"retry: %d\n\n" % RETRY_MILLISECONDS)
            told = ""
            while not open_page.ended:
                state = await _state(request, front, session, lines)
                frame = b": still here\n\n"
                if (now := stable_id(orjson.dumps(state).decode())) != told:
                    frame, told = b"event: said\ndata: " + orjson.dumps(state) + b"\n\n", now
                async with asyncio.timeout(STUCK_SECONDS):
                    await response.write(frame)
                await open_page.wait(QUIET_SECONDS)
                lines = await talks.look(session, open_page)
        except (TimeoutError, ConnectionResetError):
            if request.transport is not None:
                request.transport.abort()
    return response


async def _end(app: web.Application) -> None:
    app[SERVICE].visitors.talks.end()


def add_routes(app: web.Application) -> None:
    """The chat."""
    app.router.add_get("/chat/{source}", see)
    app.router.add_get("/chat/{source}/messages", read)
    app.router.add_post("/chat/{source}/messages", say)
    app.router.add_post("/chat/{source}/me", introduce)
    app.router.add_post("/chat/{source}/received", received)
    app.router.add_get("/chat/{source}/stream", stream, allow_head=False)
    app.on_shutdown.append(_end)


def _talks(request: web.Request) -> Talks:
    return request.app[SERVICE].visitors.talks


def _secret(request: web.Request) -> str:
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not is_secret(secret):
        raise Problem(401, "no-secret", "Show the secret of this chat as a bearer token: 43 characters of base64url.")
    return secret


async def _session(request: web.Request, front: Front, secret: str) -> Session:
    session = await _talks(request).session(front, secret)
    if session is None:
        raise Problem(404, "no-chat", "There is no such chat (any more).")
    return session


async def _document(request: web.Request) -> dict[str, Any]:
    check_size(request)
    if request.content_type != "application/json":
        raise Problem(415, "not-json", "Send JSON.")
    try:
        document = await request.json()
    except ValueError as error:
        raise Problem(400, "not-json", "This is no JSON.") from error
    if not isinstance(document, dict):
        raise Problem(400, "not-json", "Send an object.")
    return document


@contextmanager
def _stream(talks: Talks, session: Session) -> Iterator[Stream]:
    try:
        with talks.stream(session) as opened:
            yield opened
    except TooManyStreams as error:
        raise Problem(429, "too-many", "This chat is open too often.", headers={"Retry-After": "5"}) from error


async def _state(request: web.Request, front: Front, session: Session, lines: Sequence[Line]) -> dict[str, Any]:
    return {
        "lines": [
            {
                "id": str(each.id),
                "client": each.client,
                "mine": each.mine,
                "text": each.text,
                "at": each.at.isoformat(),
                "by": each.by,
            }
            for each in lines
        ],
        "version": _version(lines),
        "me": {"name": session.name, "mail": handles.display(session.mail) if session.mail else ""},
        "here": await _talks(request).somebody(front),
    }


def _version(lines: Sequence[Line]) -> str:
    return stable_id(*(f"{each.id} {each.text}" for each in lines))
