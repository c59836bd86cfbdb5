"""The keys of a `[sources.<name>]` table with `provider = "calls"`."""

from __future__ import annotations

from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, SecretStr, field_validator, model_validator

import hub
from connectors.calls.mapping import Mapping

Secret = Annotated[SecretStr, Field(min_length=1)]


class CallsSettings(hub.Settings):
    """The token that the phone system sends as `Authorization: Bearer`.

    *sender* names a phone system that tells of its calls in its own words, and *mapping* says such words for one that
    the hub does not know; either may want the *token* elsewhere.

    Recordings are fetched from the host of *recordings_url* only, with *recordings_user* and *recordings_password*
    (Basic) or with *recordings_token* (Bearer).
    """

    # The token must not appear in the message about another key.
    model_config = ConfigDict(hide_input_in_errors=True)

    token: Secret
    sender: str = ""
    mapping: Mapping | None = None
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

    @field_validator("sender")
    @classmethod
    def _is_known(cls, sender: str) -> str:
        if sender:
            Mapping.shipped(sender)
        return sender

    @property
    def words(self) -> Mapping | None:
        """In what words the phone system tells; `None` for the hub's own."""
        return Mapping.shipped(self.sender) if self.sender else self.mapping

    @model_validator(mode="after")
    def _one_language(self) -> Self:
        if self.sender and self.mapping:
            raise ValueError("sender and mapping are two ways to say the same; set one")
        return self

    @model_validator(mode="after")
    def _one_login(self) -> Self:
        if bool(self.recordings_user) != bool(self.recordings_password):
            raise ValueError("recordings_user and recordings_password belong together")
        if self.recordings_user and self.recordings_token:
            raise ValueError("recordings_token and recordings_user are two ways to log in; set one")
        if (self.recordings_user or self.recordings_token) and not self.recordings_url:
            raise ValueError("recordings_url says where recordings are fetched")
        return self
