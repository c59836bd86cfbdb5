"""Alerts in a chat, with buttons: through the teller of a source."""

from __future__ import annotations

from hub.alerts.ways.way import Way, What
from hub.contracts import Teller, Unsupported
from hub.vocabulary import Telling


class Chat(Way):
    """Tells *people* (by id the handle at which *teller* reaches each). What was told before is changed, so that its
    buttons go when somebody has seen to it. Doing so twice is harmless; saying something new twice is not."""

    def __init__(self, teller: Teller, people: dict[str, str], *, details: bool = True) -> None:
        self._teller = teller
        self._people = people
        self._details = details

    async def tell(self, what: What) -> str:
        """A message of its own, or the one that is *known* changed."""
        to = self._people.get(what.agent)
        if to is None:
            raise Unsupported("This chat does not reach her any more.")
        telling = Telling(
            title=what.title if self._details else what.brief or what.title,
            lines=(*what.lines, what.why) if self._details and what.why else what.lines if self._details else (),
            url=what.url,
            buttons=() if what.done else what.buttons,
            done=what.done,
        )
        return await self._teller.tell(to, telling, what.known)

    async def close(self) -> None:
        """The hub stops."""
        await self._teller.close()
