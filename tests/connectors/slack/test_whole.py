"""Slack through the whole hub: both ways in at once, an answer, a file."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp

from hub.privacy.visibility import Scope
from hub.sources.supervisor import Supervisor
from tests.fakes.slack import ANN, APP_TOKEN, BOT, BOT_TOKEN, CHANNEL, SECRET, TEAM, Slack
from tests.hub.web.office import open_office

SECONDS = 20
TOML = f"""
[hub]
public_url = "https://hub.example.org"
store = "{{store}}"

[inbox]
undo_seconds = 1

[sources.team]
provider = "slack"
workspace = "{TEAM}"
bot = "{BOT}"
signing_secret = "file:signing"
app_token = "file:app"
bot_token = "file:bot"
channels = ["{CHANNEL}"]
api_url = "API_URL"

[agents.ada]
name = "Ada"
handles = ["mailto:ada@example.org"]
"""


async def until(api: aiohttp.ClientSession, path: str, true: Callable[[Any], Any]) -> Any:
    """What the API answers once *true* says so of it."""
    async with asyncio.timeout(SECONDS):
        while True:
            async with api.get(f"/api/v1{path}") as answer:
                if answer.status == 200 and true(said := await answer.json()):
                    return said
            await asyncio.sleep(0.05)


async def test_both_ways_in_are_one_conversation_that_is_answered_in_its_thread(
    workspace: Slack, tmp_path: Path
) -> None:
    for name, secret in (("signing", SECRET), ("app", APP_TOKEN), ("bot", BOT_TOKEN)):
        (tmp_path / name).write_text(secret)
        (tmp_path / name).chmod(0o600)
    toml = TOML.replace("API_URL", workspace.url)
    async with open_office(f"sqlite:///{tmp_path / 'hub.sqlite3'}", tmp_path, toml) as office:
        service = office.service
        plugins, problems = service.config.built(service.lend)
        async with service.letters, service.files, Supervisor(service.store, service.ingest, plugins, problems):
            await office.login("ada", agent="ada")
            api = await office.token("robot", Scope.WRITE, "ada")
            await workspace.until(lambda: workspace.sockets)
            ts = workspace.share(ANN, "photo.png", b"\x89PNG", "image/png", text="Where is my parcel?")
            await workspace.until(lambda: len(workspace.acknowledged) == 1)
            workspace.hub_url = str(office.url.with_path("/webhooks/team"))
            said = {**workspace.message(CHANNEL, ts), "channel": CHANNEL, "event_ts": ts}
            callback = {"type": "event_callback", "team_id": TEAM, "event": said, "event_id": "Ev9"}
            assert await workspace.deliver(json.dumps(callback).encode()) == 200
            repeated = {"X-Slack-Retry-Num": "1", "X-Slack-Retry-Reason": "http_timeout"}
            assert await workspace.deliver(json.dumps(callback).encode(), **repeated) == 200
            workspace.hub_url = ""

            found = await until(api, "/conversations", lambda page: page["items"])
            assert len(found["items"]) == 1
            conversation = found["items"][0]["id"]
            whole = await until(api, f"/conversations/{conversation}", lambda each: each["items"])
            (question,) = [each.get("interaction") or each for each in whole["items"]]
            question = await until(
                api, f"/interactions/{question['id']}", lambda each: each["files"][0]["state"] == "here"
            )
            assert (question["text"], question["direction"]) == ("Where is my parcel?", "inbound")
            async with api.get(question["files"][0]["path"]) as file:
                assert await file.read() == b"\x89PNG"

            answering = {"text": "On its way, <Ann> & *soon*."}
            async with api.post(f"/api/v1/conversations/{conversation}/letters", json=answering) as made:
                assert made.status in (200, 201), await made.text()
                letter = (await made.json())["id"]
            await until(api, f"/letters/{letter}", lambda each: each["state"] == "sent")
            (ours,) = workspace.ours()
            assert (ours["text"], ours["thread_ts"]) == ("On its way, &lt;Ann&gt; &amp; *soon*.", ts)
            await workspace.until(lambda: len(workspace.acknowledged) == 2)
            whole = await until(api, f"/conversations/{conversation}", lambda each: len(each["items"]) >= 2)
            messages = [each.get("interaction") or each for each in whole["items"]]
            texts = [each["direction"] for each in messages if each.get("kind") == "message"]
            assert texts == ["inbound", "outbound"], "what Slack tells of our answer is that answer"
