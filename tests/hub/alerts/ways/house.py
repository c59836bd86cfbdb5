"""A firm whose colleagues are told of alerts by mail, text message, chat, push and ntfy, in front of servers of the
test's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from hub import Setup, config
from hub.alerts.ways import push
from hub.alerts.ways.couriers import WaysPace
from hub.alerts.ways.desk import Ways
from hub.alerts.ways.reading import Reading, Words
from hub.alerts.ways.registry import Reach
from hub.config import Config
from hub.contracts import Sender, Teller
from hub.letters.token import Tokens
from hub.live import Live, LiveEvent
from hub.privacy.visibility import Actor, Authority
from hub.sources.pace import Pace as Backoff
from hub.store import Store
from hub.store.alert_tables import alert_tellings, alerts
from tests.fakes import chatter, texter
from tests.fakes.chatter import Chatter
from tests.fakes.ntfy import TOKEN, Ntfy, ntfy
from tests.fakes.push import PushService, push_service
from tests.fakes.texter import Texter
from tests.servers.mail import MailSink, mail_sink

ADA = Actor("ada", Authority.AGENT, agent="ada", record="login/1")
BEN = Actor("ben", Authority.AGENT, agent="ben", record="login/2")
SOON = Backoff(first_delay=0.02, longest_delay=0.05)
QUICK = WaysPace(look=0.02, answer=5, grace=0.2, backoff=SOON, again=SOON)

TOML = """
[hub]
store = "{store}"
public_url = "https://hub.example.org"
timezone = "Europe/Berlin"

[agents.ada]
name = "Ada"
handles = ["mailto:ada@example.org", "tel:+4930123451", "chatter:ada"]

[agents.ben]
name = "Ben"
handles = ["mailto:ben@example.org"]

[sources.support]
provider = "imap"
ours = ["mailto:support@example.org"]
host = "127.0.0.1"
security = "none"
username = "support"
password = "env:PASSWORD"
smtp_host = "127.0.0.1"
smtp_port = {smtp_port}
smtp_security = "none"
smtp_auth = "none"
save_sent = "no"

[sources.texts]
provider = "twilio"
ours = ["tel:+4930123456"]
account_sid = "AC00000000000000000000000000000001"
auth_token = "env:TWILIO_TOKEN"

[alerts]
allow_private = ["{push}"]

[ways.phones]
kind = "ntfy"
label = "Phones"
server = "{ntfy}"
topic = "hub-{agent}"
token = "env:NTFY_TOKEN"
agents = ["ada"]
"""


@dataclass(frozen=True, slots=True)
class Said:
    """An alert in words, as `hub.alerts.words` has them."""

    title: str
    lines: tuple[str, ...]
    url: str
    severity: str
    why: str


def said(conn: Connection, ids: Sequence[int], agent: str, locale: str, zone: str) -> Mapping[int, Said]:
    """Words that name somebody to whoever may know."""
    return {
        number: Said(
            f"{'Li Na' if agent else 'Somebody'} writes ({number})", ("Could you send an offer?",), f"https://hub.example.org/alerts/{number}",
            "urgent", "You look after her.",
        )
        for number in ids
    }  # fmt: skip


@dataclass(slots=True)
class House:
    """The firm, and the servers in front of it."""

    store: Store
    live: Live
    config: Config
    ways: Ways
    mail: MailSink
    texter: Texter
    chatter: Chatter
    push: PushService
    ntfy: Ntfy
    _alerts: dict[int, int] = field(default_factory=dict)

    async def alert(self, number: int, state: str = "open", **more: Any) -> None:
        """An alert, or how it does now."""
        now = datetime.now(UTC)
        values = {"state": state, "updated_at": now, **more}
        made = {
            "id": number, "rule": "vip", "agent": "ada", "key": f"message/{number}", "kind": "message",
            "severity": "urgent", "about": {}, "fact_at": now, "created_at": now, **values,
        }  # fmt: skip

        def work(conn: Connection) -> None:
            if not conn.execute(alerts.update().where(alerts.c.id == number).values(values)).rowcount:
                conn.execute(alerts.insert().values(made))

        await self.store.write(work)

    async def tell(self, way: str, alert: int | None, *, agent: str = "ada", kind: str = "alert", **more: Any) -> int:
        """Somebody is to be told by a way; answers the telling's id."""
        number, now = self.store.ids(), datetime.now(UTC)
        row = {
            "id": number, "alert_id": alert, "agent": agent, "way": way, "kind": kind, "state": "queued",
            "due_at": now, "created_at": now, **more,
        }  # fmt: skip
        await self.store.write(lambda conn: conn.execute(alert_tellings.insert().values(row)))
        self.live.publish([LiveEvent("alert", {"id": str(alert)}, agent)])
        return number

    async def settled(self, number: int) -> Any:
        """The telling once it does not wait any more."""
        query = sa.select(alert_tellings).where(alert_tellings.c.id == number)
        async with asyncio.timeout(20):
            while True:
                row = await self.store.read(lambda conn: conn.execute(query).one())
                if row.state not in ("queued", "held"):
                    return row
                await asyncio.sleep(0.02)

    async def told(self, way: str, alert: int, **more: Any) -> Any:
        """The telling of an alert by a way, once it does not wait any more."""
        return await self.settled(await self.tell(way, alert, **more))


@asynccontextmanager
async def open_house(
    store_url: str, folder: Path, more: str = "", pace: WaysPace = QUICK, words: Words = said
) -> AsyncIterator[House]:
    """The firm on *store_url*; *more* stands in its config, too, and alerts are put into *words*."""
    async with AsyncExitStack() as stack:
        sink = await stack.enter_async_context(mail_sink())
        texts = await stack.enter_async_context(texter.texter())
        chat = await stack.enter_async_context(chatter.chatter())
        pushes = await stack.enter_async_context(push_service())
        topics = await stack.enter_async_context(ntfy())
        path = folder / "config.toml"
        text = TOML.replace("{store}", store_url).replace("{smtp_port}", str(sink.port)) + more
        path.write_text(text.replace("{push}", pushes.place).replace("{ntfy}", topics.url))
        loaded = config.load(path, {"PASSWORD": "pw-5f1c9e", "NTFY_TOKEN": TOKEN, "TWILIO_TOKEN": "t-5b1e88d0"})
        store = await stack.enter_async_context(Store.open(store_url))
        live = await stack.enter_async_context(Live())
        setup = Setup("chatter", "", (), (), (), "")
        sms = texter.Sender(texter.TexterSettings(url=texts.url), setup)
        senders: dict[str, Sender] = {"support": _built(loaded), "texts": sms}
        tellers: dict[str, Teller] = {"chatter": chatter.Teller(chatter.ChatterSettings(url=chat.url), setup)}
        reading = Reading(loaded, Reach(loaded, senders, tellers), words, lambda number: f"acknowledge:{number}")
        ways = Ways(
            loaded, store, live, senders, tellers, reading, vapid=await store.write(push.vapid),
            marker=Tokens("a key").marker, pace=pace,
        )  # fmt: skip
        await stack.enter_async_context(ways)
        yield House(store, live, loaded, ways, sink, texts, chat, pushes, topics)


def _built(loaded: Config) -> Sender:
    sender = loaded.plugins("support").sender
    assert sender is not None
    return sender
