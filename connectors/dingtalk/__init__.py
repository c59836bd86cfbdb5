"""DingTalk: what colleagues write to an app's robot, alone or in a group, and its answers."""

from connectors.dingtalk.fetcher import Fetcher
from connectors.dingtalk.sender import Sender

__all__ = ["Fetcher", "Sender"]
