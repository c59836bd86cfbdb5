"""What is asked of the post, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from hub.config_texts import TemplateConfig
from hub.letters.canned import Canned
from hub.letters.compose import People, Person
from hub.letters.identities import Identity
from hub.privacy.visibility import Actor
from hub.vocabulary import Channel


class CannotSend(Exception):
    """A letter is not taken: *kind* is a stable word for programs, the text one sentence for people, *more* what is in
    the way (`recipients`: handle → reason, `latest`: an interaction, `gaps`)."""

    def __init__(self, kind: str, text: str, **more: Any) -> None:
        super().__init__(text)
        self.kind = kind
        self.more = more


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A letter as somebody wants it. *source* and *sender* (a handle) are "" for the preferred identity; without *to*
    an answer goes to whoever wrote; without *subject* it has that of what it answers. *send_at* (UTC) is for later,
    with *unless_answered* cancelled where the other side writes first. *reply_to* and *if_latest* are interactions: the
    mail that is answered (None: the latest that came in), and the one that must still be the latest. *then* is what
    becomes of the conversation: `closed`, `snoozed` (*until*, UTC) or "". With *force* it goes to addresses that are
    marked, over gaps and over a newer mail. *channel* is on what a conversation is begun, None for what the
    recipient's address says; *template* names the approved text that a chat says in place of *text*, its gaps filled by
    *values*."""

    source: str = ""
    sender: str = ""
    to: tuple[Person, ...] = ()
    cc: tuple[Person, ...] = ()
    bcc: tuple[Person, ...] = ()
    subject: str | None = None
    text: str = ""
    uploads: tuple[int, ...] = ()
    canned: int | None = None
    send_at: datetime | None = None
    unless_answered: bool = False
    then: str = ""
    until: datetime | None = None
    reply_to: int | None = None
    if_latest: int | None = None
    quote: bool = True
    force: bool = False
    channel: Channel | None = None
    template: str = ""
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an answer begins with: who may send it, to whom it goes (*reply*, *reply_all*), and the *quoted* text that
    will stand below it. *interaction* is the mail that is answered; in a conversation without one it is None, and
    nobody can send an answer."""

    identities: tuple[Identity, ...]
    interaction: int | None
    reply: People
    reply_all: People
    subject: str
    quoted: str
    signature: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """What may be said in a conversation: on which *channel*, as whom, to whom (*theirs*, who calls herself *name*),
    over which *source*, in how many characters at most (*longest*; None: no bound), with files of how many bytes
    (*largest*; 0: with none). Free text only where *free_text* says so, which it does until *window_ends_at* on
    a channel that has such a rule; *templates* always. *refused* is why nothing is, "" where something may be."""

    channel: Channel
    identities: tuple[Identity, ...]
    theirs: str = ""
    interaction: int | None = None
    longest: int | None = None
    window_ends_at: datetime | None = None
    free_text: bool = True
    templates: tuple[TemplateConfig, ...] = ()
    largest: int = 0
    name: str = ""
    source: str = ""
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Suggested:
    """A canned answer that fits, filled in. *uses* and *words* say why."""

    canned: Canned
    text: str
    score: float
    uses: int
    words: tuple[str, ...]


def writer(actor: Actor) -> str:
    """Under whom drafts, files and signatures are kept: the agent, or a login that is none's by its record."""
    return actor.agent or actor.record
