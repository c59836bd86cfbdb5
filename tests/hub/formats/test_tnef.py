"""winmail.dat: what Outlook packs, opened; and nothing that a damaged one can do."""

from __future__ import annotations

import json
import random
import struct
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.formats import mail, rtf, tnef
from hub.formats.errors import Unreadable
from tests.hub.formats import EMAIL

FOLDER = EMAIL / "synthetic" / "tnef"
WINMAIL = (FOLDER / "winmail.dat").read_bytes()


def _attribute(level: int, ident: int, value: bytes) -> bytes:
    return struct.pack("<BII", level, ident, len(value)) + value + struct.pack("<H", sum(value) & 0xFFFF)


def _stream(*attributes: bytes) -> bytes:
    return struct.pack("<IH", 0x223E9F78, 1) + b"".join(attributes)


def _properties(*values: tuple[int, int, bytes]) -> bytes:
    out = struct.pack("<I", len(values))
    for kind, ident, value in values:
        out += struct.pack("<HH", kind, ident)
        if kind in (0x1E, 0x1F, 0x102, 0xD):
            out += struct.pack("<II", 1, len(value)) + value + b"\0" * (-len(value) % 4)
        else:
            out += value
    return out


def _file(*values: tuple[int, int, bytes]) -> bytes:
    return _attribute(2, 0x00069002, b"\0" * 14) + _attribute(2, 0x00069005, _properties(*values))


def _with(data: bytes, text: str | None = "see the file\n") -> bytes:
    message = EmailMessage()
    message["From"], message["Subject"] = "Ada <ada@example.org>", "s"
    if text is None:
        message.set_content(data, maintype="application", subtype="ms-tnef", filename="winmail.dat")
    else:
        message.set_content(text)
        message.add_attachment(data, maintype="application", subtype="ms-tnef", filename="winmail.dat")
        message.add_attachment(b"beside", maintype="application", subtype="octet-stream", filename="beside.bin")
    return message.as_bytes()


def test_the_corpus_winmail_says_what_is_expected() -> None:
    expected = json.loads((FOLDER / "winmail.expected.json").read_text(encoding="utf-8"))
    found = tnef.read(WINMAIL)
    assert (found.subject, found.message_class) == (expected["subject"], expected["message_class"])
    assert found.text == expected["body"].replace("\r\n", "\n")
    assert [(each.name, each.data.decode()) for each in found.files] == [
        (each["name"], each["text"]) for each in expected["attachments"]
    ]
    assert not found.defects


def test_its_files_are_the_mails_and_are_found_again() -> None:
    raw = (FOLDER / "winmail.eml").read_bytes()
    (file,) = mail.parse(raw).attachments
    assert (file.name, file.media_type) == ("quote-4711.txt", "text/plain")
    content = mail.attachment(raw, file.index)
    assert content == b"Quote 4711\r\n3 licences at EUR 120.00\r\n"
    assert file.size == len(content)


def test_the_mails_own_parts_keep_their_numbers() -> None:
    raw = _with(WINMAIL)
    parsed = mail.parse(raw)
    assert [(each.name, each.index) for each in parsed.attachments] == [("beside.bin", 2), ("quote-4711.txt", 3)]
    assert parsed.text == "see the file\n"
    assert mail.attachment(raw, 2) == b"beside"
    assert mail.attachment(raw, 1) == WINMAIL


def test_a_mail_that_is_only_a_winmail_has_its_text() -> None:
    parsed = mail.parse(_with(WINMAIL, text=None))
    assert parsed.text == "Please find the quote attached.\nRegards, Ana"
    assert [each.name for each in parsed.attachments] == ["quote-4711.txt"]


def test_properties_carry_names_pages_and_pictures() -> None:
    data = _stream(
        _attribute(1, 0x00069003, _properties(
            (0x1F, 0x0037, "报价".encode("utf-16-le")),
            (3, 0x3FDE, struct.pack("<I", 65001)),
            (0x102, 0x1013, "<p>您好<img src='cid:logo@x'></p>".encode()),
        )),
        _file(
            (0x1F, 0x3707, "图\u202egnp.png".encode("utf-16-le")), (0x1E, 0x370E, b"image/png\0"),
            (0x1E, 0x3712, b"logo@x\0"), (0x102, 0x3701, b"\x89PNG"),
        ),
    )  # fmt: skip
    raw = _with(data, text=None)
    parsed, body = mail.parse(raw), mail.body(raw)
    (picture,) = parsed.attachments
    assert (picture.name, picture.media_type, picture.inline) == ("图gnp.png", "image/png", True)
    assert parsed.text == "您好"
    assert body.html == "<p>您好<img src='cid:logo@x'></p>"
    assert mail.attachment(raw, body.inline["logo@x"]) == b"\x89PNG"


def test_a_mail_inside_is_flattened() -> None:
    inner = _stream(
        _attribute(1, 0x00069003, _properties((0x1E, 0x0037, b"Old offer"), (0x1E, 0x1000, b"as agreed"))),
        _file((0x1E, 0x3707, b"old.pdf"), (0x102, 0x3701, b"%PDF")),
    )
    outer = _stream(_file((0xD, 0x3701, b"\0" * 16 + inner), (3, 0x3705, struct.pack("<I", 5))))
    assert [(each.name, each.data) for each in tnef.read(outer).files] == [
        ("Old offer.txt", b"as agreed"),
        ("old.pdf", b"%PDF"),
    ]


def test_rich_text_is_read_where_there_is_no_other() -> None:
    # The example of MS-OXRTFCP section 3.1.
    packed = bytes.fromhex(
        "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0"
    )
    assert rtf.unpack(packed) == b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"
    data = _stream(_attribute(1, 0x00069003, _properties((0x102, 0x1009, packed))))
    assert tnef.read(data).text == "hello world"


def test_a_reference_may_overlap_itself() -> None:
    # MS-OXRTFCP section 3.2: reading a token from the dictionary that crosses the write position.
    packed = bytes.fromhex("1a0000001c0000004c5a4675e2d44b51410004205758595a0d6e7d010eb0")
    assert rtf.unpack(packed) == b"{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (rb"{\rtf1\ansi\ansicpg936{\fonttbl{\f0 Song;}}\b \'c4\'fa\'ba\'c3\b0\par x}", "您好\nx"),
        (rb"{\rtf1\uc1 \u-28703?\u26684?}", "\u8fe1格"),
        (rb"{\rtf1\fromhtml1{\*\htmltag64 <p>}Hello\htmlrtf \par\htmlrtf0 {\*\htmltag72 </p>}there}", "Hello\nthere"),
        (rb"{\rtf1 a\{b\}\\c}", "a{b}\\c"),
        (b"", ""),
        (b"}}}{{{", ""),
    ],
)
def test_rtf_reads_as_it_looks(written: bytes, read: str) -> None:
    assert rtf.to_text(written) == read


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"\x78\x9f\x3e"])
def test_what_is_no_tnef_stays_a_file(data: bytes) -> None:
    with pytest.raises(Unreadable):
        tnef.read(data)
    raw = _with(data)
    parsed = mail.parse(raw)
    assert parsed.attachments[0].name == "winmail.dat"
    assert parsed.defects == ("winmail.dat cannot be opened: no TNEF signature",)


def test_a_cut_file_is_kept_as_far_as_it_goes() -> None:
    cut = tnef.read(WINMAIL[:-30])
    assert cut.files[0].name == "quote-4711.txt"
    assert cut.defects


def test_a_bomb_of_files_is_bounded() -> None:
    data = _stream(*[_attribute(2, 0x00069002, b"") + _attribute(2, 0x0006800F, b"x")] * 5_000)
    found = tnef.read(data)
    assert len(found.files) == 1_000
    assert found.defects == ("more than 1,000 files",)
    huge = struct.pack("<IHHI", 0xFFFFFFFF, 0x1003, 1, 0xFFFFFFFF) + b"\0" * 1_000
    assert tnef.read(_stream(_attribute(1, 0x00069003, huge))).files == ()


def test_rtf_is_never_unpacked_beyond_its_limit() -> None:
    run = (
        struct.pack("<II4sI", 0, 0xFFFFFFFF, b"LZFu", 0) + (b"\x00" + b"a" * 8) + (b"\xff" + b"\x0c\xff" * 8) * 200_000
    )
    assert len(rtf.unpack(run)) <= rtf.LONGEST


@given(st.randoms(use_true_random=False))
def test_a_damaged_one_is_read_or_refused(draw: random.Random) -> None:
    data = bytearray(WINMAIL)
    for _ in range(draw.randint(1, 10)):
        at = draw.randrange(6, len(data))
        data[at : at + draw.randint(0, 3)] = draw.randbytes(draw.randint(0, 3))
    parsed = mail.parse(_with(bytes(data)))
    for each in parsed.attachments:
        assert len(mail.attachment(_with(bytes(data)), each.index)) == each.size
