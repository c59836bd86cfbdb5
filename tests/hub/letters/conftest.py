"""The firm of `tests.hub.letters.firm` on both databases, in front of a mail server of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.hub.letters.firm import Firm, open_firm
from tests.servers.mail import MailSink


@pytest.fixture
async def firm(store_url: str, tmp_path: Path, mail_sink: MailSink) -> AsyncIterator[Firm]:
    """A firm that sends to `mail_sink`."""
    async with open_firm(store_url, tmp_path, mail_sink.port) as opened:
        yield opened
