"""The pages that strangers see, as the config says: the sources with `provider = "web"`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hub.booking.types import Question
from hub.config import Config

PROVIDER = "web"

_TYPES = {"textarea": "long", "select": "choice", "checkbox": "yes-no"}

Words = str | Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Asked:
    """A field of a form: its *question* and what it is called; *tick*: one box, and not yes or no."""

    question: Question
    label: Words
    tick: bool


@dataclass(frozen=True, slots=True)
class Front:
    """One page: a form or a chat (*kind*) of *source*, whose conversations belong to *team*."""

    source: str
    kind: str
    title: Words
    greeting: Words
    asks: tuple[Asked, ...]
    languages: tuple[str, ...]
    origins: tuple[str, ...]
    thanks: Words
    redirect: str
    consent: Words
    hours: Words
    team: str

    @property
    def questions(self) -> tuple[Question, ...]:
        """What the form asks, in its order."""
        return tuple(each.question for each in self.asks)


def fronts(config: Config) -> dict[str, Front]:
    """Every page, by the name of its source."""
    return {
        name: _front(name, source.team, next(iter(source.typed.values())).model_dump(mode="json"))
        for name, source in config.sources.items()
        if source.provider == PROVIDER
    }


def said(words: Words, tag: str, otherwise: str = "") -> str:
    """*words* in the language *tag*, or in one near to it, or in the first there is; *otherwise* where there are
    none."""
    if isinstance(words, str):
        return words or otherwise
    near = (each for each in words if each.partition("-")[0] == tag.partition("-")[0])
    return words.get(tag) or next((words[each] for each in (*near, *words) if words[each]), otherwise)


def _front(name: str, team: str, settings: Mapping[str, Any]) -> Front:
    return Front(
        source=name,
        kind=settings["kind"],
        title=settings["title"],
        greeting=settings["greeting"],
        asks=tuple(_asked(each) for each in settings["fields"]),
        languages=tuple(settings["languages"]),
        origins=tuple(settings["origins"]),
        thanks=settings["thanks"],
        redirect=settings["redirect"],
        consent=settings["consent"],
        hours=settings["hours"],
        team=team,
    )


def _asked(field: Mapping[str, Any]) -> Asked:
    kind = field["type"]
    question = Question.model_validate(
        {
            "id": field["id"],
            "label": said(field["label"], "en", field["id"])[:200],
            "type": _TYPES.get(kind, kind),
            "required": field["required"],
            "options": tuple(field["options"]),
        }
    )
    return Asked(question, field["label"], kind == "checkbox")
