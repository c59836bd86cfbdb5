"""Asterisk: its manager interface (AMI), its REST interface (ARI), and the files in which it keeps calls and sound."""

from connectors.asterisk.connector import Connector

__all__ = ["Connector"]
