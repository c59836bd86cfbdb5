"""What `hub calls simulate` asks the running hub for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from hub.operation import Failure, Operation, Progress
from hub.registry import nearest
from hub.routing.simulate import Trial, simulate
from hub.web.i18n import Reader, zone
from hub.web.pages import plan_words

if TYPE_CHECKING:
    from hub.service import Service


async def simulate_operation(service: Service, args: Mapping[str, Any], progress: Progress) -> list[dict[str, Any]]:
    """`calls.simulate`: plan, caller, line, at, presses, taken → for each step its time, what was passed, what is
    done and what the caller did."""
    plans, config = service.routing.plans, service.config
    if args["plan"] not in plans:
        guess = nearest(args["plan"], plans)
        cure = f'Did you mean "{guess}"?' if guess else f"There are: {', '.join(plans) or 'none'}."
        raise Failure(f'There is no plan "{args["plan"]}". {cure}')
    handles = {name: service.directory.handle(args[name]) if args[name] else "" for name in ("caller", "line")}
    for name, handle in handles.items():
        if handle is None:
            raise Failure(f"{args[name]} is no phone number.")
    trial = Trial(
        caller=handles["caller"] or "",
        line=handles["line"] or "",
        at=_moment(args["at"], config.timezone),
        presses=tuple(args["presses"]),
        taken=args["taken"],
    )
    speaks = Reader.at("en", config.timezone)
    return [
        {
            "at": each.at.astimezone(zone(config.timezone)).isoformat(timespec="seconds"),
            "passed": [f"{node}: {plan_words.reason(speaks, why, config.agents)}" for node, why in each.answer.why],
            "does": plan_words.does(speaks, each.answer.step),
            "heard": each.heard.value if each.heard else "",
            "digits": each.digits,
        }
        for each in await simulate(service.routing, plans[args["plan"]], trial)
    ]


def _moment(text: str, timezone: str) -> datetime:
    """The time that *text* names; without an offset it is the hub's own clock. Now where it is empty."""
    if not text:
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Failure(f'"{text}" is no time. Write it as 2026-12-24T10:00.') from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone(timezone))).astimezone(UTC)


OPERATIONS: Mapping[str, Operation] = MappingProxyType({"calls.simulate": simulate_operation})
