"""Calls that are answered by a plan, at a real Asterisk with real callers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field

import pytest

import hub
from connectors.asterisk import Connector, Recorder
from connectors.asterisk.rest import rest
from hub.calls.fold import fold_calls
from tests.connectors.asterisk.conftest import about, settings
from tests.connectors.asterisk.test_recorder import ari
from tests.contracts.connector import SECONDS
from tests.contracts.recorder import MOST
from tests.servers.asterisk import Asterisk
from tests.servers.phones import Phones

NUMBER = "+4930123499"
ANSWERED = f"tel:{NUMBER}"
DIALPLAN = """[test]
exten => +4930123499,1,Stasis(hub)
 same => n,Dial(PJSIP/second,20)
 same => n,Hangup()
"""


@dataclass
class Plan:
    """What the core would answer, one step after the other; it keeps what it was asked."""

    steps: list[hub.Step | None]
    asked: list[hub.Asked] = field(default_factory=list)

    async def route(self, asked: hub.Asked) -> hub.Step | None:
        self.asked.append(asked)
        if not self.steps:
            return hub.Step(place="end", action=hub.HangUp())
        return self.steps.pop(0)

    async def access_token(self, refused: str | None = None) -> str:
        raise hub.Rejected("There is none.")

    async def rebind(self, place: str, sightings: Sequence[hub.Sighting]) -> frozenset[str]:
        return frozenset()


class Source:
    """A connector at work, and all that it said."""

    def __init__(self) -> None:
        self.events: list[hub.Event] = []
        self._news = asyncio.Condition()

    async def read(self, connector: Connector) -> None:
        async with aclosing(connector.listen("{}")) as arrivals:
            async for arrival in arrivals:
                async with self._news:
                    self.events += [item for item in arrival.items if isinstance(item, hub.Event)]
                    self._news.notify_all()

    def call(self, key: str) -> hub.Call:
        return fold_calls([("pbx", event) for event in self.events if event.key == key], frozenset({ANSWERED}))

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(SECONDS), self._news:
            await self._news.wait_for(true)

    async def over(self, plan: Plan) -> hub.Call:
        """The call that was asked about, once it is over."""
        await self.until(lambda: bool(plan.asked) and self.call(plan.asked[0].key).state == "ended")
        return self.call(plan.asked[0].key)


@asynccontextmanager
async def answering(asterisk: Asterisk, *steps: hub.Step | None) -> AsyncIterator[tuple[Source, Plan]]:
    """A hub's connector that answers with *steps*."""
    asterisk.extend(DIALPLAN)
    plan, source = Plan(list(steps)), Source()
    built = Connector(settings(asterisk, cdr_file="", **ari(asterisk)), about(ours=(ANSWERED,), plan="main", loan=plan))
    reading = asyncio.create_task(source.read(built))
    try:
        async with asyncio.timeout(SECONDS), rest(settings(asterisk, **ari(asterisk))) as client:
            while (await client.ask("GET", "/applications/hub", accept=(404,))).status == 404:
                assert not reading.done(), reading.result()
                await asyncio.sleep(0.05)
        yield source, plan
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


def step(action: hub.Listen | hub.Ring | hub.Wait | hub.TakeMessage | hub.HangUp | None, *audio: str) -> hub.Step:
    return hub.Step(place="here", prompts=tuple(hub.Prompt(audio=each) for each in audio), action=action)


async def test_a_menu_hears_digits_and_rings_a_phone(asterisk: Asterisk, phones: Phones) -> None:
    await phones.answer("desk", talk=0.3)
    menu, ring = step(hub.Listen(seconds=5), "hello-world"), step(hub.Ring(phones=("pbx/desk", "pbx/nosuchphone")))
    async with answering(asterisk, menu, ring) as (source, plan):
        caller = await phones.call(NUMBER, digits="2", talk=None, name="Carol")
        call = await source.over(plan)
        assert await caller.done() == 0, caller.complaints
    assert [(each.heard, each.digits) for each in plan.asked] == [("began", ""), ("digits", "2"), ("answered", "")]
    assert (plan.asked[0].caller, plan.asked[0].line, plan.asked[1].place) == ("tel:+4915112345678", ANSWERED, "here")
    assert (call.direction, call.outcome, call.line) == ("inbound", "completed", ANSWERED)
    assert [(leg.phone, leg.outcome) for leg in call.legs] == [("pbx/100", "completed")]


async def test_a_group_rings_and_the_first_wins(asterisk: Asterisk, phones: Phones) -> None:
    await phones.ring("desk")
    await phones.answer("second", talk=0.3)
    async with answering(asterisk, step(hub.Ring(phones=("pbx/desk", "pbx/second"), record=True))) as (source, plan):
        caller = await phones.call(NUMBER, talk=None, speaks=True)
        await source.over(plan)
        await source.until(lambda: bool(source.call(plan.asked[0].key).recordings))
        call = source.call(plan.asked[0].key)
        assert await caller.done() == 0, caller.complaints
    assert {leg.phone: leg.outcome for leg in call.legs} == {"pbx/100": "cancelled", "pbx/103": "completed"}
    [recording] = call.recordings
    assert not recording.voicemail
    assert len((await Recorder(settings(asterisk, **ari(asterisk)), about()).fetch(recording, MOST)).data) > 44


async def test_nobody_picks_up_and_the_caller_leaves_a_message(asterisk: Asterisk, phones: Phones) -> None:
    await phones.refuse("desk")
    ring, message = step(hub.Ring(phones=("pbx/desk",), seconds=5)), step(hub.TakeMessage(seconds=60), "hello-world")
    async with answering(asterisk, ring, message) as (source, plan):
        caller = await phones.call(NUMBER, talk=4, speaks=True)
        await source.over(plan)
        await source.until(lambda: bool(source.call(plan.asked[0].key).recordings))
        call = source.call(plan.asked[0].key)
        assert await caller.done() == 0, caller.complaints
    assert [each.heard for each in plan.asked][:2] == ["began", "unanswered"]
    assert (call.outcome, call.legs[0].outcome) == ("voicemail", "busy")
    [recording] = call.recordings
    assert recording.voicemail
    media = await Recorder(settings(asterisk, **ari(asterisk)), about()).fetch(recording, MOST)
    assert media.media_type.startswith("audio/")
    assert len(media.data) > 8000


async def test_waiting_in_a_queue_with_music_and_a_text_that_cannot_be_spoken(
    asterisk: Asterisk, phones: Phones
) -> None:
    wait = hub.Step(place="q", prompts=(hub.Prompt(text="Please wait."),), action=hub.Wait(queue="sales", seconds=1))
    async with answering(asterisk, wait, step(hub.Wait(queue="sales", seconds=1, music="hello-world"))) as (
        source,
        plan,
    ):
        caller = await phones.call(NUMBER, talk=None)
        call = await source.over(plan)
        assert await caller.done() == 0, caller.complaints
    assert [each.heard for each in plan.asked] == ["began", "done", "done"]
    assert (call.queue, call.outcome) == ("sales", "missed")


async def test_a_busy_tone_without_an_answer(asterisk: Asterisk, phones: Phones) -> None:
    async with answering(asterisk, step(hub.HangUp(busy=True))) as (source, plan):
        caller = await phones.call_refused(NUMBER, 486)
        await source.over(plan)
        assert await caller.done() == 0, caller.complaints


async def test_a_caller_who_presses_nothing_or_hangs_up(asterisk: Asterisk, phones: Phones) -> None:
    async with answering(asterisk, step(hub.Listen(seconds=1)), step(hub.Wait(queue="sales", seconds=60))) as (
        source,
        plan,
    ):
        caller = await phones.call(NUMBER, talk=2)
        call = await source.over(plan)
        assert await caller.done() == 0, caller.complaints
    assert [each.heard for each in plan.asked] == ["began", "nothing"]
    assert call.outcome == "missed"


async def test_a_caller_who_gives_up_while_it_rings_leaves_no_phone_ringing(asterisk: Asterisk, phones: Phones) -> None:
    desk = await phones.ring("desk", calls=1)
    async with answering(asterisk, step(hub.Ring(phones=("pbx/desk",), seconds=60))) as (source, plan):
        caller = await phones.call_and_give_up(NUMBER, after=0.5)
        call = await source.over(plan)
        assert await caller.done() == 0, caller.complaints
        assert await desk.done() == 0, desk.complaints
    assert (call.outcome, call.legs[0].phone) == ("missed", "pbx/100")


@pytest.mark.parametrize("answers", ["no plan", "no hub"])
async def test_the_dialplan_rings_where_the_hub_does_not_answer(
    asterisk: Asterisk, phones: Phones, answers: str
) -> None:
    await phones.answer("second")
    if answers == "no hub":
        asterisk.extend(DIALPLAN)
        caller = await phones.call(NUMBER)
        assert await caller.done() == 0, caller.complaints
        return
    async with answering(asterisk, None) as (source, plan):
        caller = await phones.call(NUMBER)
        call = await source.over(plan)
        assert await caller.done() == 0, caller.complaints
    assert [leg.phone for leg in call.legs] == ["pbx/103"]


async def test_a_caller_whose_hub_goes_away_is_given_back_to_the_dialplan(asterisk: Asterisk, phones: Phones) -> None:
    await phones.answer("second")
    async with answering(asterisk, step(hub.Wait(queue="sales", seconds=60))) as (source, plan):
        caller = await phones.call(NUMBER, talk=0.3)
        await source.until(lambda: bool(plan.asked) and source.call(plan.asked[0].key).queue == "sales")
    async with answering(asterisk):
        assert await caller.done() == 0, caller.complaints


@pytest.mark.parametrize(
    ("changed", "verdict"),
    [({"ari_password": "not-it"}, hub.Rejected), ({"ari_url": "http://127.0.0.1:9/ari"}, hub.Unavailable)],
    ids=["secret", "address"],
)
async def test_an_interface_that_cannot_be_used(
    asterisk: Asterisk, changed: dict[str, str], verdict: type[hub.Verdict]
) -> None:
    built = Connector(settings(asterisk, cdr_file="", **ari(asterisk) | changed), about(plan="main", loan=Plan([])))
    async with asyncio.timeout(SECONDS):
        with pytest.raises(verdict):
            await Source().read(built)
