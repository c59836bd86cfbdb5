"""Every recorded answer is understood as what stands beside it. A new recording is a new test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

import connectors.caldav
from connectors.caldav.discovery import Homes, choose, listed
from connectors.caldav.objects import changes, fetch
from connectors.caldav.server import Server
from connectors.caldav.settings import CaldavSettings
from tests.connectors.caldav.test_trouble import odd

FOLDER = Path(connectors.caldav.__file__).parent / "recordings"
RECORDINGS = sorted(FOLDER.glob("*.xml"))


def read(recording: Path) -> tuple[dict[str, Any], bytes]:
    """What it must be understood as, and the answer itself."""
    return json.loads(recording.with_suffix(".json").read_text("utf-8")), recording.read_bytes()


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda each: each.stem)
async def test_it_is_understood_as_what_stands_beside_it(recording: Path) -> None:
    expected, body = read(recording)
    async with odd(lambda *_: web.Response(status=207, body=body, content_type="application/xml")) as port:
        url = f"http://127.0.0.1:{port}"
        body = body.replace(b"https://caldav.example.test:443", url.encode())
        settings = CaldavSettings.model_validate({"url": url, "username": "ada", "password": "secret"})
        async with Server(settings, "work", None) as server:
            if "calendars" in expected:
                found = await listed(server, Homes(("/home/",)))
                assert {each.path: each.name for each in found} == expected["calendars"]
                assert [each.path for each in choose(found, settings, server)] == expected["read"]
                assert all(each.sync_token for each in found if each.path in expected["read"])
            elif "token" in expected:
                changed = await changes(server, "/ada/work/", "before")
                assert dict(changed.there) == expected["there"]
                assert sorted(changed.gone) == expected["gone"]
                assert changed.token == expected["token"]
            else:
                objects = [each async for each in fetch(server, "/ada/work/", list(expected["objects"]), {})]
                assert {each.path: each.etag for each in objects} == {
                    path: etag for path, (etag, _) in expected["objects"].items()
                }
                for each in objects:
                    words = expected["objects"][each.path][1]
                    assert each.raw is None if words is None else words in (each.raw or b"").decode()


def test_every_recording_is_whole() -> None:
    assert {path.stem for path in RECORDINGS} == {path.stem for path in FOLDER.glob("*.json")}
    assert "CC0" in (FOLDER / "SOURCES.md").read_text("utf-8")
