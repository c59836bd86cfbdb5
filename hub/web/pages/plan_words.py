"""Routing plans in words: what a node is, what a step does, and why."""

from __future__ import annotations

from collections.abc import Mapping

from hub.formats.handles import display
from hub.routing.plan import (
    End,
    Menu,
    Node,
    Open,
    People,
    QueueNode,
    RingNode,
    Route,
    Say,
    Strategy,
    Target,
    Voicemail,
)
from hub.vocabulary import Agent, HangUp, Listen, Prompt, Ring, Step, TakeMessage, Wait
from hub.web.i18n import Reader


def kind(speaks: Reader, node: Node) -> str:
    """What sort of node it is."""
    t = speaks.gettext
    match node:
        case Open():
            return t("Opening hours")
        case Say():
            return t("Announcement")
        case Menu():
            return t("Menu")
        case Route():
            return t("Who calls?")
        case RingNode():
            return t("Ring")
        case QueueNode():
            return t("Queue")
        case Voicemail():
            return t("Voicemail")
        case End():
            return t("Hang up")


def detail(speaks: Reader, node: Node, agents: Mapping[str, Agent]) -> str:
    """What it says, or whom it rings."""
    t = speaks.gettext
    match node:
        case Open():
            return node.hours
        case Say() | Menu() | Voicemail():
            return spoken(speaks, node.say)
        case Route():
            return ""
        case RingNode() | QueueNode():
            how = {
                Strategy.ALL: t("all at once"),
                Strategy.IN_TURN: t("one after the other"),
                Strategy.LEAST_BUSY: t("who had the fewest calls"),
            }[node.strategy]
            whom = people(speaks, node.people, agents)
            return whom if node.people.target is Target.OWNER else t("%(whom)s, %(how)s") % {"whom": whom, "how": how}
        case End():
            return t("busy tone") if node.busy else spoken(speaks, node.say)


def people(speaks: Reader, whom: People, agents: Mapping[str, Agent]) -> str:
    """Who is meant."""
    t = speaks.gettext
    match whom.target:
        case Target.OWNER:
            return t("Who owns the contact")
        case Target.AGENTS:
            return t(", ").join(_name(agents, each) for each in whom.names)
        case Target.TEAM:
            return t("Team %(name)s") % {"name": whom.names[0]}
        case Target.SKILL:
            return t("Who can: %(skill)s") % {"skill": whom.names[0]}


def choice(speaks: Reader, why: str) -> str:
    """What leads from a node to the next one."""
    t = speaks.gettext
    name, _, what = why.partition(":")
    return {
        "": "",
        "open": t("open"),
        "closed": speaks.pgettext("of opening hours", "closed"),
        "otherwise": t("otherwise"),
        "unanswered": t("nobody answers"),
        "known": t("is known"),
        "owner": t("the owner is there"),
        "vip": t("important"),
        "open-case": t("has an open case"),
        "language": t("speaks %(language)s") % {"language": what},
        "number": t("calls from %(number)s") % {"number": what},
    }.get(name, why)


def spoken(speaks: Reader, prompts: tuple[Prompt, ...]) -> str:
    """What is said, in the reader's language where there is one."""
    language = speaks.tag.split("-")[0]
    mine = next((each for each in prompts if each.language.split("-")[0] == language), None)
    said = mine or next(iter(prompts), None)
    if said is None:
        return ""
    return said.text or speaks.gettext("Recording %(name)s") % {"name": said.audio}


def reason(speaks: Reader, why: str, agents: Mapping[str, Agent]) -> str:
    """Why the call went on as it did."""
    t = speaks.gettext
    name, _, what = why.partition(":")
    match name:
        case "rings":
            names = t(", ").join(_name(agents, each) for each in what.split(","))
            return t("%(names)s is free") % {"names": names}
        case "rule":
            return t("the caller: %(what)s") % {"what": choice(speaks, what)}
        case "pressed":
            return t("pressed %(key)s") % {"key": what}
        case "waits":
            return t("nobody is free; %(count)s wait longer") % {"count": what}
        case "open":
            return t("%(hours)s: open") % {"hours": what}
        case "closed":
            return t("%(hours)s: closed") % {"hours": what}
    return {
        "said": t("says it and goes on"),
        "asked": t("asks for a key"),
        "asked-again": t("no key of the menu; asks again"),
        "otherwise": t("nothing else holds"),
        "nobody-free": t("nobody is free"),
        "nobody-answered": t("nobody answered"),
        "waited-long-enough": t("waited long enough"),
        "takes-message": t("a message can be left"),
        "left-message": t("a message was left"),
        "talked": t("they have talked"),
        "blocked": t("the number is blocked"),
        "ends": t("the plan ends"),
    }.get(name, why)


def does(speaks: Reader, step: Step) -> str:
    """What happens in a step."""
    t = speaks.gettext
    said = spoken(speaks, step.prompts)
    match step.action:
        case Listen(seconds=seconds):
            done = t("waits %(seconds)s s for a key") % {"seconds": seconds}
        case Ring(phones=phones, seconds=seconds):
            shown = t(", ").join(display(phone) for phone in phones)
            done = t("rings %(phones)s for %(seconds)s s") % {"phones": shown, "seconds": seconds}
        case Wait(seconds=seconds):
            done = t("keeps the caller waiting, %(seconds)s s") % {"seconds": seconds}
        case TakeMessage(seconds=seconds):
            done = t("takes a message of at most %(seconds)s s") % {"seconds": seconds}
        case HangUp(busy=True):
            done = t("gives the busy tone")
        case HangUp():
            done = t("hangs up")
        case _:
            done = t("goes on")
    return t("says “%(said)s”, then %(done)s") % {"said": said, "done": done} if said else done


def _name(agents: Mapping[str, Agent], agent: str) -> str:
    return agents[agent].name if agent in agents else agent
