"""What goes wrong with a mailbox, and the one line that says what to do about it."""

from __future__ import annotations

import asyncio
import logging
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest
from pydantic import ValidationError

import hub
from connectors.imap import Connector
from tests.connectors.imap.mails import mail, settings, subject
from tests.contracts.connector import assert_readable, heard, setup
from tests.contracts.proxy import Proxy
from tests.servers.dovecot import Dovecot
from tests.servers.process import free_port, program


def connector(port: int, **changes: object) -> Connector:
    return Connector(settings(port, **changes), setup("support-mail"))


async def verdict(mailbox: Connector) -> hub.Verdict:
    """What listening ends with; looking how fresh it is must end with the same."""
    async with aclosing(mailbox.listen(None)) as arrivals:
        with pytest.raises(hub.Verdict) as told:
            await anext(arrivals)
    with pytest.raises(type(told.value)):
        await mailbox.freshness(None)
    assert_readable(told.value)
    return told.value


@pytest.mark.parametrize("password", ["not-this-one-either", "päßwort-密码"])
async def test_a_wrong_password_is_rejected_and_told_to_nobody(
    dovecot: Dovecot, password: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    told = await verdict(connector(dovecot.imap_port, password=password))
    assert isinstance(told, hub.Rejected)
    assert "sources.support-mail.password" in str(told)
    seen: BaseException | None = told
    while seen is not None:
        assert password not in repr(seen)
        seen = seen.__cause__ or seen.__context__
    assert password not in caplog.text


async def test_no_log_holds_a_mail_or_a_password(dovecot: Dovecot, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    dovecot.append([mail("a private matter", body="between us")])
    async with aclosing(connector(dovecot.imap_port).listen(None)) as arrivals:
        await heard(arrivals, 1)
    for secret in ("secret-a", "a private matter", "between us"):
        assert secret not in caplog.text


async def test_a_server_that_is_busy_is_tried_again(dovecot: Dovecot, between: Proxy) -> None:
    between.edit = lambda block: block.replace(b"NO [AUTHENTICATIONFAILED]", b"NO [UNAVAILABLE]")
    assert isinstance(await verdict(connector(between.port, password="wrong")), hub.Unavailable)


async def test_a_connection_that_ends_during_the_login_is_no_wrong_password(dovecot: Dovecot, between: Proxy) -> None:
    between.edit = lambda block: None if b"Logged in" in block else block
    assert isinstance(await verdict(connector(between.port)), hub.Unavailable)


async def test_a_missing_folder_is_named_beside_those_that_are_there(dovecot: Dovecot) -> None:
    for folders in (["Posteingang"], ["INBOX", "Posteingang"]):
        told = await verdict_of_any(connector(dovecot.imap_port, folders=folders))
        assert isinstance(told, hub.Misconfigured)
        assert '"Posteingang"' in str(told)
        assert "sources.support-mail.folders" in str(told)
        assert "Projects/Alpha" in str(told)


async def verdict_of_any(mailbox: Connector) -> hub.Verdict:
    """What listening ends with, whatever comes before."""

    async def listen() -> None:
        async with aclosing(mailbox.listen(None)) as arrivals:
            async for _ in arrivals:
                pass

    with pytest.raises(hub.Verdict) as told:
        await listen()
    assert_readable(told.value)
    return told.value


@pytest.mark.parametrize("host", ["no such host", f"{'x' * 70}.example.org"])
async def test_an_unknown_host_is_misconfigured(host: str) -> None:
    told = await verdict(connector(993, host=host, security="tls"))
    assert isinstance(told, hub.Misconfigured)
    assert "sources.support-mail.host" in str(told)


async def test_a_server_that_is_killed_is_unavailable(dovecot: Dovecot) -> None:
    async with aclosing(connector(dovecot.imap_port).listen(None)) as arrivals:
        await anext(arrivals)
        waiting = asyncio.ensure_future(heard(arrivals, 1))
        await asyncio.to_thread(dovecot.process.kill)
        with pytest.raises(hub.Unavailable) as told:
            await waiting
    assert_readable(told.value)


async def test_the_end_of_the_connection_inside_idle_is_no_silence(dovecot: Dovecot, between: Proxy) -> None:
    async with aclosing(connector(between.port).listen(None)) as arrivals:
        await anext(arrivals)
        waiting = asyncio.ensure_future(heard(arrivals, 1))
        await between.until_sent(b"IDLE\r\n")
        between.cut()
        with pytest.raises(hub.Unavailable) as told:
            await waiting
    assert_readable(told.value)


async def test_cancelling_ends_an_idle_at_once(dovecot: Dovecot, between: Proxy) -> None:
    arrivals = connector(between.port, idle_minutes=28).listen(None)
    await anext(arrivals)
    waiting = asyncio.ensure_future(heard(arrivals, 1))
    await between.until_sent(b"IDLE\r\n")
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await between.until(open=0)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file with the key and the certificate of localhost, for which nobody vouches."""
    both = tmp_path_factory.mktemp("tls") / "both.pem"
    how = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    names = "-addext subjectAltName=DNS:localhost -keyout - -out -"
    made = subprocess.run([program("openssl", package="openssl"), *how.split(), *names.split()], capture_output=True)
    assert made.returncode == 0, made.stderr
    both.write_bytes(made.stdout)
    return both


class TestTls:
    """A TLS listener in front of Dovecot."""

    async def test_from_the_first_byte(self, dovecot: Dovecot, certificate: Path) -> None:
        dovecot.append([mail("encrypted")])
        async with tls_in_front_of(dovecot, certificate) as port:
            mailbox = connector(port, host="localhost", security="tls", ca_file=str(certificate))
            async with aclosing(mailbox.listen(None)) as arrivals:
                assert subject((await heard(arrivals, 1))[-1].items[0]) == "encrypted"
                coming = asyncio.ensure_future(heard(arrivals, 1))
                await asyncio.to_thread(dovecot.deliver, mail("later"))
                assert subject((await coming)[-1].items[0]) == "later"

    async def test_after_starttls(self, dovecot: Dovecot, certificate: Path) -> None:
        dovecot.append([mail("encrypted")])
        async with tls_in_front_of(dovecot, certificate, starttls=b"a OK begin\r\n") as port:
            mailbox = connector(port, host="localhost", security="starttls", ca_file=str(certificate))
            async with aclosing(mailbox.listen(None)) as arrivals:
                assert subject((await heard(arrivals, 1))[-1].items[0]) == "encrypted"

    async def test_what_follows_the_answer_to_starttls_in_clear_is_not_believed(
        self, dovecot: Dovecot, certificate: Path
    ) -> None:
        injected = b"a OK begin\r\n* CAPABILITY IMAP4rev1 LOGINDISABLED\r\n"
        async with tls_in_front_of(dovecot, certificate, starttls=injected) as port:
            mailbox = connector(port, host="localhost", security="starttls", ca_file=str(certificate))
            assert isinstance(await verdict(mailbox), hub.Unavailable)

    async def test_a_certificate_that_nobody_vouches_for(self, dovecot: Dovecot, certificate: Path) -> None:
        async with tls_in_front_of(dovecot, certificate) as port:
            told = await verdict(connector(port, host="localhost", security="tls"))
        assert isinstance(told, hub.Misconfigured)
        assert "sources.support-mail.ca_file" in str(told)

    async def test_a_certificate_for_another_host(self, dovecot: Dovecot, certificate: Path) -> None:
        async with tls_in_front_of(dovecot, certificate) as port:
            told = await verdict(connector(port, host="127.0.0.1", security="tls", ca_file=str(certificate)))
        assert isinstance(told, hub.Misconfigured)
        assert "sources.support-mail.host" in str(told)

    async def test_a_port_without_tls(self, dovecot: Dovecot) -> None:
        told = await verdict(connector(dovecot.imap_port, security="tls"))
        assert isinstance(told, hub.Misconfigured)
        assert "starttls" in str(told)

    async def test_a_server_without_starttls(self, dovecot: Dovecot) -> None:
        told = await verdict(connector(dovecot.imap_port, security="starttls"))
        assert isinstance(told, hub.Misconfigured)
        assert "sources.support-mail.security" in str(told)

    async def test_a_file_of_authorities_that_is_not_there(self, dovecot: Dovecot, tmp_path: Path) -> None:
        told = await verdict(connector(free_port(), security="tls", ca_file=str(tmp_path / "none.pem")))
        assert isinstance(told, hub.Verdict)


@asynccontextmanager
async def tls_in_front_of(dovecot: Dovecot, certificate: Path, starttls: bytes = b"") -> AsyncIterator[int]:
    """The port of a listener that ends TLS; with *starttls*, the answer to it, only after STARTTLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    behind = Proxy("127.0.0.1", dovecot.imap_port)

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """As far as STARTTLS this is a server of its own; Dovecot's greeting is then taken away."""
        writer.write(b"* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] ready\r\n")
        async for line in reader:
            tag, command = line.split(maxsplit=1)
            if command.strip() == b"STARTTLS":
                writer.write(starttls.replace(b"a ", tag + b" ", 1))
                break
            writer.write(b"* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED\r\n" + tag + b" OK done\r\n")
        else:
            writer.close()
            return
        await writer.start_tls(context)
        greeting: list[bytes] = []

        def without_greeting(block: bytes) -> bytes:
            greeting.append(block)
            return block.split(b"\r\n", 1)[1] or b"* OK\r\n" if len(greeting) == 1 else block

        behind.edit = without_greeting
        await behind.pass_on(reader, writer)

    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], object] = greet if starttls else behind.pass_on
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=None if starttls else context)  # type: ignore[arg-type]
    async with server:
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            behind.cut()
            await behind.until(open=0)


class TestSettings:
    def test_the_port_follows_the_security(self) -> None:
        right = {"host": "imap.example.org", "username": "u", "password": "p"}
        addresses = [
            Connector.Settings.model_validate({**right, **more}).address
            for more in ({}, {"security": "starttls"}, {"security": "starttls", "port": 1143})
        ]
        assert addresses == [("imap.example.org", 993), ("imap.example.org", 143), ("imap.example.org", 1143)]

    @pytest.mark.parametrize(
        ("wrong", "says"),
        [
            ({"host": "imap.example.org"}, "in clear"),
            ({"security": "ssl"}, "security"),
            ({"folders": [""]}, "folders"),
            ({"folders": ["INBOX", "INBOX"]}, "twice"),
            ({"idle_minutes": 29}, "idle_minutes"),
            ({"password": "one\r\ntwo"}, "one line"),
            ({"username": "x\r\nLOGOUT"}, "username"),
            ({"level": "some"}, "level"),
            ({"pasword": "typo"}, "pasword"),
        ],
    )
    def test_what_cannot_be_right_is_refused_without_telling_the_password(
        self, wrong: dict[str, object], says: str
    ) -> None:
        with pytest.raises(ValidationError) as told:
            settings(143, **wrong)
        assert says in str(told.value)
        assert "secret-a" not in str(told.value)
        assert "two" not in str(told.value)
