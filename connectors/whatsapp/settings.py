"""The keys of a `[sources.<name>]` table with `provider = "whatsapp"`."""

from __future__ import annotations

from typing import Annotated

from pydantic import SecretStr, StringConstraints, field_validator

import hub
from hub.formats.urls import secure

Number = Annotated[str, StringConstraints(pattern=r"^[0-9]{5,20}$")]


class WhatsAppSettings(hub.Settings):
    """A business number (https://developers.facebook.com/docs/whatsapp/cloud-api). *phone_number_id* is Meta's id of
    it, *app_secret* signs what comes, and *verify_token* is a word of ours that Meta repeats when the webhook is set
    up. *access_token* is a system user's, with `whatsapp_business_messaging`; without it the hub only listens.
    *version* is the Graph API's."""

    phone_number_id: Number
    app_secret: SecretStr
    verify_token: SecretStr
    access_token: SecretStr | None = None
    version: Annotated[str, StringConstraints(pattern=r"^v[0-9]{1,3}\.[0-9]$")] = "v23.0"
    api_url: str = "https://graph.facebook.com"

    @property
    def own(self) -> tuple[str, ...]:
        """The number, as far as its id names it."""
        return (f"whatsapp:{self.phone_number_id}",)

    @field_validator("app_secret", "verify_token")
    @classmethod
    def _is_there(cls, secret: SecretStr) -> SecretStr:
        if len(secret.get_secret_value()) < 8:
            raise ValueError("must be 8 characters or longer")
        return secret

    @field_validator("api_url")
    @classmethod
    def _is_url(cls, url: str) -> str:
        return secure(url)
