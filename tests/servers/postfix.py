"""A Postfix that takes mail on loopback and brings what is for example.test to a Dovecot by LMTP.

Mail for bounce.test comes back as a bounce (RFC 3464) of Postfix's own making. Everything else is refused.
"""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.servers.dovecot import DOMAIN, Dovecot
from tests.servers.process import OURSELVES, ServerProcess, folder_for, free_port, program

PACKAGE = "postfix"
DAEMONS = Path("/usr/lib/postfix/sbin")
BOUNCES = "bounce.test"
"""Whoever is written to here is unknown."""


@dataclass(frozen=True, slots=True)
class Postfix:
    """One running server on 127.0.0.1, without TLS and without logins."""

    process: ServerProcess
    port: int


@contextmanager
def postfix(dovecot: Dovecot) -> Iterator[Postfix]:
    """A running server with an empty queue, in front of *dovecot*."""
    program("postfix", package=PACKAGE)
    if os.geteuid() != 0:
        pytest.fail("Postfix starts only as root", pytrace=False)
    folder = folder_for("postfix", OURSELVES)
    folder.chmod(0o755)
    port = free_port()
    _configure(folder, port, dovecot.lmtp_port)
    subprocess.run(["postfix", "-c", folder / "etc", "set-permissions", "create-missing"], capture_output=True)
    process = ServerProcess(
        [DAEMONS / "master", "-c", folder / "etc", "-d"], answers=lambda: _greets(port), log=folder / "log"
    )
    try:
        process.start()
        try:
            yield Postfix(process, port)
        finally:
            process.kill()
    finally:
        shutil.rmtree(folder)


def _greets(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        greeting = connection.recv(256)
    if not greeting.startswith(b"220 "):
        raise ConnectionError(f"Postfix said {greeting!r}")


def _configure(folder: Path, port: int, lmtp_port: int) -> None:
    owner, group = pwd.getpwnam("postfix"), grp.getgrnam("postdrop")
    for name in ("etc", "data", "queue"):
        (folder / name).mkdir()
    private = (
        "active",
        "bounce",
        "corrupt",
        "defer",
        "deferred",
        "flush",
        "hold",
        "incoming",
        "private",
        "saved",
        "trace",
    )
    for name in (*private, "maildrop", "public", "pid"):
        (folder / "queue" / name).mkdir()
        os.chown(folder / "queue" / name, 0 if name == "pid" else owner.pw_uid, -1)
        (folder / "queue" / name).chmod(0o755 if name == "pid" else 0o700)
    for name, mode in (("maildrop", 0o730), ("public", 0o710)):
        os.chown(folder / "queue" / name, owner.pw_uid, group.gr_gid)
        (folder / "queue" / name).chmod(mode)
    os.chown(folder / "data", owner.pw_uid, -1)
    (folder / "etc" / "main.cf").write_text(f"""\
compatibility_level = 3.6
config_directory = {folder}/etc
queue_directory = {folder}/queue
data_directory = {folder}/data
daemon_directory = {DAEMONS}
command_directory = /usr/sbin
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.{DOMAIN}
mydestination =
mynetworks = 127.0.0.0/8
virtual_mailbox_domains = {DOMAIN}
virtual_mailbox_maps = static:ok
virtual_transport = lmtp:inet:127.0.0.1:{lmtp_port}
transport_maps = inline:{{ {{{BOUNCES}=error:5.1.1 User unknown}} }}
default_transport = error:no outbound mail from the test bench
alias_maps =
local_recipient_maps =
smtpd_recipient_restrictions = permit_mynetworks, reject
smtpd_reject_unlisted_recipient = no
smtputf8_enable = yes
lmtp_host_lookup = native
smtp_host_lookup = native
disable_dns_lookups = yes
maillog_file = /dev/stdout
""")
    (folder / "etc" / "master.cf").write_text(f"""\
127.0.0.1:{port} inet n - n - - smtpd
pickup    unix n - n 60 1 pickup
cleanup   unix n - n - 0 cleanup
qmgr      unix n - n 300 1 qmgr
rewrite   unix - - n - - trivial-rewrite
bounce    unix - - n - 0 bounce
defer     unix - - n - 0 bounce
trace     unix - - n - 0 bounce
verify    unix - - n - 1 verify
flush     unix n - n 1000? 0 flush
proxymap  unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp      unix - - n - - smtp
lmtp      unix - - n - - lmtp
error     unix - - n - - error
retry     unix - - n - - error
discard   unix - - n - - discard
local     unix - n n - - local
virtual   unix - n n - - virtual
anvil     unix - - n - 1 anvil
scache    unix - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
""")


@pytest.fixture(name="postfix")
def postfix_fixture(dovecot: Dovecot) -> Iterator[Postfix]:
    """A server of this test's own, in front of this test's Dovecot."""
    with postfix(dovecot) as server:
        yield server
