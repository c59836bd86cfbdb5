"""IMAP mailboxes (RFC 3501): mail is read as it comes, and nothing in the mailbox is ever changed."""

from connectors.imap.connector import Connector

__all__ = ["Connector"]
