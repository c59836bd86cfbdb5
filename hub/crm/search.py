"""Finding contacts by any part of their name, company or handles."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

import orjson
import sqlalchemy as sa
from sqlalchemy import Connection

from hub.crm import records
from hub.crm.records import Contact
from hub.privacy.visibility import Actor, knows
from hub.store.schema import companies, contacts, identities

FEWEST_DIGITS = 3
_IN_NUMBERS = "+()/.- "
MOST_WORDS = 8


class BadCursor(ValueError):
    """This is not a `next` that we gave out."""


@dataclass(frozen=True, slots=True)
class Page:
    """Contacts in the order of their names, and the cursor after them; None at the end."""

    contacts: tuple[Contact, ...]
    next: str | None


def search(conn: Connection, actor: Actor, q: str, whole: str | None, limit: int, cursor: str | None) -> Page:
    """One page of the contacts that hold every word of *q*. *whole* is the handle that *q* spells, if it spells one.

    Raises `BadCursor`.
    """
    query = sa.select(*records.CONTACT_COLUMNS).select_from(records.FROM_CONTACTS).where(knows(actor))
    owners = _owners(identities.c.handle == whole)
    if whole is not None and conn.execute(owners.limit(1)).first():
        query = query.where(contacts.c.id.in_(owners))
    else:
        for word in _words(q):
            query = query.where(_holds(conn, word))
    if cursor is not None:
        name, last = _read_cursor(cursor)
        query = query.where(sa.tuple_(contacts.c.name, contacts.c.id) > sa.tuple_(sa.literal(name), sa.literal(last)))
    rows = conn.execute(query.order_by(contacts.c.name, contacts.c.id).limit(limit + 1)).all()
    found = records.with_identities(conn, rows[:limit])
    return Page(tuple(found), _write_cursor(found[-1].name, found[-1].id) if len(rows) > limit else None)


def _words(q: str) -> list[str]:
    """The words of *q*; what looks like a phone number is one, whatever stands between its digits."""
    if all(character.isdigit() or character in _IN_NUMBERS for character in q):
        return ["".join(filter(str.isdigit, q))] if any(map(str.isdigit, q)) else q.split()
    return q.split()[:MOST_WORDS]


def _owners(condition: sa.ColumnElement[bool]) -> sa.Select[tuple[int]]:
    return sa.select(identities.c.contact_id).where(condition)


def _holds(conn: Connection, word: str) -> sa.ColumnElement[bool]:
    """Whether name, company or a handle of the contact holds *word*."""
    found = [
        _like(conn, contacts.c.name, word),
        contacts.c.company_id.in_(sa.select(companies.c.id).where(_like(conn, companies.c.name, word))),
    ]
    digits = "".join(filter(str.isdigit, word)).lstrip("0")  # a national prefix is not in the international number
    if len(digits) >= FEWEST_DIGITS and all(character.isdigit() or character in _IN_NUMBERS for character in word):
        found.append(contacts.c.id.in_(_owners(identities.c.handle.like(f"tel:%{digits}%"))))
    else:
        found.append(contacts.c.id.in_(_owners(_like(conn, identities.c.handle, word))))
    return sa.or_(*found)


def _like(conn: Connection, column: sa.ColumnElement[str], word: str) -> sa.ColumnElement[bool]:
    """*column* holds *word* in whatever case. SQLite folds ASCII only, so other letters are tried in each case."""
    if conn.dialect.name == "postgresql":
        return column.icontains(word, autoescape=True)
    cases = {word} if word.isascii() else {word, word.lower(), word.upper(), word.capitalize()}
    return sa.or_(*(column.contains(each, autoescape=True) for each in sorted(cases)))


def _write_cursor(name: str, last: int) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([name, last])).rstrip(b"=").decode()


def _read_cursor(cursor: str) -> tuple[str, int]:
    try:
        name, last = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, TypeError) as error:
        raise BadCursor("This is no page we know of. Begin without `next`.") from error
    if not isinstance(name, str) or not isinstance(last, int):
        raise BadCursor("This is no page we know of. Begin without `next`.")
    return name, last
