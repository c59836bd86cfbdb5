"""The whole way round with real servers: out by Postfix, into Dovecot, and what comes back is seen by the hub."""

from __future__ import annotations

import asyncio
import smtplib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import aiohttp

from tests.faults.hub_process import hub_process
from tests.servers.dovecot import Dovecot
from tests.servers.postfix import BOUNCES, Postfix
from tests.servers.waiting import mails_in

PATIENCE = 120


def tables(dovecot: Dovecot, postfix: Postfix) -> str:
    return f"""
[agents.ada]
name = "Ada"

[inbox]
undo_seconds = 0

[sources.mailbox]
provider = "imap"
ours = ["mailto:alice@example.test"]
host = "127.0.0.1"
port = {dovecot.imap_port}
security = "none"
username = "alice"
password = "env:MAILBOX"
folders = ["INBOX", "Sent"]
poll_seconds = 1
smtp_host = "127.0.0.1"
smtp_port = {postfix.port}
smtp_security = "none"
smtp_auth = "none"
save_sent = "yes"
from_name = "{{agent}} at Example"
"""


async def test_out_answered_and_bounced(tmp_path: Path, dovecot: Dovecot, postfix: Postfix) -> None:
    async with (
        asyncio.timeout(PATIENCE),
        hub_process(tmp_path, tables(dovecot, postfix), environ={"MAILBOX": "secret-a"}) as hub,
    ):
        token = await hub.token("test", "write", "ada")
        async with hub.client(token) as api:
            about = {"to": ["Bob <bob@example.test>", f"nobody@{BOUNCES}"], "subject": "报价", "text": "请查收。"}
            letter = await posted(api, "/api/v1/letters", about)
            conversation = letter["conversation"]
            bounced = await until(api, letter["id"], lambda now: now["delivery"] == "bounced")
            states = {each["handle"]: each["state"] for each in bounced["recipients"]}
            assert states == {"mailto:bob@example.test": "sent", f"mailto:nobody@{BOUNCES}": "bounced"}
            async with api.get(f"/api/v1/undeliverable/nobody@{BOUNCES}") as answer:
                assert (await answer.json())["reason"] == "unknown-user"

            (raw,) = await asyncio.to_thread(mails_in, dovecot, "bob", 1)
            arrived = message_from_bytes(raw, policy=policy.default)
            assert arrived["From"] == "Ada at Example <alice@example.test>"
            assert (arrived["Subject"], arrived.get_content().strip()) == ("报价", "请查收。")
            assert len(await asyncio.to_thread(mails_in, dovecot, "alice", 1, "Sent")) == 1

            later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
            reminder = {"to": ["bob@example.test"], "text": "Any news?", "send_at": later, "unless_answered": True}
            waiting = await posted(api, f"/api/v1/conversations/{conversation}/letters", reminder)
            await asyncio.to_thread(answer_to, arrived, postfix)
            cancelled = await until(api, waiting["id"], lambda now: now["state"] != "scheduled")
            assert (cancelled["state"], cancelled["reason"]) == ("cancelled", "The other side wrote first.")
            async with api.get("/api/v1/interactions?key=mail:answer@bob.example") as answer:
                assert (await answer.json())["conversation"] == conversation
            async with api.get(f"/api/v1/interactions/{bounced['interaction']}") as answer:
                sent = await answer.json()
            assert (sent["direction"], sent["conversation"]) == ("outbound", conversation)


def answer_to(mail: EmailMessage, postfix: Postfix) -> None:
    """Bob answers."""
    answer = EmailMessage()
    answer["From"], answer["To"], answer["Subject"] = "Bob <bob@example.test>", "alice@example.test", "Re: 报价"
    answer["Message-ID"], answer["In-Reply-To"] = "<answer@bob.example>", mail["Message-ID"]
    answer.set_content("Thank you\n")
    with smtplib.SMTP("127.0.0.1", postfix.port, timeout=10) as client:
        client.send_message(answer)


async def posted(api: aiohttp.ClientSession, path: str, document: dict[str, Any]) -> dict[str, Any]:
    async with api.post(path, json=document) as answer:
        assert answer.status == 201, await answer.text()
        return dict(await answer.json())


async def until(api: aiohttp.ClientSession, letter_id: str, true: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The letter once *true* says so."""
    while True:
        async with api.get(f"/api/v1/letters/{letter_id}") as answer:
            letter = dict(await answer.json())
        if true(letter):
            return letter
        await asyncio.sleep(0.1)
