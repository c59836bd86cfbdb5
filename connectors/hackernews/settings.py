"""The keys of a `[sources.<name>]` table with `provider = "hackernews"`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

import hub


class HackernewsSettings(hub.Settings):
    """How often Hacker News is asked (*poll_seconds*), how many items the first reading looks back (*look_back*), and
    how many at most are caught up with after a time of not listening (*most_behind*; what is older is said and left
    out: at 15,000 items a day the default is two weeks)."""

    base_url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s/]+$")] = "https://hacker-news.firebaseio.com"
    poll_seconds: Annotated[float, Field(gt=0, le=3600)] = 30
    look_back: Annotated[int, Field(ge=0, le=10_000)] = 500
    most_behind: Annotated[int, Field(ge=1, le=1_000_000)] = 200_000
