"""Alerts with buttons, and files."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import replace

import pytest

import hub
from connectors.slack import Connector, Fetcher, Sender, Teller
from tests.connectors.slack.conftest import SETUP, settings
from tests.contracts.connector import heard
from tests.fakes.slack import ANN, BOT, BOT_TOKEN, CHANNEL, TEAM, Slack

ANN_HANDLE = f"slack:{TEAM}/{ANN}"
ALERT = hub.Telling(
    title="Missed call: *Li* <Na> & Co",
    lines=("+49 30 123456", "because: rule “missed”"),
    url="https://hub.example.test/alerts/42",
    buttons=(
        hub.Button("Acknowledge", value="acknowledge/42/7f3a"),
        hub.Button("Snooze", value="snooze/42/7f3a"),
        hub.Button("Open", url="https://hub.example.test/alerts/42"),
    ),
)


async def test_an_alert_in_slack_is_acknowledged_by_its_button_and_then_says_so(workspace: Slack) -> None:
    connector = Connector(settings(workspace.port), SETUP)
    teller = Teller(settings(workspace.port), SETUP)
    async with aclosing(connector.listen(None)) as arrivals:
        coming = asyncio.ensure_future(heard(arrivals, 1))
        await workspace.until(lambda: workspace.sockets)
        known = await teller.tell(ANN_HANDLE, ALERT, "")
        (message,) = workspace.told(ANN)
        header, lines, actions = message["blocks"]
        assert header["text"] == {"type": "plain_text", "text": ALERT.title, "emoji": False}
        assert lines["text"]["text"] == "+49 30 123456\nbecause: rule “missed”"
        assert [each["text"]["text"] for each in actions["elements"]] == ["Acknowledge", "Snooze", "Open"]
        assert "&lt;Na&gt; &amp; Co" in message["text"]
        await workspace.press(ANN, "Acknowledge")
        (arrival,) = await coming
        assert [type(each) for each in arrival.items] == [hub.Pressed], "the alert itself is no message"
        (pressed,) = arrival.items
        assert isinstance(pressed, hub.Pressed)
        assert (pressed.value, pressed.by) == ("acknowledge/42/7f3a", ANN_HANDLE)
        assert await teller.tell(ANN_HANDLE, replace(ALERT, buttons=(), done="Acknowledged by Ann"), known) == known
    await teller.close()
    (message,) = workspace.told(ANN)
    assert [each["type"] for each in message["blocks"]] == ["header", "section", "context", "context"]
    assert message["blocks"][-1]["elements"][0]["text"] == "Acknowledged by Ann"


async def test_an_alert_goes_to_people_of_our_workspace_only(workspace: Slack) -> None:
    teller = Teller(settings(workspace.port), SETUP)
    assert teller.ready
    assert teller.reaches(ANN_HANDLE)
    for stranger in (f"slack:T0000X00/{ANN}", f"slack:{TEAM}/{BOT}", "mailto:ann@example.org"):
        assert not teller.reaches(stranger)
        with pytest.raises(hub.Unsupported):
            await teller.tell(stranger, ALERT, "")
    with pytest.raises(hub.Unsupported):
        await teller.tell(f"slack:{TEAM}/U7777777", ALERT, "")
    workspace.refuse("chat.postMessage", "ratelimited", status=429, retry_after=30)
    with pytest.raises(hub.Unavailable) as busy:
        await teller.tell(ANN_HANDLE, ALERT, "")
    assert busy.value.retry_after == 30
    workspace.refuse("chat.postMessage", "fatal_error")
    with pytest.raises(TimeoutError):
        await teller.tell(ANN_HANDLE, ALERT, "")
    long = hub.Telling(title="价" * 400, lines=("x" * 9000,))
    await teller.tell(ANN_HANDLE, long, "")
    await teller.close()
    (message,) = workspace.told(ANN)
    assert len(message["blocks"][0]["text"]["text"]) == 150
    assert len(message["blocks"][1]["text"]["text"]) == 3000
    assert not Teller(settings(workspace.port, bot_token=None, app_token=None), SETUP).ready


async def test_a_file_is_fetched_with_the_token_and_from_slack_only(workspace: Slack) -> None:
    ts = workspace.share(ANN, "quote.pdf", b"%PDF-1.7 quote", "application/pdf", text="our quote")
    async with aclosing(Connector(settings(workspace.port), SETUP).listen(None)) as arrivals:
        (arrival,) = await heard(arrivals, 1)
    (event,) = arrival.items
    assert isinstance(event, hub.Event)
    assert isinstance(event.facts, hub.Message)
    (file,) = event.facts.files or ()
    assert (file.name, file.media_type, file.size) == ("quote.pdf", "application/pdf", 14)
    assert event.key.endswith(ts)
    fetcher = Fetcher(settings(workspace.port), SETUP)
    assert await fetcher.fetch(file, 100) == hub.Media("application/pdf", b"%PDF-1.7 quote")
    # A file of another workspace says its id only.
    assert (await fetcher.fetch(replace(file, url=""), 100)).data == b"%PDF-1.7 quote"
    with pytest.raises(hub.Unsupported):
        await fetcher.fetch(file, 5)
    for elsewhere in ("https://files.example.net/a", "http://127.0.0.1:1/a", f"http://x@127.0.0.1:{workspace.port}/a"):
        with pytest.raises(hub.Unsupported):
            await fetcher.fetch(replace(file, url=elsewhere), 100)
    with pytest.raises(hub.Unsupported):
        await fetcher.fetch(replace(file, url="", id="F404"), 100)
    await fetcher.close()
    without = Fetcher(settings(workspace.port, bot_token=f"{BOT_TOKEN}-without-scope"), SETUP)
    with pytest.raises(hub.Rejected, match="files:read"):
        await without.fetch(file, 100)
    await without.close()


async def test_files_and_their_text_are_one_message_and_its_key_is_known(workspace: Slack) -> None:
    ts = workspace.say(ANN, "Do you have a list?", channel=workspace.direct(ANN))
    sender = Sender(settings(workspace.port), SETUP)
    letter = hub.Letter(
        key="letter:1",
        sender=f"slack:{TEAM}/{BOT}",
        recipients=(ANN_HANDLE,),
        raw=b"Here it is",
        channel=hub.Channel.CHAT,
        conversation=f"{TEAM}/{workspace.direct(ANN)}",
        answers=f"slack:{TEAM}/{workspace.direct(ANN)}/{ts}",
        enclosures=(hub.Enclosure("a.csv", "text/csv", b"a"), hub.Enclosure("b.csv", "text/csv", b"b")),
    )
    sent = await sender.send(letter)
    (message,) = workspace.told(ANN)
    assert sent.key == f"slack:{TEAM}/{workspace.direct(ANN)}/{message['ts']}"
    assert [each["name"] for each in message["files"]] == ["a.csv", "b.csv"]
    begun = await sender.send(replace(letter, conversation="", answers="", enclosures=()))
    assert begun.key.startswith(f"slack:{TEAM}/{workspace.direct(ANN)}/")
    workspace.refuse("chat.postMessage", "is_archived")
    with pytest.raises(hub.Unsupported, match="is_archived"):
        await sender.send(replace(letter, conversation=f"{TEAM}/{CHANNEL}/{ts}", enclosures=()))
    await sender.close()
