"""Charts of what is watched: how much, how it feels, of whom. Drawn as SVG, each with its numbers in a table."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from aiohttp import web

from hub.mentions.charts import Bar, Episode, Step
from hub.web.i18n import Reader
from hub.web.keys import SERVICE
from hub.web.pages import frame
from hub.web.pages.watch import DAYS, asked, feelings, which
from hub.web.pages.watch_drawing import columns

ROOM, WIDE = 120, 720
MOST_LABELS, APART = 5, 46
MOST_COMPARED = 100


@dataclass(frozen=True, slots=True)
class Drawn:
    """A step of the charts: *left* and *wide*, top and height of its bar, its feelings stacked (name, top, height), the
    *episode* that it lies in, and the *label* above it."""

    bar: Bar
    said: str
    left: float
    wide: float
    top: int
    high: int
    stack: tuple[tuple[str, int, int], ...]
    episode: str
    label: str


async def charts(request: web.Request) -> web.Response:
    """The charts of a time, of one query or of all; the numbers as CSV where `format` asks for it."""
    actor, speaks, watch = frame.actor(request), frame.reader(request), request.app[SERVICE].watch
    given = asked(request)
    days = int(given.get("days", 30))
    step: Step = "hour" if days == 1 else "day"
    until = speaks.now
    since = until - timedelta(days=days)
    bars = await watch.volume(actor, which(given, speaks), since, until, step, ZoneInfo(speaks.timezone))
    if request.query.get("format") == "csv":
        return _csv(bars)
    queries = await watch.queries()
    compared = _compared(request, [each.id for each in queries])
    share = await watch.share(actor, compared, since, until)
    query = int(given.get("query", 0)) or None
    called = {each.id: each.name for each in queries}
    # Those of a query that was archived have no name any more, and no chart that they explain.
    times = [each for each in await watch.episodes(query, days) if each.query_id in called]
    highest = max((each.count for each in bars), default=0)
    most = max((each.count for each in share), default=0)
    all_of_them = sum(each.count for each in share)
    return await frame.page(
        request,
        "watch/charts.html",
        "watch",
        queries=queries,
        given={"query": given.get("query", "")},
        days=DAYS,
        chosen=days,
        compared=compared,
        episodes=[(each, called[each.query_id]) for each in times],
        drawn=_drawn(speaks, bars, step, highest, times),
        highest=highest,
        total=sum(each.count for each in bars),
        totals={name: sum(getattr(each, name) for each in bars) for name in feelings(speaks)},
        feelings=feelings(speaks),
        share=[
            (
                each,
                called[each.query_id],
                round(each.count / most * 100) if most else 0,
                _percent(each.count, all_of_them),
            )
            for each in sorted(share, key=lambda each: -each.count)
        ],
    )


def _compared(request: web.Request, known: list[int]) -> list[int]:
    """The queries whose share is asked for; all of them where none is chosen."""
    chosen = {frame.number(each) for each in request.query.getall("share", [])[:MOST_COMPARED]}
    return [each for each in known if each in chosen] or known


def _percent(count: int, whole: int) -> int:
    return round(count / whole * 100) if whole else 0


def _labelled(bars: list[Bar]) -> set[int]:
    """Which bars have their number above them: the highest ones, none of two that touch."""
    found: set[int] = set()
    for place in sorted(range(len(bars)), key=lambda place: -bars[place].count):
        if len(found) == MOST_LABELS or not bars[place].count:
            break
        if not any(abs(place - other) < APART * len(bars) / WIDE for other in found):
            found.add(place)
    return found


def _drawn(speaks: Reader, bars: list[Bar], step: Step, highest: int, times: list[Episode]) -> list[Drawn]:
    width = WIDE / max(1, len(bars))
    length = timedelta(hours=1) if step == "hour" else timedelta(days=1)
    found: list[Drawn] = []
    labelled = _labelled(bars)
    for number, bar in enumerate(bars):
        top, high = columns(bar.count, highest, ROOM)
        stack, below = [], ROOM
        for name in ("unclear", "neutral", "positive", "negative"):
            tall = columns(getattr(bar, name), highest, ROOM)[1]
            below -= tall
            stack.append((name, below, tall))
        said = speaks.exact(bar.at) if step == "hour" else speaks.full_date(bar.at.date())
        end = bar.at + length
        kinds = [each.kind for each in times if each.began_at < end and (each.ended_at or speaks.now) >= bar.at]
        episode = kinds[0] if kinds else ""
        label = speaks.number(bar.count) if number in labelled else ""
        found.append(Drawn(bar, said, number * width, width, top, high, tuple(stack), episode, label))
    return found


def _csv(bars: list[Bar]) -> web.Response:
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(("at", "count", "positive", "neutral", "negative", "unclear"))
    for each in bars:
        rows.writerow((each.at.isoformat(), each.count, each.positive, each.neutral, each.negative, each.unclear))
    headers = {"Content-Disposition": 'attachment; filename="volume.csv"', "X-Content-Type-Options": "nosniff"}
    return web.Response(text=text.getvalue(), content_type="text/csv", charset="utf-8", headers=headers)
