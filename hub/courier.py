"""What every courier has in common, whoever it carries to: how it does, when it rests, and that it writes down how
things ended, however long the store is away.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection

from hub.contracts import Misconfigured, Rejected, Unavailable
from hub.sources.pace import Pace as Backoff
from hub.store import Lane, Store

LONGEST_REASON = 500
"""Characters of a verdict that are kept: some servers answer with a whole page."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things take, in seconds, and how much goes to one destination at once.

    A claim outlasts the longest wait for an answer, so that no other hub sends anything while its answer may still
    come.
    """

    look: float = 1
    answer: float = 30
    claim: float = 90
    grace: float = 5
    at_once: int = 4
    backoff: Backoff = field(default_factory=Backoff)


class Health(StrEnum):
    """How a destination does."""

    GOOD = "good"
    WAITING = "waiting"
    """It could not be reached and will be tried again."""
    REJECTED = "rejected"
    """It says no. Nothing is sent until the hub is started again."""
    MISCONFIGURED = "misconfigured"
    """Our settings cannot be right. Nothing is sent until the hub is started again."""

    @property
    def final(self) -> bool:
        """Whether only a person can change it."""
        return self in (Health.REJECTED, Health.MISCONFIGURED)


@dataclass(frozen=True, slots=True)
class Status:
    """How a destination does as this hub sees it. *cause* is for people; *next_try* is UTC, set while it waits."""

    health: Health = Health.GOOD
    cause: str = ""
    next_try: datetime | None = field(default=None, compare=False)


class Courier:
    """Carries to one destination: *called* is what logs call it ("crm main"), *log* where they go."""

    def __init__(self, called: str, store: Store, pace: Pace, log: logging.Logger) -> None:
        self.status = Status()
        self._called = called
        self._store = store
        self._pace = pace
        self._log = log
        self._failures = 0
        self._resume_at = 0.0

    def _rest(self) -> float:
        """For how many seconds nothing is to be sent."""
        return max(0.0, self._resume_at - asyncio.get_running_loop().time())

    def _good(self) -> None:
        self._failures = 0
        if self.status.health is Health.WAITING:
            self._log.info("%s: sending again", self._called)
            self.status = Status()

    def _wait(self, cause: str, retry_after: float | None = None, bug: Exception | None = None) -> str:
        """Send nothing for a while. Several failures at once count as one."""
        now = asyncio.get_running_loop().time()
        if not self._rest():
            self._failures += 1
        delay = max(self._pace.backoff.delay(self._failures), retry_after or 0)
        self._resume_at = max(self._resume_at, now + delay)
        before = self.status
        if not before.health.final:
            next_try = datetime.now(UTC) + timedelta(seconds=self._resume_at - now)
            self.status = Status(Health.WAITING, line(cause), next_try)
        if self.status != before:
            level = logging.ERROR if bug else logging.WARNING
            self._log.log(level, "%s is waiting: %s", self._called, self.status.cause, exc_info=bug)
        return line(cause)

    def _stop(self, verdict: Rejected | Misconfigured) -> str:
        """Send nothing more."""
        health = Health.REJECTED if isinstance(verdict, Rejected) else Health.MISCONFIGURED
        if not self.status.health.final:
            self.status = Status(health, line(str(verdict)))
            self._log.error(
                "%s is %s, nothing is sent until the hub is started again: %s",
                self._called, health.value, self.status.cause,
            )  # fmt: skip
        return line(str(verdict))

    def _check(self, task: asyncio.Task[None]) -> None:
        """A delivery ends by itself; an error that comes out of it is a fault of ours."""
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            self._wait(fault(error), bug=error)

    async def _settle(self, work: Callable[[Connection], None]) -> None:
        """Write it down, however long the store is away: what was sent would otherwise be sent again."""
        while True:
            try:
                return await self._store.write(work, Lane.BULK)
            except Unavailable as verdict:
                self._log.warning("%s: %s", self._called, verdict)
                await asyncio.sleep(self._pace.look)


def fault(error: Exception) -> str:
    """A fault of ours in words for people."""
    return f"A fault in the hub ({type(error).__name__}). The log has the details."


def line(text: str) -> str:
    """A reason as it is kept: one line, bounded."""
    return " ".join(text.replace("\0", "").split())[:LONGEST_REASON]
