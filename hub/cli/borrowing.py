"""What the hub of this config keeps, lent to the plug-ins of a command."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hub.config import Config
from hub.contracts import Rejected, Unavailable
from hub.control import perform
from hub.operation import Failure
from hub.store import StoreLocked
from hub.vocabulary import Asked, Sighting, Step


class Borrowing:
    """Lends to the plug-ins of a command what the hub of *config* keeps: `config.built(Borrowing(config).lend)`."""

    def __init__(self, config: Config) -> None:
        self.config = config
        # Where no hub runs, each question opens the store, and a second one would find it locked.
        self.turn = asyncio.Lock()

    def lend(self, source: str) -> BorrowedLoan:
        """The loan of *source*."""
        return BorrowedLoan(source, self)


class BorrowedLoan:
    """The loan of one *source* for a command, which only looks: it is lent tokens, and knows no mails."""

    def __init__(self, source: str, borrowing: Borrowing) -> None:
        self._source = source
        self._borrowing = borrowing

    async def access_token(self, refused: str | None = None) -> str:
        """As `hub.loans.SourceLoan.access_token`; what the running hub refuses is `Rejected`, whatever its reason."""
        try:
            async with self._borrowing.turn:
                lent = await perform(
                    self._borrowing.config, "grants.lend", {"source": self._source, "refused": refused}
                )
        except Failure as failure:
            raise Rejected(str(failure)) from failure
        except StoreLocked as locked:
            raise Unavailable(str(locked)) from locked
        return str(lent["access_token"])

    async def rebind(self, place: str, sightings: Sequence[Sighting]) -> frozenset[str]:
        """All of *sightings*: nothing is known here, and nothing will be."""
        return frozenset(sighting.provider_id for sighting in sightings)

    async def route(self, asked: Asked) -> Step | None:
        """None: a command answers no calls."""
        return None
