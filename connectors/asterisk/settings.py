"""The keys of a `[sources.<name>]` table with `provider = "asterisk"`."""

from __future__ import annotations

import re
from typing import Annotated, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, StringConstraints, model_validator

import hub

Word = Annotated[str, StringConstraints(min_length=1, pattern=r"^[^\r\n\x00]+$")]
Device = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]+/[^\r\n\x00,&|]+$")]
Path = Annotated[str, StringConstraints(pattern=r"^[^\x00\r\n]*$")]


class AsteriskSettings(hub.Settings):
    """Where the phone system is, how it names its phones, and where its files lie as this machine sees them.

    The manager interface (*host*, *port*, *tls*, *ca_file*, *username*, *secret*) tells the calls. The REST interface
    (*ari_url*, *ari_username*, *ari_password*) is needed for answering calls by a plan, in the application *app*, and
    for messages that callers leave there. *phones* maps what an extension is called here to the
    device of Asterisk ("21" = "PJSIP/ada"); a device that is not in it is named after its caller id or itself. *trunks*
    are the names of endpoints behind which the public network is. *technology* is the kind of the devices that are not
    in *phones*. *dial_context* is the dialplan's context for the calls that the hub places; *trunk_device* is how it
    reaches a number without a dialplan ("PJSIP/{number}@trunk"), and comes first. *cdr_file* is the `Master.csv` of
    `cdr_csv`, *cdr_timezone* the zone of its times ("UTC" with `usegmtime = yes`), *since_days* how much of it is read
    when the source is first connected. *spool* is Asterisk's `astspooldir`, for recordings and voicemail.
    """

    host: Word
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    tls: bool = False
    ca_file: str = ""
    username: Word
    secret: SecretStr
    ari_url: str = ""
    ari_username: str = ""
    ari_password: SecretStr | None = None
    app: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]+$")] = "hub"
    phones: dict[Word, Device] = Field(default={})
    trunks: tuple[Word, ...] = ()
    technology: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]+$")] = "PJSIP"
    dial_context: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]*$")] = ""
    trunk_device: Annotated[
        str, StringConstraints(pattern=r"^$|^[A-Za-z0-9]+/[^\r\n\x00,&|]*\{number\}[^\r\n\x00,&|]*$")
    ] = ""
    cdr_file: Path = ""
    cdr_timezone: str = "UTC"
    since_days: Annotated[int, Field(ge=0)] = 30
    spool: Path = ""

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the manager interface."""
        return self.host, self.port or (5039 if self.tls else 5038)

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if self.ari_url:
            missing = [name for name in ("ari_username", "ari_password") if not getattr(self, name)]
            if missing:
                raise ValueError(f"{' and '.join(missing)} of the REST interface (ari.conf) missing")
            parts = urlsplit(self.ari_url)
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
                raise ValueError('ari_url must be such as "http://pbx.example.org:8088/ari"')
        try:
            ZoneInfo(self.cdr_timezone)
        except (ValueError, ZoneInfoNotFoundError):
            raise ValueError(f'there is no time zone "{self.cdr_timezone}" for cdr_timezone') from None
        if re.search(r"[\r\n\x00]", self.secret.get_secret_value()):
            raise ValueError("secret is more than one line")
        return self
