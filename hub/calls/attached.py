"""What hangs on a call: its recordings and transcripts, each merged from everything that was said of it."""

from __future__ import annotations

from collections.abc import Iterable

from hub.vocabulary import Call, Recording, Transcript


def recordings_of(facts: Iterable[Call]) -> tuple[Recording, ...]:
    """Each recording once, by its id; known beats unknown, then the later word counts."""
    found: dict[str, Recording] = {}
    for call in facts:
        for each in call.recordings:
            known = found.get(each.id)
            found[each.id] = each if known is None else _recording(known, each)
    return tuple(found.values())


def _recording(before: Recording, after: Recording) -> Recording:
    return Recording(
        id=after.id,
        url=after.url or before.url,
        voicemail=after.voicemail or before.voicemail,
        seconds=before.seconds if after.seconds is None else after.seconds,
        channels=before.channels if after.channels is None else after.channels,
        started_at=after.started_at or before.started_at,
    )


def transcripts_of(facts: Iterable[Call]) -> tuple[Transcript, ...]:
    """Each transcript once, by its id; a later text replaces the earlier one."""
    found: dict[str, Transcript] = {}
    for call in facts:
        for each in call.transcripts:
            known = found.get(each.id)
            found[each.id] = each if known is None else _transcript(known, each)
    return tuple(found.values())


def _transcript(before: Transcript, after: Transcript) -> Transcript:
    return Transcript(
        id=after.id,
        text=after.text or before.text,
        recording=after.recording or before.recording,
        language=after.language or before.language,
    )
