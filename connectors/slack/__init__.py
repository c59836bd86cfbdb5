"""Slack: what is written to our app and in the channels that it is to hear, its answers, and alerts with buttons."""

from connectors.slack.connector import Connector
from connectors.slack.fetcher import Fetcher
from connectors.slack.sender import Sender
from connectors.slack.teller import Teller

__all__ = ["Connector", "Fetcher", "Sender", "Teller"]
