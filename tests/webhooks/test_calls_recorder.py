"""Recordings that a phone system names by their addresses."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator, Sequence

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import ValidationError

import hub
from connectors.calls import Recorder
from connectors.calls.settings import CallsSettings
from tests.contracts.connector import setup
from tests.contracts.recorder import MOST, RecorderContract

LOGIN = f"Basic {b64encode(b'hub:right').decode()}"
SOUND = b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(400)


async def _answer(request: web.Request) -> web.Response:
    if request.headers.get("Authorization") != LOGIN:
        return web.Response(status=401)
    match request.path:
        case "/rec/1.wav":
            return web.Response(body=SOUND, content_type="audio/wav")
        case "/rec/untyped":
            return web.Response(body=SOUND, content_type="application/octet-stream")
        case "/rec/away":
            raise web.HTTPFound("http://169.254.169.254/latest/")
        case "/rec/login":
            return web.Response(text="<form>", content_type="text/html")
        case "/rec/program":
            return web.Response(body=b"MZ" + bytes(100), content_type="application/octet-stream")
    return web.Response(status=404)


@pytest.fixture
async def provider_port() -> AsyncIterator[int]:
    app = web.Application()
    app.router.add_get("/{path:.*}", _answer)
    async with TestServer(app) as server:
        assert server.port is not None
        yield server.port


def recorder(port: int, password: str = "right") -> Recorder:
    settings = CallsSettings.model_validate(
        {
            "token": "t",
            "recordings_url": f"http://127.0.0.1:{port}/rec",
            "recordings_user": "hub",
            "recordings_password": password,
        }
    )
    return Recorder(settings, setup(name="pbx"))


def at(port: int, path: str) -> hub.Recording:
    return hub.Recording(id=path, url=f"http://127.0.0.1:{port}{path}")


class TestContract(RecorderContract):
    def recorder(self, port: int) -> hub.Recorder:
        return recorder(port)

    def refused(self, port: int) -> hub.Recorder:
        return recorder(port, "wrong")

    def kept(self, port: int) -> tuple[hub.Recording, bytes]:
        return at(port, "/rec/1.wav"), SOUND

    def not_there_yet(self, port: int) -> hub.Recording:
        return at(port, "/rec/later.wav")

    def no_sound(self, port: int) -> Sequence[hub.Recording]:
        return [at(port, f"/rec/{name}") for name in ("away", "login", "program")] + [hub.Recording(id="nowhere")]


@pytest.mark.parametrize("url", ["/rec/1.wav", "1.wav", "untyped"])
async def test_an_address_may_be_a_path_and_sound_is_known_by_its_beginning(provider_port: int, url: str) -> None:
    fetching = recorder(provider_port)
    media = await fetching.fetch(hub.Recording(id="1", url=url), MOST)
    await fetching.close()
    assert media == hub.Media("audio/wav", SOUND)


async def test_without_a_host_nothing_is_fetched() -> None:
    fetching = Recorder(CallsSettings.model_validate({"token": "t"}), setup(name="pbx"))
    assert not fetching.ready
    with pytest.raises(hub.Misconfigured, match="recordings_url"):
        await fetching.fetch(hub.Recording(id="1", url="https://pbx.example.org/1.wav"), MOST)
    await fetching.close()


@pytest.mark.parametrize(
    "wrong",
    [
        {"recordings_url": "ftp://pbx.example.org"},
        {"recordings_url": "https://user:secret-1@pbx.example.org"},
        {"recordings_url": "https://pbx.example.org", "recordings_user": "hub"},
        {
            "recordings_url": "https://pbx.example.org",
            "recordings_user": "hub",
            "recordings_password": "secret-1",
            "recordings_token": "secret-1",
        },
        {"recordings_token": "secret-1"},
    ],
)
def test_settings_that_contradict_each_other_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError) as refused:
        CallsSettings.model_validate({"token": "t", **wrong})
    assert "secret-1" not in str(refused.value)
