"""A Dovecot with IMAP and LMTP, and two people: alice (secret-a) and bob (secret-b)."""

from __future__ import annotations

import shutil
import smtplib
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import MappingProxyType
from typing import Literal
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from imapclient import IMAPClient

from tests.servers.process import Account, ServerProcess, account, folder_for, free_port, program

PACKAGE = "dovecot-imapd dovecot-lmtpd"
PASSWORDS: Mapping[str, str] = MappingProxyType({"alice": "secret-a", "bob": "secret-b"})
DOMAIN = "example.test"


class Dovecot:
    """One running server on 127.0.0.1, without TLS."""

    def __init__(self, process: ServerProcess, imap_port: int, lmtp_port: int, tokens: dict[str, str]) -> None:
        self.process = process
        self.imap_port = imap_port
        self.lmtp_port = lmtp_port
        #: OAuth access token -> the user it lets in by XOAUTH2 or OAUTHBEARER. A test adds its own.
        self.tokens = tokens

    def login(self, user: str = "alice") -> IMAPClient:
        """A session of *user*; leaving its ``with`` block logs out."""
        client = IMAPClient("127.0.0.1", self.imap_port, ssl=False, timeout=10)
        client.login(user, PASSWORDS[user])
        return client

    def deliver(self, mail: bytes, to: str = "alice", sender: str = "sender@example.net") -> None:
        """Deliver *mail* into the INBOX of *to* by LMTP, as a mail server in front would."""
        with smtplib.LMTP("127.0.0.1", self.lmtp_port, timeout=10) as lmtp:
            lmtp.sendmail(sender, [f"{to}@{DOMAIN}"], mail)

    def append(self, mails: Iterable[bytes], user: str = "alice", folder: str = "INBOX") -> None:
        """Put *mails* into *folder* with one MULTIAPPEND (RFC 3502): thousands take some tenths of a second."""
        with socket.create_connection(("127.0.0.1", self.imap_port), timeout=60) as connection:
            answers = connection.makefile("rb")
            answers.readline()

            def command(line: bytes) -> None:
                connection.sendall(b"a " + line + b"\r\n")
                while not (answer := answers.readline()).startswith(b"a "):
                    if not answer:
                        raise ConnectionError("Dovecot closed the connection")
                if not answer.startswith(b"a OK"):
                    raise ConnectionError(answer.decode())

            command(f"LOGIN {user} {PASSWORDS[user]}".encode())
            # LITERAL+ (RFC 7888): the "+" means that we don't wait for the server's go-ahead.
            command(f'APPEND "{folder}"'.encode() + b"".join(b" {%d+}\r\n%s" % (len(mail), mail) for mail in mails))
            command(b"LOGOUT")
            answers.close()


@contextmanager
def dovecot(
    mailbox_format: Literal["mdbox", "maildir"] = "mdbox",
    *,
    more: Mapping[str, str] = MappingProxyType({}),
    tuned: str = "",
) -> Iterator[Dovecot]:
    """A running server with empty mailboxes. *more* are people (and their passwords) beside alice and bob, *tuned* more
    lines for its configuration."""
    server = program("dovecot", package=PACKAGE)
    if not Path("/usr/lib/dovecot/lmtp").exists():
        pytest.fail("Dovecot's lmtp is missing: install the Debian package dovecot-lmtpd", pytrace=False)
    owner = account()
    folder = folder_for("dovecot", owner)
    imap_port, lmtp_port = free_port(), free_port()
    tokens: dict[str, str] = {}
    with _introspection(tokens) as introspection_url:
        _configure(folder, imap_port, lmtp_port, owner, introspection_url, mailbox_format, {**PASSWORDS, **more}, tuned)
        process = ServerProcess(
            [server, "-F", "-c", folder / "dovecot.conf"],
            answers=lambda: _greets({imap_port: b"* OK", lmtp_port: b"220 "}),
            log=folder / "log",
        )
        try:
            process.start()
            try:
                yield Dovecot(process, imap_port, lmtp_port, tokens)
            finally:
                # Asked politely, the master takes up to two seconds; its mail is thrown away anyway.
                process.kill()
        finally:
            shutil.rmtree(folder)


def _greets(greetings: Mapping[int, bytes]) -> None:
    for port, expected in greetings.items():
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            greeting = connection.recv(256)
        if not greeting.startswith(expected):
            raise ConnectionError(f"Dovecot said {greeting!r}")


@contextmanager
def _introspection(tokens: Mapping[str, str]) -> Iterator[str]:
    """An OAuth 2.0 introspection service (RFC 7662, as Dovecot asks it with GET) that knows *tokens*."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            token = parse_qs(urlsplit(self.path).query).get("token", [""])[0]
            known = {"active": "true", "username": tokens[token]} if token in tokens else {"active": "false"}
            body = orjson.dumps(known)
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: pytest's output belongs to the tests."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="introspection")
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/introspect?token="
        finally:
            server.shutdown()
            thread.join()


def _configure(
    folder: Path,
    imap_port: int,
    lmtp_port: int,
    owner: Account,
    introspection_url: str,
    mailbox_format: str,
    people: Mapping[str, str],
    tuned: str,
) -> None:
    for name in ("run", "state", "mail", "home"):
        (folder / name).mkdir()
    passwords = "".join(f"{user}:{{PLAIN}}{password}::::::\n" for user, password in people.items())
    (folder / "users").write_text(passwords)
    (folder / "oauth2.conf.ext").write_text(
        f"introspection_mode = get\nintrospection_url = {introspection_url}\n"
        "username_attribute = username\nactive_attribute = active\nactive_value = true\n"
    )
    special = "".join(
        f"  mailbox {name} {{\n    auto = subscribe\n    special_use = \\{name}\n  }}\n"
        for name in ("Drafts", "Sent", "Junk", "Trash", "Archive")
    )
    (folder / "dovecot.conf").write_text(f"""\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = /dev/stderr
instance_name = test
protocols = imap lmtp
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login xoauth2 oauthbearer
default_internal_user = {owner.name}
default_internal_group = {owner.group}
default_login_user = {owner.name}
first_valid_uid = 1
mail_uid = {owner.name}
mail_gid = {owner.group}
mail_home = {folder}/home/%u
mail_location = {mailbox_format}:{folder}/mail/%u
mail_fsync = never
auth_username_format = %n
auth_failure_delay = 0
mail_max_userip_connections = 200
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {folder}/users
  mechanisms = plain login
}}
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {folder}/oauth2.conf.ext
}}
userdb {{
  driver = static
  args = uid={owner.name} gid={owner.group} home={folder}/home/%u allow_all_users=yes
}}
namespace inbox {{
  inbox = yes
  separator = /
{special}  mailbox Projects/Alpha {{
    auto = create
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {imap_port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service lmtp {{
  user = {owner.name}
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp_port}
  }}
}}
protocol lmtp {{
  postmaster_address = postmaster@{DOMAIN}
}}
{tuned}
""")
    owner.own(*folder.rglob("*"))


@pytest.fixture(name="dovecot")
def dovecot_fixture() -> Iterator[Dovecot]:
    """A server of this test's own, with empty mailboxes."""
    with dovecot() as server:
        yield server
