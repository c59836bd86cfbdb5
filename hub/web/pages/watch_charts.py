"""Charts of what is watched: how much, how it feels, of whom. Drawn as SVG, each with its numbers in a table."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from aiohttp import web

from hub.mentions.charts import Bar, Step
from hub.web.i18n import Reader
from hub.web.keys import SERVICE
from hub.web.pages import frame
from hub.web.pages.watch import DAYS, asked, feelings, which
from hub.web.pages.watch_drawing import columns

ROOM, WIDE = 120, 720


@dataclass(frozen=True, slots=True)
class Drawn:
    """A step of the charts: *left* and *wide*, top and height of its bar, and its feelings stacked (name, top,
    height)."""

    bar: Bar
    said: str
    left: float
    wide: float
    top: int
    high: int
    stack: tuple[tuple[str, int, int], ...]
    episode: str


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
    share = await watch.share(actor, [each.id for each in queries], since, until)
    query = int(given.get("query", 0)) or None
    times = [(each.kind, each.began_at, each.ended_at or until) for each in await watch.episodes(query, days)]
    highest = max((each.count for each in bars), default=0)
    most = max((each.count for each in share), default=0)
    return await frame.page(
        request,
        "watch/charts.html",
        "watch",
        queries=queries,
        given={"query": given.get("query", "")},
        days=DAYS,
        chosen=days,
        drawn=_drawn(speaks, bars, step, highest, times),
        highest=highest,
        total=sum(each.count for each in bars),
        totals={name: sum(getattr(each, name) for each in bars) for name in feelings(speaks)},
        feelings=feelings(speaks),
        share=[
            (each, one.name, round(each.count / most * 300) if most else 0)
            for each, one in zip(share, queries, strict=True)
        ],
    )


def _drawn(
    speaks: Reader, bars: list[Bar], step: Step, highest: int, times: list[tuple[str, datetime, datetime]]
) -> list[Drawn]:
    width = WIDE / max(1, len(bars))
    length = timedelta(hours=1) if step == "hour" else timedelta(days=1)
    found = []
    for number, bar in enumerate(bars):
        top, high = columns(bar.count, highest, ROOM)
        stack, below = [], ROOM
        for name in ("unclear", "neutral", "positive", "negative"):
            tall = columns(getattr(bar, name), highest, ROOM)[1]
            below -= tall
            stack.append((name, below, tall))
        said = speaks.exact(bar.at) if step == "hour" else speaks.full_date(bar.at.date())
        kinds = [kind for kind, began, ended in times if began < bar.at + length and ended >= bar.at]
        found.append(Drawn(bar, said, number * width, width * 0.8, top, high, tuple(stack), kinds[0] if kinds else ""))
    return found


def _csv(bars: list[Bar]) -> web.Response:
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(("at", "count", "positive", "neutral", "negative", "unclear"))
    for each in bars:
        rows.writerow((each.at.isoformat(), each.count, each.positive, each.neutral, each.negative, each.unclear))
    headers = {"Content-Disposition": 'attachment; filename="volume.csv"', "X-Content-Type-Options": "nosniff"}
    return web.Response(text=text.getvalue(), content_type="text/csv", charset="utf-8", headers=headers)
