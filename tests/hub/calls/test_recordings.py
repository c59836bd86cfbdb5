"""Recordings: off by default, kept only as the line's policy and the person's word allow, and no longer than that."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from hub import (
    Call,
    CallState,
    Channel,
    Event,
    Media,
    Misconfigured,
    Outcome,
    Participant,
    Recorder,
    Recording,
    Role,
    Settings,
    Transcript,
    Unavailable,
    Unsupported,
)
from hub.batch import Books, Entry, Part
from hub.calls import consents
from hub.calls.consents import Consent, Purpose
from hub.calls.recordings import rows
from hub.calls.recordings.fetching import Fetching, FetchingPace
from hub.calls.recordings.policy import Sound, State
from hub.config_calls import LineConfig, Recorded
from hub.deletion import delete
from hub.privacy.visibility import HUB
from hub.record import record
from tests.hub.core import LINE, OURS, Core

NOW = datetime.now(UTC).replace(microsecond=0)
CALLER = "tel:+4917012345678"
WAV = b"RIFF" + b"\0" * 200_000
BRISK = FetchingPace(look=0.02, answer=5, attempts=3, at_once=2)
NEVER = LineConfig(LINE)
ANNOUNCED = LineConfig(LINE, record=Recorded.ANNOUNCED, voicemail=True, keep_days=30)
CONSENT = LineConfig(LINE, record=Recorded.CONSENT)


class Shelf(Recorder):
    """A source's recorder: what it answers for each recording, in turn."""

    Settings = Settings

    def __init__(self, *answers: Media | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def fetch(self, recording: Recording, most: int) -> Media:
        self.asked.append(recording.id)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def sound(line: LineConfig) -> Sound:
    return Sound({LINE: line}, frozenset({"pbx"}))


def talk(*, voicemail: bool = False, ident: str = "1", text: str = "") -> Event:
    """A call that is over, and was recorded."""
    return Event(
        key=f"pbx:{ident}",
        id="recorded",
        channel=Channel.VOICE,
        at=NOW,
        facts=Call(
            participants=(Participant(CALLER, Role.CALLER), Participant(LINE, Role.CALLEE)),
            line=LINE,
            state=CallState.ENDED,
            started_at=NOW,
            outcome=Outcome.VOICEMAIL if voicemail else Outcome.COMPLETED,
            recordings=(Recording(id=f"RE{ident}", url="http://pbx/1.wav", voicemail=voicemail, seconds=12),),
            transcripts=(Transcript(id="T1", text=text, language="en"),) if text else (),
        ),
    )


async def told(core: Core, event: Event, line: LineConfig, source: str = "pbx") -> None:
    books = Books(OURS, core.store.ids, core.store.blobs, sound=sound(line))
    await core.store.write(lambda conn: record(conn, [Part(source, (Entry(event, True),))], books))


async def states(core: Core) -> list[tuple[str, str]]:
    return [tuple(row) for row in await core.rows("SELECT state, reason FROM recordings ORDER BY id")]  # type: ignore[misc]


async def said(core: Core, given: bool, interaction: int | None = None) -> None:
    one = Consent(CALLER, Purpose.RECORD, given, "said so", interaction, "login/1", NOW)
    await core.store.write(lambda conn: consents.write(conn, HUB, core.store.ids, one))


async def fetched(core: Core, shelf: Shelf, state: State) -> None:
    """Fetches until the only recording is in *state*; each further attempt is due at once."""
    with core.live.subscribe("") as screen:
        async with Fetching(core.store, core.live, {"pbx": shelf}, BRISK) as running, asyncio.timeout(15):
            while [each for each, _ in await states(core)] != [state]:
                await screen.frames()
                await core.store.write(lambda conn: conn.execute(sa.text("UPDATE recordings SET due_at = 0")))
                running.look()


@pytest.mark.parametrize(
    ("line", "voicemail", "given", "expected"),
    [
        (NEVER, False, None, ("unwanted", "line")),
        (NEVER, False, True, ("unwanted", "line")),
        (NEVER, True, None, ("unwanted", "voicemail")),
        (ANNOUNCED, False, None, ("waiting", "")),
        (ANNOUNCED, False, False, ("unwanted", "withdrawn")),
        (ANNOUNCED, True, None, ("waiting", "")),
        (CONSENT, False, None, ("unwanted", "consent")),
        (CONSENT, False, True, ("waiting", "")),
    ],
)
async def test_recording_is_off_and_needs_a_policy_and_consent(
    core: Core, line: LineConfig, voicemail: bool, given: bool | None, expected: tuple[str, str]
) -> None:
    if given is not None:
        await said(core, given)
    await told(core, talk(voicemail=voicemail), line)
    assert await states(core) == [expected]


async def test_it_is_fetched_once_and_stored_by_its_hash(core: Core) -> None:
    await told(core, talk(), ANNOUNCED)
    await told(core, talk(), ANNOUNCED)
    shelf = Shelf(Unavailable("not there yet", retry_after=0), Media("audio/wav", WAV))
    await fetched(core, shelf, State.KEPT)
    (one,) = await core.store.read(lambda conn: rows.of(conn, [row for (row,) in _ids(conn)]))
    assert (one.media_type, one.size, one.seconds) == ("audio/wav", len(WAV), 12)
    assert one.keep_until == NOW + timedelta(days=30)
    assert await core.store.read(lambda conn: core.store.blobs.read(conn, one.blob)) == WAV
    assert shelf.asked == ["RE1", "RE1"]


def _ids(conn: sa.Connection) -> list[tuple[int]]:
    return [tuple(row) for row in conn.execute(sa.text("SELECT interaction_id FROM recordings"))]  # type: ignore[misc]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Unsupported("It lies at another host than the source's."), State.REFUSED),
        (Misconfigured("There is no such folder."), State.FAILED),
    ],
)
async def test_a_recording_that_points_elsewhere_is_refused_with_the_reason(
    core: Core, answer: Exception, expected: State
) -> None:
    await told(core, talk(), ANNOUNCED)
    await fetched(core, Shelf(answer), expected)
    assert await states(core) == [(expected, str(answer))]


async def test_it_is_let_go_when_it_was_kept_long_enough(core: Core) -> None:
    await told(core, talk(), ANNOUNCED)
    await fetched(core, Shelf(Media("audio/wav", WAV)), State.KEPT)
    assert not await core.store.read(lambda conn: rows.any_due(conn, NOW + timedelta(days=29)))
    later = NOW + timedelta(days=31)
    await core.store.write(lambda conn: rows.expire(conn, core.store.blobs, later))
    assert await core.one("SELECT count(*) FROM blobs") == 0
    assert await states(core) == [("gone", "expired")]


async def test_who_agrees_in_the_call_lets_it_be_kept(core: Core) -> None:
    await told(core, talk(), CONSENT)
    assert await states(core) == [("unwanted", "consent")]
    await said(core, True, await core.one("SELECT interaction_id FROM recordings"))
    assert await states(core) == [("waiting", "")]


async def test_deleting_the_call_deletes_its_sound(core: Core) -> None:
    await told(core, talk(), ANNOUNCED)
    await fetched(core, Shelf(Media("audio/wav", WAV)), State.KEPT)
    interaction = await core.one("SELECT interaction_id FROM recordings")
    await core.store.write(lambda conn: delete(conn, core.store, HUB, interaction, NOW))
    assert await states(core) == []
    assert await core.one("SELECT count(*) FROM blobs") == 0


async def test_a_source_that_cannot_fetch_says_so(core: Core) -> None:
    await told(core, talk(), ANNOUNCED, source="front-desk")
    assert await states(core) == [("unwanted", "no-source")]


async def test_what_was_said_in_a_call_is_found(core: Core) -> None:
    await told(core, talk(text="The pump drips, 报价 please"), ANNOUNCED)
    found = await core.one("SELECT count(*) FROM search") if core.store.dialect == "sqlite" else 1
    assert found == 1
