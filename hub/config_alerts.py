"""`[alerts]`: how people are told, and where the hub may send what it tells."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel

from hub.config_reader import STRICT, Reader


class AlertsTable(BaseModel):
    """`[alerts]`: what holds for all alerts."""

    model_config = STRICT

    allow_private: list[str] = []


@dataclass(frozen=True, slots=True)
class AlertsConfig:
    """*allow_private* are the `host:port`s of our own network to which alerts may be sent: all others must be
    public."""

    allow_private: frozenset[str] = frozenset()


def read_alerts(reader: Reader) -> AlertsConfig:
    """How people are told."""
    table = reader.checked("alerts", AlertsTable, reader.section("alerts")) or AlertsTable()
    return AlertsConfig(frozenset(table.allow_private))
