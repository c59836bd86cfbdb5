"""Reports: the sisimai set and our own notifications against what a person reads in them, then what must be none."""

from __future__ import annotations

import json
import tomllib
from email.message import EmailMessage
from pathlib import Path
from textwrap import dedent
from typing import TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.formats import mail
from hub.formats.reports import Kind, Reason, Report, looks_like_report, report
from tests.hub.formats import EMAIL

SISIMAI = EMAIL / "sisimai"


class Expected(TypedDict):
    original: str
    to: str
    permanent: bool
    reason: str
    status: str
    says: str


class Other(TypedDict):
    recipients: list[str]
    temporary: bool


EXPECTED = tomllib.loads((SISIMAI / "expected.toml").read_text("utf-8"))
BOUNCES: dict[str, Expected] = EXPECTED["bounces"]


def _report(raw: bytes) -> Report | None:
    return report(raw, mail.parse(raw))


def _found(raw: bytes) -> Report:
    found = _report(raw)
    assert found is not None
    return found


def _of(name: str) -> Report:
    return _found((EMAIL / name).read_bytes())


def _letter(body: str, **fields: str) -> bytes:
    """A bounce in words, from a mail server."""
    said = {
        "From": "MAILER-DAEMON@mx.example.net",
        "To": "sales@example.com",
        "Subject": "Undelivered Mail Returned to Sender",
        "Content-Type": "text/plain; charset=utf-8",
        **{name.replace("_", "-"): value for name, value in fields.items()},
    }
    head = "".join(f"{name}: {value}\n" for name, value in said.items())
    return (head + "\n" + dedent(body)).encode()


def _notification(fields: str, words: str = "It did not work.", kind: str = "delivery-status") -> bytes:
    """A multipart/report as RFC 3464, 5965 and 8098 describe it."""
    machine = {
        "delivery-status": "message/delivery-status",
        "feedback-report": "message/feedback-report",
        "disposition-notification": "message/disposition-notification",
    }[kind]
    head = dedent(
        f"""\
        From: Mail Delivery System <MAILER-DAEMON@mx.example.net>
        To: sales@example.com
        Subject: Delivery Status Notification
        Content-Type: multipart/report; report-type={kind}; boundary=b

        --b
        Content-Type: text/plain; charset=utf-8

        """
    )
    returned = "Message-ID: <out-1@example.com>\nSubject: Offer\nTo: ada@example.org\n\nDear Ada,\n"
    return (
        f"{head}{dedent(words)}\n--b\nContent-Type: {machine}\n\n{dedent(fields)}\n"
        f"--b\nContent-Type: message/rfc822\n\n{returned}\n--b--\n"
    ).encode()


# --- the sisimai set --------------------------------------------------------------------------------------------


def test_every_mail_of_the_set_has_its_expectation() -> None:
    written = {*EXPECTED["bounces"], *EXPECTED["complaints"], *EXPECTED["none"]}
    assert written == {path.stem for path in SISIMAI.glob("*.eml")}


@pytest.mark.parametrize("name", BOUNCES)
def test_bounces_say_who_why_and_for_how_long(name: str) -> None:
    expected = BOUNCES[name]
    found = _of(f"sisimai/{name}.eml")
    assert found.kind is Kind.BOUNCE
    assert found.original_message_id == expected["original"]
    assert [each.address for each in found.recipients] == [expected["to"]]
    (who,) = found.recipients
    assert who.outcome == "failed"
    assert (who.permanent, who.reason, who.status) == (expected["permanent"], expected["reason"], expected["status"])
    assert expected["says"] in who.diagnostic
    assert "\n" not in who.diagnostic


@pytest.mark.parametrize("name", EXPECTED["complaints"])
def test_complaints_say_which_mail_and_who(name: str) -> None:
    expected = EXPECTED["complaints"][name]
    found = _of(f"sisimai/{name}.eml")
    assert found.kind is Kind.COMPLAINT
    assert (found.original_message_id, found.original_subject) == (expected["original"], expected["subject"])
    assert [each.address for each in found.recipients] == ([expected["to"]] if expected["to"] else [])


@pytest.mark.parametrize("name", EXPECTED["none"])
def test_answers_of_vacation_programs_report_nothing(name: str) -> None:
    raw = (SISIMAI / f"{name}.eml").read_bytes()
    assert mail.parse(raw).automatic == EXPECTED["none"][name]
    assert _report(raw) is None


def test_a_mail_between_people_reports_nothing() -> None:
    assert _report((SISIMAI / "not-a-bounce" / "is-not-bounce-01.eml").read_bytes()) is None


def test_only_what_is_wrong_with_the_address_marks_it() -> None:
    dead = {name for name in BOUNCES if _of(f"sisimai/{name}.eml").recipients[0].dead}
    lives = {name for name in BOUNCES if BOUNCES[name]["reason"] not in ("unknown-user", "host-unknown", "suspended")}
    assert dead == set(BOUNCES) - lives
    assert {"rhost-microsoft-01", "lhost-gmx-01", "rhost-cloudflare-01"} <= lives


def test_no_other_mail_of_the_corpus_is_a_report() -> None:
    reports = {
        str(path.relative_to(EMAIL))
        for path in sorted(EMAIL.rglob("*.eml"))
        if path.parent.name not in ("sisimai", "multipart_report_emails", "dsn")
        and _report(path.read_bytes()) is not None
    }
    assert reports == {"mikel-mail/mime_emails/raw_email_with_mimepart_without_content_type.eml"}  # a delay, indeed
    delayed = _of(reports.pop())
    assert delayed.kind is Kind.DELAY


# --- the set of flufl.bounce, with its own expectations ----------------------------------------------------------

FLUFL = EMAIL / "flufl-bounce"
OTHERS: dict[str, Other] = json.loads((FLUFL / "expected.json").read_text("utf-8"))
NOT_SEEN = {
    "aol_01.txt",  # names a screen name, no address
    "llnl_01.txt",  # carries the list's own header: a post to that list
    "microsoft_03.txt",  # the same
    "simple_20.txt",  # "RE: …" from an address that says nothing of a mail server
    "simple_35.txt",  # the sender is no address
}
DIFFERENT = {
    "sendmail_01.txt": {"zzzzz@nfg.nl"},  # "expanded from" it: that is whom we wrote to
    "yale_01.txt": {"mike.fox@yale.edu"},  # an example in the letter; it names nobody else, and nobody is marked
}


@pytest.mark.parametrize("name", sorted(set(OTHERS) - NOT_SEEN))
def test_the_bounces_that_mailman_knows_name_the_same_people(name: str) -> None:
    found = _found((FLUFL / name).read_bytes())
    assert {each.address.lower() for each in found.recipients} == DIFFERENT.get(
        name, {each.lower() for each in OTHERS[name]["recipients"]}
    )
    if OTHERS[name]["temporary"] or name == "yale_01.txt":
        assert not any(each.permanent for each in found.recipients)


@pytest.mark.parametrize("name", sorted(NOT_SEEN))
def test_what_cannot_be_told_from_a_letter_is_left_to_a_person(name: str) -> None:
    assert _report((FLUFL / name).read_bytes()) is None


# --- notifications (RFC 3464, 6533) -----------------------------------------------------------------------------


def test_addresses_in_utf_8_and_two_outcomes_in_one_notification() -> None:
    found = _of("synthetic/dsn/failed-utf8-rfc6533.eml")
    assert (found.kind, found.original_message_id, found.original_subject) == (
        Kind.BOUNCE,
        "<out-55@example.com>",
        "Angebot",
    )
    failed, delayed = found.recipients
    assert (failed.address, failed.outcome, failed.permanent, failed.reason, failed.status) == (
        "用户@例子.example",
        "failed",
        True,
        Reason.UNKNOWN_USER,
        "5.1.1",
    )
    assert (delayed.address, delayed.outcome, delayed.permanent, delayed.reason, delayed.status) == (
        "bob@example.net",
        "delayed",
        False,
        Reason.MAILBOX_FULL,
        "4.2.2",
    )


def test_an_escaped_utf_8_address_is_read() -> None:
    found = _found(
        _notification("Final-Recipient: utf-8; \\x{7528}\\x{6237}@example.cn\nAction: failed\nStatus: 5.1.1")
    )
    assert [each.address for each in found.recipients] == ["用户@example.cn"]


def test_several_recipients_fail_each_for_itself() -> None:
    found = _of("mikel-mail/multipart_report_emails/multi_address_bounce1.eml")
    assert found.original_message_id == "<118707422.15521266992174819.JavaMail.root@lvmail01>"
    assert len(found.recipients) == 5
    assert all(each.dead and each.remote == "gmail-smtp-in.l.google.com" for each in found.recipients)


@pytest.mark.parametrize(
    ("name", "kind", "address", "reason"),
    [
        ("report_422", Kind.DELAY, "fraser@oooooooo.com.au", Reason.MAILBOX_FULL),
        ("report_530", Kind.BOUNCE, "edwin@zzzzzzz.com", Reason.UNKNOWN_USER),
        # "<u@ci.com> has restricted SMS e-mail" stands in a part that should hold fields.
        ("multipart_report_multiple_status", Kind.BOUNCE, "u@ci.com", Reason.FILTERED),
    ],
)
def test_other_notifications_of_the_corpus(name: str, kind: Kind, address: str, reason: Reason) -> None:
    found = _of(f"mikel-mail/multipart_report_emails/{name}.eml")
    assert found.kind is kind
    assert [(each.address, each.reason) for each in found.recipients] == [(address, reason)]
    assert found.original_message_id


def test_who_was_reached_is_not_among_those_who_failed() -> None:
    both = (
        "Final-Recipient: rfc822; a@example.org\nAction: {}\nStatus: 2.0.0\n\nFinal-Recipient: rfc822; b@example.org\n"
    )
    found = _found(_notification(both.format("delivered") + "Action: failed\nStatus: 5.1.1\n"))
    assert (found.kind, [each.address for each in found.recipients]) == (Kind.BOUNCE, ["b@example.org"])
    found = _found(_notification(both.format("relayed") + "Action: delivered\nStatus: 2.1.5\n"))
    assert (found.kind, [each.outcome for each in found.recipients]) == (Kind.DELIVERED, ["relayed", "delivered"])
    assert [each.reason for each in found.recipients] == [None, None]


@pytest.mark.parametrize(
    ("status", "said", "permanent", "reason"),
    [
        ("5.1.1", "550 5.1.1 no such user here", True, Reason.UNKNOWN_USER),
        ("5.0.0", "451 4.7.1 Greylisted, please try again later", False, Reason.RATE_LIMITED),
        ("4.4.7", "421 4.4.7 delivery time expired", False, Reason.EXPIRED),
        ("5.2.3", "", True, Reason.TOO_BIG),
        ("5.3.4", "552 5.3.4 Message size exceeds fixed limit", True, Reason.TOO_BIG),
        ("5.7.1", "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org", True,
         Reason.BLOCKED),
        ("5.7.1", "550 5.7.1 <x@y.example>: Relay access denied", True, Reason.POLICY),
        ("5.7.23", "", True, Reason.AUTH),
        ("5.7.1", "550 5.7.1 This message looks like spam to us", True, Reason.SPAM),
        ("5.7.0", "552 5.7.0 Our system detected an illegal attachment: virus Eicar", True, Reason.CONTENT),
        ("5.1.2", "", True, Reason.HOST_UNKNOWN),
        ("5.1.8", "550 5.1.8 <sales@example.com>: Sender address rejected: Domain not found", True, Reason.POLICY),
        ("5.4.4", "Unable to look up host mx.unknown-user.example", True, Reason.HOST_UNKNOWN),
        ("4.4.1", "connect to mx.example.org[192.0.2.7]:25: Connection timed out", False, Reason.NETWORK),
        ("4.2.2", "452 4.2.2 The email account that you tried to reach is over quota", False, Reason.MAILBOX_FULL),
        ("4.3.1", "452 4.3.1 Insufficient system storage", False, Reason.SYSTEM),
        ("5.5.0", "550 Benutzer nicht gefunden, Postfach existiert nicht", True, Reason.UNKNOWN_USER),
        ("5.0.0", "550 用户不存在", True, Reason.UNKNOWN_USER),
        ("5.5.0", "550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302)", True, Reason.UNKNOWN_USER),
        ("4.0.0", "450 Requested mail action not taken: mailbox unavailable", False, Reason.UNKNOWN_USER),
        ("5.0.0", "550-Requested action not taken: mailbox unavailable 550 Sender address is not allowed.", True,
         Reason.POLICY),
        ("5.7.1", "550 5.7.1 messages from [192.0.2.1] weren't sent. Part of their network is on our block list", True,
         Reason.BLOCKED),
        ("5.7.708", "550 5.7.708 Access denied, traffic not accepted from this IP", True, Reason.BLOCKED),
        ("5.2.1", "550 5.2.1 The user you are trying to contact is receiving mail at a rate that prevents it", True,
         Reason.RATE_LIMITED),
        ("5.0.0", "554 delivery error: dd This user doesn't have a yahoo.com account", True, Reason.UNKNOWN_USER),
        ("5.0.0", "554 30 Sorry, your message cannot be delivered. This mailbox is disabled (554.30)", True,
         Reason.SUSPENDED),
        ("5.0.0", "550 User not found: wang@163.example", True, Reason.UNKNOWN_USER),
        ("5.0.0", "554 DT:SPM 163 smtp8,DMCowABnwEqd", True, Reason.SPAM),
        ("5.0.0", "553 Mail from must equal authorized user", True, Reason.POLICY),
        ("5.4.316", "550 5.4.316 Message expired, connection refused(Socket error code 10061)", True, Reason.EXPIRED),
        ("5.0.0", "554 no idea", True, Reason.UNDEFINED),
    ],
)  # fmt: skip
def test_reasons(status: str, said: str, permanent: bool, reason: Reason) -> None:
    diagnostic = f"Diagnostic-Code: smtp; {said}\n" if said else ""
    fields = f"Final-Recipient: rfc822; ada@example.org\nAction: failed\nStatus: {status}\n{diagnostic}"
    (who,) = _found(_notification(fields)).recipients
    assert (who.permanent, who.reason) == (permanent, reason)


def test_names_are_no_reasons() -> None:
    """The local part of an address and a link say nothing about why."""
    fields = (
        "Final-Recipient: rfc822; user-unknown@example.org\nAction: failed\nStatus: 4.0.0\nDiagnostic-Code: smtp; "
        "450 <user-unknown@example.org>: see https://example.org/spam/mailbox-is-full"
    )
    (who,) = _found(_notification(fields)).recipients
    assert (who.permanent, who.reason) == (False, Reason.UNDEFINED)


def test_we_wrote_to_the_original_recipient() -> None:
    fields = """\
        Original-Recipient: rfc822; info@example.org
        Final-Recipient: rfc822; inner-7@backend.example.org
        Action: failed
        Status: 5.1.1
        """
    assert [each.address for each in _found(_notification(fields)).recipients] == ["info@example.org"]


def test_an_address_of_another_kind_is_left_out() -> None:
    fields = "Final-Recipient: x400; /S=Ada/O=Example/C=GB/\nAction: failed\nStatus: 5.1.1\n"
    found = _found(_notification(fields))
    assert [each.address for each in found.recipients] == ["ada@example.org"]  # whom the returned mail was for


# --- readers (RFC 5965, 8098) -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("abuse", Kind.COMPLAINT),
        ("fraud", Kind.COMPLAINT),
        ("opt-out", Kind.COMPLAINT),
        ("auth-failure", Kind.FEEDBACK),
        ("not-spam", Kind.FEEDBACK),
    ],
)
def test_feedback_is_a_complaint_only_where_somebody_complains(said: str, kind: Kind) -> None:
    fields = f"Feedback-Type: {said}\nUser-Agent: Loop/1.0\nVersion: 1\nOriginal-Rcpt-To: <ada@example.org>\n"
    found = _found(_notification(fields, kind="feedback-report"))
    assert (found.kind, found.original_message_id, found.original_subject) == (kind, "<out-1@example.com>", "Offer")
    assert [(each.address, each.outcome) for each in found.recipients] == [("ada@example.org", said)]


def test_a_receipt_says_what_the_reader_did() -> None:
    found = _of("synthetic/dsn/mdn-read-rfc8098.eml")
    assert (found.kind, found.original_message_id) == (Kind.RECEIPT, "<quote-4711@example.com>")
    assert [(each.address, each.outcome) for each in found.recipients] == [("ann@example.org", "displayed")]
    fields = "Final-Recipient: rfc822; a@example.org\nDisposition: automatic-action/MDN-sent-automatically; deleted\n"
    found = _found(_notification(fields, kind="disposition-notification"))
    assert [(each.outcome, each.permanent) for each in found.recipients] == [("deleted", False)]


def test_a_report_about_something_else_is_none() -> None:
    raw = _notification("x: y").replace(b"report-type=delivery-status", b"report-type=tlsrpt")
    assert _report(raw.replace(b"message/delivery-status", b"application/tlsrpt+gzip")) is None


# --- in words ---------------------------------------------------------------------------------------------------


def test_each_recipient_in_words_has_its_own_reason() -> None:
    body = """\
        I'm afraid I wasn't able to deliver your message to the following addresses.

        <ada@example.org>:
        192.0.2.7 does not like recipient.
        Remote host said: 550 5.1.1 no such user

        <bob@example.net>:
        Remote host said: 452 4.2.2 mailbox full

        For help write to
        postmaster@mx.example.net

        --- Below this line is a copy of the message.

        Message-ID: <out-2@example.com>
        Subject: Offer
        """
    found = _found(_letter(body))
    assert found.original_message_id == "<out-2@example.com>"
    assert [(each.address, each.permanent, each.reason, each.status) for each in found.recipients] == [
        ("ada@example.org", True, Reason.UNKNOWN_USER, "5.1.1"),
        ("bob@example.net", False, Reason.MAILBOX_FULL, "4.2.2"),
    ]


def test_a_warning_in_words_is_a_delay() -> None:
    body = """\
        THIS IS A WARNING MESSAGE ONLY. Your message has not yet been delivered to

          ada@example.org

        451 4.4.1 connection timed out. We will keep trying for 3 days.
        """
    found = _found(_letter(body, Subject="Warning: could not send message for past 4 hours"))
    assert found.kind is Kind.DELAY
    assert [(each.outcome, each.permanent, each.reason) for each in found.recipients] == [
        ("delayed", False, Reason.NETWORK)
    ]


def test_failed_recipients_in_the_header_need_no_words() -> None:
    raw = _letter("Siehe Anlage.\n", X_Failed_Recipients="a@example.org, b@example.org")
    assert [each.address for each in _found(raw).recipients] == ["a@example.org", "b@example.org"]


def test_without_a_returned_mail_the_bounce_itself_says_what_it_answers() -> None:
    raw = _letter("ada@example.org: 550 user unknown\n", In_Reply_To="<out-3@example.com>")
    assert _found(raw).original_message_id == "<out-3@example.com>"


def test_what_our_mail_was_called_is_no_reason() -> None:
    body = """\
        Your message

          Subject: User unknown? Mailbox full?

        was not delivered to:

          ada@example.org
        """
    (who,) = _found(_letter(body, Subject="Undeliverable: User unknown? Mailbox full?")).recipients
    assert (who.address, who.reason, who.dead) == ("ada@example.org", Reason.UNDEFINED, False)


def test_who_sent_the_mail_did_not_fail() -> None:
    assert _report(_letter("An error occurred in a message from sales@example.com.\n")) is None
    found = _found(_letter("sales@example.com: 552 5.2.2 mailbox full\n"))  # we wrote to ourselves
    assert [each.address for each in found.recipients] == ["sales@example.com"]


def test_a_bounce_in_html_alone_is_read() -> None:
    page = "<p>Delivery has failed to these recipients:</p><p>ada@example.org</p><p>550 5.1.1 User unknown</p>"
    (who,) = _found(_letter(page, Content_Type="text/html; charset=utf-8")).recipients
    assert (who.address, who.reason, who.permanent) == ("ada@example.org", Reason.UNKNOWN_USER, True)


def test_a_bounce_in_chinese_is_read() -> None:
    body = """\
        抱歉，您的邮件被退回来了……
        原邮件信息：
        主题：报价单
        收件人：wang@example.cn
        退信原因：收件人邮件地址（wang@example.cn）不存在，邮件无法送达。
        """
    raw = _letter(body, From="PostMaster@qq.example", Subject="来自qq.example的退信", Return_Path="<>")
    assert mail.parse(raw).automatic == "report"
    found = _found(raw)
    assert [(each.address, each.reason, each.permanent) for each in found.recipients] == [
        ("wang@example.cn", Reason.UNKNOWN_USER, True)
    ]


# --- what people write about bounces ----------------------------------------------------------------------------

BOUNCE = (SISIMAI / "lhost-postfix-01.eml").read_bytes()
WORDS = (SISIMAI / "lhost-qmail-01.eml").read_bytes().partition(b"\n\n")[2].decode()


def _from_a_person(**fields: str) -> EmailMessage:
    message = EmailMessage()
    for name, value in {"From": "Kim <kim@example.org>", "To": "sales@example.com", **fields}.items():
        message[name.replace("_", "-")] = value
    return message


def test_a_bounce_quoted_in_a_reply_is_no_bounce() -> None:
    message = _from_a_person(Subject="Re: Undelivered Mail Returned to Sender", In_Reply_To="<dsn@example.net>")
    message.set_content("What is this?\n\n" + "".join(f"> {line}\n" for line in WORDS.split("\n")))
    assert _report(message.as_bytes()) is None


@pytest.mark.parametrize("subject", ["Fwd: failure notice", "failure notice", "Undelivered Mail Returned to Sender"])
def test_a_bounce_pasted_or_forwarded_inline_is_no_bounce(subject: str) -> None:
    message = _from_a_person(Subject=subject)
    message.set_content(WORDS)
    raw = message.as_bytes()
    assert not looks_like_report(mail.parse(raw))
    assert _report(raw) is None


def test_a_bounce_forwarded_as_an_attachment_is_no_bounce() -> None:
    message = _from_a_person(Subject="Fwd: Undelivered Mail Returned to Sender")
    message.set_content("Please look at this.")
    message.add_attachment(BOUNCE, maintype="application", subtype="octet-stream", filename="bounce.eml")
    raw = message.as_bytes().replace(b"application/octet-stream", b"message/rfc822")
    assert _report(raw) is None


def test_a_postmaster_who_answers_is_a_person() -> None:
    message = _from_a_person(Subject="Re: your question", In_Reply_To="<q@example.com>")
    message.replace_header("From", "Postmaster <postmaster@example.org>")
    message.set_content("The mailbox works again.\n\n" + "".join(f"> {line}\n" for line in WORDS.split("\n")))
    raw = message.as_bytes()
    assert mail.parse(raw).automatic is None
    assert _report(raw) is None


def test_an_absent_colleague_with_another_address_is_no_bounce() -> None:
    message = _from_a_person(Subject="Automatic reply: Offer", Auto_Submitted="auto-replied", Return_Path="<>")
    message.set_content(
        "I left the company, this mail was not delivered to anybody. Please write to\n\nbob@example.org\n"
    )
    assert _report(message.as_bytes()) is None


def test_a_mail_server_that_only_tells_something_is_no_bounce() -> None:
    assert _report(_letter("Your password expires in 3 days.\n", Subject="Reminder")) is None


# --- bad input --------------------------------------------------------------------------------------------------

CORPUS = [
    path
    for folder in (SISIMAI, EMAIL / "synthetic" / "dsn", EMAIL / "mikel-mail" / "multipart_report_emails")
    for path in sorted(folder.glob("*.eml"))
]


def _survives(raw: bytes) -> None:
    try:
        parsed = mail.parse(raw)
    except mail.Unreadable:
        return
    found = report(raw, parsed)
    if found is not None:
        for text in (found.original_message_id, found.original_subject):
            assert "\x00" not in text
        for each in found.recipients:
            assert "@" in each.address
            assert "\n" not in each.diagnostic
            assert "\x00" not in each.address + each.diagnostic + each.remote
            (each.address + each.diagnostic).encode()


@given(st.sampled_from(CORPUS), st.data())
def test_a_cut_or_damaged_report_is_read_as_far_as_it_goes(path: Path, data: st.DataObject) -> None:
    raw = path.read_bytes()
    raw = raw[: data.draw(st.integers(0, len(raw)))]
    at = data.draw(st.integers(0, len(raw)))
    _survives(raw[:at] + data.draw(st.binary(max_size=40)) + raw[at + data.draw(st.integers(0, 400)) :])


@given(st.binary(max_size=400), st.sampled_from(["delivery-status", "feedback-report", "disposition-notification"]))
def test_garbage_where_fields_belong_raises_nothing(garbage: bytes, kind: str) -> None:
    _survives(_notification("FIELDS", kind=kind).replace(b"FIELDS", garbage))


@given(st.text(max_size=400))
def test_garbage_in_words_raises_nothing(garbage: str) -> None:
    _survives(_letter("").rstrip() + b"\n\n" + garbage.encode("utf-8", "surrogatepass"))


def test_a_report_of_thousands_is_bounded() -> None:
    many = "".join(
        f"Final-Recipient: rfc822; a{n}@example.org\nAction: failed\nStatus: 5.1.1\n\n" for n in range(20_000)
    )
    assert 900 < len(_found(_notification(many)).recipients) <= 1_000
    words = "".join(f"<a{n}@example.org>: 550 user unknown\n" for n in range(20_000))
    assert 900 < len(_found(_letter(words)).recipients) <= 1_000
