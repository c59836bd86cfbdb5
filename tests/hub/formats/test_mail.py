"""Whole mails: the corpus, mail by mail, then what no corpus holds."""

from __future__ import annotations

import base64
import email
import email.policy
import io
import json
import random
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.formats import mail
from hub.formats.filenames import filename
from hub.formats.html import sanitise
from tests.bench import corpus
from tests.hub.formats import EMAIL, expected_parses

MAILS = sorted(
    path
    for path in EMAIL.rglob("*")
    if path.suffix == ".eml" or path.parent.name == "php-mime-mail-parser" or path.name == "sample_email.txt"
)
NAMES = [str(path.relative_to(EMAIL)) for path in MAILS]


def _mail(name: str) -> mail.Mail:
    return mail.parse((EMAIL / name).read_bytes())


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for each in value:
            yield from _strings(each)
    elif isinstance(value, mail.Address | mail.Attachment | mail.Mail):
        for name in value.__slots__:
            yield from _strings(getattr(value, name))


def _assert_storable(value: object) -> None:
    for text in _strings(value):
        assert "\x00" not in text
        text.encode("utf-8")


# --- the corpus -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", MAILS, ids=NAMES)
def test_every_mail_of_the_corpus_is_read(path: Path) -> None:
    raw = path.read_bytes()
    parsed = mail.parse(raw)
    _assert_storable(parsed)
    if path.parent.name != "malformed":
        assert parsed.sender or parsed.subject or parsed.attachments
        assert parsed.text.strip() or parsed.attachments or path.name in _WITHOUT_CONTENT
    body = mail.body(raw)
    assert body.text == parsed.text
    for each in parsed.attachments:
        content = mail.attachment(raw, each.index)
        assert each.size == len(content) or path.name in _NOT_BASE64


_NOT_BASE64 = {"m0028", "000.eml"}  # "This is an attachment" stands where base64 is announced
_WITHOUT_CONTENT = {"bad_date_header.eml", "empty_in_reply_to.eml", "missing_body.eml"}


STALWART = sorted(path for path in MAILS if path.parent.parent.name == "stalwart-mail-parser")


@pytest.mark.parametrize("path", STALWART, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_stalwarts_mails_say_what_it_expects(path: Path) -> None:
    assert expected_parses.differences(path) == _AGAINST_STALWART.get(f"{path.parent.name}/{path.stem}", set())


# An unfinished multipart: stalwart hangs its parts on as files of a kind it makes up, we show them as text.
_SHOWN = {"text", "structure", "file types", "file names", "file sizes", "content ids"}
_AGAINST_STALWART = {
    # "... base64-encoded audio ..." stands where base64 is announced; a comment alone is nobody.
    "rfc/000": {"file sizes", "inside from", "inside to"},
    # A name loses its path.
    "rfc/001": {"file names"},
    # A comment beside a name is no part of it.
    "rfc/002": {"inside to"},
    # The plain parts between are part of the page (RFC 8621 section 4.1.4).
    "rfc/007": {"html"},
    "malformed/000": {"html", "structure"},
    **dict.fromkeys((f"malformed/{name}" for name in ("001", "002", "003", "004", "007", "009", "011")), _SHOWN),
    "malformed/005": {"text", "structure"},
    "malformed/006": _SHOWN - {"structure"},
    "malformed/008": _SHOWN - {"structure"} | {"html"},
}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        # Stalwart hangs most of these on as attachments; a reader wants to see what was written.
        ("000", ""),
        ("001", "--a\n\n"),
        ("002", "body\n"),
        ("003", "body\n"),
        ("006", "body\n"),
        ("008", "body\n\nbody2\n"),
        ("009", "1\n\n22\n\n333\n"),
        ("010", ""),
        ("011", "1\n\n22\n\n333\n"),
    ],
)
def test_of_a_broken_multipart_everything_written_is_shown(name: str, text: str) -> None:
    assert _mail(f"stalwart-mail-parser/malformed/{name}.eml").text == text


def test_what_the_standard_library_reads_without_a_defect_we_read_the_same() -> None:
    """`email.policy.default` as the second opinion; every difference on the corpus is listed with its reason."""
    differing: dict[str, set[str]] = {}
    compared = 0
    for path, name in zip(MAILS, NAMES, strict=True):
        if name.startswith("stalwart"):
            continue
        raw = path.read_bytes()
        theirs = email.message_from_bytes(raw, policy=email.policy.default)
        assert isinstance(theirs, EmailMessage)
        if theirs.defects or any(part.defects for part in theirs.walk()):
            continue
        compared += 1
        found = _differences(mail.parse(raw), theirs)
        if found:
            differing[name.rpartition("/")[2].removesuffix(".eml")] = found
    assert compared > 130
    assert differing == _KNOWN_DIFFERENCES


_KNOWN_DIFFERENCES = {
    # The charset in the label is wrong or unknown; the library shows U+FFFD, or "Ã‚" for a UTF-8 "Â".
    "attachment_pdf_non_ascii": {"text"},
    "attachment_pdf_non_ascii_lf": {"text"},
    "raw_email5": {"text"},
    "raw_email6": {"text"},
    "raw_email10": {"text"},
    "m0009": {"text"},
    # A blank between two encoded words goes, inside quotes too.
    "bad_subject": {"from"},
    # "Big Bug bb@bug.com" has a name; the library makes one quoted address of it.
    "mix_caps_content_type": {"from"},
    # A display name with an @ and no quotes is still a name.
    "raw_email_with_at_display_name": {"to"},
    # Raw UTF-8 in a header: the library gives surrogates.
    "utf8_headers": {"from", "to"},
    # Base64 that is none, or cut: the library leaves it as it is.
    "m0018": {"files"},
    "m0028": {"files"},
    # A second text part without a name is text (RFC 8621 section 4.1.4).
    "lhost-x1-01": {"text", "files"},
    # A word without an @ is a name.
    "lhost-x6-01": {"from"},
    "lhost-barracuda-01": {"from"},
    "lhost-dragonfly-01": {"from"},
    # What is in a winmail.dat comes instead of it.
    "winmail": {"files"},
    "lhost-amazonworkmail-01": {"files"},
    # Written to differ: a quoted local part, "mailto:" in an address list.
    "odd-recipients": {"from", "cc"},
}


def _differences(ours: mail.Mail, theirs: EmailMessage) -> set[str]:
    found = set()
    for field, mailboxes in (("from", ours.sender), ("to", ours.to), ("cc", ours.cc), ("reply-to", ours.reply_to)):
        wanted = [
            (each.display_name, each.addr_spec)
            for header in theirs.get_all(field, [])
            for each in header.addresses
            if each.addr_spec != "<>"
        ]
        # We also take a name from a comment: "mailer-daemon@example.org (Mail Delivery System)".
        nameless = {address for name, address in wanted if not name}
        if wanted != [("" if each.address in nameless else each.name, each.address) for each in mailboxes]:
            found.add(field)
    if " ".join(str(theirs["subject"] or "").split()) != " ".join(ours.subject.split()):
        found.add("subject")
    if theirs["date"] and theirs["date"].datetime:
        moment = theirs["date"].datetime
        if (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) != ours.date:
            found.add("date")
    plain = theirs.get_body(("plain",))
    if plain is not None:
        try:
            if plain.get_content().split() != ours.text.split():
                found.add("text")
        except LookupError:
            found.add("text")
    payloads = [part.get_payload(decode=True) for part in theirs.iter_attachments() if not part.is_multipart()]
    sizes = [each.size for each in ours.attachments]
    if any(len(payload) not in sizes for payload in payloads if isinstance(payload, bytes)):
        found.add("files")
    return found


# --- what the synthetic mails must become -----------------------------------------------------------------------


def _expected(name: str) -> dict[str, object]:
    found: dict[str, object] = json.loads((EMAIL / "synthetic" / name).read_text(encoding="utf-8"))
    return found


def test_file_names_are_decoded_and_have_no_path() -> None:
    names = [each.name for each in _mail("synthetic/mime/rfc2231-names.eml").attachments]
    assert names[:2] == _expected("mime/rfc2231-names.expected.json")["filenames"][:2]  # type: ignore[index]
    assert names[2] == "evil.txt"


def test_odd_recipients_are_who_they_are() -> None:
    parsed = _mail("synthetic/addresses/odd-recipients.eml")
    expected = _expected("addresses/odd-recipients.expected.json")
    assert parsed.sender[0].name == 'José "Pepe" García'
    assert [each.address for each in parsed.to] == expected["to"]
    assert [each.address for each in parsed.cc] == ["ANN@EXAMPLE.COM", "frank@example.com", "juergen@example.com"]
    assert parsed.cc[2].name == "Jürgen Müller <not@address.example>"
    assert [each.address for each in parsed.reply_to] == ["jose@xn--bcher-kva.example"]
    assert [each.address for each in parsed.bcc] == ["hidden+tag@example.com"]
    assert parsed.date == datetime(2026, 3, 2, 9, 5, tzinfo=UTC)


def test_an_empty_reply_to_is_none() -> None:
    assert _mail("chatwoot/malformed_reply_to.eml").reply_to == ()


@pytest.mark.parametrize(
    ("name", "automatic"),
    [
        ("auto-reply/exchange-oof", "auto-generated"),
        ("auto-reply/gmail-vacation", "auto-replied"),
        ("auto-reply/ja-iso2022jp", "auto-replied"),
        ("auto-reply/legacy-no-auto-submitted", "auto-replied"),
        ("auto-reply/zh-gb18030", "auto-replied"),
        ("auto-reply/NOT-auto-but-looks-like-it", None),
        ("dsn/failed-utf8-rfc6533", "report"),
        ("dsn/mdn-read-rfc8098", "report"),
        ("threads/01-root", None),
    ],
)
def test_what_no_person_sent_is_told_apart(name: str, automatic: str | None) -> None:
    assert _mail(f"synthetic/{name}.eml").automatic == automatic


def test_bounces_are_automatic() -> None:
    silent = [
        path.stem
        for path in sorted((EMAIL / "sisimai").glob("*.eml"))
        if _mail(f"sisimai/{path.name}").automatic is None
    ]
    assert silent == []


def test_japanese_and_chinese_are_read() -> None:
    japanese = _mail("synthetic/auto-reply/ja-iso2022jp.eml")
    assert (japanese.sender[0].name, japanese.subject) == ("田中花子", "不在通知: お問い合わせ")
    assert japanese.text == "本日は不在にしております。\n"
    chinese = _mail("synthetic/auto-reply/zh-gb18030.eml")
    assert chinese.subject == "自动回复: 报价单"
    assert chinese.text.startswith("您好，我正在休假，下周一回复您。")


def test_threads_hang_together_by_their_ids() -> None:
    folder = EMAIL / "synthetic" / "threads"
    mails = {path.stem: mail.parse(path.read_bytes()) for path in sorted(folder.glob("*.eml"))}
    assert mails["05-in-reply-to-with-text"].in_reply_to == "<r4@example.com>"
    assert mails["09-missing-message-id"].message_id == ""
    thread = {"<root-9@example.org>"}
    joined: list[str] = []
    for name, parsed in mails.items():
        ids = {parsed.message_id, parsed.in_reply_to, *parsed.references} - {""}
        if ids & thread and name != "11-duplicate-message-id":
            thread |= ids
            joined.append(name)
    assert joined == _expected("threads/expected.json")["by_headers"]["<root-9@example.org>"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("name", "method"),
    [
        (name, expected["method"])  # type: ignore[index]
        for name, expected in json.loads((EMAIL / "synthetic/imip/expected.json").read_text(encoding="utf-8")).items()
    ],
)
def test_an_invitation_is_handed_on_once_with_its_method(name: str, method: str) -> None:
    raw = (EMAIL / "synthetic" / "imip" / f"{name}.eml").read_bytes()
    (calendar,) = mail.parse(raw).calendars
    assert calendar.method == method
    assert b"BEGIN:VCALENDAR" in mail.attachment(raw, calendar.index)


# --- structure --------------------------------------------------------------------------------------------------

HEAD = b"From: Ada <ada@example.org>\r\nSubject: s\r\nMIME-Version: 1.0\r\n"

RELATED = (
    HEAD + b'Content-Type: multipart/related; boundary="r"\r\n\r\n'
    b'--r\r\nContent-Type: multipart/alternative; boundary="a"\r\n\r\n'
    b"--a\r\nContent-Type: text/plain\r\n\r\nplain\r\n"
    b'--a\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>page <img src="cid:logo@x"></p>\r\n--a--\r\n'
    b"--r\r\nContent-Type: image/png\r\nContent-ID: <logo@x>\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw0K\r\n"
    b"--r--\r\n"
)


def test_a_page_has_its_text_its_html_and_its_pictures() -> None:
    parsed = mail.parse(RELATED)
    assert parsed.text == "plain"
    (logo,) = parsed.attachments
    assert (logo.media_type, logo.content_id, logo.inline, logo.size) == ("image/png", "logo@x", True, 6)
    body = mail.body(RELATED)
    assert body.html == '<p>page <img src="cid:logo@x"></p>'
    assert dict(body.inline) == {"logo@x": logo.index}
    assert mail.attachment(RELATED, logo.index) == b"\x89PNG\r\n"
    with pytest.raises(mail.Unreadable, match="no part 9"):
        mail.attachment(RELATED, 9)


def test_html_becomes_text_only_where_no_text_is_written() -> None:
    page = HEAD + b"Content-Type: text/html\r\n\r\n<meta charset=gb2312><p>" + "报价".encode("gbk") + b"</p><p>x</p>"
    assert mail.parse(page).text == "报价\n\nx"
    blank = RELATED.replace(b"\r\n\r\nplain\r\n", b"\r\n\r\n \r\n\r\n")
    assert mail.parse(blank).text == "page"


def test_what_is_inside_a_forwarded_mail_belongs_to_it() -> None:
    outer = (
        HEAD + b"Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\n\r\nsee below\r\n"
        b"--o\r\nContent-Type: message/rfc822\r\n\r\n" + RELATED + b"\r\n--o--\r\n"
    )
    parsed = mail.parse(outer)
    assert parsed.text == "see below"
    (forwarded,) = parsed.attachments
    assert forwarded.media_type == "message/rfc822"
    inner = mail.parse(mail.attachment(outer, forwarded.index))
    assert inner.text == "plain"
    assert [each.content_id for each in inner.attachments] == ["logo@x"]


def test_one_bad_base64_part_costs_only_itself() -> None:
    broken = RELATED.replace(b"iVBORw0K", b"iVBOR!w0KQ")
    parsed = mail.parse(broken)
    assert parsed.text == "plain"
    assert mail.attachment(broken, parsed.attachments[0].index).startswith(b"\x89PNG")


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r", b"\r\r\n"])
def test_any_line_end_will_do(end: bytes) -> None:
    parsed = mail.parse(RELATED.replace(b"\r\n", end))
    assert (parsed.subject, parsed.text.strip(), len(parsed.attachments)) == ("s", "plain", 1)


def test_a_boundary_that_is_missing_is_guessed() -> None:
    parsed = mail.parse(RELATED.replace(b'; boundary="r"', b""))
    assert parsed.text == "plain"
    assert parsed.defects == ("no boundary",)


@pytest.mark.parametrize(
    ("label", "written", "read"),
    [
        ("utf-8", "Grüße".encode("latin-1"), "Grüße"),
        ("iso-8859-1", "Grüße".encode(), "Grüße"),
        ("iso-8859-1", "„Grüße“".encode("cp1252"), "„Grüße“"),
        ("gb2312", "镕基".encode("gb18030"), "镕基"),
        ("us-ascii", "您好，请查收".encode("gbk"), "您好，请查收"),
        ("", "Grüße".encode(), "Grüße"),
        ("", "お世話になっております".encode("iso2022_jp"), "お世話になっております"),
        ("x-nothing", "Grüße".encode(), "Grüße"),
        ("unicode_escape", b"\\ud800 x", "\\ud800 x"),
        ("utf-8", b"a\x00b", "ab"),
        ("ks_c_5601-1987", "견적서".encode("cp949"), "견적서"),
        ("big5", "報價單".encode("big5"), "報價單"),
        ("utf-16", "報價".encode("utf-16"), "報價"),
    ],
)
def test_a_wrong_charset_costs_a_guess_never_the_text(label: str, written: bytes, read: str) -> None:
    kind = f"text/plain; charset={label}" if label else "text/plain"
    raw = HEAD + f"Content-Type: {kind}\r\nContent-Transfer-Encoding: 8bit\r\n\r\n".encode() + written
    assert mail.parse(raw).text == read


@pytest.mark.parametrize(
    ("charset", "subject"), [("utf-8", "Grüße, 您好"), ("gbk", "您好，报价单"), ("latin-1", "Grüße")]
)
def test_raw_eight_bit_headers_are_read(charset: str, subject: str) -> None:
    for label in (charset, "us-ascii"):
        raw = b"Subject: " + subject.encode(charset) + f"\nContent-Type: text/plain; charset={label}\n\nx".encode()
        assert mail.parse(raw).subject == subject


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "empty"),
        (b" \r\n\r\n", "empty"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "binary"),
        (b"just a line\nand another", "no mail header"),
        (b'{"a": 1}', "no mail header"),
        ("Subject: x".encode("utf-16"), "binary"),
    ],
)
def test_what_is_no_mail_is_refused_with_the_reason(raw: bytes, reason: str) -> None:
    with pytest.raises(mail.Unreadable, match=reason):
        mail.parse(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"Subject: a\nhello there\n",
        b"From ada@example.org Mon Jan  1 00:00:00 2026\nSubject: a\n\nhello there\n",
        b"\xef\xbb\xbf\n  \nSubject: a\n\nhello there\n",
        b"Subject : a\n\nhello there\n",
        b"To: x\nnonsense\nSubject: a\n\nhello there\n",
    ],
)
def test_a_header_that_is_nearly_one_is_read(raw: bytes) -> None:
    parsed = mail.parse(raw)
    assert (parsed.subject, parsed.text) == ("a", "hello there\n")


# --- signed and encrypted ---------------------------------------------------------------------------------------


def _der(tag: int, *values: bytes) -> bytes:
    value = b"".join(values)
    size = bytes([len(value)]) if len(value) < 128 else b"\x82" + len(value).to_bytes(2, "big")
    return bytes([tag]) + size + value


def _oid(last: int) -> bytes:
    return _der(6, bytes.fromhex("2a864886f70d0107") + bytes([last]))


def _cms(content: bytes, last: int = 2) -> bytes:
    """A ContentInfo (RFC 5652): signed where *last* is 2, enveloped where it is 3."""
    wrapped = _der(0x30, _oid(1), _der(0xA0, _der(4, content)))
    return _der(0x30, _oid(last), _der(0xA0, _der(0x30, _der(2, b"\1"), _der(0x31), wrapped, _der(0x31))))


def _smime(cms: bytes, parameters: str = "") -> bytes:
    return (
        HEAD + f'Content-Type: application/pkcs7-mime; name="smime.p7m"{parameters}\r\n'.encode()
        + b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(cms)
    )  # fmt: skip


INNER = (
    b"Content-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    + "signed Grüße".encode()
    + b"\r\n--i\r\nContent-Type: application/pdf; name=offer.pdf\r\n\r\n%PDF\r\n--i--\r\n"
)


@pytest.mark.parametrize("parameters", ["", "; smime-type=signed-data"])
def test_what_is_only_signed_is_shown(parameters: str) -> None:
    raw = _smime(_cms(INNER), parameters)
    parsed = mail.parse(raw)
    assert (parsed.protection, parsed.text) == ("smime-signed", "signed Grüße")
    (file,) = parsed.attachments
    assert (file.name, mail.attachment(raw, file.index)) == ("offer.pdf", b"%PDF")


def test_a_signed_mail_that_was_streamed_is_shown() -> None:
    pieces = b"".join(_der(4, INNER[at : at + 50]) for at in range(0, len(INNER), 50))
    wrapped = b"\x30\x80" + _oid(1) + b"\xa0\x80\x24\x80" + pieces + b"\0\0" * 3
    cms = b"\x30\x80" + _oid(2) + b"\xa0\x80\x30\x80" + _der(2, b"\1") + _der(0x31) + wrapped + b"\0\0" * 3
    assert mail.parse(_smime(cms)).text == "signed Grüße"


@pytest.mark.parametrize(
    "cms", [_cms(b"secret", 3), b"", b"\x30\x80" * 3_000, b"\x30\x84\xff\xff\xff\xff", b"\x3f\xff"]
)
def test_what_needs_a_key_or_is_damaged_stays_a_file(cms: bytes) -> None:
    parsed = mail.parse(_smime(cms, "; smime-type=enveloped-data"))
    assert parsed.protection == "smime-encrypted"
    assert [each.name for each in parsed.attachments] == ["smime.p7m"]
    assert mail.parse(_smime(_cms(b"secret", 3))).protection == "smime-encrypted"


def _two(kind: str, protocol: str, first: bytes, second: str) -> bytes:
    return (
        HEAD + f'Content-Type: multipart/{kind}; protocol="{protocol}"; boundary=p\r\n\r\n--p\r\n'.encode()
        + first + f"\r\n--p\r\nContent-Type: {second}\r\n\r\nx\r\n--p--\r\n".encode()
    )  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "protection", "text"),
    [
        (_two("signed", "application/pgp-signature", b"\r\nhello", "application/pgp-signature"), "pgp-signed", "hello"),
        (
            _two("signed", "application/pkcs7-signature", b"\r\nhello", "application/x-pkcs7-signature"),
            "smime-signed",
            "hello",
        ),
        (
            _two(
                "encrypted",
                "application/pgp-encrypted",
                b"Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1",
                "application/octet-stream; name=encrypted.asc",
            ),
            "pgp-encrypted",
            "",
        ),
        (HEAD + b"\n-----BEGIN PGP MESSAGE-----\n\nabc", "pgp-encrypted", None),
        (HEAD + b"\n-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nhello", "pgp-signed", None),
        (HEAD + b"\n> -----BEGIN PGP MESSAGE-----\n\nwhat is this?", "", None),
        (HEAD + b"\nhello", "", "hello"),
    ],
)
def test_protection_is_shown_as_such(raw: bytes, protection: str, text: str | None) -> None:
    parsed = mail.parse(raw)
    assert parsed.protection == protection
    assert text is None or parsed.text == text


# --- mails inside, pictures, calendars, flowed text --------------------------------------------------------------


def test_an_attached_mail_is_named_by_its_subject_and_opened_by_its_number() -> None:
    innermost = b"Subject: =?utf-8?q?Angebot_f=C3=BCr=3A_A/B?=\r\nFrom: c@d.example\r\n\r\ndeep"
    middle = HEAD + b"Content-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\nContent-Type: message/rfc822\r\n\r\n"
    middle += innermost + b"\r\n--m--\r\n"
    outer = HEAD + b"Content-Type: multipart/digest; boundary=o\r\n\r\n--o\r\n\r\n" + middle + b"\r\n--o--\r\n"
    (first,) = mail.parse(outer).attachments
    assert (first.name, first.media_type) == ("s.eml", "message/rfc822")
    inside = mail.attachment(outer, first.index)
    (second,) = mail.parse(inside).attachments
    assert second.name == "Angebot für_ A_B.eml"
    assert mail.parse(mail.attachment(inside, second.index)).text == "deep"


def test_a_page_finds_its_pictures_by_their_location_too() -> None:
    located = RELATED.replace(b"Content-ID: <logo@x>", b"Content-Location: images/logo.png")
    located = located.replace(b"cid:logo@x", b"images/logo.png")
    body = mail.body(located)
    assert dict(body.inline) == {"images/logo.png": 2}
    assert mail.parse(located).attachments[0].inline
    shown = sanitise(body.html or "", lambda name: f"/files/{body.inline[name]}" if name in body.inline else None)
    assert (shown.blocked_images, 'src="/files/2"' in shown.html) == (0, True)


def test_a_calendar_is_found_in_any_place() -> None:
    calendar = b"BEGIN:VCALENDAR\r\nMETHOD:CANCEL\r\nBEGIN:VEVENT\r\nUID:1\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    whole = HEAD + b"Content-Type: text/calendar\r\n\r\n" + calendar
    file = HEAD + b"Content-Type: application/octet-stream; name=a.ICS\r\n\r\n" + calendar
    for raw in (whole, file):
        (found,) = mail.parse(raw).calendars
        assert found.method == "CANCEL"
        assert mail.attachment(raw, found.index) == calendar
    assert mail.parse(HEAD + b"Content-Type: text/calendar; method=REQUEST\r\n\r\nnone").calendars == ()


@pytest.mark.parametrize(
    ("parameters", "written", "read"),
    [
        ("", "one \ntwo\nthree \n", "one two\nthree "),
        ("; DelSp=yes", "报价 \n单\n", "报价单\n"),
        ("", "> a \n> b\n>> c \n> d \n", "> a b\n>> c \n> d \n"),
        ("", "x \n-- \nAda\n", "x \n-- \nAda\n"),
        ("", "a \n From b\n >c\n", "a From b\n>c\n"),
        ("", "no blank\n  at the end\n", "no blank\n  at the end\n"),
    ],
)
def test_flowed_text_is_put_together(parameters: str, written: str, read: str) -> None:
    raw = HEAD + f"Content-Type: text/plain; charset=utf-8; format=flowed{parameters}\n\n".encode() + written.encode()
    assert mail.parse(raw).text == read


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("../../x", "x"),
        ("..", ""),
        ("C:\\Temp\\offer.pdf", "offer.pdf"),
        ("offer\u202efdp.exe", "offerfdp.exe"),
        ("a\x00b\x07.txt", "ab.txt"),
        ("CON.txt", "_CON.txt"),
        ("lpt1", "_lpt1"),
        ("a:b|c?.pdf ", "a_b_c_.pdf"),
        ("x" * 500 + ".pdf", "x" * 196 + ".pdf"),
        ("报价单.pdf", "报价单.pdf"),
        ("family \U0001f468\u200d\U0001f469.png", "family \U0001f468\u200d\U0001f469.png"),
    ],
)
def test_a_file_may_be_saved_under_its_name(written: str, name: str) -> None:
    assert filename(written) == name


# --- limits -----------------------------------------------------------------------------------------------------

MANY_PARTS = b"Content-Type: multipart/mixed; boundary=a\n\n"


def _nested(levels: int) -> bytes:
    heads = (f"Content-Type: multipart/mixed; boundary=b{level}\n\n--b{level}\n" for level in range(levels))
    return HEAD + "".join(heads).encode() + b"\nx"


@pytest.mark.parametrize(
    ("raw", "defect"),
    [
        (HEAD + MANY_PARTS + b"--a\nContent-Type: image/png\n\nabc\n" * 5_000, "more than 2,000 parts"),
        (_nested(5_000), "more than 40 levels of parts"),
        (HEAD + MANY_PARTS + b"--ab\n" * 50_000, "more than 20,000 lines that look like a boundary"),
        (HEAD + b"X-A: " + b"a " * 5_000_000 + b"\n\nx", "a header longer than 1,000,000 bytes"),
        (HEAD + b"X-A: a\n" * 1_500_000 + b"\nx", "a header longer than 1,000,000 bytes"),
        (HEAD + b"X-A: a" + b"\n " * 5_000_000 + b"\n\nx", "a header longer than 1,000,000 bytes"),
        (HEAD + b"To: " + b"a@b.example, " * 20_000 + b"\n\nx", "more than 10,000 addresses in To"),
        (
            HEAD + b"".join(b"Cc: a%d@b.example\n" % n for n in range(10_001)) + b"\nx",
            "more than 10,000 addresses in Cc",
        ),
        (b"From: a@b.example\nSubject: " + b"a" * 3_000 + b"\n\nx", "a subject longer than 2,000 characters"),
        (HEAD + b"References: " + b" ".join(b"<%d@b>" % n for n in range(900)) + b"\n\nx", "500 references or more"),
        (HEAD + b"\n" + b"a " * 5_000_000, "a text longer than 1,000,000 characters"),
        (
            HEAD + b"Content-Transfer-Encoding: base64\n\n" + base64.encodebytes(b"a " * 5_000_000),
            "a text longer than 1,000,000 characters",
        ),
        (HEAD + b"Content-Type: text/html\n\n" + b"<p>a" * 500_000, "a page longer than 1,000,000 bytes"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_limit_that_was_hit_is_named(raw: bytes, defect: str) -> None:
    parsed = mail.parse(raw)
    assert defect in parsed.defects
    assert parsed.sender
    assert len(parsed.text) <= mail.LONGEST_TEXT
    assert sum(len(value) for _, value in parsed.headers) <= 1_300_000
    _assert_storable(parsed)


def test_ten_thousand_recipients_are_ten_thousand() -> None:
    raw = HEAD + b"To: " + b",\n ".join(b'"N %d" <n%d@b.example>' % (n, n) for n in range(10_000)) + b"\n\nx"
    parsed = mail.parse(raw)
    assert (len(parsed.to), parsed.to[9_999], parsed.defects) == (10_000, mail.Address("N 9999", "n9999@b.example"), ())


def test_of_a_huge_header_the_usual_fields_are_read_first() -> None:
    raw = b"X-A: " + b"a " * 2_000_000 + b"\n" + b"X-B: b\n" * 200_000 + HEAD + b"\nx"
    parsed = mail.parse(raw)
    assert (parsed.subject, parsed.text) == ("s", "x")


def test_an_id_that_no_store_can_index_is_none() -> None:
    assert mail.parse(HEAD + b"Message-ID: <" + b"a" * 5_000 + b"@b>\nReferences: <a@b> <" + b"c" * 5_000 + b">\n\nx")
    parsed = mail.parse(HEAD + b"Message-ID: <" + b"a" * 5_000 + b"@b>\nReferences: <a@b> <" + b"c" * 5_000 + b">\n\nx")
    assert (parsed.message_id, parsed.references) == ("", ("<a@b>",))


def test_an_address_list_with_nul_is_read() -> None:
    parsed = mail.parse(b'From: a@b.example\nTo: "a\x00b" <c\x00@d.example>, e@f.example\n\nx')
    assert parsed.to == (mail.Address("ab", "c@d.example"), mail.Address("", "e@f.example"))


def test_a_huge_file_is_measured_and_no_archive_is_opened() -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("zeros", b"\0" * 50_000_000)
    raw = HEAD + b"Content-Type: application/zip; name=bomb.zip\nContent-Transfer-Encoding: base64\n\n"
    raw += base64.encodebytes(archive.getvalue())
    (file,) = mail.parse(raw).attachments
    assert (file.name, file.size) == ("bomb.zip", len(archive.getvalue()))
    assert mail.attachment(raw, file.index) == archive.getvalue()
    for encoding, unit in (("quoted-printable", b"=41=42" * 12 + b"=\r\n"), ("base64", b"QUFB" * 19 + b"\r\n")):
        raw = HEAD + f"Content-Type: image/x\nContent-Transfer-Encoding: {encoding}\n\n".encode() + unit * 40_000
        (file,) = mail.parse(raw).attachments
        assert file.size == len(mail.attachment(raw, file.index))


# --- hostile and random -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw",
    [
        b"Subject: " + b"=?utf-8?q?a" * 50_000 + b"\n\nx",
        b"Subject: =?utf-8?q?" + b"\n  a" * 20_000 + b"\n\nx",
        b"To: " + b" " * 500_000 + b"\n\nx",
        b"To: " + b"(" * 200_000 + b"\n\nx",
        b"To: " + b"a," * 100_000 + b"\n\nx",
        b'To: "' + b"\\" * 200_000 + b"\n\nx",
        b"References: <" + b"a" * 500_000 + b"\n\nx",
        b"Date: " + b"(" * 200_000 + b"\n\nx",
        b"Content-Type: text/plain;" + b" " * 200_000 + b"x\n\nx",
        b"Subject: a\n" + b"stray\n" * 50_000 + b"To: x\n\nx",
        b"Content-Type: multipart/mixed; boundary=a\n\n" + b"--a\n" * 100_000,
        b"Content-Type: multipart/mixed; boundary=a\n\n"
        + b"--a\nContent-Type: multipart/mixed; boundary=a\n\n" * 5_000,
        b"Content-Type: text/html\n\n" + b"<blockquote>" * 50_000 + b"x",
        b"Content-Type: text/html\n\n" + b"<div style='display:none'>" * 5_000 + b"x",
    ],
    ids=lambda raw: raw[:30].decode(),
)
def test_a_hostile_mail_is_read_like_any_other(raw: bytes) -> None:
    _assert_storable(mail.parse(raw))


_SEEDS = [path.read_bytes() for path in MAILS if path.stat().st_size < 6_000]


@given(st.randoms(use_true_random=False))
def test_damaged_mails_are_read_or_refused_and_always_storable(draw: random.Random) -> None:
    raw = bytearray(draw.choice(_SEEDS))
    for _ in range(draw.randint(1, 8)):
        at = draw.randrange(len(raw) + 1)
        match draw.randrange(4):
            case 0:
                del raw[at : at + draw.randint(1, 60)]
            case 1:
                raw[at:at] = draw.randbytes(draw.randint(1, 12))
            case 2:
                raw[at:at] = raw[draw.randrange(len(raw) + 1) :][:200]
            case _:
                raw[at:at] = draw.choice(
                    [b"\n", b"\r\n", b"\x00", b"=?utf-8?b?", b"--", b'"', b"(", b"<", b"\xff", b"\t"]
                )
    try:
        parsed = mail.parse(bytes(raw))
    except mail.Unreadable:
        return
    _assert_storable(parsed)
    _assert_storable(mail.body(bytes(raw)).html or "")
    for each in parsed.attachments:
        mail.attachment(bytes(raw), each.index)


def test_the_benchmarks_mails_are_what_they_should_be() -> None:
    mails = list(corpus.mails(200, seed=3))
    assert mails == list(corpus.mails(200, seed=3))
    parsed = [mail.parse(raw) for raw in mails]
    assert len({each.message_id for each in parsed}) == 200
    assert sum(bool(each.in_reply_to) for each in parsed) > 60
    assert sum(bool(each.attachments) for each in parsed) == 10
    assert not any(each.defects for each in parsed)
    sizes = [
        [len(raw) for number, raw in enumerate(mails) if low <= number % 20 < high]
        for low, high in ((0, 14), (14, 19), (19, 20))
    ]
    means = [sum(group) / len(group) for group in sizes]
    assert [round(mean / wanted, 1) for mean, wanted in zip(means, (3_000, 30_000, 300_000), strict=True)] == [
        1.0,
        1.0,
        1.0,
    ]
