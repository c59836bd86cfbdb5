"""Answers a phone system that asks what to do with a call."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from sqlalchemy import Connection

from hub.ingest import Ingest
from hub.routing import known
from hub.routing.engine import Answer, advance, node_of
from hub.routing.known import Firm
from hub.routing.plan import Plan, QueueNode
from hub.store import Lane, Store
from hub.vocabulary import Asked, Call, CallState, Channel, Event, Participant, Role, Step


class Router:
    """Knows the *plans* by name, and which of them answers each source (*by_source*)."""

    def __init__(
        self, store: Store, ingest: Ingest, firm: Firm, plans: Mapping[str, Plan], by_source: Mapping[str, str]
    ) -> None:
        self._store = store
        self._ingest = ingest
        self._firm = firm
        self._by_source = by_source
        self.plans = plans

    async def answer(self, source: str, asked: Asked) -> Step | None:
        """What comes next, None where no plan answers the calls of *source*. Raises `Unavailable`."""
        plan = self.plans.get(self._by_source.get(source, ""))
        if plan is None:
            return None
        answer = await self._look(plan, source, asked, datetime.now(UTC))
        if answer.queue or asked.place:
            await self._stand(plan, source, asked, answer)
        return answer.step

    async def trial(self, plan: Plan, asked: Asked) -> Answer:
        """What the plan would say to that, for whoever simulates it. Nothing is written."""
        source = next((name for name, used in self._by_source.items() if used == plan.name), "")
        return await self._look(plan, source, asked, asked.at)

    async def _look(self, plan: Plan, source: str, asked: Asked, now: datetime) -> Answer:
        def work(conn: Connection) -> Answer:
            return advance(plan, asked, known.read(conn, self._firm, plan, source, asked, now))

        return await self._store.read(work)

    async def _stand(self, plan: Plan, source: str, asked: Asked, answer: Answer) -> None:
        """Write down who waits where, and tell the screens of who has just begun to."""
        before = plan.nodes.get(node_of(asked.place))
        if not answer.queue and not isinstance(before, QueueNode):
            return
        now = datetime.now(UTC)

        def work(conn: Connection) -> bool:
            if not answer.queue:
                known.leave(conn, asked.key, now)
                return False
            return known.enqueue(conn, asked.key, plan.name, answer.queue, asked.caller, answer.since, now)

        if await self._store.write(work, Lane.CALLS):
            await self._ingest.record(source, [_queued(plan, asked, answer)])


def _queued(plan: Plan, asked: Asked, answer: Answer) -> Event:
    """The caller has begun to wait. A queue of a team has the team's id, by which screens know whose it is."""
    facts = Call(
        participants=(Participant(asked.caller, Role.CALLER),),
        line=asked.line or None,
        state=CallState.QUEUED,
        queue=answer.queue,
    )
    return Event(
        key=asked.key,
        id=f"queued:{plan.name}:{answer.queue}:{answer.since}",
        channel=Channel.VOICE,
        at=asked.at,
        facts=facts,
    )
