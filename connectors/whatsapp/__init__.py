"""WhatsApp over Meta's Cloud API: what people write to a business number, and its answers."""

from connectors.whatsapp.fetcher import Fetcher
from connectors.whatsapp.sender import Sender

__all__ = ["Fetcher", "Sender"]
