"""The keys of a `[sources.<name>]` table with `provider = "freeswitch"`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr, StringConstraints, field_validator

import hub

Device = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_./@:-]*\{number\}[A-Za-z0-9_./@:-]*$")]


class FreeswitchSettings(hub.Settings):
    """Where the Event Socket is, and how the phone system reaches phones.

    *phone_device* is how an extension is rung, *trunk_device* how a number outside is called ("": the hub places no
    calls). *recordings* is the folder in which FreeSWITCH keeps recordings, under the same path on this machine ("":
    they are not told).
    """

    host: Annotated[str, StringConstraints(min_length=1, pattern=r"^[^\r\n\x00]+$")]
    port: Annotated[int, Field(ge=1, le=65535)] = 8021
    password: SecretStr
    phone_device: Device = "user/{number}"
    trunk_device: Device | None = None
    recordings: Annotated[str, StringConstraints(pattern=r"^(/[^\x00\r\n]*)?$")] = ""

    @field_validator("password")
    @classmethod
    def _one_line(cls, password: SecretStr) -> SecretStr:
        text = password.get_secret_value()
        if not text or any(character in text for character in "\r\n\0"):
            raise ValueError("must be one line")
        return password
