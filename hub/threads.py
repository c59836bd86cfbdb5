"""Which conversation an interaction belongs to: one thread of one channel, whatever order its parts came in.

References decide; then our own token in the Message-ID that a mail answers; and as the last resort its subject, among
the same people (`hub.topics`). A number quoted in a subject never joins anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import sqlalchemy as sa

from hub.batch import Books, Subject
from hub.inbox.apart import Apart
from hub.inbox.joining import absorb
from hub.store.schema import conversation_refs, conversations, merged_conversations
from hub.store.sets import Run, SetRead, SetWrite, among
from hub.topics import BARE, Topics, topic_of
from hub.vocabulary import Event, Mention, Message

_THREADS = SetRead(sa.select(conversation_refs).where(among(conversation_refs.c.ref)))
_STANDING = SetRead(sa.select(conversations.c.id).where(among(conversations.c.id)))
_LED_ON = SetRead(
    sa.select(merged_conversations.c.id, merged_conversations.c.into_id).where(among(merged_conversations.c.id))
)
_REFS = SetWrite(conversation_refs, ("ref", "conversation_id"), "ON CONFLICT (ref) DO NOTHING")
_MERGE = (
    Run("UPDATE interactions SET conversation_id = ? WHERE conversation_id = ?"),
    Run("UPDATE conversation_refs SET conversation_id = ? WHERE conversation_id = ?"),
    Run("UPDATE letters SET conversation_id = ? WHERE conversation_id = ?"),
    Run("UPDATE merged_conversations SET into_id = ? WHERE into_id = ?"),
    Run("INSERT INTO merged_conversations (into_id, id) VALUES (?, ?) ON CONFLICT (id) DO NOTHING"),
)
_FORGET = Run("DELETE FROM conversations WHERE id = ?")


def thread(conn: sa.Connection, subjects: Sequence[Subject], books: Books) -> None:
    """Give each interaction its conversation. A mail that refers to two conversations makes them one."""
    names = {subject.key: _references(subject, books) for subject in subjects}
    known = dict(_THREADS(conn, sorted({ref for group in names.values() for ref in group})))
    tokens = {subject.key: _answered(subject, books) for subject in subjects}
    stand = _standing(conn, {id for ids in tokens.values() for id in ids})
    rows = (subject.row.conversation_id for subject in subjects if subject.row)
    apart = Apart(conn, (*known.values(), *stand.values(), *rows))
    refs = dict(known)
    merged: dict[int, int] = {}

    def current(conversation: int) -> int:
        while conversation in merged:
            conversation = merged[conversation]
        return conversation

    about = {subject.key: topic for subject in subjects if not subject.row and (topic := topic_of(subject))}
    topics = Topics(conn, about.values())
    for subject in subjects:
        group, topic = names[subject.key], about.get(subject.key)
        candidates = {current(refs[ref]) for ref in group if ref in refs}
        candidates |= {current(stand[id]) for id in tokens[subject.key] if id in stand}
        if subject.row:
            candidates.add(current(subject.row.conversation_id))
        alone = not candidates
        if topic and (alone or not topic.bare) and (alike := topics.find(subject, topic)):
            candidates.add(current(alike))
        if apart:
            own = [subject.row.conversation_id] if subject.row else []
            named = (refs[ref] for ref in reversed(group) if ref in refs)
            candidates = apart.chosen(candidates, map(current, (*own, *named)), current)
        subject.conversation = min(candidates) if candidates else books.new_id()
        for other in candidates - {subject.conversation}:
            merged[other] = subject.conversation
        for ref in group:
            refs.setdefault(ref, subject.conversation)
        if topic:
            bare = topic.bare and alone and not candidates
            subject.topic = BARE + topic.name if bare else topic.name
            topics.note(subject, topic, bare=bare)
    for subject in subjects:
        subject.conversation = current(subject.conversation)
    for gone in merged:
        unite(conn, gone, current(gone))
    _REFS(conn, [(ref, current(refs[ref])) for ref in sorted(refs) if ref not in known])


def unite(conn: sa.Connection, gone: int, into: int) -> None:
    """Make the conversation *gone* a part of *into*."""
    absorb(conn, gone, into)
    for statement in _MERGE:
        statement(conn, into, gone)
    _FORGET(conn, gone)


def _references(subject: Subject, books: Books) -> list[str]:
    """The names by which other interactions find this one's conversation; none for a call, a thread of its own. A post
    that is addressed to us, or ours, belongs to what it answers; what others say among themselves does not."""
    namespace = subject.key.partition(":")[0]
    taken = subject.key.startswith("mail:content:")  # its Message-ID is another mail's, or it has none
    names: dict[str, None] = {}
    for event, message in _told(subject):
        if isinstance(event.facts, Mention):  # what answers a mention stands with it
            names.update(dict.fromkeys(filter(None, (subject.key, event.facts.answers))))
        if event.conversation:
            names[f"{namespace}:{event.conversation}"] = None
        elif isinstance(event.facts, Mention):
            names[subject.key] = None
            author = next((each.handle for each in event.facts.participants or () if each.role.begins), "")
            if event.facts.answers and (event.facts.addressed or author in books.ours.handles):
                names[event.facts.answers] = None
        elif message:
            own = () if taken else (message.ident,)
            for ident in (*own, *(message.thread or ())):
                if ident:
                    names[f"{namespace}:{ident}"] = None
    return list(names)


def _answered(subject: Subject, books: Books) -> set[int]:
    """The conversations that mails of ours belong to which this one answers, by what their Message-IDs say."""
    found = (books.conversation_of(ident) for _, message in _told(subject) if message for ident in message.thread or ())
    return {conversation for conversation in found if conversation is not None}


def _told(subject: Subject) -> Iterator[tuple[Event, Message | None]]:
    for _, entry in subject.entries:
        facts = entry.event.facts
        yield entry.event, facts if isinstance(facts, Message) else None


def _standing(conn: sa.Connection, ids: Iterable[int]) -> dict[int, int]:
    """Those of *ids* that are conversations, or became part of one, with the one it is now."""
    wanted = sorted(ids)
    led_on = dict(_LED_ON(conn, wanted))
    standing = {id for (id,) in _STANDING(conn, sorted({*wanted, *led_on.values()}))}
    return {id: now for id in wanted if (now := led_on.get(id, id)) in standing}
