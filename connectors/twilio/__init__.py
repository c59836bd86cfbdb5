"""Twilio: calls and text messages, as its webhooks tell them. The door itself is `webhooks.twilio`."""
