"""What the invitee is asked, and what counts as an answer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation

from hub.booking.types import Question
from hub.formats.handles import mail, phone

Answer = str | list[str]
"""An answer as it is kept: text, one option, `yes` or `no`, a number (`12.5`), a date (`2026-11-23`), a handle
(`tel:+49…`, `mailto:…`); a list of options where several may be chosen."""

LONGEST = {"text": 500, "long": 5000}
_YES, _NO = frozenset({"yes", "true", "on", "1"}), frozenset({"no", "false", "off", "0"})
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class WrongAnswers(ValueError):
    """Some answers cannot be taken. *errors* are codes by the question's id: `missing`, `too-long`, `no-option`,
    `no-yes-no`, `no-number`, `no-date`, `no-phone`, `no-mail`, `unreadable`, and `unknown` where nothing asks that."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{id}: {code}" for id, code in errors.items()))
        self.errors = dict(errors)


def validate(questions: Sequence[Question], raw: Mapping[str, object], region: str = "") -> dict[str, Answer]:
    """The answers in *raw* (texts, or lists of texts, as forms and JSON send them) by the questions' ids, in their
    order and without those that were left empty. *region* is the country in which phone numbers are read. Raises
    `WrongAnswers` with every error there is."""
    asked = {question.id for question in questions}
    errors = {str(id)[:64]: "unknown" for id in list(raw)[:100] if id not in asked}
    found: dict[str, Answer] = {}
    for question in questions:
        try:
            answer = _read(question, raw.get(question.id), region)
        except _Wrong as error:
            errors[question.id] = error.code
            continue
        if answer:
            found[question.id] = answer
        elif question.required:
            errors[question.id] = "missing"
    if errors:
        raise WrongAnswers(errors)
    return found


class _Wrong(Exception):
    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def _read(question: Question, value: object, region: str) -> Answer:
    if question.type == "choices":
        several = value if isinstance(value, list) else [value]
        chosen = {_text(each) for each in several if each is not None} - {""}
        if chosen - set(question.options):
            raise _Wrong("no-option")
        return [option for option in question.options if option in chosen]
    if isinstance(value, list):
        if len(value) > 1:
            raise _Wrong("unreadable")
        value = value[0] if value else ""
    text = "" if value is None else _text(value)
    return text and _typed(question, text, region)


def _typed(question: Question, text: str, region: str) -> str:
    match question.type:
        case "choice":
            if text not in question.options:
                raise _Wrong("no-option")
            return text
        case "yes-no":
            if text.lower() not in _YES | _NO:
                raise _Wrong("no-yes-no")
            return "yes" if text.lower() in _YES else "no"
        case "number":
            return _number(text)
        case "date":
            return _date(text)
        case "phone":
            return _handle(phone(text, region), "tel:", "no-phone")
        case "mail":
            return _handle(mail(text), "mailto:", "no-mail")
    if len(text) > LONGEST[question.type]:
        raise _Wrong("too-long")
    return text if question.type == "long" else " ".join(text.split())


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return str(value)
    if not isinstance(value, str):
        raise _Wrong("unreadable")
    if len(value) > 2 * LONGEST["long"]:
        raise _Wrong("too-long")
    return _CONTROL.sub("", value.replace("\r\n", "\n")).strip()


def _number(text: str) -> str:
    try:
        number = Decimal(text.replace(",", ".")) if len(text) <= 30 else Decimal("nan")
    except InvalidOperation:
        number = Decimal("nan")
    if not number.is_finite() or abs(number.adjusted()) > 30:
        raise _Wrong("no-number")
    return f"{number:f}"


def _date(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise _Wrong("no-date") from error


def _handle(handle: str | None, scheme: str, code: str) -> str:
    if handle is None or not handle.startswith(scheme):
        raise _Wrong(code)
    return handle
