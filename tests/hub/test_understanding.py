"""What a mail brings beside itself: meetings, reports on letters, and that it is one of ours come back."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hub import Attendance, Copy, Level, Meeting, Message, RawMail
from hub.formats.automatic import LOOP_HEADER
from hub.formats.digest import digest
from hub.letters.token import Tokens
from hub.privacy.mail_rules import MailRules
from hub.privacy.never_log import NeverLog
from hub.understanding import MOST_PARTICIPANTS, Guide, Opened, understand
from tests.hub.core import Core, letter

EMAIL = Path(__file__).parents[1] / "data" / "email"
IMIP = EMAIL / "synthetic" / "imip"
EXPECTED = json.loads((IMIP / "expected.json").read_text())
NOW = datetime(2026, 11, 22, tzinfo=UTC)
TOKENS = Tokens("key of these tests")
GUIDE = Guide(MailRules(), "DE", TOKENS, frozenset({"mx.example.org"}))


def opened(raw: bytes, copy: Copy | None = None) -> Opened:
    found = understand("mail", RawMail(raw, copy or Copy("INBOX", "1:1"), NOW), GUIDE)
    assert isinstance(found, Opened)
    return found


def message(raw: bytes, copy: Copy | None = None) -> Message:
    event = opened(raw, copy).event
    assert event is not None
    assert isinstance(event.facts, Message)
    return event.facts


def meeting(name: str) -> Meeting:
    (event,) = opened((IMIP / f"{name}.eml").read_bytes()).meetings
    assert isinstance(event.facts, Meeting)
    return event.facts


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


@pytest.mark.parametrize(
    ("name", "start"), [("google-request", "start_utc"), ("outlook-request-recurring", "first_utc")]
)
def test_an_invitation_is_a_meeting_once(name: str, start: str) -> None:
    assert meeting(name).starts_at == utc(EXPECTED[name][start])


def said_by_the_server(raw: bytes, domain: str) -> bytes:
    """As our own mail server hands it on, having looked at its signature."""
    return f"Authentication-Results: mx.example.org; dmarc=pass header.from={domain}\r\n".encode() + raw


def test_one_instance_is_cancelled_and_the_series_is_not() -> None:
    raw = (IMIP / "outlook-cancel-one-instance.eml").read_bytes()
    (event,) = opened(said_by_the_server(raw, "example.net")).meetings
    assert isinstance(event.facts, Meeting)
    assert event.facts.cancelled
    assert event.key.endswith(f"/{utc(EXPECTED['outlook-cancel-one-instance']['recurrence_id_utc']):%Y%m%dT%H%M%SZ}")


@pytest.mark.parametrize("name", ["outlook-cancel-one-instance", "outlook-counter", "apple-reply-tentative"])
def test_nobody_answers_or_cancels_in_somebody_elses_name(name: str) -> None:
    raw = (IMIP / f"{name}.eml").read_bytes()
    assert opened(raw).meetings == ()
    assert opened(said_by_the_server(raw, "else.example")).meetings == ()


def test_who_answers_a_mail_of_ours_needs_no_signature() -> None:
    raw = (IMIP / "apple-reply-tentative.eml").read_bytes()
    ours = TOKENS.message_id(7, "hub.example").encode()
    (event,) = opened(b"References: " + ours + b"\r\n" + raw).meetings
    assert isinstance(event.facts, Meeting)
    assert [answer.attendance for answer in event.facts.answers] == [Attendance.TENTATIVE]


def test_another_time_that_somebody_asks_for_moves_nothing() -> None:
    raw = (IMIP / "outlook-counter.eml").read_bytes()
    sender = re.search(rb"^From:.*@([\w.]+)", raw, re.MULTILINE)
    assert sender is not None
    (event,) = opened(said_by_the_server(raw, sender[1].decode())).meetings
    assert isinstance(event.facts, Meeting)
    assert (event.facts.participants, event.facts.starts_at, event.facts.sequence) == (
        None,
        event.facts.series_start,
        None,
    )
    (answer,) = event.facts.answers
    assert answer.proposed_start is not None


def test_an_invitation_in_somebody_elses_name_is_only_a_mail() -> None:
    raw = (IMIP / "google-request.eml").read_bytes()
    assert opened(raw.replace(b"From: Ann Example <ann@example.org>", b"From: eve@else.example")).meetings == ()


def test_a_copy_of_lower_level_tells_of_no_meeting() -> None:
    raw = (IMIP / "google-request.eml").read_bytes()
    assert opened(raw, Copy("INBOX", "1:1", level=Level.SUBJECT)).meetings == ()


async def test_mail_and_meeting_are_recorded_each_and_once(core: Core) -> None:
    invitation = RawMail((IMIP / "google-request.eml").read_bytes(), Copy("INBOX", "1:1"), NOW)
    await core.ingest.record("mail", [invitation])
    await core.ingest.record("other", [invitation])
    assert await core.rows("SELECT kind, key FROM interactions ORDER BY kind") == [
        ("meeting", f"ical:{EXPECTED['google-request']['uid']}"),
        ("message", "mail:<imip-google-request@example.org>"),
    ]
    states = "SELECT i.kind, c.state FROM interactions i JOIN conversations c ON c.id = i.conversation_id"
    assert sorted(await core.rows(states)) == [("meeting", "closed"), ("message", "open")]


def test_a_bounce_says_whom_and_belongs_to_the_conversation_of_the_letter() -> None:
    facts = message((EMAIL / "synthetic" / "dsn" / "failed-utf8-rfc6533.eml").read_bytes())
    assert facts.automatic == "report"
    assert facts.report is not None
    assert facts.report.kind == "bounce"
    assert facts.report.original_message_id
    assert facts.thread is not None
    assert facts.report.original_message_id in facts.thread


def test_of_a_bounce_in_a_mailbox_of_lower_level_only_the_outcome_is_kept() -> None:
    raw = (EMAIL / "synthetic" / "dsn" / "failed-utf8-rfc6533.eml").read_bytes()
    report = message(raw, Copy("INBOX", "1:1", level=Level.METADATA)).report
    assert report is not None
    assert (report.original_subject, {each.diagnostic for each in report.recipients}) == ("", {""})


def test_of_ten_thousand_recipients_a_thousand_are_kept_and_all_are_asked_about() -> None:
    crowd = ", ".join(f"p{number}@x.example" for number in range(9_000))
    facts = message(letter("a@x.example", to=crowd).raw)
    assert facts.participants is not None
    assert len(facts.participants) == MOST_PARTICIPANTS
    assert facts.defects == (f"9001 participants, the first {MOST_PARTICIPANTS} are kept",)
    never = Guide(MailRules(NeverLog(["mailto:p8999@x.example"])))
    assert understand("mail", letter("a@x.example", to=crowd), never) == Opened(
        None, digest(letter("a@x.example", to=crowd).raw)
    )


def test_a_mail_of_ours_that_comes_back_was_written_by_nobody() -> None:
    ours = letter("x@example.org", sender="support@example.org").raw
    marked = f"{LOOP_HEADER}: {TOKENS.marker}\r\n".encode() + ours
    assert message(marked).automatic == "auto-notified"
    sent = marked.replace(b"<x@example.org>", TOKENS.message_id(7, "example.org").encode())
    assert message(sent).automatic is None, "the copy in Sent is the letter itself"
    assert message(marked.replace(TOKENS.marker.encode(), b"another-hub")).automatic is None
