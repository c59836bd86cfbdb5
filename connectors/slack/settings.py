"""The keys of a `[sources.<name>]` table with `provider = "slack"`."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, StringConstraints, field_validator, model_validator

import hub

Secret = Annotated[SecretStr, Field(min_length=1)]
ChannelId = Annotated[str, StringConstraints(pattern=r"^[CG][A-Z0-9]{2,30}$")]


class SlackSettings(hub.Settings):
    """One app in one workspace.

    *workspace* is its id and *bot* the app's user in it. What is written to the app itself is always taken;
    beyond that all that is written in *channels*, which are ids because names change. *signing_secret* is for what
    Slack sends to the hub's address, *app_token* for Socket Mode, over which the hub hears of it without having an
    address. *bot_token* is for sending, for names and files, and for what was missed: the first time that is what
    *history_days* brought. *api_url* is another than Slack's where a stand-in takes its place.
    """

    workspace: Annotated[str, StringConstraints(pattern=r"^[TE][A-Z0-9]{2,30}$")]
    bot: Annotated[str, StringConstraints(pattern=r"^[UW][A-Z0-9]{2,30}$")]
    signing_secret: Secret | None = None
    bot_token: Secret | None = None
    app_token: Secret | None = None
    channels: frozenset[ChannelId] = frozenset()
    history_days: Annotated[float, Field(ge=0, le=365)] = 1
    api_url: str = "https://slack.com/api"

    @property
    def own(self) -> tuple[str, ...]:
        """Our app's user."""
        return (f"slack:{self.workspace}/{self.bot}",)

    @field_validator("api_url")
    @classmethod
    def _is_address(cls, url: str) -> str:
        try:
            parts = urlsplit(url)
            host = parts.hostname or ""
        except ValueError:
            parts, host = urlsplit(""), ""
        if not (parts.scheme == "https" and host) and not (parts.scheme == "http" and _is_loopback(host)):
            raise ValueError("must begin with https://")
        return url.rstrip("/")

    @model_validator(mode="after")
    def _listens_with_both(self) -> Self:
        if self.app_token is not None and self.bot_token is None:
            raise ValueError("app_token needs bot_token, too: with it the hub reads what it missed")
        return self


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
