"""The keys of a `[sources.<name>]` table with `provider = "dingtalk"`."""

from __future__ import annotations

from typing import Annotated

from pydantic import SecretStr, StringConstraints, field_validator

import hub
from hub.formats import sealed
from hub.formats.urls import secure

Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_$:.+/=-]{4,100}$")]


class DingTalkSettings(hub.Settings):
    """An internal app with a robot (https://open.dingtalk.com/document). *app_key* and *app_secret* are the app's, and
    *robot_code* the robot's. Messages to the robot are signed with the app's secret; *token* and *aes_key*, where the
    app's events come here, too, are those of its page "Event subscription"."""

    app_key: Word
    app_secret: SecretStr
    robot_code: Word
    token: SecretStr | None = None
    aes_key: SecretStr | None = None
    api_url: str = "https://api.dingtalk.com"

    @property
    def own(self) -> tuple[str, ...]:
        """The robot's handle."""
        return (f"dingtalk:{self.robot_code}",)

    @property
    def key(self) -> bytes:
        """With what events are sealed; empty where none come."""
        return sealed.key(self.aes_key.get_secret_value()) if self.aes_key else b""

    @field_validator("app_secret")
    @classmethod
    def _is_there(cls, secret: SecretStr) -> SecretStr:
        if len(secret.get_secret_value()) < 8:
            raise ValueError("must be 8 characters or longer")
        return secret

    @field_validator("aes_key")
    @classmethod
    def _is_key(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None:
            sealed.key(secret.get_secret_value())
        return secret

    @field_validator("api_url")
    @classmethod
    def _is_url(cls, url: str) -> str:
        return secure(url)
