"""What the colleagues did at the shared inbox in the weeks before: answered, put off, noted, linked."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy import Connection

from hub import accounts
from hub.privacy.visibility import HUB, Actor
from hub.service import Service
from hub.store.schema import cases, conversations, deals
from hub.timeline import by_key

SAMPLES, OFFER, LOBBY, FLICKER, BROKEN = "samples", "offer-1", "lobby-1", "flicker-1", "broken"


async def worked(service: Service) -> None:
    """Leave the inbox as Ada and Ben left it last night: one thing snoozed, one noted for Ben, the old ones closed."""

    def known(conn: Connection) -> tuple[dict[str, int], dict[str, int], dict[str, Actor]]:
        mails = {
            name: by_key(conn, HUB, f"mail:<{name}@post.example>") for name in (SAMPLES, OFFER, LOBBY, FLICKER, BROKEN)
        }
        records: dict[str, int] = {}
        for table in (deals, cases):
            records.update({row.title: row.id for row in conn.execute(sa.select(table.c.title, table.c.id))})
        people = {login.agent: login.actor for login in accounts.list_logins(conn)}
        return {name: mail.conversation_id for name, mail in mails.items() if mail}, records, people

    threads, records, people = await service.store.read(known)
    desk, ada, ben = service.desk, people["ada"], people["ben"]
    everything = await service.store.read(lambda conn: list(conn.execute(sa.select(conversations.c.id)).scalars()))
    for who in (ada, ben):
        await desk.read(who, [id for id in everything if id not in (threads[FLICKER], threads[BROKEN])])
    await desk.change(ada, [threads[SAMPLES]], {"state": "closed", "owner": "ada"})
    await desk.change(ada, [threads[OFFER]], {"owner": "ada", "deal_id": records["200 pendant lamps, Shenzhen Bay"]})
    await desk.change(ada, [threads[LOBBY]], {"owner": "ada", "deal_id": records["Lobby lighting, Haus am Kanal"]})
    await desk.change(ada, [threads[FLICKER]], {"owner": "ben", "case_id": records["Flicker in meeting room 2"]})
    await desk.note(ada, threads[FLICKER], "@ben The drivers in that room are from the first lot. Take a dimmer along?")
    zone = ZoneInfo(service.config.timezone)
    morning = datetime.combine(datetime.now(zone).date() + timedelta(days=1), time(9), zone).astimezone(UTC)
    await desk.note(ben, threads[BROKEN], "Two replacements are on their way. @ada will you tell Mr Wang tomorrow?")
    facts = {"owner": "ada", "state": "snoozed", "case_id": records["Two of 40 samples arrived broken"]}
    await desk.change(ben, [threads[BROKEN]], facts, until=morning)
