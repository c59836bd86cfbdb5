"""XMPP (https://xmpp.org/): what is written to one account, and to the rooms it is in, heard from the server's archive
and answered. Encrypted messages are told of, and not read."""

from connectors.xmpp.connector import Connector
from connectors.xmpp.fetcher import Fetcher
from connectors.xmpp.sender import Sender

__all__ = ["Connector", "Fetcher", "Sender"]
