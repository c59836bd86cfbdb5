"""A door of our own for mail: whoever speaks SMTP (RFC 5321) or LMTP (RFC 2033) can hand mail to the hub."""

from connectors.smtp.door import Door

__all__ = ["Door"]
