"""The keys of a `[sources.<name>]` table with `provider = "mastodon"`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, SecretStr, StringConstraints, field_validator

import hub
from hub.formats.urls import secure

Tag = Annotated[str, StringConstraints(pattern=r"^#?[^\s#/?]{1,100}$")]
Words = Annotated[str, StringConstraints(pattern=r"^[^\r\n\x00]{2,200}$", strip_whitespace=True)]


class MastodonSettings(hub.Settings):
    """An account on a server, and what is heard there. What names the account is heard in any case.

    *server* is the server's address and *token* an access token of the account, with the scopes `read` and, for
    answers, `write:statuses`. *hashtags* are followed, *public* says whether the whole timeline of the server (`local`)
    or of all that it knows (`all`) is heard, too, and *search* are words to search for every *search_seconds*, where
    the server searches texts. The first reading brings the newest *history* posts of each.
    """

    server: str
    token: SecretStr
    hashtags: tuple[Tag, ...] = ()
    public: Literal["none", "local", "all"] = "none"
    search: tuple[Words, ...] = ()
    search_seconds: Annotated[float, Field(gt=0, le=86_400)] = 300
    history: Annotated[int, Field(ge=0, le=2000)] = 200

    @field_validator("server")
    @classmethod
    def _is_address(cls, url: str) -> str:
        return secure(url)

    @field_validator("hashtags")
    @classmethod
    def _without_sign(cls, tags: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(tag.removeprefix("#").casefold() for tag in tags))
