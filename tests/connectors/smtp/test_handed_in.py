"""What agents copy and forward to their own addresses, who may come in, and what goes round in circles."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
import subprocess
from email.message import EmailMessage
from pathlib import Path

import pytest
from pydantic import ValidationError

import hub
from connectors.smtp import Door
from hub.formats import mail
from hub.understanding import Guide, Opened, understand
from tests.contracts.connector import assert_readable
from tests.contracts.door import Ledger, open_door
from tests.servers.process import free_port, program

SECRET = "b8c1f02a6d7e4953"
ADA = hub.Agent("ada", "Ada Lovelace", ("tel:+4930123451", "mailto:ada@example.org"))
BEN = hub.Agent("Ben_2", "Ben", ())
KEYS = {"dropbox": "dropbox@hub.example.org", "forward": "forward@hub.example.org", "secret": SECRET}
CLIENTS = pytest.mark.parametrize("client", [smtplib.SMTP, smtplib.LMTP])


def door(**settings: object) -> Door:
    address = f"127.0.0.1:{free_port()}"
    setup = hub.Setup(
        name="dropbox",
        region="DE",
        ours=("mailto:info@example.org",),
        rings=(),
        agents=(ADA, BEN),
        webhook_url="",
    )
    return Door(Door.Settings.model_validate({"listen": address, **KEYS, **settings}), setup)


async def handed_in(
    opened: Door, raw: bytes, to: list[str], sender: str = "ada@example.org", client: type[smtplib.SMTP] = smtplib.SMTP
) -> list[hub.RawMail]:
    """What is recorded of *raw*. Raises what the client raises."""
    ledger = Ledger()

    def send() -> None:
        with client(*opened.address, timeout=20) as connection:
            connection.sendmail(sender, to, raw)

    async with open_door(opened, ledger):
        await asyncio.to_thread(send)
    return [item for item in ledger.items if isinstance(item, hub.RawMail)]


def facts(letter: hub.RawMail) -> hub.Message:
    """What the core reads in it."""
    opened = understand("dropbox", letter, Guide())
    assert isinstance(opened, Opened)
    assert opened.event is not None
    assert isinstance(opened.event.facts, hub.Message)
    return opened.event.facts


def people(message: hub.Message) -> list[tuple[str, str, str]]:
    return [(person.role.value, person.handle, person.name) for person in message.participants or ()]


def copied(*, to: str = "Kim <kim@customer.example>", more: str = "") -> bytes:
    return (
        f"From: Ada <ada@example.org>\r\nTo: {to}\r\n{more}Subject: Offer\r\nMessage-ID: <offer@example.org>\r\n"
        "Date: Mon, 02 Mar 2026 09:00:00 +0000\r\n\r\nHere it is.\r\n"
    ).encode()


BLOCK = (
    "FYI, please handle.\r\n\r\n---------- Forwarded message ---------\r\nFrom: Kim Müller <kim@customer.example>\r\n"
    "Date: Fri, 27 Feb 2026 at 14:05\r\nSubject: Wo bleibt 我的报价?\r\nTo: <ada.private@x.example>\r\n\r\n"
    "Hello Ada,\r\n\r\nwhere is my offer?\r\n"
)


def forward(text: str = BLOCK, sender: str = "ada@example.org", to: str = "") -> EmailMessage:
    message = EmailMessage()
    message["From"] = f"Ada <{sender}>"
    message["To"] = to or "forward@hub.example.org"
    message["Subject"] = "Fwd: Wo bleibt 我的报价?"
    message["Date"] = "Mon, 02 Mar 2026 09:00:00 +0100"
    message["Message-ID"] = "<fwd-1@example.org>"
    message["References"] = "<first@customer.example>"
    message.set_content(text.replace("\r\n", "\n"))
    return message


# --- addresses ------------------------------------------------------------------------------------------------------


def test_every_agent_has_addresses_of_her_own() -> None:
    found = door().addresses()

    assert {agent: set(purposes) for agent, purposes in found.items()} == {
        "ada": {"dropbox", "forward"},
        "Ben_2": {"dropbox", "forward"},
    }
    every = [address for purposes in found.values() for address in purposes.values()]
    assert len(set(every)) == len({address.partition(".")[2] for address in every}) == 4, "no token serves twice"
    assert found["ada"]["dropbox"].startswith("dropbox+ada.")
    assert door().addresses() == found, "they stay"
    others = door(secret="another-secret-of-theirs").addresses()
    assert not set(every) & {address for purposes in others.values() for address in purposes.values()}
    assert door(dropbox="", forward="").addresses() == {}


@CLIENTS
@pytest.mark.parametrize(
    "address",
    [
        "dropbox@hub.example.org",
        "dropbox+ada@hub.example.org",
        "dropbox+ada.0123456789abcdef@hub.example.org",
        "DROPBOX+eve.0123456789abcdef@hub.example.org",
        "forward+ada.@hub.example.org",
        "somebody@else.example",
    ],
)
@pytest.mark.parametrize("accept", [[], ["else.example", "hub.example.org"]])
async def test_nobody_comes_in_without_the_token(address: str, accept: list[str], client: type[smtplib.SMTP]) -> None:
    opened = door(accept=accept)
    if accept and address == "somebody@else.example":
        assert len(await handed_in(opened, copied(), [address], client=client)) == 1
        return
    with pytest.raises(smtplib.SMTPRecipientsRefused) as told:
        await handed_in(opened, copied(), [address], client=client)
    assert [code for code, _ in told.value.recipients.values()] == [550]


async def test_another_agents_token_opens_nothing() -> None:
    token = door().addresses()["ada"]["dropbox"].partition(".")[2]
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        await handed_in(door(), copied(), [f"dropbox+Ben_2.{token}"])
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        await handed_in(door(), copied(), [f"forward+ada.{token}"])


@pytest.mark.parametrize(
    "settings",
    [
        {"secret": None},
        {"secret": "short"},
        {"forward": "dropbox@hub.example.org"},
        {"dropbox": "dropbox"},
        {"dropbox": "drop+box@hub.example.org"},
        {"key_file": "key.pem"},
        {"username": "ada"},
        {"password": "s3cret-word"},
        {"username": "ada", "password": "s3cret-word"},
    ],
)
def test_what_cannot_be_right_is_said(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as told:
        door(**settings)
    assert SECRET not in str(told.value)
    assert "s3cret-word" not in str(told.value)


# --- the dropbox ----------------------------------------------------------------------------------------------------


@CLIENTS
async def test_a_blind_copy_is_the_agents_own_mail(client: type[smtplib.SMTP]) -> None:
    opened = door()
    address = opened.addresses()["ada"]["dropbox"]
    (letter,) = await handed_in(opened, copied(), [address.upper()], client=client)

    assert letter.raw == b"Return-Path: <ada@example.org>\r\n" + copied(), "nothing else about it changes"
    assert people(facts(letter)) == [
        ("sender", "mailto:ada@example.org", "Ada"),
        ("recipient", "mailto:kim@customer.example", "Kim"),
    ]
    assert facts(letter).ident == "<offer@example.org>"


async def test_the_dropbox_takes_no_part_wherever_it_stands() -> None:
    opened = door()
    address = opened.addresses()["ada"]["dropbox"]
    raw = copied(
        to=f'"M\\"üller, Jürgen" <j@customer.example>, "The hub" <{address}>,\r\n '
        "=?utf-8?b?5byg5Lyf?= <z@customer.example>",
        more=f"Cc: {address.upper()}\r\nBcc: dropbox@hub.example.org, audit@example.org\r\n",
    )
    (letter,) = await handed_in(opened, raw, [address])

    assert b"hub.example.org" not in letter.raw.lower()
    assert people(facts(letter)) == [
        ("sender", "mailto:ada@example.org", "Ada"),
        ("recipient", "mailto:j@customer.example", 'M"üller, Jürgen'),
        ("recipient", "mailto:z@customer.example", "张伟"),
        ("copied", "mailto:audit@example.org", ""),
    ]


async def test_other_recipients_of_the_envelope_are_kept() -> None:
    opened = door(accept=["customer.example"])
    address = opened.addresses()["ada"]["dropbox"]
    (letter,) = await handed_in(opened, copied(), [address, "lee@customer.example"])
    assert ("copied", "mailto:lee@customer.example", "") in people(facts(letter))
    assert len(people(facts(letter))) == 3


# --- forwarding -----------------------------------------------------------------------------------------------------


@CLIENTS
async def test_a_forwarded_mail_is_the_customers(client: type[smtplib.SMTP]) -> None:
    opened = door()
    address = opened.addresses()["ada"]["forward"]
    message = forward(to=address)
    message.add_attachment(b"%PDF-1.7 offer", maintype="application", subtype="pdf", filename="Angebot für 你.pdf")
    raw = message.as_bytes()
    (letter,) = await handed_in(opened, raw, [address], client=client)

    said = facts(letter)
    assert people(said) == [
        ("sender", "mailto:kim@customer.example", "Kim Müller"),
        ("recipient", "mailto:ada@example.org", "Ada Lovelace"),
        ("recipient", "mailto:ada.private@x.example", ""),
    ]
    assert said.title == "Wo bleibt 我的报价?"
    assert said.sent_at is not None
    assert said.sent_at.isoformat() == "2026-02-27T13:05:00+00:00"
    assert said.thread == ("<first@customer.example>",)
    assert said.automatic is None
    parsed = mail.parse(letter.raw)
    assert parsed.text.strip() == "Hello Ada,\n\nwhere is my offer?"
    assert parsed.defects == ()
    files = {each.name: mail.attachment(letter.raw, each.index) for each in parsed.attachments}
    assert files.keys() == {"Angebot für 你.pdf", "forwarded.eml"}
    assert files["Angebot für 你.pdf"] == b"%PDF-1.7 offer"
    whole = mail.parse(files["forwarded.eml"])
    assert whole.message_id == "<fwd-1@example.org>"
    assert "FYI, please handle." in whole.text
    assert address.encode() not in letter.raw


async def test_forwarded_twice_it_is_one() -> None:
    opened = door()
    addresses = opened.addresses()
    (one,) = await handed_in(opened, forward().as_bytes(), [addresses["ada"]["forward"]])
    again = forward(BLOCK.replace("FYI", "Once more"))
    del again["Message-ID"]
    (two,) = await handed_in(opened, again.as_bytes(), [addresses["Ben_2"]["forward"]])
    (other,) = await handed_in(
        opened, forward(BLOCK.replace("where", "when")).as_bytes(), [addresses["ada"]["forward"]]
    )
    idents = [facts(letter).ident for letter in (one, two, other)]
    assert idents[0] == idents[1] != idents[2]


@pytest.mark.parametrize("ident", ["Message-ID: <original@customer.example>\r\n", ""])
async def test_a_mail_that_is_attached_comes_as_it_was(ident: str) -> None:
    inner = (
        "Received: from x by y; Fri, 27 Feb 2026 14:05:00 +0000\r\nFrom: Kim <kim@customer.example>\r\n"
        f"To: info@example.org\r\nSubject: Where is it\r\n{ident}Date: Fri, 27 Feb 2026 14:05:00 +0000\r\n"
        "MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n"
        "--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHällo\r\n--b\r\nContent-Type: text/html\r\n\r\n"
        "<p>H&auml;llo</p>\r\n--b--\r\n"
    ).encode()
    opened = door()
    raw = (
        b"From: ada@example.org\r\nTo: x@x.example\r\nSubject: Fwd\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: multipart/mixed; boundary=outer\r\n\r\n--outer\r\nContent-Type: text/plain\r\n\r\nLook\r\n"
        b"--outer\r\nContent-Type: message/rfc822\r\n\r\n" + inner + b"\r\n--outer--\r\n"
    )
    (letter,) = await handed_in(opened, raw, [opened.addresses()["ada"]["forward"]])

    said = facts(letter)
    assert people(said) == [
        ("sender", "mailto:kim@customer.example", "Kim"),
        ("recipient", "mailto:info@example.org", ""),
    ]
    assert said.title == "Where is it"
    assert said.ident == "<original@customer.example>" if ident else said.ident
    assert said.ident
    body = mail.body(letter.raw)
    assert body.text.strip() == "Hällo"
    assert body.html is not None
    assert "<p>H&auml;llo</p>" in body.html
    (whole,) = (each for each in mail.parse(letter.raw).attachments if each.name == "forwarded.eml")
    assert mail.attachment(letter.raw, whole.index) == raw


async def test_a_mail_that_is_redirected_is_its_senders() -> None:
    raw = (
        b"From: Kim <kim@customer.example>\r\nTo: sales@elsewhere.example\r\nSubject: Re: Offer\r\n"
        b"Message-ID: <k1@customer.example>\r\n\r\nYes.\r\n\r\n-----Original Message-----\r\n"
        b"From: Ada <ada@example.org>\r\nSent: Monday, 2 March 2026 10:00\r\nTo: Kim\r\nSubject: Offer\r\n\r\nHere\r\n"
    )
    opened = door()
    (letter,) = await handed_in(opened, raw, [opened.addresses()["ada"]["forward"]], sender="kim@customer.example")
    assert people(facts(letter)) == [
        ("sender", "mailto:kim@customer.example", "Kim"),
        ("recipient", "mailto:sales@elsewhere.example", ""),
        ("copied", "mailto:ada@example.org", ""),
    ]
    assert facts(letter).ident == "<k1@customer.example>"


@CLIENTS
async def test_who_forwards_nothing_is_told(client: type[smtplib.SMTP]) -> None:
    opened = door()
    with pytest.raises((smtplib.SMTPDataError, smtplib.SMTPRecipientsRefused)) as told:
        await handed_in(opened, copied(), [opened.addresses()["ada"]["forward"]], client=client)
    assert "554" in str(told.value)
    assert "No forwarded mail was found in it" in str(told.value)


async def test_what_a_forward_writes_cannot_add_headers() -> None:
    text = BLOCK.replace("Subject: Wo", "Subject: Evil\x0bBcc: eve@x.example\x00 Wo")
    opened = door()
    (letter,) = await handed_in(opened, forward(text).as_bytes(), [opened.addresses()["ada"]["forward"]])
    assert "eve@x.example" not in str(people(facts(letter)))


async def test_what_is_no_mail_is_left_to_quarantine() -> None:
    opened = door(accept=[])
    (letter,) = await handed_in(opened, b"\r\nNothing like a mail.\r\n", [opened.addresses()["ada"]["forward"]])
    assert b"Nothing like a mail." in letter.raw


# --- circles --------------------------------------------------------------------------------------------------------


async def test_a_mail_that_goes_round_is_stopped() -> None:
    received = "Received: from a by b; Mon, 02 Mar 2026 09:00:00 +0000\r\n"
    opened = door(accept=["example.org"])
    assert len(await handed_in(opened, received.encode() * 50 + copied(), ["info@example.org"])) == 1
    with pytest.raises(smtplib.SMTPDataError) as told:
        await handed_in(opened, received.encode() * 51 + copied(), ["info@example.org"])
    assert (told.value.smtp_code, told.value.smtp_error[:5]) == (554, b"5.4.6")


# --- TLS and passwords ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 127.0.0.1 and its key in one file."""
    folder = tmp_path_factory.mktemp("certificate")
    made = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    named = ("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1")
    files = ("-keyout", folder / "key.pem", "-out", folder / "cert.pem")
    subprocess.run([program("openssl", package="openssl"), *made, *named, *files], check=True, capture_output=True)
    both = folder / "both.pem"
    both.write_bytes((folder / "key.pem").read_bytes() + (folder / "cert.pem").read_bytes())
    return both


@CLIENTS
async def test_with_a_password_only_over_tls(certificate: Path, client: type[smtplib.SMTP]) -> None:
    opened = door(cert_file=str(certificate), username="relay", password="kept-for-the-relay")
    trusted = ssl.create_default_context(cafile=certificate)
    ledger = Ledger()

    def send(password: str, *, tls: bool = True) -> str:
        with client(*opened.address, timeout=20) as connection:
            connection.ehlo()
            before = connection.has_extn("auth")
            assert connection.has_extn("starttls")
            assert not before
            if tls:
                connection.starttls(context=trusted)
                connection.ehlo()
                assert not connection.has_extn("starttls")
                connection.login("relay", password)
            connection.sendmail("ada@example.org", [opened.addresses()["ada"]["dropbox"]], copied())
            return "sent"

    async with open_door(opened, ledger):
        with pytest.raises(smtplib.SMTPResponseException) as told:
            await asyncio.to_thread(send, "", tls=False)
        assert told.value.smtp_code == 530
        with pytest.raises(smtplib.SMTPAuthenticationError):
            await asyncio.to_thread(send, "a-guess")
        assert ledger.items == []
        assert await asyncio.to_thread(send, "kept-for-the-relay") == "sent"
    assert len(ledger.items) == 1


async def test_tls_without_a_password(certificate: Path) -> None:
    opened, ledger = door(cert_file=str(certificate)), Ledger()
    raw = copied() + b"x" * 300_000 + b"\r\n"

    def send() -> None:
        with smtplib.SMTP(*opened.address, timeout=20) as connection:
            connection.starttls(context=ssl.create_default_context(cafile=certificate))
            connection.ehlo()
            assert not connection.has_extn("auth")
            connection.sendmail("ada@example.org", [opened.addresses()["ada"]["dropbox"]], raw)

    async with open_door(opened, ledger):
        await asyncio.to_thread(send)
    (letter,) = (item for item in ledger.items if isinstance(item, hub.RawMail))
    assert letter.raw.endswith(raw)


@pytest.mark.parametrize("content", [None, "no certificate"])
async def test_a_certificate_that_cannot_be_used_is_misconfigured(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "cert.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(hub.Misconfigured) as told:
        await door(cert_file=str(path)).serve(Ledger())
    assert_readable(told.value)
    assert "sources.dropbox.cert_file" in str(told.value)
