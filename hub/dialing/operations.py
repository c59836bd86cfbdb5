"""What `hub calls` asks the running hub for: place a call, show the lists, make one of a file."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from hub import audit
from hub.dialing import lists
from hub.dialing.calls import Refused, Wanted
from hub.dialing.lists import BadList, ListView
from hub.dialing.states import ListState
from hub.operation import Failure, Operation, Progress
from hub.privacy.visibility import HUB
from hub.registry import nearest
from hub.web.i18n import Reader
from hub.web.pages.dial_words import because, said

if TYPE_CHECKING:
    from hub.service import Service


async def dial_operation(service: Service, args: Mapping[str, Any], progress: Progress) -> dict[str, str]:
    """`calls.dial`: callee, agent, line, source, override → state, reason, phone, callee."""
    _known(service, args["agent"])
    speaks = Reader.at("en", service.config.timezone)
    wanted = Wanted(
        callee=args["callee"], line=args["line"], source=args["source"], override=args["override"]
    )  # fmt: skip
    try:
        view = await service.dialing.dial(HUB, args["agent"], wanted)
    except Refused as error:
        sentences = [said(speaks, each) for each in error.checked.refusals]
        if not error.checked.closed("a reason"):
            sentences.append("To call all the same, say why: --override REASON.")
        raise Failure(f"{args['callee']} is not called. {' '.join(sentences)}") from error
    return {
        "state": view.state,
        "reason": because(Reader.at("en", service.config.timezone), view.reason),
        "phone": view.phone,
        "callee": view.callee,
    }


async def lists_operation(service: Service, args: Mapping[str, Any], progress: Progress) -> list[dict[str, Any]]:
    """`calls.lists`: the lists and how far they are."""
    found = await service.store.read(lists.listed)
    return [
        {
            "id": str(each.id),
            "name": each.name,
            "agent": each.agent,
            "state": each.state,
            "done": each.done,
            "total": each.total,
            "counts": dict(each.counts),
        }
        for each in found
    ]


async def import_operation(service: Service, args: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """`calls.list-import`: name, csv, agent, line, source → total, refused (line, reason)."""
    _known(service, args["agent"])
    if args["source"] and args["source"] not in service.dialing.sources:
        raise Failure(f'There is no source "{args["source"]}" that can call.')
    try:
        entries, bad = lists.read_csv(args["csv"], service.dialing.handle)
    except BadList as error:
        raise Failure(str(error)) from error
    refused = [{"line": each.line, "reason": each.reason} for each in bad]
    if not entries:
        return {"total": 0, "refused": refused}
    now, list_id, entry = datetime.now(UTC), service.store.ids(), service.store.ids()
    made = ListView(
        id=list_id, name=args["name"], agent=args["agent"], state=ListState.PAUSED, line=args["line"],
        source=args["source"], attempts=3, retry_minutes=60, reason="", created_at=now, counts={},
    )  # fmt: skip

    def work(conn: Connection) -> None:
        lists.add(conn, made, entries, service.store.ids)
        audit.note(conn, entry, HUB, "dial-list.create", f"dial-list/{list_id}", now)

    await service.store.write(work)
    return {"id": str(list_id), "total": len(entries), "refused": refused}


def _known(service: Service, agent: str) -> None:
    agents = service.config.agents
    if agent not in agents:
        guess = nearest(agent, agents)
        raise Failure(f'There is no agent "{agent}".' + (f' Did you mean "{guess}"?' if guess else ""))


OPERATIONS: Mapping[str, Operation] = MappingProxyType(
    {
        "calls.dial": dial_operation,
        "calls.lists": lists_operation,
        "calls.list-import": import_operation,
    }
)
