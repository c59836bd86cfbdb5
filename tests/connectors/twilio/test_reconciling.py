"""What no callback told is read from Twilio's lists."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta

import pytest

import hub
from connectors.twilio import Connector
from connectors.twilio.progress import OVERLAP
from connectors.twilio.settings import TwilioSettings
from hub.calls.fold import fold_calls
from tests.connectors.twilio.conftest import ADA, CALLER, LINE, SETUP, port, settings
from tests.contracts.connector import heard, setup
from tests.fakes.twilio import ACCOUNT, InboundCall, Twilio
from tests.fakes.twilio_api import TwilioApi
from webhooks.twilio import Webhook

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(autouse=True)
def present(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file was read minutes ago where the whole suite runs, and what is old rings nobody."""
    monkeypatch.setattr(sys.modules[__name__], "NOW", datetime.now(UTC).replace(microsecond=0))


ADAS_PHONE = "+14155550123"
KEYLESS = {"account_sid": ACCOUNT, "auth_token": "twilio-test-auth-token"}


def ago(seconds: int) -> datetime:
    return NOW - timedelta(seconds=seconds)


def connector(api: TwilioApi, **changes: object) -> Connector:
    return Connector(settings(port(api), **changes), SETUP)


async def first_look(listening: Connector, cursor: str | None, items: int) -> list[hub.Arrival]:
    """What a connection finds at once: *items* things."""
    async with aclosing(listening.listen(cursor)) as arrivals:
        return await heard(arrivals, items) if items else [await anext(arrivals)]


def events(arrivals: Sequence[hub.Arrival]) -> list[hub.Event]:
    return [item for arrival in arrivals for item in arrival.items if isinstance(item, hub.Event)]


def folded(told: Sequence[hub.Event]) -> hub.Call:
    return fold_calls([("front-desk", event) for event in told], frozenset({LINE}))


def talked_call(api: TwilioApi, began: int = 100) -> str:
    """A call of 60 seconds that rang Ada for ten: its sid."""
    sid = api.call(start_time=ago(began), end_time=ago(began - 70), duration="70")
    api.call(
        parent_call_sid=sid, start_time=ago(began), end_time=ago(began - 70), duration="60", direction="outbound-dial",
        to=ADAS_PHONE,
    )  # fmt: skip
    return sid


async def test_events_lost_while_the_listener_was_down_are_filled_from_the_providers_list_and_marked_recovered(
    api: TwilioApi,
) -> None:
    cursor = (await first_look(connector(api), None, 0))[-1].cursor
    sid = talked_call(api)
    told = events(await first_look(connector(api), cursor, 2))
    assert {event.key for event in told} == {f"twilio:{sid}"}
    call = folded(told)
    assert (call.state, call.outcome, call.direction) == ("ended", "completed", "inbound")
    assert (call.started_at, call.answered_at, call.ended_at, call.duration) == (ago(100), ago(90), ago(30), 60)
    assert [(leg.phone, leg.outcome) for leg in call.legs] == [(f"tel:{ADAS_PHONE}", "completed")]
    assert call.recovered


async def test_what_the_callbacks_told_too_is_the_same_call_and_not_recovered(api: TwilioApi) -> None:
    sid = talked_call(api)
    leg = next(each for each in api.calls if each != sid)
    listed = events(await first_look(connector(api), None, 2))
    call, door = InboundCall(sid, began=ago(100)), Webhook(settings(port(api)), SETUP)
    requests = [
        call.leg(leg, ADAS_PHONE, "initiated", 0),
        call.leg(leg, ADAS_PHONE, "ringing", 1),
        call.leg(leg, ADAS_PHONE, "in-progress", 10),
        call.leg(leg, ADAS_PHONE, "completed", 70, CallDuration="60"),
        call.over(70),
    ]
    twilio = Twilio(SETUP.webhook_url)
    told = [event for each in requests for event in door.parse(twilio.delivery(each, NOW))]
    by_callback = [event for event in told if isinstance(event, hub.Event)]
    assert folded([*by_callback, *listed]) == folded([*listed, *by_callback]) == folded(by_callback)
    assert not folded([*by_callback, *listed]).recovered


async def test_a_call_is_looked_back_to_until_it_is_over_however_long_ago_it_began(api: TwilioApi) -> None:
    long_ago = int(OVERLAP.total_seconds()) * 8
    sid = api.call(start_time=ago(long_ago), status="in-progress")
    cursor = (await first_look(connector(api), None, 1))[-1].cursor
    api.call(start_time=ago(60), status="no-answer")
    cursor = (await first_look(connector(api), cursor, 1))[-1].cursor
    api.change(sid, status="completed", end_time=ago(10), duration=str(long_ago - 10))
    (ended,) = events(await first_look(connector(api), cursor, 1))
    assert (ended.key, ended.at) == (f"twilio:{sid}", ago(10))
    # Over at last: it is not looked back to any more.
    cursor = (await first_look(connector(api), cursor, 1))[-1].cursor
    assert cursor is not None
    assert sid not in cursor


async def test_only_calls_and_messages_of_our_numbers_are_taken(api: TwilioApi) -> None:
    others = api.call(to="+14155550777", start_time=ago(50))
    api.call(
        parent_call_sid=others, to=ADAS_PHONE, direction="outbound-dial", start_time=ago(49), **{"from": "+1415555"}
    )
    api.recording(others, date_created=ago(40))
    api.message(to="+14155550777", body="for somebody else", date_sent=ago(30))
    ours = api.call(start_time=ago(20), status="busy")
    listening = connector(api)
    told = events(await first_look(listening, None, 1))
    assert [event.key for event in told] == [f"twilio:{ours}"]
    asked = [path for _, path, _ in api.asked]
    assert f"Calls/{others}.json" not in asked, "what is known already is not asked again"


async def test_a_recording_comes_as_its_callback_tells_it(api: TwilioApi) -> None:
    sid = api.call(start_time=ago(40), end_time=ago(10), duration="30")
    recording = api.recording(sid, date_created=ago(20), duration="9")
    still = api.recording(sid, date_created=ago(20), status="processing")
    told = events(await first_look(connector(api), None, 2))
    call = folded(told)
    assert call.outcome == "voicemail"
    assert [(each.id, each.seconds, each.voicemail) for each in call.recordings] == [(recording, 9, True)]
    assert f"{recording}:completed" in [event.id for event in told], "the id that the callback's event has"
    assert still not in repr(told)


async def test_messages_that_came_in_are_events_and_of_those_that_went_out_the_fate_is_told(api: TwilioApi) -> None:
    inbound = api.message(body="Hello", date_sent=ago(30))
    sent = {"direction": "outbound-api", "from": "+14155550199", "to": "+14155550100", "date_sent": ago(20)}
    failed = api.message(**sent, status="undelivered", error_code=30005, body="Hi")
    waiting = api.message(**sent, status="queued", body="Hi")
    picture = api.message(num_media="1", date_sent=ago(10))
    arrivals = await first_look(connector(api), None, 3)
    told = {event.id: event.facts for event in events(arrivals)}
    assert set(told) == {inbound, picture}
    assert f"Messages/{picture}/Media" in repr(told[picture])
    (receipt,) = [item for arrival in arrivals for item in arrival.items if isinstance(item, hub.Receipt)]
    assert (receipt.key, receipt.state) == (f"twilio:{failed}", "failed")
    assert receipt.reason == "the number is unknown, or not in use any more (30005)"
    assert waiting not in repr(arrivals[0].items)


@pytest.mark.parametrize("last", ["machine", "completed"])
def test_a_machine_that_answers_a_call_of_ours_is_a_voicemail_whatever_is_told_last(last: str) -> None:
    call = InboundCall("CA" + "1" * 32, caller="+14155550199", line=ADAS_PHONE, began=ago(60))
    leg, door, twilio = (
        "CA" + "2" * 32,
        Webhook(TwilioSettings.model_validate(KEYLESS), SETUP),
        Twilio(SETUP.webhook_url),
    )
    detected = {"CallSid": leg, "ParentCallSid": call.sid, "AnsweredBy": "machine_end_beep"}
    requests = [
        {**call.arrives(), "Direction": "outbound-api", "CallStatus": "in-progress"},
        call.leg(leg, CALLER, "ringing", 2),
        call.leg(leg, CALLER, "in-progress", 9),
        call.leg(leg, CALLER, "completed", 20, CallDuration="11"),
    ]
    requests.insert(4 if last == "machine" else 2, detected)
    at = ago(40) if last == "completed" else NOW
    told = [event for each in requests for event in door.parse(twilio.delivery(each, at))]
    found = folded([event for event in told if isinstance(event, hub.Event)])
    assert (found.direction, found.outcome) == ("outbound", "voicemail")


async def test_old_things_ring_nobody(api: TwilioApi) -> None:
    cursor = (await first_look(connector(api), None, 0))[-1].cursor
    api.call(start_time=ago(7200), end_time=ago(7000), duration="200")
    api.call(start_time=ago(2), status="ringing")
    arrivals = await first_look(connector(api), cursor, 2)
    assert [(arrival.live, len(arrival.items)) for arrival in arrivals] == [(False, 1), (True, 1)]


async def test_it_looks_at_once_when_it_is_woken(api: TwilioApi) -> None:
    listening = Connector(settings(port(api)).model_copy(update={"poll_seconds": 3600}), SETUP)
    async with aclosing(listening.listen(None)) as arrivals:
        await anext(arrivals)
        sid = api.call(start_time=ago(5), status="ringing")
        await listening.wake()
        (arrival,) = await heard(arrivals, 1)
    assert [event.key for event in events([arrival])] == [f"twilio:{sid}"]


async def test_a_busy_account_says_so(api: TwilioApi) -> None:
    api.busy = 1
    with pytest.raises(hub.Unavailable, match=r"Too Many Requests \(20429\)"):
        await first_look(connector(api), None, 0)
    assert await connector(api).freshness(None) == hub.Freshness(0, 0.0)


async def test_an_account_that_is_not_there_is_misconfigured(api: TwilioApi) -> None:
    api.refuses["Calls.json"] = (404, 20404, "The requested resource was not found")
    with pytest.raises(hub.Misconfigured, match=r"\(20404\); check sources\.front-desk\.account_sid"):
        await first_look(connector(api), None, 0)


async def test_how_far_behind_it_is_counts_from_when_things_changed(api: TwilioApi) -> None:
    api.call(start_time=ago(7200), end_time=ago(30), duration="7170")
    lag = await connector(api).freshness(None)
    assert lag.messages == 1
    assert lag.seconds is not None
    assert 30 <= lag.seconds < 600


async def test_what_the_list_holds_and_nobody_documents_goes_to_quarantine(api: TwilioApi) -> None:
    sid = api.call(start_time=ago(60), status="parked")
    ((item,), *_) = [arrival.items for arrival in await first_look(connector(api), None, 1)]
    assert isinstance(item, hub.Unreadable)
    assert "CallStatus" in item.reason
    assert sid.encode() in item.raw


@pytest.mark.parametrize("cursor", ["", "17", "{}", '{"calls": {"since": 1, "known": []}}'])
async def test_a_cursor_that_cannot_be_read_begins_anew(api: TwilioApi, cursor: str) -> None:
    sid = api.call(start_time=ago(60))
    assert [event.key for event in events(await first_look(connector(api), cursor, 1))] == [f"twilio:{sid}"]


async def test_without_a_key_nobody_listens_and_with_half_a_key_nothing_starts(api: TwilioApi) -> None:
    bare = settings(port(api)).model_copy(update={"api_key_sid": "", "api_key_secret": None})
    assert not Connector(bare, setup("front-desk", agents=(ADA,))).ready
    with pytest.raises(ValueError, match="belong together"):
        settings(port(api), api_key_secret=None)
