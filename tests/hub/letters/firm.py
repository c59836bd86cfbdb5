"""A firm with two agents, a shared mailbox and one that is Ada's alone; its mails go to a server of the test's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from hub import config
from hub.contracts import Sender
from hub.letters import letters, token
from hub.letters.couriers import LettersPace
from hub.letters.letters import LetterView
from hub.letters.post import Post, Wanted
from hub.privacy.visibility import Actor, Authority
from hub.service import Service
from hub.sources.pace import Pace as Backoff
from tests.hub.core import letter as mail

ADA = Actor("ada", Authority.AGENT, agent="ada", record="login/1")
BEN = Actor("ben", Authority.AGENT, agent="ben", record="login/2")
BOSS = Actor("boss", Authority.MANAGER, record="login/3")
SUPPORT = "mailto:support@example.org"
LI_NA = "mailto:li.na@customer.example"
SECONDS = 20
QUICK = LettersPace(
    look=0.02,
    backoff=Backoff(first_delay=0.02, longest_delay=0.05),
    again=Backoff(first_delay=0.02, longest_delay=0.05),
)

TOML = """
[hub]
store = "{store}"
timezone = "Europe/Berlin"

[agents.ada]
name = "Ada"
handles = ["mailto:ada@example.org"]

[agents.ben]
name = "Ben"
handles = ["mailto:ben@example.org"]

[sources.support]
provider = "imap"
ours = ["mailto:support@example.org", "mailto:sales@example.org"]
host = "127.0.0.1"
security = "none"
username = "support"
password = "env:PASSWORD"
smtp_host = "127.0.0.1"
smtp_port = {smtp_port}
smtp_security = "none"
smtp_auth = "none"
save_sent = "no"
from_name = "{agent} at Example"

[sources.ada-private]
provider = "imap"
ours = ["mailto:ada@example.org"]
audience = "ada"
host = "127.0.0.1"
security = "none"
username = "ada"
password = "env:PASSWORD"
smtp_host = "127.0.0.1"
smtp_port = {smtp_port}
smtp_security = "none"
smtp_auth = "none"
save_sent = "no"

[sources.read-only]
provider = "imap"
ours = ["mailto:info@example.org"]
host = "127.0.0.1"
security = "none"
username = "info"
password = "env:PASSWORD"

[privacy]
never_log = ["mailto:doctor@clinic.example"]
"""


@dataclass(frozen=True, slots=True)
class Firm:
    """A service whose letters are sent while a block of `sending` runs."""

    service: Service
    tokens: token.Tokens
    senders: Mapping[str, Sender]

    def post(self, undo_seconds: float = 0, pace: LettersPace = QUICK) -> Post:
        """A way out that holds letters for *undo_seconds*."""
        service = self.service
        return Post(
            service.config, service.store, service.ingest, service.live, self.senders, self.tokens,
            undo_seconds=undo_seconds, pace=pace,
        )  # fmt: skip

    async def came(self, ident: str = "first@customer.example", **more: Any) -> int:
        """A mail comes in; answers its conversation."""
        await self.service.ingest.record("support", [mail(ident, **more)])
        found = await self.rows("SELECT conversation_id FROM interactions WHERE key = :key", key=f"mail:<{ident}>")
        return int(found[0][0])

    async def rows(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        """What a query answers."""
        return await self.service.store.read(lambda conn: [tuple(row) for row in conn.execute(sa.text(sql), values)])

    async def execute(self, sql: str, **values: Any) -> None:
        """Change what is stored, behind the hub's back."""
        await self.service.store.write(lambda conn: conn.execute(sa.text(sql), values).rowcount)

    async def view(self, letter_id: int) -> LetterView:
        """How a letter does."""
        found = await self.service.store.read(lambda conn: letters.by_id(conn, letter_id))
        assert found is not None
        return found

    async def until(self, letter_id: int, true: Callable[[LetterView], bool]) -> LetterView:
        """The letter once *true* says so of it: what couriers write down they tell to nobody else."""
        async with asyncio.timeout(SECONDS):
            while True:
                if true(view := await self.view(letter_id)):
                    return view
                await asyncio.sleep(0.02)

    async def settled(self, letter_id: int) -> LetterView:
        """The letter once nothing is left to do about it."""
        return await self.until(
            letter_id, lambda view: view.filed_at is not None or view.state in ("failed", "perhaps", "cancelled")
        )


@asynccontextmanager
async def open_firm(store_url: str, folder: Path, smtp_port: int) -> AsyncIterator[Firm]:
    """The firm on *store_url*; its server listens on *smtp_port*."""
    path = folder / "config.toml"
    path.write_text(TOML.replace("{store}", store_url).replace("{smtp_port}", str(smtp_port)))
    async with Service.open(config.load(path, {"PASSWORD": "pw-5f1c9e"})) as service:
        tokens = token.Tokens(await service.store.write(token.key))
        plugins = {name: service.config.plugins(name).sender for name in service.config.sources}
        senders = {name: sender for name, sender in plugins.items() if sender is not None and sender.ready}
        yield Firm(service, tokens, senders)


def said(text: str, **more: Any) -> Wanted:
    """A letter that says *text*."""
    return Wanted(text=text, **more)
