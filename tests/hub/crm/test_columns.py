"""What headings mean: those of real exports, and of lists that people keep themselves."""

from __future__ import annotations

import pytest

from hub.crm.columns import BadMapping, Field, columns, says_who

# Headings as these programs write them.
OUTLOOK = "First Name,Middle Name,Last Name,Title,Job Title,Company,E-mail Address,E-mail Type,E-mail Display Name,E-mail 2 Address,Business Phone,Business Fax,Mobile Phone,Home Phone,Notes,Birthday"  # noqa: E501
OUTLOOK_DE = "Anrede,Vorname,Nachname,Firma,Position,E-Mail-Adresse,E-Mail-Typ,Telefon geschäftlich,Fax geschäftlich,Mobiltelefon,Notizen"  # noqa: E501
GOOGLE = "First Name,Last Name,Organization Name,Organization Title,Notes,Labels,E-mail 1 - Label,E-mail 1 - Value,E-mail 2 - Value,Phone 1 - Label,Phone 1 - Value"  # noqa: E501
CHINESE = "编号,姓名,公司名称,职位,手机,电话,传真,电子邮箱,负责人,备注,城市"
TRADITIONAL = "編號,姓名,公司,職稱,手機,電話,傳真,電子郵件,負責人,備註"
BARE = "name;email;phone"


def meant(headings: str, separator: str = ",", **mapping: str) -> dict[str, str]:
    found = columns(headings.split(separator), mapping)
    return {column.heading: column.field.value if column.field else "kept" for column in found}


def test_outlook() -> None:
    assert meant(OUTLOOK) == {
        "First Name": "first", "Middle Name": "kept", "Last Name": "last", "Title": "kept", "Job Title": "title",
        "Company": "company", "E-mail Address": "email", "E-mail Type": "kept", "E-mail Display Name": "kept",
        "E-mail 2 Address": "email", "Business Phone": "phone", "Business Fax": "kept", "Mobile Phone": "phone",
        "Home Phone": "phone", "Notes": "notes", "Birthday": "kept",
    }  # fmt: skip


def test_outlook_in_german() -> None:
    assert meant(OUTLOOK_DE) == {
        "Anrede": "kept", "Vorname": "first", "Nachname": "last", "Firma": "company", "Position": "title",
        "E-Mail-Adresse": "email", "E-Mail-Typ": "kept", "Telefon geschäftlich": "phone", "Fax geschäftlich": "kept",
        "Mobiltelefon": "phone", "Notizen": "notes",
    }  # fmt: skip


def test_google() -> None:
    assert meant(GOOGLE) == {
        "First Name": "first", "Last Name": "last", "Organization Name": "company", "Organization Title": "title",
        "Notes": "notes", "Labels": "kept", "E-mail 1 - Label": "kept", "E-mail 1 - Value": "email",
        "E-mail 2 - Value": "email", "Phone 1 - Label": "kept", "Phone 1 - Value": "phone",
    }  # fmt: skip


@pytest.mark.parametrize("headings", [CHINESE, TRADITIONAL])
def test_chinese(headings: str) -> None:
    words = ["id", "name", "company", "title", "phone", "phone", "kept", "email", "owner", "notes", "kept"]
    if headings == TRADITIONAL:
        words = words[:-1]
    else:
        words[4:7] = ["phone", "phone", "kept"]
    assert list(meant(headings).values()) == words


def test_what_the_user_says_comes_first() -> None:
    assert meant("Name,Kd-Nr,Mail privat,Fax", **{"kd-nr": "id", "Fax": "phone", "Mail privat": "-"}) == {
        "Name": "name",
        "Kd-Nr": "id",
        "Mail privat": "-",
        "Fax": "phone",
    }
    assert meant("Full name,Spitzname", Spitzname="name") == {"Full name": "kept", "Spitzname": "name"}
    assert meant("Name,X1", X1="Shoe size") == {"Name": "name", "Shoe size": "kept"}
    with pytest.raises(BadMapping, match=r'no column "Nope"\. It has: "Name", "Mail"'):
        columns(["Name", "Mail"], {"Nope": "id"})


def test_two_columns_of_one_heading_are_both_kept() -> None:
    assert meant("Name,Tag,Tag,") == {"Name": "name", "Tag": "kept", "Tag 2": "kept", "": "-"}


def test_a_table_that_says_nobody_is_seen_as_such() -> None:
    assert not says_who(columns(["4711", "Berlin", "2026-01-01"], {}))
    assert says_who(columns(BARE.split(";"), {}))
    assert Field.NOTHING.repeats
