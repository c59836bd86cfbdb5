"""Bars, from zero."""

from __future__ import annotations


def columns(count: int, highest: int, room: int) -> tuple[int, int]:
    """Top and height of a bar within *room* pixels; what is not nothing is seen."""
    high = max(2, round(count / highest * room)) if count and highest else 0
    return room - high, high
