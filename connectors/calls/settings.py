"""The keys of a `[sources.<name>]` table with `provider = "calls"`."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field, SecretStr

import hub


class CallsSettings(hub.Settings):
    """The token that the phone system sends as `Authorization: Bearer`."""

    # The token must not appear in the message about another key.
    model_config = ConfigDict(hide_input_in_errors=True)

    token: Annotated[SecretStr, Field(min_length=1)]
