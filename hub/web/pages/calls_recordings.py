"""Recordings and messages: what is kept of calls, to be heard where the reader may."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from aiohttp import web
from sqlalchemy import Connection

from hub.calls.recordings import rows as kept
from hub.calls.recordings.policy import State
from hub.privacy.visibility import readable
from hub.store.schema import interactions, recordings
from hub.timeline import Item, among
from hub.vocabulary import Call, Level
from hub.web.i18n import Reader, talking
from hub.web.pages import call_words, entries, frame
from hub.web.pages.calls import PAGE, show
from hub.web.pages.contacts import read_place, write_place
from hub.web.pages.entries import Entry
from hub.web.pages.parties import names_of, parties

SHOWN = (State.WAITING, State.KEPT, State.REFUSED, State.FAILED)


@dataclass(frozen=True, slots=True)
class Sound:
    """A recording in words. *why* says what became of one that cannot be played, "" of one that can. *text* is what
    was said in it, as far as the provider wrote that down."""

    id: int
    voicemail: bool
    length: str
    why: str
    text: str


@dataclass(frozen=True, slots=True)
class Heard:
    """A call with its recordings."""

    entry: Entry
    sounds: tuple[Sound, ...]


def sounds(conn: Connection, speaks: Reader, item: Item) -> tuple[Sound, ...]:
    """What is kept of a call's sound, for those who may read all of it."""
    if not isinstance(item.facts, Call) or not readable(item.level, Level.ALL):
        return ()
    said = {each.recording: each.text for each in item.facts.transcripts if each.recording}
    return tuple(
        Sound(
            id=each.id,
            voicemail=each.voicemail,
            length=talking(each.seconds) if each.seconds else "",
            why=call_words.sound(speaks, each),
            text=said.get(each.provider_id, ""),
        )
        for each in kept.of(conn, [item.id])
    )


def transcript(item: Item) -> str:
    """What was said in the call itself, or in a recording that is not known here."""
    if not isinstance(item.facts, Call) or not readable(item.level, Level.ALL):
        return ""
    known = {each.id for each in item.facts.recordings}
    return "\n\n".join(each.text for each in item.facts.transcripts if each.recording not in known)


async def heard(request: web.Request) -> web.Response:
    """The calls of which something is kept, newest first; `only=messages` those with a message for us."""
    who, agents, speaks = frame.actor(request), frame.agents(request), frame.reader(request)
    messages = request.query.get("only") == "messages"
    beyond = read_place(request.query.get("after", ""))
    with_sound = sa.select(recordings.c.interaction_id).where(recordings.c.state.in_([each.value for each in SHOWN]))
    if messages:
        with_sound = with_sound.where(recordings.c.voicemail)

    def work(conn: Connection) -> tuple[list[Heard], str]:
        found = among(conn, who, interactions.c.id.in_(with_sound), PAGE + 1, beyond)
        people = parties(conn, [item.id for item in found], agents)
        names = names_of(agents.values())
        shown = [
            Heard(entries.entry(speaks, item, people[item.id], names), sounds(conn, speaks, item))
            for item in found[:PAGE]
        ]
        return shown, write_place(found[PAGE - 1].place) if len(found) > PAGE else ""

    shown, beyond_this = await frame.read(request, work)
    return await show(request, "recordings", "calls/_recordings.html", rows=shown, messages=messages, next=beyond_this)
