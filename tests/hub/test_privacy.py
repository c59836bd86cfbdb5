"""What the rules keep out is nowhere: not recorded, not in quarantine, not as a blob."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from hub import Copy, Level, RawMail, Unreadable
from hub.mailroom import Mailroom
from hub.privacy.mail_rules import Internal, MailRules, Rule
from hub.store import Store
from hub.understanding import Guide
from tests.hub.core import NEVER, OURS, Core, letter, open_core

RULES = MailRules(
    NEVER,
    Internal.SKIP,
    OURS.handles,
    frozenset(["example.org"]),
    frozenset(["private", "inbox/ärzte"]),
    frozenset([("sensitivity", "private"), ("x-hub", "no")]),
)


@asynccontextmanager
async def strict(store: Store, rules: MailRules = RULES) -> AsyncIterator[Core]:
    """A core that keeps to *rules*."""
    async with open_core(store) as core, Mailroom(Guide(rules), workers=1) as mailroom:
        core.ingest._mailroom = mailroom
        yield core


def with_header(mail: RawMail, header: str) -> RawMail:
    return replace(mail, raw=header.encode() + b"\r\n" + mail.raw)


KEPT_OUT = {
    "never-log": letter("a@x.example", sender="doctor@clinic.example"),
    "never-log among many": letter("b@x.example", to="support@example.org, partner@mail.lawyers.example"),
    "internal": letter("c@example.org", sender="ada@example.org", to="ben@example.org, new.colleague@example.org"),
    "folder": letter("d@x.example", place="Private"),
    "folder in it": letter("e@x.example", place="private/2026"),
    "folder with an umlaut": letter("f@x.example", place="INBOX/Ärzte"),
    "label": letter("g@x.example", copy=Copy("All Mail", "1:1", labels=frozenset(["Private"]))),
    "header": with_header(letter("h@x.example"), "Sensitivity: Private"),
    "header of our own": with_header(letter("i@x.example"), "X-Hub:  NO "),
    "what cannot be read, of a never-log sender": RawMail(
        b"\0\0\0 From: doctor@clinic.example\r\n", Copy("INBOX", "1:1"), letter("z").received_at
    ),
    "what is too large to be fetched, in the folder": Unreadable(
        letter("y").raw, "too large", letter("y").received_at, Copy("Private", "1:1")
    ),
    "what is too large to be fetched, of a never-log sender": Unreadable(
        letter("x", sender="doctor@clinic.example").raw, "too large", letter("x").received_at, Copy("INBOX", "1:1")
    ),
    "what is too large to be fetched, with the header": Unreadable(
        b"Sensitivity: private\r\n" + letter("w").raw, "too large", letter("w").received_at, Copy("INBOX", "1:1")
    ),
    "what cannot be read, in the folder": RawMail(b"\0\0\0", Copy("Private", "1:1"), letter("z").received_at),
}


@pytest.mark.parametrize("mail", KEPT_OUT.values(), ids=KEPT_OUT.keys())
async def test_what_a_rule_keeps_out_leaves_no_trace(store: Store, mail: RawMail | Unreadable) -> None:
    async with strict(store) as core:
        await core.ingest.record("mail", [mail])
        for table in ("interactions", "events", "copies", "participants", "blobs", "quarantine", "search"):
            assert await core.one(f"SELECT count(*) FROM {table}") == 0, table


KEPT = {
    "from outside": letter("a@x.example"),
    "one from outside among colleagues": letter(
        "b@example.org", sender="ada@example.org", to="ben@example.org, li@customer.example"
    ),
    "a folder that only begins alike": letter("c@x.example", place="Privateer"),
    "another sensitivity": with_header(letter("d@x.example"), "Sensitivity: Company-Confidential"),
}


@pytest.mark.parametrize("mail", KEPT.values(), ids=KEPT.keys())
async def test_what_no_rule_names_is_recorded_whole(store: Store, mail: RawMail) -> None:
    async with strict(store) as core:
        await core.ingest.record("mail", [mail])
        assert await core.rows("SELECT open_level FROM interactions") == [(Level.ALL.rank,)]


async def test_of_internal_mail_only_who_and_when_may_be_kept(store: Store) -> None:
    async with strict(store, replace(RULES, internal=Internal.METADATA)) as core:
        await core.ingest.record("mail", [letter("a@example.org", sender="ada@example.org", to="ben@example.org")])
        assert await core.rows("SELECT title, preview, blob, open_level FROM interactions") == [("", "", None, 1)]
        assert await core.one("SELECT count(*) FROM blobs") == 0


def test_never_log_is_the_reason_that_is_told() -> None:
    decision = RULES.decide(["mailto:doctor@clinic.example"], Copy("Private"), [("sensitivity", "Private")])
    assert (decision.level, decision.rule) == (None, Rule.NEVER_LOG)
    decision = RULES.decide(["mailto:li@customer.example"], Copy("Private"), [])
    assert (decision.level, decision.rule, decision.what) == (None, Rule.FOLDER, "Private")
