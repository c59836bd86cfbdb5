"""The rail: where one can go, and what waits there."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.inbox import listing
from hub.inbox.listing import State, Wanted
from hub.privacy.visibility import Actor
from hub.store.alert_tables import alerts
from hub.store.schema import sources
from hub.web.i18n import Reader

SHOWN = 99


@dataclass(frozen=True, slots=True)
class Counts:
    """*waits* conversations wait for an answer, *red* sources need somebody, *alerts* of the reader are open."""

    waits: int
    red: int
    alerts: int = 0

    @property
    def bell(self) -> str:
        """The number at the bell, "" where nothing is open."""
        return f"{SHOWN}+" if self.alerts > SHOWN else str(self.alerts or "")


@dataclass(frozen=True, slots=True)
class Item:
    """A place in the rail. *key* is pressed after `g`. One that is *far* stands behind "More" on phones."""

    name: str
    href: str
    word: str
    icon: str
    key: str
    here: bool
    last: bool = False
    far: bool = False
    waits: str = ""
    waits_words: str = ""
    red: str = ""
    red_words: str = ""


def counts(conn: Connection, actor: Actor) -> Counts:
    """What waits now for *actor*."""
    red = conn.execute(
        sa.select(sa.func.count()).select_from(sources).where(sources.c.state.in_(("rejected", "misconfigured")))
    ).scalar_one()
    waits = listing.count(conn, actor, Wanted(states=(State.OPEN,), waiting=True), SHOWN + 1)
    mine = sa.select(sa.func.count()).where(alerts.c.agent == actor.agent, alerts.c.state == "open")
    told = conn.execute(mine.select_from(alerts)).scalar_one() if actor.agent else 0
    return Counts(waits, red, told)


def items(reader: Reader, here: str, counts: Counts, *, admin: bool) -> list[Item]:
    """The places, in order."""
    t = reader.gettext
    waits = f"{SHOWN}+" if counts.waits > SHOWN else str(counts.waits or "")
    return [
        Item("now", "/", t("Now"), "now", "n", here == "now"),
        Item(
            "inbox", "/inbox", t("Inbox"), "inbox", "i", here == "inbox",
            waits=waits, waits_words=reader.ngettext("waits for an answer", "wait for an answer", counts.waits),
        ),
        Item("people", "/contacts", t("People"), "people", "p", here == "people"),
        Item("calls", "/calls", t("Calls"), "calls", "c", here == "calls"),
        Item("watch", "/watch", t("Watch"), "mention", "w", here == "watch"),
        Item("calendar", "/calendar", t("Calendar"), "meeting", "b", here == "calendar", far=True),
        Item(
            "sources", "/sources", t("Sources"), "sources", "s", here == "sources", last=True, far=True,
            red=str(counts.red or ""), red_words=reader.ngettext("needs you", "need you", counts.red),
        ),
    ]  # fmt: skip
