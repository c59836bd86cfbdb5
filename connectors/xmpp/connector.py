"""An account and its rooms as a source: what is said, as the server's archive has it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from xml.etree.ElementTree import Element

import hub
from connectors.xmpp.names import bare
from connectors.xmpp.progress import Place, Progress
from connectors.xmpp.reading import Reading, ids_of
from connectors.xmpp.settings import XmppSettings
from connectors.xmpp.stream import CLIENT, Archived, Page, Refused, Stream

log = logging.getLogger(__name__)

LONGEST_WAIT = 60.0
"""Seconds after which the archives are looked at though nobody wrote: so a dead connection is noticed, too."""
PAGES_BACK = 5
_USER = "{http://jabber.org/protocol/muc#user}x"


class Connector(hub.Connector):
    """Reads the archives (XEP-0313) of the account and of its rooms.

    What comes over the connection, carbons (XEP-0280) among it, only says that there is news: every message is read
    from the archive, after the last one that was. So what is live, what was missed and what a colleague wrote elsewhere
    come by one way, in order, with one id. The cursor is the place in each archive.
    """

    Settings = XmppSettings

    def __init__(self, settings: XmppSettings, setup: hub.Setup, wait: float = LONGEST_WAIT) -> None:
        """*wait* is after how many seconds without news the archives are looked at all the same."""
        self._settings = settings
        self._source = setup.name
        self._wait = wait

    async def listen(self, cursor: str | None) -> AsyncGenerator[hub.Arrival, None]:
        """Yields what is said beyond *cursor*. What was said before the account was connected is not live."""
        listening = _Listening(self._settings, self._source, self._progress(cursor), self._wait)
        try:
            async with listening.stream, aclosing(listening.arrivals()) as arrivals:
                async for arrival in arrivals:
                    yield arrival
        except TimeoutError as error:
            raise hub.Unavailable(str(error) or "the XMPP server does not answer") from None
        except Refused as refusal:
            raise self._verdict(refusal) from None

    async def freshness(self, cursor: str | None) -> hub.Freshness:
        """How many messages the archive of the account has beyond *cursor*, up to a page; not known before the first
        reading is over."""
        progress = self._progress(cursor)
        async with Stream(self._settings, self._source) as stream:
            place = progress.places.get(self._settings.jid)
            if place is None or not place.begun:
                return hub.Freshness(None, None)
            try:
                page = await _beyond(stream, self._settings.jid, place)
            except Refused as refusal:
                raise self._verdict(refusal) from None
            except TimeoutError as error:
                raise hub.Unavailable(str(error)) from None
        times = [each.at for each in page.messages if each.stanza.find(f"{CLIENT}body") is not None]
        seconds = max(0.0, (datetime.now(UTC) - min(times)).total_seconds()) if times else 0.0
        return hub.Freshness(len(times), seconds)

    def _verdict(self, refusal: Refused) -> hub.Verdict:
        if refusal.condition in ("service-unavailable", "feature-not-implemented"):
            return hub.Misconfigured(
                "the XMPP server keeps no archive (XEP-0313), without which messages would be missed"
            )
        return hub.Unavailable(f"the XMPP server refuses to show an archive: {refusal}")

    def _progress(self, cursor: str | None) -> Progress:
        try:
            return Progress.read(cursor)
        except ValueError:
            log.warning("%s: the cursor cannot be read, so the archives are read anew", self._source)
            return Progress()


class _Listening:
    """One connection: which archives have news, and how far they are read."""

    def __init__(self, settings: XmppSettings, source: str, progress: Progress, wait: float) -> None:
        self.stream = Stream(settings, source, self._on_message, self._on_presence)
        self._settings = settings
        self._progress = progress
        self._wait = wait
        self._archives = (settings.jid, *settings.rooms)
        self._news = set(self._archives)
        self._heard = asyncio.Event()
        self._thrown_out = ""
        self._wanted: list[str] = []
        self._reading = Reading(settings, self._look_up)

    async def arrivals(self) -> AsyncGenerator[hub.Arrival, None]:
        """What the archives hold, and then what comes into them."""
        ended = asyncio.ensure_future(self.stream.until_ended())
        ended.add_done_callback(lambda _: self._heard.set())
        try:
            await self._present()
            while True:
                self._heard.clear()
                await self._let_in()
                news, self._news = self._news, set()
                for archive in self._archives:
                    if archive in news:
                        async with aclosing(self._read(archive)) as arrivals:
                            async for arrival in arrivals:
                                yield arrival
                if not self._news:
                    await self._until_heard()
                if ended.done():
                    raise ended.result()
                if self._thrown_out:
                    raise hub.Unavailable(f"we are not in the room {self._thrown_out} (any more)")
        finally:
            ended.cancel()

    async def _present(self) -> None:
        """Be told of what comes: carbons, presence, rooms."""
        try:
            await self.stream.ask("set", Element("{urn:xmpp:carbons:2}enable"))
        except Refused:
            log.info("the XMPP server has no carbons: what colleagues write elsewhere is seen a minute later")
        if self._settings.accept != "nobody":
            # Who wants to see our presence is told only to those who asked for the roster (RFC 6121, 3.1.3).
            await self.stream.ask("get", Element("{jabber:iq:roster}query"))
        await self.stream.send(Element(f"{CLIENT}presence"))
        for room in self._settings.rooms:
            await self.stream.enter(room, self._settings.nick)

    async def _until_heard(self) -> None:
        try:
            async with asyncio.timeout(self._wait):
                await self._heard.wait()
        except TimeoutError:
            self._news = set(self._archives)

    async def _read(self, archive: str) -> AsyncGenerator[hub.Arrival, None]:
        place = self._progress.places.get(archive)
        if place is None:
            place = Place("", datetime.now(UTC) - timedelta(days=self._settings.days))
        while True:
            page = await _beyond(self.stream, archive, place)
            items = await self._reading.items(archive, page.messages)
            last = page.messages[-1] if page.messages else None
            begun = place.begun or page.complete or last is None
            after = Place(last.ident, last.at, begun) if last else Place(place.ident, place.at, begun)
            live = place.begun
            if after != place:
                place, self._progress = after, self._progress.after(archive, after)
                yield hub.Arrival(tuple(items), str(self._progress), live=live)
            if page.complete or last is None:
                return

    async def _look_up(self, archive: str, peer: str, ident: str) -> Archived | None:
        before = ""
        for _ in range(PAGES_BACK):
            page = await self.stream.page(archive, before=before, peer=peer)
            for each in reversed(page.messages):
                if each.ident == ident or ident in ids_of(each.stanza):
                    return each
            if page.complete or not page.messages:
                return None
            before = page.messages[0].ident
        return None

    async def _let_in(self) -> None:
        wanted, self._wanted = self._wanted, []
        for jid in wanted:
            await self.stream.send(Element(f"{CLIENT}presence", to=jid, type="subscribed"))

    def _on_message(self, message: Element) -> None:
        sender = bare(message.get("from", ""))
        self._news.add(sender if sender in self._settings.rooms else self._settings.jid)
        self._heard.set()

    def _on_presence(self, presence: Element) -> None:
        kind, sender = presence.get("type"), presence.get("from", "")
        if kind == "subscribe" and self._settings.accepts(sender):
            self._wanted.append(bare(sender))
            self._heard.set()
        elif bare(sender) in self._settings.rooms and (kind == "error" or (kind == "unavailable" and _of_us(presence))):
            self._thrown_out = bare(sender)
            self._heard.set()


async def _beyond(stream: Stream, archive: str, place: Place) -> Page:
    """The next page after *place*, by its time where the archive has forgotten its id."""
    page = await stream.page(archive, after=place.ident, since=None if place.ident else place.at)
    return page if page.known else await stream.page(archive, since=place.at)


def _of_us(presence: Element) -> bool:
    """Whether a room speaks of ourselves (XEP-0045, status 110)."""
    about = presence.find(_USER)
    return about is not None and any(each.get("code") == "110" for each in about)
