"""What a way is, and what it is given to tell."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from hub.contracts import Unsupported
from hub.vocabulary import Button

MAIL, SMS, PUSH, CHAT = "mail", "sms", "push", "chat"


class Gone(Unsupported):
    """Whom it was for is not there any more, and will not come back: a way that she made herself is forgotten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class What:
    """What one colleague (*agent*) is to be told. *ident* is the telling's own and the same at every attempt, *topic*
    that of what it is about: what is told later with the same topic stands in place of what was told before.

    *title* says what in one line and *lines* more, with names; *brief* says it without, for screens that strangers see.
    *url* leads to it. *why* says why she is told. *done* is set where nothing is left to be done about it: then it says
    so. *known* is what the way called the message that it told of this before. *settings* are those of a way that
    she made herself. *at* is now, *expires_at* when it is of no use any more."""

    ident: str
    topic: str
    agent: str
    title: str
    at: datetime
    brief: str = ""
    lines: tuple[str, ...] = ()
    url: str = ""
    why: str = ""
    severity: str = ""
    language: str = "en"
    done: str = ""
    buttons: tuple[Button, ...] = ()
    known: str = ""
    expires_at: datetime | None = None
    settings: Mapping[str, Any] = field(default_factory=dict, repr=False)


class Way(ABC):
    """Tells colleagues. Several calls may be under way at once; each tries once. `tell` raises `Rejected`,
    `Misconfigured`, `Unavailable` (it surely did not happen), `Unsupported` (this one never will) and `Gone`; it lets
    `TimeoutError` out where no answer came and it may have happened."""

    repeatable: ClassVar[bool] = False
    """Whether telling the same again adds nothing, so that what was perhaps told may be told again."""

    shared: ClassVar[bool] = True
    """Whether everybody is told over one server: where it cannot be reached for one, all others wait, too."""

    at_once: ClassVar[int] = 8
    """How many are told at once."""

    @abstractmethod
    async def tell(self, what: What) -> str:
        """Tell her, and answer what the other side calls it, "" where it does not say."""

    async def close(self) -> None:  # noqa: B027 — nothing to do is a full answer
        """The hub stops: close what is open."""
