"""The web chat: what visitors say is recorded as messages of a chat, what agents answer is read from the same rows.

her browser ─▶ say ─▶ ingest ─▶ inbox ─▶ letter ─▶ connectors/web ─▶ the interaction it makes ─▶ heard ─▶ her browser
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from hub import facts
from hub.availability import Availability
from hub.config import Config
from hub.formats.digest import stable_id
from hub.ingest import Ingest
from hub.live import Live, LiveEvent
from hub.store import Store
from hub.store.chat_tables import chat_threads
from hub.store.schema import conversation_refs, interactions
from hub.visitors import sessions
from hub.visitors.fronts import Front, said
from hub.visitors.sessions import Session
from hub.vocabulary import Channel, Delivered, Direction, Event, Kind, Message, Participant, Receipt, Role

US = "web:us"
LATEST = 200
"""So many messages of a chat its visitor sees."""
STREAMS = 2000
STREAMS_OF_ONE = 4


class TooManyStreams(Exception):
    """So many pages are open that one more would be at the others' cost."""


@dataclass(frozen=True, slots=True)
class Line:
    """A message as the visitor sees it: *client* is the id her page gave it, "" for ours; *by* is who of us wrote."""

    id: int
    key: str
    client: str
    mine: bool
    text: str
    at: datetime
    by: str


@dataclass(slots=True, eq=False)
class Stream:
    """An open page of a chat: *news* is set when something happened in the *conversation*, or may have."""

    thread: str
    conversation: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)
    ended: bool = False

    async def wait(self, seconds: float) -> None:
        """Until there may be news, at most *seconds*."""
        try:
            async with asyncio.timeout(seconds):
                await self.news.wait()
        except TimeoutError:
            return
        finally:
            self.news.clear()


class Talks:
    """Every web chat."""

    def __init__(self, config: Config, store: Store, ingest: Ingest, live: Live, availability: Availability) -> None:
        self._config = config
        self._store = store
        self._ingest = ingest
        self._live = live
        self._availability = availability
        self._streams: set[Stream] = set()
        live.overhear("activity", self._hear)

    async def session(self, front: Front, secret: str) -> Session | None:
        """The chat of whoever has *secret*. Raises `Unavailable`."""
        now = datetime.now(UTC)
        return await self._store.read(lambda conn: sessions.find(conn, front.source, secret, now))

    async def say(self, front: Front, secret: str, client: str, text: str, tag: str) -> Session:
        """Returns once *text* is recorded, under the id *client* that her page gave it: saying it again adds nothing.
        Raises `Unavailable`."""
        now, new_id = datetime.now(UTC), self._store.ids()
        session = await self.session(front, secret)
        if session is None:
            session = await self._store.write(lambda conn: sessions.begin(conn, new_id, front.source, secret, tag, now))
        message = Message(participants=self._people(front, session), text=text, sent_at=now)
        await self._ingest.record(front.source, [_event(session, client, "said", now, message)])
        return session

    async def introduce(self, front: Front, session: Session, name: str, mail: str) -> Session:
        """She says who she is; *mail* is a handle. Her last message says so, too, so that she is matched at once. An
        address of ours is not hers. Raises `Unavailable`."""
        mail = "" if mail in self._ingest.ours.handles else mail
        await self._store.write(lambda conn: sessions.introduce(conn, session.id, name, mail))
        session = replace(session, name=name, mail=mail)
        last = next((each for each in reversed(await self.lines(session)) if each.mine), None)
        if last is not None:
            message = Message(participants=self._people(front, session))
            id = stable_id("introduced", name, mail)
            event = _event(session, last.client, id, datetime.now(UTC), message)
            await self._ingest.record(front.source, [event], live=False)
        return session

    async def lines(self, session: Session) -> list[Line]:
        """What was said, oldest first, the latest `LATEST` of it. Raises `Unavailable`."""
        return await self._store.read(lambda conn: _lines(conn, session)[1])

    async def look(self, session: Session, stream: Stream) -> list[Line]:
        """As `lines`; from then on *stream* hears of news."""
        stream.conversation, found = await self._store.read(lambda conn: _lines(conn, session))
        return found

    async def received(self, session: Session, ids: Collection[int], read: bool) -> None:
        """Her page has shown, or she has *read*, messages of ours. Others are passed over. Raises `Unavailable`."""
        now = datetime.now(UTC)
        ours = [each.key for each in await self.lines(session) if not each.mine and each.id in ids]
        state = Delivered.READ if read else Delivered.DELIVERED
        if ours:
            await self._ingest.record(session.source, [Receipt(key=key, state=state, at=now) for key in ours])

    async def looked(self, session: Session) -> None:
        """She looks at her chat: its secret is good for longer. Raises `Unavailable`."""
        now = datetime.now(UTC)
        await self._store.write(lambda conn: sessions.seen(conn, session.id, now))

    async def somebody(self, front: Front) -> bool:
        """Whether anybody who would answer is there: of the team, or of all. Raises `Unavailable`."""
        team = self._config.teams.get(front.team)
        agents = set(team.agents) if team else set(self._config.agents)
        if not self._config.redis:  # else the screens of other hubs are not known here
            agents &= set(self._live.agents())
        if not agents:
            return False
        standing = await self._availability.everybody()
        return any(standing[each].present for each in agents if each in standing)

    @contextmanager
    def stream(self, session: Session) -> Iterator[Stream]:
        """An open page. Raises `TooManyStreams`."""
        mine = sum(each.thread == session.thread for each in self._streams)
        if mine >= STREAMS_OF_ONE or len(self._streams) >= STREAMS:
            raise TooManyStreams
        stream = Stream(session.thread)
        self._streams.add(stream)
        try:
            yield stream
        finally:
            self._streams.discard(stream)

    def end(self) -> None:
        """The hub stops: no stream holds it up."""
        for stream in self._streams:
            stream.ended = True
            stream.news.set()

    def _hear(self, event: LiveEvent) -> None:
        named = set(event.data.get("conversations", ()))
        for stream in self._streams:
            if "*" in named or str(stream.conversation) in named:
                stream.news.set()

    def _people(self, front: Front, session: Session) -> tuple[Participant, ...]:
        title = said(front.title, self._config.languages[0], front.source)
        name = session.name or ("" if session.mail else f"{title} {session.thread[:4].upper()}")
        return Participant(session.handle, Role.SENDER, name), Participant(US, Role.RECIPIENT, title)


def _event(session: Session, client: str, id: str, at: datetime, message: Message) -> Event:
    return Event(
        key=f"web:{session.thread}/{client}",
        id=id,
        channel=Channel.CHAT,
        at=at,
        facts=message,
        conversation=session.thread,
    )


def _lines(conn: Connection, session: Session) -> tuple[int, list[Line]]:
    """The conversation, 0 where there is none, and what its visitor sees: what was told in her thread, and nothing else
    of a conversation that it may have become a part of."""
    named = sa.select(conversation_refs.c.conversation_id).where(conversation_refs.c.ref == f"web:{session.thread}")
    conversation: int = conn.execute(named).scalar() or 0
    if not conversation:
        return 0, []
    columns = [interactions.c[name] for name in ("id", "key", "direction", "occurred_at")]
    found = conn.execute(
        sa.select(*columns, sa.type_coerce(interactions.c.facts, sa.Text).label("facts"))
        .join(chat_threads, chat_threads.c.interaction_id == interactions.c.id)
        .where(
            interactions.c.conversation_id == conversation,
            interactions.c.kind == Kind.MESSAGE.value,
            chat_threads.c.source == session.source,
            chat_threads.c.thread == session.thread,
        )
        .order_by(interactions.c.occurred_at.desc(), interactions.c.id.desc())
        .limit(LATEST)
    ).all()
    return conversation, [_line(row, session) for row in reversed(found)]


def _line(row: sa.Row[tuple[object, ...]], session: Session) -> Line:
    message = facts.decode(Kind.MESSAGE, row.facts)
    assert isinstance(message, Message), "only messages are read"
    mine = row.direction == Direction.INBOUND.value
    by = next((each.name for each in message.participants or () if each.role.begins), "")
    client = row.key.removeprefix(f"web:{session.thread}/") if mine else ""
    return Line(row.id, row.key, client, mine, message.text or "", row.occurred_at, "" if mine else by)
