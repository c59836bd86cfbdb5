"""A proxy in front of this test's Dovecot."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.contracts.proxy import Proxy, proxy
from tests.servers.dovecot import Dovecot


@pytest.fixture
async def between(dovecot: Dovecot) -> AsyncIterator[Proxy]:
    """Sees, changes and breaks what Dovecot says."""
    async with proxy(dovecot.imap_port) as running:
        yield running
