"""The doctor's word on every permission, for the command line."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from hub.contracts import Unavailable
from hub.grants import rows, server
from hub.grants.apps import App
from hub.grants.doctor import Finding, examine, skewed
from hub.grants.keeper import connectable

if TYPE_CHECKING:
    from hub.operation import Progress
    from hub.service import Service


async def examine_operation(service: Service, args: Mapping[str, Any], progress: Progress) -> list[dict[str, str]]:
    """`grants.examine`: {} → a `grade`, a `what` and a `text` for each finding (`hub.control`). The providers are asked
    for the time."""
    # Not above: pages import permissions.
    from hub.web.i18n import Reader
    from hub.web.pages.connect_words import said

    config, now = service.config, datetime.now(UTC)
    speaks = Reader.at("en", config.timezone)
    known = await service.store.read(rows.every)
    found: list[tuple[str, Finding]] = []
    for name in config.sources:
        wanted = connectable(config, name)
        if wanted is not None:
            grant = known.get(name)
            unreadable = service.grants.readable(grant) if grant else ""
            found += [(name, finding) for finding in examine(wanted, grant, unreadable, now)]
    lines = [{"grade": finding.grade, "what": name, "text": said(speaks, finding)} for name, finding in found]
    used = [app for name, app in config.oauth.items() if any(s.oauth == name for s in config.sources.values())]
    for app, told in zip(used, await asyncio.gather(*(_clock(app) for app in used)), strict=True):
        if isinstance(told, Finding):
            lines.append({"grade": told.grade, "what": app.name, "text": said(speaks, told)})
        elif told:
            lines.append({"grade": "note", "what": app.name, "text": f"{told}."})
    return lines


async def _clock(app: App) -> Finding | str | None:
    """What to say of our clock beside that of *app*'s provider, or why that is not known."""
    try:
        return skewed(app.provider, await server.skew(app))
    except Unavailable as verdict:
        return str(verdict)
