"""How often and how much strangers may send, counted in memory."""

from __future__ import annotations

from aiohttp import web

from hub.web.access import Attempts, TooMany
from hub.web.auth import client_address
from hub.web.problems import Problem

WINDOW = 300.0
FORMS_OF_ADDRESS = 20
"""Forms sent from one address within the window: an office shares one."""
FORMS_OF_SOURCE = 120
"""Leads that one form takes within the window; those beyond are held for somebody to look at."""
SAID_OF_SESSION = 60
"""Messages of one visitor of a chat within the window."""
SAID_OF_ADDRESS = 200
LOOKS_OF_ADDRESS = 1200
"""Other questions from one address within the window."""
LARGEST = 64 << 10
"""Bytes of a form, or of a message."""


class Gate:
    """Counts by address, by form and by chat."""

    def __init__(self) -> None:
        self._forms = Attempts(FORMS_OF_ADDRESS, WINDOW)
        self._sources = Attempts(FORMS_OF_SOURCE, WINDOW)
        self._sessions = Attempts(SAID_OF_SESSION, WINDOW)
        self._said = Attempts(SAID_OF_ADDRESS, WINDOW)
        self._looks = Attempts(LOOKS_OF_ADDRESS, WINDOW)

    def look(self, request: web.Request) -> None:
        """Somebody asks something. Raises `Problem` 429."""
        _count(self._looks, client_address(request))

    def send(self, request: web.Request) -> None:
        """Somebody sends a form. Raises `Problem` 429."""
        _count(self._forms, client_address(request))

    def flooded(self, source: str) -> bool:
        """A lead comes in on *source*: whether that is far more than usual."""
        try:
            self._sources.begin(source)
        except TooMany:
            return True
        return False

    def say(self, request: web.Request, secret: str) -> None:
        """A visitor says something. Raises `Problem` 429."""
        _count(self._said, client_address(request))
        _count(self._sessions, secret)


GATE: web.AppKey[Gate] = web.AppKey("visitors_gate")


def check_size(request: web.Request) -> None:
    """Whether the body is small enough to be read at all. Raises `Problem` 411 or 413."""
    if request.content_length is None:
        raise Problem(411, "length", "Say how long the body is (Content-Length).")
    if request.content_length > LARGEST:
        raise Problem(413, "too-large", f"At most {LARGEST >> 10} KB are taken.")


def _count(attempts: Attempts, key: str) -> None:
    try:
        attempts.begin(key)
    except TooMany as error:
        text = f"Too many from here. Try again in {error.seconds} seconds."
        raise Problem(429, "too-many", text, headers={"Retry-After": str(error.seconds)}) from error
