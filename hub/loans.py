"""What the running hub lends its plug-ins (`hub.contracts.Loan`): access tokens, and the memory of a mailbox."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hub import copies

if TYPE_CHECKING:
    from hub.grants.keeper import Grants
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
