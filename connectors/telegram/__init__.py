"""Telegram: what people write to a bot, in private, in groups and through a business account, and its answers."""

from connectors.telegram.connector import Connector
from connectors.telegram.fetcher import Fetcher
from connectors.telegram.sender import Sender

__all__ = ["Connector", "Fetcher", "Sender"]
