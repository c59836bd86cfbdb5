"""Reddit: posts and comments of subreddits and searches, what names our account, and our answers."""

from connectors.reddit.connector import Connector
from connectors.reddit.sender import Sender

__all__ = ["Connector", "Sender"]
