"""A firm with a form and a chat on its web site."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from hub.privacy.visibility import Scope
from hub.visitors.stamps import Stamps
from tests.hub.web.office import TOML, Office, open_office

SITE = "https://www.example.org"
VISITORS = (
    TOML.replace("[agents.ada]", "[inbox]\nundo_seconds = 0\n\n[agents.ada]").replace(
        'auth_token = "env:TWILIO_TOKEN"',
        'auth_token = "env:TWILIO_TOKEN"\napi_key_sid = "SK0001"\napi_key_secret = "env:TWILIO_TOKEN"',
    )
    + f"""
[teams.sales]
name = "Sales"
agents = ["ada"]

[sources.contact-form]
provider = "web"
team = "sales"
title = {{ en = "Write to us", "zh-Hans" = "联系我们" }}
thanks = "Thanks, until soon."
consent = "I agree that you keep what I write."
origins = ["{SITE}"]
fields = [
  {{ id = "name", required = true }},
  {{ id = "mail", type = "mail" }},
  {{ id = "phone", type = "phone" }},
  {{ id = "about", label = "About", type = "select", options = ["Lamps", "Repair"] }},
  {{ id = "message", type = "textarea", required = true }},
]

[sources.website-chat]
provider = "web"
kind = "chat"
team = "sales"
title = "Lamp chat"
greeting = "Hello, what can we do for you?"
hours = "Monday to Friday, 9 to 17"
origins = ["{SITE}"]
"""
)
LI_NA = {"name": "Li Na", "mail": "li.na@customer.example", "about": "Lamps", "message": "Do you repair lamps?"}


@pytest.fixture
async def office(store_url: str, tmp_path: Path) -> AsyncIterator[Office]:
    """That firm's hub."""
    async with open_office(store_url, tmp_path, VISITORS) as opened, opened.service.letters:
        yield opened


@pytest.fixture
async def stranger(office: Office) -> aiohttp.ClientSession:
    """Somebody from outside."""
    return await office.client()


@pytest.fixture
async def ada(office: Office) -> aiohttp.ClientSession:
    """Ada, by a token."""
    return await office.token("ada", Scope.WRITE, "ada")


def stamp(office: Office, seconds: float = 30, source: str = "contact-form") -> str:
    """The stamp of a form that was shown so many *seconds* ago."""
    stamps: Stamps = office.service.visitors.stamps
    return stamps.made(source, datetime.now(UTC) - timedelta(seconds=seconds))


def page(token: str, **answers: str) -> dict[str, str]:
    """The form as a page sends it."""
    return {**LI_NA, **answers, "token": token, "consent": "yes"}


def document(token: str, **answers: str) -> dict[str, Any]:
    """The form as a program sends it."""
    return {"token": token, "answers": {**LI_NA, **answers}, "consent": True}


async def got(client: aiohttp.ClientSession, path: str, **params: str) -> Any:
    """What the hub answers to a program."""
    async with client.get(path, params=params) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def sent(
    client: aiohttp.ClientSession, path: str, body: Any = None, status: int = 200, headers: Mapping[str, str] = {}
) -> Any:
    """What the hub answers to a program that sends *body* as JSON; None where it has no words for it."""
    async with client.post(path, json=body, headers=headers) as answer:
        assert answer.status == status, await answer.text()
        return await answer.json(content_type=None) if answer.content_length else None


async def inbox(ada: aiohttp.ClientSession) -> list[dict[str, Any]]:
    """The conversations, the newest first."""
    found: list[dict[str, Any]] = (await got(ada, "/api/v1/conversations"))["items"]
    return found
