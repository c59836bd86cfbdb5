"""Starts a real server for a test, waits for its first real answer, and stops it by its process id.

The servers are plain blocking objects, so that one server can outlive the event loop of one test and serve the next.
A test that stops or restarts one while its own loop must go on does so with ``asyncio.to_thread``.
"""

from __future__ import annotations

import grp
import os
import pwd
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest

START_SECONDS = 30
STOP_SECONDS = 15


def program(name: str, *, package: str, folders: Sequence[Path] = ()) -> Path:
    """The path of an installed program; fails the test, naming the Debian package, where it is missing."""
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    # Daemons live in sbin, which is not on every user's PATH.
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin"])
    found = shutil.which(name, path=path)
    if found is None:
        pytest.fail(f"{name} is missing: install the Debian package {package}", pytrace=False)
    return Path(found)


def free_port() -> int:
    """A TCP port of 127.0.0.1 on which nobody listened a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True, slots=True)
class Account:
    """The user of the operating system as whom a server runs; the ids are None where that is ourselves already."""

    name: str
    group: str
    uid: int | None
    gid: int | None

    def own(self, *paths: Path) -> None:
        """Make *paths* this user's."""
        for path in paths:
            os.chown(path, -1 if self.uid is None else self.uid, -1 if self.gid is None else self.gid)

    def popen(
        self, command: Sequence[str | Path], *, folder: Path, stdout: IO[bytes] | int = subprocess.DEVNULL
    ) -> subprocess.Popen[bytes]:
        """Start *command* as this user in *folder*, errors and output together."""
        return subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.STDOUT,
            cwd=folder,
            user=self.uid,
            group=self.gid,
            extra_groups=None if self.uid is None else [],
        )


def account(unprivileged: str = "nobody") -> Account:
    """Ourselves, or *unprivileged* when we are root: PostgreSQL refuses root, Dovecot delivers no mail as root."""
    if os.geteuid() == 0:
        user = pwd.getpwnam(unprivileged)
        return Account(user.pw_name, grp.getgrgid(user.pw_gid).gr_name, user.pw_uid, user.pw_gid)
    return Account(pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name, None, None)


#: As whoever runs the tests.
OURSELVES = Account("", "", None, None)


def folder_for(name: str, owner: Account) -> Path:
    """A new folder that *owner* may write to. Not pytest's own, whose parents are closed to other users."""
    folder = Path(tempfile.mkdtemp(prefix=f"hub-test-{name}-"))
    owner.own(folder)
    return folder


class ServerProcess:
    """One server process with its children: started, awaited, stopped or killed.

    *answers* makes one real exchange and raises ``OSError`` while the server is not ready yet.
    *seconds* is how long the first answer may take. The output goes to *log*, whose end is shown when the server gives
    up."""

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        answers: Callable[[], None],
        log: Path,
        owner: Account = OURSELVES,
        seconds: float = START_SECONDS,
    ) -> None:
        self._command = command
        self._answers = answers
        self._log = log
        self._owner = owner
        self._seconds = seconds
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id of the server's main process."""
        assert self._process is not None, "the server is not running"
        return self._process.pid

    def start(self) -> None:
        """Start the server and return after its first answer; fails the test when it exits or stays silent."""
        assert self._process is None, "the server is already running"
        with self._log.open("ab") as log:
            self._process = self._owner.popen(self._command, folder=self._log.parent, stdout=log)
        deadline = time.monotonic() + self._seconds
        while True:
            try:
                self._answers()
                return
            except OSError as silence:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    self.kill()
                    end = self._log.read_text(errors="replace")[-2000:]
                    pytest.fail(f"{self._command[0]} did not start: {silence}\n{end}", pytrace=False)
            # No server says when it is ready in a way that we could wait for; asking again is the only way.
            time.sleep(0.01)

    def stop(self, ask: signal.Signals = signal.SIGTERM) -> None:
        """Ask the server to end, and return when it has. Nothing happens when it is not running."""
        if self._process is None:
            return
        self._process.send_signal(ask)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            pytest.fail(f"{self._command[0]} did not stop within {STOP_SECONDS} s", pytrace=False)
        self._process = None

    def kill(self) -> None:
        """End the server and its children at once, as a power cut would. Nothing happens when it is not running."""
        if self._process is None:
            return
        # A stopped server starts no more children, so the list is complete.
        self._process.send_signal(signal.SIGSTOP)
        children = list(_descendants(self._process.pid))
        self._process.kill()
        self._process.wait()
        self._process = None
        for child in children:
            _end(child)


def _descendants(pid: int) -> Iterator[int]:
    # Not the process group: each of PostgreSQL's children leads a session of its own.
    with suppress(FileNotFoundError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            yield int(child)
            yield from _descendants(int(child))


def _end(pid: int) -> None:
    """Kill a process that is not our own child, and return when it is gone with all that it held."""
    with suppress(ProcessLookupError):
        process = os.pidfd_open(pid)
        try:
            signal.pidfd_send_signal(process, signal.SIGKILL)
            select.select([process], [], [], STOP_SECONDS)
        finally:
            os.close(process)
