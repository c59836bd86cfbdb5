"""The door for any phone system."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr, ValidationError

import hub
from connectors.calls.settings import CallsSettings
from hub import NAMESPACES, Misconfigured
from hub.calls.fold import answered_by, fold_calls
from tests.contracts.connector import setup
from tests.contracts.recordings import recordings, webhook
from tests.contracts.webhook import WebhookContract
from tests.hub.calls.phones import ringing
from webhooks.calls import Webhook

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
OURS = frozenset({"tel:+4930123456", "tel:+4930123451", "mailto:ada@example.org", "mailto:bob@example.org"})


class TestContract(WebhookContract):
    signed_by = ("authorization",)

    def webhook(self) -> hub.Webhook:
        return webhook("calls")

    def strangers(self) -> Sequence[hub.Webhook]:
        return [webhook("calls", token=token) for token in ("another-token", "calls-test-toke", "calls-test-tokenn")]

    def genuine(self) -> Sequence[hub.Delivery]:
        return [each.delivery() for each in recordings("calls") if "events" in each.expected]


def delivery(**news: object) -> hub.Delivery:
    headers = {"authorization": "Bearer calls-test-token", "content-type": "application/json"}
    url = "https://hub.example.org/webhooks/pbx"
    return hub.Delivery("POST", url, headers, json.dumps(news).encode(), NOW)


def told(*news: dict[str, object]) -> hub.Call:
    """The call that some events about one id amount to."""
    door = webhook("calls")
    return fold_calls(
        [
            ("pbx", event)
            for each in news
            for event in door.parse(delivery(id="7", **each))
            if isinstance(event, hub.Event)
        ],
        OURS,
    )


RINGS: dict[str, object] = {"event": "ringing", "from": "+4930901820", "to": "+4930123456"}


@pytest.mark.parametrize(
    "authorization",
    ["calls-test-token", "Basic calls-test-token", "Bearer", "Bearer ", "bearer calls-test-token x", "Bearer ü"],
)
def test_anything_but_the_bearer_token_is_forged(authorization: str) -> None:
    sent = delivery(id="7", **RINGS)
    with pytest.raises(hub.Forged):
        webhook("calls").verify(replace(sent, headers={"authorization": authorization}))


@pytest.mark.parametrize("authorization", ["bearer calls-test-token", "BEARER  calls-test-token "])
def test_the_scheme_is_written_in_any_case(authorization: str) -> None:
    webhook("calls").verify(replace(delivery(id="7", **RINGS), headers={"authorization": authorization}))


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": None},
        {"id": ""},
        {"id": True},
        {"id": 1.5},
        {"id": "a\x00b"},
        {"id": "x" * 201},
        {"at": True},
        {"at": 1e300},
        {"at": "0001-01-01T00:00:00Z"},
        {"at": "2026-03-02T25:00:00Z"},
        {"agent": {"id": "ada"}},
        {"duration": 1e30},
        {"from": ["+4930901820"]},
        {"from": "\ud800"},
    ],
)
def test_values_that_cannot_be_are_quarantined_with_their_key(wrong: dict[str, object]) -> None:
    ((key, _),) = wrong.items()
    body = json.dumps({"id": "7", **RINGS, **wrong}).encode()
    with pytest.raises(hub.Unsupported, match="body" if wrong == {"from": "\ud800"} else key):
        webhook("calls").parse(replace(delivery(), body=body))


def test_equal_ids_of_two_phone_systems_are_two_calls() -> None:
    settings = CallsSettings.model_validate({"token": "calls-test-token"})
    doors = [Webhook(settings, hub.Setup(name, "DE", (), (), (), "")) for name in ("pbx", "branch")]
    assert [door.parse(delivery(id="7", **RINGS))[0].key for door in doors] == ["pbx:7", "branch:7"]


def test_a_repetition_is_the_same_event_even_where_the_phone_system_tells_no_time() -> None:
    first = delivery(id="7", **RINGS)
    door = webhook("calls")
    again = door.parse(replace(first, received_at=datetime(2026, 3, 2, 9, 31, tzinfo=UTC)))
    assert [event.id for event in door.parse(first) if isinstance(event, hub.Event)] == [
        event.id for event in again if isinstance(event, hub.Event)
    ]


def test_ended_without_answered_is_missed() -> None:
    call = told(RINGS, {"event": "ended"})
    assert (call.state, call.direction, call.outcome, call.duration) == ("ended", "inbound", "missed", 0)


def test_talking_time_proves_an_answer() -> None:
    call = told(
        {**RINGS, "at": "2026-03-02T09:00:00Z"}, {"event": "ended", "duration": 63, "at": "2026-03-02T09:01:10Z"}
    )
    assert (call.outcome, call.duration) == ("completed", 63)
    assert call.answered_at == datetime(2026, 3, 2, 9, 0, 7, tzinfo=UTC)


def test_a_phone_that_gives_up_does_not_end_the_call_for_the_others() -> None:
    group: list[dict[str, object]] = [
        {**RINGS, "agent": "21"},
        {**RINGS, "agent": "22"},
        {"event": "missed", "agent": "21"},
    ]
    assert [leg.phone for leg in ringing(told(*group))] == ["pbx/22"]
    assert told(*group, {"event": "missed", "agent": "22"}).outcome == "missed"
    taken = told(*group, {"event": "answered", "agent": "22"})
    leg = answered_by(taken)
    assert (taken.state, leg and leg.phone) == ("answered", "pbx/22")
    assert told(*group, {"event": "answered", "agent": "22"}, {"event": "ended"}).outcome == "completed"


def test_the_whole_group_is_quiet_once_one_answered() -> None:
    call = told({**RINGS, "agent": "21"}, {**RINGS, "agent": "22"}, {"event": "answered", "agent": "22"})
    assert ringing(call) == ()
    assert call.state is hub.CallState.ANSWERED


def test_a_missed_call_of_which_no_phone_was_named_is_over() -> None:
    call = told(RINGS, {"event": "missed", "agent": "21"})
    assert (call.state, call.outcome) == ("ended", "missed")


def test_a_call_we_make_is_not_missed() -> None:
    made: dict[str, object] = {"event": "ringing", "from": "21", "to": "+4930901820"}
    call = told(made, {"event": "ended"})
    assert (call.direction, call.outcome, ringing(told(made))) == ("outbound", "no-answer", ())


def test_settings_need_a_token_and_do_not_tell_it() -> None:
    for wrong in ({}, {"token": ""}, {"token": "s3cret", "tokens": 1}):
        with pytest.raises(ValidationError) as refused:
            CallsSettings.model_validate(wrong)
        assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("name", sorted(NAMESPACES))
def test_a_source_may_not_be_named_like_anothers_keys(name: str) -> None:
    with pytest.raises(Misconfigured, match=name):
        Webhook(CallsSettings(token=SecretStr("token")), setup(name=name))


def second(number: int) -> dict[str, object]:
    return {"at": f"2026-03-02T09:00:{number:02d}Z"}


def test_a_call_that_waits_is_held_and_passed_on_has_every_phone_in_it() -> None:
    call = told(
        {**RINGS, "event": "queued", "queue": "sales", **second(0)},
        {**RINGS, "agent": "21", "joined": "queue", **second(1)},
        {"event": "answered", "agent": "21", **second(5)},
        {"event": "held", "agent": "21", **second(10)},
        {"event": "resumed", "agent": "21", **second(15)},
        {"event": "transferred", "agent": "21", **second(20)},
        {**RINGS, "agent": "22", "joined": "blind-transfer", "by": "21", **second(21)},
        {"event": "answered", "agent": "22", **second(25)},
        {"event": "ended", "recording": {"id": "r1", "url": "/r1.wav"}, **second(45)},
        {"event": "transcript", "transcript": {"id": "t1", "text": "Guten Tag", "recording": "r1"}, **second(50)},
    )
    assert (call.outcome, call.queue, call.state) == ("completed", "sales", "ended")
    legs = [(leg.phone, leg.joined, leg.by) for leg in call.legs]
    assert legs == [("pbx/21", "queue", None), ("pbx/22", "blind-transfer", "pbx/21")]
    assert [(each.id, each.url) for each in call.recordings] == [("r1", "/r1.wav")]
    assert [(each.text, each.recording) for each in call.transcripts] == [("Guten Tag", "r1")]


def test_a_message_left_is_a_voicemail() -> None:
    call = told({**RINGS, **second(0)}, {"event": "voicemail", "recording": {"id": "r2"}, **second(30)})
    assert (call.outcome, call.state, call.recordings[0].voicemail) == ("voicemail", "ended", True)


def test_what_is_held_again_is_another_event_where_its_time_is_told() -> None:
    door = webhook("calls")
    parts = [door.parse(delivery(id="7", event="held", agent="21", **second(each)))[0] for each in (1, 1, 2)]
    ids = [event.id for event in parts if isinstance(event, hub.Event)]
    assert ids[0] == ids[1] != ids[2]
