"""The keys of a `[sources.<name>]` table with `provider = "feishu"`."""

from __future__ import annotations

from typing import Annotated

from pydantic import SecretStr, StringConstraints, field_validator

import hub
from hub.formats.urls import secure

AppId = Annotated[str, StringConstraints(pattern=r"^cli_[A-Za-z0-9]{4,40}$")]


class FeishuSettings(hub.Settings):
    """A custom app with a bot (https://open.feishu.cn/document). *encrypt_key* is set on the app's page "Events", and
    everything that comes is sealed with it; *verification_token* stands there, too. *app_secret* is for answers and
    files: without it the hub only listens. *api_url* is `https://open.larksuite.com` for Lark."""

    app_id: AppId
    encrypt_key: SecretStr
    verification_token: SecretStr
    app_secret: SecretStr | None = None
    api_url: str = "https://open.feishu.cn"

    @property
    def own(self) -> tuple[str, ...]:
        """The bot's handle."""
        return (f"feishu:{self.app_id}",)

    @field_validator("encrypt_key", "verification_token")
    @classmethod
    def _is_there(cls, secret: SecretStr) -> SecretStr:
        if len(secret.get_secret_value()) < 8:
            raise ValueError("must be 8 characters or longer")
        return secret

    @field_validator("api_url")
    @classmethod
    def _is_url(cls, url: str) -> str:
        return secure(url)
