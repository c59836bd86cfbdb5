"""Streams of posts are cut, say their last hour again, and go on while the hub is killed: nothing is missed or doubled.

Posts have the words of tweets and reviews that people really wrote; each source has its own, because the same
words from two sources would be one mention with its spread.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from tests.fakes.jetstream import Jetstream, jetstream
from tests.fakes.mastodon import TOKEN, Mastodon, mastodon
from tests.fakes.slack import ANN, APP_TOKEN, BOT, BOT_TOKEN, CHANNEL, SECRET, TEAM, Slack, slack
from tests.faults.hub_process import HubProcess, hub_process, until

WORDS = ("vader_tweets_open.tsv", "vader_amazonReviewSnippets_open.tsv")
PAUSE = 0.02
ROUNDS = 2
SOME = 12
"""So many posts each source tells of before it is cut, then, while the hub is away, and when it is back."""

CONFIG = """
[agents.ada]
name = "Ada"

[sources.first]
provider = "bluesky"
jetstreams = ["{first}"]
wire = "v1"
profiles = ""

[sources.second]
provider = "bluesky"
jetstreams = ["{second}"]
wire = "v2"
profiles = ""

[sources.fediverse]
provider = "mastodon"
server = "{fediverse}"
token = "env:MASTODON"
public = "all"

[sources.team]
provider = "slack"
workspace = "{team}"
bot = "{bot}"
signing_secret = "env:SLACK_SIGNING"
app_token = "env:SLACK_APP"
bot_token = "env:SLACK_BOT"
channels = ["{channel}"]
api_url = "{slack}"
"""


@dataclass(slots=True)
class Source:
    """Something that people write to: *write* posts a text and answers the key under which it is to stand. *cut* ends
    its connections, *again* has the last hour said again. *said* are the keys of what is to be recorded."""

    write: Callable[[str], str]
    cut: Callable[[], Awaitable[None]]
    again: Callable[[], Awaitable[None]]
    words: Iterator[str]
    chat: bool = False
    said: list[str] = field(default_factory=list)

    async def goes_on(self) -> None:
        """People write. One in three speaks of our brand; of a chat all that is said is ours to record."""
        for number in range(SOME):
            text = next(self.words)
            key = self.write(text if number % 3 else f"{text} ExampleBrand")
            if self.chat or number % 3 == 0:
                self.said.append(key)
            await asyncio.sleep(PAUSE)


def bluesky(name: str, stream: Jetstream, words: Iterator[str]) -> Source:
    """Somebody posts on Bluesky. A Jetstream that is asked again says its whole last hour."""
    stream.repeats = timedelta(hours=1)

    def write(text: str) -> str:
        number = len(stream.told)
        return f"at:{stream.post(f'did:plc:{name}{number % 7}', f'3k{number}', text)}"

    return Source(write, stream.cut, stream.cut, words)


def fediverse(server: Mastodon, words: Iterator[str]) -> Source:
    """Somebody posts on Mastodon."""
    key = f"mastodon:{server.url.removeprefix('http://')}"
    return Source(lambda text: f"{key}/{server.post('li@elsewhere.test', text)}", server.cut, server.repeat, words)


def team(workspace: Slack, words: Iterator[str]) -> Source:
    """Somebody writes in a channel of Slack. What nobody listened to is not said again there, only kept."""
    key = f"slack:{TEAM}/{CHANNEL}"
    return Source(
        lambda text: f"{key}/{workspace.say(ANN, text)}", workspace.cut, workspace.repeat, words, chat=True
    )  # fmt: skip


def kept(folder: Path) -> Counter[str]:
    """The keys of all that is recorded."""
    with sqlite3.connect(f"file:{folder / 'hub.sqlite3'}?mode=ro", uri=True) as store:
        return Counter(key for (key,) in store.execute("SELECT key FROM interactions"))


def figures(folder: Path) -> tuple[int, int, int]:
    """How many mentions there are, how many the query counts, and how many were taken for others over again."""
    with sqlite3.connect(f"file:{folder / 'hub.sqlite3'}?mode=ro", uri=True) as store:
        row = store.execute(
            "SELECT (SELECT count(*) FROM mentions), (SELECT sum(count) FROM mention_counts),"
            " (SELECT count(*) FROM mention_spread)"
        ).fetchone()
        return tuple(row)


async def go_on(sources: list[Source]) -> None:
    """People write everywhere at once."""
    await asyncio.gather(*(source.goes_on() for source in sources))


async def recorded(folder: Path, sources: list[Source]) -> None:
    """Return when each of them has told the hub of what was said there last."""
    await until(lambda: all(source.said[-1] in kept(folder) for source in sources))


async def watched(hub: HubProcess) -> None:
    """Ada watches for the brand."""
    async with hub.client(await hub.token("ada", "write", "ada")) as api:
        query = {"name": "Our name", "text": "ExampleBrand", "agents": ["ada"]}
        async with api.post("/api/v1/queries", json=query) as answer:
            assert answer.status == 201, await answer.text()


async def test_streams_that_are_cut_repeated_and_resumed_by_a_hub_that_is_killed_miss_and_double_nothing(
    tmp_path: Path,
) -> None:
    folder = Path(__file__).parents[1] / "data/mentions"
    lines = [line for name in WORDS for line in (folder / name).read_text("utf-8").splitlines()[1:]]
    texts = [line.split("\t")[2] for line in lines]
    async with (
        asyncio.timeout(150),
        jetstream() as first,
        jetstream() as second,
        mastodon() as server,
        slack() as workspace,
    ):
        words = [iter(texts[place::4]) for place in range(4)]
        sources = [
            bluesky("first", first, words[0]),
            bluesky("second", second, words[1]),
            fediverse(server, words[2]),
            team(workspace, words[3]),
        ]
        config = CONFIG.format(
            first=first.url, second=second.url, fediverse=server.url, slack=workspace.url, team=TEAM, bot=BOT,
            channel=CHANNEL,
        )  # fmt: skip
        secrets = {"MASTODON": TOKEN, "SLACK_SIGNING": SECRET, "SLACK_APP": APP_TOKEN, "SLACK_BOT": BOT_TOKEN}
        async with hub_process(tmp_path, config, environ=secrets) as hub:
            await watched(hub)
            for _ in range(ROUNDS):
                await go_on(sources)
                await recorded(tmp_path, sources)
                for source in sources:
                    await source.cut()
                await go_on(sources)
                await recorded(tmp_path, sources)
                for source in sources:
                    await source.again()
                await go_on(sources)
                await hub.kill()
                await go_on(sources)
                await hub.start()
            await go_on(sources)
            expected = Counter(key for source in sources for key in source.said)
            with suppress(TimeoutError):  # what is missing is said below
                await until(lambda: not expected - kept(tmp_path))
            assert await hub.stop() == 0
    assert kept(tmp_path) == expected
    mentions = sum(len(source.said) for source in sources if not source.chat)
    assert figures(tmp_path) == (mentions, mentions, 0)
    assert workspace.faults == []
