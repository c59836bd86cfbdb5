"""`/api/v1/contacts`: the Directory for programs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from aiohttp import web
from pydantic import BaseModel, Field, StringConstraints

from hub.crm import records
from hub.crm.directory import Directory
from hub.crm.records import Conflict, Draft, Stale, Strength, Unknown
from hub.crm.search import BadCursor
from hub.privacy.visibility import Scope
from hub.web.access import Visitor
from hub.web.api.endpoint import (
    Endpoints,
    Shape,
    answer,
    bad_next,
    if_match,
    missing,
    page_path,
    record_id,
)
from hub.web.keys import SERVICE
from hub.web.problems import FieldError, Problem

endpoints = Endpoints()

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)]
LongText = Annotated[str, StringConstraints(max_length=20_000)]


# --- what goes out --------------------------------------------------------------------------------------------------


class Identity(BaseModel):
    """A handle and how well it stands for the contact."""

    handle: str
    strength: Strength
    how: str
    learned_at: datetime
    confirmed_at: datetime | None = None


class Contact(BaseModel):
    """A person. `revision` grows with every change and is the ETag."""

    id: str
    name: str
    company: str | None = None
    company_id: str | None = None
    title: str | None = None
    owner: str | None = None
    notes: str | None = None
    external_id: str | None = None
    handles: list[str]
    identities: list[Identity]
    fields: dict[str, str]
    revision: int
    created_at: datetime
    updated_at: datetime


class Deal(BaseModel):
    """An opportunity."""

    id: str
    title: str
    stage: str
    amount: float | None = None
    currency: str
    open: bool
    owner: str


class Case(BaseModel):
    """A ticket."""

    id: str
    title: str
    urgency: str
    open: bool
    owner: str
    opened_at: datetime


class Order(BaseModel):
    """A purchase."""

    id: str
    title: str
    state: str
    amount: float | None = None
    currency: str
    ordered_at: datetime


class ContactCard(Contact):
    """A contact with what matters now, the open first."""

    deals: list[Deal]
    cases: list[Case]
    orders: list[Order]


class ContactPage(BaseModel):
    """Some contacts by name; `next` is the path of the next page, and absent on the last one."""

    items: list[Contact]
    next: str | None = None


# --- what comes in --------------------------------------------------------------------------------------------------


class HandleIn(Shape):
    """A handle in any spelling."""

    handle: str
    strength: Strength = Strength.PERSONAL


Handles = Annotated[list[str | HandleIn], Field(max_length=100)]


class ContactQuery(Shape):
    """Which contacts."""

    q: str = Field("", max_length=200, description="Words in the name, the company or a handle")
    handle: str | None = Field(None, max_length=500, description="A phone number or address in any spelling")
    limit: int = Field(50, ge=1, le=200)
    next: str | None = Field(None, description="From the `next` of the page before")


class NewContact(Shape):
    """A contact to be made."""

    name: Name
    company: Text = ""
    title: Text = ""
    owner: Text = ""
    notes: LongText = ""
    external_id: Name | None = None
    fields: dict[str, str] = Field(default_factory=dict)
    handles: Handles = Field(default_factory=list)


class ContactChange(Shape):
    """What is to be changed; what is left out stays. `handles` is the whole new set."""

    name: Name | None = None
    company: Text | None = None
    title: Text | None = None
    owner: Text | None = None
    notes: LongText | None = None
    external_id: Name | None = None
    fields: dict[str, str] | None = None
    handles: Handles | None = None


# --- the endpoints --------------------------------------------------------------------------------------------------


@endpoints.add("GET", "/api/v1/contacts", returns=ContactPage)
async def list_contacts(request: web.Request, visitor: Visitor, query: ContactQuery) -> web.Response:
    """Contacts by name, those of a handle, or those that a search finds."""
    directory = directory_of(request)
    if query.handle is not None:
        return answer(
            ContactPage(items=[shown(each) for each in await directory.by_handle(visitor.actor, query.handle)])
        )
    try:
        page = await directory.search(visitor.actor, query.q, limit=query.limit, cursor=query.next)
    except BadCursor as error:
        raise bad_next() from error
    return answer(ContactPage(items=[shown(each) for each in page.contacts], next=page_path(request, page.next)))


@endpoints.add("POST", "/api/v1/contacts", returns=ContactCard, scope=Scope.WRITE, status=201)
async def create_contact(request: web.Request, visitor: Visitor, body: NewContact) -> web.Response:
    """Make a contact. What its handles did before joins its timeline.

    409 where a personal handle or the external id belongs to somebody else; `conflicts` name who.
    """
    directory = directory_of(request)
    draft = Draft(
        name=body.name,
        company=body.company,
        title=body.title,
        owner=body.owner,
        notes=body.notes,
        external_id=body.external_id,
        fields=body.fields,
        handles=_handles(directory, body.handles),
    )
    try:
        contact = await directory.create(visitor.actor, draft, _how(visitor))
    except Conflict as error:
        raise _conflict(error) from error
    response = answer(card(await directory.get(visitor.actor, contact.id)), 201)
    response.headers["Location"] = f"/api/v1/contacts/{contact.id}"
    return response


@endpoints.add("GET", "/api/v1/contacts/{id}", returns=ContactCard)
async def read_contact(request: web.Request, visitor: Visitor) -> web.Response:
    """One contact with deals, cases and orders."""
    try:
        return answer(card(await directory_of(request).get(visitor.actor, record_id(request))))
    except Unknown as error:
        raise missing() from error


@endpoints.add("PATCH", "/api/v1/contacts/{id}", returns=ContactCard, scope=Scope.WRITE)
async def change_contact(request: web.Request, visitor: Visitor, body: ContactChange) -> web.Response:
    """Change a contact.

    With `If-Match` only where it still has that revision: else 412, and nothing is changed.
    """
    directory, contact_id = directory_of(request), record_id(request)
    changes = _changes(body)
    handles = _handles(directory, body.handles) if body.handles is not None else None
    try:
        await directory.change(
            visitor.actor, contact_id, changes, handles=handles, revision=if_match(request), how=_how(visitor)
        )
    except Unknown as error:
        raise missing() from error
    except Stale as error:
        raise Problem(
            412,
            "stale",
            f"Somebody changed this contact meanwhile: it is at revision {error.current.revision}.",
            revision=error.current.revision,
        ) from error
    except Conflict as error:
        raise _conflict(error) from error
    return answer(card(await directory.get(visitor.actor, contact_id)))


# --- between the models and the Directory ---------------------------------------------------------------------------


def directory_of(request: web.Request) -> Directory:
    """The Directory of the running hub."""
    return request.app[SERVICE].directory


def shown(contact: records.Contact) -> Contact:
    """A contact as the API shows it."""
    return Contact(**_plain(contact))


def card(found: records.Card) -> ContactCard:
    """A contact with deals, cases and orders as the API shows it."""
    return ContactCard(
        **_plain(found.contact),
        deals=[
            Deal(
                id=str(deal.id),
                title=deal.title,
                stage=deal.stage,
                amount=deal.amount,
                currency=deal.currency,
                open=deal.open,
                owner=deal.owner,
            )
            for deal in found.deals
        ],
        cases=[
            Case(
                id=str(case.id),
                title=case.title,
                urgency=case.urgency,
                open=case.open,
                owner=case.owner,
                opened_at=case.opened_at,
            )
            for case in found.cases
        ],
        orders=[
            Order(
                id=str(order.id),
                title=order.title,
                state=order.state,
                amount=order.amount,
                currency=order.currency,
                ordered_at=order.ordered_at,
            )
            for order in found.orders
        ],
    )


def _plain(contact: records.Contact) -> dict[str, Any]:
    return {
        "id": str(contact.id),
        "name": contact.name,
        "company": contact.company or None,
        "company_id": str(contact.company_id) if contact.company_id is not None else None,
        "title": contact.title or None,
        "owner": contact.owner or None,
        "notes": contact.notes or None,
        "external_id": contact.external_id,
        "handles": [identity.handle for identity in contact.identities],
        "identities": [
            Identity(
                handle=identity.handle,
                strength=identity.strength,
                how=identity.how,
                learned_at=identity.learned_at,
                confirmed_at=identity.confirmed_at,
            )
            for identity in contact.identities
        ],
        "fields": dict(contact.fields),
        "revision": contact.revision,
        "created_at": contact.created_at,
        "updated_at": contact.updated_at,
    }


def _changes(body: ContactChange) -> dict[str, Any]:
    """What was said; null empties a field, except the name and the further fields, which are never empty."""
    changes = {name: getattr(body, name) for name in body.model_fields_set - {"handles"}}
    for name in ("name", "fields"):
        if name in changes and changes[name] is None:
            errors = [FieldError(name, "This cannot be null.")]
            raise Problem(422, "invalid", "Some fields cannot be taken as they are.", errors=errors)
    return {name: "" if value is None and name != "external_id" else value for name, value in changes.items()}


def _handles(directory: Directory, given: list[str | HandleIn]) -> tuple[tuple[str, Strength], ...]:
    found: dict[str, Strength] = {}
    errors = []
    for index, each in enumerate(given):
        text, strength = (each, Strength.PERSONAL) if isinstance(each, str) else (each.handle, each.strength)
        handle = directory.handle(text)
        if handle is None:
            errors.append(FieldError(f"handles.{index}", "This is neither a phone number nor a mail address."))
        else:
            found[handle] = strength
    if errors:
        raise Problem(422, "invalid", "Some fields cannot be taken as they are.", errors=errors)
    return tuple(found.items())


def _conflict(error: Conflict) -> Problem:
    conflicts = [
        {
            "reason": clash.reason,
            "value": clash.value,
            "record": clash.record,
            "name": clash.name,
        }
        for clash in error.clashes
    ]
    first = error.clashes[0]
    return Problem(409, "conflict", f"{first.value} belongs to {first.name} ({first.record}).", conflicts=conflicts)


def _how(visitor: Visitor) -> str:
    return "agent" if visitor.session is not None else "api"
