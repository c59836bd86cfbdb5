"""Sends canaries in turn, and notices those that do not come back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from hub.contracts import Sender, Unavailable, Verdict
from hub.sources import canary
from hub.sources.alerts import LOST, Alerts
from hub.sources.canary import Flight
from hub.store import Store
from hub.store.clock import clock

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Route:
    """The way round of one source: a canary every *seconds*, to *address* (`mailto:…`), by *sender*."""

    source: str
    seconds: float
    address: str
    sender: Sender


class Flights:
    """`run` flies the canaries of the sources that this hub listens to (*listens*), for ever."""

    def __init__(
        self,
        store: Store,
        alerts: Alerts,
        routes: Mapping[str, Route],
        listens: Callable[[str], bool],
        *,
        look: float,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._store = store
        self._alerts = alerts
        self._routes = routes
        self._listens = listens
        self._look = look
        self._patience = patience
        self._sending: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Look now and then what is due and what is late."""
        try:
            while self._routes:
                try:
                    await self._turn()
                except Unavailable as error:
                    log.debug("canaries wait: %s", error)
                await asyncio.sleep(self._look)
        finally:
            for task in self._sending.values():
                task.cancel()
            await asyncio.gather(*self._sending.values(), return_exceptions=True)
            await asyncio.gather(*(route.sender.close() for route in self._routes.values()), return_exceptions=True)

    async def _turn(self) -> None:
        self._sending = {name: task for name, task in self._sending.items() if not task.done()}
        routes = [route for name, route in self._routes.items() if name not in self._sending and self._listens(name)]

        def known(conn: Connection) -> tuple[dict[str, Flight], datetime]:
            return canary.flights(conn, [route.source for route in routes]), clock(conn)

        flights, now = await self._store.read(known)
        for route in routes:
            flight = flights.get(route.source)
            age = (now - flight.sent_at).total_seconds() if flight else 0.0
            if flight is not None and flight.arrived_at is not None and not flight.cause:
                self._alerts.over(route.source, "canary")
            elif flight is not None and not flight.cause:
                if age >= min(self._patience, route.seconds):
                    sent = f"{flight.sent_at:%Y-%m-%d %H:%M} UTC"
                    await self._blame(route.source, f"The test mail of {sent} has not come back.")
                continue
            if flight is None or age >= route.seconds:
                self._sending[route.source] = asyncio.create_task(self._send(route, flight))

    async def _send(self, route: Route, before: Flight | None) -> None:
        try:
            token, now = await self._store.write(
                lambda conn: (canary.send(conn, route.source, before, at := clock(conn)), at)
            )
            await route.sender.send(canary.letter(route.address, token, now))
        except TimeoutError:
            log.info("source %s: perhaps the test mail was sent", route.source)
        except Verdict as verdict:
            await self._blame(route.source, f"The test mail could not be sent: {verdict}")
        except Exception as error:
            log.exception("source %s: the test mail could not be sent", route.source)
            await self._blame(route.source, f"The test mail could not be sent ({type(error).__name__}).")

    async def _blame(self, source: str, cause: str) -> None:
        try:
            await self._store.write(lambda conn: canary.blame(conn, source, cause))
        except Unavailable as error:
            log.debug("source %s: its lost canary could not be noted: %s", source, error)
        self._alerts.trouble(source, "canary", LOST, cause)
