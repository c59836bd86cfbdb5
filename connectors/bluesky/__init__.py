"""Bluesky and what else speaks the AT Protocol: the stream of all posts, what names our account, and our answers."""

from connectors.bluesky.connector import Connector
from connectors.bluesky.profiles import Profiles
from connectors.bluesky.sender import Sender

__all__ = ["Connector", "Profiles", "Sender"]
