"""A hub is killed while a provider has a text in its hands: nobody gets it twice, and nothing is forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.fakes.twilio import ACCOUNT, Twilio
from tests.faults.hub_process import HubProcess, hub_process
from tests.faults.test_letters_kill import PATIENCE, posted, until

TOKEN = "twilio-5b1e88d0"
CONFIG = """
[agents.ada]
name = "Ada"

[sources.mobile]
provider = "twilio"
ours = ["tel:+4930123456"]
account_sid = "{account}"
auth_token = "env:TWILIO"
api_key_sid = "SK00000000000000000000000000000000"
api_key_secret = "env:TWILIO_KEY"
api_url = "{url}"
"""


@dataclass(slots=True)
class Slow:
    """Twilio's messages: takes texts, and answers only while it is not held."""

    url: str = ""
    taken: list[str] = field(default_factory=list)
    has: asyncio.Event = field(default_factory=asyncio.Event)
    answers: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.Response:
        """Any request."""
        if request.method == "GET":
            name = request.path.rpartition("/")[2].removesuffix(".json").lower()
            return web.json_response({name: [], "next_page_uri": None})
        self.taken.append(str((await request.post())["Body"]))
        self.has.set()
        await self.answers.wait()
        return web.json_response({"sid": f"SM{len(self.taken):032x}", "status": "queued"}, status=201)


@asynccontextmanager
async def slow() -> AsyncIterator[Slow]:
    """A running one, held."""
    provider = Slow()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", provider.handle)
    async with TestServer(app) as server:
        provider.url = str(server.make_url("")).rstrip("/")
        yield provider
        provider.answers.set()


async def receipt(hub: HubProcess, sid: str, status: str) -> None:
    """Twilio tells the hub what became of a text, signed."""
    twilio = Twilio(f"{hub.url}/webhooks/mobile", TOKEN)
    fields = {"MessageSid": sid, "MessageStatus": status, "From": "+4930123456", "To": "+491701234567"}
    url, headers, body = twilio.request(fields)
    async with hub.client() as client, client.post(url, data=body, headers=headers) as answer:
        assert answer.status < 300, await answer.text()


async def test_a_text_that_was_in_the_providers_hands_is_not_sent_again(tmp_path: Path) -> None:
    secrets = {"TWILIO": TOKEN, "TWILIO_KEY": "twilio-test-key"}
    async with asyncio.timeout(PATIENCE), slow() as provider:
        config = CONFIG.format(account=ACCOUNT, url=provider.url)
        async with hub_process(tmp_path, config, environ=secrets) as hub:
            token = await hub.token("test", "write", "ada")
            async with hub.client(token) as api:
                in_hand = await posted(api, "/api/v1/letters", {"to": ["+491701234567"], "text": "In its hands"})
                await posted(api, f"/api/v1/letters/{in_hand['id']}/send-now", {})
                await provider.has.wait()
                held = await posted(api, "/api/v1/letters", {"to": ["+491701234567"], "text": "Still held"})
            await hub.kill()
            provider.answers.set()
            await hub.start()
            async with hub.client(token) as api:
                perhaps = await until(api, in_hand["id"], lambda letter: letter["state"] != "queued")
                assert perhaps["state"] == "perhaps"
                sent = await until(api, held["id"], lambda letter: "interaction" in letter)
                assert (sent["state"], sent["conversation"]) == ("sent", in_hand["conversation"])
                await receipt(hub, f"SM{2:032x}", "delivered")
                await until(api, held["id"], lambda letter: letter["delivery"] == "delivered")
            assert provider.taken == ["In its hands", "Still held"]
