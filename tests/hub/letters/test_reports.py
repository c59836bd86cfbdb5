"""What comes back of a letter: believed only of letters that we sent, to whom we sent them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from hub.formats.reports import Kind, Reason, Recipient, Report
from hub.letters import reports
from hub.letters.compose import Person
from hub.letters.post import CannotSend, among_undeliverable
from hub.letters.states import Reached
from tests.hub.letters.firm import ADA, LI_NA, Firm, said

EVE = "mailto:eve@customer.example"
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


async def sent(firm: Firm) -> tuple[int, str]:
    """A letter to Li Na and Eve that left; its id and Message-ID."""
    async with firm.post() as post:
        wanted = said("Hello", to=(Person(LI_NA), Person(EVE)), subject="News")
        view = await firm.settled((await post.write(ADA, None, wanted)).id)
    return view.id, view.key.removeprefix("mail:")


def told(kind: Kind, message_id: str, *recipients: Recipient) -> Report:
    return Report(kind=kind, original_message_id=message_id, original_subject="News", recipients=recipients)


def dead(address: str = "li.na@customer.example") -> Recipient:
    return Recipient(
        address=address, outcome="failed", permanent=True, reason=Reason.UNKNOWN_USER, status="5.1.1",
        diagnostic="550 5.1.1 No such user",
    )  # fmt: skip


async def states(firm: Firm, letter_id: int) -> dict[str, Reached]:
    return {each.handle: each.state for each in (await firm.view(letter_id)).recipients}


async def report(firm: Firm, said: Report) -> int | None:
    return await firm.service.store.write(lambda conn: reports.reported(conn, said, 7, NOW))


async def marked(firm: Firm) -> dict[str, str]:
    return await firm.service.store.read(lambda conn: among_undeliverable(conn, [LI_NA, EVE]))


async def test_a_bounce_marks_the_recipient_and_a_dead_address(firm: Firm) -> None:
    letter_id, message_id = await sent(firm)
    conversation = (await firm.view(letter_id)).conversation_id
    assert await report(firm, told(Kind.BOUNCE, message_id, dead())) == conversation
    view = await firm.view(letter_id)
    assert view.delivery == "bounced"
    bounced = next(each for each in view.recipients if each.handle == LI_NA)
    assert (bounced.state, bounced.reason) == (Reached.BOUNCED, "unknown-user: 5.1.1: 550 5.1.1 No such user")
    assert await states(firm, letter_id) == {LI_NA: Reached.BOUNCED, EVE: Reached.SENT}
    assert await marked(firm) == {LI_NA: "unknown-user: 550 5.1.1 No such user"}


async def test_nothing_is_sent_to_a_marked_address_unless_somebody_insists(firm: Firm) -> None:
    _, message_id = await sent(firm)
    await report(firm, told(Kind.BOUNCE, message_id, dead()))
    post, to = firm.post(undo_seconds=3600), (Person(LI_NA),)
    with pytest.raises(CannotSend) as raised:
        await post.write(ADA, None, said("Again", to=to))
    assert (raised.value.kind, list(raised.value.more["recipients"])) == ("undeliverable", [LI_NA])
    await post.write(ADA, None, said("Again", to=to, force=True))
    assert await firm.service.store.write(lambda conn: reports.lift(conn, LI_NA))
    await post.write(ADA, None, said("Again", to=to))
    assert not await firm.service.store.write(lambda conn: reports.lift(conn, LI_NA))


async def test_a_temporary_failure_marks_nothing(firm: Firm) -> None:
    letter_id, message_id = await sent(firm)
    full = Recipient(address="li.na@customer.example", outcome="failed", reason=Reason.MAILBOX_FULL)
    late = Recipient(address="eve@customer.example", outcome="delayed")
    await report(firm, told(Kind.BOUNCE, message_id, full, late))
    assert await states(firm, letter_id) == {LI_NA: Reached.BOUNCED, EVE: Reached.DELAYED}
    await report(firm, told(Kind.DELIVERED, message_id, Recipient(address="eve@customer.example", outcome="delivered")))
    # What came later by the clock of another server does not undo what is worse.
    await report(firm, told(Kind.DELAY, message_id, Recipient(address="li.na@customer.example", outcome="delayed")))
    assert await states(firm, letter_id) == {LI_NA: Reached.BOUNCED, EVE: Reached.DELIVERED}
    assert await marked(firm) == {}


async def test_a_complaint_marks_the_address(firm: Firm) -> None:
    letter_id, message_id = await sent(firm)
    await report(firm, told(Kind.COMPLAINT, message_id, Recipient(address="EVE@customer.example", outcome="abuse")))
    assert (await states(firm, letter_id))[EVE] is Reached.COMPLAINED
    assert await marked(firm) == {EVE: "complaint"}


async def test_a_report_that_nobody_need_believe_changes_nothing(firm: Firm) -> None:
    letter_id, message_id = await sent(firm)
    assert await report(firm, told(Kind.BOUNCE, "", dead())) is None
    assert await report(firm, told(Kind.BOUNCE, "<made-up@example.org>", dead())) is None
    await report(firm, told(Kind.BOUNCE, message_id, dead("boss@customer.example")))
    assert await report(firm, told(Kind.FEEDBACK, message_id, dead())) is None
    assert await states(firm, letter_id) == {LI_NA: Reached.SENT, EVE: Reached.SENT}
    assert await firm.rows("SELECT count(*) FROM undeliverable") == [(0,)]
