"""Mastodon, and what else speaks its client API: hashtags, public timelines, what names our account, and our
answers."""

from connectors.mastodon.connector import Connector
from connectors.mastodon.sender import Sender

__all__ = ["Connector", "Sender"]
