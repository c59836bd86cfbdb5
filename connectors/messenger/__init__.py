"""Meta's Messenger Platform: what people write to a Facebook page or an Instagram account, and its answers."""

from connectors.messenger.fetcher import Fetcher
from connectors.messenger.sender import Sender

__all__ = ["Fetcher", "Sender"]
