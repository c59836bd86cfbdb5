"""The pages outside the frame: signing in, accepting an invitation, and what went wrong."""

from __future__ import annotations

from aiohttp import web

from hub.accounts import SHORTEST_PASSWORD
from hub.privacy.visibility import Authority
from hub.web.auth import local_path
from hub.web.keys import ACCESS, VISITOR
from hub.web.pages import frame, words
from hub.web.problems import Problem


async def login(request: web.Request) -> web.Response:
    """The form to sign in; who is signed in already goes on."""
    target = local_path(request.query.get("next", "/"))
    visitor = request.get(VISITOR)
    if visitor is not None and visitor.session is not None:
        raise web.HTTPSeeOther(target)
    return _outside(request, "login.html", target=target, name="", wrong="")


async def setup(request: web.Request) -> web.Response:
    """The form behind a link that is good once."""
    return await _setup(request, {}, "")


async def _setup(request: web.Request, wrong: dict[str, str], name: str, status: int = 200) -> web.Response:
    invitation = await request.app[ACCESS].invitation(request.match_info["token"])
    if invitation is None:
        return _outside(request, "setup_gone.html", 410)
    speaks = frame.reader(request)
    return _outside(
        request,
        "setup.html",
        status,
        first=not invitation.name,
        name=invitation.name or name,
        role=words.role(speaks, Authority(invitation.role)),
        shortest=SHORTEST_PASSWORD,
        wrong=wrong,
    )


def _outside(request: web.Request, template: str, status: int = 200, **context: object) -> web.Response:
    response = frame.fragment(request, template, status, path=request.path, tags=frame.offered(request), **context)
    if request.query.get("lang") in frame.offered(request):
        response.set_cookie("lang", request.query["lang"], max_age=31_536_000, samesite="Lax", path="/")
    return response


async def problem(request: web.Request, error: Problem) -> web.StreamResponse:
    """*error* as a person reads it: on the form it belongs to, or on a page of its own."""
    speaks = frame.reader(request)
    t = speaks.gettext
    if request.method == "POST" and request.path in ("/login", "/logout") and error.kind != "link-used":
        form = await request.post()
        wrong = {
            "wrong-password": t("Name or password is wrong."),
            "too-many": t("Too many attempts. Wait a few minutes, then try again."),
        }.get(error.kind, error.detail or t("That did not work. Try again."))
        response = _outside(
            request,
            "login.html",
            error.status,
            target=local_path(str(form.get("next", "/"))),
            name=str(form.get("name", "")),
            wrong=wrong,
        )
        response.headers.update(error.headers)
        return response
    if request.method == "POST" and request.path.startswith("/setup/") and error.status == 422:
        form = await request.post()
        fields = {each.field: each.message for each in error.errors}
        if "password" in fields and len(str(form.get("password", ""))) < SHORTEST_PASSWORD:
            fields["password"] = t("A password needs at least %d characters.") % SHORTEST_PASSWORD
        return await _setup(request, fields, str(form.get("name", "")), 422)
    if error.kind == "link-used":
        return _outside(request, "setup_gone.html", error.status)
    title, detail = {
        401: (t("You are signed out"), t("Sign in again to go on.")),
        403: (t("Not for you"), t("Your login may not do this. Ask whoever looks after the hub.")),
        404: (t("Nothing here"), t("This page does not exist, or you may not see it.")),
        413: (t("Too large"), t("The hub takes no more than 1 MB in one form.")),
        503: (t("The store cannot be reached"), t("Nothing was lost. Try again in a moment.")),
    }.get(error.status, (t("Something went wrong here"), t("The hub’s log says what. What was saved before is kept.")))
    if error.kind == "bad-csrf":
        title, detail = t("This page is out of date"), t("Load it again and repeat what you did.")
    if frame.is_fragment(request):
        response = frame.fragment(request, "_wrong.html", error.status, wrong=detail)
    else:
        response = _outside(request, "error.html", error.status, title=title, detail=detail, code=error.status)
    response.headers.update(error.headers)
    return response
