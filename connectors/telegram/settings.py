"""The keys of a `[sources.<name>]` table with `provider = "telegram"`."""

from __future__ import annotations

from pydantic import SecretStr, field_validator

import hub
from hub.formats.urls import secure


class TelegramSettings(hub.Settings):
    """A bot (https://core.telegram.org/bots/api). *token* is its own, from @BotFather. With *secret* (what setWebhook
    was given as `secret_token`) Telegram brings its messages to the webhook; with *poll* the hub asks for them, which
    needs no public address. Telegram allows one of the two."""

    token: SecretStr
    secret: SecretStr | None = None
    poll: bool = False
    api_url: str = "https://api.telegram.org"

    @property
    def bot(self) -> str:
        """The bot's user id, with which its token begins."""
        return self.token.get_secret_value().partition(":")[0]

    @property
    def own(self) -> tuple[str, ...]:
        """The bot's handle."""
        return (f"telegram:{self.bot}",)

    @field_validator("token")
    @classmethod
    def _is_token(cls, token: SecretStr) -> SecretStr:
        bot, colon, rest = token.get_secret_value().partition(":")
        if not (bot.isdigit() and colon and len(rest) >= 10 and rest.isascii() and "/" not in rest):
            raise ValueError("is no token of a bot: it begins with digits and a colon, as @BotFather wrote it")
        return token

    @field_validator("secret")
    @classmethod
    def _is_secret(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None:
            text = secret.get_secret_value()
            if not (16 <= len(text) <= 256 and text.isascii() and text.replace("_", "").replace("-", "").isalnum()):
                raise ValueError("must be 16 to 256 of the letters A-Z, a-z, 0-9, _ and -")
        return secret

    @field_validator("api_url")
    @classmethod
    def _is_url(cls, url: str) -> str:
        return secure(url)
