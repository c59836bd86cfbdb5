"""A lamp maker in Berlin with a week of mails and calls behind it: what the pages are looked at with.

Everybody in it is invented. Times count back from *now*, so that a page always shows today, yesterday and last week.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

from sqlalchemy import Connection

from hub import Call, CallState, Channel, Copy, Direction, Event, Leg, Outcome, Participant, RawMail, Role, Unreadable
from hub.crm.records import Draft, Strength
from hub.privacy.visibility import HUB
from hub.service import Service
from hub.sources import State
from hub.sources.lag import Measured, measured
from hub.sources.states import Said, say
from hub.store.schema import cases, contacts, deals, orders
from hub.vocabulary import Freshness
from tests.hub.web.office import PBX_TOKEN, Office

TOML = """
[hub]
store = "{store}"
region = "DE"
timezone = "Europe/Berlin"

[sources.front-desk]
provider = "calls"
ours = ["tel:+4930123450"]
rings = ["ada", "ben"]
token = "env:PBX_TOKEN"

[sources.sales-mail]
provider = "imap"
ours = ["mailto:sales@lumen.example"]
host = "imap.lumen.example"
username = "sales@lumen.example"
password = "env:PBX_TOKEN"
smtp_host = "smtp.lumen.example"
team = "sales"

[sources.support-mail]
provider = "imap"
ours = ["mailto:support@lumen.example"]
host = "imap.lumen.example"
username = "support@lumen.example"
password = "env:PBX_TOKEN"

[sources.dropbox]
provider = "smtp"
listen = "127.0.0.1:0"

[teams.sales]
name = "Sales"
agents = ["ada", "ben"]

[agents.ada]
name = "Ada Brandt"
handles = ["mailto:ada@lumen.example", "tel:+4930123451"]
extensions = ["front-desk/21"]

[agents.ben]
name = "Ben Okafor"
handles = ["mailto:ben@lumen.example", "tel:+4930123452"]
extensions = ["front-desk/22"]
"""

LINE = "tel:+4930123450"
LI_NA = "tel:+8675586012345"
LI_NA_MAIL = "mailto:li.na@guangpu.example"
MARTHA = "tel:+493012398765"
UNKNOWN = "tel:+4940334455667"
SHARED = "tel:+493055512300"


@dataclass(frozen=True, slots=True)
class People:
    """The ids of those whom tests ask for."""

    li_na: int
    martha: int
    jonas: int


async def rings(office: Office, ident: str, event: str = "ringing", **more: str) -> None:
    """The phone system at the front desk says something of a call."""
    client = await office.client(Authorization=f"Bearer {PBX_TOKEN}")
    document = {"id": ident, "event": event, "to": LINE.removeprefix("tel:"), **more}
    async with client.post("/webhooks/front-desk", json=document) as answer:
        assert answer.status == 204, await answer.text()


async def fill(service: Service, now: datetime) -> People:
    """Fill an empty hub."""
    directory = service.directory

    async def person(name: str, company: str, title: str, *handles: str, owner: str = "", notes: str = "") -> int:
        known = tuple((handle, Strength.PERSONAL) for handle in handles)
        draft = Draft(name=name, company=company, title=title, owner=owner, notes=notes, handles=known)
        return (await directory.create(HUB, draft)).id

    li_na = await person(
        "李娜", "光谱照明（深圳）", "采购经理", LI_NA_MAIL, LI_NA, "tel:+8613800138000", owner="ada",
        notes="Prefers mail before 10:00 our time. Samples go by DHL, never by post.",
    )  # fmt: skip
    martha = await person(
        "Martha Vogel", "Vogel & Söhne Architekten", "Partner", "mailto:m.vogel@vogel.example", MARTHA, owner="ada"
    )
    jonas = await person("Jonas Petersen", "Kontor Nord", "Facility Manager", "mailto:jp@kontor-nord.example")
    await person("Sofia Rossi", "Rossi Interni", "Titolare", "mailto:sofia@rossi.example", "tel:+390255501234")
    await person(
        "陳怡君", "台北設計", "設計總監", "mailto:yichun@taipei-design.example", "tel:+886223456789", owner="ben"
    )
    await person("Wang Xiaoming", "Brightway Trading", "Sales", "mailto:wxm@brightway.example", "tel:+85221234567")
    await person("Éloïse Garnier", "Atelier Garnier", "", "mailto:eloise@garnier.example", "tel:+33142345678")
    await person("Tomasz Nowak", "Hotel Bristol", "Technical Manager", "mailto:t.nowak@bristol.example")
    for name in ("Anna Krüger", "Peter Krüger"):
        one = await person(name, "Krüger Elektro", "")
        await directory.link(HUB, one, SHARED, Strength.SHARED, how="import")

    def records(conn: Connection) -> None:
        ids = service.store.ids
        rows = ((contacts, li_na, timedelta(days=400)), (contacts, martha, timedelta(days=700)))
        for table, each, age in rows:
            conn.execute(table.update().where(table.c.id == each).values(created_at=now - age))
        for contact, title, stage, amount, currency, is_open, age in (
            (li_na, "200 pendant lamps, Shenzhen Bay", "Offer sent", 48_600.0, "EUR", True, 2),
            (li_na, "Spare drivers 2025", "Won", 3_120.0, "EUR", False, 190),
            (martha, "Lobby lighting, Haus am Kanal", "Negotiation", 22_750.0, "EUR", True, 5),
            (jonas, "Office refit, 3rd floor", "Qualified", 9_400.0, "EUR", True, 9),
        ):
            conn.execute(
                deals.insert().values(
                    id=ids(), contact_id=contact, title=title, stage=stage, amount=amount, currency=currency,
                    open=is_open, owner="ada", updated_at=now - timedelta(days=age),
                )
            )  # fmt: skip
        for contact, title, urgency, is_open, age in (
            (li_na, "Two of 40 samples arrived broken", "high", True, 4),
            (jonas, "Flicker in meeting room 2", "normal", True, 1),
        ):
            opened = now - timedelta(days=age)
            conn.execute(
                cases.insert().values(
                    id=ids(), contact_id=contact, title=title, urgency=urgency, open=is_open, owner="ben",
                    opened_at=opened, updated_at=opened,
                )
            )  # fmt: skip
        conn.execute(
            orders.insert().values(
                id=ids(), contact_id=li_na, title="SO-2208, 40 samples", state="Delivered", amount=1_980.0,
                currency="EUR", ordered_at=now - timedelta(days=26),
            )
        )  # fmt: skip
        well = ("front-desk", "dropbox", "sales-mail")
        say(conn, [Said(name, State.LISTENING) for name in well])
        measured(conn, [Measured(name, Freshness(0, 0.0)) for name in well], now - timedelta(seconds=4))
        cause = "imap.lumen.example refuses the password of support@lumen.example."
        say(conn, [Said("support-mail", State.REJECTED, cause)])

    await service.store.write(records)
    await service.ingest.record("sales-mail", _mails(now), live=False)
    await service.ingest.record("dropbox", [_newsletter(now), _broken(now)], live=False)
    await service.ingest.record("front-desk", _calls(now), live=False)
    return People(li_na, martha, jonas)


def _mail(
    now: datetime,
    ago: timedelta,
    ident: str,
    sender: str,
    to: str,
    subject: str,
    text: str,
    *,
    html: str = "",
    after: Sequence[str] = (),
    files: Sequence[tuple[str, str, bytes]] = (),
    **headers: str,
) -> RawMail:
    message = EmailMessage()
    message["Message-ID"] = f"<{ident}@mail.example>"
    message["From"], message["To"], message["Subject"] = sender, to, subject
    message["Date"] = format_datetime(now - ago)
    if after:
        message["References"] = " ".join(f"<{each}@mail.example>" for each in after)
        message["In-Reply-To"] = f"<{after[-1]}@mail.example>"
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    if html:
        message.add_alternative(html, subtype="html")
    for name, media_type, data in files:
        kind, _, sort = media_type.partition("/")
        message.add_attachment(data, maintype=kind, subtype=sort, filename=name)
    return RawMail(message.as_bytes(), Copy("INBOX", ident), now - ago)


def _mails(now: datetime) -> list[RawMail]:
    return [
        _mail(
            now,
            timedelta(hours=each["hours"]),
            each["id"],
            each["from"],
            each["to"],
            each["subject"],
            each["text"],
            html=each.get("html", ""),
            after=each.get("after", ()),
            files=[(file["name"], file["type"], bytes(file["bytes"])) for file in each.get("files", ())],
        )
        for each in tomllib.loads((Path(__file__).parent / "mails.toml").read_text("utf-8"))["mail"]
    ]


def _newsletter(now: datetime) -> RawMail:
    return _mail(
        now, timedelta(hours=6), "n1", "Light+Building <news@fair.example>", "sales@lumen.example",
        "Your stand number for 2027",
        "Your stand is 4.1 C22.", List_Unsubscribe="<https://fair.example/u>", Precedence="bulk",
    )  # fmt: skip


def _broken(now: datetime) -> Unreadable:
    return Unreadable(b"\x00\x01\x02 not a mail at all", "binary data, not a mail", now - timedelta(hours=7))


def _calls(now: datetime) -> list[Event]:
    minute, hour, day = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
    return [
        *past_call("c1", now - 8 * day, LI_NA, seconds=312),
        *past_call("c2", now - 2 * day - hour, LI_NA, missed=True),
        *past_call("c3", now - 2 * day, LI_NA, out=True, seconds=651),
        *past_call("c4", now - 20 * hour, "tel:+49408899001", out=True, seconds=95),
        *past_call("c5", now - 50 * minute, UNKNOWN, missed=True),
        *past_call("c6", now - 6 * hour, MARTHA, seconds=1450, agent="ben"),
        *past_call("c7", now - 4 * hour, "tel:+33142345678", missed=True),
        *past_call("c8", now - 28 * hour, "", missed=True),
    ]


def past_call(
    ident: str,
    at: datetime,
    other: str,
    *,
    seconds: int = 0,
    missed: bool = False,
    out: bool = False,
    agent: str = "ada",
) -> list[Event]:
    """A call that is over: one event that says all of it."""
    phone = {"ada": "tel:+4930123451", "ben": "tel:+4930123452"}[agent]
    ours = Participant(phone if out else LINE, Role.CALLER if out else Role.CALLEE)
    theirs = Participant(other, Role.CALLEE if out else Role.CALLER)
    ended = at + timedelta(seconds=20 + seconds)
    ended_so = Outcome.NO_ANSWER if missed else Outcome.COMPLETED
    picked_up = None if missed else at + timedelta(seconds=8)
    legs = [
        Leg(id="1", phone=phone, agent=agent, state=CallState.ENDED, answered_at=picked_up, ended_at=ended,
            outcome=ended_so)
    ]  # fmt: skip
    if not out:
        mate = "tel:+4930123452" if agent == "ada" else "tel:+4930123451"
        legs.append(Leg(id="2", phone=mate, state=CallState.ENDED, ended_at=ended, outcome=Outcome.NO_ANSWER))
    facts = Call(
        participants=(ours, theirs) if out else (theirs, ours),
        line=LINE,
        direction=Direction.OUTBOUND if out else Direction.INBOUND,
        state=CallState.ENDED,
        started_at=at,
        answered_at=picked_up,
        ended_at=ended,
        duration=seconds,
        outcome=Outcome.MISSED if missed else Outcome.COMPLETED,
        legs=tuple(legs),
    )
    return [Event(key=f"pbx:{ident}", id="all", channel=Channel.VOICE, at=ended, facts=facts)]
