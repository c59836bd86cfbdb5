"""Matrix (https://spec.matrix.org/): the rooms that one account is in, heard and answered. Encrypted rooms are told of,
and not read."""

from connectors.matrix.connector import Connector
from connectors.matrix.fetcher import Fetcher
from connectors.matrix.sender import Sender

__all__ = ["Connector", "Fetcher", "Sender"]
