"""The Directory on both databases: searching, changing, and whose a handle is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hub.crm.directory import Directory
from hub.crm.records import Conflict, Draft, Stale, Strength, Unknown
from hub.crm.search import BadCursor
from hub.privacy.visibility import Actor, Authority
from hub.store.schema import micros
from hub.vocabulary import CallState, Channel, Event, Message, Participant, Role
from tests.hub.core import LINE, OURS, Core, call

ADA = Actor("ada", Authority.AGENT, "ada", record="login/1")
LI = "mailto:li.na@customer.example"
PHONE = "tel:+4917012345678"


@pytest.fixture
async def directory(core: Core) -> AsyncIterator[Directory]:
    return Directory(core.store, core.live, "DE", OURS.handles)


def person(name: str, *handles: str, **more: Any) -> Draft:
    return Draft(name=name, handles=tuple((handle, Strength.PERSONAL) for handle in handles), **more)


def mail(key: str, sender: str, *to: str) -> Event:
    people = (Participant(sender, Role.SENDER), *(Participant(each, Role.RECIPIENT) for each in to))
    at = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
    return Event(key=key, id="1", channel=Channel.EMAIL, at=at, facts=Message(participants=people, sent_at=at))


async def timeline(core: Core, contact_id: int) -> set[str]:
    rows = await core.rows(
        "SELECT i.key FROM activities a JOIN interactions i ON i.id = a.interaction_id WHERE a.contact_id = :contact",
        contact=contact_id,
    )
    return {row[0] for row in rows}


@pytest.mark.parametrize(
    "q",
    [
        "wang", "Xiaoming Wang", "王小明", "Müller", "MÜLLER", "müller gmbh wang",
        "+49 170 1234 5678", "0170/12345678", "0049 170 12345678", "017012345", "12345678",
        "wang@customer.example", "WANG@Customer.example", "customer.exam",
    ],
)  # fmt: skip
async def test_a_contact_is_found_by_any_part_of_what_is_known(directory: Directory, q: str) -> None:
    draft = person("Wang Xiaoming 王小明", PHONE, "mailto:wang@customer.example", company="Müller GmbH")
    wanted = await directory.create(ADA, draft)
    await directory.create(ADA, person("Somebody Else", "tel:+12125550100", "mailto:else@other.example"))
    assert [each.id for each in (await directory.search(ADA, q)).contacts] == [wanted.id]


@pytest.mark.parametrize("q", ["100%", "_", "zhang", "wang zhang", "+49 170 1234 5679"])
async def test_what_is_nowhere_is_not_found(directory: Directory, q: str) -> None:
    await directory.create(ADA, person("Wang Xiaoming", PHONE))
    assert (await directory.search(ADA, q)).contacts == ()


async def test_pages_follow_each_other_by_name_without_gap_or_repeat(directory: Directory) -> None:
    names = [f"Kim {number:02}" for number in range(7)] + ["Kim 03", "Kim 03"]
    for name in names:
        await directory.create(ADA, Draft(name=name))
    seen, cursor = [], None
    while True:
        page = await directory.search(ADA, "kim", limit=2, cursor=cursor)
        seen += [(each.name, each.id) for each in page.contacts]
        cursor = page.next
        if cursor is None:
            break
    assert [name for name, _ in seen] == sorted(names)
    assert len(set(seen)) == len(names)


@pytest.mark.parametrize("cursor", ["", "x", "bnVsbA", "WzEsMl0", "8J+Rjw=="])
async def test_a_cursor_of_somebody_else_is_refused(directory: Directory, cursor: str) -> None:
    with pytest.raises(BadCursor):
        await directory.search(ADA, cursor=cursor)


async def test_what_came_before_joins_the_timeline_of_a_new_contact(directory: Directory, core: Core) -> None:
    await core.ingest.record("mail", [mail("mail:<1@x>", LI, "mailto:support@example.org")])
    await core.ingest.record("mail", [mail("mail:<2@x>", "mailto:support@example.org", LI)])
    await core.ingest.record("pbx", [call("1", CallState.RINGING, caller=PHONE)])
    contact = await directory.create(ADA, person("Li Na", LI, PHONE))
    assert await timeline(core, contact.id) == {"mail:<1@x>", "mail:<2@x>", "pbx:1"}
    assert {each.handle: (each.how, each.confirmed_at is not None) for each in contact.identities} == {
        LI: ("agent", True),
        PHONE: ("agent", True),
    }


async def test_a_handle_linked_later_joins_and_one_taken_back_leaves(directory: Directory, core: Core) -> None:
    await core.ingest.record("mail", [mail("mail:<1@x>", LI, "mailto:support@example.org")])
    await core.ingest.record("pbx", [call("1", CallState.RINGING, caller=PHONE)])
    contact = await directory.create(ADA, person("Li Na", LI))
    await directory.link(ADA, contact.id, PHONE)
    assert await timeline(core, contact.id) == {"mail:<1@x>", "pbx:1"}
    await directory.unlink(ADA, contact.id, PHONE)
    assert await timeline(core, contact.id) == {"mail:<1@x>"}
    with pytest.raises(Unknown):
        await directory.unlink(ADA, contact.id, PHONE)


async def test_what_stands_there_by_another_handle_too_stays(directory: Directory, core: Core) -> None:
    other = "mailto:li.na@private.example"
    await core.ingest.record("mail", [mail("mail:<1@x>", LI, "mailto:support@example.org", other)])
    contact = await directory.create(ADA, person("Li Na", LI, other))
    await directory.unlink(ADA, contact.id, other)
    assert await timeline(core, contact.id) == {"mail:<1@x>"}


async def test_a_handle_of_two_is_on_nobodys_timeline_until_confirmed(directory: Directory, core: Core) -> None:
    shared = (PHONE, Strength.SHARED)
    first = await directory.create(ADA, Draft(name="First", handles=(shared,)))
    second = await directory.create(ADA, Draft(name="Second", handles=(shared,)))
    await core.ingest.record("pbx", [call("1", CallState.RINGING, caller=PHONE)])
    assert await timeline(core, first.id) == await timeline(core, second.id) == set()
    interaction = await core.one("SELECT id FROM interactions")
    await directory.confirm(ADA, interaction, second.id, PHONE)
    assert await timeline(core, first.id) == set()
    assert await timeline(core, second.id) == {"pbx:1"}
    assert await core.one("SELECT confirmed_by FROM activities") == "ada"
    # What a person confirmed stays, even where the link itself is taken back.
    await directory.unlink(ADA, second.id, PHONE)
    assert await timeline(core, second.id) == {"pbx:1"}
    assert await timeline(core, first.id) == {"pbx:1"}, "the other one is the only owner now"


async def test_only_an_outside_participant_can_be_confirmed(directory: Directory, core: Core) -> None:
    contact = await directory.create(ADA, Draft(name="First"))
    await core.ingest.record("pbx", [call("1", CallState.RINGING, caller=PHONE)])
    interaction = await core.one("SELECT id FROM interactions")
    for handle in (LINE, LI):
        with pytest.raises(Unknown):
            await directory.confirm(ADA, interaction, contact.id, handle)
    with pytest.raises(Unknown):
        await directory.confirm(ADA, interaction + 1, contact.id, PHONE)


async def test_a_conflict_names_the_record_and_the_reason(directory: Directory) -> None:
    first = await directory.create(ADA, person("Li Na", LI, external_id="K-1"))
    with pytest.raises(Conflict) as caught:
        await directory.create(ADA, person("Impostor", LI, LINE, external_id="K-1"))
    assert [(clash.record, clash.value, clash.reason) for clash in caught.value.clashes] == [
        ("hub", LINE, "our-own-address"),
        (f"contact/{first.id}", LI, "handle-in-use"),
        (f"contact/{first.id}", "K-1", "external-id-in-use"),
    ]
    assert [each.name for each in (await directory.search(ADA)).contacts] == ["Li Na"], "nothing of it was kept"


async def test_a_change_at_an_old_revision_is_refused(directory: Directory) -> None:
    contact = await directory.create(ADA, person("Li Na", LI))
    changed = await directory.change(ADA, contact.id, {"title": "Head of purchasing"}, revision=contact.revision)
    assert (changed.title, changed.revision) == ("Head of purchasing", contact.revision + 1)
    with pytest.raises(Stale) as caught:
        await directory.change(ADA, contact.id, {"title": "Intern"}, revision=contact.revision)
    assert caught.value.current == changed


async def test_a_change_of_handles_is_the_whole_new_set(directory: Directory, core: Core) -> None:
    await core.ingest.record("mail", [mail("mail:<1@x>", LI, "mailto:support@example.org")])
    await core.ingest.record("pbx", [call("1", CallState.RINGING, caller=PHONE)])
    contact = await directory.create(ADA, person("Li Na", LI))
    changed = await directory.change(ADA, contact.id, {"company": "Customer Ltd"}, handles=[(PHONE, Strength.PERSONAL)])
    assert [each.handle for each in changed.identities] == [PHONE]
    assert changed.company == "Customer Ltd"
    assert await timeline(core, contact.id) == {"pbx:1"}


async def test_a_company_is_one_whatever_its_case(directory: Directory, core: Core) -> None:
    await directory.create(ADA, Draft(name="A", company="Acme Ltd"))
    await directory.create(ADA, Draft(name="B", company="ACME ltd"))
    assert await core.rows("SELECT name FROM companies") == [("Acme Ltd",)]


async def test_the_audit_holds_record_ids_only(directory: Directory, core: Core) -> None:
    contact = await directory.create(ADA, person("Li Na", LI))
    await directory.link(ADA, contact.id, PHONE)
    assert await core.rows("SELECT actor, action, record FROM audit ORDER BY id") == [
        ("login/1", "contact.create", f"contact/{contact.id}"),
        ("login/1", "contact.link", f"contact/{contact.id}"),
    ]


async def test_a_change_is_told_to_the_screens(directory: Directory, core: Core) -> None:
    with core.live.subscribe("ada") as screen:
        contact = await directory.create(ADA, person("Li Na", LI))
        frames = await screen.frames()
    assert frames is not None
    assert b"event: activity" in frames
    assert str(contact.id).encode() in frames


async def test_what_does_not_exist_is_unknown(directory: Directory) -> None:
    with pytest.raises(Unknown):
        await directory.get(ADA, 1)
    with pytest.raises(Unknown):
        await directory.change(ADA, 1, {"name": "x"})
    with pytest.raises(Unknown):
        await directory.link(ADA, 1, LI)


async def test_a_call_and_the_contact_made_of_it_at_the_same_moment_find_each_other(
    directory: Directory, core: Core
) -> None:
    handles = [f"tel:+4917010000{number:03}" for number in range(60)]

    async def made(handle: str) -> int:
        return (await directory.create(ADA, person(handle, handle))).id

    async def rung(handle: str) -> None:
        await core.ingest.record("pbx", [call(handle, CallState.RINGING, caller=handle)])

    contacts = await asyncio.gather(*(made(handle) for handle in handles), *(rung(handle) for handle in handles))
    on = await core.rows("SELECT contact_id FROM activities")
    assert sorted(row[0] for row in on) == sorted(each for each in contacts if each is not None)


async def test_what_turns_out_to_have_been_earlier_moves_on_every_timeline(directory: Directory, core: Core) -> None:
    """Also where the handle has several owners by now, so that a match alone would not find the activity."""
    at = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
    first = await directory.create(ADA, Draft(name="First", handles=((PHONE, Strength.SHARED),)))
    await core.ingest.record("pbx", [call("1", CallState.ANSWERED, caller=PHONE, at=at)])
    await directory.create(ADA, Draft(name="Second", handles=((PHONE, Strength.SHARED),)))
    earlier = at - timedelta(minutes=1)
    await core.ingest.record("pbx", [call("1", CallState.RINGING, caller=PHONE, at=earlier)])
    assert await core.rows(
        "SELECT a.contact_id, i.occurred_at - a.occurred_at, a.occurred_at"
        " FROM activities a JOIN interactions i ON i.id = a.interaction_id"
    ) == [(first.id, 0, micros(earlier))]
