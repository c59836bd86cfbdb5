"""Contact lists into the Directory, on both databases: who is new, who is known, who shares a number."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from hub.crm.files import Row
from hub.crm.imports import BATCH, Person, import_operation, prepare
from hub.vocabulary import CallState
from tests.hub.core import OURS, Core, call


def row(number: int, name: str, *mails: str, phones: tuple[str, ...] = (), **more: Any) -> Row:
    return Row(number=number, name=name, mails=mails, phones=phones, **more)


class Importer:
    """What `hub contacts import` does, without the file."""

    def __init__(self, core: Core) -> None:
        self.core = core

    async def __call__(self, *rows: Row, dry_run: bool = False) -> tuple[int, int, int, list[tuple[int, str, bool]]]:
        prepared = [prepare(each, "DE") for each in rows]
        people = [{name: getattr(person, name) for name in Person.__slots__} for person, _ in prepared if person]
        steps: list[int] = []

        async def progress(news: Mapping[str, Any]) -> None:
            steps.append(news["done"])

        service: Any = SimpleNamespace(store=self.core.store, ours=OURS, config=SimpleNamespace(crm=("crm",)))
        result = await import_operation(service, {"people": people, "dry_run": dry_run}, progress)
        assert steps == sorted(steps)
        assert not steps or steps[-1] == len(people)
        remarks = [(each.number, each.reason, each.kept) for _, said in prepared for each in said]
        remarks += [(number, reason, kept) for number, reason, kept in result["remarks"]]
        return result["added"], result["changed"], result["same"], remarks

    async def people(self) -> dict[str, set[tuple[str, str]]]:
        rows = await self.core.rows(
            "SELECT c.name, i.handle, i.strength FROM contacts c LEFT JOIN identities i ON i.contact_id = c.id"
        )
        found: dict[str, set[tuple[str, str]]] = {}
        for name, handle, strength in rows:
            found.setdefault(name, set()).update({(handle, strength)} if handle else set())
        return found


@pytest.fixture
def importer(core: Core) -> Importer:
    return Importer(core)


LI = row(2, "Li Na", "Li.Na@Customer.example", phones=("0170 12345678",), company="Customer Ltd", external_id="K1")


async def test_the_same_list_twice_changes_nothing(importer: Importer) -> None:
    rows = (
        LI,
        row(3, "Wang", phones=("+86 138 0013 8000",)),
        row(4, "", "info@shop.example"),
        row(5, "", company="Acme"),
    )
    assert await importer(*rows) == (4, 0, 0, [])
    before = await importer.core.rows("SELECT id, revision, updated_at FROM contacts ORDER BY id")
    assert await importer(*rows) == (0, 0, 4, [])
    after = await importer.core.rows("SELECT id, revision, updated_at FROM contacts ORDER BY id")
    assert after == before
    assert await importer.people() == {
        "Li Na": {("mailto:li.na@customer.example", "personal"), ("tel:+4917012345678", "personal")},
        "Wang": {("tel:+8613800138000", "personal")},
        "info@shop.example": {("mailto:info@shop.example", "role")},
        "Acme": set(),
    }


async def test_who_is_known_is_completed_and_not_doubled(importer: Importer) -> None:
    await importer(row(2, "Li Na", "li.na@customer.example", title="Buyer", fields={"City": "Köln"}))
    later = row(2, "Li Na-Meyer", "li.na@customer.example", phones=("0170 12345678",), company="New Ltd",
                fields={"Zip": "50667"})  # fmt: skip
    assert await importer(later) == (0, 1, 0, [])
    rows = await importer.core.rows(
        "SELECT c.name, title, k.name, fields, revision FROM contacts c JOIN companies k ON k.id = c.company_id"
    )
    assert rows == [("Li Na-Meyer", "Buyer", "New Ltd", '{"City":"Köln","Zip":"50667"}', 2)]


async def test_an_id_of_the_list_is_surer_than_any_address(importer: Importer) -> None:
    await importer(LI)
    moved = row(2, "Li Na", "li.na@elsewhere.example", external_id="K1")
    assert (await importer(moved))[:3] == (0, 1, 0)
    other = row(3, "Li Na", "li.na@elsewhere.example", external_id="K2")
    added, changed, same, remarks = await importer(other)
    assert (added, changed, same) == (1, 0, 0), "two ids are two people, though they share all else"
    assert [(number, kept) for number, _, kept in remarks] == [(3, True)]


async def test_colleagues_behind_one_switchboard_stay_two(importer: Importer) -> None:
    number = ("030 1234567",)
    added, _, _, remarks = await importer(
        row(2, "Anna", "anna@firm.example", phones=number), row(3, "Bert", "bert@firm.example", phones=number)
    )
    assert added == 2
    assert len(remarks) == 1
    assert remarks[0][0] == 3
    assert "+49 30 1234567 also belongs to contact/" in remarks[0][1]
    assert await importer.people() == {
        "Anna": {("mailto:anna@firm.example", "personal"), ("tel:+49301234567", "shared")},
        "Bert": {("mailto:bert@firm.example", "personal"), ("tel:+49301234567", "shared")},
    }


async def test_a_couple_with_one_mailbox_stays_two(importer: Importer) -> None:
    couple = (row(2, "Anna Meier", "meier@home.example"), row(3, "Peter Meier", "meier@home.example"))
    assert (await importer(*couple))[:3] == (2, 0, 0)
    assert (await importer(*couple))[:3] == (0, 0, 2)
    assert set(await importer.people()) == {"Anna Meier", "Peter Meier"}


async def test_a_number_under_the_same_name_is_the_same_person(importer: Importer) -> None:
    await importer(row(2, "Na Li", phones=("0170 12345678",)))
    assert (await importer(row(2, "LI, Na", "li@customer.example", phones=("+4917012345678",))))[:3] == (0, 1, 0)


async def test_a_name_is_not_lost_to_a_row_without_one(importer: Importer) -> None:
    await importer(LI)
    assert (await importer(row(2, "", "li.na@customer.example", company="Other Ltd")))[:3] == (0, 1, 0)
    assert set(await importer.people()) == {"Li Na"}
    await importer(row(3, "", phones=("030 7654321",)))
    assert (await importer(row(3, "Karl", phones=("030 7654321",))))[:3] == (0, 1, 0)
    assert set(await importer.people()) == {"Li Na", "Karl"}


async def test_what_cannot_be_taken_is_said_with_its_row(importer: Importer) -> None:
    added, _, _, remarks = await importer(
        row(2, "Good", "good@x.example", "not an address", phones=("n/a",)),
        row(3, "", "nonsense"),
        row(4, ""),
        row(5, "We", "support@example.org"),
        Row(number=6, problem="the row cannot be read (x)"),
        row(7, "Long", external_id="x" * 501),
    )
    assert added == 2
    assert sorted(remarks) == [
        (2, '"n/a" is neither a phone number nor an address', True),
        (2, '"not an address" is neither a phone number nor an address', True),
        (3, 'neither a name nor an address that can be read ("nonsense")', False),
        (4, "nobody is in this row", False),
        (5, "support@example.org is one of our own addresses", True),
        (6, "the row cannot be read (x)", False),
        (7, "its id has more than 500 characters", False),
    ]


async def test_a_dry_run_says_the_same_and_does_nothing(importer: Importer) -> None:
    rows = [row(n, f"P{n}", f"p{n}@x.example", company=f"C{n % 7}") for n in range(2, BATCH + 50)]
    rows.append(row(900, "P2", "p2@x.example", title="Buyer"))
    rows.append(row(901, "Other", "p3@x.example"))
    dry = await importer(*rows, dry_run=True)
    assert await importer.people() == {}
    assert await importer.core.rows("SELECT 1 FROM companies") == []
    wet = await importer(*rows)
    assert [dry[0], dry[1], dry[2]] == [wet[0], wet[1], wet[2]] == [len(rows) - 1, 1, 0]
    assert [each[0] for each in dry[3]] == [each[0] for each in wet[3]] == [901]
    assert len(await importer.core.rows("SELECT 1 FROM companies")) == 7


async def test_what_came_before_joins_the_timelines(importer: Importer) -> None:
    await importer.core.ingest.record("pbx", [call("1", CallState.RINGING, caller="tel:+4917012345678")])
    await importer(LI)
    assert await importer.core.rows("SELECT c.name FROM activities a JOIN contacts c ON c.id = a.contact_id") == [
        ("Li Na",)
    ]
    assert await importer.core.rows("SELECT destination, kind, state FROM outbox") == [("crm", "activity", "waiting")]


async def test_a_very_long_name_is_cut(importer: Importer) -> None:
    await importer(row(2, "王" * 5000, "a@x.example"))
    assert set(await importer.people()) == {"王" * 500}
