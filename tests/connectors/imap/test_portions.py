"""How mails are put together, and how the cursor is written."""

from __future__ import annotations

import pytest

import hub
from connectors.imap.mailbox import Outline
from connectors.imap.portions import ATTEMPTS, BYTES, MAILS, Portion, portions
from connectors.imap.progress import Backfill, Place, Progress


def outlines(sizes: dict[int, int]) -> list[Outline]:
    return [Outline(uid, size, None) for uid, size in sizes.items()]


def test_a_portion_ends_at_so_many_mails() -> None:
    uids = list(range(1, 2 * MAILS + 2))
    made = list(portions(outlines(dict.fromkeys(uids, 100)), {}, max_bytes=10_000))
    assert [len(portion.uids) for portion in made] == [MAILS, MAILS, 1]
    assert [uid for portion in made for uid in portion.uids] == uids


def test_a_portion_ends_before_two_megabytes_and_a_larger_mail_is_one_by_itself() -> None:
    sizes = {1: BYTES // 2, 2: BYTES // 2, 3: 1, 4: BYTES + 1, 5: 1}
    made = list(portions(outlines(sizes), {}, max_bytes=2 * BYTES))
    assert [portion.uids for portion in made] == [(1, 2), (3,), (4,), (5,)]


def test_a_mail_over_the_limit_is_one_by_itself_and_marked() -> None:
    made = list(portions(outlines({1: 10, 2: 1001, 3: 10}), {}, max_bytes=1000))
    assert made == [Portion((1,)), Portion((2,), too_large=True), Portion((3,))]


def test_a_mail_on_which_a_connection_broke_comes_alone_and_is_lost_in_the_end() -> None:
    sizes = dict.fromkeys((1, 2, 3, 4), 10)
    once, often = ({2: broke, 3: 0} for broke in (1, ATTEMPTS))
    assert list(portions(outlines(sizes), once, max_bytes=1000)) == [Portion((1,)), Portion((2,)), Portion((3, 4))]
    assert list(portions(outlines({2: 10}), often, max_bytes=1000)) == [Portion((2,), lost=True)]


@pytest.mark.parametrize(
    "place",
    [
        Place(1700000000, 0),
        Place(4294967295, 4294967295, modseq=2**63 - 1, messages=7),
        Place(7, 90, backfill=Backfill(12, 40, 52)),
        Place(7, 90, backfill=Backfill(90, 0, 90, known=True)),
    ],
)
def test_a_cursor_says_where_each_folder_stands(place: Place) -> None:
    progress = Progress()
    progress.set("INBOX", place)
    progress.set('Größe, "x":1;2', Place(3, 4))
    read = Progress.read(str(progress))
    assert (read["INBOX"], read['Größe, "x":1;2'], read.get("Sent")) == (place, Place(3, 4), None)
    assert str(read) == str(progress)


def test_the_first_reading_is_counted_over_all_folders_until_all_are_read() -> None:
    folders = {"INBOX": Place(7, 90, backfill=Backfill(90, 0, 60)), "Sent": Place(8, 9, backfill=Backfill(9, 0, 5))}
    progress = Progress(folders)
    progress.old_read("INBOX", 40, 45)
    assert progress.backfill(folders) == hub.Backfill(45, 65)
    progress.old_read("INBOX", 0, 0)
    progress.settle(folders)
    assert progress.backfill(folders) == hub.Backfill(60, 65)
    progress.old_read("Sent", 0, 5)
    progress.settle(folders)
    assert progress.backfill(folders) is None
    assert progress["INBOX"] == Place(7, 90)
