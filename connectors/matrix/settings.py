"""The keys of a `[sources.<name>]` table with `provider = "matrix"`."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, StringConstraints, field_validator

import hub
from connectors.matrix.names import handle_of

UserId = Annotated[str, StringConstraints(pattern=r"^@[^:\s]+:\S+$", max_length=255)]
# Without a server from room version 12 on (https://spec.matrix.org/latest/appendices/#room-ids).
RoomId = Annotated[str, StringConstraints(pattern=r"^![^/\s]+$", max_length=255)]


class MatrixSettings(hub.Settings):
    """The account on its homeserver: *user* is `@name:server`, *access_token* what the homeserver gave it.

    The first reading takes the messages of the last *days*. Invitations are accepted from nobody, from those *listed*
    in *accept_from* (`@name:server`, or a whole `server`), or from anyone; what is not accepted stays open. What
    is said in the *public* rooms (`!id:server`) are posts among which queries look, and no messages to us.
    """

    homeserver: str
    user: UserId
    access_token: Annotated[SecretStr, Field(min_length=1)]
    days: int = Field(30, ge=0, le=3650)
    accept: Literal["nobody", "listed", "anyone"] = "nobody"
    accept_from: tuple[Annotated[str, StringConstraints(min_length=1, max_length=255)], ...] = ()
    public: frozenset[RoomId] = frozenset()

    @field_validator("homeserver")
    @classmethod
    def _is_url(cls, url: str) -> str:
        """Where the client API is: the base URL that `.well-known/matrix/client` names."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("must be an http or https URL")
        if parts.username:
            raise ValueError("must not hold a name or a password")
        return url.rstrip("/")

    @property
    def own(self) -> tuple[str, ...]:
        """The account is ours."""
        return (handle_of(self.user),)

    def accepts(self, inviter: str) -> bool:
        """Whether an invitation of *inviter* (`@name:server`) is accepted."""
        if self.accept != "listed":
            return self.accept == "anyone"
        return inviter in self.accept_from or inviter.partition(":")[2] in self.accept_from
