"""What an answer begins with: from whom it goes, to whom, under what subject, what it quotes, what was begun."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.config_texts import TemplateConfig
from hub.letters import compose, drafts, signatures
from hub.letters.answering import latest_inbound
from hub.letters.compose import Person
from hub.letters.identities import Identity
from hub.letters.optout import UNSUBSCRIBED
from hub.letters.post import writer
from hub.privacy.visibility import Actor
from hub.service import Service
from hub.store.schema import undeliverable
from hub.vocabulary import Channel
from hub.web.i18n import Reader

QUOTED = 4_000
"""Characters of the quoted mail that are shown; the letter quotes all of it."""


@dataclass(frozen=True, slots=True)
class Texting:
    """What the composer of a text or a chat shows: what that is *called*, the two addresses, how long a text may be,
    whether free text is taken or only *templates*, whether that ends some time (*windowed*), whether *files* go along,
    and whether the other side *refused* all."""

    channel: Channel
    ours: str
    theirs: str
    longest: int
    free_text: bool
    templates: tuple[TemplateConfig, ...]
    refused: bool
    called: str
    windowed: bool
    files: bool


@dataclass(frozen=True, slots=True)
class Writing:
    """What the composer begins with. *facts* go to its script; *quoted* is what stands below the letter; *identities*
    are empty where nobody can write here. *text* is set where it writes texts, and no mail."""

    identities: tuple[Identity, ...] = ()
    quoted: str = ""
    all_differ: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)
    text: Texting | None = None


NOTHING = Writing(facts={"identities": []})


async def writing(service: Service, actor: Actor, speaks: Reader, conversation_id: int | None) -> Writing:
    """The composer of a conversation that is open to *actor*; of a new one where the id is None."""
    if conversation_id is None:
        senders = tuple(await service.letters.identities(actor, None))
        to, everybody, subject, quoted, answers = compose.People(()), compose.People(()), "", "", None
    else:
        answer = await service.letters.answer(actor, conversation_id)
        senders, to, everybody = answer.identities, answer.reply, answer.reply_all
        subject, quoted, answers = answer.subject, answer.quoted, answer.interaction
    if not senders:
        return NOTHING
    people = {each.handle for each in (*to.to, *everybody.to, *everybody.cc)}

    def work(conn: Connection) -> dict[str, Any]:
        return {
            "identities": [
                {"source": each.source, "signature": signatures.under(conn, writer(actor), each.source)}
                for each in senders
            ],
            "latest": _id(latest_inbound(conn, conversation_id) if conversation_id else None),
            "draft": begun(conn, actor, conversation_id),
            "undeliverable": refused(conn, speaks, people),
        }

    return Writing(
        identities=senders,
        quoted=quoted[:QUOTED],
        all_differ={each.handle for each in (*everybody.to, *everybody.cc)} != {each.handle for each in to.to},
        facts={
            "from": senders[0].source,
            "reply": {"to": _people(to.to), "cc": []},
            "all": {"to": _people(everybody.to), "cc": _people(everybody.cc)},
            "subject": subject,
            "answers": _id(answers),
            **await service.store.read(work),
        },
    )


def refused(conn: Connection, speaks: Reader, handles: Collection[str]) -> dict[str, dict[str, str] | None]:
    """Why nothing is sent to each of *handles*, by address, in words; None where it can be written to."""
    rows = conn.execute(sa.select(undeliverable).where(undeliverable.c.handle.in_(list(handles))))
    marked = {row.handle: {"said": why(speaks, row.reason, row.diagnostic)} for row in rows}
    return {compose.address(handle): marked.get(handle) for handle in handles}


def why(speaks: Reader, reason: str, diagnostic: str) -> str:
    """Why nothing is sent to an address, in words."""
    t = speaks.gettext
    if reason in ("feedback", "complaint", "abuse"):
        return t("has reported our mail as unwanted.")
    if reason == UNSUBSCRIBED:
        return t("has asked for no more texts.")
    return t("does not take mail: %s") % (diagnostic or reason)


def _people(people: Iterable[Person]) -> list[str]:
    return [f"{each.name} <{each.address}>" if each.name else each.address for each in people]


def _id(found: int | None) -> str | None:
    return str(found) if found else None


def begun(conn: Connection, actor: Actor, conversation_id: int | None) -> dict[str, Any] | None:
    """What she has begun, with the files that lie beside it."""
    kept = drafts.read(conn, writer(actor), conversation_id) if conversation_id else None
    if kept is None:
        return None
    ids = [int(each) for each in kept.content.get("uploads", ())]
    files = drafts.uploaded(conn, writer(actor), ids)
    shown = [{"id": str(f.id), "name": f.name, "media_type": f.media_type, "size": f.size} for f in files]
    return {**kept.content, "files": shown}
