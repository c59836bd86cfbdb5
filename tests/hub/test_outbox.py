"""What the outbox promises, on both databases and against a real CRM server: once, in order, never silently lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

import hub
from hub import CallState, Copy, Level, outgoing
from hub.config import Problem
from hub.courier import Health, Pace, Status
from hub.crm.directory import Directory
from hub.crm.records import Draft, Strength
from hub.outbox import MOST_FAULTS, Outbox
from hub.privacy.visibility import HUB
from hub.sources.pace import Pace as Backoff
from hub.store import Store
from tests.contracts.adapter import setup
from tests.contracts.proxy import proxy
from tests.fakes.crm import HOST, SECONDS, TOKEN, Crm, crm_server
from tests.fakes.rolodex import Adapter, Keyless, RolodexSettings
from tests.hub.core import OURS, Core, call, letter, open_core

PUBLIC_URL = "https://hub.example.org"
LI_NA = ("Li Na", "mailto:li.na@customer.example", "tel:+4917012345678")
FAST = Pace(look=0.01, backoff=Backoff(first_delay=0.01, longest_delay=0.05))


@pytest.fixture
async def crm() -> AsyncIterator[Crm]:
    async with crm_server() as server:
        yield server


def rolodex(port: int, make: type[Adapter] = Adapter) -> Adapter:
    return make(RolodexSettings(url=f"http://{HOST}:{port}", token=SecretStr(TOKEN)), setup("crm"))


@asynccontextmanager
async def sending(store: Store, port: int, make: type[Adapter] = Adapter, pace: Pace = FAST) -> AsyncIterator[Outbox]:
    """A running outbox. At the end of the block what is under way ends well."""
    async with Outbox(store, {"crm": rolodex(port, make)}, PUBLIC_URL, pace=pace) as outbox:
        yield outbox


async def rows(core: Core) -> list[tuple[str, str, str]]:
    """Kind, state and remote id of every row, contacts first."""
    found = await core.rows("SELECT kind, state, remote_id FROM outbox ORDER BY kind DESC, id")
    return [(kind, state, remote_id) for kind, state, remote_id in found]


async def told_apart(core: Core, number: int) -> None:
    """So many mails of hers, each an interaction of its own."""
    letters = [letter(f"{n}@customer.example", subject=f"Mail {n}", uid=n) for n in range(number)]
    await core.ingest.record("mail", letters)


async def execute(core: Core, sql: str) -> None:
    """Change what is stored, behind the hub's back."""

    def work(conn: sa.Connection) -> None:
        conn.execute(sa.text(sql))

    await core.store.write(work)


class Heard(logging.Handler):
    """What the outbox logs, to be awaited."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._news = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())
        self._news.set()

    async def until(self, words: str) -> None:
        """Return when it has said *words*."""
        async with asyncio.timeout(SECONDS):
            while not any(words in line for line in self.lines):
                self._news.clear()
                await self._news.wait()


@pytest.fixture
def heard() -> Iterator[Heard]:
    listening = Heard()
    logging.getLogger("hub.outbox").addHandler(listening)
    yield listening
    logging.getLogger("hub.outbox").removeHandler(listening)


# --- what is told ---------------------------------------------------------------------------------------------------


async def test_a_mail_goes_onto_its_contact_who_goes_first(core: Core, crm: Crm) -> None:
    contact = await core.contact(*LI_NA)
    await core.ingest.record("mail", [letter("a@customer.example")])
    async with sending(core.store, crm.port):
        await crm.until(lambda: len(crm.activities) == 1)
    (person,), (activity,) = crm.contacts.values(), crm.activities.values()
    assert (person["name"], person["addresses"]) == ("Li Na", ["li.na@customer.example", "+49 170 12345678"])
    interaction = await core.one("SELECT id FROM interactions")
    assert activity == {
        "id": "A1",
        "key": f"activity:{interaction}:{contact}",
        "contact": person["id"],
        "channel": "email",
        "direction": "inbound",
        "at": "2026-11-20T09:00:00+00:00",
        "title": "Offer for 200",
        "text": "Could you send an offer?",
        "url": f"{PUBLIC_URL}/contacts/{contact}",
    }
    assert await rows(core) == [("contact", "sent", "C1"), ("activity", "sent", "A1")]


async def test_of_a_mail_everybody_is_told_what_everybody_may_read(core: Core, crm: Crm) -> None:
    await core.contact(*LI_NA)
    for number, (level, audience) in enumerate(((Level.METADATA, ""), (Level.SUBJECT, ""), (Level.ALL, "ada"))):
        copy = Copy("INBOX", f"1:{number}", level=level, audience=audience)
        await core.ingest.record("mail", [letter(f"{number}@x.example", subject=f"Mail {number}", copy=copy)])
    async with sending(core.store, crm.port):
        await crm.until(lambda: len(crm.activities) == 2)
    assert sorted((each["title"], each["text"]) for each in crm.activities.values()) == [("", ""), ("Mail 1", "")]
    # The private mail left no word, and waits for nothing.
    assert [state for _, state, _ in await rows(core)] == ["sent"] * 3


async def test_only_addresses_of_hers_alone_are_told(core: Core, crm: Crm) -> None:
    await core.contact(*LI_NA)
    await execute(core, "UPDATE identities SET strength = 'shared' WHERE handle LIKE 'tel%'")
    await told_apart(core, 1)
    async with sending(core.store, crm.port):
        await crm.until(lambda: len(crm.activities) == 1)
    assert [each["addresses"] for each in crm.contacts.values()] == [["li.na@customer.example"]]


async def test_what_left_the_timeline_before_it_was_sent_is_not_told(core: Core, crm: Crm) -> None:
    contact = await core.contact(*LI_NA)
    await told_apart(core, 1)
    directory = Directory(core.store, core.live, "DE", OURS.handles)
    await directory.unlink(HUB, contact, "mailto:li.na@customer.example")
    await core.contact("Wang", "mailto:wang@customer.example")
    await core.ingest.record(
        "mail", [letter("w@customer.example", sender="wang@customer.example", subject="From Wang")]
    )
    async with sending(core.store, crm.port):
        await crm.until(lambda: len(crm.activities) == 1)
    assert [each["name"] for each in crm.contacts.values()] == ["Wang"]
    assert await rows(core) == [("contact", "sent", "C1"), ("activity", "sent", "A1")]


async def test_what_joins_a_timeline_later_is_told_then(core: Core, crm: Crm) -> None:
    directory = Directory(core.store, core.live, "DE", OURS.handles, ["crm"])
    await told_apart(core, 2)
    await core.ingest.record("pbx", [call("1", CallState.RINGING)])
    assert await rows(core) == []
    contact = await directory.create(HUB, Draft(name="Li Na", handles=((LI_NA[1], Strength.PERSONAL),)))
    async with sending(core.store, crm.port):
        await crm.until(lambda: len(crm.activities) == 2)
        # A colleague shares her phone: it was she who rang, somebody says, and so it is said of the rest of the call.
        await core.contact("Wang", LI_NA[2])
        await directory.link(HUB, contact.id, LI_NA[2], Strength.SHARED)
        ringing = await core.one("SELECT id FROM interactions WHERE key = 'pbx:1'")
        await directory.confirm(HUB, ringing, contact.id, LI_NA[2])
        await crm.until(lambda: "Call: ringing" in crm.titles())
        await core.ingest.record("pbx", [call("1", CallState.ENDED)])
        await crm.until(lambda: "Call: missed" in crm.titles())
    assert sorted(crm.titles()) == ["Call: missed", "Mail 0", "Mail 1"]
    assert [each["name"] for each in crm.contacts.values()] == ["Li Na"]


# --- once, in order, newest first -----------------------------------------------------------------------------------


async def test_newer_state_is_an_update_and_replaces_what_was_not_sent(core: Core, crm: Crm) -> None:
    await core.contact(*LI_NA)
    began = datetime.now(UTC) - timedelta(hours=1)
    states = (CallState.RINGING, CallState.ANSWERED, CallState.ENDED)
    steps = [call("1", state, at=began + timedelta(seconds=n)) for n, state in enumerate(states)]
    async with sending(core.store, crm.port):
        await core.ingest.record("pbx", [steps[0]])
        await crm.until(lambda: crm.titles() == ["Call: ringing"])
        crm.hold_answers()
        await core.ingest.record("pbx", [call("2", states[0], at=began)])
        await crm.until(lambda: len(crm.activities) == 2)
        for ident in ("1", "2"):
            await core.ingest.record("pbx", [replace(step, key=f"pbx:{ident}") for step in steps[1:2]])
            await core.ingest.record("pbx", [replace(step, key=f"pbx:{ident}") for step in steps[2:]])
        crm.release()
        await crm.until(lambda: crm.titles() == ["Call: completed"] * 2)
    # The second call was told when it rang and when it was over: what lay between was never sent.
    second = [title for key, title in crm.writes if key == list(crm.activities.values())[1]["key"]]
    assert second == ["Call: ringing", "Call: completed"]
    assert crm.most_at_once_of_one == 1
    assert await rows(core) == [("contact", "sent", "C1"), ("activity", "sent", "A1"), ("activity", "sent", "A2")]


async def test_what_is_newer_than_what_was_sent_is_sent_again(core: Core, crm: Crm) -> None:
    await core.contact(*LI_NA)
    await core.ingest.record("pbx", [call("1", CallState.RINGING)])
    async with sending(core.store, crm.port):
        await crm.until(lambda: len(crm.contacts) == 1)
        crm.hold_answers()
        await crm.until(lambda: len(crm.activities) == 1)
        await core.ingest.record("pbx", [call("1", CallState.ENDED)])
        assert await core.rows("SELECT state, version FROM outbox WHERE kind = 'activity'") == [("waiting", 2)]
        crm.release()
        await crm.until(lambda: crm.titles() == ["Call: missed"])
    assert await rows(core) == [("contact", "sent", "C1"), ("activity", "sent", "A1")]


async def test_a_contact_goes_before_all_that_waits_for_her(core: Core, crm: Crm) -> None:
    await core.contact(*LI_NA)
    await told_apart(core, 40)
    patient = replace(FAST, backoff=Backoff(first_delay=3600, longest_delay=3600))
    most_too_early = 2 * FAST.at_once - 1  # those taken up before her, and with her
    async with sending(core.store, crm.port, pace=patient):
        await crm.until(lambda: len(crm.activities) >= 40 - most_too_early)
    assert crm.writes[0][1] == "Li Na"
    assert await core.one("SELECT max(attempts) FROM outbox") == 1
    assert await core.one("SELECT count(*) FROM outbox WHERE attempts = 1") <= most_too_early


async def test_a_few_go_at_once_and_never_more(core: Core, crm: Crm) -> None:
    await core.contact(*LI_NA)
    await told_apart(core, 12)
    async with sending(core.store, crm.port):
        await crm.until(lambda: len(crm.activities) >= 1)
        crm.hold_answers()
        await crm.until(lambda: crm.most_at_once == FAST.at_once)
        crm.release()
        await crm.until(lambda: len(crm.activities) == 12)
    assert crm.most_at_once == FAST.at_once
    assert len(crm.writes) == 13


async def test_the_same_mail_again_is_not_told_again(core: Core, crm: Crm) -> None:
    await core.contact(*LI_NA)
    await told_apart(core, 2)
    async with sending(core.store, crm.port):
        await crm.until(lambda: len(crm.activities) == 2)
    await told_apart(core, 2)
    assert [state for _, state, _ in await rows(core)] == ["sent"] * 3


# --- when something is wrong ----------------------------------------------------------------------------------------


async def test_a_busy_crm_is_tried_again_until_it_takes_it(core: Core, crm: Crm) -> None:
    await core.contact(*LI_NA)
    await told_apart(core, 1)
    crm.refuse(503, times=5)
    async with sending(core.store, crm.port) as outbox:
        await crm.until(lambda: len(crm.activities) == 1)
    assert len(crm.writes) == 7
    assert outbox.statuses() == {"crm": Status(Health.GOOD)}


async def test_a_crm_that_is_away_gets_everything_when_it_is_back(core: Core, crm: Crm, heard: Heard) -> None:
    await core.contact(*LI_NA)
    await told_apart(core, 3)
    await crm.stop()
    async with sending(core.store, crm.port) as outbox:
        await heard.until("crm crm is waiting: The CRM cannot be reached.")
        await crm.start()
        await crm.until(lambda: len(crm.activities) == 3)
    assert outbox.statuses()["crm"].health is Health.GOOD


async def test_a_crm_that_asks_for_an_hour_gets_it(core: Core, crm: Crm) -> None:
    await core.contact(*LI_NA)
    await told_apart(core, 1)
    crm.refuse(429, Retry_After="3600")
    asked = datetime.now(UTC)
    async with sending(core.store, crm.port) as outbox:
        await crm.until(lambda: len(crm.writes) == 1)
    status = outbox.statuses()["crm"]
    assert status == Status(Health.WAITING, "The CRM is busy.")
    assert status.next_try is not None
    assert status.next_try - asked >= timedelta(hours=1)
    assert await core.rows("SELECT state, reason, attempts FROM outbox WHERE kind = 'contact'") == [
        ("waiting", "The CRM is busy.", 0)
    ]


def test_the_longest_back_off_is_five_minutes() -> None:
    assert 150 <= Pace().backoff.delay(40) <= 300


async def test_a_crm_that_says_no_is_left_alone_until_the_next_start(
    core: Core, crm: Crm, caplog: pytest.LogCaptureFixture
) -> None:
    await core.contact(*LI_NA)
    await told_apart(core, 1)
    crm.refuse(401)
    async with sending(core.store, crm.port) as outbox:
        await crm.until(lambda: len(crm.writes) == 1)
    assert outbox.statuses()["crm"].health is Health.REJECTED
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "crm crm is rejected, nothing is sent until the hub is started again: The CRM refuses" in caplog.text
    assert [state for _, state, _ in await rows(core)] == ["waiting", "waiting"]
    async with sending(core.store, crm.port):
        await crm.until(lambda: len(crm.activities) == 1)


async def test_the_other_crms_go_on(core: Core, crm: Crm, heard: Heard) -> None:
    contact = await core.contact(*LI_NA)
    await told_apart(core, 1)
    interaction = await core.one("SELECT id FROM interactions")

    def tell(conn: sa.Connection) -> None:
        outgoing.tell(conn, ["refusing", "removed"], [(contact, interaction)], core.store.ids, 0)

    await core.store.write(tell)
    refusing = Adapter(RolodexSettings(url=f"http://{HOST}:{crm.port}", token=SecretStr("wrong")), setup())
    adapters = {"refusing": refusing, "crm": rolodex(crm.port)}
    left_out = Problem("crm.fourth", "no such folder", source="fourth")
    async with Outbox(core.store, adapters, PUBLIC_URL, [left_out], pace=FAST) as outbox:
        await heard.until("crm refusing is rejected")
        await crm.until(lambda: len(crm.activities) == 1)
    told = "SELECT destination, state FROM outbox WHERE kind = 'activity' ORDER BY destination"
    assert await core.rows(told) == [
        ("crm", "sent"),
        ("refusing", "waiting"),
        # Its table is no longer in the config: nothing is sent, and nothing is lost.
        ("removed", "waiting"),
    ]
    assert outbox.statuses()["fourth"] == Status(Health.MISCONFIGURED, "crm.fourth: no such folder")


async def test_what_a_crm_does_not_take_is_set_aside_and_the_rest_goes_on(core: Core, crm: Crm) -> None:
    await core.contact(*LI_NA)
    await told_apart(core, 1)
    async with sending(core.store, crm.port):
        await crm.until(lambda: len(crm.contacts) == 1)
        await crm.until(lambda: len(crm.activities) == 1)
        crm.refuse(422)
        await core.ingest.record("mail", [letter("bad@customer.example", uid=20)])
        await crm.until(lambda: len(crm.writes) == 3)
        await core.ingest.record("mail", [letter("good@customer.example", uid=21)])
        await crm.until(lambda: len(crm.activities) == 2)
    stuck = await core.rows("SELECT id, reason FROM outbox WHERE state = 'failed'")
    assert [reason for _, reason in stuck] == ["The CRM does not take this (422)."]
    # A person mended it there.
    assert await core.store.write(lambda conn: outgoing.retry(conn, stuck[0][0]))
    async with sending(core.store, crm.port):
        await crm.until(lambda: len(crm.activities) == 3)


async def test_a_fault_of_the_adapter_is_tried_a_few_times_and_then_set_aside(
    core: Core, crm: Crm, caplog: pytest.LogCaptureFixture
) -> None:
    await core.contact(*LI_NA)
    crm.refuse(500, times=MOST_FAULTS)
    await told_apart(core, 1)
    async with sending(core.store, crm.port) as outbox:
        await crm.until(lambda: len(crm.writes) == MOST_FAULTS)
    contact, activity = await core.rows("SELECT state, attempts, reason FROM outbox ORDER BY kind DESC")
    assert contact == ("failed", MOST_FAULTS, "A fault in the hub (ContentTypeError). The log has the details.")
    assert activity[0] == "waiting"
    assert outbox.statuses()["crm"].health is Health.GOOD
    assert "li.na" not in caplog.text


# --- when nobody hears the end of it --------------------------------------------------------------------------------


async def test_with_keys_an_answer_that_was_lost_is_asked_for_again(core: Core, crm: Crm) -> None:
    await core.contact(*LI_NA)
    await told_apart(core, 1)
    async with proxy(crm.port) as between:
        answers = iter([None, None])
        between.edit = lambda block: next(answers, block)
        async with sending(core.store, between.port):
            await crm.until(lambda: len(crm.activities) == 1)
            await crm.until(lambda: len(crm.writes) == 4)
    assert (len(crm.contacts), len(crm.activities)) == (1, 1)
    assert await rows(core) == [("contact", "sent", "C1"), ("activity", "sent", "A1")]


async def acquainted(core: Core, crm: Crm) -> None:
    """A contact whom the CRM knows by an earlier mail."""
    await core.contact(*LI_NA)
    await told_apart(core, 1)
    async with sending(core.store, crm.port, Keyless):
        await crm.until(lambda: len(crm.activities) == 1)


async def test_without_keys_what_was_perhaps_sent_is_not_sent_again_by_itself(core: Core, crm: Crm) -> None:
    await acquainted(core, crm)
    at = datetime.now(UTC) - timedelta(hours=1)
    await core.ingest.record("pbx", [call("1", CallState.RINGING, at=at)])
    async with proxy(crm.port) as between:
        between.edit = lambda block: None
        async with sending(core.store, between.port, Keyless):
            await crm.until(lambda: len(crm.activities) == 2)
    assert [state for _, state, _ in await rows(core)] == ["sent", "sent", "perhaps"]
    # Newer state neither: whether it is an update or an addition, nobody knows.
    await core.ingest.record("pbx", [call("1", CallState.ENDED, at=at + timedelta(minutes=1))])
    await execute(core, "UPDATE outbox SET claimed_until = 1 WHERE claimed_until > 1")
    await core.ingest.record("mail", [letter("last@customer.example", uid=20, subject="Last")])
    async with sending(core.store, crm.port, Keyless):
        await crm.until(lambda: "Last" in crm.titles())
    assert [state for _, state, _ in await rows(core)] == ["sent", "sent", "perhaps", "sent"]
    # Until a person says so, who saw that it is not there.
    crm.activities = {ident: each for ident, each in crm.activities.items() if not each["title"].startswith("Call")}
    (stuck,) = await core.rows("SELECT id FROM outbox WHERE state = 'perhaps'")
    assert await core.store.write(lambda conn: outgoing.retry(conn, stuck[0]))
    async with sending(core.store, crm.port, Keyless):
        await crm.until(lambda: "Call: missed" in crm.titles())
    assert [state for _, state, _ in await rows(core)] == ["sent"] * 4


async def test_without_keys_a_silence_is_perhaps_too(core: Core, crm: Crm, heard: Heard) -> None:
    await acquainted(core, crm)
    await core.ingest.record("pbx", [call("1", CallState.RINGING)])
    crm.hold_answers()
    async with sending(core.store, crm.port, Keyless, replace(FAST, answer=0.05)) as outbox:
        await crm.until(lambda: len(crm.activities) == 2)
        await heard.until("was perhaps sent")
    assert outbox.statuses()["crm"].cause == "No answer within 0.05 seconds."
    assert [state for _, state, _ in await rows(core)] == ["sent", "sent", "perhaps"]


async def test_without_keys_an_update_may_be_repeated(core: Core, crm: Crm) -> None:
    await acquainted(core, crm)
    at = datetime.now(UTC) - timedelta(hours=1)
    async with proxy(crm.port) as between:
        async with sending(core.store, between.port, Keyless):
            await core.ingest.record("pbx", [call("1", CallState.RINGING, at=at)])
            await crm.until(lambda: len(crm.activities) == 2)
        async with sending(core.store, between.port, Keyless):
            answers = iter([None])
            between.edit = lambda block: next(answers, block)
            await core.ingest.record("pbx", [call("1", CallState.ENDED, at=at + timedelta(minutes=1))])
            await crm.until(lambda: [title for _, title in crm.writes].count("Call: missed") == 2)
    assert len(crm.activities) == 2
    assert [state for _, state, _ in await rows(core)] == ["sent"] * 3


@pytest.mark.parametrize(("make", "becomes"), [(Adapter, "sent"), (Keyless, "perhaps")])
async def test_what_a_dead_hub_was_sending(core: Core, crm: Crm, make: type[Adapter], becomes: str) -> None:
    await acquainted(core, crm)
    await core.ingest.record("mail", [letter("b@customer.example", uid=20, subject="Begun")])
    begun = await core.store.write(lambda conn: outgoing.claim(conn, "crm", 4, 0))
    assert len(begun) == 1
    await core.ingest.record("mail", [letter("c@customer.example", uid=21, subject="Not begun")])
    async with sending(core.store, crm.port, make):
        await crm.until(lambda: "Not begun" in crm.titles())
        await crm.until(lambda: becomes == "perhaps" or "Begun" in crm.titles())
    assert [state for _, state, _ in await rows(core)] == ["sent", "sent", becomes, "sent"]
    # What the dead hub would say now is not heard any more.
    await core.store.write(lambda conn: outgoing.refused(conn, begun[0], "too late") if becomes == "sent" else None)
    assert (await rows(core))[2][1] == becomes


async def test_a_hub_that_stops_lets_what_is_under_way_end(core: Core, crm: Crm) -> None:
    await acquainted(core, crm)
    crm.hold_answers()
    await core.ingest.record("mail", [letter("b@customer.example", uid=20)])
    adapter = rolodex(crm.port, Keyless)
    outbox = await Outbox(core.store, {"crm": adapter}, PUBLIC_URL, pace=FAST).__aenter__()
    await crm.until(lambda: len(crm.activities) == 2)
    stopping = asyncio.create_task(outbox.__aexit__())
    await asyncio.sleep(0)
    crm.release()
    await stopping
    assert [state for _, state, _ in await rows(core)] == ["sent"] * 3
    assert adapter._session is not None
    assert adapter._session.closed


async def test_two_hubs_share_the_work_and_send_nothing_twice(crm: Crm, postgres_url: str) -> None:
    async with Store.open(postgres_url) as store, Store.open(postgres_url) as other, open_core(store) as core:
        await acquainted(core, crm)
        letters = [letter(f"many-{n}@customer.example", uid=100 + n) for n in range(60)]
        await core.ingest.record("mail", letters)
        crm.hold_answers()
        crm.most_at_once = 0
        async with sending(store, crm.port, Keyless), sending(other, crm.port, Keyless):
            await crm.until(lambda: crm.most_at_once == 2 * FAST.at_once)
            crm.release()
            await crm.until(lambda: len(crm.activities) == 61)
        assert len(crm.writes) == 62
        assert {state for _, state, _ in await rows(core)} == {"sent"}


async def test_nothing_is_lost_while_the_store_is_away(core: Core, crm: Crm) -> None:
    """What the CRM has taken is written down once the store is back."""
    await acquainted(core, crm)
    store = Away(core.store)
    crm.hold_answers()
    await core.ingest.record("mail", [letter("b@customer.example", uid=20)])
    async with sending(store, crm.port, Keyless):  # type: ignore[arg-type]  # the two verbs that it needs
        await crm.until(lambda: len(crm.activities) == 2)
        store.away = True
        crm.release()
        await store.asked.wait()
        store.away = False
    assert [state for _, state, _ in await rows(core)] == ["sent"] * 3


class Away:
    """A store that can be away, as PostgreSQL while it is restarted. *asked* is set when somebody wanted to write."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.away = False
        self.asked = asyncio.Event()

    def __getattr__(self, name: str) -> object:
        if name == "write" and self.away:
            self.asked.set()
            raise hub.Unavailable("the store cannot write")
        return getattr(self._store, name)
