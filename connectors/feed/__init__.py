"""Feeds of web pages: RSS, Atom, RDF and JSON Feed, asked for what is new, or told by WebSub."""

from connectors.feed.connector import Connector

__all__ = ["Connector"]
