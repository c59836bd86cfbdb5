"""A firm that talks in a chat and below posts, by a provider of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hub import Channel, Event, File, Mention, Message, Participant, Role
from hub.letters import token
from tests.fakes import talker as fake
from tests.fakes.talker import Talker
from tests.hub.letters.firm import Firm
from tests.hub.third_party import install
from tests.hub.web.office import Office, open_office

US, LI_NA, MO = "talker:us", "talker:li-na", "acct:mo@social.test"

TOML = """
[hub]
public_url = "https://hub.example.org"
store = "{store}"

[agents.ada]
name = "Ada"

[sources.chat]
provider = "talker"
ours = ["talker:us", "acct:us@social.test"]
url = "{url}"

[sources.stream]
provider = "talker"
url = "{url}"

[templates.back]
source = "chat"
id = "T1"
text = "Hello {{1}}, are you there?"
"""


def message(
    ident: str, text: str, at: datetime | None = None, thread: str = "room", *files: File, ours: bool = False
) -> Event:
    """Li Na writes, or we do."""
    at = at or datetime.now(UTC)
    people = (Participant(LI_NA, Role.SENDER, "Li Na"), Participant(US, Role.RECIPIENT))
    if ours:
        people = (Participant(US, Role.SENDER), Participant(LI_NA, Role.RECIPIENT))
    facts = Message(participants=people, text=text, sent_at=at, ident=f"talker:{ident}", files=files or None)
    return Event(key=f"talker:{ident}", id="1", channel=Channel.CHAT, at=at, facts=facts, conversation=thread)


def post(ident: str, text: str, answers: str = "", *, author: str = MO, addressed: bool = True) -> Event:
    """Somebody posts."""
    at = datetime.now(UTC) - timedelta(minutes=5)
    facts = Mention(
        participants=(Participant(author, Role.SENDER, "Mo"),), text=text, posted_at=at, addressed=addressed,
        url=f"https://social.test/{ident}", answers=answers or None,
    )  # fmt: skip
    return Event(key=f"activitypub:https://social.test/{ident}", id="1", channel=Channel.SOCIAL, at=at, facts=facts)


@pytest.fixture
async def provider() -> AsyncIterator[Talker]:
    """Over whom we talk."""
    async with fake.talker() as running:
        yield running


@pytest.fixture
async def office(
    store_url: str, tmp_path: Path, provider: Talker, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Office]:
    """The firm's hub behind a real HTTP server, on both databases."""
    (tmp_path / "plugins").mkdir()
    install(tmp_path / "plugins", monkeypatch, fake.POINTS)
    async with open_office(store_url, tmp_path, TOML.replace("{url}", provider.url)) as opened:
        yield opened


@pytest.fixture
async def firm(office: Office) -> Firm:
    """The same as those who send see it."""
    service = office.service
    senders = {name: sender for name in ("chat", "stream") if (sender := service.config.plugins(name).sender)}
    return Firm(service, token.Tokens(await service.store.write(token.key)), senders)
