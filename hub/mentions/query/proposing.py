"""What a query could say, so that posts that were marked irrelevant are no longer found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

from hub.mentions.query.anchors import COMMON
from hub.mentions.query.normal import WORD, fold, is_unspaced
from hub.mentions.query.parser import Query, parse
from hub.mentions.query.posts import Post, QueryError
from hub.mentions.query.reading import Reading, language_keys, site_value

MOST_PROPOSALS = 8
_MOST_TRIED = 60
_MOST_READ = 2_000
_LONGEST_RUN = 4
_LINKS = 2
# Characters that hold Chinese sentences together and say nothing of what they are about.
_PARTICLES = frozenset("的了是我你他她它们這这那不在有和也就都很吗嗎吧呢啊着著過过與与及或之個个們一")


@dataclass(frozen=True, slots=True)
class Proposal:
    """*clause* could be added to the query, which is then *text*: it finds *drops* fewer of the irrelevant posts that
    it finds now, and *costs* relevant ones."""

    clause: str
    text: str
    drops: int
    costs: int


def proposals(query: Query, irrelevant: Sequence[Post], relevant: Sequence[Post]) -> list[Proposal]:
    """The clauses that drop the most of *irrelevant* and cost the fewest of *relevant*, the best first, at most
    `MOST_PROPOSALS`: `-word`, `-"two words"`, `-site:…`, `-author:…`, `NOT lang:…`. None costs more than it drops.

    Posts that *query* does not find count for nothing. Of long posts the beginning is read.
    """
    unwanted = [reading for post in irrelevant if query.root.holds(reading := Reading(post))]
    wanted = [reading for post in relevant if query.root.holds(reading := Reading(post))]
    drops = Counter(clause for reading in unwanted for clause in set(_clauses(query, reading)))
    costs = Counter(clause for reading in wanted for clause in set(_clauses(query, reading)) if clause in drops)
    likely = sorted(drops, key=lambda clause: (*_rank(clause, drops[clause], costs[clause]), clause))
    found: list[Proposal] = []
    for clause in likely[:_MOST_TRIED]:
        if (narrowed := _with(query, clause)) is None:
            continue
        dropped = sum(not narrowed.root.holds(reading) for reading in unwanted)
        cost = sum(not narrowed.root.holds(reading) for reading in wanted)
        if dropped > cost:
            found.append(Proposal(clause, narrowed.text, dropped, cost))
    found.sort(key=lambda each: (*_rank(each.clause, each.drops, each.costs), each.clause))
    return _distinct(found)[:MOST_PROPOSALS]


def _distinct(found: Sequence[Proposal]) -> list[Proposal]:
    """Of runs of characters that do the same and lie in one another, only the first."""
    kept: list[Proposal] = []
    for each in found:
        run = each.clause[1:]
        if not is_unspaced(run[0]) or not any(
            (each.drops, each.costs) == (other.drops, other.costs) and (run in other.clause or other.clause[1:] in run)
            for other in kept
        ):
            kept.append(each)
    return kept


def _rank(clause: str, drops: int, costs: int) -> tuple[int, int, int, int]:
    """What comes first: what costs nothing, what drops more, what says more plainly why, and what is longer."""
    plain = 0 if not clause.startswith(("NOT ", "-site", "-author")) else 1
    return costs, -drops, plain, -len(clause)


def _with(query: Query, clause: str) -> Query | None:
    """*query* and *clause*; None where that is no query any more (too long, too deep, or without a word left)."""
    try:
        return parse(f"{query.text.strip()} {clause}" if query.joined else f"({query.text.strip()}) {clause}")
    except QueryError:
        return None


def _clauses(query: Query, reading: Reading) -> Iterator[str]:
    """The clauses, each of which would drop the post, without those that contradict why *query* finds it."""
    sought: set[tuple[int, int]] = set()
    for nth, start, end in islice(query.root.found(reading), _MOST_READ):
        sought.update((nth, at) for at in range(start, min(end, _MOST_READ)))
    for nth, text in reading.texts:
        if nth == _LINKS:
            continue
        words = [(match.group(), (nth, match.start()) in sought) for match in WORD.finditer(text[:_MOST_READ])]
        for at, (word, is_sought) in enumerate(words):
            if is_unspaced(word[0]):
                yield from _runs(words[at : at + _LONGEST_RUN])
            elif len(word) > 2 and not word.isdigit() and word not in COMMON and not is_sought:
                yield f"-{word}"
        for (first, first_sought), (second, second_sought) in pairwise(words):
            if not (is_unspaced(first[0]) or is_unspaced(second[0]) or (first_sought and second_sought)) and not (
                first in COMMON or second in COMMON
            ):
                yield f'-"{first} {second}"'
    shown = set(query.root.shown(reading))
    if "site" not in shown and (site := site_value(fold(reading.post.site))):
        yield f"-site:{_quoted(site)}"
    if "author" not in shown and (author := fold(reading.post.author).strip()):
        yield f"-author:{_quoted(author)}"
    if "lang" not in shown and reading.post.language:
        yield f"NOT lang:{min(language_keys(reading.post.language), key=len)}"


def _runs(words: Sequence[tuple[str, bool]]) -> Iterator[str]:
    """Two to four characters of a script without blanks, as they begin at one place, and none of them is sought."""
    run = ""
    for character, is_sought in words:
        if is_sought or not is_unspaced(character[0]) or character in _PARTICLES:
            return
        run += character
        if len(run) > 1:
            yield f"-{run}"


def _quoted(value: str) -> str:
    return value if value.replace(".", "").replace("/", "").replace("-", "").isalnum() else f'"{value}"'
