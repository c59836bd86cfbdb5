"""What every adapter must do."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest

import hub
from tests.contracts.connector import assert_readable
from tests.contracts.proxy import Proxy, proxy
from tests.servers.process import free_port

LI_NA = hub.ContactRecord(
    key="contact:7",
    name="Li Na 李娜",
    company="Customer Ltd",
    title="Buyer",
    handles=("mailto:li.na@customer.example", "tel:+4917012345678"),
)


def letter(contact: str, title: str = "Offer for 200", key: str = "activity:11:7") -> hub.Activity:
    """A mail from her that goes onto *contact*."""
    sender = hub.Participant("mailto:li.na@customer.example", hub.Role.SENDER, "Li Na")
    facts = hub.Message(participants=(sender,), title=title, preview="Could you send an offer? 报价")
    return hub.Activity(
        key=key,
        contact=contact,
        channel=hub.Channel.EMAIL,
        direction=hub.Direction.INBOUND,
        occurred_at=datetime(2026, 11, 20, 9, tzinfo=UTC),
        facts=facts,
        url="https://hub.example.org/contacts/7",
    )


def setup(name: str = "contract") -> hub.Setup:
    """What the core would tell the adapter about itself."""
    return hub.Setup(name=name, region="DE", ours=(), rings=(), agents=(), webhook_url="")


class AdapterContract(ABC):
    """Subclass it, name it `Test...`, and say how the CRM is spoken to behind the adapter's back.

    *crm_port* is a fixture of the subclass: where the real or fake CRM listens, empty at first.
    """

    @abstractmethod
    def adapter(self, port: int) -> hub.Adapter:
        """An adapter with right settings, to the CRM on *port* of this machine."""

    @abstractmethod
    def refused(self, port: int) -> hub.Adapter:
        """The same with a credential that the CRM refuses."""

    @abstractmethod
    async def put(self, name: str, mail: str) -> None:
        """Somebody makes the contact called *name* in the CRM, or gives her another address."""

    @abstractmethod
    async def contacts(self) -> Mapping[str, str]:
        """The names of the CRM's contacts, by id."""

    @abstractmethod
    async def activities(self) -> Sequence[tuple[str, str]]:
        """What the CRM holds: of each activity its contact's id and a text in which its title stands."""

    @pytest.fixture
    async def between(self, crm_port: int) -> AsyncIterator[Proxy]:
        """A proxy in front of the CRM, so that the suite sees and breaks the connection."""
        async with proxy(crm_port) as running:
            yield running

    @asynccontextmanager
    async def open(self, port: int, make: Callable[[int], hub.Adapter] | None = None) -> AsyncIterator[hub.Adapter]:
        """An adapter, closed at the end as the hub does."""
        adapter = (make or self.adapter)(port)
        try:
            yield adapter
        finally:
            await adapter.close()

    # --- writing ---

    async def test_a_contact_is_made_once(self, crm_port: int) -> None:
        async with self.open(crm_port) as adapter:
            first = await adapter.upsert(LI_NA)
            again = await adapter.upsert(LI_NA if adapter.idempotent else replace(LI_NA, id=first))
        assert first == again
        assert await self.contacts() == {first: LI_NA.name}

    async def test_a_contact_that_is_there_is_found_by_her_address_and_stays_as_the_crm_knows_her(
        self, crm_port: int
    ) -> None:
        await self.put("Na Li, purchasing", "li.na@customer.example")
        before = await self.contacts()
        async with self.open(crm_port) as adapter:
            found = await adapter.upsert(LI_NA)
        assert await self.contacts() == before == {found: "Na Li, purchasing"}

    async def test_an_activity_stands_on_its_contact(self, crm_port: int) -> None:
        async with self.open(crm_port) as adapter:
            contact = await adapter.upsert(LI_NA)
            await adapter.log(letter(contact, "报价 for 200 🙂"), None)
        ((onto, text),) = await self.activities()
        assert onto == contact
        assert "报价 for 200 🙂" in text

    async def test_logged_twice_it_is_stored_once(self, crm_port: int) -> None:
        async with self.open(crm_port) as adapter:
            contact = await adapter.upsert(LI_NA)
            first = await adapter.log(letter(contact), None)
            again = await adapter.log(letter(contact, "Offer for 300"), None if adapter.idempotent else first)
        assert first == again
        ((_, text),) = await self.activities()
        assert "Offer for 300" in text

    async def test_a_previous_id_means_update(self, crm_port: int) -> None:
        async with self.open(crm_port) as adapter:
            contact = await adapter.upsert(LI_NA)
            first = await adapter.log(letter(contact), None)
            other = await adapter.log(letter(contact, "Something else", key="activity:12:7"), None)
            assert await adapter.log(letter(contact, "Offer for 300"), first) == first != other
        texts = sorted(text for _, text in await self.activities())
        assert len(texts) == 2
        assert "Offer for 300" in texts[0]
        assert "Something else" in texts[1]

    async def test_what_is_known_of_metadata_only_is_logged_without_title(self, crm_port: int) -> None:
        async with self.open(crm_port) as adapter:
            contact = await adapter.upsert(LI_NA)
            bare = replace(letter(contact), facts=hub.Message(participants=()))
            assert await adapter.log(bare, None)
        ((_, text),) = await self.activities()
        assert "None" not in text

    async def test_calls_and_meetings_are_logged_too(self, crm_port: int) -> None:
        told: tuple[hub.Facts, ...] = (
            hub.Call(state=hub.CallState.ENDED, outcome=hub.Outcome.MISSED),
            hub.Meeting(title="Kick-off"),
        )
        async with self.open(crm_port) as adapter:
            contact = await adapter.upsert(LI_NA)
            for number, facts in enumerate(told):
                await adapter.log(replace(letter(contact, key=f"activity:{number}:7"), facts=facts), None)
        assert len(await self.activities()) == 2

    async def test_several_at_once_do_not_disturb_each_other(self, crm_port: int) -> None:
        async with self.open(crm_port) as adapter:
            contact = await adapter.upsert(LI_NA)
            letters = [letter(contact, f"Letter {number}", key=f"activity:{number}:7") for number in range(8)]
            ids = await asyncio.gather(*(adapter.log(each, None) for each in letters))
        assert len(set(ids)) == len(await self.activities()) == 8

    async def test_an_answer_that_is_lost_stores_nothing_twice(self, between: Proxy) -> None:
        async with self.open(between.port) as adapter:
            contact = await adapter.upsert(LI_NA)
            between.edit = lambda block: None
            # Only of what surely did not happen may an adapter say that it is unavailable.
            with pytest.raises((TimeoutError, hub.Unavailable) if adapter.idempotent else TimeoutError):
                await adapter.log(letter(contact), None)
            between.edit = lambda block: block
            if adapter.idempotent:
                await adapter.log(letter(contact), None)
        assert len(await self.activities()) == 1

    # --- reading ---

    async def heard(self, port: int, cursor: str | None, batches: int | None = None) -> list[hub.Changes]:
        """What changed after *cursor*: the first *batches*, or everything."""
        taken: list[hub.Changes] = []
        async with self.open(port) as adapter, aclosing(adapter.changes(cursor)) as changes:
            async for change in changes:
                taken.append(change)
                if len(taken) == batches:
                    break
        return taken

    async def test_changes_resume_after_every_cursor_without_gap_or_repeat(self, crm_port: int) -> None:
        names = [f"Person {number}" for number in range(10)]
        for number, name in enumerate(names):
            await self.put(name, f"person-{number}@customer.example")
        told: list[str] = []
        cursor: str | None = None
        while batches := await self.heard(crm_port, cursor, 1):
            told += [record.name for batch in batches for record in batch.records]
            cursor = batches[-1].cursor
        assert told == names
        assert await self.heard(crm_port, cursor) == []

    async def test_who_changes_is_told_again_as_she_stands_then(self, crm_port: int) -> None:
        await self.put("Li Na", "li.na@customer.example")
        before = await self.heard(crm_port, None)
        (record,) = (record for batch in before for record in batch.records)
        assert record.id
        assert (record.name, record.handles) == ("Li Na", ("mailto:li.na@customer.example",))
        await self.put("Li Na", "na@elsewhere.example")
        after = await self.heard(crm_port, before[-1].cursor)
        (again,) = (record for batch in after for record in batch.records)
        assert again.id == record.id
        assert "mailto:na@elsewhere.example" in again.handles

    # --- verdicts ---

    async def test_a_refused_credential_is_rejected(self, crm_port: int) -> None:
        async with self.open(crm_port, self.refused) as adapter:
            await self._all_raise(adapter, hub.Rejected)

    async def test_a_crm_that_is_not_there_is_unavailable(self) -> None:
        async with self.open(free_port()) as adapter:
            await self._all_raise(adapter, hub.Unavailable)

    async def test_a_contact_that_is_gone_concerns_only_what_goes_onto_it(self, crm_port: int) -> None:
        async with self.open(crm_port) as adapter:
            contact = await adapter.upsert(LI_NA)
            with pytest.raises(hub.Unsupported) as told:
                await adapter.log(letter(self.absent(contact)), None)
            assert_readable(told.value)
            assert await adapter.log(letter(contact), None)

    def absent(self, contact: str) -> str:
        """An id that looks like *contact*'s and is nobody's."""
        return f"{contact}99"

    async def test_closing_it_closes_its_sockets(self, between: Proxy) -> None:
        async with self.open(between.port) as adapter:
            await adapter.upsert(LI_NA)
        await between.until(open=0)

    async def _all_raise(self, adapter: hub.Adapter, kind: type[hub.Verdict]) -> None:
        with pytest.raises(kind) as told:
            await adapter.upsert(LI_NA)
        assert_readable(told.value)
        with pytest.raises(kind):
            await adapter.log(letter("1"), None)
        async with aclosing(adapter.changes(None)) as changes:
            with pytest.raises(kind):
                await anext(changes)
