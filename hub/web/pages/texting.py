"""What the composer of a text conversation begins with: from which number to whom, until when, with which templates."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from hub.formats.handles import display
from hub.formats.sms import BASIC, EXTENSION
from hub.letters import drafts
from hub.letters.answering import latest_inbound
from hub.letters.post import NotOpen, writer
from hub.privacy.visibility import Actor
from hub.service import Service
from hub.vocabulary import Channel
from hub.web.pages.writing import NOTHING, Texting, Writing


async def texting(service: Service, actor: Actor, conversation_id: int) -> Writing:
    """The composer of an SMS or WhatsApp conversation that is open to *actor*."""
    try:
        found = await service.letters.answering(actor, conversation_id)
    except NotOpen:
        return NOTHING
    if not found.identities:
        return NOTHING

    def work(conn: Connection) -> tuple[dict[str, Any] | None, int | None]:
        kept = drafts.read(conn, writer(actor), conversation_id)
        return (dict(kept.content) if kept else None), latest_inbound(conn, conversation_id)

    draft, latest = await service.store.read(work)
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
        "templates": [{"name": each.name, "text": each.text, "gaps": list(each.gaps)} for each in found.templates],
        "alphabet": {"basic": BASIC, "extension": EXTENSION} if found.channel is Channel.SMS else None,
    }
    text = Texting(
        channel=found.channel,
        ours=display(found.identities[0].handle),
        theirs=display(found.theirs),
        longest=found.longest or 0,
        free_text=found.free_text,
        templates=found.templates,
        refused=bool(found.refused),
    )
    return Writing(identities=found.identities, facts=facts, text=text)
