"""The keys of a `[sources.<name>]` table with `provider = "bluesky"`."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, StringConstraints, field_validator, model_validator

import hub
from hub.formats.urls import secure

Line = Annotated[str, StringConstraints(pattern=r"^[^\s\x00]*$")]

HOSTS = (
    "wss://jetstream1.us-east.bsky.network",
    "wss://jetstream2.us-east.bsky.network",
    "wss://jetstream1.us-west.bsky.network",
    "wss://jetstream2.us-west.bsky.network",
)
"""The public instances that Bluesky runs (https://github.com/bluesky-social/jetstream)."""


class BlueskySettings(hub.Settings):
    """What is heard, and as whom we answer.

    *stream*: every public post is heard, over one of *jetstreams* and in its *wire* format; otherwise only what names
    our account, which is asked for every *poll_seconds*. *look_back_minutes* is where the first reading begins. A
    stream that says nothing for *silence_seconds* counts as broken. *identifier* (a handle or a DID) and *password* (an
    app password) are the account's, on its server *service*; *app_url* is where people read posts. The names and the
    followers of authors are asked of *profiles*; "" asks nobody.
    """

    stream: bool = True
    jetstreams: tuple[Line, ...] = Field(HOSTS, min_length=1)
    wire: Literal["v1", "v2"] = "v1"
    look_back_minutes: Annotated[int, Field(ge=0, le=1440)] = 60
    silence_seconds: Annotated[float, Field(gt=0, le=3600)] = 120
    service: Line = "https://bsky.social"
    identifier: Line = ""
    password: SecretStr | None = None
    poll_seconds: Annotated[float, Field(gt=0, le=86_400)] = 60
    app_url: Line = "https://bsky.app"
    profiles: Line = "https://public.api.bsky.app"

    @field_validator("jetstreams")
    @classmethod
    def _are_streams(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(secure(url, "wss") for url in urls)

    @field_validator("service", "app_url")
    @classmethod
    def _is_address(cls, url: str) -> str:
        return secure(url)

    @field_validator("profiles")
    @classmethod
    def _is_address_or_nothing(cls, url: str) -> str:
        return url and secure(url)

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if bool(self.identifier) != (self.password is not None):
            raise ValueError("identifier and password belong together")
        if not self.stream and not self.identifier:
            raise ValueError("without the stream, an account's identifier and password say whose mentions are heard")
        return self
