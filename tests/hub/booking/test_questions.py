"""Answers: what counts as one, what is wrong with the others, and where they lead."""

from __future__ import annotations

import pytest

from hub.booking.forms import route
from hub.booking.questions import WrongAnswers, validate
from hub.booking.types import Form, Question

ASKED = tuple(
    Question.model_validate(each)
    for each in (
        {"id": "name", "label": "Name", "required": True},
        {"id": "more", "label": "More", "type": "long"},
        {"id": "what", "label": "What", "type": "choice", "options": ["Offer", "Order"]},
        {"id": "parts", "label": "Parts", "type": "choices", "options": ["Pump", "Valve", "Hose"]},
        {"id": "new", "label": "New", "type": "yes-no"},
        {"id": "count", "label": "How many", "type": "number"},
        {"id": "since", "label": "Since", "type": "date"},
        {"id": "call", "label": "Phone", "type": "phone"},
        {"id": "write", "label": "Mail", "type": "mail"},
    )
)


def test_answers_are_kept_in_one_way_however_they_were_written() -> None:
    raw = {
        "name": "  Li \t Na ",
        "more": "two\r\nlines\x00",
        "what": ["Order"],
        "parts": ["Hose", "Pump", "Hose"],
        "new": True,
        "count": "1,50",
        "since": "2026-11-23",
        "call": "030 123456",
        "write": "Li.Na@Customer.example",
    }
    assert validate(ASKED, raw, "DE") == {
        "name": "Li Na",
        "more": "two\nlines",
        "what": "Order",
        "parts": ["Pump", "Hose"],
        "new": "yes",
        "count": "1.50",
        "since": "2026-11-23",
        "call": "tel:+4930123456",
        "write": "mailto:li.na@customer.example",
    }
    assert validate(ASKED, {"name": "Li", "more": "", "what": None, "parts": [], "new": False}) == {
        "name": "Li",
        "new": "no",
    }


@pytest.mark.parametrize(
    ("id", "answer", "code"),
    [
        ("name", " ", "missing"),
        ("name", "x" * 501, "too-long"),
        ("name", "x" * 1_000_000, "too-long"),
        ("name", {"a": 1}, "unreadable"),
        ("name", ["a", "b"], "unreadable"),
        ("what", "Refund", "no-option"),
        ("parts", ["Pump", "Door"], "no-option"),
        ("new", "perhaps", "no-yes-no"),
        ("count", "1e999999999", "no-number"),
        ("count", "nan", "no-number"),
        ("since", "2026-02-30", "no-date"),
        ("call", "12", "no-phone"),
        ("write", "li.na", "no-mail"),
        ("colour", "red", "unknown"),
    ],
)
def test_what_is_no_answer_is_told_by_its_question(id: str, answer: object, code: str) -> None:
    with pytest.raises(WrongAnswers) as caught:
        validate(ASKED, {"name": "Li", id: answer}, "DE")
    assert caught.value.errors == {id: code}


def test_the_first_route_that_fits_counts() -> None:
    form = Form.model_validate(
        {
            "title": "Help",
            "questions": [each.model_dump() for each in ASKED],
            "routes": [
                {"when": {"what": ["Order"], "parts": ["Pump", "Valve"]}, "event_type": "repair", "host": "ada"},
                {"when": {"name": ["li na"]}, "event_type": "personal"},
                {"when": {"what": ["Offer", "Order"]}, "event_type": "sales"},
            ],
        }
    )

    def leads_to(**answers: object) -> tuple[str, str] | None:
        found = route(form, validate(form.questions, answers))
        return (found.event_type, found.host) if found else None

    assert leads_to(name="Bo", what="Order", parts=["Hose", "Valve"]) == ("repair", "ada")
    assert leads_to(name="Bo", what="Order", parts=["Hose"]) == ("sales", "")
    assert leads_to(name="Li  Na", what="Order") == ("personal", "")
    assert leads_to(name="Bo") is None
