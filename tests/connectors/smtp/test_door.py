"""What the door says to senders, and what it makes of their mail."""

from __future__ import annotations

import asyncio
import logging
import smtplib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import TypeVar

import pytest
from pydantic import ValidationError

import hub
from connectors.smtp import Door
from connectors.smtp.envelope import with_envelope
from tests.contracts.connector import assert_readable, setup
from tests.contracts.door import Ledger, open_door
from tests.servers.process import free_port

T = TypeVar("T")
MAIL = b"From: bob@example.net\r\nTo: ada@example.test\r\nSubject: hello\r\n\r\nHello\r\n"


class Opened:
    """A door, what came in, and a way to speak to it."""

    def __init__(self, address: tuple[str, int], ledger: Ledger) -> None:
        self.address = address
        self.ledger = ledger

    async def with_client(self, work: Callable[[smtplib.SMTP], T], client: type[smtplib.SMTP] = smtplib.SMTP) -> T:
        """What *work* returns, called with a connected client in a thread."""

        def connected() -> T:
            with client(*self.address, timeout=20) as sender:
                return work(sender)

        return await asyncio.to_thread(connected)

    async def talk(self, *said: bytes) -> bytes:
        """All that the door answers, after *said*, until it hangs up."""
        reader, writer = await asyncio.open_connection(*self.address)
        try:
            for words in said:
                writer.write(words)
                await writer.drain()
            async with asyncio.timeout(20):
                return await reader.read()
        finally:
            writer.close()

    @property
    def mails(self) -> list[hub.RawMail]:
        """The mails that were recorded."""
        return [item for item in self.ledger.items if isinstance(item, hub.RawMail)]


def door(**settings: object) -> Door:
    return Door(Door.Settings.model_validate({"listen": f"127.0.0.1:{free_port()}", **settings}), setup("dropbox"))


@pytest.fixture
async def opened(request: pytest.FixtureRequest) -> AsyncIterator[Opened]:
    """A door with the settings that the test is parametrised with, if any."""
    ledger, made = Ledger(), door(**getattr(request, "param", {}))
    async with open_door(made, ledger):
        yield Opened(made.address, ledger)


async def test_a_mail_comes_in_as_it_was_sent(opened: Opened) -> None:
    body = b".\r\n..\r\n.two\r\nbare \n newline, \xff\xfe 8-bit\r\n" + b"x" * 200_000 + b"\r\nThe end."
    raw = MAIL + body + b"\r\n"
    before = datetime.now(UTC)
    await opened.with_client(lambda sender: sender.sendmail("bob@example.net", ["ada@example.test"], raw))
    (mail,) = opened.mails
    assert mail.raw == b"Return-Path: <bob@example.net>\r\n" + raw
    assert before <= mail.received_at <= datetime.now(UTC)
    assert mail.received_at.tzinfo is UTC
    assert mail.copy == hub.Copy(place="smtp")


@pytest.mark.parametrize(
    "content", [b"", b".\r\n", b"x\r\n", b"a.\r\n", b"\r\n.\r\n", b"lone \n.\n dots\r\n", b".." * 40_000]
)
async def test_every_end_of_a_mail_is_found(opened: Opened, content: bytes) -> None:
    stuffed = b"\r\n".join(b"." + line if line.startswith(b".") else line for line in content.split(b"\r\n"))
    end = b".\r\n" if not content or content.endswith(b"\r\n") else b"\r\n.\r\n"
    said = b"EHLO me\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\n" + stuffed + end + b"QUIT\r\n"
    answers = await opened.talk(*(said[begin : begin + 1000] for begin in range(0, len(said), 1000)))
    assert answers.endswith(b"354 End data with <CR><LF>.<CR><LF>\r\n250 2.0.0 Recorded\r\n221 Bye\r\n")
    (mail,) = opened.mails
    whole = content if not content or content.endswith(b"\r\n") else content + b"\r\n"
    assert mail.raw == b"Return-Path: <>\r\nBcc: <a@b>\r\n" + whole


@pytest.mark.parametrize("opened", [{"level": "metadata", "audience": "ada"}], indirect=True)
async def test_level_and_audience_go_to_every_copy(opened: Opened) -> None:
    await opened.with_client(lambda sender: sender.sendmail("bob@example.net", ["ada@example.test"], MAIL))
    assert (opened.mails[0].copy.level, opened.mails[0].copy.audience) == (hub.Level.METADATA, "ada")


async def test_addresses_and_headers_may_be_utf_8(opened: Opened) -> None:
    raw = "From: jürgen@example.net\r\nTo: ada@example.test\r\nSubject: 你好\r\n\r\nHi\r\n".encode()
    options = ["SMTPUTF8", "BODY=8BITMIME"]
    await opened.with_client(
        lambda sender: sender.sendmail("jürgen@example.net", ["ada@example.test", "用户@例子.广告"], raw, options)
    )
    head = "Return-Path: <jürgen@example.net>\r\nBcc: <用户@例子.广告>\r\n"
    assert opened.mails[0].raw == head.encode() + raw


async def test_what_the_door_can_is_said(opened: Opened) -> None:
    def extensions(sender: smtplib.SMTP) -> dict[str, str]:
        sender.ehlo()
        return sender.esmtp_features

    said = await opened.with_client(extensions)
    assert said["size"] == "50000000"
    assert {"8bitmime", "smtputf8", "pipelining"} <= said.keys()
    # A password would go over the line in clear.
    assert "auth" not in said


async def test_lmtp_answers_once_for_each_recipient(opened: Opened) -> None:
    talk = b"LHLO me\r\nMAIL FROM:<bob@example.net>\r\nRCPT TO:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n"
    answers = await opened.talk(talk + MAIL + b".\r\nQUIT\r\n")
    assert answers.endswith(b"354 End data with <CR><LF>.<CR><LF>\r\n" + 2 * b"250 2.0.0 Recorded\r\n" + b"221 Bye\r\n")
    assert len(opened.mails) == 1


async def test_after_ehlo_it_is_smtp_again(opened: Opened) -> None:
    mail = b"MAIL FROM:<bob@example.net>\r\nRCPT TO:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n" + MAIL + b".\r\n"
    answers = await opened.talk(b"LHLO me\r\n" + mail + b"EHLO me\r\n" + mail + b"QUIT\r\n")
    assert answers.count(b"250 2.0.0 Recorded") == 3


@pytest.mark.parametrize("opened", [{"max_bytes": 5000}], indirect=True)
class TestSize:
    async def test_a_mail_that_says_it_is_too_large_is_refused_before_it_comes(self, opened: Opened) -> None:
        with pytest.raises(smtplib.SMTPSenderRefused) as told:
            await opened.with_client(lambda sender: sender.sendmail("bob@example.net", ["a@b"], MAIL + b"x" * 9000))
        assert told.value.smtp_code == 552

    @pytest.mark.parametrize("greeting", [b"HELO", b"LHLO"])
    async def test_one_that_says_nothing_is_refused_after_it(self, opened: Opened, greeting: bytes) -> None:
        begin = b"MAIL FROM:<bob@example.net>\r\nRCPT TO:<a@b>\r\nDATA\r\n"
        answers = await opened.talk(
            greeting + b" me\r\n" + begin, MAIL + b"x\r\n" * 200_000 + b".\r\n", begin + MAIL + b".\r\nQUIT\r\n"
        )
        assert b"\r\n552 5.3.4" in answers
        assert answers.endswith(b"250 2.0.0 Recorded\r\n221 Bye\r\n")
        assert len(opened.mails) == 1

    async def test_the_largest_mail_is_taken(self, opened: Opened) -> None:
        raw = MAIL + b"x" * (5000 - len(MAIL) - 2) + b"\r\n"
        await opened.with_client(lambda sender: sender.sendmail("bob@example.net", ["ada@example.test"], raw))
        assert opened.mails[0].raw.endswith(raw)

    async def test_what_slow_senders_hold_together_has_a_limit(self, opened: Opened) -> None:
        """Four of the largest mails; the next is put off, and taken again when one of them is through."""
        begin = b"HELO me\r\nMAIL FROM:<a@b>\r\nRCPT TO:<a@b>\r\nDATA\r\n"
        slow = []
        for _ in range(4):
            reader, writer = await asyncio.open_connection(*opened.address)
            # The door reads as far as to the first dot that ends a line.
            writer.write(begin + b"x" * 4900 + b".\r\n")
            slow.append((reader, writer))
            await reader.readuntil(b"354 End data with <CR><LF>.<CR><LF>\r\n")
        answers = await opened.talk(begin, b"y" * 4000 + b".\r\n.\r\nQUIT\r\n")
        assert b"\r\n452 4.3.1" in answers
        for reader, writer in slow:
            writer.write(b".\r\nQUIT\r\n")
            assert b"250 2.0.0 Recorded" in await reader.read()
            writer.close()
        answers = await opened.talk(begin, b"y" * 4000 + b".\r\n.\r\nQUIT\r\n")
        assert b"250 2.0.0 Recorded" in answers
        assert len(opened.mails) == 5

    async def test_what_a_sender_held_who_went_is_free_again(self, opened: Opened) -> None:
        begin = b"HELO me\r\nMAIL FROM:<a@b>\r\nRCPT TO:<a@b>\r\nDATA\r\n"
        for _ in range(5):
            reader, writer = await asyncio.open_connection(*opened.address)
            writer.write(begin + b"x" * 4900 + b".\r\n")
            await reader.readuntil(b"354 End data with <CR><LF>.<CR><LF>\r\n")
            writer.close()
            await reader.read()
        assert b"250 2.0.0 Recorded" in await opened.talk(begin, b"y" * 4000 + b".\r\n.\r\nQUIT\r\n")


@pytest.mark.parametrize("opened", [{"accept": ["example.org", "@Example.COM", "crm+*@example.test"]}], indirect=True)
@pytest.mark.parametrize(
    ("recipient", "code"),
    [
        ("anybody@example.org", 250),
        ("Anybody@EXAMPLE.org", 250),
        ("anybody@example.com", 250),
        ("crm+deal-7@example.test", 250),
        ("bob@example.test", 550),
        ("anybody@sub.example.org", 550),
        ("anybody@notexample.org", 550),
        ("example.org", 550),
        ("", 553),
    ],
)
async def test_only_whom_accept_names_is_accepted(opened: Opened, recipient: str, code: int) -> None:
    def answer(sender: smtplib.SMTP) -> int:
        sender.helo()
        sender.mail("bob@example.net")
        return sender.docmd("RCPT", f"TO:<{recipient}>")[0]

    assert await opened.with_client(answer) == code


async def test_a_refused_recipient_costs_the_others_nothing(opened: Opened) -> None:
    refused = await opened.with_client(
        lambda sender: sender.sendmail("bob@example.net", ["ada@example.test", "a\x01b@example.test"], MAIL)
    )
    assert [code for code, _ in refused.values()] == [553]
    assert len(opened.mails) == 1


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0"])
async def test_an_open_door_to_the_outside_must_name_its_recipients(listen: str) -> None:
    with pytest.raises(hub.Misconfigured) as told:
        await door(listen=listen).serve(Ledger())
    assert_readable(told.value)
    assert "sources.dropbox.accept" in str(told.value)
    made = door(listen=listen, accept=["example.org"])
    async with open_door(made, Ledger()):
        assert made.address[1] > 0


async def test_a_sender_who_hangs_up_does_not_tear_the_mail_out_of_its_batch(opened: Opened) -> None:
    opened.ledger.hold()
    _, writer = await asyncio.open_connection(*opened.address)
    writer.write(b"HELO me\r\nMAIL FROM:<a@b>\r\nRCPT TO:<a@b>\r\nDATA\r\n" + MAIL + b".\r\n")
    await opened.ledger.until_begun(1)
    writer.transport.abort()
    # The next sender finds the door as it was, and is recorded behind the first.
    opened.ledger.release()
    await opened.with_client(lambda sender: sender.sendmail("bob@example.net", ["ada@example.test"], MAIL))
    assert len(opened.mails) == 2


async def test_a_connection_that_breaks_within_a_mail_leaves_nothing(opened: Opened) -> None:
    _, writer = await asyncio.open_connection(*opened.address)
    writer.write(b"HELO me\r\nMAIL FROM:<a@b>\r\nRCPT TO:<a@b>\r\nDATA\r\n" + MAIL)
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    await opened.with_client(lambda sender: sender.sendmail("bob@example.net", ["ada@example.test"], MAIL))
    assert len(opened.mails) == 1


async def test_who_is_connected_when_the_hub_stops_is_told(caplog: pytest.LogCaptureFixture) -> None:
    made, ledger = door(), Ledger()
    async with open_door(made, ledger) as serving:
        reader, writer = await asyncio.open_connection(*made.address)
        assert (await reader.readline()).startswith(b"220 ")
        serving.cancel()
        assert (await reader.read()).startswith(b"421 4.3.2")
        writer.close()


async def test_no_log_holds_an_address(opened: Opened, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    opened.ledger.failure = hub.Unavailable("the store is down")
    with pytest.raises(smtplib.SMTPDataError):
        await opened.with_client(lambda sender: sender.sendmail("bob@example.net", ["ada@example.test"], MAIL))
    assert "example" not in caplog.text


async def test_two_hundred_connections_at_once(opened: Opened) -> None:
    said = b"HELO me\r\nMAIL FROM:<a@b>\r\nRCPT TO:<a@b>\r\nDATA\r\n" + MAIL + b".\r\nQUIT\r\n"
    answers = await asyncio.gather(*(opened.talk(said) for _ in range(200)))
    assert all(b"250 2.0.0 Recorded" in answer for answer in answers)
    assert len(opened.mails) == 200


class TestEnvelope:
    def test_a_blind_recipient_is_named(self) -> None:
        raw = with_envelope(MAIL, "bob@example.net", ["ada@example.test", "eve@example.test"])
        assert raw == b"Return-Path: <bob@example.net>\r\nBcc: <eve@example.test>\r\n" + MAIL

    @pytest.mark.parametrize(
        "header",
        [
            b"To: Eve <EVE@example.test>",
            b"Cc: x@y,\r\n eve@example.test",
            b"TO :eve@example.test",
            b"Resent-To: eve@example.test",
            b"Bcc: eve@example.test",
        ],
    )
    def test_one_whom_a_header_names_is_not_named_again(self, header: bytes) -> None:
        raw = b"Subject: x\r\n" + header + b"\r\n\r\nText\r\n"
        assert with_envelope(raw, "", ["eve@example.test"]) == b"Return-Path: <>\r\n" + raw

    @pytest.mark.parametrize(
        "elsewhere",
        [
            b"Received: from x by y for <eve@example.test>\r\n\r\n",
            b"To: steve@example.test\r\n\r\n",
            b"To: eve@example.test.example.org\r\n\r\n",
            b"Subject: x\r\n\r\nTo: eve@example.test\r\n",
            b"",
        ],
    )
    def test_another_place_does_not_name_anybody(self, elsewhere: bytes) -> None:
        assert with_envelope(elsewhere, "", ["eve@example.test"]).startswith(
            b"Return-Path: <>\r\nBcc: <eve@example.test>\r\n"
        )

    def test_a_repetition_gives_the_same_bytes(self) -> None:
        first = with_envelope(MAIL, "b@c", ["x@y", "z@y", "x@y"])
        assert first == with_envelope(MAIL, "b@c", ["z@y", "x@y"])
        assert first == b"Return-Path: <b@c>\r\nBcc: <x@y>,\r\n <z@y>\r\n" + MAIL


class TestSettings:
    def test_the_door_of_the_documentation(self) -> None:
        made = Door(Door.Settings(), setup("dropbox"))
        assert made.address == ("127.0.0.1", 2525)

    @pytest.mark.parametrize(
        "wrong",
        [
            {"listen": "2525"},
            {"listen": "127.0.0.1:99999"},
            {"accept": ["a b"]},
            {"accept": [""]},
            {"max_bytes": 0},
            {"lisen": "127.0.0.1:2525"},
        ],
    )
    def test_what_cannot_be_right_is_refused(self, wrong: dict[str, object]) -> None:
        with pytest.raises(ValidationError) as told:
            Door.Settings.model_validate(wrong)
        assert next(iter(wrong)) in str(told.value)
