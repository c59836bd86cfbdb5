"""What the composer of a text or chat conversation begins with: as whom to whom, until when, with which templates, and
whether files go along."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from hub.formats.handles import display
from hub.formats.sms import BASIC, EXTENSION
from hub.letters.answering import latest_inbound
from hub.letters.post import NotOpen
from hub.privacy.visibility import Actor
from hub.service import Service
from hub.vocabulary import Channel
from hub.web.i18n import Reader
from hub.web.pages import words
from hub.web.pages.writing import NOTHING, Texting, Writing, begun, writing


async def texting(service: Service, actor: Actor, speaks: Reader, conversation_id: int) -> Writing:
    """The composer of a conversation by text, in a chat or below a post, that is open to *actor*."""
    try:
        found = await service.letters.answering(actor, conversation_id)
    except NotOpen:
        return NOTHING
    if found.channel is Channel.EMAIL:  # whoever filled in a form, and left a mail address
        return await writing(service, actor, speaks, conversation_id)
    if not found.identities:
        return NOTHING

    def work(conn: Connection) -> tuple[dict[str, Any] | None, int | None]:
        return begun(conn, actor, conversation_id), latest_inbound(conn, conversation_id)

    draft, latest = await service.store.read(work)
    windowed = found.window_ends_at is not None or not found.free_text
    provider = service.config.sources[found.identities[0].source].provider
    facts = {
        "identities": [{"source": each.source} for each in found.identities],
        "from": found.identities[0].source,
        "latest": str(latest) if latest else None,
        "answers": str(found.interaction) if found.interaction else None,
        "draft": draft,
        "reply": {},
        "channel": found.channel,
        "longest": found.longest,
        "window_ends_at": found.window_ends_at.isoformat() if found.window_ends_at else None,
        "free_text": found.free_text,
        "windowed": windowed,
        "largest": found.largest,
        "templates": [{"name": each.name, "text": each.text, "gaps": list(each.gaps)} for each in found.templates],
        "alphabet": {"basic": BASIC, "extension": EXTENSION} if found.channel is Channel.SMS else None,
    }
    text = Texting(
        channel=found.channel,
        ours=display(found.identities[0].handle),
        theirs=found.name or display(found.theirs),
        longest=found.longest or 0,
        free_text=found.free_text,
        templates=found.templates,
        refused=bool(found.refused),
        called=words.service(speaks, found.channel, provider),
        windowed=windowed,
        files=found.largest > 0,
    )
    return Writing(identities=found.identities, facts=facts, text=text)
