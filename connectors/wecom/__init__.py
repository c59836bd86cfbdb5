"""WeCom: what colleagues write to an app, what customers write from WeChat to customer service, and our answers."""

from connectors.wecom.connector import Connector
from connectors.wecom.fetcher import Fetcher
from connectors.wecom.sender import Sender

__all__ = ["Connector", "Fetcher", "Sender"]
