"""The files of chats as pages show them: pictures as thumbnails, sounds with a player, the rest to be downloaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from hub.files import kinds, rows
from hub.files.rows import Kept
from hub.files.states import State
from hub.letters.letters import LetterView
from hub.privacy.visibility import readable
from hub.timeline import Item
from hub.vocabulary import Level
from hub.web.i18n import Reader


@dataclass(frozen=True, slots=True)
class Shown:
    """A file: its *name*, *size* in words, and *kind* (picture, sound, file). *path* is "" where it is not here, and
    then *why* says so in words."""

    name: str
    size: str
    kind: str
    path: str
    why: str
    state: str


def attached(conn: Connection, speaks: Reader, items: Sequence[Item]) -> Mapping[int, tuple[Shown, ...]]:
    """The files of those of *items* that their reader may read in full, by interaction."""
    found = rows.of(conn, [item.id for item in items if readable(item.level, Level.ALL)])
    return {interaction: tuple(_shown(speaks, each) for each in kept) for interaction, kept in found.items()}


def on_their_way(speaks: Reader, letter: LetterView) -> tuple[Shown, ...]:
    """The files of a letter that has not left."""
    files = letter.content.get("files", ())
    return tuple(Shown(each["name"], speaks.size(each["size"]), "file", "", "", "") for each in files)


def _shown(speaks: Reader, kept: Kept) -> Shown:
    t = speaks.gettext
    kind = "file"
    if kinds.is_picture(kept.media_type):
        kind = "picture"
    elif kinds.is_sound(kept.media_type):
        kind = "sound"
    why = {
        State.WAITING: t("is being fetched"),
        State.TOO_LARGE: t("is too large to be kept here"),
        State.GONE: t("is not there any more"),
        State.FAILED: t("could not be fetched"),
        State.HERE: "",
    }[kept.state]
    here = kept.state is State.HERE
    return Shown(
        name=kept.name or (t("Picture") if kind == "picture" else t("Voice message") if kind == "sound" else t("File")),
        size=speaks.size(kept.size) if kept.size else "",
        kind=kind,
        path=f"/api/v1/interactions/{kept.interaction_id}/files/{kept.position}" if here else "",
        why=why,
        state=kept.state,
    )
