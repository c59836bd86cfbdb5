"""One-time links are good once, for one event type, for as long as they say."""

from __future__ import annotations

import pytest

from hub.booking.links import Links, NotGood, Why
from hub.booking.states import Code, Refused
from hub.crm.records import Unknown
from tests.hub.booking.office import ADA, LI_NA, Office, tomorrow


@pytest.fixture
def links(office: Office) -> Links:
    """The links of the office."""
    return Links(office.core.store, office.bookings.means.catalogue, "https://hub.example.org")


def secret_of(url: str) -> str:
    assert url.startswith("https://hub.example.org/link/")
    return url.rpartition("/")[2]


async def why(links: Links, secret: str) -> Why:
    """Why a link is not good."""
    with pytest.raises(NotGood) as refused:
        await links.find(secret)
    assert refused.value.code is Code.LINK
    return refused.value.why


async def test_a_link_books_once_for_the_contact_it_was_made_for(office: Office, links: Links) -> None:
    contact = await office.core.contact("Li Na of Example", "mailto:other@customer.example")
    secret = secret_of(await links.make("intro", contact, 7, ADA))
    assert (await links.find(secret)).contact_id == contact
    held = await office.hold(tomorrow(), link=secret)
    beside = await office.hold(tomorrow(11), link=secret)
    booked = await office.bookings.confirm(held.secret, LI_NA)
    assert booked.booking.contact_id == contact
    assert await why(links, secret) is Why.USED
    with pytest.raises(NotGood) as reused:
        await office.hold(tomorrow(12), link=secret)
    assert reused.value.why is Why.USED
    with pytest.raises(NotGood) as late:
        await office.bookings.confirm(beside.secret, LI_NA)
    assert late.value.why is Why.USED
    assert await office.core.one("SELECT count(*) FROM bookings WHERE state = 'confirmed'") == 1


async def test_forged_expired_and_misused_links(office: Office, links: Links) -> None:
    secret = secret_of(await links.make("intro", None, 1, ADA))
    assert await why(links, secret[:-1]) is Why.UNKNOWN
    assert await why(links, "x" * 5000) is Why.UNKNOWN
    assert await why(links, "") is Why.UNKNOWN
    with pytest.raises(NotGood) as elsewhere:
        await office.hold(tomorrow(), "careful", link=secret)
    assert elsewhere.value.why is Why.ELSEWHERE
    stored = await office.core.one("SELECT hash FROM booking_links")
    assert secret not in stored
    await office.core.store.write(lambda conn: conn.exec_driver_sql("UPDATE booking_links SET expires_at = 1").rowcount)
    assert await why(links, secret) is Why.EXPIRED
    with pytest.raises(NotGood):
        await office.hold(tomorrow(), link=secret)


async def test_a_link_is_made_for_what_there_is(links: Links) -> None:
    with pytest.raises(Refused) as unknown:
        await links.make("nothing", None, 7, ADA)
    assert unknown.value.code is Code.UNKNOWN_TYPE
    with pytest.raises(Refused):
        await links.make("intro", None, 3660, ADA)
    with pytest.raises(Unknown):
        await links.make("intro", 12345, 7, ADA)
