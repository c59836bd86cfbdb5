"""What the running hub lends its plug-ins (`hub.contracts.Loan`): access tokens, and the memory of a mailbox.

A command that builds plug-ins of its own borrows from the hub that runs, as every command acts through it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hub import copies
from hub.contracts import Rejected, Unavailable

if TYPE_CHECKING:
    from hub.config import Config
    from hub.control import Progress
    from hub.grants.keeper import Grants
    from hub.service import Service
    from hub.store import Store
    from hub.vocabulary import Sighting


class SourceLoan:
    """The loan of one *source*."""

    def __init__(self, source: str, store: Store, grants: Grants) -> None:
        self._source = source
        self._store = store
        self._grants = grants

    async def access_token(self, refused: str | None = None) -> str:
        """A fresh access token, another than the *refused* one. Raises `Rejected` where nobody connected the source or
        the permission has ended."""
        return await self._grants.access_token(self._source, refused)

    async def rebind(self, place: str, sightings: Sequence[Sighting]) -> frozenset[str]:
        """Give the known copies in *place* their new ids, and answer the ids that are not known."""
        return await self._store.write(lambda conn: copies.rebind(conn, self._source, place, sightings))


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
        """As `SourceLoan.access_token`; what the running hub refuses is `Rejected`, whatever its reason."""
        from hub.control import Failure, perform
        from hub.store import StoreLocked

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


async def lend_operation(service: Service, args: Mapping[str, Any], progress: Progress) -> dict[str, str]:
    """`grants.lend`: source, refused → access_token (`hub.control`). Who may use the socket may read the store
    and its key, too."""
    return {"access_token": await service.grants.access_token(args["source"], args["refused"])}
