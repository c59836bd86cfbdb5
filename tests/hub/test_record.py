"""What ingest promises, on both databases: once, in any order, on the right timelines, or aside with a reason."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from hub import Call, CallState, Channel, Copy, Event, Leg, Level, Message, Participant, RawMail, Role, Unreadable
from hub.ingest import LeaseLost
from hub.store.schema import sources
from tests.hub.core import Core, call, letter

RINGING, ANSWERED, ENDED = CallState.RINGING, CallState.ANSWERED, CallState.ENDED


async def counts(core: Core) -> dict[str, int]:
    tables = ("events", "interactions", "activities", "conversations", "quarantine", "copies", "blobs")
    return {table: await core.one(f"SELECT count(*) FROM {table}") for table in tables}


async def test_a_mail_is_on_the_timeline_of_its_sender(core: Core) -> None:
    contact = await core.contact("Li Na", "mailto:li.na@customer.example")
    await core.ingest.record("mail", [letter("a@customer.example")])
    rows = await core.rows(
        "SELECT i.key, i.channel, i.kind, i.direction, i.title, i.preview, a.contact_id"
        " FROM activities a JOIN interactions i ON i.id = a.interaction_id"
    )
    assert rows == [
        (
            "mail:<a@customer.example>",
            "email",
            "message",
            "inbound",
            "Offer for 200",
            "Could you send an offer?",
            contact,
        )
    ]
    assert await core.one("SELECT occurred_at FROM interactions") == int(
        datetime(2026, 11, 20, 9, tzinfo=UTC).timestamp() * 1_000_000
    )


async def test_a_repeated_mail_changes_nothing(core: Core) -> None:
    await core.contact("Li Na", "mailto:li.na@customer.example")
    await core.ingest.record("mail", [letter("a@customer.example")])
    before = await counts(core), await core.rows("SELECT key, revision FROM interactions")
    await core.ingest.record("mail", [letter("a@customer.example"), letter("a@customer.example")])
    assert (await counts(core), await core.rows("SELECT key, revision FROM interactions")) == before


async def test_one_mail_in_two_mailboxes_is_one_interaction_with_two_copies(core: Core) -> None:
    await core.ingest.record("mail", [letter("a@customer.example", uid=1)])
    await core.ingest.record("other", [letter("a@customer.example", uid=7)])
    assert await core.rows("SELECT source, provider_id FROM copies ORDER BY source") == [
        ("mail", "1:1"),
        ("other", "1:7"),
    ]
    found = await counts(core)
    assert (found["interactions"], found["copies"], found["blobs"]) == (1, 2, 1)
    assert await core.one("SELECT refs FROM blobs") == 2


async def test_a_message_id_used_twice_does_not_hide_the_second_mail(core: Core) -> None:
    await core.ingest.record(
        "mail", [letter("same@x.example"), letter("same@x.example", sender="eve@evil.example", uid=2)]
    )
    await core.ingest.record("mail", [letter("same@x.example", sender="eve@evil.example", uid=2)])
    keys = [key for (key,) in await core.rows("SELECT key FROM interactions ORDER BY key DESC")]
    assert keys[1] == "mail:<same@x.example>" or keys[0] == "mail:<same@x.example>"
    assert len(keys) == 2
    assert any(key.startswith("mail:content:") for key in keys)


async def test_a_mail_without_message_id_is_known_by_its_content(core: Core) -> None:
    await core.ingest.record("mail", [letter("", uid=1)])
    await core.ingest.record("other", [letter("", uid=9)])
    await core.ingest.record("mail", [letter("", uid=2, text="Another one.")])
    assert await core.one("SELECT count(*) FROM interactions") == 2


def undated(ident: str, minutes: int, *, uid: int = 1) -> RawMail:
    """A mail that says no date, received *minutes* after noon."""
    told = letter(ident, uid=uid)
    raw = b"\r\n".join(line for line in told.raw.split(b"\r\n") if not line.startswith(b"Date:"))
    return replace(told, raw=raw, received_at=datetime(2026, 11, 20, 12, minutes, tzinfo=UTC))


@pytest.mark.parametrize("ident", ["a@customer.example", ""])
async def test_a_mail_without_date_is_one_mail_whenever_it_is_repeated(core: Core, ident: str) -> None:
    await core.ingest.record("mail", [undated(ident, 1)])
    await core.ingest.record("mail", [undated(ident, 2)])
    await core.ingest.record("other", [undated(ident, 0, uid=7)])
    noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    assert await core.rows("SELECT occurred_at FROM interactions") == [(int(noon.timestamp() * 1_000_000),)]


async def test_mails_without_date_and_message_id_are_told_apart_by_their_bytes(core: Core) -> None:
    one = undated("", 1)
    other = replace(undated("", 2, uid=2), raw=b"Received: from elsewhere\r\n" + one.raw)
    await core.ingest.record("mail", [one, other])
    assert await core.one("SELECT count(*) FROM interactions") == 2


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
async def test_references_make_one_conversation_in_any_order(core: Core, order: tuple[int, ...]) -> None:
    thread = [
        letter("root@x.example", uid=1),
        letter("second@x.example", uid=2, references=["root@x.example"]),
        letter("third@x.example", uid=3, references=["unseen@x.example", "second@x.example"]),
    ]
    for index in order:
        await core.ingest.record("mail", [thread[index]])
    assert await core.one("SELECT count(DISTINCT conversation_id) FROM interactions") == 1
    assert await core.one("SELECT count(*) FROM conversations") == 1


async def test_a_mail_that_bridges_two_conversations_makes_them_one(core: Core) -> None:
    await core.ingest.record("mail", [letter("a@x.example", uid=1), letter("b@x.example", uid=2)])
    assert await core.one("SELECT count(*) FROM conversations") == 2
    await core.ingest.record("mail", [letter("c@x.example", uid=3, references=["a@x.example", "b@x.example"])])
    assert await core.one("SELECT count(*) FROM conversations") == 1
    assert await core.one("SELECT count(DISTINCT conversation_id) FROM interactions") == 1
    assert await core.one("SELECT count(DISTINCT conversation_id) FROM conversation_refs") == 1


async def test_a_handle_of_two_contacts_is_on_nobodys_timeline(core: Core) -> None:
    await core.contact("Reception", "tel:+4917012345678")
    await core.contact("Wang Xiaoming", "tel:+4917012345678")
    with core.live.subscribe("ada") as screen:
        await core.ingest.record("pbx", [call("1", RINGING, legs=[Leg(id="l", phone="pbx/21", state=RINGING)])])
        frames = await screen.frames()
    assert frames is not None
    assert b"Reception" in frames
    assert b"Wang Xiaoming" in frames
    assert await core.one("SELECT count(*) FROM activities") == 0


async def test_a_withheld_number_matches_nobody(core: Core) -> None:
    await core.contact("Nobody", "")
    await core.ingest.record("pbx", [call("1", RINGING, caller="")])
    assert await core.one("SELECT count(*) FROM activities") == 0


async def test_our_own_addresses_decide_direction_and_are_never_matched(core: Core) -> None:
    await core.contact("Ada herself", "mailto:ada@example.org")
    await core.contact("Li Na", "mailto:li.na@customer.example")
    await core.ingest.record(
        "mail",
        [
            letter("out@example.org", sender="ada@example.org", to="li.na@customer.example", uid=1),
            letter("internal@example.org", sender="ada@example.org", to="ben@example.org", uid=2),
        ],
    )
    rows = await core.rows(
        "SELECT i.direction, c.name FROM interactions i LEFT JOIN activities a ON a.interaction_id = i.id"
        " LEFT JOIN contacts c ON c.id = a.contact_id ORDER BY i.direction"
    )
    assert rows == [("internal", None), ("outbound", "Li Na")]


async def test_call_events_converge_whatever_their_order(core: Core) -> None:
    began = datetime.now(UTC) - timedelta(hours=1)
    leg = {
        state: Leg(id="l", phone="pbx/21", state=state, answered_at=began if state is ANSWERED else None)
        for state in (RINGING, ANSWERED, ENDED)
    }
    steps = [
        call("x", state, at=began + timedelta(seconds=10 * index), legs=[leg[state]])
        for index, state in enumerate((RINGING, ANSWERED, ENDED))
    ]
    for name, order in {"a": (0, 1, 2), "b": (2, 0, 1), "c": (1, 2, 0, 0, 1)}.items():
        for index in order:
            step = steps[index]
            await core.ingest.record("pbx", [Event(**{**_fields(step), "key": f"pbx:{name}"})])
    rows = await core.rows("SELECT state, outcome, facts FROM interactions")
    assert len(rows) == 3
    assert len(set(rows)) == 1
    assert rows[0][:2] == ("ended", "completed")


def _fields(event: Event) -> dict[str, object]:
    return {name: getattr(event, name) for name in Event.__dataclass_fields__}


async def test_what_cannot_be_read_is_quarantined_and_the_cursor_moves_on(core: Core) -> None:
    await _lease(core, "mail", epoch=1)
    bad = Unreadable(b"\x00\x01 not a mail", "no headers", datetime.now(UTC))
    await core.ingest.record("mail", [letter("a@x.example"), bad], cursor="1:2", epoch=1)
    await core.ingest.record("mail", [bad], cursor="1:3", epoch=1)
    assert await core.rows("SELECT source, kind, reason, state FROM quarantine") == [
        ("mail", "mail", "no headers", "open")
    ]
    assert await core.one("SELECT cursor FROM sources") == "1:3"
    assert await core.one("SELECT count(*) FROM interactions") == 1
    assert await core.one("SELECT refs FROM blobs WHERE size = :size", size=len(bad.raw)) == 1


async def test_an_item_the_database_refuses_is_found_and_put_aside(core: Core) -> None:
    await _lease(core, "chat", epoch=1)
    at = datetime.now(UTC)

    def message(number: int) -> Event:
        text = "bad\x00text" if number == 37 else f"message {number}"
        # SQLite takes what PostgreSQL refuses, so the id is too large for either.
        order = 1 << 63 if number == 37 else 0
        facts = Message(participants=(Participant("slack:T/U", Role.SENDER),), text=text)
        return Event(key=f"slack:{number}", id="1", channel=Channel.CHAT, at=at, order=order, facts=facts)

    await core.ingest.record("chat", [message(number) for number in range(64)], cursor="63", epoch=1)
    assert await core.one("SELECT count(*) FROM interactions") == 63
    assert await core.one("SELECT cursor FROM sources") == "63"
    (about,) = (row[0] for row in await core.rows("SELECT about FROM quarantine"))
    assert '"key":"slack:37"' in about


async def test_a_lost_lease_records_nothing_and_keeps_the_others_cursor(core: Core) -> None:
    await _lease(core, "mail", epoch=2, cursor="new holder's")
    with pytest.raises(LeaseLost):
        await core.ingest.record("mail", [letter("late@x.example")], cursor="old holder's", epoch=1)
    assert await core.one("SELECT count(*) FROM interactions") == 0
    assert await core.one("SELECT cursor FROM sources") == "new holder's"


async def test_a_lost_lease_does_not_take_its_batch_along(core: Core) -> None:
    await _lease(core, "mail", epoch=2)
    results = await asyncio.gather(
        core.ingest.record("first", [letter("1@x.example")]),
        core.ingest.record("mail", [letter("late@x.example")], cursor="x", epoch=1),
        core.ingest.record("other", [letter("2@x.example")]),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [type(None), LeaseLost, type(None)]
    assert await core.one("SELECT count(*) FROM interactions") == 2


async def test_never_log_leaves_nothing_of_a_mail_even_if_it_cannot_be_read(core: Core) -> None:
    unreadable = letter("x@y.example", sender="doctor@clinic.example")
    await core.ingest.record(
        "mail",
        [
            unreadable,
            letter("2@y.example", to="support@example.org, Anwalt <a@mail.lawyers.example>", uid=2),
        ],
    )
    found = await counts(core)
    assert {**found} == dict.fromkeys(found, 0)


async def test_a_never_logged_call_rings_from_memory_and_leaves_nothing(core: Core) -> None:
    legs = {state: [Leg(id="l", phone="pbx/21", state=state)] for state in (RINGING, ENDED)}
    with core.live.subscribe("ada") as screen:
        await core.ingest.record("pbx", [call("1", RINGING, caller="tel:+4930999999", legs=legs[RINGING])])
        assert b"event: pop\n" in (await screen.frames() or b"")
        assert [pop["handle"] for pop in await core.pops.ringing("ada")] == ["tel:+4930999999"]
        await core.ingest.record("pbx", [call("1", ENDED, caller="tel:+4930999999", legs=legs[ENDED])])
        assert b"event: pop-withdrawn\n" in (await screen.frames() or b"")
    assert await core.pops.ringing("ada") == []
    found = await counts(core)
    assert {**found} == dict.fromkeys(found, 0)
    assert await core.one("SELECT count(*) FROM pops") == 0


async def test_a_copy_of_lower_level_keeps_no_body(core: Core) -> None:
    metadata = letter("m@x.example", copy=Copy("INBOX", "1:1", level=Level.METADATA))
    subject = letter("s@x.example", copy=Copy("INBOX", "1:2", level=Level.SUBJECT), uid=2)
    await core.ingest.record("mail", [metadata, subject])
    rows = await core.rows("SELECT title, preview, open_level, blob FROM interactions ORDER BY open_level")
    assert rows == [("", "", 1, None), ("Offer for 200", "", 2, None)]
    assert await core.one("SELECT count(*) FROM blobs") == 0


async def test_every_activity_goes_to_the_outbox_in_the_same_transaction(core: Core) -> None:
    contact = await core.contact("Li Na", "mailto:li.na@customer.example")
    await core.ingest.record("mail", [letter("a@customer.example")])
    interaction = await core.one("SELECT id FROM interactions")
    assert await core.rows("SELECT destination, subject, state, version FROM outbox") == [
        ("crm", f"activity:{interaction}:{contact}", "waiting", 1)
    ]
    await core.ingest.record("other", [letter("a@customer.example", uid=4)])
    assert await core.rows("SELECT state, version FROM outbox") == [("waiting", 2)]


async def test_many_at_once_are_each_recorded_once(core: Core) -> None:
    await asyncio.gather(
        *(core.ingest.record("mail", [letter(f"{n % 50}@x.example", uid=n % 50)]) for n in range(200)),
        *(core.ingest.record("pbx", [call(str(n % 20), RINGING)]) for n in range(60)),
    )
    assert await core.one("SELECT count(*) FROM interactions") == 70
    assert await core.one("SELECT count(*) FROM events") == 70


async def _lease(core: Core, name: str, *, epoch: int, cursor: str | None = None) -> None:
    await core.store.write(
        lambda conn: conn.execute(sources.insert().values(name=name, epoch=epoch, cursor=cursor)) and None
    )
    assert await core.store.read(lambda conn: conn.execute(sa.select(sources.c.epoch)).scalar_one()) == epoch


async def test_what_was_put_aside_can_be_replayed_once_it_can_be_read(core: Core) -> None:
    good = letter("later@x.example")
    about = {"place": "INBOX", "provider_id": "1:9", "received_at": datetime.now(UTC).isoformat()}
    await core.ingest.quarantine("mail", "mail", "a bug of ours", good.raw, about)
    await core.ingest.quarantine("mail", "mail", "no headers", b"\x00\x01", about)
    held = dict(await core.rows("SELECT reason, id FROM quarantine"))
    assert await core.ingest.replay(held["a bug of ours"]) == ""
    assert await core.ingest.replay(held["no headers"]) != ""
    assert await core.rows("SELECT key FROM interactions") == [("mail:<later@x.example>",)]
    assert await core.rows("SELECT state, count(*) FROM quarantine GROUP BY state ORDER BY state") == [
        ("open", 1),
        ("replayed", 1),
    ]


async def test_a_caller_that_gives_up_takes_nobody_along(core: Core) -> None:
    kept = asyncio.create_task(core.ingest.record("pbx", [call("1", RINGING)]))
    gone = asyncio.create_task(core.ingest.record("pbx", [call("2", RINGING)]))
    last = asyncio.create_task(core.ingest.record("pbx", [call("3", RINGING)]))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.gather(kept, last)
    assert await core.one("SELECT count(*) FROM interactions WHERE key IN ('pbx:1', 'pbx:3')") == 2


async def test_an_end_that_names_nobody_does_not_record_a_never_logged_call(core: Core) -> None:
    await core.ingest.record("pbx", [call("1", RINGING, caller="tel:+4930999999")])
    end = call("1", ANSWERED)
    await core.ingest.record("pbx", [replace(end, facts=Call(state=ANSWERED))])
    assert await core.one("SELECT count(*) FROM events") == 0
