"""What happens to a conversation's state when something of it is recorded.

Somebody outside writes, or calls and nobody takes it: it is open, and waits since then. We answer: it waits for them.
A call is over: it is closed, and so are the missed ones of the same number. What a machine sent changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from hub.availability import Standing, State, now_read, stands_in
from hub.fold import is_taken_back
from hub.inbox.teams import Assign, Assignment, Team
from hub.store.schema import conversations, interactions, moment, team_turns
from hub.store.sets import Run, SetRead, among
from hub.vocabulary import Call, CallState, Direction, Kind, Meeting, Message, Outcome, Role

if TYPE_CHECKING:
    from hub.batch import Subject

RECENT_DAYS = 14
"""What was written before the hub was connected waits for an answer only where it is younger than this."""

_RECENT = RECENT_DAYS * 86_400 * 1_000_000
_MISSED = (Outcome.MISSED, Outcome.VOICEMAIL)
_NOBODY = Assignment()
_BUSY = 2_000
"""An agent's open conversations are counted no further, to find the least busy one."""


class Word(IntEnum):
    """What an interaction means for its conversation."""

    NOTHING = 0
    WROTE = 1
    MISSED = 2
    ANSWERED = 3
    OVER = 4

    @property
    def waits(self) -> bool:
        """Whether somebody outside waits for an answer from then on."""
        return self in (Word.WROTE, Word.MISSED)


class _Standing(NamedTuple):
    """A conversation as it stands; *size* counts its interactions, up to a few more than a batch has."""

    id: int
    state: str
    owner: str
    team: str
    snoozed_until: int | None
    waiting_since: int | None
    last_at: int
    size: int


@dataclass(frozen=True, slots=True)
class _Heard:
    """Something new of a conversation."""

    at: int
    word: Word
    subject: Subject


_inside = interactions.alias("inside")
_SIZE = 512
_STANDING = SetRead(
    sa.select(
        *(conversations.c[name] for name in _Standing._fields[:-1]),
        sa.select(sa.func.count())
        .select_from(
            sa.select(_inside.c.id)
            .where(_inside.c.conversation_id == conversations.c.id)
            .limit(sa.literal_column(str(_SIZE)))
            .offset(sa.literal_column("0"))
            .correlate(conversations)
            .subquery()
        )
        .scalar_subquery(),
    ).where(among(conversations.c.id))
)
_HISTORY = SetRead(
    sa.select(
        *(interactions.c[name] for name in ("conversation_id", "occurred_at", "id", "direction", "kind", "outcome")),
        sa.literal_column("""facts LIKE '%"automatic":"%'""").label("automatic"),
    )
    .where(among(interactions.c.conversation_id))
    .order_by(interactions.c.occurred_at, interactions.c.id)
)
_CHANGE = "UPDATE conversations SET state = {0}, owner = {1}, team = {2}, snoozed_until = {3}, waiting_since = {4}"
_WRITE = Run(
    _CHANGE.format(*"?????") + " WHERE id = ?",
    _CHANGE.format("v.state", "v.owner", "v.team", "v.snoozed_until", "v.waiting_since")
    + " FROM unnest(%s::text[], %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[])"
    " AS v(state, owner, team, snoozed_until, waiting_since, id) WHERE conversations.id = v.id",
)


def recorded(conn: sa.Connection, subjects: Sequence[Subject], now: int, assignment: Assignment = _NOBODY) -> None:
    """Bring the conversations of *subjects*, which were just written, to the state they mean. *now* is microseconds
    since 1970, UTC. Missed calls that are returned by them are the ledger's (`hub.calls.missed`)."""
    heard: defaultdict[int, list[_Heard]] = defaultdict(list)
    for subject in subjects:
        word = _word(subject)
        if word is not None:
            heard[subject.conversation].append(_Heard(subject.at, word, subject))
    if not heard:
        return
    standing = [_Standing._make(row) for row in _STANDING(conn, sorted(heard))]
    fresh = {row.id for row in standing if row.size <= sum(not each.subject.row for each in heard[row.id])}
    late = {row.id for row in standing if row.id not in fresh and _late(heard[row.id], row.last_at)}
    history = _history(conn, late)
    changed = []
    owners = _Owners(conn, assignment, now)
    for row in standing:
        told = sorted(heard[row.id], key=lambda each: each.at)
        after = _moved(conn, row, told, history.get(row.id), now, fresh=row.id in fresh)
        after = owners.given(after, told, fresh=row.id in fresh)
        if after != row:
            changed.append((after.state, after.owner, after.team, after.snoozed_until, after.waiting_since, row.id))
    owners.settle()
    _write(conn, changed)


def _word(subject: Subject) -> Word | None:
    """What *subject* says that was not known before, None where that is nothing: a second copy of a mail, say."""
    facts = subject.facts
    if isinstance(facts, Call):
        outcome = facts.outcome or ""
        if subject.row and (f'"outcome":"{outcome}"' in subject.row.facts if outcome else not _ended(facts)):
            return None
        if outcome in _MISSED and subject.direction is Direction.INBOUND:
            return Word.MISSED
        return Word.OVER if outcome or _ended(facts) else Word.NOTHING
    if subject.row:
        return None
    if is_taken_back(facts):
        return Word.NOTHING
    if isinstance(facts, Message) and not facts.automatic:
        if subject.direction is Direction.INBOUND:
            return Word.WROTE
        if subject.direction is Direction.OUTBOUND:
            return Word.ANSWERED
    if isinstance(facts, Meeting) and subject.direction is not Direction.INBOUND:
        return Word.OVER
    return Word.NOTHING


def _ended(call: Call) -> bool:
    return call.state is CallState.ENDED


def _late(heard: Iterable[_Heard], last_at: int) -> bool:
    """Whether something of this was said before what was known already, or several things at once: then the whole
    conversation has to be looked at."""
    said = [each.at for each in heard if each.word]
    return bool(said) and (len(said) > 1 or said[0] < last_at)


def _history(conn: sa.Connection, ids: set[int]) -> dict[int, list[tuple[int, Word, int]]]:
    """(at, word, interaction) of everything in the conversations *ids*, oldest first."""
    found: dict[int, list[tuple[int, Word, int]]] = {id: [] for id in ids}
    for id, at, interaction, direction, kind, outcome, automatic in _HISTORY(conn, sorted(ids)):
        word = Word.NOTHING
        if kind == Kind.MESSAGE and not automatic:
            word = {"inbound": Word.WROTE, "outbound": Word.ANSWERED}.get(direction, Word.NOTHING)
        elif kind == Kind.CALL and outcome:
            word = Word.MISSED if outcome in _MISSED and direction == Direction.INBOUND else Word.OVER
        found[id].append((at, word, interaction))
    return found


def _moved(
    conn: sa.Connection,
    row: _Standing,
    told: Sequence[_Heard],
    history: Sequence[tuple[int, Word, int]] | None,
    now: int,
    *,
    fresh: bool,
) -> _Standing:
    """*row* after what was *told*, oldest first."""
    live = any(each.subject.live for each in told)
    whole = history if history is not None else [(each.at, each.word, each.subject.id) for each in told]
    since = row.waiting_since if history is None and not fresh else None
    last, by = Word.NOTHING, 0
    for at, word, interaction in whole:
        if word.waits:
            since = at if since is None else since
        elif word:
            since = None
        if word:
            last, by = word, interaction
    if fresh and not last:
        return row if live else row._replace(state="closed")
    if last and not any(by == each.subject.id for each in told):  # something later was known: it has decided
        return row._replace(waiting_since=since) if row.waiting_since is not None and since is not None else row
    said = next((each for each in told if each.subject.id == by), None)
    if said is None:
        return row
    if last.waits:
        old = not said.subject.live and now - said.at > _RECENT
        if old or (last is Word.MISSED and not said.subject.live and _was_returned(conn, said)):
            return row._replace(state="closed" if fresh else row.state, waiting_since=None)
        return row._replace(state="open", snoozed_until=None, waiting_since=since)
    if row.state == "open":
        done = last is Word.OVER or not said.subject.live
        return row._replace(state="closed" if done else "waiting", waiting_since=None)
    return row._replace(waiting_since=None)


class _Owners:
    """Gives new conversations to a team and an owner, within one batch."""

    def __init__(self, conn: sa.Connection, assignment: Assignment, now: int) -> None:
        self._conn = conn
        self._assignment = assignment
        self._now = now
        self._standings: dict[str, Standing] | None = None
        self._turns: dict[str, str] = {}
        self._busy: dict[str, int] = {}

    def given(self, row: _Standing, told: Sequence[_Heard], *, fresh: bool) -> _Standing:
        """*row* with its team and its owner, where it has none yet."""
        if not fresh and (row.owner or not any(each.word is Word.MISSED for each in told)):
            return row
        first = told[0].subject
        team = self._assignment.teams.get(first.entries[0][0])
        if fresh and not row.owner:
            row = row._replace(owner=self._personal(first, alone=team is not None))
        if team is None:
            return row
        outside = any(each.subject.direction is Direction.INBOUND for each in told)
        if not outside or not any(each.subject.live for each in told):
            return row
        if fresh and not row.team:
            row = row._replace(team=team.id)
        if row.owner or row.state != "open" or not any(each.word.waits for each in told):
            return row
        return row._replace(owner=self._next(team))

    def settle(self) -> None:
        """Remember whose turn it was."""
        for team, agent in self._turns.items():
            _TURN(self._conn, team, agent)

    def _personal(self, subject: Subject, *, alone: bool) -> str:
        """The agent who wrote it, or the only one of us to whom it was written; *alone*: and to nobody else."""
        known = self._assignment.agents
        direct = sum(not each.role.begins and each.role is not Role.COPIED for each in subject.participants)
        if alone and subject.direction is Direction.INBOUND and direct != 1:
            return ""
        people = [(each, known[each.handle]) for each in subject.participants if each.handle in known]
        began = [agent for each, agent in people if each.role.begins]
        agents = set(began or (agent for _, agent in people))
        return agents.pop() if len(agents) == 1 else ""

    def _next(self, team: Team) -> str:
        if team.assign is Assign.BY_HAND or not team.agents:
            return ""
        if team.id not in self._turns:
            turn = sa.select(team_turns.c.agent).where(team_turns.c.team == team.id).with_for_update()
            self._turns[team.id] = self._conn.execute(turn).scalar() or ""
        before = self._turns[team.id]
        place = team.agents.index(before) + 1 if before in team.agents else 0
        line = self._there(team.agents[place:] + team.agents[:place])
        if team.assign is Assign.LEAST_BUSY:
            for agent in line:
                if agent not in self._busy:
                    self._busy[agent] = _open_of(self._conn, agent)
            chosen = min(line, key=lambda agent: self._busy[agent])
            self._busy[chosen] += 1
        else:
            chosen = line[0]
        self._turns[team.id] = chosen
        return chosen

    def _there(self, line: tuple[str, ...]) -> tuple[str, ...]:
        """Those of *line* who are there to do it, in its order; whoever is absent or off gives her turn to her stand-in
        in the team. Where nobody is there, it is as if all were who will be there again."""
        if self._standings is None:
            self._standings = now_read(self._conn, self._assignment.rota, moment(self._now))
        known = self._standings
        turns = (stands_in(agent, known) if agent in known else agent for agent in line)
        there = [agent for agent in turns if agent in line and (agent not in known or known[agent].present)]
        later = [agent for agent in line if agent in known and State.ABSENT not in known[agent].holds]
        return tuple(dict.fromkeys(there or later)) or line


_TURN = Run(
    "INSERT INTO team_turns (team, agent) VALUES (?, ?) ON CONFLICT (team) DO UPDATE SET agent = excluded.agent"
)


def _open_of(conn: sa.Connection, agent: str) -> int:
    mine = sa.select(conversations.c.id).where(conversations.c.owner == agent, conversations.c.state == "open")
    return conn.execute(sa.select(sa.func.count()).select_from(mine.limit(_BUSY).subquery())).scalar_one()


def _write(conn: sa.Connection, rows: list[tuple[Any, ...]]) -> None:
    if not rows:
        return
    if conn.dialect.name == "sqlite":
        _WRITE.many(conn, rows)
    else:
        _WRITE(conn, *(list(column) for column in zip(*rows, strict=True)))


# --- calls that were missed, and returned ---------------------------------------------------------------------------

_LATEST = (
    "SELECT i.occurred_at, i.direction, i.kind, i.outcome FROM"
    " (SELECT interaction_id FROM participants WHERE handle = :handle ORDER BY interaction_id DESC LIMIT 50) p"
    " JOIN interactions i ON i.id = p.interaction_id"
)
"""A number's latest interactions: so many are looked at for one that returned a missed call."""


def _callers(subject: Subject) -> list[str]:
    """The addresses of the other side: of who called us, or whom we called."""
    inbound = subject.direction is Direction.INBOUND
    return [p.handle for p in subject.participants if p.handle and p.role.begins is inbound]


def _was_returned(conn: sa.Connection, missed: _Heard) -> bool:
    """Whether somebody has reached the caller since."""
    return any(
        at > missed.at and (outcome == Outcome.COMPLETED or (kind == Kind.MESSAGE and direction == Direction.OUTBOUND))
        for handle in _callers(missed.subject)
        for at, direction, kind, outcome in conn.execute(sa.text(_LATEST), {"handle": handle})
    )


def waiting_since(conn: sa.Connection, conversation_id: int) -> int | None:
    """Since when somebody outside waits for an answer in the conversation, by what is in it (microseconds)."""
    since = None
    for at, word, _ in _history(conn, {conversation_id})[conversation_id]:
        if word.waits:
            since = at if since is None else since
        elif word:
            since = None
    return since


# --- what letters and people set -------------------------------------------------------------------------------------


def settle(conn: sa.Connection, conversation_id: int, state: str, until: datetime | None = None) -> None:
    """Put a conversation into *state* in the caller's transaction: what becomes of it with our answer. *until* is when
    a snoozed one comes back. Nobody waits for us any more, unless it is open."""
    values: dict[str, Any] = {"state": state, "snoozed_until": until if state == "snoozed" else None}
    if state != "open":
        values["waiting_since"] = None
    conn.execute(conversations.update().where(conversations.c.id == conversation_id).values(values))
