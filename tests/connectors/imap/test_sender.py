"""Mails leave by SMTP and lie in the folder of sent mails once, whatever servers do meanwhile."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, Session
from pydantic import SecretStr, ValidationError

import hub
from connectors.imap import Sender
from connectors.imap.filing import Filing
from connectors.imap.settings import ImapSettings
from tests.contracts.adapter import setup
from tests.contracts.proxy import proxy
from tests.servers.dovecot import Dovecot
from tests.servers.mail import MailSink, mail_sink
from tests.servers.postfix import Postfix
from tests.servers.process import program
from tests.servers.waiting import mails_in

BOB, EVE, XU = "mailto:bob@example.test", "mailto:eve@example.test", "mailto:%E8%AE%B8@example.test"
RAW = (
    b"From: Alice <alice@example.test>\r\nTo: bob@example.test\r\nSubject: Offer\r\nMessage-ID: <one@example.test>\r\n"
    b"\r\n.A line that begins with a dot\r\nThe end\r\n"
)


def settings(smtp_port: int, **more: Any) -> ImapSettings:
    return ImapSettings(
        **{
            "host": "127.0.0.1", "security": "none", "username": "alice", "password": SecretStr("secret-a"),
            "smtp_host": "127.0.0.1", "smtp_port": smtp_port, "smtp_security": "none", "smtp_auth": "none", **more,
        }
    )  # fmt: skip


def sender(smtp_port: int, **more: Any) -> Sender:
    return Sender(settings(smtp_port, **more), setup("mail"))


def letter(*recipients: str, raw: bytes = RAW) -> hub.Letter:
    return hub.Letter(key="mail:<one@example.test>", sender="mailto:alice@example.test", recipients=recipients, raw=raw)


# --- sending --------------------------------------------------------------------------------------------------------


async def test_a_mail_goes_through_a_real_server_and_lies_in_sent_once(postfix: Postfix, dovecot: Dovecot) -> None:
    one = sender(postfix.port, port=dovecot.imap_port, save_sent="yes")
    sent = await one.send(letter(BOB))
    assert sent.provider_id.startswith("2.0.0 Ok: queued as ")
    assert sent.refused == {}
    await one.file(letter(BOB))
    await one.file(letter(BOB))
    (arrived,) = mails_in(dovecot, "bob", 1)
    assert arrived.endswith(b"\r\n\r\n.A line that begins with a dot\r\nThe end\r\n")
    assert mails_in(dovecot, "alice", 1, "Sent") == [RAW]
    with dovecot.login("alice") as client:
        client.select_folder("Sent")
        assert len(client.search("SEEN")) == 1


async def test_the_servers_own_login_is_used(dovecot: Dovecot) -> None:
    async with mail_sink({"alice": "secret-a", "relay": "other"}) as sink:
        await sender(sink.port, smtp_auth="").send(letter(BOB))
        assert (await sink.next()).login == "alice"
        await sender(sink.port, smtp_auth="", smtp_username="relay", smtp_password=SecretStr("other")).send(letter(BOB))
        assert (await sink.next()).login == "relay"
        with pytest.raises(hub.Rejected, match=r"refused the login; check sources.mail.smtp_username"):
            await sender(sink.port, smtp_auth="", smtp_password=SecretStr("wrong")).send(letter(BOB))
        with pytest.raises(hub.Rejected, match="wants a login"):
            await sender(sink.port).send(letter(BOB))


async def test_recipients_are_refused_one_by_one(mail_sink: MailSink) -> None:
    mail_sink.refusals = {"eve@example.test": "550 5.1.1 No such user", "grey@example.test": "451 4.7.1 Try later"}
    sent = await sender(mail_sink.port).send(letter(BOB, EVE, "mailto:grey@example.test"))
    assert sent.refused == {EVE: "550 5.1.1 No such user", "mailto:grey@example.test": "451 4.7.1 Try later"}
    assert (await mail_sink.next()).recipients == ("bob@example.test",)


async def test_where_all_are_refused_the_reason_is_the_servers(mail_sink: MailSink) -> None:
    mail_sink.refusals = {"eve@example.test": "550 5.1.1 No such user", "bob@example.test": "451 4.7.1 Try later"}
    with pytest.raises(hub.Unsupported, match=r"550 5.1.1 No such user"):
        await sender(mail_sink.port).send(letter(BOB, EVE))
    with pytest.raises(hub.Unavailable, match=r"451 4.7.1 Try later"):
        await sender(mail_sink.port).send(letter(BOB))
    assert mail_sink.taken == []


@pytest.mark.parametrize(
    ("verdict", "seconds"),
    [("451 4.3.0 Queue is full", None), ("450 4.7.0 Too much mail, try again in 5 minutes", 300.0)],
)
async def test_what_a_server_does_not_take_now_may_be_tried_again(
    mail_sink: MailSink, verdict: str, seconds: float | None
) -> None:
    mail_sink.verdict = verdict
    with pytest.raises(hub.Unavailable, match=verdict) as raised:
        await sender(mail_sink.port).send(letter(BOB))
    assert raised.value.retry_after == seconds


async def test_what_a_server_never_takes_is_told_in_its_words(mail_sink: MailSink) -> None:
    mail_sink.verdict = "554 5.7.1 Content rejected"
    with pytest.raises(hub.Unsupported, match=r"554 5.7.1 Content rejected"):
        await sender(mail_sink.port).send(letter(BOB))


async def test_no_answer_after_the_mail_is_not_an_answer(mail_sink: MailSink) -> None:
    async with proxy(mail_sink.port) as between:
        between.edit = lambda block: None if mail_sink.taken else block
        with pytest.raises(TimeoutError, match="got the mail and did not answer"):
            await sender(between.port).send(letter(BOB))
    assert len(mail_sink.taken) == 1


async def test_a_connection_that_breaks_before_the_mail_is_a_failure(mail_sink: MailSink) -> None:
    async with proxy(mail_sink.port) as between:
        between.edit = lambda block: None if block.startswith(b"354") else block
        with pytest.raises(hub.Unavailable, match="broke off before it had the mail"):
            await sender(between.port).send(letter(BOB))
    assert mail_sink.taken == []


async def test_nobody_listens(unused_tcp_port: int) -> None:
    with pytest.raises(hub.Unavailable, match=f"127.0.0.1 cannot be reached on port {unused_tcp_port}"):
        await sender(unused_tcp_port).send(letter(BOB))


async def test_letters_beyond_ascii_are_asked_for_only_where_there_are_some(mail_sink: MailSink) -> None:
    options: list[list[str]] = []

    async def handle_mail(server: SMTP, session: Session, envelope: Any, address: str, given: list[str]) -> str:
        options.append(given)
        envelope.mail_from = address
        envelope.mail_options.extend(given)
        return "250 OK"

    mail_sink.handle_MAIL = handle_mail  # type: ignore[attr-defined]  # aiosmtpd looks for it by name
    await sender(mail_sink.port).send(letter(BOB))
    await sender(mail_sink.port).send(letter(XU))
    assert [["SMTPUTF8" in each for each in given] for given in options] == [[False], [False, True]]
    assert [received.recipients for received in mail_sink.taken] == [("bob@example.test",), ("许@example.test",)]


async def test_a_mail_beyond_the_servers_size_is_not_even_begun() -> None:
    sink = MailSink()
    async with small(sink) as port:
        with pytest.raises(hub.Unsupported, match="takes mails of 1 MB at most; this one has 2 MB"):
            await sender(port).send(letter(BOB, raw=RAW + b"x" * 2_000_000 + b"\r\n"))


@asynccontextmanager
async def small(sink: MailSink) -> AsyncIterator[int]:
    """A server that takes a megabyte."""
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(sink, hostname="sink.example.test", data_size_limit=1_000_000), "127.0.0.1", 0
    )
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_starttls_is_demanded_where_it_is_configured(mail_sink: MailSink) -> None:
    with pytest.raises(hub.Misconfigured, match="offers no STARTTLS"):
        await sender(mail_sink.port, smtp_security="starttls").send(letter(BOB))
    with pytest.raises(hub.Misconfigured, match=r'does not begin with TLS on port .* "starttls"'):
        await sender(mail_sink.port, smtp_security="tls").send(letter(BOB))


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


@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_what_leaves_is_encrypted(certificate: Path, security: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    sink, at_once = MailSink(), security == "tls"
    later = None if at_once else context
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(sink, hostname="localhost", tls_context=later, require_starttls=not at_once),
        "localhost", 0, ssl=context if at_once else None,
    )  # fmt: skip
    async with server:
        port, more = server.sockets[0].getsockname()[1], {"smtp_host": "localhost", "smtp_security": security}
        with pytest.raises(hub.Misconfigured, match="the certificate of localhost is not to be trusted"):
            await sender(port, **more).send(letter(BOB))
        await sender(port, **more, ca_file=str(certificate)).send(letter(BOB))
    assert len(sink.taken) == 1


def test_a_mailbox_without_a_server_is_only_read() -> None:
    assert not sender(1, smtp_host="").ready
    assert sender(1).ready
    with pytest.raises(ValidationError, match="sends mails in clear"):
        settings(1, smtp_host="smtp.example.org")


# --- the copy in Sent -----------------------------------------------------------------------------------------------


async def test_a_copy_that_the_server_keeps_itself_is_found(dovecot: Dovecot) -> None:
    pauses: list[float] = []

    def meanwhile(seconds: float) -> None:
        pauses.append(seconds)
        if seconds:
            dovecot.append([RAW], folder="Sent")

    filing = Filing(settings(1, port=dovecot.imap_port), "mail", None, looks=(0, 2), sleep=meanwhile)
    await filing.file(RAW)
    assert pauses == [0, 2]
    assert mails_in(dovecot, "alice", 1, "Sent") == [RAW]


async def test_where_nobody_keeps_one_it_is_added(dovecot: Dovecot) -> None:
    await Filing(settings(1, port=dovecot.imap_port), "mail", None, looks=(0,)).file(RAW)
    assert mails_in(dovecot, "alice", 1, "Sent") == [RAW]


@pytest.mark.parametrize(
    "more",
    [
        {"save_sent": "no"},
        {"host": "imap.gmail.com", "security": "tls"},
        {"host": "outlook.office365.com", "security": "tls"},
    ],
)
async def test_servers_that_keep_their_own_are_left_alone(more: dict[str, Any]) -> None:
    await Filing(settings(1, **more), "mail", None).file(RAW)


async def test_a_mailbox_that_is_away_is_said_to_be(unused_tcp_port: int) -> None:
    with pytest.raises(hub.Unavailable, match="cannot be reached"):
        await Filing(settings(1, port=unused_tcp_port, save_sent="yes"), "mail", None).file(RAW)


# --- OAuth ----------------------------------------------------------------------------------------------------------


class Lent:
    """What a hub would lend: a token, and another where that one was refused."""

    async def access_token(self, refused: str | None = None) -> str:
        return "token-2" if refused == "token-1" else "token-1"

    async def rebind(self, place: str, sightings: Any) -> frozenset[str]:
        return frozenset()


LENT = dataclasses.replace(setup("mail"), loan=Lent())


@pytest.mark.parametrize("how", ["xoauth2", "oauthbearer"])
async def test_a_permission_is_a_login_and_a_void_token_is_renewed(how: str) -> None:
    heard: list[bytes] = []
    async with bearing(heard, good="token-2") as port:
        await Sender(settings(port, smtp_auth=how), LENT).send(letter(BOB))
    proofs = [base64.b64decode(line.split()[2]) for line in heard if line.startswith(f"AUTH {how.upper()} ".encode())]
    assert [b"auth=Bearer token-1\x01" in proofs[0], b"auth=Bearer token-2\x01" in proofs[1]] == [True, True]
    assert all(b"alice" in proof for proof in proofs)
    assert heard[-1] == b"QUIT\r\n"


async def test_a_permission_that_has_ended_is_said_to_have() -> None:
    heard: list[bytes] = []
    async with bearing(heard, good="") as port:
        with pytest.raises(hub.Rejected, match="give it anew on the source's page"):
            await Sender(settings(port, smtp_auth="xoauth2"), LENT).send(letter(BOB))


async def test_a_permission_files_the_copy_too(dovecot: Dovecot) -> None:
    dovecot.tokens["token-2"] = "alice"
    about = settings(1, port=dovecot.imap_port, auth="oauthbearer", password=None, save_sent="yes")
    await Filing(about, "mail", Lent()).file(RAW)
    assert mails_in(dovecot, "alice", 1, "Sent") == [RAW]


@asynccontextmanager
async def bearing(heard: list[bytes], good: str) -> AsyncIterator[int]:
    """A server that takes one token and refuses others as RFC 7628, 3.2.2 says: with a challenge first."""
    over: list[asyncio.Event] = []

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        over.append(ended := asyncio.Event())
        writer.write(b"220 hello\r\n")
        while line := await reader.readline():
            heard.append(line)
            writer.write(answer(line))
            if line == b"DATA\r\n":
                await reader.readuntil(b"\r\n.\r\n")
                writer.write(b"250 OK\r\n")
        writer.close()
        ended.set()

    def answer(line: bytes) -> bytes:
        if line.startswith(b"EHLO"):
            return b"250-hello\r\n250 AUTH XOAUTH2 OAUTHBEARER\r\n"
        if line.startswith(b"AUTH"):
            taken = good and f"Bearer {good}\x01".encode() in base64.b64decode(line.split()[2])
            return b"235 welcome\r\n" if taken else b"334 eyJzdGF0dXMiOiI0MDEifQ==\r\n"
        if line in (b"\r\n", b"AQ==\r\n"):
            return b"535 5.7.8 Bad token\r\n"
        return b"354 go on\r\n" if line == b"DATA\r\n" else b"250 OK\r\n"

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
        async with asyncio.timeout(10):
            for ended in over:
                await ended.wait()
