"""How the hub knows that Google speaks: the token of a channel, which only the hub can have made.

Google signs nothing; it repeats with every push the token that the channel was opened with
(https://developers.google.com/workspace/calendar/api/guides/push). So the token is derived from the channel's id.
"""

from __future__ import annotations

import hub
from connectors.google_calendar.settings import GoogleCalendarSettings
from hub.formats.signing import hmac_hex


def token(settings: GoogleCalendarSettings, setup: hub.Setup, channel: str) -> str:
    """The token of the channel with the id *channel*; "" where there are to be no channels."""
    if settings.push_secret is None:
        return ""
    message = "\0".join(("google_calendar", setup.name, setup.webhook_url, channel))
    return hmac_hex(settings.push_secret.get_secret_value(), message.encode())
