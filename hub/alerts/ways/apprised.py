"""Alerts by any of the services that Apprise knows (github.com/caronc/apprise)."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from apprise import Apprise, NotifyBase, NotifyType

from hub.alerts.ways.way import Way, What
from hub.contracts import Misconfigured, Unavailable

SECONDS = 30.0
"""How long one telling may take."""

READ_SECONDS = 12.0
CONNECT_SECONDS = 5.0
_KINDS = {"urgent": NotifyType.FAILURE, "warning": NotifyType.WARNING}


class Apprised(Way):
    """Tells the service at *url* (Apprise's own notation), in which `{agent}` stands for whoever is told. Apprise works
    in threads and says only whether it worked: where it gave up after its time for an answer was over, it may have."""

    at_once = 4

    def __init__(self, url: str, *, details: bool = False, patience: float = READ_SECONDS) -> None:
        self._url = url
        self._patience = patience
        self._details = details
        self._threads = ThreadPoolExecutor(self.at_once, thread_name_prefix="apprise")
        self._ear = _Ear()
        log = logging.getLogger("apprise")
        log.propagate = False  # it writes down addresses, and at its finest texts
        log.addHandler(self._ear)

    async def tell(self, what: What) -> str:
        """One notification, as long as the service allows."""
        title = what.done or (what.title if self._details else what.brief or what.title)
        lines = (*what.lines, what.url) if self._details else (what.url,)
        body = "\n".join(line for line in lines if line) or title
        kind = _KINDS.get(what.severity, NotifyType.INFO)
        url = self._url.replace("{agent}", what.agent)
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(SECONDS):
            told, took, said = await loop.run_in_executor(self._threads, self._notify, url, title, body, kind)
        if told is None:
            raise Misconfigured("Apprise does not understand the url of this way.")
        if not told and took >= self._patience:
            raise TimeoutError(f"The service gave no answer within {self._patience:g} seconds.")
        if not told:
            raise Unavailable(said or "The service does not take it.")
        return ""

    async def close(self) -> None:
        """Give up what is under way."""
        logging.getLogger("apprise").removeHandler(self._ear)
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _notify(self, url: str, title: str, body: str, kind: NotifyType) -> tuple[bool | None, float, str]:
        """Runs in a thread: whether it worked (None: the URL is none), how long it took, and what it said."""
        began = time.monotonic()
        self._ear.forget()
        service = Apprise.instantiate(self._patient(url))
        if not isinstance(service, NotifyBase):
            return None, 0.0, ""
        told = bool(service.notify(body=body, title=title, notify_type=kind))
        return told, time.monotonic() - began, self._ear.heard()

    def _patient(self, url: str) -> str:
        """*url* with our own limits: Apprise's four seconds are over before many a service has answered."""
        return f"{url}{'&' if '?' in url else '?'}cto={CONNECT_SECONDS:g}&rto={self._patience:g}"


class _Ear(logging.Handler):
    """Hears what Apprise complains of, in each thread for itself."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._said = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the latest complaint of this thread."""
        self._said.text = record.getMessage()

    def heard(self) -> str:
        """The latest complaint of this thread, "" for none."""
        return str(getattr(self._said, "text", ""))

    def forget(self) -> None:
        """Begin anew."""
        self._said.text = ""
