"""What the running hub lends its plug-ins (`hub.contracts.Loan`): access tokens, and the memory of a mailbox.

A command that builds plug-ins of its own borrows from the hub that runs (`hub.cli.borrowing`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hub import copies

if TYPE_CHECKING:
    from hub.grants.keeper import Grants
    from hub.operation import Progress
    from hub.routing.router import Router
    from hub.service import Service
    from hub.store import Store
    from hub.vocabulary import Asked, Sighting, Step


class SourceLoan:
    """The loan of one *source*."""

    def __init__(self, source: str, store: Store, grants: Grants, routing: Router | None = None) -> None:
        self._source = source
        self._store = store
        self._grants = grants
        self._routing = routing

    async def access_token(self, refused: str | None = None) -> str:
        """A fresh access token, another than the *refused* one. Raises `Rejected` where nobody connected the source or
        the permission has ended."""
        return await self._grants.access_token(self._source, refused)

    async def rebind(self, place: str, sightings: Sequence[Sighting]) -> frozenset[str]:
        """Give the known copies in *place* their new ids, and answer the ids that are not known."""
        return await self._store.write(lambda conn: copies.rebind(conn, self._source, place, sightings))

    async def route(self, asked: Asked) -> Step | None:
        """What to do next with a call that the hub answers; None where no plan answers it. Senders, dialers and
        recorders answer none."""
        return await self._routing.answer(self._source, asked) if self._routing else None


async def lend_operation(service: Service, args: Mapping[str, Any], progress: Progress) -> dict[str, str]:
    """`grants.lend`: source, refused → access_token (`hub.control`). Who may use the socket may read the store
    and its key, too."""
    return {"access_token": await service.grants.access_token(args["source"], args["refused"])}
