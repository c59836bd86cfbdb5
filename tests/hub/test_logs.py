"""One line for each thing that happened, and nothing about people in it."""

from __future__ import annotations

import asyncio
import io
import logging
import re

import pytest

from hub import logs

PERSON = "ada@example.org"


@pytest.fixture
def line() -> logs.OneLine:
    return logs.OneLine(["s3cr3t-token", "abc"])


def record(message: str, *args: object, error: BaseException | None = None) -> logging.LogRecord:
    info = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("hub.test", logging.ERROR, __file__, 1, message, args, info)


def raised() -> ValueError:
    """An error that quotes what it stumbled over, after another one."""
    try:
        try:
            int(PERSON)
        except ValueError:
            raise ValueError(f"cannot read {PERSON}\nat all") from None
    except ValueError as error:
        return error


def test_a_record_is_one_line_of_pairs(line: logs.OneLine) -> None:
    told = line.format(record('source %s: "quoted"\nand more', "mail"))

    assert re.fullmatch(
        r"time=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00 level=error logger=hub\.test "
        r'message="source mail: \\"quoted\\"\\nand more"',
        told,
    )


def test_secrets_are_blotted_out_wherever_they_turn_up(line: logs.OneLine) -> None:
    told = line.format(record("refused with %s, abc", "s3cr3t-token"))

    assert "s3cr3t-token" not in told
    assert 'message="refused with [secret], abc"' in told


def test_an_error_says_what_and_where_but_not_its_text(line: logs.OneLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HUB_DEBUG", raising=False)

    told = line.format(record("it failed", error=raised()))

    assert PERSON not in told
    assert "\n" not in told
    assert re.search(r'error=ValueError at="?tests/hub/test_logs\.py:\d+:raised', told)


def test_an_error_behind_an_error_is_named(line: logs.OneLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HUB_DEBUG", raising=False)
    try:
        try:
            raise KeyError(PERSON)
        except KeyError as cause:
            raise RuntimeError(PERSON) from cause
    except RuntimeError as error:
        told = line.format(record("it failed", error=error))

    assert "error=RuntimeError" in told
    assert "after KeyError at tests/hub/test_logs.py:" in told
    assert PERSON not in told


def test_a_developer_sees_all(line: logs.OneLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_DEBUG", "1")

    assert f"ValueError: cannot read {PERSON}" in line.format(record("it failed", error=raised()))


def test_libraries_are_heard_from_warnings_on() -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    try:
        logs.begin((), stream)
        logging.getLogger("some.library").info("chatter")
        logging.getLogger("some.library").warning("trouble")
        logging.getLogger("connectors.imap").info("news")
    finally:
        root.handlers[:] = before
        root.setLevel(level)

    assert [line.split(" message=")[1] for line in stream.getvalue().splitlines()] == ["trouble", "news"]


async def test_an_error_that_nobody_waited_for_is_told_without_its_text(
    caplog: pytest.LogCaptureFixture, line: logs.OneLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HUB_DEBUG", raising=False)
    logs.forgotten_error(asyncio.get_running_loop(), {"message": f"oh {PERSON}", "exception": raised()})

    (told,) = [line.format(record) for record in caplog.records]
    assert PERSON not in told
    assert "error=ValueError" in told
