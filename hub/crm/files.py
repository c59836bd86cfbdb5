"""Contact lists as files: CSV in the encodings and with the separators that people have, and vCards."""

from __future__ import annotations

import codecs
import csv
import io
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import vobject

from hub.crm.columns import Column, Field, columns, says_who
from hub.formats import charsets

_DELIMITERS = (",", ";", "\t", "|")
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_LONGEST_CELL = 1 << 20
_CARD = re.compile(r"^BEGIN:VCARD\b.*?^END:VCARD[ \t]*$", re.MULTILINE | re.DOTALL | re.IGNORECASE)
_BETWEEN_MAILS = re.compile(r"\s*(?:[;,\n|]|:::)\s*")
_BETWEEN_PHONES = re.compile(r"\s*(?:[;,\n|]|:::| / )\s*")
# Of an address card: what is understood as a field of its own, and what says nothing about the person.
_UNDERSTOOD = frozenset(("fn", "n", "org", "title", "note", "uid", "email", "tel", "impp"))
_SILENT = frozenset(("version", "prodid", "rev", "photo", "logo", "sound", "key", "kind", "class", "mailer", "source"))


class BadFile(ValueError):
    """The file cannot be read as a contact list. The text says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One person as the file has her. *number* is the row as a spreadsheet counts, or the card's place in its file.
    *mails* and *phones* are as they are written there. *problem* is set where the row cannot be read at all."""

    number: int
    name: str = ""
    company: str = ""
    title: str = ""
    owner: str = ""
    notes: str = ""
    external_id: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    mails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ContactList:
    """A file that was opened: what its *columns* mean (none for vCards), and its *rows*, read as they are asked for."""

    columns: tuple[Column, ...]
    rows: Iterator[Row]


def read(path: Path, mapping: Mapping[str, str], encoding: str = "") -> ContactList:
    """The people in the CSV or vCard file at *path*. Raises `BadFile`, `OSError`, and `BadMapping` for *mapping*."""
    data = path.read_bytes()
    text = _decoded(data, encoding)
    if path.suffix.lower() in (".vcf", ".vcard") or text.lstrip("\ufeff \t\r\n")[:11].upper() == "BEGIN:VCARD":
        if mapping:
            raise BadFile("--map is for CSV files; a vCard says itself what is what.")
        return ContactList((), _cards(text))
    return _table(text, mapping)


def _decoded(data: bytes, encoding: str) -> str:
    if encoding:
        try:
            return charsets.clean(data.decode(encoding))
        except (LookupError, UnicodeError) as error:
            raise BadFile(f"The file is not {encoding}: {error}") from error
    for bom, name in _BOMS:
        if data.startswith(bom):
            return charsets.clean(data.decode(name, "replace"))
    head = data[:2000]
    if b"\0" in head:  # UTF-16 without its mark: every other byte of what is ASCII is zero
        little = head[1::2].count(0) >= head[0::2].count(0)
        return charsets.clean(data.decode("utf-16-le" if little else "utf-16-be", "replace"))
    return charsets.decode(data)


# --- CSV ------------------------------------------------------------------------------------------------------------


def _table(text: str, mapping: Mapping[str, str]) -> ContactList:
    delimiter = ""
    if text[:4].lower() == "sep=":  # Excel's own way to say it
        first, _, text = text.partition("\n")
        delimiter = first[4:5]
    csv.field_size_limit(_LONGEST_CELL)
    records = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter or _delimiter(text))
    headings = next(records, [])
    if not any(heading.strip() for heading in headings):
        raise BadFile("The file is empty, or its first row is: the first row must name the columns.")
    found = columns(headings, mapping)
    if not says_who(found):
        known = ", ".join(f'"{heading.strip()}"' for heading in headings)
        raise BadFile(f"No column says who somebody is. There are: {known}. Name one with --map HEADER=name.")
    return ContactList(tuple(found), _rows(records, found))


def _delimiter(text: str) -> str:
    """What stands most often in the first row, outside quotes."""
    head = re.sub(r'"(?:[^"]|"")*"', "", text[:20_000]).partition("\n")[0]
    return max(_DELIMITERS, key=head.count)


def _rows(records: Iterator[list[str]], found: Sequence[Column]) -> Iterator[Row]:
    number = 1
    while True:
        number += 1
        try:
            cells = next(records)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(number=number, problem=f"the row cannot be read ({error})")
            continue
        if any(cell.strip() for cell in cells):
            yield _row(number, cells, found)


def _row(number: int, cells: Sequence[str], found: Sequence[Column]) -> Row:
    said: dict[Field, str] = {}
    fields: dict[str, str] = {}
    mails: list[str] = []
    phones: list[str] = []
    for column in found:
        value = cells[column.index].strip() if column.index < len(cells) else ""
        if not value:
            continue
        if column.field is Field.EMAIL:
            mails += _BETWEEN_MAILS.split(value)
        elif column.field is Field.PHONE:
            phones += _BETWEEN_PHONES.split(value)
        elif column.field is None:
            fields[column.heading] = value
        elif column.field is not Field.NOTHING:
            said[column.field] = value
    return Row(
        number=number,
        name=said.get(Field.NAME) or full_name(said.get(Field.FIRST, ""), said.get(Field.LAST, "")),
        company=said.get(Field.COMPANY, ""),
        title=said.get(Field.TITLE, ""),
        owner=said.get(Field.OWNER, ""),
        notes=said.get(Field.NOTES, ""),
        external_id=said.get(Field.ID, ""),
        fields=fields,
        mails=tuple(filter(None, mails)),
        phones=tuple(filter(None, phones)),
    )


def full_name(first: str, last: str) -> str:
    """Both names in the order of their script: the family name first and no blank in Chinese, Japanese and Korean."""
    both = first + last
    if first and last and all(unicodedata.east_asian_width(character) == "W" for character in both):
        return last + first
    return " ".join(filter(None, (first, last)))


# --- vCards (RFC 2426, RFC 6350, and version 2.1) -------------------------------------------------------------------


def _cards(text: str) -> Iterator[Row]:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    for number, found in enumerate(_CARD.finditer(text), 1):
        try:
            card = vobject.readOne(found[0], allowQP=True)
            yield _card(number, card)
        except (vobject.base.VObjectError, ValueError, AttributeError, IndexError, LookupError) as error:
            # One card that cannot be read must not cost the others; vobject lets several errors through.
            yield Row(number=number, problem=f"the card cannot be read ({error})")


def _card(number: int, card: vobject.base.Component) -> Row:
    values: dict[str, list[str]] = {}
    for line in card.lines():
        value: object = line.value
        if line.name == "ORG" and isinstance(value, list):
            value = next(iter(value), "")  # its units follow
        text = _text(value)
        if text:
            values.setdefault(line.name.lower(), []).append(text)

    def first(name: str) -> str:
        return next(iter(values.get(name, ())), "")

    fields = {
        name.upper(): "; ".join(found)
        for name, found in values.items()
        if name not in _UNDERSTOOD and name not in _SILENT
    }
    return Row(
        number=number,
        name=first("fn") or first("n"),
        company=first("org"),
        title=first("title"),
        notes=first("note"),
        external_id=first("uid"),
        fields=fields,
        mails=tuple(values.get("email", ())),
        phones=tuple(values.get("tel", ())),
    )


def _text(value: object) -> str:
    """A property's value as one line."""
    if isinstance(value, vobject.vcard.Name):
        return full_name(_text(value.given), _text(value.family))
    if isinstance(value, vobject.vcard.Address):
        parts = (value.box, value.extended, value.street, value.code, value.city, value.region, value.country)
        return ", ".join(filter(None, map(_text, parts)))
    if isinstance(value, list | tuple):
        return ", ".join(filter(None, map(_text, value)))
    return charsets.clean(str(value)).strip() if value is not None and not isinstance(value, bytes) else ""
