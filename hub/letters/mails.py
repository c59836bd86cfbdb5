"""Letters by mail (RFC 5322): any number of recipients, a subject, files, and what they answer below."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime

from sqlalchemy import Connection

from hub.config import Config
from hub.letters import compose, drafts, signatures
from hub.letters.answering import Answered, answered_by
from hub.letters.claims import Claimed
from hub.letters.compose import Content, File, People, Person
from hub.letters.identities import identities
from hub.letters.medium import (
    Medium,
    Office,
    Place,
    Plan,
    among_undeliverable,
    check_gaps,
    check_latest,
    check_people,
    chosen,
    row_of,
)
from hub.letters.token import Tokens
from hub.letters.wanted import Answer, CannotSend, Wanted, writer
from hub.privacy.visibility import Actor
from hub.vocabulary import Copy, Event, Letter, Level, RawMail

MOST_RECIPIENTS = 100
MOST_BYTES = 25_000_000
"""Of all files of a letter together: what most servers take, with the third that their encoding adds."""


class Mails(Medium):
    """Mail that goes out from the sources *sending*."""

    def __init__(self, office: Office, sending: Collection[str], tokens: Tokens) -> None:
        self._office = office
        self._config = office.config
        self._sending = sending
        self._tokens = tokens

    def answer(self, conn: Connection, actor: Actor, conversation_id: int, interaction_id: int | None) -> Answer:
        """What an answer begins with. Raises `NotOpen`."""
        answered = answered_by(conn, self._office.blobs, actor, conversation_id, interaction_id)
        senders = tuple(identities(conn, self._config, self._sending, actor, conversation_id))
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

    def words(self, conn: Connection, actor: Actor, conversation: int) -> dict[str, int] | None:
        answered = answered_by(conn, self._office.blobs, actor, conversation, None)
        return answered.words if answered else None

    def plan(self, conn: Connection, actor: Actor, place: Place, wanted: Wanted) -> Plan:
        conversation, begun, now = place.conversation, place.begun, place.now
        answered: Answered | None = None
        if not begun:
            answered = answered_by(conn, self._office.blobs, actor, conversation, wanted.reply_to)
            if answered is None:
                raise CannotSend("not-by-mail", "This conversation is not by mail. Write a new mail instead.")
            check_latest(conn, conversation, wanted)
        found = identities(conn, self._config, self._sending, actor, None if begun else conversation)
        sender = chosen(found, wanted, "No mailbox that you may use is set up for sending.")
        people = People(wanted.to, wanted.cc)
        if answered is not None and not (wanted.to or wanted.cc or wanted.bcc):
            people = answered.people(self._ours(), everybody=False)
        recipients = compose.envelope(people.to, people.cc, wanted.bcc)
        check_people(self._office, list(recipients), MOST_RECIPIENTS)
        self._check_marked(conn, recipients, wanted)
        check_gaps(wanted)
        files = self._files(conn, actor, wanted)
        due_at = max(wanted.send_at, now) if wanted.send_at else now + self._office.undo
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
        row = row_of(f"mail:{message_id}", place, actor, sender, wanted, content, raw, due_at)
        people_of = {handle: (str(role), name) for handle, (role, name) in recipients.items()}
        # The mail finds its conversation by its own name, whichever of its copies is read first.
        return Plan(row=row, recipients=people_of, raw=raw, refs=(f"mail:{message_id}",))

    def letter(self, conn: Connection, claimed: Claimed, raw: bytes) -> Letter:
        return Letter(key=claimed.key, sender=claimed.sender, recipients=claimed.recipients, raw=raw)

    def recorded(self, claimed: Claimed, letter: Letter, sent_at: datetime) -> RawMail | Event:
        return RawMail(letter.raw, _copy(self._config, claimed.source), datetime.now(UTC))

    def _check_marked(self, conn: Connection, recipients: Mapping[str, object], wanted: Wanted) -> None:
        marked = {} if wanted.force else among_undeliverable(conn, list(recipients))
        if marked:
            text = "An address cannot be reached, or does not want to be."
            raise CannotSend("undeliverable", text, recipients=marked)

    def _files(self, conn: Connection, actor: Actor, wanted: Wanted) -> tuple[File, ...]:
        found = drafts.uploaded(conn, writer(actor), list(wanted.uploads))
        if len(found) != len(set(wanted.uploads)):
            raise CannotSend("no-upload", "A file is not there any more. Add it again.")
        if sum(each.size for each in found) > MOST_BYTES:
            raise CannotSend("too-large", f"All files together may have {MOST_BYTES // 1_000_000} MB.")
        blobs = self._office.blobs
        return tuple(File(each.name, each.media_type, blobs.read(conn, each.blob) or b"") for each in found)

    def _ours(self) -> frozenset[str]:
        everything = {handle for agent in self._config.agents.values() for handle in agent.handles}
        return frozenset(everything.union(*(source.ours for source in self._config.sources.values())))


def _copy(config: Config, source: str) -> Copy:
    """Where what we sent lies: with us, open to those to whom the source is."""
    settings = config.sources[source].settings
    level, audience = Level(settings.get("level", Level.ALL)), str(settings.get("audience", ""))
    return Copy(flags=frozenset(["\\Seen"]), level=level, audience=audience)


def _spelt(person: Person) -> str:
    return f"{person.name} <{person.address}>" if person.name else person.address
