"""Alerts by mail: straight through the sender of a mail source, and recorded nowhere, for no customer is part of it."""

from __future__ import annotations

from hub.alerts.ways.way import Way, What
from hub.contracts import Sender, Unsupported
from hub.letters import compose
from hub.letters.compose import Content, Person
from hub.vocabulary import Letter


class Mail(Way):
    """Sends as *sender* (a handle of ours, shown with *name*). *people* are the colleagues' names and handles by id;
    *marker* is the hub's own, by which it knows these mails again should one come back. SMTP has no key by which a
    server would know a repetition; the Message-ID is the same at every attempt, so that people and programs do."""

    at_once = 4

    def __init__(self, sender: Sender, ours: Person, people: dict[str, Person], marker: str, settings_url: str) -> None:
        self._sender = sender
        self._ours = ours
        self._people = people
        self._marker = marker
        self._settings_url = settings_url

    async def tell(self, what: What) -> str:
        """One mail, which mail programs put below the others about the same."""
        to = self._people.get(what.agent)
        if to is None:
            raise Unsupported("She has no mail address any more.")
        message_id = self.message_id(what.ident)
        raw = compose.mail(
            Content(
                message_id=message_id,
                date=what.at,
                sender=self._ours,
                to=(to,),
                subject=what.done or what.title,
                text=self._text(what),
                references=(self.message_id(what.topic),),
                marker=self._marker,
                automatic="auto-generated",
            )
        )
        letter = Letter(key=what.ident, sender=self._ours.handle, recipients=(to.handle,), raw=raw)
        sent = await self._sender.send(letter)
        return sent.provider_id or message_id

    def message_id(self, ident: str) -> str:
        """The Message-ID of what is called *ident*; nobody else makes the same."""
        return f"<{ident}.{self._marker}@{compose.domain(self._ours.handle)}>"

    def _text(self, what: What) -> str:
        first = [what.done, what.title] if what.done else [what.title]
        blocks = ["\n".join((*first, *what.lines)), what.url, what.why]
        below = f"-- \n{self._settings_url}"
        return "\n\n".join([*(block for block in blocks if block), below]) + "\n"
