"""Contact lists as people have them: separators, encodings, broken rows, and vCards of three versions."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.crm.files import BadFile, Row, full_name, read


def rows(tmp_path: Path, data: bytes, name: str = "list.csv", **mapping: str) -> list[Row]:
    path = tmp_path / name
    path.write_bytes(data)
    return list(read(path, mapping).rows)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "gb18030"])
def test_every_encoding_of_a_chinese_office_is_read(tmp_path: Path, encoding: str) -> None:
    text = "姓名;邮箱;手机\r\n" + "".join(f"王小明{n};wang{n}@example.cn;1380013800{n}\r\n" for n in range(5))
    found = rows(tmp_path, text.encode(encoding))
    assert [row.name for row in found] == [f"王小明{n}" for n in range(5)]
    assert found[0].phones == ("13800138000",)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_every_encoding_of_a_german_office_is_read(tmp_path: Path, encoding: str) -> None:
    text = "Name;Firma;E-Mail\r\nJürgen Müller;Straßenbau Köln GmbH;j@example.de\r\nZoë Große;Öl & Gas;z@example.de\r\n"
    found = rows(tmp_path, text.encode(encoding))
    assert [(row.name, row.company) for row in found] == [
        ("Jürgen Müller", "Straßenbau Köln GmbH"),
        ("Zoë Große", "Öl & Gas"),
    ]


def test_an_encoding_that_is_said_is_used_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes("name;email\r\nŁukasz;l@example.pl\r\n".encode("cp1250"))
    assert [row.name for row in read(path, {}, "cp1250").rows] == ["Łukasz"]
    with pytest.raises(BadFile, match="not utf-8"):
        read(path, {}, "utf-8")
    with pytest.raises(BadFile, match="not klingon"):
        read(path, {}, "klingon")


@pytest.mark.parametrize("separator", [";", ",", "\t", "|"])
def test_every_separator_is_told_by_the_first_row(tmp_path: Path, separator: str) -> None:
    head = separator.join(["name", '"note, or; more"', "email"])
    body = separator.join(["Li Na", f'"a {separator} b\nsecond line ""quoted"""', "li@example.cn"])
    (row,) = rows(tmp_path, f"{head}\n{body}\n".encode())
    assert (row.name, row.mails) == ("Li Na", ("li@example.cn",))
    assert row.fields == {"note, or; more": f'a {separator} b\nsecond line "quoted"'}


def test_excels_own_way_to_name_the_separator(tmp_path: Path) -> None:
    (row,) = rows(tmp_path, b"sep=|\r\nname|a,b,c\r\nLi|x\r\n")
    assert (row.name, row.fields) == ("Li", {"a,b,c": "x"})


def test_rows_are_numbered_as_in_a_spreadsheet_and_empty_ones_left_out(tmp_path: Path) -> None:
    found = rows(tmp_path, b"name;email\n\nA;a@x.example\n;\n  ; \nB\nC;c@x.example;too;many\n")
    assert [(row.number, row.name, row.mails) for row in found] == [
        (3, "A", ("a@x.example",)),
        (6, "B", ()),
        (7, "C", ("c@x.example",)),
    ]


def test_a_cell_may_hold_several(tmp_path: Path) -> None:
    data = (
        b'name;email;phone 1;phone 2\nA;"a@x.example, b@x.example; c@x.example";"030/1 ::: 030/2";+49 30 3 / +49 30 4\n'
    )
    (row,) = rows(tmp_path, data)
    assert row.mails == ("a@x.example", "b@x.example", "c@x.example")
    assert row.phones == ("030/1", "030/2", "+49 30 3", "+49 30 4")


def test_names_are_put_together_as_their_script_does() -> None:
    assert full_name("Na", "Li") == "Na Li"
    assert full_name("小明", "王") == "王小明"
    assert full_name("", "王") == "王"
    assert full_name("Na", "") == "Na"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b"\r\n\r\n", "empty"),
        (b"4711;Berlin\n1;2\n", 'No column says who somebody is. There are: "4711", "Berlin"'),
    ],
)
def test_what_is_no_contact_list_is_said(tmp_path: Path, data: bytes, said: str) -> None:
    with pytest.raises(BadFile, match=said):
        rows(tmp_path, data)


V21 = (
    "BEGIN:VCARD\r\nVERSION:2.1\r\nN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BCller;J=C3=BCrgen\r\n"
    "FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:J=C3=BCrgen=20=\r\nM=C3=BCller\r\nTEL;CELL;VOICE:0170 1234567\r\n"
    "EMAIL;INTERNET:j@example.de\r\nORG:Bau GmbH;Einkauf\r\nEND:VCARD\r\n"
)
V30 = (
    "BEGIN:VCARD\nVERSION:3.0\nPRODID:-//Apple Inc.//macOS//EN\nN:王;小明;;;\nFN:王小明\nORG:上海公司;\nTITLE:采购\n"
    "EMAIL;type=INTERNET;type=WORK:wang@example.cn\nitem1.EMAIL;type=INTERNET:wang@home.example\n"
    "TEL;type=CELL:+86 138 0013 8000\nitem2.ADR;type=WORK:;;Road 1;Shanghai;;200000;China\n"
    "NOTE:first\\nsecond\\, third\nPHOTO;ENCODING=b;TYPE=JPEG:/9j/4AAQ\nUID:8A7B\nEND:VCARD\n"
)
V40 = (
    "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Simon Perreault\r\nN:Perreault;Simon;;;ing. jr,M.Sc.\r\n"
    'ORG;TYPE=work:Viagenie\r\nTEL;VALUE=uri;TYPE="work,voice";PREF=1:tel:+1-418-656-9254;ext=102\r\n'
    "EMAIL;TYPE=work:simon.perreault@viagenie.ca\r\nUID:urn:uuid:4fbe8971\r\nEND:VCARD\r\n"
)


def test_cards_of_three_versions(tmp_path: Path) -> None:
    old, apple, new = rows(tmp_path, (V21 + V30 + V40).encode(), "cards.vcf")
    assert (old.number, old.name, old.company) == (1, "Jürgen Müller", "Bau GmbH")
    assert (old.mails, old.phones) == (("j@example.de",), ("0170 1234567",))
    assert (apple.number, apple.name, apple.company, apple.title) == (2, "王小明", "上海公司", "采购")
    assert apple.mails == ("wang@example.cn", "wang@home.example")
    assert apple.notes == "first\nsecond, third"
    assert apple.external_id == "8A7B"
    assert apple.fields == {"ADR": "Road 1, 200000, Shanghai, China"}
    assert (new.name, new.phones) == ("Simon Perreault", ("tel:+1-418-656-9254;ext=102",))
    assert new.external_id == "urn:uuid:4fbe8971"


def test_a_card_that_cannot_be_read_costs_no_other(tmp_path: Path) -> None:
    broken = "BEGIN:VCARD\nVERSION:3.0\nthis is no property\nEND:VCARD\n"
    found = rows(tmp_path, (V30 + broken + V40).encode(), "cards.vcf")
    assert [bool(row.problem) for row in found] == [False, True, False]
    assert found[1].number == 2


def test_a_card_with_another_ending_is_still_a_card(tmp_path: Path) -> None:
    assert rows(tmp_path, V40.encode(), "cards.txt")[0].name == "Simon Perreault"
    path = tmp_path / "cards.vcf"
    path.write_bytes(V40.encode())
    with pytest.raises(BadFile, match="--map"):
        read(path, {"a": "b"})
