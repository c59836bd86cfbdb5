"""What a column of somebody's contact list means, by its heading: English, German and Chinese, and the exports of
Outlook, Google, iCloud and common CRMs."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Field(StrEnum):
    """What a column may be. Anything else is kept among the contact's further facts, under its heading."""

    NAME = "name"
    FIRST = "first"
    LAST = "last"
    COMPANY = "company"
    TITLE = "title"
    OWNER = "owner"
    NOTES = "notes"
    ID = "id"
    EMAIL = "email"
    PHONE = "phone"
    NOTHING = "-"

    @property
    def repeats(self) -> bool:
        """Whether several columns may be this."""
        return self in (Field.EMAIL, Field.PHONE, Field.NOTHING)


@dataclass(frozen=True, slots=True)
class Column:
    """A column at *index*: a known *field*, or a further fact kept under *heading*."""

    index: int
    heading: str
    field: Field | None


class BadMapping(ValueError):
    """`--map` names a heading that the file does not have. The text lists those it has."""


# The earlier in its line, the surer: of two headings that mean one field, the surer one is it.
_WORDS: Mapping[Field, Sequence[str]] = {
    Field.NAME: (
        "full name", "fullname", "name", "display name", "contact name", "contact", "vollständiger name",
        "anzeigename", "kontaktname", "ansprechpartner", "kontakt", "姓名", "全名", "名称", "名稱", "联系人", "聯絡人",
        "聯繫人", "客户姓名", "客戶姓名", "客户名称", "客戶名稱", "fn",
    ),
    Field.FIRST: ("first name", "firstname", "given name", "givenname", "given", "first", "vorname", "名字", "名"),
    Field.LAST: (
        "last name", "lastname", "family name", "familyname", "surname", "family", "last", "nachname", "familienname",
        "姓氏", "姓",
    ),
    Field.COMPANY: (
        "company name", "company", "organization name", "organisation name", "organization", "organisation", "firma",
        "firmenname", "unternehmen", "account name", "account", "公司名称", "公司名稱", "公司", "单位", "單位", "企业",
        "企業", "org",
    ),
    Field.TITLE: (
        "job title", "jobtitle", "organization title", "position", "berufsbezeichnung", "funktion", "职位", "職位",
        "职务", "職務", "职称", "職稱", "头衔", "頭銜", "title",
    ),
    Field.OWNER: (
        "owner", "contact owner", "account owner", "betreuer", "zuständig", "verantwortlich", "负责人", "負責人",
        "跟进人", "跟進人",
    ),
    Field.NOTES: (
        "notes", "note", "comments", "comment", "remarks", "description", "notizen", "notiz", "bemerkungen",
        "bemerkung", "备注", "備註", "说明", "說明",
    ),
    Field.ID: (
        "external id", "contact id", "customer id", "customer number", "customer no", "kundennummer", "kundennr",
        "kunden nr", "kontakt id", "客户编号", "客戶編號", "编号", "編號", "id", "uid",
    ),
}  # fmt: skip
_EMAIL = re.compile(r"\b(e ?mails?|mails?|mail(adresse|address)|e ?mail(adresse|address))\b|邮箱|邮件|郵件|郵箱|信箱")
_PHONE = re.compile(
    r"\b(phones?|mobile|cell|cellphone|tel|telephone|telefon\w*|handy\w*|mobil\w*|rufnummer|festnetz|whatsapp)\b"
    r"|电话|電話|手机|手機|手提"
)
_NEITHER = re.compile(r"\b(fax|telefax|pager|types?|typ|labels?|display|format|opt|status|extension|pin)\b|传真|傳真")


def columns(headings: Sequence[str], mapping: Mapping[str, str]) -> list[Column]:
    """What each column is. *mapping* is what the user says (heading → field, or the heading to keep it under).

    Raises `BadMapping`.
    """
    said = _said(headings, mapping)
    guessed = [_field(heading) for heading in headings]
    taken = {Field(field) for field in said.values() if _is_field(field)}
    best: dict[Field, int] = {}
    for index, guess in enumerate(guessed):
        if guess is not None and index not in said:
            field, rank = guess
            if not field.repeats and (field not in best or rank < _rank(guessed[best[field]])):
                best[field] = index
    kept: dict[str, int] = {}
    found = []
    for index, heading in enumerate(headings):
        meant = _meant(guessed[index])
        if index in said:
            meant = Field(said[index]) if _is_field(said[index]) else None
            heading = heading if meant else said[index]
        elif meant is not None and not meant.repeats and (meant in taken or best[meant] != index):
            meant = None  # another column is surer to be it
        heading = heading.strip()
        if meant is None and not heading:
            meant = Field.NOTHING
        if meant is None:
            kept[heading] = kept.get(heading, 0) + 1
            heading = heading if kept[heading] == 1 else f"{heading} {kept[heading]}"
        found.append(Column(index, heading, meant))
    return found


def says_who(found: Iterable[Column]) -> bool:
    """Whether these columns say who somebody is at all."""
    return any(
        column.field in (Field.NAME, Field.FIRST, Field.LAST, Field.COMPANY, Field.EMAIL, Field.PHONE)
        for column in found
    )


def _said(headings: Sequence[str], mapping: Mapping[str, str]) -> dict[int, str]:
    said: dict[int, str] = {}
    for heading, field in mapping.items():
        places = [index for index, each in enumerate(headings) if each.strip().casefold() == heading.strip().casefold()]
        if not places:
            known = ", ".join(f'"{each.strip()}"' for each in headings)
            raise BadMapping(f'The file has no column "{heading}". It has: {known}.')
        said.update(dict.fromkeys(places, field.strip()))
    return said


def _is_field(text: str) -> bool:
    return text in tuple(Field)


def _field(heading: str) -> tuple[Field, int] | None:
    """The field that a heading means, and how surely: the lower the number, the surer."""
    plain = _plain(heading)
    for field, words in _WORDS.items():
        if plain in words:
            return field, words.index(plain)
    if _NEITHER.search(plain):
        return None
    if _EMAIL.search(plain):
        return Field.EMAIL, 0
    if _PHONE.search(plain):
        return Field.PHONE, 0
    return None


def _meant(guess: tuple[Field, int] | None) -> Field | None:
    return guess[0] if guess else None


def _rank(guess: tuple[Field, int] | None) -> int:
    return guess[1] if guess else len(_WORDS)


def _plain(heading: str) -> str:
    """Lower case, a blank for everything but letters, and without what only counts: "E-mail 1 - Value" → "e mail"."""
    text = unicodedata.normalize("NFKC", heading).casefold()
    words = re.sub(r"[\W\d_]+", " ", text).split()
    return " ".join(word for word in words if word != "value")
