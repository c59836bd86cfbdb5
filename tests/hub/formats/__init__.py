"""The standards, against the corpus in tests/data."""

from __future__ import annotations

from pathlib import Path

DATA = Path(__file__).parents[2] / "data"
EMAIL = DATA / "email"
