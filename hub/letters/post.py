"""The way out: what an agent wrote becomes a letter, which is held a moment and then sent by `couriers`.

wanted ─▶ may she? whom to? ─▶ compose ─▶ one transaction: letter, recipients, thread ─▶ couriers
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy import Connection

from hub import audit
from hub.config import Config
from hub.contracts import Sender, Unavailable
from hub.courier import Status
from hub.formats.digest import digest
from hub.ingest import Ingest
from hub.letters import canned as answers
from hub.letters import compose, drafts, letters, placeholders, signatures, suggest
from hub.letters.answering import Answered, NotOpen, answered_by, latest_inbound
from hub.letters.compose import Content, File, People, Person
from hub.letters.couriers import Couriers, LettersPace
from hub.letters.identities import Identity, identities
from hub.letters.letters import LetterView
from hub.letters.states import Reached, State
from hub.letters.token import Tokens
from hub.letters.wanted import Answer, CannotSend, Suggested, Wanted, writer
from hub.live import Live, LiveEvent
from hub.privacy.never_log import NeverLog
from hub.privacy.visibility import Actor
from hub.store import Store
from hub.store.schema import conversation_refs, letter_recipients, undeliverable
from hub.store.schema import letters as rows

MOST_RECIPIENTS = 100
MOST_BYTES = 25_000_000
"""Of all files of a letter together: what most servers take, with the third that their encoding adds."""


@dataclass(frozen=True, slots=True)
class _Plan:
    row: dict[str, Any]
    recipients: Mapping[str, tuple[str, str]]
    raw: bytes = field(repr=False)


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
        self._tokens = tokens
        self._undo = timedelta(seconds=undo_seconds)
        self._never = NeverLog(config.privacy.never_log)
        self._index = suggest.Index()
        self._couriers = Couriers(config, store, ingest, live, senders, pace=pace)
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
        """As whom *actor* may write, the preferred identity first."""
        return await self._store.read(lambda conn: identities(conn, self._config, self.sources, actor, conversation_id))

    async def answer(self, actor: Actor, conversation_id: int, interaction_id: int | None = None) -> Answer:
        """What an answer to the latest mail, or to *interaction_id*, begins with. Raises `NotOpen`."""
        return await self._store.read(lambda conn: self._answer(conn, actor, conversation_id, interaction_id))

    async def suggestions(self, actor: Actor, conversation_id: int) -> list[Suggested]:
        """Canned answers that were sent for messages like the latest one that came in, the best first. Raises
        `NotOpen`."""

        def work(conn: Connection) -> list[Suggested]:
            answered = answered_by(conn, self._store.blobs, actor, conversation_id, None)
            if answered is None:
                return []
            self._index.refresh(conn)
            allowed = {one.id: one for one in answers.listed(conn, writer(actor))}
            found = self._index.ranked(answered.words, allowed)
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
        plan = await self._store.read(lambda conn: self._plan(conn, actor, conversation, begun, wanted, now))
        try:
            await asyncio.to_thread(self._store.blobs.settle, plan.row["blob"], plan.raw)
        except OSError as error:
            raise Unavailable(f"the blob folder cannot be written: {error.strerror}") from error

        def work(conn: Connection) -> LetterView:
            if not begun:
                self._still_latest(conn, conversation, wanted)
            self._store.blobs.keep(conn, [(plan.row["blob"], plan.raw)])
            conn.execute(rows.insert().values({**plan.row, "id": letter_id}))
            conn.execute(
                letter_recipients.insert(),
                [
                    {"letter_id": letter_id, "handle": handle, "role": str(role), "name": name,
                     "state": Reached.QUEUED, "at": now}
                    for handle, (role, name) in plan.recipients.items()
                ],
            )  # fmt: skip
            # The mail finds its conversation by its own name, whichever of its copies is read first.
            conn.execute(conversation_refs.insert().values(ref=plan.row["key"], conversation_id=conversation))
            drafts.discard(conn, writer(actor), conversation)
            audit.note(conn, entry, actor, "letter.write", f"letter/{letter_id}", now)
            view = letters.by_id(conn, letter_id)
            assert view is not None, "it was just written"
            return view

        view = await self._store.write(work)
        self._tell(conversation)
        return view

    async def cancel(self, actor: Actor, letter_id: int) -> bool:
        """Call a letter back; its words are a draft again. False where it left."""
        return await self._change(actor, letter_id, "letter.cancel", letters.cancel)

    async def send_now(self, actor: Actor, letter_id: int) -> bool:
        """Send what is held or scheduled at once. False where it left."""
        return await self._change(actor, letter_id, "letter.send-now", letters.send_now)

    async def retry(self, actor: Actor, letter_id: int) -> bool:
        """Send again what failed or was perhaps sent. False where it is neither."""
        return await self._change(actor, letter_id, "letter.retry", letters.retry)

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

    def resume(self, source: str) -> None:
        """Somebody says that sending from *source* may work now: try it, whatever stopped it."""
        self._couriers.resume(source)

    def _tell(self, conversation_id: int) -> None:
        self._live.publish([LiveEvent("activity", {"conversations": [str(conversation_id)]})])

    def _name(self, actor: Actor) -> str:
        return self._config.agents[actor.agent].name if actor.agent in self._config.agents else ""

    # --- one letter, as SQL and bytes ---

    def _answer(self, conn: Connection, actor: Actor, conversation_id: int, interaction_id: int | None) -> Answer:
        answered = answered_by(conn, self._store.blobs, actor, conversation_id, interaction_id)
        senders = tuple(identities(conn, self._config, self.sources, actor, conversation_id))
        signature = signatures.under(conn, writer(actor), senders[0].source) if senders else ""
        if answered is None:
            nobody = People(())
            return Answer(
                identities=(), interaction=None, reply=nobody, reply_all=nobody, subject="", quoted="",
                signature=signature,
            )  # fmt: skip
        ours = self._ours()
        return Answer(
            identities=senders,
            interaction=answered.interaction_id,
            reply=answered.people(ours, everybody=False),
            reply_all=answered.people(ours, everybody=True),
            subject=compose.reply_subject(answered.subject),
            quoted=answered.quoted(self._config.timezone),
            signature=signature,
        )

    def _plan(
        self, conn: Connection, actor: Actor, conversation: int, begun: bool, wanted: Wanted, now: datetime
    ) -> _Plan:
        answered: Answered | None = None
        if not begun:
            answered = answered_by(conn, self._store.blobs, actor, conversation, wanted.reply_to)
            if answered is None:
                raise CannotSend("not-by-mail", "This conversation is not by mail. Write a new mail instead.")
            self._still_latest(conn, conversation, wanted)
        sender = self._sender(conn, actor, None if begun else conversation, wanted)
        people = People(wanted.to, wanted.cc)
        if answered is not None and not (wanted.to or wanted.cc or wanted.bcc):
            people = answered.people(self._ours(), everybody=False)
        recipients = compose.envelope(people.to, people.cc, wanted.bcc)
        self._check_recipients(conn, recipients, wanted)
        if (left := placeholders.gaps(f"{wanted.subject or ''}\n{wanted.text}")) and not wanted.force:
            raise CannotSend("gaps", f"There is a gap left to fill: {', '.join(left)}.", gaps=left)
        files = self._files(conn, actor, wanted)
        due_at = max(wanted.send_at, now) if wanted.send_at else now + self._undo
        subject = wanted.subject if wanted.subject is not None else ""
        if answered is not None and wanted.subject is None:
            subject = compose.reply_subject(answered.subject)
        message_id = self._tokens.message_id(conversation, compose.domain(sender.handle))
        quoted = answered.quoted(self._config.timezone) if answered is not None and wanted.quote else ""
        raw = compose.mail(
            Content(
                message_id=message_id,
                date=due_at,
                sender=Person(sender.handle, sender.name),
                to=people.to,
                cc=people.cc,
                subject=subject,
                text=compose.text(wanted.text, signatures.under(conn, writer(actor), sender.source), quoted),
                files=files,
                in_reply_to=answered.message_id if answered else "",
                references=answered.references if answered else (),
                marker=self._tokens.marker,
            )
        )
        content = {
            "to": [_spelt(each) for each in people.to],
            "cc": [_spelt(each) for each in people.cc],
            "bcc": [_spelt(each) for each in wanted.bcc],
            "subject": subject,
            "text": wanted.text,
            "source": sender.source,
            "uploads": [str(each) for each in wanted.uploads],
            "canned": str(wanted.canned or ""),
            "then": wanted.then,
            "until": wanted.until.isoformat() if wanted.until else "",
            "reply_to": str(answered.interaction_id) if answered else "",
            "words": answered.words if answered and wanted.canned else {},
        }
        row = {
            "key": f"mail:{message_id}",
            "conversation_id": conversation,
            "source": sender.source,
            "agent": writer(actor),
            "sender": sender.handle,
            "content": content,
            "blob": digest(raw),
            "state": State.SCHEDULED if wanted.send_at and wanted.send_at > now else State.QUEUED,
            "due_at": due_at,
            "unless_answered": wanted.unless_answered,
            "written_at": now,
        }
        return _Plan(row, {handle: (str(role), name) for handle, (role, name) in recipients.items()}, raw)

    def _sender(self, conn: Connection, actor: Actor, conversation_id: int | None, wanted: Wanted) -> Identity:
        found = identities(conn, self._config, self.sources, actor, conversation_id)
        fitting = [
            each for each in found
            if wanted.source in ("", each.source) and wanted.sender in ("", each.handle)
        ]  # fmt: skip
        if not fitting:
            why = "You cannot send as that." if found else "No mailbox that you may use is set up for sending."
            raise CannotSend("no-sender", why)
        return fitting[0]

    def _check_recipients(self, conn: Connection, recipients: Mapping[str, object], wanted: Wanted) -> None:
        if not recipients:
            raise CannotSend("no-recipient", "Say to whom it goes.")
        if len(recipients) > MOST_RECIPIENTS:
            raise CannotSend("too-many-recipients", f"A letter goes to at most {MOST_RECIPIENTS} people.")
        if private := [handle for handle in recipients if self._never.covers([handle])]:
            why = "is never recorded here, so it cannot be written to from here"
            raise CannotSend("never-log", "An address is never recorded.", recipients=dict.fromkeys(private, why))
        if wanted.force:
            return
        marked = among_undeliverable(conn, list(recipients))
        if marked:
            text = "An address cannot be reached, or does not want to be."
            raise CannotSend("undeliverable", text, recipients=marked)

    def _files(self, conn: Connection, actor: Actor, wanted: Wanted) -> tuple[File, ...]:
        found = drafts.uploaded(conn, writer(actor), list(wanted.uploads))
        if len(found) != len(set(wanted.uploads)):
            raise CannotSend("no-upload", "A file is not there any more. Add it again.")
        if sum(each.size for each in found) > MOST_BYTES:
            raise CannotSend("too-large", f"All files together may have {MOST_BYTES // 1_000_000} MB.")
        return tuple(File(each.name, each.media_type, self._store.blobs.read(conn, each.blob) or b"") for each in found)

    def _still_latest(self, conn: Connection, conversation_id: int, wanted: Wanted) -> None:
        if wanted.if_latest is None or wanted.force:
            return
        newest = latest_inbound(conn, conversation_id)
        if newest is not None and newest != wanted.if_latest:
            raise CannotSend("answered-meanwhile", "The other side wrote meanwhile.", latest=str(newest))

    def _ours(self) -> frozenset[str]:
        everything = {handle for agent in self._config.agents.values() for handle in agent.handles}
        return frozenset(everything.union(*(source.ours for source in self._config.sources.values())))


def among_undeliverable(conn: Connection, handles: Sequence[str]) -> dict[str, str]:
    """Those of *handles* that nothing is to be sent to, each with the reason."""
    marked = sa.select(undeliverable.c.handle, undeliverable.c.reason, undeliverable.c.diagnostic)
    found = conn.execute(marked.where(undeliverable.c.handle.in_(list(handles))))
    return {row.handle: f"{row.reason}: {row.diagnostic}".rstrip(": ") for row in found}


def _spelt(person: Person) -> str:
    return f"{person.name} <{person.address}>" if person.name else person.address


__all__ = ["Answer", "CannotSend", "NotOpen", "Post", "Suggested", "Wanted", "among_undeliverable", "writer"]
