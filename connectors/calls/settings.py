"""The keys of a `[sources.<name>]` table with `provider = "calls"`."""

from __future__ import annotations

from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, SecretStr, field_validator, model_validator

import hub

Secret = Annotated[SecretStr, Field(min_length=1)]


class CallsSettings(hub.Settings):
    """The token that the phone system sends as `Authorization: Bearer`.

    Recordings are fetched from the host of *recordings_url* only, with *recordings_user* and *recordings_password*
    (Basic) or with *recordings_token* (Bearer).
    """

    # The token must not appear in the message about another key.
    model_config = ConfigDict(hide_input_in_errors=True)

    token: Secret
    recordings_url: str = ""
    recordings_user: str = ""
    recordings_password: Secret | None = None
    recordings_token: Secret | None = None

    @field_validator("recordings_url")
    @classmethod
    def _is_url(cls, url: str) -> str:
        parts = urlsplit(url)
        plain = not (parts.query or parts.fragment or parts.username)
        if url and (parts.scheme not in ("http", "https") or not parts.hostname or not plain):
            raise ValueError("must be an http or https URL without a name, a query or a fragment")
        return url.rstrip("/")

    @model_validator(mode="after")
    def _one_login(self) -> Self:
        if bool(self.recordings_user) != bool(self.recordings_password):
            raise ValueError("recordings_user and recordings_password belong together")
        if self.recordings_user and self.recordings_token:
            raise ValueError("recordings_token and recordings_user are two ways to log in; set one")
        if (self.recordings_user or self.recordings_token) and not self.recordings_url:
            raise ValueError("recordings_url says where recordings are fetched")
        return self
