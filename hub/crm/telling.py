"""What a CRM is told: read when it is sent, so that it is what is true then.

A CRM is read by everybody who has a login there, so it is told what everybody at the hub may read, not what the hub
itself knows: of a mail of which only the metadata is open there is no subject, and a private one is not told at all.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection

from hub import outgoing, timeline
from hub.crm import records
from hub.crm.records import Strength, Unknown
from hub.outgoing import Outgoing
from hub.privacy.visibility import Actor, Authority, Scope
from hub.store.schema import activities, contacts
from hub.vocabulary import Activity, ContactRecord

EVERYBODY = Actor("crm", Authority.AGENT, scope=Scope.READ)
"""Reads what is open to all agents, and nothing that is open to one."""


@dataclass(frozen=True, slots=True)
class Unacquainted:
    """The CRM does not know this contact yet, so that nothing can be written onto it."""

    contact_id: int


def subject(contact_id: int) -> str:
    """The subject under which a contact goes out."""
    return f"contact:{contact_id}"


def read(conn: Connection, row: Outgoing, public_url: str) -> Activity | ContactRecord | Unacquainted | None:
    """What *row* tells now; None where there is nothing to tell any more, or nothing that everybody may know."""
    contact_id = int(row.payload["contact"])
    if row.kind == "contact":
        return _contact(conn, row, contact_id)
    return _activity(conn, row, int(row.payload["interaction"]), contact_id, public_url)


def _contact(conn: Connection, row: Outgoing, contact_id: int) -> ContactRecord | None:
    try:
        contact = records.by_id(conn, EVERYBODY, contact_id)
    except Unknown:
        return None
    return ContactRecord(
        id=row.remote_id,
        key=row.subject,
        name=contact.name,
        company=contact.company,
        title=contact.title,
        handles=tuple(each.handle for each in contact.identities if each.strength is Strength.PERSONAL),
    )


def _activity(
    conn: Connection, row: Outgoing, interaction_id: int, contact_id: int, public_url: str
) -> Activity | Unacquainted | None:
    stands = (
        sa.select(contacts.c.id)
        .join(activities, activities.c.contact_id == contacts.c.id)
        .where(contacts.c.id == contact_id, activities.c.interaction_id == interaction_id)
    )
    item = timeline.one(conn, EVERYBODY, interaction_id) if conn.execute(stands).first() else None
    if item is None:
        return None
    contact = outgoing.remote_id(conn, row.destination, subject(contact_id))
    if not contact:
        return Unacquainted(contact_id)
    return Activity(
        key=row.subject,
        contact=contact,
        channel=item.channel,
        direction=item.direction,
        occurred_at=item.occurred_at,
        facts=item.facts,
        url=f"{public_url}/contacts/{contact_id}",
    )
