"""Our own web pages: a form through which strangers write to us, and a small chat."""

from connectors.web.sender import Sender

__all__ = ["Sender"]
