"""IMAP mailboxes (RFC 3501). Mail is read as it comes; nothing in the mailbox is ever changed but that a copy of what
the hub sent by SMTP (RFC 6409) is kept there."""

from connectors.imap.connector import Connector
from connectors.imap.sender import Sender

__all__ = ["Connector", "Sender"]
