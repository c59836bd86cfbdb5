"""What mail servers and mail programs say of letters of ours: written down beside each recipient."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from hub.courier import line
from hub.formats import handles
from hub.formats.reports import Kind, Recipient, Report
from hub.letters.states import Reached
from hub.store.schema import letter_recipients, letters, undeliverable

_MEANS = {
    Kind.BOUNCE: Reached.BOUNCED,
    Kind.DELAY: Reached.DELAYED,
    Kind.DELIVERED: Reached.DELIVERED,
    Kind.RECEIPT: Reached.DELIVERED,
    Kind.COMPLAINT: Reached.COMPLAINED,
}


def reported(conn: Connection, report: Report, interaction_id: int, now: datetime) -> int | None:
    """Write down what *report*, recorded as *interaction_id*, says of a letter of ours. Answers the conversation of
    that letter; None where the report names none that we sent, and then nothing is believed.

    An address that can get no mail at all, or complained, is marked: `undeliverable`. Somebody else's address in the
    report is not: anybody can write a report, so only those are believed to whom that very letter went.
    """
    meaning = _MEANS.get(report.kind)
    if meaning is None or not report.original_message_id:
        return None
    letter = conn.execute(
        sa.select(letters.c.id, letters.c.conversation_id).where(letters.c.key == f"mail:{report.original_message_id}")
    ).one_or_none()
    if letter is None:
        return None
    of_letter = letter_recipients.c.letter_id == letter.id
    known = {
        row.handle: Reached(row.state)
        for row in conn.execute(sa.select(letter_recipients.c.handle, letter_recipients.c.state).where(of_letter))
    }
    for each in report.recipients:
        state = Reached.DELAYED if meaning is Reached.BOUNCED and each.outcome == "delayed" else meaning
        handle = handles.mail(each.address) or ""
        if not handle and len(known) == 1:
            handle = next(iter(known))  # many feedback loops black the address out (RFC 6590)
        if handle not in known:
            continue
        if state.rank > known[handle].rank:
            conn.execute(
                letter_recipients.update()
                .where(of_letter, letter_recipients.c.handle == handle)
                .values(state=state, reason=_reason(each), at=now)
            )
        if state is Reached.COMPLAINED or (state is Reached.BOUNCED and each.dead):
            why = "complaint" if state is Reached.COMPLAINED else str(each.reason)
            mark(conn, handle, why, line(each.diagnostic), interaction_id, now)
    return int(letter.conversation_id)


def mark(
    conn: Connection, handle: str, reason: str, diagnostic: str, interaction_id: int | None, now: datetime
) -> None:
    """Nothing is to be sent to *handle* until somebody lifts it. *reason* is one of `hub.formats.reports.Reason`, or
    `complaint`."""
    insert = (sqlite.insert if conn.dialect.name == "sqlite" else postgresql.insert)(undeliverable)
    row = {"reason": reason, "diagnostic": diagnostic, "interaction_id": interaction_id, "at": now}
    conn.execute(insert.values(handle=handle, **row).on_conflict_do_update(index_elements=["handle"], set_=row))


def lift(conn: Connection, handle: str) -> bool:
    """Say that *handle* can be written to again. False where it could be."""
    return bool(conn.execute(undeliverable.delete().where(undeliverable.c.handle == handle)).rowcount)


def _reason(recipient: Recipient) -> str:
    words = (str(recipient.reason or ""), recipient.status, recipient.diagnostic)
    return line(": ".join(word for word in words if word))
