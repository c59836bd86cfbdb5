"""The keys of a `[sources.<name>]` table with `provider = "feed"`."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from yarl import URL

import hub
from hub.http.addresses import checked, place


class FeedSettings(hub.Settings):
    """Which feeds are heard. *urls* are their addresses; that they stand in the config is why they may be private.

    Each is asked *every* minutes, or as seldom as it asks for itself, and one host not more often than each
    *pause_seconds*. Of a feed with more than *most* entries only the newest are read. *username* and *password* are for
    feeds that ask for them. *websub*: where a feed names a hub, that tells us at once; *secret* is a long random text
    of our own by which we know it.
    """

    urls: tuple[str, ...] = Field(min_length=1, max_length=500)
    every: Annotated[float, Field(gt=0, le=1440)] = 15
    pause_seconds: Annotated[float, Field(ge=0, le=60)] = 1
    most: Annotated[int, Field(ge=1, le=5000)] = 200
    username: str = ""
    password: SecretStr | None = None
    websub: bool = False
    secret: SecretStr | None = None

    @property
    def places(self) -> frozenset[str]:
        """`host:port` of each feed."""
        return frozenset(place(URL(url, encoded=True)) for url in self.urls)

    @field_validator("urls")
    @classmethod
    def _are_addresses(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(urls)) != len(urls):
            raise ValueError("holds an address twice")
        return tuple(_address(url) for url in urls)

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if bool(self.username) != (self.password is not None):
            raise ValueError("username and password belong together")
        if self.password is not None and any(url.startswith("http:") and not _here(url) for url in self.urls):
            raise ValueError("http:// sends the password in clear; write https://")
        if self.websub and self.secret is None:
            raise ValueError("websub needs a secret: a long random text of your own")
        return self


def _address(text: str) -> str:
    """An http or https address. Raises `ValueError`."""
    try:
        url = URL(text.strip().replace("feed://", "http://", 1), encoded=text.isascii())
        return str(checked(str(url), allow=(place(url),)))
    except (ValueError, TypeError, hub.Unsupported):
        raise ValueError("must be addresses of feeds, which begin with https:// and hold no password") from None


def _here(url: str) -> bool:
    return URL(url).host in ("127.0.0.1", "::1", "localhost")
