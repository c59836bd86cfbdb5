"""The way out: what an agent wrote becomes a letter, which is held a moment and then sent by `couriers`.

wanted ─▶ its medium: may she? whom to? what exactly? ─▶ one transaction: letter, recipients, thread ─▶ couriers
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from hub import audit
from hub.config import Config
from hub.contracts import Sender, Unavailable
from hub.courier import Status
from hub.ingest import Ingest
from hub.letters import canned as answers
from hub.letters import drafts, letters, placeholders, suggest
from hub.letters.answering import NotOpen
from hub.letters.chats import MEDIUM, Chats
from hub.letters.couriers import Couriers, LettersPace
from hub.letters.identities import Identity, identities
from hub.letters.letters import LetterView
from hub.letters.mails import MOST_BYTES, Mails
from hub.letters.medium import Medium, Office, Place, Plan, among_undeliverable, check_latest
from hub.letters.states import Reached, State
from hub.letters.system import Dispatch
from hub.letters.texts import Texts, named
from hub.letters.token import Tokens
from hub.letters.wanted import Answer, Answering, CannotSend, Suggested, Wanted, writer
from hub.live import Live, LiveEvent
from hub.privacy.never_log import NeverLog
from hub.privacy.visibility import Actor
from hub.store import Store
from hub.store.schema import conversation_refs, interactions, letter_recipients, participants
from hub.store.schema import letters as rows
from hub.vocabulary import Channel, Kind, Role


class Post:
    """Open it with `async with` to send: without, letters are taken and wait, as in a command that is over in a second.

    *senders* are those of the sources that can send. *undo_seconds* is how long a letter can be called back.
    """

    def __init__(
        self,
        config: Config,
        store: Store,
        ingest: Ingest,
        live: Live,
        senders: Mapping[str, Sender],
        tokens: Tokens,
        *,
        undo_seconds: float = 10,
        pace: LettersPace | None = None,
    ) -> None:
        self._config = config
        self._store = store
        self._live = live
        self._index = suggest.Index()
        on = {channel: [name for name, each in senders.items() if channel in each.channels] for channel in Channel}
        undo = timedelta(seconds=undo_seconds)
        office = Office(config, store.blobs, undo, NeverLog(config.privacy.never_log))
        self._mails = Mails(office, on[Channel.EMAIL], tokens)
        plain = {
            channel: [name for name in names if channel not in senders[name].speech] for channel, names in on.items()
        }
        self._texts = {each: Texts(office, each, plain[each]) for each in (Channel.SMS, Channel.CHAT)}
        self._chats = Chats(office, senders)
        self._media: dict[str, Medium] = {str(Channel.EMAIL): self._mails, MEDIUM: self._chats}
        self._media.update({str(channel): each for channel, each in self._texts.items()})
        self._couriers = Couriers(self._media, store, ingest, live, senders, pace=pace)
        self.dispatch = Dispatch(config, store.blobs, tokens, on, store.ids)
        """Takes what the hub itself tells people."""
        self.sources = tuple(sorted(senders))
        """The sources that can send."""

    async def __aenter__(self) -> Self:
        await self._couriers.__aenter__()
        return self

    async def __aexit__(self, *about: object) -> None:
        await self._couriers.__aexit__(*about)

    def statuses(self) -> dict[str, Status]:
        """How sending from each source does, as this hub sees it."""
        return self._couriers.statuses()

    # --- before it is written ---

    async def identities(self, actor: Actor, conversation_id: int | None) -> list[Identity]:
        """As whom *actor* may write mail, the preferred identity first."""
        return await self._store.read(lambda conn: identities(conn, self._config, self.sources, actor, conversation_id))

    async def answer(self, actor: Actor, conversation_id: int, interaction_id: int | None = None) -> Answer:
        """What an answer to the latest mail, or to *interaction_id*, begins with. Raises `NotOpen`."""
        return await self._store.read(lambda conn: self._mails.answer(conn, actor, conversation_id, interaction_id))

    async def answering(self, actor: Actor, conversation_id: int) -> Answering:
        """What may be said in a conversation now, on whatever channel it is. Raises `NotOpen`."""

        def work(conn: Connection) -> Answering:
            medium = self._medium(conn, conversation_id, None)
            if isinstance(medium, Texts | Chats):
                return medium.answering(conn, actor, conversation_id)
            answer = self._mails.answer(conn, actor, conversation_id, None)
            return Answering(
                channel=Channel.EMAIL, identities=answer.identities, theirs="", interaction=answer.interaction
            )

        return await self._store.read(work)

    def numbers(self, actor: Actor, channel: Channel) -> list[Identity]:
        """As whom *actor* may begin a conversation on *channel*, an SMS or a chat."""
        return self._texts[channel].identities(actor)

    async def suggestions(self, actor: Actor, conversation_id: int) -> list[Suggested]:
        """Canned answers that were sent for messages like the latest one that came in, the best first. Raises
        `NotOpen`."""

        def work(conn: Connection) -> list[Suggested]:
            said = self._medium(conn, conversation_id, None).words(conn, actor, conversation_id)
            if said is None:
                return []
            self._index.refresh(conn)
            allowed = {one.id: one for one in answers.listed(conn, writer(actor))}
            found = self._index.ranked(said, allowed)
            gaps = placeholders.values(conn, conversation_id, self._name(actor)) if found else {}
            return [
                Suggested(one, placeholders.fill(one.body, gaps), each.score, each.uses, each.words)
                for each in found
                for one in (allowed[each.canned_id],)
            ]

        return await self._store.read(work)

    async def filled(self, actor: Actor, conversation_id: int, canned_id: int) -> str | None:
        """A canned answer with its gaps filled for a conversation; None where there is none that she may use."""

        def work(conn: Connection) -> str | None:
            one = answers.by_id(conn, writer(actor), canned_id)
            if one is None:
                return None
            return placeholders.fill(one.body, placeholders.values(conn, conversation_id, self._name(actor)))

        return await self._store.read(work)

    # --- writing it ---

    async def write(self, actor: Actor, conversation_id: int | None, wanted: Wanted) -> LetterView:
        """Take a letter: an answer in a conversation, or with None the beginning of one. It leaves when it is due.

        Raises `CannotSend`, `NotOpen`, `Unavailable`.
        """
        now, letter_id, entry = datetime.now(UTC), self._store.ids(), self._store.ids()
        conversation = self._store.ids() if conversation_id is None else conversation_id
        begun = conversation_id is None

        def planned(conn: Connection) -> Plan:
            medium = self._begins(wanted) if begun else self._medium(conn, conversation, wanted.reply_to)
            return medium.plan(conn, actor, Place(conversation, begun, letter_id, now), wanted)

        plan = await self._store.read(planned)
        try:
            await asyncio.to_thread(self._store.blobs.settle, plan.row["blob"], plan.raw)
        except OSError as error:
            raise Unavailable(f"the blob folder cannot be written: {error.strerror}") from error

        def work(conn: Connection) -> LetterView:
            if not begun:
                check_latest(conn, conversation, wanted)
            belongs = (named(conn, plan.refs) if begun else None) or conversation
            self._store.blobs.keep(conn, [(plan.row["blob"], plan.raw)])
            conn.execute(rows.insert().values({**plan.row, "id": letter_id, "conversation_id": belongs}))
            conn.execute(
                letter_recipients.insert(),
                [
                    {"letter_id": letter_id, "handle": handle, "role": str(role), "name": name,
                     "state": Reached.QUEUED, "at": now}
                    for handle, (role, name) in plan.recipients.items()
                ],
            )  # fmt: skip
            insert = (sqlite.insert if conn.dialect.name == "sqlite" else postgresql.insert)(conversation_refs)
            known = [{"ref": ref, "conversation_id": belongs} for ref in plan.refs]
            if known:
                conn.execute(insert.on_conflict_do_nothing(), known)
            drafts.discard(conn, writer(actor), belongs)
            audit.note(conn, entry, actor, "letter.write", f"letter/{letter_id}", now)
            view = letters.by_id(conn, letter_id)
            assert view is not None, "it was just written"
            return view

        view = await self._store.write(work)
        self._tell(view.conversation_id)
        if plan.row["due_at"] <= datetime.now(UTC):  # nothing is held back: whoever chats reads it at once
            self._couriers.look()
        return view

    async def cancel(self, actor: Actor, letter_id: int) -> bool:
        """Call a letter back; its words are a draft again. False where it left."""
        return await self._change(actor, letter_id, "letter.cancel", letters.cancel)

    async def send_now(self, actor: Actor, letter_id: int) -> bool:
        """Send what is held or scheduled at once. False where it left."""
        return await self._change(actor, letter_id, "letter.send-now", letters.send_now)

    async def retry(self, actor: Actor, letter_id: int) -> LetterView | None:
        """Send again what failed or was perhaps sent: the letter, or its new copy where a provider took it and could
        not deliver it. None where it is neither. Raises `CannotSend`, `NotOpen`, `Unavailable`."""
        if await self._change(actor, letter_id, "letter.retry", letters.retry):
            return await self._store.read(lambda conn: letters.by_id(conn, letter_id))
        lost = await self._store.write(lambda conn: letters.undelivered(conn, letter_id))
        if lost is None:
            return None
        said = lost.content.get("template")
        about = Wanted(
            text=lost.content["text"],
            source=lost.source,
            sender=lost.sender,
            uploads=tuple(int(each) for each in lost.content.get("uploads", ())),
            template=said["name"] if said else "",
            values=said["values"] if said else {},
        )
        try:
            return await self.write(actor, lost.conversation_id, about)
        except Exception:
            await self._store.write(lambda conn: letters.not_again(conn, letter_id))
            raise

    async def _change(self, actor: Actor, letter_id: int, action: str, change: Any) -> bool:
        entry, now = self._store.ids(), datetime.now(UTC)

        def work(conn: Connection) -> LetterView | None:
            if not change(conn, letter_id):
                return None
            audit.note(conn, entry, actor, action, f"letter/{letter_id}", now)
            return letters.by_id(conn, letter_id)

        view = await self._store.write(work)
        if view is None:
            return False
        self._tell(view.conversation_id)
        if view.state is State.QUEUED:
            self.resume(view.source)
        return True

    def look(self) -> None:
        """A letter was taken that is due now: do not wait for the next look."""
        self._couriers.look()

    def resume(self, source: str) -> None:
        """Somebody says that sending from *source* may work now: try it, whatever stopped it."""
        self._couriers.resume(source)

    def _tell(self, conversation_id: int) -> None:
        self._live.publish([LiveEvent("activity", {"conversations": [str(conversation_id)]})])

    def _name(self, actor: Actor) -> str:
        return self._config.agents[actor.agent].name if actor.agent in self._config.agents else ""

    def _medium(self, conn: Connection, conversation_id: int, interaction_id: int | None) -> Medium:
        """How one writes in a conversation, or in answer to that interaction of it."""
        latest = _latest(conn, conversation_id, interaction_id)
        if latest is None:
            return self._mails
        interaction, channel, kind = latest
        if channel is Channel.WEB and kind is Kind.MESSAGE:
            return self._to_writer(conn, interaction)
        return self._chats if self._chats.speaks(conn, channel, interaction) else self._media.get(channel, self._mails)

    def _to_writer(self, conn: Connection, interaction: int) -> Medium:
        """How one writes to whoever filled in a form: by the address that she gave."""
        wanted = sa.select(participants.c.handle).where(
            participants.c.interaction_id == interaction, participants.c.role == Role.SENDER.value
        )
        scheme = str(conn.execute(wanted.limit(1)).scalar() or "").partition(":")[0]
        if scheme == "tel":
            return self._texts[Channel.SMS]
        return self._mails if scheme == "mailto" else self._chats

    def _begins(self, wanted: Wanted) -> Medium:
        """How a conversation is begun: on the wanted channel, else as the recipients' addresses say."""
        if wanted.channel is not None:
            return self._media.get(wanted.channel, self._mails)
        schemes = {each.handle.partition(":")[0] for each in wanted.to}
        if "whatsapp" in schemes or wanted.template:
            return self._texts[Channel.CHAT]
        return self._texts[Channel.SMS] if "tel" in schemes else self._mails


def _latest(conn: Connection, conversation_id: int, interaction_id: int | None) -> tuple[int, Channel, Kind] | None:
    """That message or post of a conversation, else the latest one in it, its channel and its kind; None where there
    is none."""
    wanted = sa.select(interactions.c.id, interactions.c.channel, interactions.c.kind).where(
        interactions.c.conversation_id == conversation_id,
        interactions.c.kind.in_((Kind.MESSAGE.value, Kind.MENTION.value)),
    )
    if interaction_id is not None:
        wanted = wanted.where(interactions.c.id == interaction_id)
    row = conn.execute(
        wanted.order_by(interactions.c.occurred_at.desc(), interactions.c.id.desc()).limit(1)
    ).one_or_none()
    return (row.id, Channel(row.channel), Kind(row.kind)) if row else None


__all__ = [
    "MOST_BYTES",
    "Answer",
    "Answering",
    "CannotSend",
    "NotOpen",
    "Post",
    "Suggested",
    "Wanted",
    "among_undeliverable",
    "writer",
]
