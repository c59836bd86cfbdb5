"""A firm that writes SMS and WhatsApp from one number, by a provider of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hub import Channel, Event, Message, Participant, Role
from hub.contracts import Sender
from hub.letters import token
from tests.fakes import texter as fake
from tests.fakes.texter import Texter
from tests.hub.letters.firm import Firm
from tests.hub.third_party import install
from tests.hub.web.office import Office, open_office

OURS = "tel:+4930123456"
LI_NA = "tel:+491701234567"

TOML = """
[hub]
public_url = "https://hub.example.org"
store = "{store}"
region = "DE"
timezone = "Europe/Berlin"

[agents.ada]
name = "Ada"
handles = ["mailto:ada@example.org"]

[agents.ben]
name = "Ben"

[sources.mobile]
provider = "texter"
ours = ["tel:+4930123456", "tel:+4930123457"]
url = "{texter}"

[templates.back]
source = "mobile"
id = "HX1"
text = "Hello {{1}}, your {{thing}} is here."
language = "en"

[privacy]
never_log = ["tel:+4930999999"]
"""


@dataclass(frozen=True, slots=True)
class Phone:
    """Somebody who writes to us, and what the provider tells of it."""

    firm: Firm
    handle: str = LI_NA
    channel: Channel = Channel.SMS
    ids: list[str] = field(default_factory=list)

    def said(self, text: str, at: datetime | None = None, ours: str = OURS) -> Event:
        """She writes *text*."""
        self.ids.append(f"in-{self.handle}-{self.channel}-{len(self.ids)}")
        at = at or datetime.now(UTC)
        people = (Participant(self.handle, Role.SENDER, "Li Na"), Participant(ours, Role.RECIPIENT))
        return Event(
            key=f"texter:{self.ids[-1]}",
            id="in",
            channel=self.channel,
            at=at,
            facts=Message(participants=people, text=text, sent_at=at),
            conversation=f"{self.channel}:{'|'.join(sorted((self.handle, ours)))}",
        )

    async def says(self, text: str, at: datetime | None = None, ours: str = OURS) -> int:
        """She writes *text*: its conversation."""
        event = self.said(text, at, ours)
        await self.firm.service.ingest.record("mobile", [event])
        found = await self.firm.rows("SELECT conversation_id FROM interactions WHERE key = :key", key=event.key)
        return int(found[0][0])

    def on(self, channel: Channel, handle: str = "") -> Phone:
        """The same person elsewhere."""
        return replace(self, channel=channel, handle=handle or self.handle, ids=[])


@pytest.fixture
async def provider() -> AsyncIterator[Texter]:
    """Who sends our texts."""
    async with fake.texter() as running:
        yield running


@pytest.fixture
async def office(
    store_url: str, tmp_path: Path, provider: Texter, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Office]:
    """The firm's hub behind a real HTTP server, on both databases. Nothing is sent until a test enters a post."""
    (tmp_path / "plugins").mkdir()
    install(tmp_path / "plugins", monkeypatch, fake.POINTS)
    async with open_office(store_url, tmp_path, TOML.replace("{texter}", provider.url)) as opened:
        yield opened


@pytest.fixture
async def firm(office: Office) -> Firm:
    """The same as those who send see it."""
    service = office.service
    tokens = token.Tokens(await service.store.write(token.key))
    sender = service.config.plugins("mobile").sender
    assert sender is not None
    senders: Mapping[str, Sender] = {"mobile": sender}
    return Firm(service, tokens, senders)


@pytest.fixture
def phone(firm: Firm) -> Phone:
    """Li Na's."""
    return Phone(firm)
