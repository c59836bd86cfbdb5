"""Places calls over Twilio: the colleague's phone rings first, then the other side."""

from __future__ import annotations

import hub
from connectors.twilio.addresses import called, rings
from connectors.twilio.rest import NOT_IN_PROGRESS, Rest, code, words
from connectors.twilio.settings import TwilioSettings
from connectors.twilio.twiml import EVENTS, RETRIES, connected

AGENT_RINGS_SECONDS = 30


class Dialer(hub.Dialer):
    """`POST /Calls.json` (https://www.twilio.com/docs/voice/api/call-resource). What becomes of a call is told to the
    webhook by its callbacks and by those of the leg that it opens."""

    Settings = TwilioSettings

    def __init__(self, settings: TwilioSettings, setup: hub.Setup) -> None:
        self._ready = settings.has_key
        self._webhook_url = setup.webhook_url
        self._rest = Rest(settings, setup.name)

    @property
    def ready(self) -> bool:
        """Whether there is an API key."""
        return self._ready

    def reaches(self, phone: str) -> bool:
        """Numbers, SIP addresses and Twilio's clients."""
        return rings(phone)

    async def dial(self, wanted: hub.Dial) -> hub.Dialled:
        """Ring *wanted.phone*, and connect it to the callee when it is picked up."""
        twiml = connected(
            wanted.callee, wanted.line, self._webhook_url, seconds=wanted.ring_seconds, machine=wanted.machine
        )
        form = [
            ("To", called(wanted.phone)),
            ("From", called(wanted.line)),
            ("Twiml", twiml),
            ("Timeout", str(AGENT_RINGS_SECONDS)),
            ("StatusCallback", f"{self._webhook_url}{RETRIES}"),
            *(("StatusCallbackEvent", each) for each in EVENTS),
        ]
        answer = (await self._rest.ask("POST", "Calls.json", form)).json()
        sid = answer.get("sid")
        if not isinstance(sid, str) or not sid:
            raise TimeoutError("Twilio took the call and did not say what it calls it")
        return hub.Dialled(f"twilio:{sid}")

    async def hang_up(self, key: str) -> None:
        """End the call of *key* with all its legs."""
        sid = sid_of(key)
        answer = await self._rest.ask("POST", f"Calls/{sid}.json", [("Status", "completed")], accept=(400, 404))
        if answer.status == 400 and code(answer) != NOT_IN_PROGRESS:
            raise hub.Unsupported(words(answer))

    async def close(self) -> None:
        """Close its connections."""
        await self._rest.close()


def sid_of(key: str) -> str:
    """What Twilio calls the call of *key*. Raises `Unsupported` for a call that is not Twilio's."""
    namespace, _, sid = key.partition(":")
    if namespace != "twilio" or not sid.isalnum():
        raise hub.Unsupported("This call is not one of Twilio's.")
    return sid
