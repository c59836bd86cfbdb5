"""Alerts by text message."""

from __future__ import annotations

from hub.alerts.ways.way import Way, What
from hub.contracts import Sender, Unsupported
from hub.formats.sms import length
from hub.vocabulary import Channel, Letter


class Sms(Way):
    """Sends as *ours* (a number of ours) to *people*, by id their `tel:` handles. One segment, without names unless
    *details*."""

    at_once = 4

    def __init__(self, sender: Sender, ours: str, people: dict[str, str], *, details: bool = False) -> None:
        self._sender = sender
        self._ours = ours
        self._people = people
        self._details = details

    async def tell(self, what: What) -> str:
        """One text message."""
        to = self._people.get(what.agent)
        if to is None:
            raise Unsupported("She has no phone number any more.")
        said = what.done or (what.title if self._details else what.brief or what.title)
        letter = Letter(
            key=what.ident,
            sender=self._ours,
            recipients=(to,),
            raw=one_segment(said, what.url).encode(),
            channel=Channel.SMS,
        )
        return (await self._sender.send(letter)).provider_id


def one_segment(said: str, url: str) -> str:
    """*said* and *url* as one text message: what does not fit is cut from *said*; a URL that leaves no room for it is
    left out."""
    said = " ".join(said.split())
    whole = f"{said} {url}".strip()
    if url and length(f"… {url}").segments > 1:
        return one_segment(said, "")
    while length(whole).segments > 1:
        said = said.removesuffix("…")[:-1].rstrip() + "…"
        whole = f"{said} {url}".strip()
    return whole
