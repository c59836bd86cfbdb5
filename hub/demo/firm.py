"""Lumen, a lamp maker in Berlin: its config with secrets of its own, who works there, and whom they know."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import socket
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection

from hub import accounts
from hub.config import Config, load
from hub.control import answers
from hub.crm.records import Draft, Strength
from hub.dialing import lists
from hub.dialing.states import ListState
from hub.operation import Failure
from hub.privacy.visibility import HUB, Authority
from hub.service import Service
from hub.store.schema import cases, companies, contacts, deals, orders, tasks

MARK = "# Made by `hub demo`, which begins anew each time: what you change here is lost.\n"

LINE, SHOWROOM = "+493023125400", "+493023125500"
ADA, BEN = "+493023125401", "+493023125402"
WANG, MARTHA, MARTHA_MOBILE = "+494066969042", "+493023125077", "+4915228817386"
LI_NA, JONAS, KRUEGER, STRANGER = "+8675586012345", "+494066969015", "+493023125200", "+494066969777"

CONFIG = (
    MARK
    + f"""
[hub]
listen     = "127.0.0.1:{{web}}"
public_url = "http://localhost:{{web}}"
store      = "sqlite:///hub.sqlite3"
region     = "DE"
timezone   = "Europe/Berlin"

[agents.ada]
name       = "Ada Brandt"
handles    = ["mailto:ada@lumen.example", "tel:{ADA}"]
extensions = ["showroom/21"]

[agents.ben]
name       = "Ben Okafor"
handles    = ["mailto:ben@lumen.example", "tel:{BEN}"]
extensions = ["showroom/22"]

[teams.sales]
name   = "Sales"
agents = ["ada", "ben"]
assign = "round-robin"

[teams.desk]
name   = "Front desk"
agents = ["ada", "ben"]

[sources.front-desk]
provider    = "twilio"
team        = "desk"
ours        = ["tel:{LINE}"]
rings       = ["ada", "ben"]
account_sid = "{{account}}"
auth_token  = "file:twilio.secret"

[sources.showroom]
provider = "calls"
team     = "desk"
ours     = ["tel:{SHOWROOM}"]
rings    = ["ada", "ben"]
token    = "file:showroom.secret"

[sources.dropbox]
provider = "smtp"
team     = "sales"
ours     = ["mailto:sales@lumen.example", "mailto:hub@lumen.example"]
listen   = "127.0.0.1:{{mail}}"
accept   = ["lumen.example"]

[sources.contact-form]
provider = "web"
kind     = "form"
team     = "sales"
title    = "Write to Lumen"

[sources.website-chat]
provider = "web"
kind     = "chat"
team     = "desk"
title    = "Chat with Lumen"
greeting = "Hello, what can we light for you?"

[lines."tel:{LINE}"]
name = "Front desk"

[hours.office]
mon = "09:00-18:00"
tue = "09:00-18:00"
wed = "09:00-18:00"
thu = "09:00-18:00"
fri = "09:00-16:00"

[booking]
company = "Lumen"

[event_types.showroom]
title       = "A visit to the showroom"
description = "See our lamps lit, and take the ones you like in your hands."
durations   = [30, 60]
hosts       = ["ada", "ben"]
assign      = "round-robin"
hours       = "office"
team        = "sales"
place       = {{{{ kind = "address", value = "Lampenstraße 1, Berlin" }}}}

[event_types.call]
title     = "A call about your project"
durations = [20]
hosts     = ["ada", "ben"]
assign    = "round-robin"
hours     = "office"
team      = "sales"
place     = {{{{ kind = "we-call" }}}}
questions = [{{{{ id = "project", label = "What is it about?", type = "long" }}}}]

[plans.front-desk]
start = "open"

[plans.front-desk.nodes.open]
kind   = "hours"
hours  = "office"
open   = "who"
closed = "box"

[plans.front-desk.nodes.who]
kind      = "route"
otherwise = "menu"

[[plans.front-desk.nodes.who.rules]]
when = "owner"
then = "hers"

[plans.front-desk.nodes.hers]
kind    = "ring"
owner   = true
seconds = 20
then    = "menu"

[plans.front-desk.nodes.menu]
kind      = "menu"
say       = "For an offer press 1, for an order press 2."
otherwise = "desk"

[plans.front-desk.nodes.menu.choices]
1 = "sales"
2 = "desk"

[plans.front-desk.nodes.sales]
kind     = "ring"
team     = "sales"
strategy = "in-turn"
then     = "box"

[plans.front-desk.nodes.desk]
kind = "ring"
team = "desk"
then = "box"

[plans.front-desk.nodes.box]
kind = "voicemail"
say  = "Nobody is here now. Please leave a message."
"""
)

PEOPLE: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("李娜", "光谱照明（深圳）", "采购经理", ("mailto:li.na@guangpu.example", f"tel:{LI_NA}")),
    ("Wang Xiaoming", "Brightway Trading", "Import", ("mailto:wang@brightway.example", f"tel:{WANG}")),
    (
        "Martha Vogel",
        "Vogel & Söhne Architekten",
        "Partner",
        ("mailto:m.vogel@vogel.example", f"tel:{MARTHA}", f"tel:{MARTHA_MOBILE}"),
    ),
    ("Jonas Petersen", "Kontor Nord", "Facility manager", ("mailto:jp@kontor-nord.example", f"tel:{JONAS}")),
    ("Sofia Rossi", "Rossi Interni", "Titolare", ("mailto:sofia@rossi.example",)),
    ("陳怡君", "台北設計", "設計總監", ("mailto:yichun@taipei-design.example",)),
    ("Éloïse Garnier", "Atelier Garnier", "", ("mailto:eloise@garnier.example", "tel:+33199001234")),
    ("Anna Krüger", "Krüger Elektro", "", (f"tel:{KRUEGER}",)),
    ("Peter Krüger", "Krüger Elektro", "", (f"tel:{KRUEGER}",)),
)
"""Name, company, title and handles. The Krügers share a line."""

DEALS = (
    ("李娜", "200 pendant lamps, Shenzhen Bay", "Offer sent", 48_600.0, True, 2),
    ("李娜", "Spare drivers", "Won", 3_120.0, False, 190),
    ("Martha Vogel", "Lobby lighting, Haus am Kanal", "Negotiation", 22_750.0, True, 5),
    ("Wang Xiaoming", "Frame contract, brass fittings", "Qualified", 31_000.0, True, 12),
)
"""Whose, title, stage, amount in EUR, whether it is open, and how many days old."""

CASES = (
    ("Wang Xiaoming", "Two of 40 samples arrived broken", "high", 4),
    ("Jonas Petersen", "Flicker in meeting room 2", "normal", 1),
)
"""Whose, title, urgency, and how many days old."""

PROMISES = (
    ("李娜", "Send the offer in two lots, 120 and 80", -3),
    ("Martha Vogel", "Bring the brass samples to Haus am Kanal", 26),
    ("Jonas Petersen", "Ask the lab why the driver flickers", 50),
)
"""With whom, what Ada promised, and in how many hours it is due."""

TO_CALL = (
    (f"tel:{MARTHA}", "Martha Vogel", "has the old price list"),
    (f"tel:{WANG}", "Wang Xiaoming", ""),
    (f"tel:{JONAS}", "Jonas Petersen", "speaks German"),
)
"""Numbers, names and notes of a list that Ada is to call."""

_WORDS = ("amber", "birch", "cedar", "delta", "ember", "flint", "grove", "hazel", "lumen", "maple", "opal", "reed")


async def founded(folder: Path) -> Config:
    """The config of a firm that begins today in *folder*; what an earlier demo left there is gone.

    Raises `Failure` where a demo is running in it, or where it holds something else.
    """
    before = await asyncio.to_thread(_before, folder)
    if before is not None and await answers(before):
        raise Failure(f"The demo is already running: {before.public_url}")
    return await asyncio.to_thread(_begun, folder)


def _before(folder: Path) -> Config | None:
    """The config of the demo that *folder* holds, None where there is no such folder."""
    path = folder / "config.toml"
    if not folder.exists():
        return None
    if not path.is_file() or not path.read_text("utf-8").startswith(MARK):
        raise Failure(f"{folder} holds something that is not the demo's. Move it away, or start elsewhere.")
    return load(path)


def _begun(folder: Path) -> Config:
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True, mode=0o700)
    for name in ("twilio", "showroom"):
        path = folder / f"{name}.secret"
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(16))
    web, mail = _free_ports()
    path = folder / "config.toml"
    path.write_text(CONFIG.format(web=web, mail=mail, account=f"AC{secrets.token_hex(16)}"), "utf-8")
    return load(path)


def secret(config: Config, name: str) -> str:
    """What the provider called *name* signs with, or sends as its token."""
    return (config.path.parent / f"{name}.secret").read_text()


async def staffed(service: Service) -> Mapping[str, str]:
    """A login for each colleague, and their passwords. Ada looks after the hub."""
    passwords = {}
    for name, role in (("ada", Authority.ADMIN), ("ben", Authority.AGENT)):
        password = f"{secrets.choice(_WORDS)}-{secrets.choice(_WORDS)}-{secrets.randbelow(9000) + 1000}"
        hashed = await asyncio.to_thread(accounts.hash_password, password)
        await service.store.write(
            lambda conn, name=name, role=role, hashed=hashed: accounts.add_login(  # type: ignore[misc]
                conn, service.store.ids(), name, hashed, role, name, datetime.now(UTC)
            )
        )
        passwords[name] = password
    return passwords


async def filled(service: Service) -> Mapping[str, int]:
    """Whom the firm knows, its deals, cases, orders, promises and a list to call: the ids of the contacts by name."""
    ids: dict[str, int] = {}
    shared = {handle for *_, handles in PEOPLE for handle in handles if handle == f"tel:{KRUEGER}"}
    for name, company, title, handles in PEOPLE:
        known = tuple((each, Strength.SHARED if each in shared else Strength.PERSONAL) for each in handles)
        draft = Draft(name=name, company=company, title=title, owner="ada", handles=known)
        ids[name] = (await service.directory.create(HUB, draft, how="demo")).id
    await service.store.write(lambda conn: _business(conn, service, ids))
    return ids


def _business(conn: Connection, service: Service, ids: Mapping[str, int]) -> None:
    now, new_id = datetime.now(UTC), service.store.ids
    for whose, title, stage, amount, is_open, age in DEALS:
        conn.execute(
            deals.insert().values(
                id=new_id(), contact_id=ids[whose], title=title, stage=stage, amount=amount, currency="EUR",
                open=is_open, owner="ada", updated_at=now - timedelta(days=age),
            )
        )  # fmt: skip
    for whose, title, urgency, age in CASES:
        opened = now - timedelta(days=age)
        conn.execute(
            cases.insert().values(
                id=new_id(), contact_id=ids[whose], title=title, urgency=urgency, open=True, owner="ben",
                opened_at=opened, updated_at=opened,
            )
        )  # fmt: skip
    conn.execute(
        orders.insert().values(
            id=new_id(), contact_id=ids["李娜"], title="SO-2208, 40 samples", state="Delivered", amount=1_980.0,
            currency="EUR", ordered_at=now - timedelta(days=26),
        )
    )  # fmt: skip
    for whose, title, hours in PROMISES:
        conn.execute(
            tasks.insert().values(
                id=new_id(), contact_id=ids[whose], title=title, owner="ada", created_by="ada", created_at=now,
                due_at=now + timedelta(hours=hours),
            )
        )  # fmt: skip
    to_call = lists.ListView(
        id=new_id(), name="New prices", agent="ada", state=ListState.PAUSED, line="", source="", attempts=3,
        retry_minutes=60, reason="", created_at=now, counts={},
    )  # fmt: skip
    lists.add(conn, to_call, [lists.Entry(*each) for each in TO_CALL], new_id)
    for table in (companies, contacts):
        conn.execute(table.update().values(created_at=now - timedelta(days=400)))


def _free_ports() -> tuple[int, int]:
    """Two ports of this machine that nobody uses now."""
    with socket.socket() as web, socket.socket() as mail:
        for each in (web, mail):
            each.bind(("127.0.0.1", 0))
        return web.getsockname()[1], mail.getsockname()[1]
