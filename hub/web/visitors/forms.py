"""The form: it is shown, filled in, and sent; by a browser without scripts, or as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from multidict import MultiDictProxy

from hub.booking.questions import Answer, WrongAnswers, validate
from hub.contracts import Unavailable
from hub.visitors.fronts import Asked, Front, said
from hub.visitors.leads import Lead
from hub.web import i18n
from hub.web.i18n import Reader
from hub.web.keys import SERVICE
from hub.web.pages import calendar_words
from hub.web.problems import FieldError, Problem
from hub.web.visitors import page
from hub.web.visitors.gate import GATE, check_size

TRAP = "website"
"""A field that people do not see: who fills it in is a machine."""
CONSENT = "consent"
STAMP = "token"


async def see(request: web.Request) -> web.StreamResponse:
    """The empty form, or the word of thanks."""
    front = page.front_of(request, "form")
    request.app[GATE].look(request)
    speaks = page.reader(request, front)
    if request.query.get("sent") == "1":
        return page.show(request, "sent.html", front, speaks)
    return _form(request, front, speaks, {})


async def token(request: web.Request) -> web.StreamResponse:
    """A stamp for a form that another web site shows by itself, as JSON."""
    front = page.front_of(request, "form")
    request.app[GATE].look(request)
    return page.shared(request, front, web.json_response({STAMP: request.app[SERVICE].visitors.stamp(front.source)}))


async def options(request: web.Request) -> web.StreamResponse:
    """Whether another site may send JSON."""
    return page.preflight(request, page.front_of(request, "form"))


async def send(request: web.Request) -> web.StreamResponse:
    """Take a form. JSON: `{"token": …, "answers": {id: text}, "consent": true}` → 202; a form of a page → its thanks.

    What cannot be taken comes back with everything that was typed: without a good token, or while the store is down.
    """
    front = page.front_of(request, "form")
    if request.content_type != "application/json":
        return await _by_page(request, front)
    try:
        return page.shared(request, front, await _by_program(request, front))
    except Problem as problem:
        return page.shared(request, front, problem.response())


async def _by_page(request: web.Request, front: Front) -> web.StreamResponse:
    check_size(request)
    sent = await request.post()
    if any(not isinstance(value, str) for value in sent.values()):
        raise Problem(422, "no-files", "A form takes no files.")
    given = {name: str(value) for name, value in sent.items()}
    speaks = page.reader(request, front, given.get("lang", ""))
    now = datetime.now(UTC)
    answers, wrong = _read(request, front, sent, given.get(CONSENT, ""))
    if wrong:
        return _form(request, front, speaks, given, 422, wrong=wrong)
    service = request.app[SERVICE]
    stamp = service.visitors.stamps.read(front.source, given.get(STAMP, ""), now)
    if stamp is None:
        return _form(request, front, speaks, given, 422, notice="again")
    request.app[GATE].send(request)
    flood = request.app[GATE].flooded(front.source)
    lead = Lead(
        front=front,
        stamp=stamp,
        answers=answers,
        tag=_office(request).tag,
        labels=_labels(front, _office(request)),
        trap=given.get(TRAP, ""),
        flood=flood,
    )
    try:
        await service.visitors.leads.take(lead, now)
    except Unavailable:
        return _form(request, front, speaks, given, 503, notice="down", stamp=given[STAMP])
    if front.redirect and not request.query.get("embed"):
        raise web.HTTPSeeOther(front.redirect)
    along = f"&lang={speaks.tag}" if given.get("lang") else ""
    embed = "&embed=1" if request.query.get("embed") == "1" else ""
    raise web.HTTPSeeOther(f"/form/{front.source}?sent=1{along}{embed}")


async def _by_program(request: web.Request, front: Front) -> web.Response:
    check_size(request)
    try:
        document = await request.json()
    except ValueError as error:
        raise Problem(400, "not-json", "This is no JSON.") from error
    if not isinstance(document, dict) or not isinstance(document.get("answers"), dict):
        raise Problem(400, "not-json", 'Send an object with "answers".')
    service, now = request.app[SERVICE], datetime.now(UTC)
    speaks = page.reader(request, front)
    raw: Mapping[str, Any] = document["answers"]
    answers, wrong = _read(request, front, raw, "yes" if document.get(CONSENT) is True else "")
    if wrong:
        errors = [FieldError(field, _words(speaks, code)) for field, code in wrong.items()]
        raise Problem(422, "bad-answers", "Something in the form is missing or cannot be read.", errors=errors)
    stamp = service.visitors.stamps.read(front.source, str(document.get(STAMP, "")), now)
    if stamp is None:
        fresh = service.visitors.stamp(front.source)
        raise Problem(422, STAMP, "The form's token is missing or too old. Send it again with this one.", token=fresh)
    request.app[GATE].send(request)
    lead = Lead(
        front=front,
        stamp=stamp,
        answers=answers,
        tag=_office(request).tag,
        labels=_labels(front, _office(request)),
        trap=str(document.get(TRAP, "")),
        flood=request.app[GATE].flooded(front.source),
    )
    await service.visitors.leads.take(lead, now)
    return web.json_response({"thanks": said(front.thanks, speaks.tag)}, status=202)


def label(speaks: Reader, asked: Asked) -> str:
    """What a field is called: as the config says, else in the words of the pages."""
    t = speaks.gettext
    known = {
        "name": speaks.pgettext("of a person", "Name"),
        "company": t("Company"),
        "mail": t("Mail address"),
        "phone": t("Phone number"),
        "message": t("Your message"),
    }
    question = asked.question
    return said(asked.label, speaks.tag, known.get(question.id) or known.get(question.type) or question.label)


def _office(request: web.Request) -> Reader:
    """Who reads it on our side: what is recorded speaks the hub's first language."""
    config = request.app[SERVICE].config
    return Reader.at(i18n.chosen(config.languages[0] if config.languages else "", "", i18n.TAGS), config.timezone)


def _labels(front: Front, speaks: Reader) -> dict[str, str]:
    return {asked.question.id: label(speaks, asked) for asked in front.asks}


def _read(
    request: web.Request, front: Front, given: Mapping[str, Any], consent: str
) -> tuple[dict[str, Answer], dict[str, str]]:
    """The answers, and what is wrong with them by field."""
    raw = {each.id: given.get(each.id, "") for each in front.questions}
    wrong: dict[str, str] = {}
    if not isinstance(given, MultiDictProxy):
        wrong |= {str(name)[:64]: "unknown" for name in list(given)[:100] if name not in raw}
    answers: dict[str, Answer] = {}
    try:
        answers = validate(front.questions, raw, request.app[SERVICE].config.region)
    except WrongAnswers as error:
        wrong |= error.errors
    for asked in front.asks:  # a box that must be ticked
        if asked.tick and asked.question.required and answers.get(asked.question.id) == "no":
            wrong[asked.question.id] = "missing"
    if front.consent and consent != "yes":
        wrong[CONSENT] = "missing"
    if not any(answers.values()) and not wrong:
        wrong[front.questions[0].id] = "missing"
    return answers, wrong


def _words(speaks: Reader, code: str) -> str:
    return calendar_words.wrong(speaks, code)


def _form(
    request: web.Request,
    front: Front,
    speaks: Reader,
    given: Mapping[str, str],
    status: int = 200,
    *,
    wrong: Mapping[str, str] | None = None,
    notice: str = "",
    stamp: str = "",
) -> web.Response:
    """The form with what was typed. *notice*: `again` it has to be sent once more, `down` it cannot be taken now."""
    service = request.app[SERVICE]
    # A form with something wrong keeps its stamp: mended and sent twice, it is one lead.
    kept = given.get(STAMP, "")
    good = kept and service.visitors.stamps.read(front.source, kept, datetime.now(UTC)) is not None
    return page.show(
        request,
        "form.html",
        front,
        speaks,
        status,
        given=given,
        labels=_labels(front, speaks),
        wrong={name: _words(speaks, code) for name, code in (wrong or {}).items()},
        notice=notice,
        stamp=stamp or (kept if good else service.visitors.stamp(front.source)),
        trap=TRAP,
    )
