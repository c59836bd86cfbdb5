"""Addresses as handles: equal strings are the same address."""

from __future__ import annotations

import json

import pytest

from hub.formats.handles import display, handle, mail, phone
from tests.hub.formats import DATA, EMAIL


def _cases() -> list[dict[str, str]]:
    lines = (DATA / "people" / "phone_parse_cases_open.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_every_spelling_in_the_corpus_becomes_its_e164() -> None:
    cases = _cases()
    assert len(cases) == 6224
    wrong = [
        (case["raw"], case["region"], found)
        for case in cases
        if (found := phone(case["raw"], case["region"])) != f"tel:{case['e164']}"
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("030/123 456", "tel:+4930123456"),
        ("Tel: 030 123456", "tel:+4930123456"),
        ("\u202a+49 30 123456\u202c", "tel:+4930123456"),
        ("+49 30 123456;ext=12", "tel:+4930123456"),
        ("+49 30 123456 ext. 12", "tel:+4930123456"),
        ("whatsapp:+4930123456", "tel:+4930123456"),
        ("whatsapp:US.13491208655302741918", "whatsapp:US.13491208655302741918"),
        ("tel:%2B4930123456", "tel:+4930123456"),
        ("sip:+4930123456@pbx.example;user=phone", "tel:+4930123456"),
        ("sip:4930123456@pbx.example:5060", "tel:+4930123456"),
        ("sip:030123456@pbx.example", "tel:+4930123456"),
        ("SIP:Ada@PBX.example:5061;transport=tls", "sip:Ada@pbx.example"),
        ("sip:21@pbx.example", "sip:21@pbx.example"),
        ("client:ada", "client:ada"),
    ],
)
def test_phone_numbers_as_people_and_switchboards_write_them(written: str, expected: str) -> None:
    assert phone(written, "DE") == expected


@pytest.mark.parametrize(
    "withheld",
    [
        *("", " ", "anonymous", "Anonymous", "restricted", "unavailable", "unknown"),
        *("+266696687", "+7378742833", "+2562533", "+8656696", "+86282452253"),
        *("sip:anonymous@anonymous.invalid", "sip:+266696687@pbx.example", "client:anonymous"),
    ],
)
def test_a_withheld_number_is_nobodys(withheld: str) -> None:
    assert phone(withheld, "DE") is None


@pytest.mark.parametrize(
    "text", ["21", "110", "ada", "Anruf 110", "ada@example.org", "messenger:1234567890", "+", "9" * 400]
)
def test_what_nobody_could_call_back_is_no_phone(text: str) -> None:
    assert phone(text, "DE") is None


def test_without_a_region_only_international_numbers_are_read() -> None:
    assert phone("+49 30 123456", "") == "tel:+4930123456"
    assert phone("030 123456", "") is None


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Ada@Example.ORG", "mailto:ada@example.org"),
        ("<ada@example.org>,", "mailto:ada@example.org"),
        ("'ada@example.org'", "mailto:ada@example.org"),
        ('"Lovelace, Ada" <ada@example.org>', "mailto:ada@example.org"),
        ("mailto:ada@example.org?subject=hello", "mailto:ada@example.org"),
        ("ada@BÜCHER.example", "mailto:ada@xn--bcher-kva.example"),
        ("ada@xn--bcher-kva.example", "mailto:ada@xn--bcher-kva.example"),
        ("Jürgen@example.org", "mailto:jürgen@example.org"),
        ("用户@例子.公司", "mailto:用户@xn--fsqu00a.xn--55qx5d"),
        ("ａｄａ＠ｅｘａｍｐｌｅ．ｏｒｇ", "mailto:ada@example.org"),
        ("ada@i❤.example", "mailto:ada@xn--i-7iq.example"),
        ('"ada"@example.org', "mailto:ada@example.org"),
        ('"a da"@example.org', "mailto:%22a%20da%22@example.org"),
        ("bounce+a=b.example@list.example", "mailto:bounce+a%3Db.example@list.example"),
        ("ada@[192.0.2.1]", "mailto:ada@%5B192.0.2.1%5D"),
    ],
)
def test_mail_addresses_have_one_spelling(written: str, expected: str) -> None:
    assert mail(written) == expected
    assert mail(expected) == expected


def _addresses(name: str) -> list[str]:
    lines = (EMAIL / "flanker-addresses" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return [line.partition("   #")[0].strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]


def test_flankers_valid_mailboxes_are_read() -> None:
    refused = [address for address in _addresses("mailbox_valid") if mail(address) is None]
    # A host name has no "!" (RFC 5321 section 2.3.5); flanker checks the form of RFC 5322 only.
    assert refused == ['Bill Gates <"billy"@retired.Micr!osoft99.com>']


def test_flankers_invalid_mailboxes_are_refused() -> None:
    assert [address for address in _addresses("mailbox_invalid") if mail(address) is not None] == []


def test_a_form_field_takes_either() -> None:
    assert handle("030 123456", "DE") == "tel:+4930123456"
    assert handle(" Ada@example.org ", "DE") == "mailto:ada@example.org"
    assert handle("sip:+4930123456@pbx.example", "DE") == "tel:+4930123456"
    assert handle("acct:ada@social.example", "DE") is None
    assert handle("Ada", "DE") is None


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        ("tel:+4930123456", "+49 30 123456"),
        ("mailto:jürgen@xn--bcher-kva.example", "jürgen@bücher.example"),
        ("mailto:%22a%20da%22@example.org", '"a da"@example.org'),
        ("sip:ada@pbx.example", "ada@pbx.example"),
        ("slack:T1/U2", "T1/U2"),
    ],
)
def test_handles_are_shown_as_people_write_them(shown: str, expected: str) -> None:
    assert display(shown) == expected
