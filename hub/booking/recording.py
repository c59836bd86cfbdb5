"""What a booking is on the timeline and in the Directory: the meeting, the person who booked it, and whose she is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from hub import audit, outgoing
from hub.booking import writing
from hub.booking.means import Means
from hub.booking.rows import Guest, Row
from hub.booking.states import State
from hub.booking.types import EventType
from hub.crm import join, records
from hub.crm.records import Strength
from hub.formats import handles
from hub.match import match
from hub.privacy.never_log import NeverLog
from hub.privacy.visibility import HUB
from hub.store.schema import contacts, deals, micros
from hub.vocabulary import Answer, Attendance, Channel, Event, Meeting, Participant, Role

SOURCE = "booking"
"""Who says so on the timeline."""
HOW = "booking"
"""How we learned whose a mail address is."""


def event(
    means: Means, row: Row, spec: EventType | None, guests: Sequence[Guest], now: datetime, *, accepted: bool = False
) -> Event:
    """The appointment as an event of its interaction. *accepted*: the invitees chose the time themselves."""
    invited = [
        *(
            Participant(means.mail(host), Role.ATTENDEE, means.name(host))
            for host in row.hosts
            if host != row.organizer
        ),
        *(Participant(f"mailto:{each.mail}", Role.ATTENDEE, each.name) for each in guests if each.mail),
        *(Participant(f"mailto:{mail}", Role.ATTENDEE) for each in guests for mail in each.guests),
    ]
    said = Answer if accepted else None
    over = row.state not in (State.ASKED, State.CONFIRMED)
    facts = Meeting(
        participants=(Participant(means.mail(row.organizer), Role.ORGANIZER, means.name(row.organizer)), *invited),
        title=writing.titled(row, guests),
        text=writing.text(spec, guests) or None,
        place=row.place or None,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        all_day=False,
        cancelled=over,
        tentative=row.state is State.ASKED,
        sequence=row.sequence,
        zone=row.zone,
        url=means.link(guests[0].id) if len(guests) == 1 and (spec is None or spec.seats == 1) else None,
        answers=tuple(
            said(handle=f"mailto:{each.mail}", attendance=Attendance.ACCEPTED, at=now, sequence=row.sequence)
            for each in guests
            if said and each.mail
        ),
    )
    return Event(
        key=f"ical:{row.uid}",
        id=f"booking:{row.sequence}:{row.state}",
        channel=Channel.CALENDAR,
        at=now,
        facts=facts,
        order=row.sequence,
    )


def acquainted(conn: Connection, means: Means, guest: Guest, owner: str, now: datetime) -> int | None:
    """The contact who booked: whom her link was made for, or whose address it is, or, where the config says so, a new
    one. None where nobody is sure. A contact without an owner, and her open deals without one, become *owner*'s."""
    handle = f"mailto:{guest.mail}"
    known = match(conn, [handle])[handle]
    if not known.candidates:  # whoever makes her a contact at the same moment goes first, or comes after
        join.change_identities(conn)
        known = match(conn, [handle])[handle]
    contact_id = guest.contact_id or (known.sure.contact_id if known.sure else None)
    learned = handle not in means.ingest.ours.handles and not _never(means, handle)
    if contact_id is None:
        if known.candidates or means.config.booking.new_contacts != "create" or not learned:
            return None
        contact_id = means.store.ids()
        conn.execute(
            contacts.insert().values(id=contact_id, name=guest.name or guest.mail, created_at=now, updated_at=now)
        )
        audit.note(conn, means.store.ids(), HUB, "contact.create", f"contact/{contact_id}", now)
    if learned and not known.candidates:
        _learn(conn, means, contact_id, [handle, *_phones(conn, means, guest)], now)
    _owned(conn, means, contact_id, owner, now)
    return contact_id


def _never(means: Means, handle: str) -> bool:
    return NeverLog(means.config.privacy.never_log).covers([handle])


def _phones(conn: Connection, means: Means, guest: Guest) -> list[str]:
    """Her number, where it is nobody's yet."""
    found = handles.phone(guest.phone, means.config.region) if guest.phone else None
    if (
        not found
        or found in means.ingest.ours.handles
        or _never(means, found)
        or match(conn, [found])[found].candidates
    ):
        return []
    return [found]


def _learn(conn: Connection, means: Means, contact_id: int, new: Sequence[str], now: datetime) -> None:
    for handle in new:
        records.add_identity(conn, contact_id, handle, Strength.PERSONAL, HOW, "", now, confirmed=False)
    joined = join.join(conn, new)
    outgoing.tell(conn, tuple(means.config.crm), joined, means.store.ids, micros(now))


def _owned(conn: Connection, means: Means, contact_id: int, owner: str, now: datetime) -> None:
    taken = conn.execute(
        contacts.update()
        .where(contacts.c.id == contact_id, contacts.c.owner == "")
        .values(owner=owner, revision=contacts.c.revision + 1, updated_at=now)
    ).rowcount
    if taken:
        audit.note(conn, means.store.ids(), HUB, "contact.owner", f"contact/{contact_id}", now)
    unowned = sa.select(deals.c.id).where(deals.c.contact_id == contact_id, deals.c.open, deals.c.owner == "")
    for deal_id in conn.execute(unowned.order_by(deals.c.id)).scalars().all():
        conn.execute(deals.update().where(deals.c.id == deal_id).values(owner=owner, updated_at=now))
        audit.note(conn, means.store.ids(), HUB, "deal.owner", f"deal/{deal_id}", now)
