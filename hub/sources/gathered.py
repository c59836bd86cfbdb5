"""What many sources write at the same time goes into the store together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from sqlalchemy import Connection

from hub.store import Store

T = TypeVar("T")
R = TypeVar("R")


class Gathered(Generic[T, R]):
    """A write of one item that waits for those that come with it: while one set is written, the next gathers.

    *work* gets a connection and the items, in the order in which they came, and answers one result for each.
    """

    def __init__(self, store: Store, work: Callable[[Connection, Sequence[T]], Sequence[R]]) -> None:
        self._store = store
        self._work = work
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._running: asyncio.Task[None] | None = None

    async def __call__(self, item: T) -> R:
        """The result for *item*, once it is durable. Raises what the store raises, for all of a set."""
        done: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, done))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await done

    async def _run(self) -> None:
        try:
            while self._waiting:
                taken, self._waiting = self._waiting, []
                items = [item for item, _ in taken]
                try:
                    results = await self._store.write(lambda conn: self._work(conn, items))  # noqa: B023
                except Exception as error:  # each caller decides what it means
                    for _, done in taken:
                        if not done.done():
                            done.set_exception(error)
                else:
                    for (_, done), result in zip(taken, results, strict=True):
                        if not done.done():
                            done.set_result(result)
        finally:
            self._running = None
