"""The calendar servers of the tests do what the tests build on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from tests.servers.radicale import CalendarServer, radicale
from tests.servers.xandikos import xandikos

EVENT = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Example//EN\r\nBEGIN:VEVENT\r\nUID:one\r\nDTSTAMP:20261120T090000Z\r\n"
    "DTSTART:20261201T100000Z\r\nDTEND:20261201T110000Z\r\nSUMMARY:报价\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


@pytest.mark.parametrize("running", [radicale, xandikos], ids=["radicale", "xandikos"])
def test_what_is_put_outlives_a_kill_and_nobody_else_reads_it(
    running: Callable[[], AbstractContextManager[CalendarServer]],
) -> None:
    with running() as server:
        calendar = server.make("work")
        assert server.put(f"{calendar}one.ics", EVENT)
        server.process.kill()
        server.process.start()
        assert "SUMMARY:报价" in server.get(f"{calendar}one.ics")
        status, _, _ = server.ask("GET", f"{calendar}one.ics", user="bob")
        assert status in (403, 404, 500)  # Xandikos answers strangers by breaking
        server.delete(f"{calendar}one.ics")
        assert server.get(f"{calendar}one.ics") == ""
