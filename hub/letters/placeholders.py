"""Gaps in canned answers, such as {{contact.first_name}}, and what fills them. A gap that nothing fills stays as it is,
so that whoever sends the answer sees it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.store.schema import activities, cases, companies, contacts, conversations, deals, interactions

NAMES = (
    "contact.name",
    "contact.first_name",
    "contact.title",
    "company",
    "deal.title",
    "case.title",
    "case.number",
    "agent.name",
)
"""The gaps there are."""

_GAP = re.compile(r"\{\{\s*([A-Za-z_.]{1,40})\s*\}\}")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Names in these scripts begin with the family's, and nobody is called by half of one.
_WHOLE = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_TITLES = _words(
    "mr mrs ms miss mx dr prof professor doctor sir madam herr frau hr fr dipl ing mag lic monsieur madame mme mlle "
    "m sr sra srta señor señora signor signora sig dott dott.ssa ir drs"
)
_SYLLABLE = (
    "(?:(?:zh|ch|sh|[bpmfdtnlgkhjqxrzcsyw])?(?:iang|iong|uang|ueng|ang|eng|ing|ong|ian|iao|uan|uai|üan|"
    "an|ai|ao|ei|en|er|ia|ie|in|iu|ou|ua|ue|ui|un|uo|üe|ün|a|e|i|o|u|ü))"
)
_PINYIN = re.compile(f"{_SYLLABLE}(?:['-]?{_SYLLABLE})?", re.IGNORECASE)
# The hundred most frequent, in pinyin and as they are written in Hong Kong and Taiwan where that differs.
_FAMILIES = _words(
    "li wang zhang liu chen yang zhao huang zhou wu xu sun hu zhu gao lin he guo ma luo liang song zheng xie han tang "
    "feng yu dong xiao cheng cao yuan deng fu shen zeng peng lu su jiang cai jia ding wei xue ye yan pan du dai xia "
    "zhong tian ren fan fang shi yao tan liao zou xiong jin hao kong bai cui kang mao qiu qin gu hou shao meng long "
    "wan duan qian yin yi chang wong chan cheung chow ng lam ho kwok leung tse tsai hsu hsieh tseng chiang yeh chou "
    "cheng"
)


def fill(body: str, values: Mapping[str, str]) -> str:
    """*body* with its gaps filled; one whose value is missing or "" stays."""
    return _GAP.sub(lambda gap: values.get(gap[1].lower(), "") or gap[0], body)


def gaps(text: str) -> list[str]:
    """The gaps that are left in *text*, each once: of the names that there are, so that other braces may be sent."""
    return list(dict.fromkeys(gap[0] for gap in _GAP.finditer(text) if gap[1].lower() in NAMES))


def first_name(name: str) -> str:
    """How to begin a letter to *name*: her first name where it is plain which part that is, else the whole name.

    Chinese, Japanese and Korean names stay whole, in their own script and in pinyin with the family name first.
    """
    name = " ".join(name.split())
    if not name or _WHOLE.search(name) or "@" in name:
        return name
    last, comma, given = name.partition(",")
    words = (given if comma and given.strip() else last).split()
    while len(words) > 1 and words[0].rstrip(".").lower() in _TITLES:
        titled = words.pop(0)
        if len(words) == 1 and not comma:
            return f"{titled} {words[0]}"  # of "Frau Weber" nobody knows the first name
    if comma and given.strip():
        return words[0]
    given_after = all("-" in word or _PINYIN.fullmatch(word) for word in words[1:])
    family_first = words[0].lower() in _FAMILIES and len(words) in (2, 3) and given_after
    return " ".join(words) if family_first else words[0]


def values(conn: Connection, conversation_id: int, agent_name: str) -> dict[str, str]:
    """What fills the gaps in an answer within a conversation. A deal or case is the one linked to the conversation,
    else the contact's only open one."""
    linked = conn.execute(
        sa.select(conversations.c.deal_id, conversations.c.case_id).where(conversations.c.id == conversation_id)
    ).one_or_none()
    person = conn.execute(
        sa.select(contacts.c.id, contacts.c.name, contacts.c.title, companies.c.name.label("company"))
        .join_from(activities, interactions, interactions.c.id == activities.c.interaction_id)
        .join(contacts, contacts.c.id == activities.c.contact_id)
        .join(companies, companies.c.id == contacts.c.company_id, isouter=True)
        .where(interactions.c.conversation_id == conversation_id)
        .order_by(interactions.c.occurred_at.desc(), contacts.c.id)
        .limit(1)
    ).one_or_none()
    contact_id = person.id if person else None
    deal = _record(conn, deals, linked.deal_id if linked else None, contact_id)
    case = _record(conn, cases, linked.case_id if linked else None, contact_id)
    return {
        "contact.name": person.name if person else "",
        "contact.first_name": first_name(person.name) if person else "",
        "contact.title": person.title if person else "",
        "company": (person.company or "") if person else "",
        "deal.title": deal[0],
        "case.title": case[0],
        "case.number": case[1],
        "agent.name": agent_name,
    }


def _record(conn: Connection, table: sa.Table, linked: int | None, contact_id: int | None) -> tuple[str, str]:
    """Title and number of the deal or case that is meant; "" where that is not plain."""
    if linked is not None:
        which = table.c.id == linked
    elif contact_id is not None:
        which = sa.and_(table.c.contact_id == contact_id, table.c.open)
    else:
        return "", ""
    rows = conn.execute(sa.select(table.c.title, table.c.external_id).where(which).limit(2)).all()
    return (rows[0].title, rows[0].external_id or "") if len(rows) == 1 else ("", "")
