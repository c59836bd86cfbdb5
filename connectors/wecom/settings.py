"""The keys of a `[sources.<name>]` table with `provider = "wecom"`."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, SecretStr, StringConstraints, field_validator, model_validator

import hub
from hub.formats import sealed
from hub.formats.urls import secure

CorpId = Annotated[str, StringConstraints(pattern=r"^w[wx][A-Za-z0-9]{8,62}$")]
AccountId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{4,100}$")]


class WeComSettings(hub.Settings):
    """An app of one's own (https://developer.work.weixin.qq.com/document/path/90665).

    *token* and *aes_key* are those of its page "Receive messages"; all that comes is sealed with them. *secret* is the
    app's, for answers, files and customer service. *agent_id* is the app's number, to answer what is written to it.
    *customer_service* are the accounts of WeChat customer service that the app may ask (`open_kfid`): besides being
    told of news the hub looks every *poll_seconds*.
    """

    corp_id: CorpId
    token: SecretStr
    aes_key: SecretStr
    secret: SecretStr | None = None
    agent_id: Annotated[int, Field(gt=0)] | None = None
    customer_service: tuple[AccountId, ...] = ()
    poll_seconds: Annotated[float, Field(gt=0, le=86_400)] = 300
    api_url: str = "https://qyapi.weixin.qq.com"

    @property
    def own(self) -> tuple[str, ...]:
        """The handles of the app and of the accounts."""
        app = (self.app,) if self.agent_id else ()
        return (*app, *(account_handle(each) for each in self.customer_service))

    @property
    def app(self) -> str:
        """The app's handle."""
        return f"wecom:{self.corp_id}/agent/{self.agent_id}"

    @property
    def key(self) -> bytes:
        """With what everything is sealed."""
        return sealed.key(self.aes_key.get_secret_value())

    @field_validator("aes_key")
    @classmethod
    def _is_key(cls, secret: SecretStr) -> SecretStr:
        sealed.key(secret.get_secret_value())
        return secret

    @field_validator("token")
    @classmethod
    def _is_there(cls, secret: SecretStr) -> SecretStr:
        if len(secret.get_secret_value()) < 3:
            raise ValueError("must be 3 characters or longer")
        return secret

    @field_validator("api_url")
    @classmethod
    def _is_url(cls, url: str) -> str:
        return secure(url)

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if self.customer_service and self.secret is None:
            raise ValueError("customer_service needs the secret of the app that may ask it")
        return self


def account_handle(account: str) -> str:
    """The handle of the account of customer service that WeCom calls *account*."""
    return f"wecom:{account}"
