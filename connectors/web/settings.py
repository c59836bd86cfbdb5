"""The keys of a `[sources.<name>]` table with `provider = "web"`."""

from __future__ import annotations

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

import hub

US = "web:us"
"""Our own side of every web chat."""

Line = Annotated[str, StringConstraints(max_length=2000)]
Words = Line | dict[Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]+)*$")], Line]
"""What people read: the same for all, or by language tag."""

Origin = Annotated[str, StringConstraints(pattern=r"^https?://[a-z0-9.-]+(:\d+)?$")]
Id = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
Option = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class FormField(BaseModel):
    """A field of a form. Without *label* it is called as its *id* or its type says: name, company, mail, phone,
    message. *options* are what a `select` offers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Id
    label: Words = ""
    type: Literal["text", "mail", "phone", "textarea", "select", "checkbox"] = "text"
    required: bool = False
    options: tuple[Option, ...] = ()

    @model_validator(mode="after")
    def _has_options(self) -> Self:
        if (len(self.options) < 2) if self.type == "select" else self.options:
            raise ValueError("a select needs two options at least, and nothing else has any")
        return self


_FIELDS = (
    FormField(id="name", required=True),
    FormField(id="mail", type="mail", required=True),
    FormField(id="phone", type="phone"),
    FormField(id="message", type="textarea", required=True),
)


class WebSettings(hub.Settings):
    """A page of ours for people outside: a form at `/form/<source>` or, with *kind* `chat`, a chat at `/chat/<source>`.

    *title* heads it, *greeting* stands below. A form asks the *fields*; with *consent* its sender has to tick that
    text. Afterwards she reads *thanks*, or is led to *redirect*: a path of ours, or an address on one of *origins*. The
    web sites at *origins* may show the page within theirs. *hours* says when we answer. *languages* are those that the
    page speaks, all of the hub's where none are named.
    """

    kind: Literal["form", "chat"] = "form"
    title: Words = ""
    greeting: Words = ""
    fields: Annotated[tuple[FormField, ...], Field(min_length=1, max_length=30)] = _FIELDS
    languages: tuple[str, ...] = ()
    origins: tuple[Origin, ...] = ()
    thanks: Words = ""
    redirect: str = ""
    consent: Words = ""
    hours: Words = ""

    @property
    def own(self) -> tuple[str, ...]:
        """Our side of a chat."""
        return (US,) if self.kind == "chat" else ()

    @model_validator(mode="after")
    def _leads_to_ours(self) -> Self:
        if len({each.id for each in self.fields}) != len(self.fields):
            raise ValueError("two fields have the same id")
        if self.redirect:
            parts = urlsplit(self.redirect)
            path = self.redirect.startswith("/") and not self.redirect.startswith(("//", "/\\"))
            if not path and f"{parts.scheme}://{parts.netloc}" not in self.origins:
                raise ValueError("redirect must be a path, or an address on one of the origins")
        return self
