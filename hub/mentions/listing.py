"""Mentions as people see them, and lists of them. Functions take a connection and run inside somebody's transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from hub import timeline
from hub.mentions import queries
from hub.mentions.posts import author
from hub.privacy.visibility import Actor, sees
from hub.store.mention_tables import mention_matches, mention_spread, mentions
from hub.store.schema import contacts, conversations, identities, interactions
from hub.timeline import Place
from hub.vocabulary import Mention

STATES = ("new", "seen", "done", "irrelevant")
FEELINGS = ("positive", "neutral", "negative", "unclear")


@dataclass(frozen=True, slots=True)
class Why:
    """A query that found a mention, and where: *spans* are (field, start, end) in code points. It does not *stand* any
    more where an edit took the words away."""

    query_id: int
    name: str
    spans: tuple[tuple[str, int, int], ...]
    stands: bool


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The same post heard through another source (`same`), a `repost`, or somebody's near `copy`."""

    how: str
    source: str
    author: str
    url: str
    reach: int | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Maybe:
    """A contact that the author is (*sure*: somebody confirmed the handle), or possibly is, because her profile stands
    among the contact's fields."""

    id: int
    name: str
    sure: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MentionView:
    """A mention as one actor sees it. *text* is empty where it was taken down (*deleted*). *reach* are the author's
    followers, *whole_reach* those of everybody who spread it. *sentiment* with *confidence* as the hub thinks, or, with
    *corrected_by*, as a person said."""

    id: int
    key: str
    conversation_id: int
    revision: int
    state: str
    owner: str
    author: str
    author_name: str
    author_url: str
    site: str
    source: str
    title: str
    text: str
    url: str
    posted_at: datetime
    edited_at: datetime | None
    deleted: bool
    addressed: bool
    reach: int | None
    whole_reach: int
    language: str
    sentiment: str
    confidence: float
    corrected_by: str
    why: tuple[Why, ...]
    spread: tuple[Elsewhere, ...]
    contacts: tuple[Maybe, ...]
    deal_id: int | None
    case_id: int | None

    @property
    def place(self) -> Place:
        """Where a page that ends with it ends."""
        return self.posted_at, self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which mentions: "" and None ask for all. *owner* "-" is nobody's. *state* "" leaves out the irrelevant ones. *q*
    are words in the post. *addressed* names an account of ours, or does not."""

    query: int | None = None
    state: str = ""
    sentiment: str = ""
    language: str = ""
    source: str = ""
    owner: str = ""
    q: str = ""
    addressed: bool | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Mentions, newest first, and where the next page begins, None at the end."""

    items: tuple[MentionView, ...]
    next: Place | None


def listed(conn: Connection, actor: Actor, which: Filter, limit: int, beyond: Place | None = None) -> Page:
    """The mentions that *which* asks for, as far as *actor* may read them."""
    ids = (
        sa.select(mentions.c.interaction_id, mentions.c.posted_at)
        .join_from(mentions, interactions, interactions.c.id == mentions.c.interaction_id)
        .join(conversations, conversations.c.id == interactions.c.conversation_id)
        .where(*conditions(conn, actor, which), sees(actor) > 0)
    )
    if beyond is not None:
        at, last = beyond
        here = sa.tuple_(mentions.c.posted_at, mentions.c.interaction_id)
        ids = ids.where(here < sa.tuple_(sa.literal(at, mentions.c.posted_at.type), sa.literal(last)))
    ids = ids.order_by(mentions.c.posted_at.desc(), mentions.c.interaction_id.desc()).limit(limit + 1)
    found = conn.execute(ids).all()
    views = {view.id: view for view in of(conn, actor, [row.interaction_id for row in found[:limit]])}
    items = tuple(views[row.interaction_id] for row in found[:limit] if row.interaction_id in views)
    more = len(found) > limit
    return Page(items, (found[limit - 1].posted_at, found[limit - 1].interaction_id) if more else None)


def conditions(conn: Connection, actor: Actor, which: Filter) -> list[sa.ColumnElement[bool]]:
    """*which* as SQL over mentions joined with their interactions and conversations."""
    found: list[sa.ColumnElement[bool]] = []
    if which.query is not None:
        matched = sa.select(mention_matches.c.interaction_id).where(mention_matches.c.query_id == which.query)
        found.append(mentions.c.interaction_id.in_(matched))
    found.append(mentions.c.state == which.state if which.state else mentions.c.state != "irrelevant")
    if which.sentiment:
        found.append(mentions.c.sentiment == which.sentiment)
    if which.language:
        found.append(
            sa.or_(mentions.c.language == which.language, mentions.c.language.startswith(f"{which.language}-"))
        )
    if which.source:
        found.append(interactions.c.source == which.source)
    if which.owner:
        found.append(conversations.c.owner == ("" if which.owner == "-" else which.owner))
    if which.addressed is not None:
        found.append(mentions.c.addressed.is_(which.addressed))
    if which.since is not None:
        found.append(mentions.c.posted_at >= which.since)
    if which.until is not None:
        found.append(mentions.c.posted_at < which.until)
    if which.q:
        found.append(timeline.holds(conn, actor, which.q, interactions.c.id))
    return found


def of(conn: Connection, actor: Actor, ids: Collection[int]) -> list[MentionView]:
    """These mentions, as far as *actor* may read them, in no order."""
    if not ids:
        return []
    items = timeline.among(conn, actor, interactions.c.id.in_(list(ids)), len(ids))
    rows = {
        row.interaction_id: row
        for row in conn.execute(sa.select(mentions).where(mentions.c.interaction_id.in_(list(ids))))
    }
    states = {
        row.id: row
        for row in conn.execute(
            sa.select(conversations).where(conversations.c.id.in_([item.conversation_id for item in items]))
        )
    }
    why, spread = _why(conn, ids), _spread(conn, ids)
    people = _contacts(conn, [(row.author, _profile(item.facts)) for item in items if (row := rows.get(item.id))])
    views = []
    for item in items:
        row, facts = rows.get(item.id), item.facts
        if row is None or not isinstance(facts, Mention):
            continue
        by, conversation = author(facts), states.get(item.conversation_id)
        elsewhere = spread.get(item.id, ())
        views.append(
            MentionView(
                id=item.id,
                key=item.key,
                conversation_id=item.conversation_id,
                revision=conversation.revision if conversation else 1,
                state=row.state,
                owner=conversation.owner if conversation else "",
                author=row.author,
                author_name=by.name if by and by.name else _shown(row.author),
                author_url=facts.author_url or "",
                site=row.site,
                source=item.source,
                title=item.title,
                text=facts.text or "",
                url=facts.url or "",
                posted_at=row.posted_at,
                edited_at=facts.edited_at,
                deleted=bool(facts.deleted),
                addressed=row.addressed,
                reach=row.reach,
                whole_reach=(row.reach or 0) + sum(each.reach or 0 for each in elsewhere if each.how != "same"),
                language=row.language,
                sentiment=row.sentiment,
                confidence=row.confidence,
                corrected_by=row.corrected_by,
                why=why.get(item.id, ()),
                spread=elsewhere,
                contacts=people.get((row.author, facts.author_url or ""), ()),
                deal_id=conversation.deal_id if conversation else None,
                case_id=conversation.case_id if conversation else None,
            )
        )
    return views


def _why(conn: Connection, ids: Collection[int]) -> dict[int, tuple[Why, ...]]:
    rows = conn.execute(
        sa.select(mention_matches)
        .where(mention_matches.c.interaction_id.in_(list(ids)))
        .order_by(mention_matches.c.query_id)
    ).all()
    called = queries.names(conn, {row.query_id for row in rows})
    found: dict[int, list[Why]] = defaultdict(list)
    for row in rows:
        spans = tuple((str(field), int(start), int(end)) for field, start, end in row.spans)
        found[row.interaction_id].append(Why(row.query_id, called.get(row.query_id, ""), spans, row.stands))
    return {id: tuple(each) for id, each in found.items()}


def _spread(conn: Connection, ids: Collection[int]) -> dict[int, tuple[Elsewhere, ...]]:
    rows = conn.execute(
        sa.select(mention_spread).where(mention_spread.c.interaction_id.in_(list(ids))).order_by(mention_spread.c.at)
    )
    found: dict[int, list[Elsewhere]] = defaultdict(list)
    for row in rows:
        found[row.interaction_id].append(Elsewhere(row.how, row.source, row.author, row.url, row.reach, row.at))
    return {id: tuple(each) for id, each in found.items()}


def _profile(facts: object) -> str:
    return (facts.author_url or "") if isinstance(facts, Mention) else ""


def _contacts(conn: Connection, authors: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], tuple[Maybe, ...]]:
    """Whom the authors (handle, profile) are, or possibly are. A name alone is no evidence."""
    found: dict[tuple[str, str], tuple[Maybe, ...]] = {}
    handles = sorted({handle for handle, _ in authors if handle})
    known: dict[str, list[Maybe]] = defaultdict(list)
    for row in conn.execute(
        sa.select(identities.c.handle, contacts.c.id, contacts.c.name)
        .join_from(identities, contacts, contacts.c.id == identities.c.contact_id)
        .where(identities.c.handle.in_(handles))
    ):
        known[row.handle].append(Maybe(row.id, row.name, sure=True))
    for handle, profile in dict.fromkeys(authors):
        people = known.get(handle, [])
        if not people and profile:
            fields = sa.cast(contacts.c.fields, sa.Text)
            rows = conn.execute(
                sa.select(contacts.c.id, contacts.c.name)
                .where(fields.contains(f'"{profile}"', autoescape=True))
                .limit(3)
            )
            people = [Maybe(row.id, row.name, sure=False) for row in rows]
        found[handle, profile] = tuple(people)
    return found


def _shown(handle: str) -> str:
    """A handle as people read it where its owner has no name."""
    scheme, _, rest = handle.partition(":")
    if scheme == "acct":
        return f"@{rest}"
    return handle.rstrip("/").rpartition("/")[2].rpartition("=")[2] if scheme in ("https", "http") else handle
