"""Feishu (Lark): what colleagues and customers write to an app's bot, and its answers."""

from connectors.feishu.fetcher import Fetcher
from connectors.feishu.sender import Sender

__all__ = ["Fetcher", "Sender"]
