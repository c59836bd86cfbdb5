"""`hub booking`: what is booked on the command line is taken, and what cannot be done is one line that says what to do.

A process of its own takes seconds to begin, so most commands run in this one; the hub that they ask is a real one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from hub.cli import main
from tests.cli.command import hub, serving
from tests.servers.process import free_port

CONFIG = """
[hub]
listen = "127.0.0.1:{port}"
public_url = "https://hub.example.org"
timezone = "Europe/Berlin"
region = "DE"

[agents.ada]
name = "Ada"
handles = ["mailto:ada@example.org"]

[event_types.intro]
title = "Introduction"
durations = [30, 60]
hosts = ["ada"]
notice = 0

[[event_types.intro.questions]]
id = "topic"
label = "What about?"
type = "choice"
options = ["Sales", "Support"]

[event_types.careful]
title = "Consultation"
hosts = ["ada"]
approval = true
"""
DAY = (datetime.now(UTC) + timedelta(days=10)).date().isoformat()
WHO = ("--name", "Li Na", "--mail", "li.na@customer.example")
PHONE = ("--phone", "030 987654")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a running hub: what the command does, the hub does. Each test books at hours of its own."""
    folder = tmp_path_factory.mktemp("hub")
    (folder / "config.toml").write_text(CONFIG.format(port=free_port()))
    with serving(folder):
        yield folder


class Here:
    """The command, run in the folder of a hub."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture

    def does(self, *args: str) -> str:
        """What it prints."""
        status, (out, err) = main(["booking", *args]), self._capture.readouterr()
        assert (status, err) == (0, "")
        return out

    def fails(self, *args: str) -> str:
        """The one line on stderr."""
        status, (out, err) = main(["booking", *args]), self._capture.readouterr()
        assert (status, out, err.count("\n")) == (1, "", 1), err
        return err.rstrip()


@pytest.fixture
def here(running: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Here:
    monkeypatch.chdir(running)
    return Here(capsys)


def test_what_is_booked_is_listed_and_explained_and_moved_and_cancelled(here: Here) -> None:
    types = here.does("types").splitlines()
    assert types[1].split() == ["intro", "Introduction", "ada", "https://hub.example.org/book/intro"]
    asked = ("slots", "intro", "--from", f"{DAY}T09:00", "--days", "1")
    assert f"\n{DAY} " in here.does(*asked)
    assert "09:00 09:30 10:00 10:30" in here.does(*asked)

    made = here.does("book", "intro", f"{DAY}T10:00", *WHO, *PHONE, "--answer", "topic=Sales")
    booked, _, id = made.strip().rpartition(" ")
    assert booked == f"Booked: Introduction, {DAY} 10:00 to 10:30, Li Na with Ada. Booking"

    (line,) = (each for each in here.does("list", "--host", "ada").splitlines() if each.startswith(id))
    assert line.split() == [id, DAY, "10:00", "Introduction", "Li", "Na", "Ada", "confirmed"]
    assert "09:00 09:30 10:30" in here.does(*asked)
    why = here.does("explain", "intro", f"{DAY}T10:00").splitlines()
    assert why[:2] == [f"{DAY} 10:00 is not offered.", "Ada: closed"]
    assert "  no   Booked here already, from 10:00 to 10:30 with its buffers." in why

    moved = here.does("move", id, f"{DAY}T15:00+01:00")
    assert moved == f"Moved: Introduction, {_berlin(f'{DAY}T15:00+01:00')}, Li Na with Ada. Booking {id}\n"
    (listed,) = (each for each in json.loads(here.does("list", "--json")) if each["id"] == id)
    assert (listed["mail"], listed["hosts"]) == ("li.na@customer.example", ["ada"])
    assert datetime.fromisoformat(listed["starts_at"]) == datetime.fromisoformat(f"{DAY}T15:00+01:00")

    assert here.does("cancel", id, "--reason", "Ada is ill.").startswith("Cancelled: Introduction, ")
    assert id not in here.does("list")
    assert here.does("explain", "intro", f"{DAY}T10:00").startswith(f"{DAY} 10:00 is offered.\nAda: open\n")


def test_a_time_that_is_gone_names_the_three_nearest(here: Here) -> None:
    here.does("book", "intro", f"{DAY}T20:00", *WHO, *PHONE)

    assert here.fails("book", "intro", f"{DAY}T20:00", "--name", "Bo", "--mail", "bo@customer.example", *PHONE) == (
        f"hub: {DAY}T20:00 is not free (Europe/Berlin). The nearest that are: {DAY}T19:00, {DAY}T19:30, {DAY}T20:30."
    )


def test_a_host_is_asked_and_a_link_is_the_last_word(here: Here) -> None:
    made = here.does("book", "careful", f"{DAY}T07:00", *WHO, *PHONE)
    assert made.startswith(f"Asked for, a host has to agree: Consultation, {DAY} 07:00 to 07:30, ")
    address = here.does("link", "careful", "--days", "3").split()[-1]
    assert address.startswith("https://hub.example.org/link/")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("slots", "intr"), 'There is no event type "intr". Did you mean "intro"?'),
        (("explain", "zzz", "2026-12-24T10:00"), 'There is no event type "zzz". There are: careful, intro.'),
        (("slots", "intro", "--duration", "45"), '"intro" is booked for 30 or 60 minutes, not for 45.'),
        (("slots", "intro", "--zone", "Europe/Berlinn"), 'Did you mean "Europe/Berlin"?'),
        (("list", "--host", "adda"), 'There is no agent "adda". Did you mean "ada"?'),
        (("explain", "intro", "noon"), '"noon" is no time. Write it as 2026-12-24T10:00.'),
        (("explain", "intro", "2027-03-28T02:30"), "does not exist in Europe/Berlin: clocks are put forward then."),
        (("book", "intro", "2020-01-01T10:00", *WHO, *PHONE), "This time has passed."),
        (("cancel", "7"), "There is no booking 7. To see what is booked: hub booking list"),
        (("link", "intro", "--contact", "7"), "There is no contact 7."),
    ],
)
def test_what_cannot_be_done_is_one_line_that_says_what_to_do(here: Here, args: tuple[str, ...], said: str) -> None:
    assert said in here.fails(*args)


def test_answers_that_cannot_be_taken_are_named_and_the_time_stays_free(here: Here) -> None:
    wrong = ("--name", "Li Na", "--mail", "nobody", "--answer", "topic=Cake")
    assert here.fails("book", "intro", f"{DAY}T22:00", *wrong) == (
        "hub: Nothing is booked: --mail is no mail address; --phone is missing; "
        "--answer topic= takes one of: Sales, Support."
    )
    assert here.does("explain", "intro", f"{DAY}T22:00").startswith(f"{DAY} 22:00 is offered.")


def test_usage_is_2(here: Here) -> None:
    for args in (), ("book", "intro", "now"), ("move", "seven", "now"), ("slots", "intro", "--days", "99"):
        with pytest.raises(SystemExit) as ended:
            main(["booking", *args])
        assert ended.value.code == 2


def test_where_no_hub_runs_the_command_books_itself(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(CONFIG.format(port=free_port()))

    made = hub(tmp_path, "booking", "book", "intro", f"{DAY}T10:00", *WHO, *PHONE)
    assert (made.returncode, made.stderr) == (0, "")
    id = made.stdout.split()[-1]
    assert hub(tmp_path, "booking", "list").stdout.split()[0] == id
    again = hub(tmp_path, "booking", "book", "intro", f"{DAY}T10:00", *WHO, *PHONE)
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr.startswith(f"hub: {DAY}T10:00 is not free (Europe/Berlin). The nearest that are: ")


def test_a_host_whose_calendar_was_never_read_is_left_out_and_the_calendar_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    feed = '[sources.ada-feed]\nprovider = "ical"\nagents = ["ada"]\nurl = "https://ada.example.org/feed.ics"\n'
    (tmp_path / "config.toml").write_text(CONFIG.format(port=free_port()) + feed)
    monkeypatch.chdir(tmp_path)

    assert main(["booking", "slots", "intro"]) == 0
    told = capsys.readouterr()
    assert told.out == "No time is offered then.\n"
    assert told.err == "ada: left out, a calendar is out of date. See: hub sources\n"
    assert main(["booking", "explain", "intro", f"{DAY}T10:00"]) == 0
    (closes,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("  no "))
    assert closes.startswith("  no   Her calendar is too old to be relied on.")
    assert closes.endswith(" (ada-feed, not read yet)")


def _berlin(moment: str) -> str:
    """That half hour as it reads in Berlin, whatever time of the year the test runs in."""
    begin = datetime.fromisoformat(moment).astimezone(ZoneInfo("Europe/Berlin"))
    return f"{begin:%Y-%m-%d %H:%M} to {begin + timedelta(minutes=30):%H:%M}"
