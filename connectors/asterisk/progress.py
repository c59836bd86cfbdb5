"""The cursor of an Asterisk: how far the call detail records are read, and which calls were alive then."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError


class _Cursor(BaseModel):
    model_config = ConfigDict(extra="ignore")

    file: str = ""
    offset: int = 0
    alive: dict[str, str] = {}
    heard: dict[str, float] = {}


@dataclass(slots=True)
class Progress:
    """*file* and *offset* are the place in the call detail records up to which they are read: the file's identity, and
    bytes. *alive* are linkedids of living calls, each with the id of its interaction; *heard* those of calls of whose
    end live events told and whose records may lie beyond *offset*, with the time of that, in seconds since 1970."""

    file: str = ""
    offset: int = 0
    alive: dict[str, str] = field(default_factory=dict)
    heard: dict[str, float] = field(default_factory=dict)

    @classmethod
    def read(cls, cursor: str | None) -> Self:
        """The progress that *cursor* stands for; from the beginning where it is none of ours."""
        try:
            found = _Cursor.model_validate_json(cursor or "{}")
        except ValidationError:
            found = _Cursor()
        return cls(found.file, found.offset, found.alive, found.heard)

    def cursor(self) -> str:
        """As text."""
        said = _Cursor(file=self.file, offset=self.offset, alive=self.alive, heard=self.heard)
        return said.model_dump_json(exclude_defaults=True)
