"""The keys of a `[sources.<name>]` table with `provider = "messenger"`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import SecretStr, StringConstraints, field_validator

import hub
from hub.formats.urls import secure

Id = Annotated[str, StringConstraints(pattern=r"^[0-9]{3,30}$")]


class MessengerSettings(hub.Settings):
    """A Facebook page or an Instagram professional account
    (https://developers.facebook.com/docs/messenger-platform). *platform* says which, and *account_id* is its id;
    *app_secret* signs what comes, and *verify_token* is a word of ours that Meta repeats when the webhook is set up.
    *access_token* is the page's; without it the hub only listens. *version* is the Graph API's."""

    platform: Literal["messenger", "instagram"] = "messenger"
    account_id: Id
    app_secret: SecretStr
    verify_token: SecretStr
    access_token: SecretStr | None = None
    version: Annotated[str, StringConstraints(pattern=r"^v[0-9]{1,3}\.[0-9]$")] = "v23.0"
    api_url: str = "https://graph.facebook.com"

    @property
    def own(self) -> tuple[str, ...]:
        """The page's or account's handle."""
        return (f"{self.platform}:{self.account_id}",)

    @field_validator("app_secret", "verify_token")
    @classmethod
    def _is_long(cls, secret: SecretStr) -> SecretStr:
        if len(secret.get_secret_value()) < 8:
            raise ValueError("must be 8 characters or longer")
        return secret

    @field_validator("api_url")
    @classmethod
    def _is_url(cls, url: str) -> str:
        return secure(url)
