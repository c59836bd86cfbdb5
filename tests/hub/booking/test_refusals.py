"""What is asked for and cannot be: each has a name."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection

from hub.accounts import fingerprint
from hub.booking.bookings import Filter
from hub.booking.states import Code, Gone, Held, Invitee, Refused
from hub.privacy.visibility import Actor, Authority
from hub.store.schema import booking_links, contacts
from tests.hub.booking.office import ADA, BEN, LI_NA, Office, tomorrow

FORGED = "A" * 43


@pytest.fixture
def store_url(tmp_path: Path, migrated_sqlite: Path) -> str:
    """SQLite alone: nothing here depends on the database."""
    shutil.copyfile(migrated_sqlite, tmp_path / "hub.sqlite3")
    return f"sqlite:///{tmp_path / 'hub.sqlite3'}"


async def refusal(office: Office, **what: object) -> Code:
    """Why a hold is refused."""
    wish: dict[str, object] = {"slug": "intro", "starts_at": tomorrow(), "duration": 30, "zone": "Europe/Berlin"}
    with pytest.raises(Refused) as refused:
        await office.bookings.hold(**wish | what)  # type: ignore[arg-type]
    return refused.value.code


async def test_a_hold_that_cannot_be(office: Office) -> None:
    assert await refusal(office, slug="no-such") is Code.UNKNOWN_TYPE
    assert await refusal(office, duration=31) is Code.UNKNOWN_DURATION
    assert await refusal(office, duration=-30) is Code.UNKNOWN_DURATION
    assert await refusal(office, zone="Mars/Olympus") is Code.UNKNOWN_ZONE
    assert await refusal(office, zone="../../etc/passwd") is Code.UNKNOWN_ZONE
    assert await refusal(office, host="eve") is Code.UNKNOWN_HOST
    assert await refusal(office, starts_at=tomorrow().replace(tzinfo=None)) is Code.NO_ZONE
    assert await refusal(office, starts_at=datetime.now(UTC) - timedelta(seconds=1)) is Code.PAST
    assert await refusal(office, starts_at=datetime.now(UTC) + timedelta(days=3650)) is Code.TOO_FAR
    assert await refusal(office, link=FORGED) is Code.LINK
    assert await office.core.one("SELECT count(*) FROM appointments") == 0


async def test_a_time_that_no_rule_offers_gets_the_nearest_ones(ruled_office: Office) -> None:
    with pytest.raises(Gone) as gone:
        await ruled_office.hold(tomorrow(10, 7))
    assert [slot.starts_at for slot in gone.value.alternatives] == [
        tomorrow(9, 30),
        tomorrow(10),
        tomorrow(10, 30),
    ]


async def test_forged_and_reused_secrets(office: Office) -> None:
    bookings = office.bookings
    assert await bookings.find(FORGED) is None
    for asked in (bookings.confirm(FORGED, LI_NA), bookings.move(FORGED, tomorrow()), bookings.cancel(FORGED)):
        with pytest.raises(Refused) as refused:
            await asked
        assert refused.value.code is Code.UNKNOWN_BOOKING
    held = await office.hold(tomorrow())
    assert len(held.secret) == 43
    assert held.secret not in str(await office.core.rows("SELECT * FROM bookings"))
    await bookings.confirm(held.secret, LI_NA)
    await bookings.cancel(held.secret)
    for again in (bookings.confirm(held.secret, LI_NA), bookings.cancel(held.secret),
                  bookings.move(held.secret, tomorrow(12))):  # fmt: skip
        with pytest.raises(Refused) as refused:
            await again
        assert refused.value.code is Code.OVER
    given_up = await office.hold(tomorrow())
    await bookings.cancel(given_up.secret)
    with pytest.raises(Gone):
        await bookings.confirm(given_up.secret, LI_NA)


async def test_an_invitee_who_leaves_something_out(office: Office) -> None:
    held = await office.hold(tomorrow())
    nobody = Invitee(name=" \x00", mail="no mail", phone="12", answers={"strange": "1"}, guests=("x",))
    with pytest.raises(Refused) as refused:
        await office.bookings.confirm(held.secret, nobody)
    assert refused.value.code is Code.BAD_ANSWERS
    assert refused.value.fields == {
        "name": "missing", "mail": "no-mail", "phone": "no-phone", "guests": "no-mail", "strange": "unknown",
    }  # fmt: skip
    await office.bookings.confirm(held.secret, LI_NA)


async def test_a_link_is_good_once_and_for_its_contact(office: Office) -> None:
    contact = await office.core.contact("Wu Wei", "tel:+4930123987")
    now = datetime.now(UTC)

    def make(conn: Connection) -> int:
        row = {"event_type": "intro", "contact_id": contact, "created_at": now}
        conn.execute(booking_links.insert().values(
            id=1, hash=fingerprint("one"), expires_at=now + timedelta(days=1), **row
        ))  # fmt: skip
        conn.execute(booking_links.insert().values(id=2, hash=fingerprint("late"), expires_at=now, **row))
        return 0

    await office.core.store.write(make)
    assert await refusal(office, link="late") is Code.LINK
    assert await refusal(office, link="one", slug="careful") is Code.LINK
    first, second = await office.hold(tomorrow(), link="one"), await office.hold(tomorrow(12), link="one")
    booked = await office.bookings.confirm(first.secret, LI_NA)
    assert booked.booking.contact_id == contact
    with pytest.raises(Refused) as refused:
        await office.bookings.confirm(second.secret, LI_NA)
    assert refused.value.code is Code.LINK
    assert await refusal(office, link="one") is Code.LINK


async def test_only_hosts_and_who_leads_them_change_a_booking(office: Office) -> None:
    held = await office.hold(tomorrow())
    await office.bookings.confirm(held.secret, LI_NA)
    with pytest.raises(Refused) as refused:
        await office.bookings.cancel(held.booking_id, actor=BEN)
    assert refused.value.code is Code.NOT_YOURS
    with pytest.raises(Refused) as refused:
        await office.bookings.no_show(held.booking_id, actor=ADA)
    assert refused.value.code is Code.TOO_EARLY
    with pytest.raises(Refused) as refused:
        await office.bookings.move(held.secret, datetime.now(UTC) - timedelta(days=1))
    assert refused.value.code is Code.PAST
    lead = Actor("eve", Authority.MANAGER, "eve")
    await office.bookings.propose(held.booking_id, actor=lead)
    assert (await office.bookings.cancel(held.booking_id, actor=lead)).ended_by == "host"


async def test_the_owner_of_the_contact_is_preferred_and_written_back(ruled_office: Office) -> None:
    """FIELD: The owner of the contact is not preferred and not written back."""
    office = ruled_office
    contact = await office.core.contact("Li Na", "mailto:li.na@customer.example")
    await office.core.store.write(
        lambda conn: conn.execute(contacts.update().where(contacts.c.id == contact).values(owner="ben")).rowcount
    )
    for hour in (10, 11, 12):  # whosever turn it is, she is Ben's
        held = await office.hold(tomorrow(hour), "either")
        booked = await office.bookings.confirm(held.secret, LI_NA)
        assert booked.booking.hosts == ("ben",)
        assert {"code": "owner", "agent": "ben", "contact": contact} in booked.booking.why
    held = await office.hold(tomorrow(14), "either", host="ada")
    stranger = replace(LI_NA, mail="wu@customer.example", phone="+49 30 5556677")
    booked = await office.bookings.confirm(held.secret, stranger)
    assert booked.booking.hosts == ("ada",)
    assert await office.core.one("SELECT owner FROM contacts WHERE id = :id", id=booked.booking.contact_id) == "ada"
    mine = await office.bookings.listed(Filter(host="ada"))
    assert [each.id for each in mine] == [held.booking_id]


async def test_a_hold_that_expired_is_free_for_others(office: Office) -> None:
    held = await office.hold(tomorrow())
    past = datetime.now(UTC) - timedelta(minutes=1)

    def late(conn: Connection) -> int:
        conn.exec_driver_sql(f"UPDATE bookings SET held_until = {int(past.timestamp() * 1e6)}")
        return conn.exec_driver_sql(f"UPDATE appointments SET held_until = {int(past.timestamp() * 1e6)}").rowcount

    await office.core.store.write(late)
    other = await office.hold(tomorrow())
    assert isinstance(other, Held)
    with pytest.raises(Gone):
        await office.bookings.confirm(held.secret, LI_NA)
    await office.bookings.confirm(other.secret, LI_NA)
