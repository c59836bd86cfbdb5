"""The timeline's lines: what stands in a store becomes what a reader reads, grouped by day and by thread."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from markupsafe import Markup, escape

from hub.calls.fold import answered_by
from hub.privacy.visibility import readable
from hub.timeline import Item
from hub.vocabulary import Call, Channel, Direction, Kind, Level, Meeting, Message
from hub.web.i18n import Reader
from hub.web.pages import meeting_words, words
from hub.web.pages.parties import Parties, Party

COLLAPSE_FROM = 4
"""So many mails of one thread in a row become one line."""

OPEN_ENDS = 1
"""So many of them, the newest, stay in sight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line. *title* and *preview* may hold marks of a search; *tone* is "late", "well" or ""."""

    id: int
    conversation_id: int
    kind: Kind
    channel: Channel
    direction: Direction
    at: datetime
    icon: str
    sort: str
    who: str
    whom: str
    title: Markup
    preview: Markup
    outcome: str
    tone: str
    files: int
    level: int
    parties: Parties

    @property
    def restricted(self) -> bool:
        """Whether the reader may not read all of it."""
        return not readable(self.level, Level.ALL)


@dataclass(frozen=True, slots=True)
class Thread:
    """Mails of one conversation that follow one another: *hidden* are folded away under *words*."""

    id: str
    shown: tuple[Entry, ...]
    hidden: tuple[Entry, ...]
    words: str


@dataclass(frozen=True, slots=True)
class Day:
    """A day as a heading, and what happened on it, newest first."""

    key: str
    heading: str
    threads: tuple[Thread, ...]


def entry(
    reader: Reader, item: Item, people: Parties, colleagues: Mapping[str, str], mark: re.Pattern[str] | None = None
) -> Entry:
    """The line of one interaction. *colleagues* are names by phone: of a call that was taken it says who took it."""
    facts = item.facts
    said, tone, whom = "", "", names(reader, people.reached)
    if isinstance(facts, Call):
        said, tone = words.outcome(reader, item.direction, item.state, item.outcome, facts.duration or 0)
        leg = answered_by(facts) if item.direction is Direction.INBOUND else None
        whom = (colleagues.get(leg.agent or "") or colleagues.get(leg.phone or "") if leg else "") or whom
    elif isinstance(facts, Meeting):
        said, tone = meeting_words.summary(reader, facts)
    title = item.title
    if item.channel is Channel.EMAIL and not title:
        hidden = not readable(item.level, Level.SUBJECT)
        title = reader.gettext("Subject not shared with you") if hidden else reader.gettext("No subject")
    files = (facts.attachments or ()) if isinstance(facts, Message) else ()
    sent = (facts.files or ()) if isinstance(facts, Message) else ()
    return Entry(
        id=item.id,
        conversation_id=item.conversation_id,
        kind=item.kind,
        channel=item.channel,
        direction=item.direction,
        at=item.occurred_at,
        icon=words.icon(item.kind, item.channel, item.direction, item.outcome),
        sort=words.sort_of(reader, item.kind, item.channel, item.direction),
        who=names(reader, people.began),
        whom=whom,
        title=marked(title, mark),
        preview=marked(one_line(item.preview), mark),
        outcome=said,
        tone=tone,
        files=sum(1 for each in files if not each.inline) + len(sent),
        level=item.level,
        parties=people,
    )


def names(reader: Reader, group: Sequence[Party]) -> str:
    """Who they are: one name, or the first and how many more."""
    if not group:
        return ""
    first = group[0].name or reader.gettext("Number withheld")
    if len(group) == 1:
        return first
    return reader.gettext("%(name)s and %(count)d more") % {"name": first, "count": len(group) - 1}


def by_day(reader: Reader, entries: Iterable[Entry]) -> list[Day]:
    """*entries*, newest first, under the reader's days; long threads are folded."""
    days = []
    for day, group in groupby(entries, key=lambda each: reader.local(each.at).date()):
        listed = list(group)
        days.append(Day(day.isoformat(), reader.day(listed[0].at), tuple(_threads(reader, listed))))
    return days


def _threads(reader: Reader, entries: Sequence[Entry]) -> Iterator[Thread]:
    for _, group in groupby(entries, key=lambda each: (each.conversation_id, each.kind)):
        run = tuple(group)
        if len(run) < COLLAPSE_FROM or run[0].kind is not Kind.MESSAGE:
            yield Thread(str(run[0].id), run, (), "")
            continue
        hidden = run[OPEN_ENDS:]
        other = run[0].parties.outside
        more = reader.ngettext(
            "%(count)d earlier mail with %(name)s", "%(count)d earlier mails with %(name)s", len(hidden)
        )
        words_ = more % {"count": len(hidden), "name": other.name if other else ""}
        yield Thread(str(run[0].id), run[:OPEN_ENDS], hidden, words_)


_BLANKS = re.compile(r"\s+")


def one_line(text: str, limit: int = 200) -> str:
    """The first words of *text* without line breaks."""
    return _BLANKS.sub(" ", text[: limit * 2]).strip()[:limit]


def pattern(query: str) -> re.Pattern[str] | None:
    """What to mark on a page that was searched for *query*."""
    wanted = sorted({word for word in query.split() if word}, key=len, reverse=True)
    return re.compile("|".join(re.escape(word) for word in wanted), re.IGNORECASE) if wanted else None


def marked(text: str, mark: re.Pattern[str] | None) -> Markup:
    """*text* escaped, with what *mark* finds in `<mark>`."""
    if mark is None:
        return escape(text)
    pieces, last = [], 0
    for match in mark.finditer(text):
        pieces += [escape(text[last : match.start()]), Markup("<mark>"), escape(match[0]), Markup("</mark>")]
        last = match.end()
    return Markup("").join([*pieces, escape(text[last:])])
