"""What is heard over Socket Mode, and what is read again after an outage."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hub
from connectors.slack import Connector
from connectors.slack.messages import event as made
from connectors.slack.messages import heard
from tests.connectors.slack.conftest import SETUP, settings
from tests.contracts.connector import heard as arrived
from tests.fakes.slack import ANN, BOT, CHANNEL, TEAM, Slack


def listening(workspace: Slack, cursor: str | None = None, **changed: object) -> Any:
    connector = Connector(settings(workspace.port, **changed), SETUP)
    return connector, aclosing(connector.listen(cursor))


def events(arrivals: list[hub.Arrival]) -> list[hub.Event]:
    return [item for arrival in arrivals for item in arrival.items if isinstance(item, hub.Event)]


def texts(arrivals: list[hub.Arrival]) -> list[str | None]:
    facts = [each.facts for each in events(arrivals)]
    return [each.text for each in facts if isinstance(each, hub.Message)]


async def connected(workspace: Slack, arrivals: AsyncGenerator[hub.Arrival, None]) -> asyncio.Future[Any]:
    """What comes next, asked for by a connector that has read what was there before."""
    coming = asyncio.ensure_future(arrived(arrivals, 1))
    await workspace.until(lambda: workspace.sockets and ("conversations.history" in dict(workspace.asked)))
    return coming


async def test_it_is_acknowledged_when_it_is_durable_and_not_before(workspace: Slack) -> None:
    connector, opened = listening(workspace)
    async with opened as arrivals:
        coming = await connected(workspace, arrivals)
        workspace.say(ANN, "durable?")
        (arrival,) = await coming
        assert workspace.acknowledged == []
        await workspace.repeat()
        again = asyncio.ensure_future(arrived(arrivals, 1))
        workspace.say(ANN, "next")
        assert texts(await again) == ["next"], "what is said again is not told again"
        assert workspace.acknowledged == []
        assert arrival.cursor is not None
        await connector.committed(arrival.cursor)
        await workspace.until(lambda: len(workspace.acknowledged) == 1)


async def test_what_is_of_no_concern_is_acknowledged_at_once(workspace: Slack) -> None:
    _, opened = listening(workspace)
    async with opened as arrivals:
        coming = await connected(workspace, arrivals)
        workspace.say(ANN, "has joined", subtype="channel_join")
        workspace.say(ANN, "lunch?", channel="C0000002")
        await workspace.until(lambda: len(workspace.acknowledged) == 2)
        workspace.say(ANN, f"<@{BOT}> look", channel="C0000002", event="app_mention")
        assert texts(await coming) == ["@hub look"]


async def test_what_cannot_be_read_is_set_aside_and_the_next_is_heard(workspace: Slack) -> None:
    _, opened = listening(workspace)
    async with opened as arrivals:
        coming = await connected(workspace, arrivals)
        workspace.tell({"type": "message", "channel": CHANNEL, "user": ANN, "text": "when?", "ts": "yesterday"})
        (arrival,) = await coming
        coming = asyncio.ensure_future(arrived(arrivals, 1))
        workspace.say(ANN, "the next")
        assert texts(await coming) == ["the next"]
    (broken,) = arrival.items
    assert isinstance(broken, hub.Unreadable)
    assert "ts" in broken.reason
    assert b"yesterday" in broken.raw


async def test_a_connection_that_slack_changes_for_another_loses_nothing(workspace: Slack) -> None:
    _, opened = listening(workspace)
    async with opened as arrivals:
        coming = await connected(workspace, arrivals)
        old = workspace.sockets[0]
        await workspace.change("refresh_requested")
        await workspace.until(lambda: workspace.connected == 2)
        assert not old.closed, "the next is open before the old one ends"
        await old.close()
        workspace.say(ANN, "on the new one")
        assert texts(await coming) == ["on the new one"]
        coming = asyncio.ensure_future(arrived(arrivals, 1))
        await workspace.change("link_disabled")
        with pytest.raises(hub.Rejected):
            await coming


async def test_an_outage_leaves_no_gap_in_channels_threads_and_direct_talks(workspace: Slack) -> None:
    first = workspace.say(ANN, "first")
    _, opened = listening(workspace)
    async with opened as arrivals:
        cursor = (await arrived(arrivals, 1))[-1].cursor
    workspace.say(ANN, "missed")
    workspace.say(ANN, "missed in the thread", thread=first)
    workspace.say(ANN, "missed directly", channel=workspace.direct(ANN))
    _, opened = listening(workspace, cursor)
    async with opened as arrivals:
        found = await arrived(arrivals, 3)
        coming = asyncio.ensure_future(arrived(arrivals, 1))
        workspace.say(ANN, "live")
        assert texts(await coming) == ["live"]
    assert sorted(str(text) for text in texts(found)) == ["missed", "missed directly", "missed in the thread"]
    assert not any(each.live for each in found)
    threads = {each.facts.text: each.conversation for each in events(found) if isinstance(each.facts, hub.Message)}
    assert threads["missed in the thread"] == f"{TEAM}/{CHANNEL}/{first}"
    assert threads["missed directly"] == f"{TEAM}/{workspace.direct(ANN)}"


async def test_an_answer_in_a_thread_of_long_ago_is_found_again(workspace: Slack) -> None:
    first = workspace.say(ANN, "first")
    _, opened = listening(workspace)
    async with opened as arrivals:
        await arrived(arrivals, 1)
        coming = asyncio.ensure_future(arrived(arrivals, 1))
        workspace.say(ANN, "second", thread=first)
        cursor = (await coming)[-1].cursor
    # The channel itself is read from far beyond the thread's beginning on.
    said = json.loads(str(cursor))
    said["channels"][CHANNEL] = f"{int(first.partition('.')[0]) + 3600}.000000"
    workspace.say(ANN, "third", thread=first)
    _, opened = listening(workspace, json.dumps(said))
    async with opened as arrivals:
        assert texts(await arrived(arrivals, 1)) == ["third"]


async def test_many_pages_come_oldest_first_and_a_rate_limit_is_kept(workspace: Slack) -> None:
    workspace.page = 3
    for number in range(10):
        workspace.say(ANN, f"old {number}")
    workspace.refuse("conversations.history", "ratelimited", status=429, retry_after=1)
    _, opened = listening(workspace)
    async with opened as arrivals:
        assert texts(await arrived(arrivals, 10)) == [f"old {number}" for number in range(10)]
    histories = [given.get("cursor") for method, given in workspace.asked if method == "conversations.history"]
    assert histories == [None, None, "3", "6", "9"]


async def test_while_slack_wants_to_be_left_alone_it_listens_and_hides_nothing_that_is_not_read_yet(
    workspace: Slack,
) -> None:
    workspace.say(ANN, "old")
    workspace.refuse("conversations.history", "ratelimited", status=429, retry_after=60)
    _, opened = listening(workspace)
    async with opened as arrivals:
        coming = await connected(workspace, arrivals)
        workspace.say(ANN, "live")
        cursor = (await coming)[-1].cursor
    _, opened = listening(workspace, cursor)
    async with opened as arrivals:
        assert texts(await arrived(arrivals, 1)) == ["old"]


async def test_edits_and_deletions_are_events_of_the_same_message(workspace: Slack) -> None:
    _, opened = listening(workspace)
    async with opened as arrivals:
        coming = await connected(workspace, arrivals)
        ts = workspace.say(ANN, "Teh order", channel=workspace.direct(ANN))
        told = await coming
        coming = asyncio.ensure_future(arrived(arrivals, 1))
        workspace.edit(workspace.direct(ANN), ts, "The order")
        told += await coming
        coming = asyncio.ensure_future(arrived(arrivals, 1))
        workspace.delete(workspace.direct(ANN), ts)
        told += await coming
    assert {each.key for each in events(told)} == {f"slack:{TEAM}/{workspace.direct(ANN)}/{ts}"}
    facts = [each.facts for each in events(told) if isinstance(each.facts, hub.Message)]
    assert [each.text for each in facts] == ["Teh order", "The order", None]
    assert [bool(each.deleted) for each in facts] == [False, False, True]
    assert facts[1].edited_at == events(told)[1].at
    assert facts[0].participants == (
        hub.Participant(f"slack:{TEAM}/{ANN}", hub.Role.SENDER, "Ann Example"),
        hub.Participant(f"slack:{TEAM}/{BOT}", hub.Role.RECIPIENT),
    )


async def test_the_events_api_and_socket_mode_tell_one_interaction(workspace: Slack) -> None:
    _, opened = listening(workspace)
    async with opened as arrivals:
        coming = await connected(workspace, arrivals)
        ts = workspace.say(ANN, "one")
        (over_socket,) = events(await coming)
    said = workspace.message(CHANNEL, ts)
    callback = {"team_id": TEAM, "event": {**said, "channel": CHANNEL}, "event_id": "Ev1", "type": "event_callback"}
    what = heard(callback, settings(workspace.port))
    assert what is not None
    over_http = made(what, settings(workspace.port), {ANN: "Ann Example"})
    assert over_http == over_socket


async def test_what_our_app_says_directly_names_whom_it_says_it_to(workspace: Slack) -> None:
    _, opened = listening(workspace)
    async with opened as arrivals:
        coming = await connected(workspace, arrivals)
        workspace.say(BOT, "It is on its way.", channel=workspace.direct(ANN), bot_id="B0000099")
        (said,) = events(await coming)
    assert isinstance(said.facts, hub.Message)
    assert said.facts.participants == (
        hub.Participant(f"slack:{TEAM}/{BOT}", hub.Role.SENDER),
        hub.Participant(f"slack:{TEAM}/{ANN}", hub.Role.RECIPIENT, "Ann Example"),
    )


async def test_a_token_of_another_app_says_whose_it_is(workspace: Slack) -> None:
    _, opened = listening(workspace, bot="U0000042")
    async with opened as arrivals:
        with pytest.raises(hub.Misconfigured, match=f'"{TEAM}" and "{BOT}"'):
            await anext(arrivals)


async def test_a_channel_that_the_app_is_not_in_is_named(workspace: Slack) -> None:
    workspace.messages["C0000007"] = []
    _, opened = listening(workspace, channels=[CHANNEL, "C0000007"])
    async with opened as arrivals:
        with pytest.raises(hub.Misconfigured, match="C0000007"):
            await anext(arrivals)


async def test_a_missing_scope_is_named(workspace: Slack) -> None:
    workspace.refuse("conversations.history", "missing_scope", needed="channels:history")
    _, opened = listening(workspace)
    async with opened as arrivals:
        with pytest.raises(hub.Rejected, match="channels:history"):
            await anext(arrivals)


async def test_a_cursor_that_cannot_be_read_begins_anew(workspace: Slack) -> None:
    workspace.say(ANN, "here")
    _, opened = listening(workspace, "no cursor of ours")
    async with opened as arrivals:
        assert texts(await arrived(arrivals, 1)) == ["here"]


def test_settings_are_checked_before_anything_is_asked() -> None:
    for wrong, said in (
        ({"bot_token": None}, "bot_token"),
        ({"api_url": "http://slack.example/api"}, "https"),
        ({"channels": ["#sales"]}, "channels"),
    ):
        with pytest.raises(ValueError, match=said) as refused:
            settings(1, **wrong)
        assert "4711" not in str(refused.value), "no secret is quoted"
    assert settings(1).own == (f"slack:{TEAM}/{BOT}",)
    assert not Connector(settings(1, app_token=None), SETUP).ready


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just("1772442000.000100") | st.just(CHANNEL),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "subtype", "channel", "ts", "message", "user", "text", "blocks", "files", "edited"]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=12,
)


@given(event=_JSON, subtype=st.sampled_from([None, "message_changed", "message_deleted", "file_share"]))
def test_whatever_slack_says_is_a_message_or_of_no_concern_or_set_aside(event: Any, subtype: str | None) -> None:
    said = {**event, "type": "message", "subtype": subtype} if isinstance(event, dict) else event
    try:
        what = heard({"team_id": TEAM, "event": said}, settings(1))
    except hub.Unsupported:
        return
    assert what is None or made(what, settings(1)).key.startswith(f"slack:{TEAM}/{CHANNEL}/")
