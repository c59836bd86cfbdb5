"""Who books: what she typed, checked and as it is kept."""

from __future__ import annotations

from dataclasses import replace

from hub.booking.questions import WrongAnswers, validate
from hub.booking.states import Code, Invitee, Refused
from hub.booking.types import EventType
from hub.formats import handles

LONGEST_NAME = 200
LONGEST_PLACE = 500
MOST_GUESTS = 10


def checked(invitee: Invitee, spec: EventType, region: str) -> Invitee:
    """*invitee* with addresses and answers as they are kept. *region* is the country in which numbers are read. Raises
    `Refused` (`bad-answers`), which names every field that is wrong: `name`, `mail`, `phone`, `place`, `guests`, or a
    question's id, with a code of `hub.booking.questions.WrongAnswers`."""
    wrong: dict[str, str] = {}
    name = " ".join("".join(each for each in invitee.name if each.isprintable()).split())
    if not name or len(name) > LONGEST_NAME:
        wrong["name"] = "too-long" if name else "missing"
    mail = _mail(invitee.mail)
    if not mail:
        wrong["mail"] = "no-mail" if invitee.mail.strip() else "missing"
    phone = handles.phone(invitee.phone, region) if invitee.phone.strip() else ""
    if phone is None:
        wrong["phone"] = "no-phone"
    elif not phone and spec.place.kind == "we-call":
        wrong["phone"] = "missing"
    place = " ".join(invitee.place.split())
    if spec.place.kind == "ask" and not 0 < len(place) <= LONGEST_PLACE:
        wrong["place"] = "too-long" if place else "missing"
    guests = [_mail(each) for each in invitee.guests[: MOST_GUESTS + 1] if each.strip()]
    if len(guests) > MOST_GUESTS:
        wrong["guests"] = "too-long"
    elif not all(guests):
        wrong["guests"] = "no-mail"
    answers = {}
    try:
        answers = validate(spec.questions, invitee.answers, region)
    except WrongAnswers as error:
        wrong |= error.errors
    if wrong:
        raise Refused(Code.BAD_ANSWERS, "Something in the form is missing or cannot be read.", wrong)
    others = tuple(dict.fromkeys(each for each in guests if each != mail))
    return replace(
        invitee,
        name=name,
        mail=mail,
        phone=(phone or "").removeprefix("tel:"),
        place=place,
        answers=answers,
        guests=others,
    )


def _mail(typed: str) -> str:
    found = handles.mail(typed.strip()) if len(typed) <= 320 else None
    return found.removeprefix("mailto:") if found else ""
