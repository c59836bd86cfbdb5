"""The real `hub` command, run as a person runs it: in a folder, in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

HUB = Path(sys.executable).with_name("hub")
SECONDS = 60


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """What a command sees of the environment: nothing that this test run was started with."""
    return {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "LANG": "C.UTF-8", **environ}


def hub(folder: Path, *args: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run `hub` with *args* in *folder* until it ends."""
    return subprocess.run(
        [HUB, *args], cwd=folder, env=environment(environ), capture_output=True, text=True, timeout=SECONDS, check=False
    )


class Serving:
    """A running `hub serve`. *address* is where its pages are, *said* what it printed until it was ready."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self._process = process
        self._log = log
        self.said: list[str] = []
        self.address = ""

    def ready(self) -> None:
        """Wait until it says that it is ready, and all that it says then."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.said.append(line.rstrip("\n"))
            if line.startswith("The hub is ready: "):
                self.address = line.partition(": ")[2].strip()
                return
        raise AssertionError(f"hub serve ended: {self.log()}")

    def line(self) -> str:
        """The next line that it prints."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().rstrip("\n")

    def log(self) -> str:
        """What it logged so far."""
        return self._log.read_text()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send the signal and wait for the end: its exit status."""
        if self._process.poll() is None:
            self._process.send_signal(number)
        return self._process.wait(timeout=SECONDS)


@contextmanager
def serving(folder: Path, **environ: str) -> Iterator[Serving]:
    """A hub that serves the config of *folder*."""
    log = folder / "serve.log"
    with (
        log.open("a") as errors,
        subprocess.Popen(
            [HUB, "serve"],
            cwd=folder,
            env=environment(environ),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        running = Serving(process, log)
        try:
            running.ready()
            yield running
        finally:
            running.stop()
