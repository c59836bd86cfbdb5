"""`[watch]`: how long posts are kept, and how many of them, for looking back."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, Field

from hub.config_reader import STRICT, Reader


class WatchTable(BaseModel):
    """`[watch]`: what is kept of posts that no query of ours found, so that a new query can be tried on them."""

    model_config = STRICT

    keep_days: int = Field(30, ge=1, le=90)
    keep_an_hour: int = Field(500, ge=0, le=100_000)


@dataclass(frozen=True, slots=True)
class WatchConfig:
    """Posts are kept for *keep_days*, of each source at most *keep_an_hour* a hour: of more, a fair sample."""

    keep_days: int = 30
    keep_an_hour: int = 500


def read_watch(reader: Reader) -> WatchConfig:
    """What is kept of posts."""
    table = reader.checked("watch", WatchTable, reader.section("watch")) or WatchTable()
    return WatchConfig(table.keep_days, table.keep_an_hour)
