"""docs/VISIBILITY.md tells the truth: each of its questions, asked of the running hub by each reader."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
import sqlalchemy as sa

from hub.privacy.visibility import Authority, Scope
from hub.store.schema import logins
from hub.vocabulary import Channel, Copy, Event, Level, Message, Participant, RawMail, Role
from tests.hub.web.office import Office

DOCUMENT = Path(__file__).parents[3] / "docs" / "VISIBILITY.md"
READERS = ("admin", "manager", "agent", "marketer", "read", "write", "token admin")
WORDS = {"all": "all", "subject": "subject", "metadata": "who and when"}
Question = Callable[[aiohttp.ClientSession], Awaitable[str]]


def table() -> dict[str, dict[str, str]]:
    """The document's rows: what → reader → answer."""
    rows = [
        [cell.strip() for cell in line.strip("|\n").split("|")]
        for line in DOCUMENT.read_text("utf-8").splitlines()
        if line.startswith("|")
    ]
    head, _, *body = rows
    assert tuple(head[1:]) == READERS
    return {row[0]: dict(zip(READERS, row[1:], strict=True)) for row in body}


def letter(ident: str) -> bytes:
    return (
        f"From: Li Na <li.na@customer.example>\r\nTo: support@example.org\r\nSubject: Offer\r\n"
        f"Date: Fri, 20 Nov 2026 08:00:00 +0000\r\nMessage-ID: <{ident}@x.example>\r\n\r\nThe teapot {ident}.\r\n"
    ).encode()


COPIES = {
    "open": Copy("INBOX", "1"),
    "titled": Copy("INBOX", "2", level=Level.SUBJECT),
    "closed": Copy("INBOX", "3", level=Level.METADATA),
    "ada": Copy("Ada", "4", audience="ada"),
    "ben": Copy("Ben", "5", audience="ben"),
}


def sees(key: str) -> Question:
    async def ask(client: aiohttp.ClientSession) -> str:
        async with client.get("/api/v1/interactions", params={"key": key}) as answer:
            return "nothing" if answer.status == 404 else WORDS[(await answer.json())["level"]]

    return ask


def finds(contact: str, ident: str) -> Question:
    async def ask(client: aiohttp.ClientSession) -> str:
        async with client.get(f"/api/v1/contacts/{contact}/timeline", params={"q": f"teapot {ident}"}) as answer:
            keys = [item["key"] for item in (await answer.json())["items"]]
        return "yes" if f"mail:<{ident}@x.example>" in keys else "no"

    return ask


def may(method: str, path: str, body: object = None, headers: dict[str, str] | None = None) -> Question:
    """Whether it is allowed: whatever else may be wrong with it is found only after that."""

    async def ask(client: aiohttp.ClientSession) -> str:
        async with client.request(method, path, json=body, headers=headers) as answer:
            assert answer.status not in (401, 500), await answer.text()
            return "no" if answer.status == 403 else "yes"

    return ask


async def ends_sessions(client: aiohttp.ClientSession) -> str:
    async with client.get("/api/v1/sessions") as answer:
        return "yes" if (await answer.json())["items"] else "no"


async def tells(client: aiohttp.ClientSession) -> str:
    """Under whatever name a token of `readers` may have."""
    report = {
        "kind": "message", "channel": "web", "occurred_at": "2026-11-20T08:00:00Z",
        "participants": [{"handle": "", "role": "sender"}],
    }  # fmt: skip
    statuses = set()
    for name in ("read", "write", "token-admin"):
        async with client.post("/api/v1/interactions", json={**report, "key": f"{name}:1"}) as answer:
            statuses.add(answer.status)
    assert statuses in ({403}, {422, 201})
    return "yes" if 201 in statuses else "no"


async def readers(office: Office) -> dict[str, aiohttp.ClientSession]:
    """A client of each kind, all of them Ada's."""
    found = {role.value: await office.person(role.value, role) for role in Authority}
    await office.service.store.write(lambda conn: conn.execute(sa.update(logins).values(agent="ada")))
    office.access.forget()
    for scope in Scope:
        name = "token admin" if scope is Scope.ADMIN else scope.value
        found[name] = await office.token(name.replace(" ", "-"), scope, "ada")
    return found


@pytest.fixture
async def questions(office: Office) -> dict[str, Question]:
    """How each row of the table is asked, after all it asks about has happened."""
    record = office.service.ingest.record
    taken = datetime(2026, 11, 20, 8, 1, tzinfo=UTC)
    for ident, copy in COPIES.items():
        await record("front-desk", [RawMail(letter(ident), copy, taken)])
    form = Message(
        participants=(Participant("mailto:li.na@customer.example", Role.SENDER),), title="Form", text="Hello"
    )
    await record("front-desk", [Event(key="web:1", id="1", channel=Channel.WEB, at=taken, facts=form)])
    assert await office.call("c1", "ringing", agent="ada") == 204
    writer = await office.token("setup", Scope.WRITE)
    async with writer.post("/api/v1/contacts", json={"name": "Li", "handles": ["li.na@customer.example"]}) as answer:
        contact = (await answer.json())["id"]
    return {
        "A mail that is open to everyone": sees("mail:<open@x.example>"),
        "A mail of which the subject is open": sees("mail:<titled@x.example>"),
        "A mail of which only who and when is open": sees("mail:<closed@x.example>"),
        "A mail in Ada's own mailbox": sees("mail:<ada@x.example>"),
        "A mail in Ben's own mailbox": sees("mail:<ben@x.example>"),
        "A call": sees("pbx:c1"),
        "A message from a web form": sees("web:1"),
        "Find a mail in Ben's own mailbox by its text": finds(contact, "ben"),
        "Find a mail by its text where only its subject is open": finds(contact, "titled"),
        "Read contacts, companies, deals, cases and orders": may("GET", f"/api/v1/contacts/{contact}"),
        "Make and change contacts": may("PATCH", f"/api/v1/contacts/{contact}", {}),
        "Tell of an interaction": tells,
        "See what rings for Ada": may("GET", "/api/v1/pops"),
        "Dismiss what rings for Ada": may("POST", "/api/v1/pops/1/dismiss"),
        "Read how the sources do": may("GET", "/api/v1/sources"),
        "Look into the quarantine and replay it": may("POST", "/api/v1/quarantine/1/replay"),
        "Read the metrics from another machine": may("GET", "/metrics", headers={"X-Forwarded-For": "203.0.113.7"}),
        "See and end one's own sessions": ends_sessions,
    }


async def test_the_table_is_true(office: Office, questions: dict[str, Question]) -> None:
    clients = await readers(office)
    found = {what: {who: await ask(clients[who]) for who in READERS} for what, ask in questions.items()}
    assert found == table()
