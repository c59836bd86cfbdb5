"""Where the answers to a form lead: to an event type, and maybe to one of its hosts."""

from __future__ import annotations

from collections.abc import Mapping

from hub.booking.questions import Answer
from hub.booking.types import Form, Route


def route(form: Form, answers: Mapping[str, Answer]) -> Route | None:
    """The first route of *form* that fits *answers* (as `hub.booking.questions.validate` gives them); None where none
    does, and `form.otherwise` is said. Capitals and blanks do not count in what was typed; where several options
    were chosen, one of them is enough."""
    return next((each for each in form.routes if _fits(each, answers)), None)


def _fits(one: Route, answers: Mapping[str, Answer]) -> bool:
    for id, counts in one.when.items():
        answer = answers.get(id, "")
        given = {_plain(each) for each in (answer if isinstance(answer, list) else [answer])}
        if given.isdisjoint(_plain(each) for each in counts):
            return False
    return True


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
