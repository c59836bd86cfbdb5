"""What commands ask the running hub for: the shape of an operation. `hub.operations` lists them all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hub.service import Service

Progress = Callable[[Mapping[str, Any]], Awaitable[None]]
"""Takes word of how far an operation is; what the word holds is between the operation and its command."""

Operation = Callable[["Service", Mapping[str, Any], Progress], Awaitable[Any]]
"""Arguments, progress and result are what JSON can say."""


class Failure(Exception):
    """It did not work. The text is for people: one line, what is wrong and what to do."""
