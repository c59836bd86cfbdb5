"""The conversation that is open: what was said and noted in it, what is on its way, and who the other side is."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from aiohttp import web
from markupsafe import Markup, escape
from sqlalchemy import Connection

from hub.crm import records
from hub.crm.records import Card
from hub.fold import is_taken_back
from hub.formats.handles import display
from hub.inbox.conversation import Conversation, Note, read
from hub.inbox.listing import Row, State
from hub.letters import letters
from hub.letters.letters import LetterView
from hub.letters.states import Reached
from hub.letters.states import State as LetterState
from hub.service import Service
from hub.timeline import Item
from hub.vocabulary import Channel, Direction, Mention, Message
from hub.web.i18n import Reader
from hub.web.keys import SERVICE
from hub.web.pages import entries, frame, moments, words
from hub.web.pages.attached import Shown, attached, on_their_way
from hub.web.pages.entries import Entry
from hub.web.pages.interactions import Unfolded, unfold
from hub.web.pages.parties import Party, names_of
from hub.web.pages.texting import texting
from hub.web.pages.writing import NOTHING, Writing, writing

TEXT = (Channel.SMS, Channel.CHAT, Channel.WEB)
"""Channels whose conversations read as a chat."""

TALKED = (*TEXT, Channel.SOCIAL)
"""Channels that are answered with a short text."""

OPENED = 4
"""So many messages stand open at most when one comes: the unread ones, and the last."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """How a letter does: in words, with a symbol and a *tone*; *why* something went wrong. *due* is when it leaves,
    where that is in a moment. *acts* are what one can do: cancel, now, retry."""

    words: str
    icon: str
    tone: str = ""
    why: str = ""
    due: datetime | None = None
    acts: tuple[str, ...] = ()


EMPTY = Markup()


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """Something in the stream. *version* changes with whatever of it is shown; *first_unread* stands below the mark."""

    key: str
    kind: str
    at: datetime
    version: str
    first_unread: bool = False
    splits: bool = False
    unfolded: Unfolded | None = None
    entry: Entry | None = None
    note: Note | None = None
    author: str = ""
    text: Markup = EMPTY
    files: tuple[Shown, ...] = ()
    edited_at: datetime | None = None
    gone: bool = False
    sealed: bool = False
    letter: LetterView | None = None
    delivery: Delivery | None = None
    to: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The conversation, oldest first, and who the other side is."""

    row: Row
    id: int
    title: str
    channel: Channel
    stream: tuple[Said, ...]
    service: str
    messages: int
    earlier: bool
    unread: bool
    latest: Item
    latest_by: str
    other: Party | None
    card: Card | None
    candidates: tuple[Any, ...]
    place: str
    owner: str
    team: str
    state_words: str
    records: tuple[dict[str, Any], ...]
    present: tuple[dict[str, str], ...]
    writing: Writing = NOTHING


async def opened(request: web.Request, speaks: Reader, conversation_id: int) -> Opened:
    """The conversation, as the reader may see it. Raises the 404."""
    service, who, agents = request.app[SERVICE], frame.actor(request), frame.agents(request)
    teams = service.config.teams

    def work(conn: Connection) -> Opened | None:
        found = read(conn, who, conversation_id, agents)
        if found is None:
            return None
        row, latest = found.row, found.items[-1]
        names = {agent.id: agent.name for agent in agents.values()}
        sent = letters.of(conn, conversation_id)
        other = next((party for item in reversed(found.items) if (party := found.parties[item.id].outside)), None)
        card = records.card(conn, who, other.contact_id) if other and other.contact_id else None
        by = found.parties[latest.id].began
        return Opened(
            row=row,
            id=conversation_id,
            title=_called_after(other)
            if row.channel in TEXT
            else row.title or next((item.title for item in reversed(found.items) if item.title), ""),
            channel=row.channel,
            stream=_stream(conn, request, speaks, found, sent, names),
            service=_service(speaks, service, latest),
            messages=len(found.items),
            earlier=found.more,
            unread=row.unread,
            latest=latest,
            latest_by=by[0].name if by else "",
            other=other,
            card=card,
            candidates=other.match.candidates[:3] if other and not other.contact_id else (),
            place=words.place(speaks, other.handle) if other else "",
            owner=names.get(row.owner, row.owner),
            team=teams[row.team].name if row.team in teams else row.team,
            state_words=state_words(speaks, row),
            records=_records(row, card),
            present=tuple(_present(service, conversation_id, who.agent)),
        )

    found = await frame.read(request, work)
    if found is None:
        raise web.HTTPNotFound
    if frame.may_write(request) and found.channel in TALKED:
        return replace(found, writing=await texting(service, who, speaks, conversation_id))
    if frame.may_write(request) and found.channel is Channel.EMAIL:
        return replace(found, writing=await writing(service, who, speaks, conversation_id))
    return found


def _called_after(other: Party | None) -> str:
    """A chat has no subject: it is with somebody."""
    return (other.name or other.said or display(other.handle)) if other else ""


def _service(speaks: Reader, service: Service, latest: Item) -> str:
    """Over what the conversation runs, "" where its channel says it."""
    source = service.config.sources.get(latest.source)
    return words.service(speaks, latest.channel, source.provider) if source and latest.channel in TALKED else ""


async def begun(request: web.Request) -> Writing:
    """The composer of a new conversation."""
    service, who, speaks = request.app[SERVICE], frame.writer(request), frame.reader(request)
    return await writing(service, who, speaks, None)


def state_words(speaks: Reader, row: Row) -> str:
    """The state as a chip says it."""
    t = speaks.gettext
    if row.state is State.SNOOZED:
        return t("Snoozed until %s") % moments.short(speaks, row.snoozed_until) if row.snoozed_until else t("Snoozed")
    still_open = speaks.pgettext("of a conversation", "Open")
    return {State.OPEN: still_open, State.WAITING: t("Waits for them"), State.CLOSED: t("Closed")}[row.state]


def _stream(
    conn: Connection,
    request: web.Request,
    speaks: Reader,
    found: Conversation,
    sent: Sequence[LetterView],
    names: Mapping[str, str],
) -> tuple[Said, ...]:
    blobs, agents = request.app[SERVICE].store.blobs, frame.agents(request)
    by_interaction = {letter.interaction: letter for letter in sent if letter.interaction}
    unread = _unread(found)
    standing = {item.id for item in unread} | {found.items[-1].id}
    colleagues = names_of(agents.values())
    files = attached(conn, speaks, found.items)
    shown = []
    for item in found.items:
        people = found.parties[item.id]
        letter = by_interaction.get(item.id)
        delivery = _delivery(speaks, letter) if letter else None
        bubble = item.channel in TEXT and isinstance(item.facts, Message)
        open_now = item.id in standing and not bubble
        shown.append(
            Said(
                key=f"i{item.id}",
                kind="text" if bubble else "item",
                at=item.occurred_at,
                version=f"{item.revision}{letter.delivery if letter else ''}{len(delivery.acts) if delivery else 0}"
                f"{''.join(each.state for each in files.get(item.id, ()))}",
                first_unread=bool(unread) and item is unread[0],
                splits=item is not found.items[0],
                text=Markup(escape(_text(item))) if bubble else EMPTY,  # noqa: S704
                files=files.get(item.id, ()) if bubble else (),
                edited_at=item.facts.edited_at if isinstance(item.facts, Message | Mention) else None,
                gone=is_taken_back(item.facts),
                sealed=isinstance(item.facts, Message) and bool(item.facts.protection) and not item.facts.text,
                unfolded=unfold(conn, blobs, speaks, item, people, agents) if open_now else None,
                entry=entries.entry(speaks, item, people, colleagues),
                letter=letter,
                delivery=delivery,
            )
        )
    shown += [_noted(note, names) for note in found.notes]
    shown += [
        waiting(speaks, letter, names)
        for letter in sent
        if letter.state is not LetterState.CANCELLED and letter.interaction is None
    ]
    return tuple(sorted(shown, key=lambda each: each.at))


def _text(item: Item) -> str:
    return (item.facts.text or "") if isinstance(item.facts, Message) else ""


def _unread(found: Conversation) -> list[Item]:
    """What came in since the reader was here, at most so many as stand open."""
    if not found.row.unread:
        return []
    fresh = [
        item
        for item in found.items
        if item.direction is Direction.INBOUND
        and (
            found.read_at is None
            or item.occurred_at > found.read_at
            or (found.seen_id is not None and item.id > found.seen_id)
        )
    ]
    return fresh[-OPENED:]


_NAMED = re.compile(r"(?<!\w)@([\w.-]+)")


def _noted(note: Note, names: Mapping[str, str]) -> Said:
    def marked(found: re.Match[str]) -> str:
        named = next(
            (each for each in note.mentions if each in names and found[1].rstrip(".-").lower() in _called(each, names)),
            None,
        )
        return f'<span class="named">@{escape(names[named])}</span>' if named else str(escape(found[0]))

    pieces, last = [], 0
    for found in _NAMED.finditer(note.text):
        pieces += [str(escape(note.text[last : found.start()])), marked(found)]
        last = found.end()
    text = Markup("".join([*pieces, str(escape(note.text[last:]))]))  # noqa: S704 — each piece is escaped above
    return Said(
        key=f"n{note.id}",
        kind="note",
        at=note.written_at,
        version=str(hash(note.text)),
        note=note,
        author=names.get(note.author, note.author),
        text=text,
    )


def _called(agent: str, names: Mapping[str, str]) -> tuple[str, ...]:
    name = names.get(agent, "").lower()
    return agent.lower(), name, name.partition(" ")[0]


def waiting(speaks: Reader, letter: LetterView, names: Mapping[str, str]) -> Said:
    """A letter that has not left, or perhaps not."""
    delivery = _delivery(speaks, letter)
    people = [each.name or display(each.handle) for each in letter.recipients]
    return Said(
        key=f"l{letter.id}",
        kind="letter",
        at=letter.written_at,
        version=f"{letter.delivery}{letter.reason}{letter.leaving}{letter.due_at.timestamp()}",
        letter=letter,
        delivery=delivery,
        author=names.get(letter.agent, letter.agent),
        text=Markup(escape(letter.content.get("text", ""))),  # noqa: S704
        files=on_their_way(speaks, letter),
        to=speaks.gettext(", ").join(people),
    )


def _delivery(speaks: Reader, letter: LetterView) -> Delivery:
    t = speaks.gettext
    if letter.state is LetterState.SCHEDULED:
        when = moments.short(speaks, letter.due_at)
        said = t("Will be sent %s, unless they write first") if letter.unless_answered else t("Will be sent %s")
        return Delivery(said % when, "clock", acts=("cancel", "now") if letter.can_be_cancelled else ())
    if letter.state is LetterState.QUEUED:
        acts = ("cancel",) if letter.can_be_cancelled else ()
        soon = letter.due_at > speaks.now
        if letter.attempts:
            return Delivery(t("Not sent yet, trying again"), "refresh", "waiting", letter.reason, acts=acts)
        return Delivery(t("Sending"), "send", due=letter.due_at if soon else None, acts=acts)
    if letter.state is LetterState.PERHAPS:
        return Delivery(t("Perhaps sent"), "warn", "waiting", letter.reason, acts=("retry",))
    if letter.state is LetterState.FAILED:
        return Delivery(t("Not sent"), "warn", "late", letter.reason, acts=("retry",))
    return _reached(speaks, letter)


def _reached(speaks: Reader, letter: LetterView) -> Delivery:
    t = speaks.gettext
    worst = {each.handle: each for each in letter.recipients if each.state in (Reached.BOUNCED, Reached.REFUSED)}
    if worst:
        why = t("; ").join(f"{handle.removeprefix('mailto:')}: {each.reason}" for handle, each in worst.items())
        return Delivery(t("Could not be delivered"), "bounce", "late", why)
    if letter.delivery == Reached.FAILED:
        why = letter.recipients[0].reason
        why = why[:1].upper() + why[1:]
        return Delivery(t("Not delivered"), "warn", "late", why, acts=() if letter.content.get("again") else ("retry",))
    said: dict[str, Delivery] = {
        Reached.READ: Delivery(t("Read"), "check", "well"),
        Reached.COMPLAINED: Delivery(t("Reported as unwanted"), "warn", "late"),
        Reached.DELAYED: Delivery(t("Delayed on the way"), "clock", "waiting"),
        Reached.DELIVERED: Delivery(t("Delivered"), "check", "well"),
    }
    return said.get(letter.delivery, Delivery(t("Sent"), "check"))


def _records(row: Row, card: Card | None) -> tuple[dict[str, Any], ...]:
    """What the conversation can be linked to, and what it is linked to."""
    linked = {("deal", row.deal.id if row.deal else None), ("case", row.case.id if row.case else None)}
    found = [("deal", deal.id, deal.title, deal.stage) for deal in (card.deals if card else ())]
    found += [("case", case.id, case.title, case.urgency) for case in (card.cases if card else ())]
    known = {(kind, ident) for kind, ident, *_ in found}
    for kind, link in (("deal", row.deal), ("case", row.case)):
        if link and (kind, link.id) not in known:
            found.append((kind, link.id, link.title, ""))
    return tuple(
        {"kind": kind, "id": str(ident), "label": title, "hint": hint, "linked": (kind, ident) in linked}
        for kind, ident, title, hint in found
    )


def _present(service: Any, conversation_id: int, but: str) -> Sequence[dict[str, str]]:
    found = service.presence.of([conversation_id]).get(conversation_id, ())
    return [{"id": each.agent, "doing": each.doing} for each in found if each.agent != but]
