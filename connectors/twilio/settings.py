"""The keys of a `[sources.<name>]` table with `provider = "twilio"`."""

from __future__ import annotations

from typing import Annotated
from xml.parsers import expat

from pydantic import ConfigDict, Field, SecretStr, StringConstraints, field_validator

import hub

Secret = Annotated[SecretStr, Field(min_length=1)]


class TwilioSettings(hub.Settings):
    """Whose account it is, and with what its webhooks are signed.

    A subaccount signs with its own token, so it is a source of its own. *signing_keys* holds the secrets of shared
    webhook keys by their ids; a request that names one is verified with it instead of *auth_token*. *twiml* is what a
    number's voice URL is answered with, where that points at the hub; most let it point elsewhere.
    """

    # A secret must not appear in the message about another key.
    model_config = ConfigDict(hide_input_in_errors=True)

    account_sid: Annotated[str, StringConstraints(pattern=r"^AC[0-9A-Za-z]+$")]
    auth_token: Secret
    signing_keys: dict[str, Secret] = Field(default_factory=dict)
    twiml: str | None = None

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
