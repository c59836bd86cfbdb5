"""Mail as it arrives (RFC 5322, 2045 to 2047, 2231, 6532) into frozen values.

`parse` is the way in: it reads the headers and the plain text and only measures the attachments. `body` and
`attachment` read the rest of the same bytes when somebody opens the mail.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


class Unreadable(ValueError):
    """These bytes are no mail: empty, binary, or without a single header. The text says which."""


@dataclass(frozen=True, slots=True)
class Address:
    """A mailbox in an address header. *address* is `local@domain` as it was written, without comments and routes."""

    name: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file in a mail. *index* finds it again in the raw bytes, *size* is in bytes after decoding (of base64 up to
    its padding), *content_id* is without angle brackets, *inline* says that the mail shows it itself."""

    index: int
    name: str
    media_type: str
    size: int
    content_id: str = ""
    inline: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """What the hub knows of a mail. No string holds NUL or a surrogate.

    Message ids are verbatim, with their angle brackets, and empty where the mail has none. *date* is UTC. *headers*
    are all of the mail's own, in order, decoded. *automatic* is None for a mail that a person sent, else why it is
    not: `auto-replied`, `auto-generated`, `auto-notified`, `bulk`, `list`, `report`. *defects* says what was broken.
    """

    message_id: str
    in_reply_to: str
    references: tuple[str, ...]
    subject: str
    sender: tuple[Address, ...]
    reply_to: tuple[Address, ...]
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    bcc: tuple[Address, ...]
    date: datetime | None
    headers: tuple[tuple[str, str], ...]
    text: str
    attachments: tuple[Attachment, ...]
    automatic: str | None
    defects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What a reader sees: *html* where the mail has it (not sanitised), *text* always, and the parts that the HTML
    shows by `cid:`, as Content-ID without angle brackets to attachment index."""

    html: str | None
    text: str
    inline: Mapping[str, int] = field(default_factory=dict)
