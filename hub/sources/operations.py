"""What commands ask about sources (`hub.control`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hub.sources.states import listed

if TYPE_CHECKING:
    from hub.operation import Progress
    from hub.service import Service


async def list_operation(service: Service, args: Mapping[str, Any], progress: Progress) -> list[dict[str, Any]]:
    """`sources`: {} → what the store knows of every source."""
    return await service.store.read(listed)
