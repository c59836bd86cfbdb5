"""Calls from any phone system, told as JSON. The door itself is `webhooks.calls`, docs/TELEPHONY.md describes it."""

from connectors.calls.recorder import Recorder

__all__ = ["Recorder"]
