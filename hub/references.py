"""Secrets stay out of the config file: `env:NAME` and `file:PATH` stand where they belong, and are looked up here.

What counts as a secret is what a plug-in's Settings declares as `pydantic.SecretStr`, however deep.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, SecretBytes, SecretStr

# What manuals print where a secret belongs. Nobody who read ours may be left with one of these.
EXAMPLES = frozenset(
    (
        "changeme",
        "change-me",
        "change_me",
        "example",
        "insert-secret-here",
        "password",
        "secret",
        "token",
        "topsecret",
        "your-password",
        "your-secret",
        "your-token",
    )
)

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class ReferenceProblem(ValueError):
    """A secret cannot be had. The text says why and what to do, and never holds the secret."""


def resolve(text: str, folder: Path, environ: Mapping[str, str]) -> str:
    """The secret behind *text* (`env:NAME`, or `file:PATH` seen from *folder*). Raises `ReferenceProblem`."""
    scheme, _, place = text.partition(":")
    if scheme == "env":
        secret = _variable(place, environ)
    elif scheme == "file":
        secret = _file(folder / Path(place).expanduser(), place)
    else:
        raise ReferenceProblem(
            'a secret must not stand in this file. Write "env:NAME" for an environment variable, or "file:PATH".'
        )
    if secret.strip().lower() in EXAMPLES:
        raise ReferenceProblem(f"{text} holds an example from a manual, not a secret. Make one of your own.")
    return secret


def is_reference(text: str) -> bool:
    """Whether *text* names the place of a secret instead of being one."""
    return text.startswith(("env:", "file:"))


class Secrets:
    """Looks up the secrets of settings. *problems* are (path, message); *known* are the secrets that were found."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self._folder = folder
        self._environ = environ
        self.problems: list[tuple[str, str]] = []
        self.known: set[str] = set()

    def filled(self, model: type[BaseModel], table: Mapping[str, Any], path: str) -> dict[str, Any]:
        """*table* with the secrets that *model* declares in the place of their references; *path* is its TOML path."""
        fields = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
        return {
            key: self._value(fields[key], value, f"{path}.{key}") if key in fields else value
            for key, value in table.items()
        }

    def secret(self, text: str, path: str) -> str | None:
        """The secret behind *text*, None where it cannot be had (then it is among the problems)."""
        try:
            found = resolve(text, self._folder, self._environ)
        except ReferenceProblem as problem:
            self.problems.append((path, str(problem)))
            return None
        self.known.add(found)
        return found

    def _value(self, annotation: Any, value: Any, path: str) -> Any:
        kinds = alternatives(annotation)
        if isinstance(value, str):
            if not any(kind in (SecretStr, SecretBytes) for kind in kinds):
                return value
            found = self.secret(value, path)
            return SecretStr("") if found is None else found
        for kind in kinds:
            inner = get_args(kind)
            if isinstance(value, dict) and isinstance(kind, type) and issubclass(kind, BaseModel):
                value = self.filled(kind, value, path)
            elif isinstance(value, dict) and inner and issubclass(get_origin(kind), Mapping):
                value = {key: self._value(inner[1], item, f"{path}.{key}") for key, item in value.items()}
            elif isinstance(value, list) and inner and issubclass(get_origin(kind), Sequence | frozenset | set):
                value = [self._value(inner[0], item, f"{path}[{place}]") for place, item in enumerate(value)]
        return value


def alternatives(annotation: Any) -> tuple[Any, ...]:
    """The types a value may have, without `Annotated` and unions around them."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return alternatives(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return tuple(kind for part in get_args(annotation) for kind in alternatives(part))
    return (annotation,)


def _variable(name: str, environ: Mapping[str, str]) -> str:
    if not _VARIABLE.fullmatch(name):
        raise ReferenceProblem(f'"env:{name}" names no environment variable. Write "env:NAME".')
    if name not in environ:
        raise ReferenceProblem(f'environment variable {name} is not set. Set it, or use "file:PATH".')
    if not environ[name]:
        raise ReferenceProblem(f"environment variable {name} is empty. Put the secret into it.")
    return environ[name]


def _file(path: Path, written: str) -> str:
    if not written:
        raise ReferenceProblem('"file:" names no file. Write "file:PATH".')
    try:
        secret = path.read_text("utf-8")
    except FileNotFoundError:
        raise ReferenceProblem(f"there is no file {path}. Make it, or correct the path.") from None
    except UnicodeDecodeError:
        raise ReferenceProblem(f"{path} is not UTF-8 text. Put the secret into it as text.") from None
    except OSError as error:
        raise ReferenceProblem(f"{path} cannot be read: {error.strerror}. Let the hub's user read it.") from error
    secret = secret.removesuffix("\n").removesuffix("\r")
    if not secret:
        raise ReferenceProblem(f"{path} is empty. Put the secret into it.")
    return secret
