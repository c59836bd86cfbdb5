"""Reads one config document table by table, and collects what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from hub import config_values as values
from hub import registry
from hub.contracts import Settings
from hub.references import Secrets, is_reference

T = TypeVar("T", bound=BaseModel)
Value = TypeVar("Value")


STRICT = ConfigDict(extra="forbid", strict=True, frozen=True)
"""How the tables of the frame are read: an unknown key, or a number where a text belongs, is wrong."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong: the TOML *path*, one line that says what to do, and the *source* it concerns ("": the frame)."""

    path: str
    message: str
    source: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class ConfigError(Exception):
    """The hub cannot start with this file. The text has one line for each problem."""

    def __init__(self, path: Path, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(f"{path}: {problem}" for problem in problems))
        self.problems = problems


class Reader:
    """One document. Each part of the file has a function that reads it with one of these."""

    def __init__(self, path: Path, document: dict[str, Any], environ: Mapping[str, str]) -> None:
        self.path = path
        self.folder = path.absolute().parent
        self.document = document
        self.environ = environ
        self.problems: list[Problem] = []
        self.secrets: set[str] = set()
        self.region = ""
        self.timezone = "UTC"
        self.providers: dict[str, registry.Provider] = {}

    def section(self, key: str) -> dict[str, Any]:
        """The table under *key*, empty where there is none."""
        table = self.document.get(key, {})
        if not isinstance(table, dict):
            self.wrong(key, f"must be a table. Write [{key}] and its keys below.")
            return {}
        return table

    def tables(self, key: str) -> list[tuple[str, dict[str, Any]]]:
        """The named tables under *key*."""
        found = []
        for name, table in self.section(key).items():
            source = name if key == "sources" else ""
            path = f"{key}.{values.quoted(name)}"
            if not isinstance(table, dict):
                self.wrong(path, f"must be a table. Write [{path}] and its keys below.", source=source)
            elif self.value(path, "", values.name, name, source=source):
                found.append((name, table))
        return found

    def checked(
        self, path: str, model: type[T], table: dict[str, Any], source: str = "", told: set[str] | None = None
    ) -> T | None:
        """*table* as *model*, without the keys that are wrong so that the others are looked at, too; None where that
        cannot be. What was *told* already is not told twice."""
        try:
            return model.model_validate(table)
        except ValidationError as error:
            found = values.complaints(error, model, model.model_fields)
        for loc, message in found:
            where = values.toml_path(path, loc)
            if where not in (told or ()):
                self.wrong(where, message, source=source)
        wrong = {loc[0] for loc, _ in found if loc}
        try:
            return model.model_validate({key: value for key, value in table.items() if key not in wrong})
        except ValidationError:
            return None

    def value(self, path: str, default: Value, check: Callable[[str], Value], text: str, source: str = "") -> Value:
        """*text* as *check* reads it, *default* where it is wrong."""
        try:
            return check(text)
        except ValueError as error:
            self.wrong(path, str(error), source=source)
            return default

    def all(self, path: str, texts: list[str], check: Callable[[str], str], source: str = "") -> tuple[str, ...]:
        """Each of *texts* as *check* reads it, without those that are wrong."""
        read = (self.value(f"{path}[{place}]", "", check, text, source) for place, text in enumerate(texts))
        return tuple(dict.fromkeys(text for text in read if text))

    def url(self, path: str, text: str, check: Callable[[str], str]) -> str:
        """A URL that may hold a password: then it must be a reference."""
        if values.has_password(text):
            cure = 'Put the whole URL into an environment variable or a file, and write "env:NAME" or "file:PATH".'
            self.wrong(path, f"a password must not stand in this file. {cure}")
            return ""
        if is_reference(text):
            secrets = Secrets(self.folder, self.environ)
            found = secrets.secret(text, path)
            for where, message in secrets.problems:
                self.wrong(where, message)
            if found is None:
                return ""
            self.secrets.add(found)
            text = found
        return self.value(path, "", check, text)

    def named(self, path: str, name: str, section: str, source: str = "") -> None:
        """*name*, where one is given, must be one of the tables of *section*."""
        if name and name not in (there := self.section(section)):
            guess = registry.nearest(name, there)
            cure = f'Did you mean "{guess}"?' if guess else f"Add [{section}.{name}]."
            self.wrong(path, f"there is no [{section}.{name}]. {cure}", source=source)

    def agent(self, path: str, agent: str, agents: Mapping[str, object], source: str = "") -> None:
        """*agent* must be one of *agents*."""
        if agent not in agents:
            guess = registry.nearest(agent, agents)
            cure = f'Did you mean "{guess}"?' if guess else f"Add [agents.{agent}]."
            self.wrong(path, f'there is no agent "{agent}". {cure}', source=source)

    def settings(
        self, path: str, models: tuple[type[Settings], ...], own: dict[str, Any], common: list[str], source: str = ""
    ) -> dict[type[Settings], Settings]:
        """*own* as the settings of each plug-in, which gets the keys it declares; a key that none declares is wrong."""
        declared = {model: {field.alias or name for name, field in model.model_fields.items()} for model in models}
        known = set().union(*declared.values())
        for key in own:
            if key not in known:
                self.wrong(f"{path}.{values.quoted(key)}", values.unknown(key, [*known, *common]), source=source)
        typed = {}
        for model, keys in declared.items():
            secrets = Secrets(self.folder, self.environ)
            table = secrets.filled(model, {key: value for key, value in own.items() if key in keys}, path)
            for where, message in secrets.problems:
                self.wrong(where, message, source=source)
            self.secrets |= secrets.known
            settings = self.checked(path, model, table, source=source, told={where for where, _ in secrets.problems})
            if settings is not None:
                typed[model] = settings
        return typed

    def handle(self, text: str) -> str:
        """An address of ours."""
        return values.handle(text, self.region)

    def extension(self, text: str) -> str:
        """`pbx/21`: the source that knows this phone, and the phone's name there."""
        source, slash, number = text.partition("/")
        if not slash or not number or source not in self.section("sources"):
            guess = registry.nearest(source, self.section("sources"))
            cure = f'Did you mean "{guess}/{number}"?' if guess and number else 'Write "SOURCE/NUMBER".'
            raise ValueError(f'"{text}" names no phone of a source. {cure}')
        return text

    def wrong(self, path: str, message: str, source: str = "") -> None:
        """Remember a problem."""
        self.problems.append(Problem(path, message, source))
