"""What changed, where a provider does not say."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.formats.fingerprints import Fingerprints

STATES = st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=12)


@given(before=STATES, after=STATES)
@settings(max_examples=60)
def test_exactly_what_changed_is_found_also_after_it_was_written_down(
    before: dict[str, str], after: dict[str, str]
) -> None:
    marks = Fingerprints()
    for name, state in before.items():
        marks.note(name, state)
    marks = Fingerprints.read(str(marks))
    changed = {name for name, state in after.items() if not marks.knows(name, state)}
    assert changed == {name for name, state in after.items() if before.get(name) != state}
    assert marks.beyond(after) == len(changed) + len(before.keys() - after.keys())
    assert marks.keep(after.keys()) == bool(before.keys() - after.keys())
    assert len(marks) == len(before.keys() & after.keys())


def test_each_takes_sixteen_characters() -> None:
    marks = Fingerprints()
    for number in range(300):
        marks.note(f"/ada/work/{number}.ics", '"etag"')
    assert len(str(marks)) == 16 * 300


@pytest.mark.parametrize("text", ["not base64", "YWJj", "ÄÖ", "="])
def test_what_is_no_list_of_marks_knows_nothing(text: str) -> None:
    assert len(Fingerprints.read(text)) == 0
