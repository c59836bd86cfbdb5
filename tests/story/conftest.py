"""A firm's hub with a week behind it, and its people at their browsers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.async_api import Browser

from hub.privacy.visibility import Authority
from tests.hub.web.office import Office, open_office
from tests.servers.chromium import Complaints
from tests.story import firm
from tests.story.pages import Desk


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    """The hub of `tests.story.firm` with its lamps, mails and calls; Ada administers it, Ben does not."""
    async with open_office(f"sqlite:///{tmp_path / 'hub.sqlite3'}", tmp_path, firm.TOML) as opened:
        await firm.fill(opened.service, datetime.now(UTC))
        await opened.login("ada", Authority.ADMIN, "ada")
        await opened.login("ben", Authority.AGENT, "ben")
        yield opened


@pytest.fixture
async def complaints() -> AsyncIterator[Complaints]:
    """What the pages of a test complained about; the test fails at its end if that was anything."""
    heard = Complaints()
    yield heard
    assert heard.heard == []


@pytest.fixture
async def ada(browser: Browser, office: Office, complaints: Complaints) -> AsyncIterator[Desk]:
    """Ada at her browser, logged in."""
    async with Desk.open(browser, office, complaints) as desk:
        await desk.log_in("ada")
        yield desk


@pytest.fixture
async def ben(browser: Browser, office: Office, complaints: Complaints) -> AsyncIterator[Desk]:
    """Ben at a browser of his own, logged in."""
    async with Desk.open(browser, office, complaints) as desk:
        await desk.log_in("ben")
        yield desk
