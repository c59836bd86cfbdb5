"""Whatever people do to conversations, undoing it in reverse order leaves them as they were."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.inbox.deeds import Gone, Refused
from hub.inbox.desk import Desk
from hub.inbox.teams import Team
from hub.inbox.waking import Waking
from hub.live import Live
from hub.privacy.visibility import Actor, Authority
from hub.store import Store
from hub.store.schema import drafts, metadata
from tests.hub.core import AGENTS, Core, letter, open_core

ADA = Actor("ada", Authority.ADMIN, "ada", record="login/1")
BEN = Actor("ben", Authority.AGENT, "ben", record="login/2")
TEAMS = {"sales": Team("sales", "Sales", ("ada",))}
TABLES = ("conversations", "interactions", "conversation_refs", "conversation_reads", "drafts", "letters", "notes")
OWN = {"conversations": ("revision",), "interactions": ()}
MAILS = 6

deed = st.one_of(
    st.tuples(st.just("state"), st.integers(0, MAILS), st.sampled_from(["open", "waiting", "snoozed", "closed"])),
    st.tuples(st.just("owner"), st.integers(0, MAILS), st.sampled_from(["", "ada", "ben"])),
    st.tuples(st.just("team"), st.integers(0, MAILS), st.sampled_from(["", "sales"])),
    st.tuples(st.just("all"), st.just(0), st.sampled_from(["open", "closed"])),
    st.tuples(st.just("claim"), st.integers(0, MAILS), st.just(0)),
    st.tuples(st.just("read"), st.integers(0, MAILS), st.booleans()),
    st.tuples(st.just("note"), st.integers(0, MAILS), st.just(0)),
    st.tuples(st.just("merge"), st.integers(0, MAILS), st.integers(0, MAILS)),
    st.tuples(st.just("split"), st.integers(0, MAILS), st.integers(0, MAILS)),
)


@dataclass(slots=True)
class Inbox:
    """Three threads of two mails each, and what is done to them."""

    core: Core
    desk: Desk

    async def ids(self) -> list[int]:
        return [id for (id,) in await self.core.rows("SELECT id FROM conversations ORDER BY id")]

    async def standing(self) -> dict[str, Any]:
        """All that is kept of conversations, but for their revisions."""
        found: dict[str, Any] = {}
        for name in TABLES:
            columns = [column.name for column in metadata.tables[name].c if column.name not in OWN.get(name, ())]
            found[name] = sorted(map(str, await self.core.rows(f"SELECT {', '.join(columns)} FROM {name}")))
        return found

    async def do(self, kind: str, which: int, value: Any) -> int | None:
        """One deed; answers it, None where nothing changed or it cannot be done."""
        ids = await self.ids()
        id = ids[which % len(ids)]
        try:
            match kind:
                case "state":
                    until = datetime.now(UTC) + timedelta(days=2)
                    return (await self.desk.change(ADA, [id], {"state": value}, until=until)).deed
                case "owner" | "team":
                    return (await self.desk.change(ADA, [id], {kind: value})).deed
                case "all":
                    return (await self.desk.change(ADA, ids, {"state": value})).deed
                case "claim":
                    return (await self.desk.claim(BEN, [id])).deed
                case "read":
                    return (await self.desk.read(ADA, [id], unread=value)).deed
                case "note":
                    return (await self.desk.note(ADA, id, "Look, @ben")).deed
                case "merge":
                    return await self.desk.merge(ADA, id, ids[value % len(ids)])
                case _:
                    inside = await self.core.rows(
                        "SELECT id FROM interactions WHERE conversation_id = :id ORDER BY occurred_at, id", id=id
                    )
                    return (await self.desk.split(ADA, id, inside[value % len(inside)][0]))[1]
        except (Refused, Gone):
            return None


async def inbox_of(core: Core) -> Inbox:
    now = datetime.now(UTC).replace(microsecond=0)
    for number in range(MAILS):
        thread, first = f"t{number // 2}@x.example", number % 2 == 0
        await core.ingest.record(
            "mail",
            [
                letter(
                    thread if first else f"r{thread}",
                    subject=f"Thread {number // 2}",
                    references=[] if first else [thread],
                    date=now - timedelta(hours=20 - number),
                )
            ],
        )
    live = core.live
    return Inbox(core, Desk(core.store, live, Waking(core.store, live), {each.id: each for each in AGENTS}, TEAMS))


@given(st.lists(deed, min_size=1, max_size=6))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_undoing_restores(migrated_sqlite: Path, deeds: list[tuple[str, int, Any]]) -> None:
    async def play() -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "hub.sqlite3"
            shutil.copyfile(migrated_sqlite, path)
            async with Store.open(f"sqlite:///{path}") as store, open_core(store) as core:
                inbox = await inbox_of(core)
                before = [await inbox.standing()]
                done = []
                for each in deeds:
                    made = await inbox.do(*each)
                    if made is not None:
                        done.append((made, each))
                        before.append(await inbox.standing())
                for made, what in reversed(done):
                    assert await inbox.standing() == before.pop()
                    await inbox.desk.undo(ADA, made)
                    assert await inbox.standing() == before[-1], what

    asyncio.run(play())


@pytest.mark.parametrize("kind", ["merge", "split", "state", "read"])
async def test_undoing_restores_on_either_database(core: Core, kind: str) -> None:
    inbox = await inbox_of(core)
    before = await inbox.standing()
    made = await inbox.do(kind, 0, {"merge": 1, "split": 1, "state": "snoozed", "read": False}[kind])
    assert made is not None
    assert await inbox.standing() != before
    await inbox.desk.undo(ADA, made)
    assert await inbox.standing() == before


async def test_what_was_learned_since_goes_where_it_belongs(core: Core) -> None:
    inbox = await inbox_of(core)
    one, other, _ = await inbox.ids()
    merged = await inbox.desk.merge(ADA, one, other)
    late = letter("late@x.example", subject="Re: Thread 0", references=["t0@x.example", "rt0@x.example"])
    await core.ingest.record("mail", [late])
    assert await core.one("SELECT conversation_id FROM interactions WHERE key = 'mail:<late@x.example>'") == other
    await inbox.desk.undo(ADA, merged)
    assert await core.one("SELECT conversation_id FROM interactions WHERE key = 'mail:<late@x.example>'") == one
    both = letter("both@x.example", references=["t0@x.example", "t1@x.example"])
    await core.ingest.record("mail", [both])
    assert len(await inbox.ids()) == 3
    assert await core.one("SELECT conversation_id FROM interactions WHERE key = 'mail:<both@x.example>'") == other


async def test_what_is_to_do_stays_when_a_mail_joins_two(core: Core) -> None:
    inbox = await inbox_of(core)
    one, other, _ = await inbox.ids()
    await inbox.desk.change(ADA, [one], {"state": "closed"})
    await inbox.desk.change(ADA, [other], {"owner": "ben"})
    now = datetime.now(UTC)
    begun = drafts.insert().values(agent="ben", conversation_id=other, content={"text": "Dear"}, updated_at=now)
    await core.store.write(lambda conn: conn.execute(begun) and None)
    refs = ["t0@x.example", "t1@x.example"]
    bridge = letter("b@x.example", sender="ada@example.org", to="li@x.example", references=refs)
    await core.ingest.record("mail", [bridge], live=False)
    ((state, owner, since),) = await core.rows(
        "SELECT state, owner, waiting_since FROM conversations WHERE id = :id", id=one
    )
    assert (state, owner, since is not None) == ("open", "ben", True)
    assert await core.rows("SELECT agent, conversation_id FROM drafts") == [("ben", one)]


async def test_a_deed_is_undone_where_nobody_changed_it_since(core: Core) -> None:
    inbox = await inbox_of(core)
    ids = await inbox.ids()
    done = await inbox.desk.change(ADA, ids, {"state": "closed"})
    await core.ingest.record("mail", [letter("new@x.example", references=["t1@x.example"], date=datetime.now(UTC))])
    assert done.deed is not None
    undone = await inbox.desk.undo(ADA, done.deed)
    assert undone.done == (ids[0], ids[2])
    assert undone.refused == ((ids[1], "Something new came in since; it is not as it was left."),)
    with pytest.raises(Refused, match="undone already"):
        await inbox.desk.undo(ADA, done.deed)


async def test_conversations_of_two_channels_stay_two(core: Core) -> None:
    from hub import CallState
    from tests.hub.core import call

    inbox = await inbox_of(core)
    await core.ingest.record("pbx", [call("1", CallState.RINGING)])
    ids = await inbox.ids()
    with pytest.raises(Refused, match="one channel"):
        await inbox.desk.merge(ADA, ids[-1], ids[0])


async def test_what_is_snoozed_comes_back(core: Core) -> None:
    inbox = await inbox_of(core)
    ids = await inbox.ids()
    async with Live() as live, Waking.open(core.store, live) as waking:
        desk = Desk(core.store, live, waking, {}, {})
        with live.subscribe("ada") as screen:
            until = datetime.now(UTC) + timedelta(milliseconds=300)
            await desk.change(ADA, ids[:1], {"state": "snoozed"}, until=until)
            await desk.change(ADA, ids[1:2], {"state": "snoozed"}, until=until + timedelta(days=1))
            async with asyncio.timeout(20):
                while await core.one("SELECT state FROM conversations ORDER BY id LIMIT 1") == "snoozed":
                    assert await screen.frames() is not None
    rows = await core.rows("SELECT state, snoozed_until FROM conversations ORDER BY id")
    assert [state for state, _ in rows] == ["open", "snoozed", "open"]
    assert rows[0][1] is None
