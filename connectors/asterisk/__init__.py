"""Asterisk: its manager interface (AMI), its REST interface (ARI), and the files in which it keeps calls and sound."""

from connectors.asterisk.connector import Connector
from connectors.asterisk.dialer import Dialer
from connectors.asterisk.recorder import Recorder

__all__ = ["Connector", "Dialer", "Recorder"]
