"""A real hub is killed while it tells people of their bookings: all are told all the same, and nobody twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from pathlib import Path

from tests.faults.hub_process import hub_process
from tests.hub.booking.desk import day, open_desk, table
from tests.servers.mail import MailSink

BOOKINGS = 14
AT_ONCE = 2
"""Letters that a courier has in hand: nobody knows of these whether they left when it was killed."""
PATIENCE = 120


async def arrived(sink: MailSink) -> None:
    """Return when a mail arrives, or after a while in which none did: a hub may take long to start."""
    with suppress(TimeoutError):
        await sink.next()


async def test_nothing_is_sent_twice_after_kill_9(tmp_path: Path, mail_sink: MailSink) -> None:
    url = f"sqlite:///{tmp_path / 'hub.sqlite3'}"
    async with open_desk(url, tmp_path, mail_sink) as desk:
        for number in range(BOOKINGS):
            await desk.book(day(days=2 + number))
    assert mail_sink.taken == []
    tables = table(url, mail_sink.port).partition("[agents.ada]")
    environ = {"PASSWORD": "pw-5f1c9e"}
    async with (
        asyncio.timeout(PATIENCE),
        hub_process(tmp_path, "".join(tables[1:]), environ=environ, start=False) as hub,
    ):
        await hub.launch()
        while not mail_sink.taken:
            await arrived(mail_sink)
        await hub.kill()
        assert len(mail_sink.taken) < 2 * BOOKINGS, "it was killed too late"
        await hub.start()
        while len(mail_sink.taken) < 2 * BOOKINGS - AT_ONCE:
            await arrived(mail_sink)
        await hub.stop()
    async with open_desk(url, tmp_path, mail_sink) as desk:
        await desk.notices.once()
        await desk.left()
        told = await desk.firm.rows(
            "SELECT state, count(*) FROM booking_notices WHERE way <> 'plan' AND kind = 'booked' GROUP BY state"
        )
        assert told == [("sent", 2 * BOOKINGS)]
        states = dict(await desk.firm.rows("SELECT state, count(*) FROM letters GROUP BY state"))
        assert states.pop("perhaps", 0) <= AT_ONCE
        assert set(states) == {"sent"}
        planned = await desk.firm.rows("SELECT count(*) FROM booking_notices WHERE kind = 'reminder'")
        assert planned == [(2 * BOOKINGS,)]
    assert max(Counter(mail.message["Message-ID"] for mail in mail_sink.taken).values()) == 1
    assert max(Counter((mail.recipients, mail.message["Subject"]) for mail in mail_sink.taken).values()) == 1
