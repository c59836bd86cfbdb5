"""Hacker News: its stories and comments as they are written. https://github.com/HackerNews/API"""

from connectors.hackernews.connector import Connector

__all__ = ["Connector"]
