"""docs/COMPLAINTS.md names a test for each complaint: each of them exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCUMENT = Path(__file__).parents[1] / "docs" / "COMPLAINTS.md"
NAMED = re.findall(r"\]\((\.\./tests/[^)]+)\)::(test_\w+)", DOCUMENT.read_text("utf-8"))


def test_every_complaint_names_a_test() -> None:
    rows = [
        line for line in DOCUMENT.read_text("utf-8").splitlines() if line.startswith("| ") and "What hurt" not in line
    ]
    assert len(rows) > 20
    assert [row for row in rows if "::test_" not in row] == []


@pytest.mark.parametrize(("path", "test"), NAMED, ids=[test for _, test in NAMED])
def test_it_exists(path: str, test: str) -> None:
    source = (DOCUMENT.parent / path).read_text("utf-8")
    assert re.search(rf"^(?:async )?def {test}\(", source, re.MULTILINE), f"{path} has no {test}"
