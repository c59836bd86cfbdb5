"""A whole hub that books one time when it is told to, and says how far it is: `python -m tests.faults.booking_hub
CONFIG DAYS`. It waits for a line before it confirms, and then runs until it is killed."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hub.booking.states import Gone, Held, Invitee, Refused
from hub.cli.serve import running
from hub.config import load
from hub.service import Service

LI_NA = Invitee(name="Li Na", mail="li.na@customer.example", phone="+49 30 987654")


async def held(service: Service, days: int) -> Held:
    """The time at ten in so many *days*, as soon as the calendar has been read."""
    at = datetime.now(UTC).replace(hour=10, minute=0, second=0, microsecond=0) + timedelta(days=days)
    while True:
        try:
            return await service.bookings.hold("intro", at, 30, zone="Europe/Berlin", language="en")
        except Gone:
            await asyncio.sleep(0.05)


async def main(path: Path, days: int) -> None:
    """Until killed."""
    async with running(load(path)) as (service, _):
        hold = await held(service, days)
        print("held", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        try:
            await service.bookings.confirm(hold.secret, LI_NA)
        except (Gone, Refused) as refused:
            print(type(refused).__name__, flush=True)
        else:
            print("booked", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
