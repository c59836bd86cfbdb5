"""Brings to the CRMs what the outbox holds: per CRM a courier, who tries until it is there.

A row says that something is to be told (`hub.record` writes it with what it tells of), `hub.crm.telling` reads what.
An adapter tries once and raises a verdict; here is decided what follows. Only `Rejected` and `Misconfigured` stop a
courier, until the hub is started again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Self

from sqlalchemy import Connection

from hub import outgoing
from hub.config import Problem
from hub.contracts import Adapter, Misconfigured, Rejected, Unavailable, Unsupported
from hub.courier import Courier, Health, Pace, Status, fault, line
from hub.crm import telling
from hub.crm.telling import Unacquainted
from hub.outgoing import Outgoing
from hub.store import Lane, Store
from hub.vocabulary import Activity, ContactRecord

log = logging.getLogger(__name__)

MOST_FAULTS = 5
"""How often a row is tried that makes an adapter stumble over a fault of its own."""


class Outbox:
    """`async with Outbox(...)` sends what is due to each of *adapters* until the end of the block.

    Nothing is sent to a CRM that is not among them: its rows stay as they are. *public_url* begins the links that a
    CRM gets; *problems* name the CRMs that are left out.
    """

    def __init__(
        self,
        store: Store,
        adapters: Mapping[str, Adapter],
        public_url: str,
        problems: Sequence[Problem] = (),
        *,
        pace: Pace | None = None,
    ) -> None:
        self._store = store
        self._adapters = adapters
        self._couriers = {
            name: _Courier(name, adapter, store, public_url, pace or Pace()) for name, adapter in adapters.items()
        }
        self._left_out = {problem.source: Status(Health.MISCONFIGURED, str(problem)) for problem in problems}
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        for name, status in self._left_out.items():
            log.error("crm %s is left out: %s", name, status.cause)
        if self._couriers and self._store.dialect == "sqlite":
            await self._store.write(outgoing.forget_claims, Lane.BULK)
        self._tasks = [asyncio.create_task(each.run(), name=f"crm {name}") for name, each in self._couriers.items()]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(adapter.close() for adapter in self._adapters.values()), return_exceptions=True)

    def statuses(self) -> dict[str, Status]:
        """How every CRM does as this hub sees it."""
        return self._left_out | {name: courier.status for name, courier in self._couriers.items()}


class _Courier(Courier):
    """Sends what is due to one CRM, a few subjects at once, each subject in order."""

    def __init__(self, name: str, adapter: Adapter, store: Store, public_url: str, pace: Pace) -> None:
        super().__init__(f"crm {name}", store, pace, log)
        self._name = name
        self._adapter = adapter
        self._public_url = public_url

    async def run(self) -> None:
        """Send until cancelled or stopped. What is under way then gets a moment to end well."""
        under_way: dict[asyncio.Task[None], Outgoing] = {}
        try:
            while not self.status.health.final:
                # While a contact is introduced, what may wait for her is left alone.
                introducing = any(row.kind == "contact" for row in under_way.values())
                rows = await self._claim(0 if introducing else self._pace.at_once - len(under_way))
                under_way |= {asyncio.create_task(self._deliver(row)): row for row in rows}
                if under_way:
                    done, _ = await asyncio.wait(
                        under_way, timeout=self._pace.look, return_when=asyncio.FIRST_COMPLETED
                    )
                    for task in done:
                        self._check(task)
                        del under_way[task]
                else:
                    if not self._rest():
                        self._good()  # nothing is left of what went wrong
                    await asyncio.sleep(self._pace.look)
                await asyncio.sleep(self._rest())
            if under_way:
                await asyncio.wait(under_way)
        finally:
            if under_way:
                await asyncio.wait(under_way, timeout=self._pace.grace)
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    async def _claim(self, limit: int) -> list[Outgoing]:
        name, pace, repeatable = self._name, self._pace, self._adapter.idempotent
        try:
            if limit and await self._store.read(lambda conn: outgoing.is_due(conn, name)):
                return await self._store.write(
                    lambda conn: outgoing.claim(conn, name, limit, pace.claim, repeatable=repeatable), Lane.BULK
                )
        except Unavailable as verdict:
            self._wait(str(verdict))
        except Exception as error:
            self._wait(fault(error), bug=error)
        return []

    async def _deliver(self, row: Outgoing) -> None:
        """Send one row and write down how that ended."""
        try:
            what = await self._store.read(lambda conn: telling.read(conn, row, self._public_url))
        except Unavailable as verdict:
            reason = str(verdict)
            await self._settle(lambda conn: outgoing.put_back(conn, row, reason))
            return
        if what is None:
            await self._settle(lambda conn: outgoing.moot(conn, row))
        elif isinstance(what, Unacquainted):
            await self._introduce(row, what.contact_id)
        else:
            await self._settle(await self._send(row, what))

    async def _send(self, row: Outgoing, what: Activity | ContactRecord) -> Callable[[Connection], None]:
        """Try once. Answers what to write down."""
        pace, adapter = self._pace, self._adapter
        repeatable = adapter.idempotent or bool(row.remote_id)
        try:
            async with asyncio.timeout(pace.answer):
                if isinstance(what, ContactRecord):
                    remote_id = await adapter.upsert(what)
                else:
                    remote_id = await adapter.log(what, row.remote_id or None)
            if not remote_id:
                raise ValueError("an adapter answered no id")
        except Unavailable as verdict:
            reason = self._wait(str(verdict), verdict.retry_after)
        except (Rejected, Misconfigured) as verdict:
            reason = self._stop(verdict)
        except Unsupported as verdict:
            reason = line(str(verdict))
            log.error("crm %s does not take outbox/%s", self._name, row.id)
            self._good()
            return lambda conn: outgoing.refused(conn, row, reason)
        except TimeoutError as error:
            reason = self._wait(str(error) or f"No answer within {pace.answer:g} seconds.")
            if not repeatable:
                return self._perhaps(row)
        except Exception as error:
            reason = fault(error)
            log.exception("crm %s: outbox/%s cannot be sent", self._name, row.id)
            if not repeatable:
                return self._perhaps(row)
            if row.attempts + 1 >= MOST_FAULTS:
                return lambda conn: outgoing.refused(conn, row, reason)
            wait = pace.backoff.delay(row.attempts + 1)
            return lambda conn: outgoing.put_back(conn, row, reason, wait, count=True)
        else:
            self._good()
            return lambda conn: outgoing.sent(conn, row, remote_id)
        return lambda conn: outgoing.put_back(conn, row, reason)

    def _perhaps(self, row: Outgoing) -> Callable[[Connection], None]:
        log.error("crm %s: outbox/%s was perhaps sent, and is not sent again by itself", self._name, row.id)
        return lambda conn: outgoing.unheard(conn, row)

    async def _introduce(self, row: Outgoing, contact_id: int) -> None:
        """Have the contact sent first."""
        new_id, wait = self._store.ids(), self._pace.backoff.delay(row.attempts + 1)

        def work(conn: Connection) -> None:
            about = {"contact": str(contact_id)}
            outgoing.put_before(conn, new_id, row, telling.subject(contact_id), "contact", about)
            outgoing.put_back(conn, row, "The CRM does not know the contact yet.", wait, count=True)

        await self._settle(work)
