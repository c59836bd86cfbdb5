"""Who is this? From a handle to ranked candidates, each with a confidence and the reasons for it.

Reasons are words of their own, so that each reader gets them in her language: `same-number`, `same-address`,
`confirmed:<date>`, `learned:<how>`, `shared` (several people use this handle), `role` (it belongs to a function).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import sqlalchemy as sa

from hub.store.schema import companies, contacts, identities, moment
from hub.store.sets import SetRead, among
from hub.vocabulary import Candidate, Match

CONFIDENCE = {"personal": 0.95, "role": 0.7, "shared": 0.5}
CONFIRMED = 0.99

_KNOWN = SetRead(
    sa.select(
        identities.c.handle,
        contacts.c.id,
        contacts.c.name,
        companies.c.id,
        companies.c.name,
        identities.c.strength,
        identities.c.how,
        identities.c.confirmed_at,
    )
    .select_from(identities.join(contacts).outerjoin(companies, companies.c.id == contacts.c.company_id))
    .where(among(identities.c.handle))
)


def match(conn: sa.Connection, handles: Collection[str]) -> dict[str, Match]:
    """A match for each of *handles*: one statement for all. A withheld address ("") never matches."""
    wanted = sorted({handle for handle in handles if handle})
    found: dict[str, list[Candidate]] = {handle: [] for handle in wanted}
    for handle, contact_id, name, company_id, company, strength, how, confirmed_at in _KNOWN(conn, wanted):
        reasons = ["same-number" if handle.startswith("tel:") else "same-address"]
        if confirmed_at is not None:
            reasons.append(f"confirmed:{moment(confirmed_at):%Y-%m-%d}")
        else:
            reasons.append(f"learned:{how}")
        if strength != "personal":
            reasons.append(strength)
        confidence = CONFIRMED if confirmed_at is not None else CONFIDENCE.get(strength, 0.5)
        found[handle].append(Candidate(contact_id, name, company_id, company or "", confidence, tuple(reasons)))
    return {handle: Match(handle, _ranked(candidates)) for handle, candidates in found.items()}


def _ranked(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """In falling confidence, then the older record first. Several candidates share what one would have had."""
    ranked = sorted(candidates, key=lambda candidate: (-candidate.confidence, candidate.contact_id))
    if len(ranked) < 2:
        return tuple(ranked)
    total = sum(candidate.confidence for candidate in ranked)
    return tuple(
        Candidate(
            c.contact_id, c.name, c.company_id, c.company, round(c.confidence * c.confidence / total, 3), c.reasons
        )
        for c in ranked
    )
