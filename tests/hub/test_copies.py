"""What changes of a mail after it was recorded."""

from __future__ import annotations

from datetime import timedelta

from hub import Flagged, RawMail, Removed, Sighting
from hub.copies import rebind
from tests.hub.core import Core, letter


def sighting(mail: RawMail, provider_id: str, message_id: str) -> Sighting:
    return Sighting(provider_id, message_id, len(mail.raw), mail.received_at)


async def copies(core: Core) -> list[tuple[str, str, bool]]:
    rows = await core.rows("SELECT provider_id, flags, gone FROM copies ORDER BY provider_id")
    return [(provider_id, flags, bool(gone)) for provider_id, flags, gone in rows]


async def test_flags_follow_the_mailbox_even_within_one_arrival(core: Core) -> None:
    mail = letter("a@customer.example", uid=1)
    await core.ingest.record("mail", [mail, Flagged("INBOX", "1:1", frozenset(["\\Seen"]))])
    assert await copies(core) == [("1:1", "\\Seen", False)]
    await core.ingest.record("mail", [Flagged("INBOX", "1:1", frozenset(["\\Answered", "\\Seen"]))])
    await core.ingest.record("mail", [Flagged("INBOX", "1:7", frozenset(["\\Seen"]))])
    await core.ingest.record("other", [Flagged("INBOX", "1:1", frozenset())])
    assert await copies(core) == [("1:1", "\\Answered \\Seen", False)]


async def test_a_mail_that_was_removed_stays_recorded_and_may_come_again(core: Core) -> None:
    mail = letter("a@customer.example", uid=1)
    await core.ingest.record("mail", [mail])
    await core.ingest.record("mail", [Removed("INBOX", "1:1")])
    assert await copies(core) == [("1:1", "", True)]
    await core.ingest.record("mail", [letter("a@customer.example", place="Archive", uid=5)])
    assert await core.one("SELECT count(*) FROM interactions") == 1
    assert await copies(core) == [("1:1", "", True), ("1:5", "", False)]


async def test_after_a_renumbering_known_mails_get_their_new_ids_without_new_events(core: Core) -> None:
    known = letter("a@customer.example", uid=1)
    nameless = letter("", subject="No Message-ID", uid=2)
    await core.ingest.record("mail", [known, nameless])
    events = await core.one("SELECT count(*) FROM events")
    new = letter("c@customer.example", uid=3)
    seen = [
        sighting(known, "2:11", "<a@customer.example>"),
        sighting(nameless, "2:12", ""),
        sighting(new, "2:13", "<c@customer.example>"),
    ]
    unknown = await core.store.write(lambda conn: rebind(conn, "mail", "INBOX", seen))
    assert unknown == {"2:13"}
    assert [name for name, _, _ in await copies(core)] == ["2:11", "2:12"]
    assert await core.one("SELECT count(*) FROM events") == events
    assert await core.store.write(lambda conn: rebind(conn, "mail", "INBOX", seen)) == {"2:13"}


async def test_another_mail_under_a_known_name_is_not_taken_for_it(core: Core) -> None:
    known = letter("a@customer.example", uid=1)
    await core.ingest.record("mail", [known])
    other = Sighting("2:1", "<a@customer.example>", len(known.raw) + 100, known.received_at)
    elsewhere = Sighting("2:2", "<b@customer.example>", len(known.raw), known.received_at + timedelta(seconds=90))
    assert await core.store.write(lambda conn: rebind(conn, "mail", "INBOX", [other, elsewhere])) == {"2:1", "2:2"}
    assert await core.store.write(
        lambda conn: rebind(conn, "mail", "Archive", [sighting(known, "2:3", "<a@customer.example>")])
    ) == {"2:3"}
