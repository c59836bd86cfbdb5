"""SIP phones that call into an Asterisk and are called by it: sipp for what is scripted, baresip for what registers.

    async def test_a_call(asterisk: Asterisk, phones: Phones) -> None:
        await phones.answer("desk", after=0.2)
        caller = await phones.call("+4930123456", number="+4915112345678", name="Carol", talk=0.5)
        assert await caller.done() == 0

The scenarios of sipp are in ``sipp/``, as they go over the wire (RFC 3261).
"""

from __future__ import annotations

import asyncio
import math
import shutil
import socket
import tempfile
from array import array
from asyncio.subprocess import DEVNULL, STDOUT, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

import orjson
import pytest

from tests.servers.asterisk import Asterisk, free_udp_ports
from tests.servers.process import program

SCENARIOS = Path(__file__).parent / "sipp"
#: How long one phone may take for all of its calls.
SECONDS = 120
#: Where the package of Debian puts baresip's modules.
MODULES = "/usr/lib/baresip/modules"


class Sipp:
    """One running sipp: a phone that does what its scenario says, once or many times."""

    def __init__(self, process: Process, folder: Path, port: int) -> None:
        self._process = process
        self._folder = folder
        #: The UDP port of 127.0.0.1 it speaks from.
        self.port = port

    async def done(self) -> int:
        """Wait until every call is over: 0 when each went as the scenario says, another number when not."""
        async with asyncio.timeout(SECONDS):
            return await self._process.wait()

    @property
    def complaints(self) -> str:
        """What went otherwise than the scenario says, beside each wait that ran out as it should."""
        return "".join(log.read_text(errors="replace") for log in self._folder.glob("*_errors.log"))

    async def stop(self) -> None:
        """End the phone at once, without a word to the other side."""
        await _kill(self._process)


class Softphone:
    """A registered baresip, told what to do over its control connection; its events are kept until asked for."""

    def __init__(
        self, process: Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, name: str, keys_port: int
    ) -> None:
        self.name = name
        self._process = process
        self._reader = reader
        self._writer = writer
        self._keys_port = keys_port
        self._events: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        self._answers: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        self._listening = asyncio.create_task(self._listen(), name=f"events of {name}'s phone")

    async def command(self, command: str, params: str = "") -> str:
        """What baresip prints for *command*, a long name of its menu."""
        words = orjson.dumps({"command": command, "params": params})
        # Netstrings: the length, a colon, the bytes, a comma.
        self._writer.write(b"%d:%s," % (len(words), words))
        await self._writer.drain()
        async with asyncio.timeout(SECONDS):
            answer = await self._answers.get()
        if not answer["ok"]:
            raise ValueError(f"{command} {params}: {answer['data']}")
        return answer["data"]

    async def event(self, kind: str) -> dict[str, str]:
        """The next event of *kind*: CALL_INCOMING, CALL_ESTABLISHED, CALL_CLOSED. Those before it are dropped."""
        async with asyncio.timeout(SECONDS):
            while (event := await self._events.get())["type"] != kind:
                pass
            return event

    async def dial(self, number: str) -> None:
        """Call *number*, in the dialplan of the PBX."""
        await self.command("dial", number)

    async def accept(self) -> None:
        """Answer the call that rings."""
        await self.command("accept")

    async def hang_up(self) -> None:
        """End the call, or refuse the one that rings."""
        await self.command("hangup")

    async def hold(self) -> None:
        """Put the call on hold."""
        await self.command("hold")

    async def resume(self) -> None:
        """Take the call back."""
        await self.command("resume")

    async def transfer(self, number: str) -> None:
        """Hand the other side on to *number* without a word (REFER, RFC 3515)."""
        await self.command("transfer", number)

    async def press(self, digits: str) -> None:
        """Send *digits* in the audio (RFC 4733), a third of a second for each."""
        # The control connection has no command for it; the console takes keys, and the byte 4 for letting one go.
        with socket.socket(type=socket.SOCK_DGRAM) as keys:
            keys.connect(("127.0.0.1", self._keys_port))
            for digit in digits:
                keys.send(digit.encode())
                await asyncio.sleep(0.15)
                keys.send(b"\x04")
                await asyncio.sleep(0.15)

    async def stop(self) -> None:
        """End the phone at once; its registration stays until it expires."""
        self._listening.cancel()
        with suppress(asyncio.CancelledError):
            await self._listening
        self._writer.close()
        await _kill(self._process)

    async def _listen(self) -> None:
        with suppress(asyncio.IncompleteReadError):
            while True:
                size = int((await self._reader.readuntil(b":"))[:-1])
                told = orjson.loads((await self._reader.readexactly(size + 1))[:-1])
                self._events.put_nowait(told) if "event" in told else self._answers.put_nowait(told)


class Phones:
    """All phones around one Asterisk; they end with the test."""

    def __init__(self, asterisk: Asterisk, folder: Path) -> None:
        self._asterisk = asterisk
        self._folder = folder
        self._softphones: list[Softphone] = []
        self._processes: list[Process] = []

    async def call(
        self,
        to: str,
        *,
        number: str | Sequence[str] = "+4915112345678",
        name: str = "",
        talk: float | None = 0.3,
        digits: str = "",
        speaks: bool = False,
        calls: int = 1,
        rate: float = 10,
        headers: str = "",
    ) -> Sipp:
        """Call *to*, and talk for *talk* seconds after the answer, or until the other side hangs up where that is None.

        *number* is the caller's, or one for each call in turn; "desk" and "second" call as those phones, and
        "someone@example.net" as a SIP address. *digits* are pressed after the answer, by SIP INFO; "w" waits half a
        second. *speaks* sends a tone. *calls* are placed *rate* a second. *headers* are lines of the INVITE, each with
        its end.
        """
        port, values = self._with_audio(speaks)
        values |= {"TALK": _milliseconds(talk), "DIGITS": _presses("caller", digits), "HEADERS": headers}
        return await self._sipp("caller", values, [*self._callers(number, name), *_times(calls, rate), *port], to=to)

    async def call_refused(
        self,
        to: str,
        status: int,
        *,
        number: str | Sequence[str] = "+4915112345678",
        name: str = "",
        calls: int = 1,
        rate: float = 10,
        headers: str = "",
    ) -> Sipp:
        """Call *to*, and be answered with *status*: 486 busy, 480 no answer, 603 declined, 404 no such number."""
        values = {"STATUS": str(status), "HEADERS": headers}
        return await self._sipp("refused_caller", values, [*self._callers(number, name), *_times(calls, rate)], to=to)

    async def call_and_give_up(
        self,
        to: str,
        *,
        after: float = 0.3,
        number: str | Sequence[str] = "+4915112345678",
        name: str = "",
        calls: int = 1,
        rate: float = 10,
        headers: str = "",
    ) -> Sipp:
        """Call *to*, and hang up when it has rung for *after* seconds."""
        values = {"PATIENCE": _milliseconds(after), "HEADERS": headers}
        return await self._sipp("impatient_caller", values, [*self._callers(number, name), *_times(calls, rate)], to=to)

    async def answer(
        self,
        place: str,
        *,
        after: float = 0.2,
        talk: float | None = None,
        digits: str = "",
        speaks: bool = False,
        calls: int | None = None,
    ) -> Sipp:
        """Be the phone at *place*: ring for *after* seconds and answer, each call for itself.

        *place* is one of ``tests.servers.asterisk.PLACES``. It hangs up after *talk* seconds, or leaves that to the
        other side where that is None. *digits* are pressed after the answer, as with ``call``: "*2wwww102" asks 102
        before a transfer, which hanging up completes, "#1wwww102" transfers without asking. After *calls* the phone is
        done.
        """
        port, values = self._with_audio(speaks)
        values |= {"RING": _milliseconds(after), "TALK": _milliseconds(talk), "DIGITS": _presses("callee", digits)}
        return await self._sipp("callee", values, [*port, *_number_of(calls)], place=place)

    async def ring(self, place: str, *, calls: int | None = None) -> Sipp:
        """Be the phone at *place*, and never answer."""
        return await self.answer(place, after=SECONDS, calls=calls)

    async def refuse(
        self, place: str, status: str = "486 Busy Here", *, after: float = 0, calls: int | None = None
    ) -> Sipp:
        """Be the phone at *place*, and refuse every call: "486 Busy Here", or "603 Decline" after some ringing."""
        values = {"RING": _milliseconds(after), "STATUS": status}
        return await self._sipp("refusing_callee", values, _number_of(calls), place=place)

    async def register(self, name: str, answers: Literal["auto", "manual"] = "auto") -> Softphone:
        """A phone registered as *name*, alice or bob, that answers by itself or when it is told to."""
        sip_port, control_port, keys_port, media_port = free_udp_ports(4)
        folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self._folder))
        (folder / "config").write_text(f"""\
sip_listen 127.0.0.1:{sip_port}
ctrl_tcp_listen 127.0.0.1:{control_port}
cons_listen 127.0.0.1:{keys_port}
net_interface 127.0.0.1
rtp_ports {media_port}-{media_port + 40}
module_path {MODULES}
module g711.so
module aubridge.so
module cons.so
module_app menu.so
module_app ctrl_tcp.so
audio_source aubridge,loop
audio_player aubridge,loop
call_max_calls 20
statmode_default off
""")
        process = await self._start([program("baresip", package="baresip-core"), "-f", folder], folder)
        reader, writer = await self._connect(process, control_port, folder)
        phone = Softphone(process, reader, writer, name, keys_port)
        self._softphones.append(phone)
        await phone.command(
            "uanew",
            f"<sip:{name}@127.0.0.1:{self._asterisk.sip_port};transport=udp>"
            f";auth_user={name};auth_pass=sip-{name};answermode={answers};regint=600",
        )
        await phone.event("REGISTER_OK")
        return phone

    async def stop(self) -> None:
        """End every phone."""
        for phone in self._softphones:
            await phone.stop()
        for process in self._processes:
            await _kill(process)

    async def _sipp(
        self, scenario: str, values: dict[str, str], options: list[str], *, to: str = "", place: str = ""
    ) -> Sipp:
        folder = Path(tempfile.mkdtemp(prefix=f"{scenario}-", dir=self._folder))
        text = (SCENARIOS / f"{scenario}.xml").read_text()
        for name, value in values.items():
            text = text.replace(f"@{name}@", value)
        (folder / "scenario.xml").write_text(text)
        port = self._asterisk.places[place] if place else free_udp_ports(1)[0]
        command: list[str | Path] = [program("sipp", package="sip-tester"), "-sf", folder / "scenario.xml"]
        command += [
            "-i",
            "127.0.0.1",
            "-ci",
            "127.0.0.1",
            "-bind_local",
            "-p",
            str(port),
            "-nostdin",
            "-aa",
            "-trace_err",
            *options,
        ]
        if to:
            # The timeout would end a phone that waits for calls, too.
            command += ["-s", to, f"127.0.0.1:{self._asterisk.sip_port}", "-timeout", str(SECONDS), "-timeout_error"]
        process = await self._start(command, folder)
        phone = Sipp(process, folder, port)
        async with asyncio.timeout(SECONDS):
            while place and not _listens(port):
                assert process.returncode is None, phone.complaints or (folder / "log").read_text()
                await asyncio.sleep(0.01)
        return phone

    async def _connect(
        self, process: Process, port: int, folder: Path
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        async with asyncio.timeout(SECONDS):
            while process.returncode is None:
                with suppress(ConnectionRefusedError):
                    return await asyncio.open_connection("127.0.0.1", port)
                # Nobody says when it listens; asking again is the only way.
                await asyncio.sleep(0.01)
        pytest.fail(f"baresip did not start: {(folder / 'log').read_text(errors='replace')}", pytrace=False)

    async def _start(self, command: Sequence[str | Path], folder: Path) -> Process:
        with (folder / "log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=DEVNULL, stdout=log, stderr=STDOUT, cwd=folder
            )
        self._processes.append(process)
        return process

    def _callers(self, numbers: str | Sequence[str], name: str) -> list[str]:
        file = Path(tempfile.mkstemp(prefix="callers-", dir=self._folder)[1])
        lines = ["SEQUENTIAL"]
        for number in [numbers] if isinstance(numbers, str) else numbers:
            address = number if "@" in number else f"{number}@127.0.0.1"
            lines.append(f"{address};" + (f'"{name}" ' if name else "") + ";")
        file.write_text("\n".join(lines) + "\n")
        return ["-inf", str(file)]

    def _with_audio(self, speaks: bool) -> tuple[list[str], dict[str, str]]:
        if not speaks:
            return [], {"MEDIA": "[media_port]", "SPEECH": ""}
        speech = self._folder / "speech.ulaw"
        speech.write_bytes(_tone())
        play = f'<nop><action><exec rtp_stream="{speech},-1,0"/></action></nop>'
        [port] = free_udp_ports(1)
        return ["-mp", str(port)], {"MEDIA": "[rtpstream_audio_port]", "SPEECH": play}


async def _kill(process: Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()


def _milliseconds(seconds: float | None) -> str:
    return str(round((SECONDS if seconds is None else seconds) * 1000))


def _number_of(calls: int | None) -> list[str]:
    return [] if calls is None else ["-m", str(calls)]


def _times(calls: int, rate: float) -> list[str]:
    # sipp takes whole calls in so many milliseconds.
    return ["-m", str(calls), "-l", str(calls), "-r", str(max(1, round(rate * 10))), "-rp", "10000"]


def _presses(side: str, digits: str) -> str:
    press = (SCENARIOS / f"{side}_digit.xml").read_text()
    steps = ['<pause milliseconds="300"/>'] if digits else []
    for sequence, digit in enumerate(digits, start=2):
        if digit == "w":
            steps.append('<pause milliseconds="500"/>')
        else:
            steps.append(press.replace("@CSEQ@", str(sequence)).replace("@DIGIT@", digit))
    return "\n".join(steps)


def _tone() -> bytes:
    """A second of 400 Hz at 8 kHz in μ-law (ITU-T G.711)."""
    samples = array("h", (round(8000 * math.sin(2 * math.pi * 400 * at / 8000)) for at in range(8000)))
    return bytes(map(_mu_law, samples))


def _mu_law(sample: int) -> int:
    sign, magnitude = (0x80, -sample) if sample < 0 else (0, sample)
    magnitude = min(magnitude, 32635) + 132
    exponent = magnitude.bit_length() - 8
    return ~(sign | exponent << 4 | (magnitude >> (exponent + 3)) & 0x0F) & 0xFF


def _listens(port: int) -> bool:
    """Whether a program holds the UDP *port*; proc(5) has it in hexadecimal."""
    return f":{port:04X} " in Path("/proc/net/udp").read_text()


@pytest.fixture
async def phones(asterisk: Asterisk) -> AsyncIterator[Phones]:
    """Phones around this test's Asterisk."""
    folder = Path(tempfile.mkdtemp(prefix="hub-test-phones-"))
    all_of_them = Phones(asterisk, folder)
    try:
        yield all_of_them
    finally:
        await all_of_them.stop()
        shutil.rmtree(folder)
