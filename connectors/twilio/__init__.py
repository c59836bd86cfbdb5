"""Twilio: calls and text messages. What it tells comes through `webhooks.twilio`; with an API key it is asked, too."""

from connectors.twilio.connector import Connector
from connectors.twilio.dialer import Dialer
from connectors.twilio.recorder import Recorder
from connectors.twilio.sender import Sender

__all__ = ["Connector", "Dialer", "Recorder", "Sender"]
