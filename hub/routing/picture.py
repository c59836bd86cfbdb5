"""A routing plan as a picture: an SVG that a screen reader can follow, in the colours of the page that shows it.

Nodes stand in rows, each below all that lead to it; within a row they stand where their lines cross least (the
barycentre of what leads to them), and a line that is longer than a row passes between the boxes. Each box says where it
leads, so that no words stand on the lines. A line that leads back upward runs beside the rows.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from xml.sax.saxutils import escape, quoteattr

from hub.routing.plan import Node, Plan, exits

WIDTH, ACROSS, DOWN, MARGIN = 216, 28, 52, 20
_PASSES = 24
"""How wide the gap is through which a long line passes between boxes."""
_SWEEPS = 8
_LINE = 28
"""So many columns of text fit into a box; a Chinese character takes two."""
_HEAD, _TEXT, _EXIT, _FOOT = 28, 16, 18, 10

Label = Callable[[Node], tuple[str, str]]
"""What stands in a node's box: what it is, and what it says or whom it rings."""

Part = str | tuple[str, str, int]
"""What stands in a row: a node, or a long line from one to another on its way through that row."""


@dataclass(frozen=True, slots=True)
class _Box:
    """What is drawn of a node: where, and its words. *floor* is where its row ends, *leads* are what decides and where
    it leads then."""

    x: float
    y: float
    height: float
    floor: float
    kind: str
    detail: str
    lines: tuple[str, ...]
    leads: tuple[tuple[str, str], ...]


def draw(plan: Plan, label: Label, choice: Callable[[str], str], title: str) -> str:
    """The picture. *choice* words what leads from a node to the next. Colours are the page's custom properties, with
    plain ones where the file stands alone. Each box is `#<plan>-<node>`, and says by links where it leads."""
    depth = _depths(plan)
    lines = list(dict.fromkeys((name, then) for name, node in plan.nodes.items() for _, then in exits(node)))
    rows = _rows(plan, depth, lines)
    backward = [(name, then) for name, then in lines if depth[then] <= depth[name]]
    inner = max(_width(row) for row in rows)
    width = inner + 2 * MARGIN + (28 + 12 * len(backward) if backward else 0)
    boxes: dict[str, _Box] = {}
    passes: dict[Part, tuple[float, float, float]] = {}
    top = float(MARGIN)
    for row in rows:
        made = {name: _words(plan.nodes[name], label, choice) for name in row if isinstance(name, str)}
        tallest = max(each.height for each in made.values())
        x = MARGIN + (inner - _width(row)) / 2
        for part in row:
            if isinstance(part, str):
                each = made[part]
                boxes[part] = _Box(x, top, each.height, top + tallest, each.kind, each.detail, each.lines, each.leads)
                x += WIDTH + ACROSS
            else:
                passes[part] = (x + _PASSES / 2, top, top + tallest)
                x += _PASSES + ACROSS
        top += tallest + DOWN
    height = top - DOWN + MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}"'
        f' height="{height:.0f}" role="group" aria-label={quoteattr(title)} class="plan-picture"'
        ' font-family="system-ui, sans-serif">',
        f"<title>{escape(title)}</title>",
        '<defs><marker id="plan-end" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7"'
        ' orient="auto"><path d="M0 0 8 4 0 8z" fill="var(--line-strong, #8d8a82)"/></marker></defs>',
    ]
    side = inner + 2 * MARGIN
    for name, then in lines:
        if (name, then) in backward:
            path = _beside(boxes[name], boxes[then], side + 12 * backward.index((name, then)))
        else:
            between = [passes[name, then, at] for at in range(depth[name] + 1, depth[then])]
            index, count = _place(name, then, [line for line in lines if line not in backward], boxes, passes, depth)
            path = _downward(boxes[name], boxes[then], between, index, count)
        parts.append(
            f'<path d="{path}" fill="none" stroke="var(--line-strong, #8d8a82)" stroke-width="1.5"'
            ' marker-end="url(#plan-end)"/>'
        )
    parts.extend(_node(plan.name, name, boxes[name], start=name == plan.start) for name in plan.nodes)
    return "".join((*parts, "</svg>"))


# --- where things stand -----------------------------------------------------------------------------------------------


def _depths(plan: Plan) -> dict[str, int]:
    """In which row each node stands: as far down as the longest way to it that never comes by itself again."""
    order: list[str] = []
    under: dict[str, list[str]] = {}
    seen: set[str] = set()

    def walk(name: str, way: frozenset[str]) -> None:
        seen.add(name)
        way = way | {name}
        under[name] = [then for _, then in exits(plan.nodes[name]) if then not in way]
        for then in under[name]:
            if then not in seen:
                walk(then, way)
        order.append(name)

    walk(plan.start, frozenset())
    depth = dict.fromkeys(plan.nodes, 0)
    place = {name: at for at, name in enumerate(reversed(order))}
    for name in reversed(order):
        for then in under[name]:
            if place[then] > place[name]:
                depth[then] = max(depth[then], depth[name] + 1)
    return depth


def _rows(plan: Plan, depth: Mapping[str, int], lines: Sequence[tuple[str, str]]) -> list[list[Part]]:
    """The rows, each in the order in which its lines cross least."""
    rows: list[list[Part]] = [[] for _ in range(max(depth.values()) + 1)]
    for node in plan.nodes:
        rows[depth[node]].append(node)
    short: list[tuple[Part, Part]] = []
    for name, then in lines:
        way: list[Part] = [name]
        for at in range(depth[name] + 1, depth[then]):
            way.append((name, then, at))
            rows[at].append((name, then, at))
        if depth[then] > depth[name]:
            short.extend(pairwise([*way, then]))
    for _ in range(_SWEEPS):
        for above, row in pairwise(rows):
            _order(row, above, {part: [a for a, b in short if b == part] for part in row})
        for row, below in reversed(list(pairwise(rows))):
            _order(row, below, {part: [b for a, b in short if a == part] for part in row})
    return rows


def _order(row: list[Part], beside: Sequence[Part], lines: Mapping[Part, Sequence[Part]]) -> None:
    """Bring *row* into the order in which its *lines* to the row *beside* cross least."""
    places = {part: (place + 0.5) / len(beside) for place, part in enumerate(beside)}
    before = {part: (place + 0.5) / len(row) for place, part in enumerate(row)}

    def middle(part: Part) -> float:
        known = [places[each] for each in lines[part] if each in places]
        return sum(known) / len(known) if known else before[part]

    row.sort(key=middle)


def _width(row: Sequence[Part]) -> float:
    return sum(WIDTH if isinstance(part, str) else _PASSES for part in row) + ACROSS * (len(row) - 1)


def _place(
    name: str,
    then: str,
    lines: Sequence[tuple[str, str]],
    boxes: Mapping[str, _Box],
    passes: Mapping[Part, tuple[float, float, float]],
    depth: Mapping[str, int],
) -> tuple[int, int]:
    """Which of the lines downward out of *name*, from left to right, the one to *then* is, and of how many."""

    def goes(to: str) -> float:
        below: Part = (name, to, depth[name] + 1)
        return passes[below][0] if below in passes else boxes[to].x + WIDTH / 2

    leads = sorted((to for one, to in lines if one == name), key=goes)
    return leads.index(then), len(leads)


# --- lines ------------------------------------------------------------------------------------------------------------


def _downward(one: _Box, other: _Box, between: Sequence[tuple[float, float, float]], index: int, count: int) -> str:
    """From the bottom of *one* to the top of *other*, straight down through the gaps *between* boxes."""
    x, y = one.x + WIDTH * (index + 1) / (count + 1), one.y + one.height
    path = [f"M{x:.0f} {y:.0f}"]
    for right, begin, end in (*between, (other.x + WIDTH / 2, other.y - 2, other.y - 2)):
        bend = max((begin - y) / 2, 12)
        path.append(f"C{x:.0f} {y + bend:.0f} {right:.0f} {begin - bend:.0f} {right:.0f} {begin:.0f}")
        if end > begin:
            path.append(f"V{end:.0f}")
        x, y = right, end
    return "".join(path)


def _beside(one: _Box, other: _Box, side: float) -> str:
    """Upward, at the right of all boxes; to there and from there between the rows."""
    x1, y1, low = one.x + WIDTH - 20, one.y + one.height, one.floor + 14
    x2, y2, high = other.x + WIDTH - 20, other.y - 2, other.y - 16
    return (
        f"M{x1:.0f} {y1:.0f}V{low - 8:.0f}Q{x1:.0f} {low:.0f} {x1 + 8:.0f} {low:.0f}H{side - 8:.0f}"
        f"Q{side:.0f} {low:.0f} {side:.0f} {low - 8:.0f}V{high + 8:.0f}Q{side:.0f} {high:.0f} {side - 8:.0f} {high:.0f}"
        f"H{x2 + 8:.0f}Q{x2:.0f} {high:.0f} {x2:.0f} {high + 8:.0f}V{y2:.0f}"
    )


# --- boxes ------------------------------------------------------------------------------------------------------------


def _words(node: Node, label: Label, choice: Callable[[str], str]) -> _Box:
    kind, detail = label(node)
    said: dict[str, list[str]] = {}
    for why, then in exits(node):
        said.setdefault(then, []).append(choice(why))
    leads = tuple((", ".join(filter(None, words)), then) for then, words in said.items())
    lines = _wrapped(detail)
    return _Box(0, 0, _HEAD + _TEXT * len(lines) + _EXIT * len(leads) + _FOOT, 0, kind, detail, lines, leads)


def _node(plan: str, name: str, box: _Box, *, start: bool) -> str:
    told = [f"{box.kind}: {name}", box.detail, *(f"{why} → {then}" if why else f"→ {then}" for why, then in box.leads)]
    whole = ". ".join(each.strip(". ") for each in told if each)
    frame, weight = ("var(--accent, #0c6470)", 2) if start else ("var(--line-strong, #8d8a82)", 1)
    left, y = box.x + 12, box.y + 19
    shown = escape(_cut(name, max(_LINE - _columns(box.kind) - 3, 6)))
    parts = [
        f'<g id="{plan}-{name}" role="group" aria-label={quoteattr(whole)}><title>{escape(whole)}</title>'
        f'<rect x="{box.x:.0f}" y="{box.y:.0f}" width="{WIDTH}" height="{box.height:.0f}" rx="10"'
        f' fill="var(--raised, #ffffff)" stroke="{frame}" stroke-width="{weight}"/>'
        f'<text x="{left:.0f}" y="{y:.0f}" font-size="12" fill="var(--muted, #5b6068)">{escape(box.kind)}'
        f' · <tspan font-weight="600" fill="var(--text, #1d2125)">{shown}</tspan></text>'
    ]
    y = box.y + _HEAD + 11
    for line in box.lines:
        parts.append(
            f'<text x="{left:.0f}" y="{y:.0f}" font-size="12.5" fill="var(--text, #1d2125)">{escape(line)}</text>'
        )
        y += _TEXT
    y += 2
    for why, then in box.leads:
        words = _cut(why, max(_LINE - min(_columns(then), 12) - 3, 8)) if why else ""
        parts.append(
            f'<text x="{left:.0f}" y="{y:.0f}" font-size="12" fill="var(--muted, #5b6068)">{escape(words)}</text>'
            f'<a href="#{plan}-{then}"><text x="{box.x + WIDTH - 12:.0f}" y="{y:.0f}" font-size="12" text-anchor="end"'
            f' fill="var(--accent, #0c6470)">→ {escape(_cut(then, 12))}</text></a>'
        )
        y += _EXIT
    return "".join((*parts, "</g>"))


def _wrapped(text: str) -> tuple[str, ...]:
    """At most two lines; the second ends with … where there is more."""
    if _columns(text) <= _LINE:
        return (text,) if text else ()
    head = _cut(text, _LINE + 1).rstrip("…")
    if " " in head:
        head = head.rsplit(" ", 1)[0]
    return head, _cut(text[len(head) :].strip(), _LINE)


def _cut(text: str, most: int) -> str:
    """*text* in at most *most* columns."""
    if _columns(text) <= most:
        return text
    kept = ""
    for each in text:
        if _columns(kept + each) >= most:
            break
        kept += each
    return kept + "…"


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text)
