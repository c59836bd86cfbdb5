"""From where a call stands in its plan to what is done next: pure, so that any hub can answer any question.

Where it stands travels in `Step.place`: a node, and behind a colon what that node has to remember. That is the tries of
a menu, whom a ring has asked already, or since when somebody waits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from hub.hours import Hours
from hub.routing.plan import (
    End,
    Menu,
    Node,
    Open,
    People,
    Plan,
    QueueNode,
    RingNode,
    Route,
    Rule,
    Say,
    Strategy,
    Target,
    Voicemail,
    When,
)
from hub.vocabulary import Asked, HangUp, Heard, Listen, Prompt, Ring, Step, TakeMessage, Wait

WAIT_SECONDS = 8
"""How long a waiting caller hears music before it is looked again who is free."""

_MOST_HOPS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """An agent now: the *phones* that this source can ring, whether she is *free* for the next call, and whether she is
    *out* (then her *stand_in*, an agent who is there, takes her place; "" nobody). *load* counts her calls of the last
    day."""

    id: str
    phones: tuple[str, ...] = ()
    free: bool = True
    out: bool = False
    stand_in: str = ""
    skills: frozenset[str] = frozenset()
    load: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known when a call asks: of the caller, of the agents, and of who waits.

    *contact* is her id, None where it is not sure who she is; *owner* the agent whose customer she is. *ahead* are the
    moments (seconds since 1970) since when others wait, by queue. *recording*: the line's policy lets calls be
    recorded, once the *announcement* was said.
    """

    at: datetime
    contact: int | None = None
    owner: str = ""
    vip: bool = False
    open_case: bool = False
    blocked: bool = False
    languages: tuple[str, ...] = ()
    people: Mapping[str, Person] = field(default_factory=dict)
    teams: Mapping[str, Sequence[str]] = field(default_factory=dict)
    hours: Mapping[str, Hours] = field(default_factory=dict)
    ahead: Mapping[str, Sequence[int]] = field(default_factory=dict)
    recording: bool = False
    announcement: tuple[Prompt, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """The *step*, in which *queue* the caller waits now ("" in none) and *since* when (seconds since 1970), and why:
    (node, reason) for each node that was passed, reasons as message ids with facts."""

    step: Step
    queue: str = ""
    since: int = 0
    why: tuple[tuple[str, str], ...] = ()


def advance(plan: Plan, asked: Asked, known: Known) -> Answer:
    """What comes next for a call that stands at ``asked.place``."""
    return _Walk(plan, asked, known).answer()


class _Walk:
    """One answer: from node to node, until something takes time."""

    def __init__(self, plan: Plan, asked: Asked, known: Known) -> None:
        self._plan = plan
        self._asked = asked
        self._known = known
        self._prompts: list[Prompt] = []
        self._why: list[tuple[str, str]] = []

    def answer(self) -> Answer:
        if self._known.blocked:
            return self._end("", "blocked", HangUp(busy=True))
        name, memory = self._here()
        fresh = self._asked.heard is Heard.BEGAN or not self._asked.place
        for _ in range(_MOST_HOPS):
            node = self._plan.nodes.get(name)
            if node is None:  # the plan was changed while the call was in it
                return self._end(name, "gone", HangUp())
            found = self._enter(name, node) if fresh else self._resume(name, node, memory)
            if isinstance(found, Answer):
                return found
            name, fresh = found, True
        return self._end(name, "too-far", HangUp())

    def _here(self) -> tuple[str, str]:
        node, _, memory = self._asked.place.partition(":")
        return (node, memory) if node else (self._plan.start, "")

    # --- a node that is new to the call ---

    def _enter(self, name: str, node: Node) -> Answer | str:
        match node:
            case Open():
                hours = self._known.hours.get(node.hours)
                is_open = hours is None or hours.open_at(self._known.at)
                self._note(name, f"open:{node.hours}" if is_open else f"closed:{node.hours}")
                return node.open if is_open else node.closed
            case Say():
                self._say(node.say)
                self._note(name, "said")
                return node.then
            case Route():
                rule = next((rule for rule in node.rules if self._holds(rule)), None)
                self._note(name, f"rule:{rule.when}{':' if rule.what else ''}{rule.what}" if rule else "otherwise")
                return rule.then if rule else node.otherwise
            case Menu():
                self._note(name, "asked")
                return self._listen(name, node, 1)
            case RingNode():
                self._say(node.say)
                return self._ring(name, node, ())
            case QueueNode():
                self._say(node.say)
                return self._queue(name, node, int(self._known.at.timestamp()), ())
            case Voicemail():
                self._say(node.say)
                self._note(name, "takes-message")
                return self._step(f"{name}:", TakeMessage(seconds=node.seconds))
            case End():
                self._say(node.say)
                return self._end(name, "ends", HangUp(busy=node.busy and not self._prompts))

    # --- a node that the call comes back from ---

    def _resume(self, name: str, node: Node, memory: str) -> Answer | str:
        heard = self._asked.heard
        match node:
            case Menu():
                then = node.choices.get(self._asked.digits[:1]) if heard is Heard.DIGITS else None
                tries = int(memory) if memory.isdigit() else 1
                if then is not None:
                    self._note(name, f"pressed:{self._asked.digits[:1]}")
                    return then
                if tries < node.tries:
                    self._note(name, "asked-again")
                    return self._listen(name, node, tries + 1)
                self._note(name, "otherwise")
                return node.otherwise
            case RingNode():
                if heard is Heard.ANSWERED:
                    return self._end(name, "talked", HangUp())
                return self._ring(name, node, tuple(filter(None, memory.split(","))))
            case QueueNode():
                if heard is Heard.ANSWERED:
                    return self._end(name, "talked", HangUp())
                since, _, rung = memory.partition(",")
                began = int(since) if since.isdigit() else int(self._known.at.timestamp())
                return self._queue(name, node, began, tuple(filter(None, rung.split(","))))
            case Voicemail():
                return self._end(name, "left-message", HangUp())
            case End():
                return self._end(name, "ends", HangUp())
            case _:
                return self._enter(name, node)

    def _listen(self, name: str, node: Menu, tries: int) -> Answer:
        self._say(node.say)
        return self._step(f"{name}:{tries}", Listen(most=1, seconds=node.seconds))

    def _ring(self, name: str, node: RingNode, rung: tuple[str, ...]) -> Answer | str:
        free = [each for each in self._chosen(node.people) if each.free and each.id not in rung]
        if not free or (rung and node.strategy is Strategy.ALL):
            self._note(name, "nobody-answered" if rung else "nobody-free")
            return node.then
        return self._rings(f"{name}:", rung, free, node)

    def _queue(self, name: str, node: QueueNode, since: int, rung: tuple[str, ...]) -> Answer | str:
        now = int(self._known.at.timestamp())
        if now - since >= node.most_seconds:
            self._note(name, "waited-long-enough")
            return node.then
        people = self._chosen(node.people)
        free = [each for each in people if each.free]
        # Who has waited longer is served first: as many as wait ahead take that many of the free agents.
        ahead = sum(other < since for other in self._known.ahead.get(name, ()))
        turn = len(free) > ahead
        # Whoever did not pick up just now is asked again only after all others were.
        fresh = [each for each in free if each.id not in rung] or free
        if turn and fresh:
            return self._rings(f"{name}:{since},", () if len(fresh) == len(free) else rung, fresh, node)
        self._note(name, f"waits:{ahead}")
        place = f"{name}:{since},{','.join(rung)}"
        seconds = max(1, min(WAIT_SECONDS, node.most_seconds - (now - since)))
        return self._step(place, Wait(queue=name, seconds=seconds, music=node.music), name, since)

    def _rings(self, place: str, rung: tuple[str, ...], free: Sequence[Person], node: RingNode | QueueNode) -> Answer:
        chosen = free if node.strategy is Strategy.ALL else [_next(free, node.strategy)]
        name = place.partition(":")[0]
        self._note(name, f"rings:{','.join(each.id for each in chosen)}")
        record = node.record and self._known.recording
        if record:
            self._say(self._known.announcement)
        phones = tuple(phone for each in chosen for phone in each.phones)
        asked = ",".join((*rung, *(each.id for each in chosen)))
        return self._step(place + asked, Ring(phones=phones, seconds=node.seconds, record=record))

    # --- who ---

    def _chosen(self, people: People) -> list[Person]:
        """Those who are meant and have a phone, in the order of the config; stand-ins for those who are out."""
        names: Iterable[str] = people.names
        if people.target is Target.OWNER:
            names = (self._known.owner,)
        elif people.target is Target.TEAM:
            names = self._known.teams.get(people.names[0], ())
        elif people.target is Target.SKILL:
            names = [each.id for each in self._known.people.values() if people.names[0] in each.skills]
        found: dict[str, Person] = {}
        for name in names:
            person = self._known.people.get(name)
            if person is not None and person.out:
                person = self._known.people.get(person.stand_in)
            if person is not None and person.phones and not person.out:
                found[person.id] = person
        return list(found.values())

    def _holds(self, rule: Rule) -> bool:
        known = self._known
        match rule.when:
            case When.KNOWN:
                return known.contact is not None
            case When.OWNER:
                return bool(self._chosen(People(Target.OWNER)))
            case When.VIP:
                return known.vip
            case When.OPEN_CASE:
                return known.open_case
            case When.LANGUAGE:
                return any(_same_language(each, rule.what) for each in known.languages)
            case When.NUMBER:
                return self._asked.caller.removeprefix("tel:").startswith(rule.what)

    # --- what is said and done ---

    def _say(self, said: Iterable[Prompt]) -> None:
        prompts = list(said)
        for language in self._known.languages:
            match = next((each for each in prompts if _same_language(each.language, language)), None)
            if match is not None:
                self._prompts.append(match)
                return
        self._prompts.extend(prompts[:1])

    def _note(self, name: str, why: str) -> None:
        self._why.append((name, why))

    def _step(
        self, place: str, action: Listen | Ring | Wait | TakeMessage | HangUp, queue: str = "", since: int = 0
    ) -> Answer:
        return Answer(Step(place=place, prompts=tuple(self._prompts), action=action), queue, since, tuple(self._why))

    def _end(self, name: str, why: str, action: HangUp) -> Answer:
        self._note(name, why)
        return self._step(f"{name or self._plan.start}:end", action)


def _next(free: Sequence[Person], strategy: Strategy) -> Person:
    """The agent whose turn it is: in the order of the config, or who has had the fewest calls."""
    return free[0] if strategy is Strategy.IN_TURN else min(free, key=lambda each: each.load)


def _same_language(one: str, other: str) -> bool:
    """Whether two tags name the same language, where one may say more than the other (`zh` and `zh-Hant`)."""
    shorter, longer = sorted((one.casefold().split("-"), other.casefold().split("-")), key=len)
    return bool(shorter[0]) and longer[: len(shorter)] == shorter
