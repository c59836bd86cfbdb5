"""The keys of a `[sources.<name>]` table with `provider = "twilio"`."""

from __future__ import annotations

from typing import Annotated, Self
from urllib.parse import urlsplit
from xml.parsers import expat

from pydantic import ConfigDict, Field, SecretStr, StringConstraints, field_validator, model_validator

import hub

Secret = Annotated[SecretStr, Field(min_length=1)]


class TwilioSettings(hub.Settings):
    """Whose account it is, and with what its webhooks are signed.

    A subaccount signs with its own token, so it is a source of its own. *signing_keys* holds the secrets of shared
    webhook keys by their ids; a request that names one is verified with it instead of *auth_token*. *twiml* is what a
    number's voice URL is answered with, where that points at the hub; most let it point elsewhere.

    Twilio's REST API at *api_url* is asked only where there is an API key: then missed calls and messages are made up
    for every *poll_seconds*, the first time for *since_days*, and the hub sends, calls, and fetches recordings.
    """

    # A secret must not appear in the message about another key.
    model_config = ConfigDict(hide_input_in_errors=True)

    account_sid: Annotated[str, StringConstraints(pattern=r"^AC[0-9A-Za-z]+$")]
    auth_token: Secret
    signing_keys: dict[str, Secret] = Field(default_factory=dict)
    twiml: str | None = None
    api_key_sid: Annotated[str, StringConstraints(pattern=r"^((SK|AC)[0-9A-Za-z]+)?$")] = ""
    api_key_secret: Secret | None = None
    api_url: str = "https://api.twilio.com"
    poll_seconds: float = Field(60, ge=5, le=86_400)
    since_days: int = Field(1, ge=0, le=365)

    @field_validator("twiml")
    @classmethod
    def _is_twiml(cls, twiml: str | None) -> str | None:
        """Twilio drops a call whose TwiML it cannot read: better said when the hub starts than to a caller."""
        if twiml is None:
            return None
        elements: list[str] = []
        parser = expat.ParserCreate()
        parser.StartElementHandler = lambda name, _: elements.append(name)
        try:
            parser.Parse(twiml.encode(), True)
        except expat.ExpatError as error:
            raise ValueError(f"is not well-formed XML: {error}") from error
        if elements[0] != "Response":
            raise ValueError("must be a <Response> element")
        return twiml

    @field_validator("api_url")
    @classmethod
    def _is_url(cls, url: str) -> str:
        """Only where it begins is Twilio's: what follows is asked for by path."""
        parts = urlsplit(url)
        if (
            parts.scheme not in ("http", "https")
            or not parts.hostname
            or parts.query
            or parts.fragment
            or parts.username
        ):
            raise ValueError("must be an http or https URL without a name, a query or a fragment")
        return url.rstrip("/")

    @model_validator(mode="after")
    def _key_is_whole(self) -> Self:
        if bool(self.api_key_sid) != bool(self.api_key_secret):
            raise ValueError("api_key_sid and api_key_secret belong together")
        return self

    @property
    def has_key(self) -> bool:
        """Whether the REST API may be asked."""
        return bool(self.api_key_sid)
