"""The whole way in for mail: a real Dovecot, the IMAP connector, the supervisor, and the store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from email.message import EmailMessage
from pathlib import Path

import sqlalchemy as sa

import hub
from hub.config import Config, load
from hub.service import Service
from hub.sources import State
from hub.sources.canary import flights
from hub.sources.flights import Route
from hub.sources.keeper import Status
from hub.sources.pace import Pace
from hub.sources.supervisor import Supervisor
from hub.store.schema import interactions
from tests.servers.dovecot import PASSWORDS, Dovecot

PACE = Pace(retry_lease=0.05, freshness=0.5, first_delay=0.05, longest_delay=0.2, look=0.1)
SECONDS = 30


def mail(subject: str) -> bytes:
    message = EmailMessage()
    message["From"] = "grace@example.net"
    message["To"] = "support@example.org"
    message["Subject"] = subject
    message["Message-ID"] = f"<{subject.replace(' ', '-')}@example.net>"
    message.set_content("Hello.")
    return message.as_bytes()


def config(folder: Path, dovecot: Dovecot, password: str) -> Config:
    path = folder / "config.toml"
    path.write_text(
        f"""
        [sources.support-mail]
        provider = "imap"
        ours = ["mailto:support@example.org"]
        host = "127.0.0.1"
        port = {dovecot.imap_port}
        security = "none"
        username = "alice"
        password = "env:MAIL_PASSWORD"
        """
    )
    return load(path, {"MAIL_PASSWORD": password})


class Running:
    """A hub that supervises its sources, whose every step can be waited for."""

    def __init__(self, service: Service, routes: Sequence[Route] = ()) -> None:
        self.service = service
        self._live: asyncio.Queue[tuple[int, bool]] = asyncio.Queue()
        self._changes: asyncio.Queue[Status] = asyncio.Queue()
        plugins, problems = service.config.built()
        self.supervisor = Supervisor(
            service.store, self, plugins, problems, pace=PACE, routes=routes, on_change=self._changes.put_nowait
        )

    async def record(
        self,
        source: str,
        items: Sequence[hub.Item],
        *,
        live: bool = True,
        cursor: str | None = None,
        epoch: int | None = None,
        after: asyncio.Future[None] | None = None,
    ) -> None:
        await self.service.ingest.record(source, items, live=live, cursor=cursor, epoch=epoch, after=after)
        self._live.put_nowait((len(items), live))

    async def recorded(self, mails: int) -> bool:
        """Wait until *mails* more are on record; whether the last of them was live."""
        live = False
        while mails > 0:
            number, live = await self._live.get()
            mails -= number
        return live

    async def until(self, state: State) -> Status:
        while (status := await self._changes.get()).state is not state:
            pass
        return status

    async def titles(self) -> list[str]:
        statement = sa.select(interactions.c.title).order_by(interactions.c.title)
        return list(await self.service.store.read(lambda conn: conn.execute(statement).scalars().all()))


@asynccontextmanager
async def running(config: Config, *routes: Route) -> AsyncGenerator[Running, None]:
    async with Service.open(config) as service:
        hub = Running(service, routes)
        async with hub.supervisor, asyncio.timeout(SECONDS):
            yield hub


async def test_old_mail_then_new_mail_then_what_came_while_we_were_away(tmp_path: Path, dovecot: Dovecot) -> None:
    settings = config(tmp_path, dovecot, PASSWORDS["alice"])
    dovecot.append([mail("old one"), mail("old two")])

    async with running(settings) as hub:
        assert not await hub.recorded(2)
        await asyncio.to_thread(dovecot.deliver, mail("new"))
        assert await hub.recorded(1)
    await asyncio.to_thread(dovecot.deliver, mail("missed"))
    async with running(settings) as hub:
        assert await hub.recorded(1)

        assert await hub.titles() == ["missed", "new", "old one", "old two"]


async def test_a_server_that_dies_is_found_again_without_gap_or_repeat(tmp_path: Path, dovecot: Dovecot) -> None:
    async with running(config(tmp_path, dovecot, PASSWORDS["alice"])) as hub:
        await hub.until(State.LISTENING)
        await asyncio.to_thread(dovecot.deliver, mail("before"))
        await hub.recorded(1)
        await asyncio.to_thread(dovecot.process.kill)
        await hub.until(State.WAITING)
        await asyncio.to_thread(dovecot.process.start)
        await asyncio.to_thread(dovecot.deliver, mail("after"))
        await hub.recorded(1)

        assert await hub.titles() == ["after", "before"]


async def test_a_wrong_password_is_said_and_not_tried_again(tmp_path: Path, dovecot: Dovecot) -> None:
    async with running(config(tmp_path, dovecot, "not-her-password")) as hub:
        status = await hub.until(State.REJECTED)

    assert status.cause
    assert "not-her-password" not in status.cause
    assert status.next_try is None


class Post(hub.Sender):
    """The mail server in front of the mailbox: what it takes lies there a moment later."""

    Settings = hub.Settings

    def __init__(self, dovecot: Dovecot) -> None:
        self._dovecot = dovecot

    async def send(self, letter: hub.Letter) -> hub.Sent:
        await asyncio.to_thread(self._dovecot.deliver, letter.raw)
        return hub.Sent()


async def test_a_canary_comes_all_the_way_round_and_is_no_mail(tmp_path: Path, dovecot: Dovecot) -> None:
    route = Route("support-mail", 600, "mailto:support@example.org", Post(dovecot))
    async with running(config(tmp_path, dovecot, PASSWORDS["alice"]), route) as hub:
        await hub.recorded(1)
        flight = (await hub.service.store.read(flights))["support-mail"]
        await asyncio.to_thread(dovecot.deliver, mail("a real one"))
        await hub.recorded(1)

        assert await hub.titles() == ["a real one"]
        assert flight.arrived_at is not None
