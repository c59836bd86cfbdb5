"""From where a call stands in its plan to what is done next: pure, so that any hub can answer any question.

Where it stands travels in `Step.place`, such as `service.2:1795387000,1,ada`: the node, how many menus the call has
heard, and what the node has to remember. That is the tries of a menu, whom a ring has asked already, or of a queue
since when somebody waits, what place in it she was told, and who did not pick up.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
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

MOST_MENUS = 30
"""Menus that a call may hear. After these a key decides nothing any more, and the way out is taken."""

_PLACE = re.compile(r"(?P<node>[A-Za-z0-9_-]+)(?:\.(?P<menus>[0-9]{1,3}))?(?::(?P<memory>[A-Za-z0-9,_-]*))?")


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
    """The *step*, in which *queue* the caller waits now ("" in none), *since* when (seconds since 1970) and whether she
    has just *entered* it, and why: (node, reason) for each node that was passed. Reasons are message ids with facts
    (`hub.routing.words` has them)."""

    step: Step
    queue: str = ""
    since: int = 0
    entered: bool = False
    why: tuple[tuple[str, str], ...] = ()


def advance(plan: Plan, asked: Asked, known: Known) -> Answer:
    """What comes next for a call that stands at ``asked.place``."""
    return _Walk(plan, asked, known).answer()


def node_of(place: str) -> str:
    """The node at which a call stands that has *place*; "" at the beginning."""
    found = _PLACE.fullmatch(place)
    return found["node"] if found else ""


class _Walk:
    """One answer: from node to node, until something takes time."""

    def __init__(self, plan: Plan, asked: Asked, known: Known) -> None:
        self._plan = plan
        self._asked = asked
        self._known = known
        self._prompts: list[Prompt] = []
        self._why: list[tuple[str, str]] = []
        self._menus = 0
        self._waits: tuple[str, int, bool] = ("", 0, False)

    def answer(self) -> Answer:
        if self._known.blocked:
            return self._end("", "blocked", HangUp(busy=True))
        stands = None if self._asked.heard is Heard.BEGAN else _PLACE.fullmatch(self._asked.place)
        if stands is not None and stands["node"] in self._plan.nodes:
            self._menus = int(stands["menus"] or 0)
            name = stands["node"]
            found = self._resume(name, self._plan.nodes[name], stands["memory"] or "")
        else:  # it begins, or the plan was changed while the call was in it
            found = self._plan.start
        while isinstance(found, str):  # a checked plan has no circle of nodes that take no time
            found = self._enter(found, self._plan.nodes[found])
        return found

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
                if node.record and self._known.recording:
                    self._say(self._known.announcement)
                return self._queue(name, node, int(self._known.at.timestamp()), 0, ())
            case Voicemail():
                self._say(node.say)
                self._note(name, "takes-message")
                return self._step(name, "", TakeMessage(seconds=node.seconds))
            case End():
                self._say(node.say)
                return self._end(name, "ends", HangUp(busy=node.busy and not self._prompts))

    # --- a node that the call comes back from ---

    def _resume(self, name: str, node: Node, memory: str) -> Answer | str:
        heard = self._asked.heard
        match node:
            case Menu():
                pressed = heard is Heard.DIGITS and self._menus <= MOST_MENUS
                then = node.choices.get(self._asked.digits[:1]) if pressed else None
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
                since, told, *rung = [*memory.split(","), "", ""]
                began = int(since) if since.isdigit() else int(self._known.at.timestamp())
                return self._queue(name, node, began, int(told) if told.isdigit() else 0, tuple(filter(None, rung)))
            case Voicemail():
                return self._end(name, "left-message", HangUp())
            case End():
                return self._end(name, "ends", HangUp())
            case _:  # it took no time when the call was there, and does now that the plan was changed
                return name

    def _listen(self, name: str, node: Menu, tries: int) -> Answer:
        self._say(node.say)
        self._menus += 1
        return self._step(name, str(tries), Listen(most=1, seconds=node.seconds))

    def _ring(self, name: str, node: RingNode, rung: tuple[str, ...]) -> Answer | str:
        free = [each for each in self._chosen(node.people) if each.free and each.id not in rung]
        if not free or (rung and node.strategy is Strategy.ALL):
            self._note(name, "nobody-answered" if rung else "nobody-free")
            return node.then
        if node.record and self._known.recording and not rung:
            self._say(self._known.announcement)
        chosen = free if node.strategy is Strategy.ALL else _ordered(free, node.strategy)[:1]
        return self._rings(name, ",".join((*rung, *(each.id for each in chosen))), chosen, node)

    def _queue(self, name: str, node: QueueNode, since: int, told: int, rung: tuple[str, ...]) -> Answer | str:
        now = int(self._known.at.timestamp())
        left = node.most_seconds - (now - since)
        if left <= 0:
            self._note(name, "waited-long-enough")
            self._waits = ("", 0, False)
            return node.then
        label = node.label(name)
        self._waits = (label, since, node_of(self._asked.place) != name)
        # Who has waited longer is served first: the first of the free agents are for those who wait ahead.
        ahead = sum(other < since for other in self._known.ahead.get(label, ()))
        free = _ordered([each for each in self._chosen(node.people) if each.free], node.strategy)
        # Whoever did not pick up is asked again only after all others were, and the caller had some music.
        fresh = [each for each in free if each.id not in rung]
        if len(fresh) > ahead:
            chosen = fresh if node.strategy is Strategy.ALL else fresh[ahead : ahead + 1]
            memory = ",".join((str(since), str(told), *rung, *(each.id for each in chosen)))
            return self._rings(name, memory, chosen, node)
        position = ahead + 1
        if node.position and told != position:
            self._say([replace(each, text=each.text.replace("{position}", str(position))) for each in node.position])
            told = position
        self._note(name, f"waits:{ahead}")
        memory = f"{since},{told}" if len(fresh) < len(free) or not free else ",".join((str(since), str(told), *rung))
        return self._step(name, memory, Wait(queue=label, seconds=max(1, min(WAIT_SECONDS, left)), music=node.music))

    def _rings(self, name: str, memory: str, chosen: Sequence[Person], node: RingNode | QueueNode) -> Answer:
        self._note(name, f"rings:{','.join(each.id for each in chosen)}")
        phones = tuple(dict.fromkeys(phone for each in chosen for phone in each.phones))
        record = node.record and self._known.recording
        return self._step(name, memory, Ring(phones=phones, seconds=node.seconds, record=record))

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

    def _step(self, name: str, memory: str, action: Listen | Ring | Wait | TakeMessage | HangUp) -> Answer:
        place = f"{name or self._plan.start}.{self._menus}:{memory}"
        queue, since, entered = self._waits
        return Answer(
            Step(place=place, prompts=tuple(self._prompts), action=action), queue, since, entered, tuple(self._why)
        )

    def _end(self, name: str, why: str, action: HangUp) -> Answer:
        self._note(name, why)
        self._waits = ("", 0, False)
        return self._step(name, "", action)


def _ordered(free: Sequence[Person], strategy: Strategy) -> list[Person]:
    """Whose turn it is: in the order of the config, or who had the fewest calls first."""
    return sorted(free, key=lambda each: each.load) if strategy is Strategy.LEAST_BUSY else list(free)


def _same_language(one: str, other: str) -> bool:
    """Whether two tags name the same language, where one may say more than the other (`zh` and `zh-Hant`)."""
    shorter, longer = sorted((one.casefold().split("-"), other.casefold().split("-")), key=len)
    return bool(shorter[0]) and longer[: len(shorter)] == shorter
