"""A routing plan as a picture: an SVG that a screen reader can follow, in the colours of the page that shows it.

Nodes stand in rows, each below all that lead to it; within a row they stand where their lines are shortest (the
barycentre of what leads to them). A line that leads back upward runs beside the rows.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from xml.sax.saxutils import escape, quoteattr

from hub.routing.plan import Node, Plan, exits

WIDTH, HEIGHT, ACROSS, DOWN, MARGIN = 208, 72, 28, 62, 24
_SWEEPS = 6
_LINE = 27
"""So many columns of text fit into a box; a Chinese character takes two."""

Label = Callable[[Node], tuple[str, str]]
"""What stands in a node's box: what it is, and what it says or whom it rings."""


@dataclass(frozen=True, slots=True)
class _Box:
    x: float
    y: float
    row: int


def draw(plan: Plan, label: Label, choice: Callable[[str], str], title: str) -> str:
    """The picture. *choice* words what leads from a node to the next. Colours are the page's custom properties, with
    plain ones where the file stands alone."""
    rows = _rows(plan)
    across = max(len(row) for row in rows)
    back = any(_row_of(rows, then) <= _row_of(rows, name) for name, then, _ in _lines(plan))
    width = across * WIDTH + (across - 1) * ACROSS + 2 * MARGIN + (36 if back else 0)
    height = len(rows) * HEIGHT + (len(rows) - 1) * DOWN + 2 * MARGIN
    boxes = {
        name: _Box(x, MARGIN + depth * (HEIGHT + DOWN), depth)
        for depth, row in enumerate(rows)
        for name, x in zip(row, _spread(len(row), width - (36 if back else 0)), strict=True)
    }
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        f' role="img" aria-label={quoteattr(title)} class="plan-picture" font-family="system-ui, sans-serif">',
        f"<title>{escape(title)}</title>",
        '<defs><marker id="plan-end" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7"'
        ' orient="auto">'
        '<path d="M0 0 8 4 0 8z" fill="var(--line-strong, #8d8a82)"/></marker></defs>',
    ]
    labels = []
    for name, then, why in _lines(plan):
        line, at = _curve(boxes[name], boxes[then], width, _place(plan, name, then))
        parts.append(
            f'<path d="{line}" fill="none" stroke="var(--line-strong, #8d8a82)" stroke-width="1.5"'
            ' marker-end="url(#plan-end)"/>'
        )
        labels.append(_said(", ".join(filter(None, map(choice, why))), *at))
    parts.extend(filter(None, labels))
    parts.extend(_node(name, boxes[name], *label(node), start=name == plan.start) for name, node in plan.nodes.items())
    return "".join((*parts, "</svg>"))


def _row_of(rows: Sequence[Sequence[str]], name: str) -> int:
    """In which row a node stands."""
    return next(depth for depth, row in enumerate(rows) if name in row)


def _lines(plan: Plan) -> list[tuple[str, str, tuple[str, ...]]]:
    """(from, to, what decides it), one for each pair of nodes: two keys that lead to the same node share a line."""
    found: dict[tuple[str, str], list[str]] = {}
    for name, node in plan.nodes.items():
        for why, then in exits(node):
            found.setdefault((name, then), []).append(why)
    return [(name, then, tuple(why)) for (name, then), why in found.items()]


def _rows(plan: Plan) -> list[list[str]]:
    """The nodes by rows: each as far down as the longest way to it that never goes back, then ordered within them."""
    depth: dict[str, int] = {}

    def sink(name: str, at: int, way: tuple[str, ...]) -> None:
        if name in way or depth.get(name, -1) >= at:
            return
        depth[name] = at
        for _, then in exits(plan.nodes[name]):
            sink(then, at + 1, (*way, name))

    sink(plan.start, 0, ())
    rows: list[list[str]] = [[] for _ in range(max(depth.values()) + 1)]
    for name, at in depth.items():
        rows[at].append(name)
    lines = [(name, then) for name, then, _ in _lines(plan)]
    for _ in range(_SWEEPS):
        for above, row in pairwise(rows):
            _order(row, above, {then: [a for a, b in lines if b == then] for then in row})
        for row, below in reversed(list(pairwise(rows))):
            _order(row, below, {name: [b for a, b in lines if a == name] for name in row})
    return rows


def _order(row: list[str], beside: Sequence[str], lines: Mapping[str, Sequence[str]]) -> None:
    """Bring *row* into the order in which its *lines* to the row *beside* cross least."""
    places = {name: (place + 0.5) / len(beside) for place, name in enumerate(beside)}
    before = {name: (place + 0.5) / len(row) for place, name in enumerate(row)}

    def middle(name: str) -> float:
        known = [places[each] for each in lines[name] if each in places]
        return sum(known) / len(known) if known else before[name]

    row.sort(key=middle)


def _spread(count: int, width: float) -> list[float]:
    """The left edges of *count* boxes, centred."""
    whole = count * WIDTH + (count - 1) * ACROSS
    return [(width - whole) / 2 + place * (WIDTH + ACROSS) for place in range(count)]


def _place(plan: Plan, name: str, then: str) -> tuple[int, int]:
    """Which of the lines out of *name* the one to *then* is, and of how many."""
    outgoing = list(dict.fromkeys(target for _, target in exits(plan.nodes[name])))
    return outgoing.index(then), len(outgoing)


def _curve(one: _Box, other: _Box, width: float, place: tuple[int, int]) -> tuple[str, tuple[float, float]]:
    """The path from *one* to *other*, and where its label stands."""
    index, count = place
    x1 = one.x + WIDTH * (index + 1) / (count + 1)
    y1 = one.y + HEIGHT
    x2, y2 = other.x + WIDTH / 2, other.y
    if other.row <= one.row:
        side = width - 16
        right1, right2 = one.x + WIDTH, other.x + WIDTH
        y1, y2 = one.y + HEIGHT / 2, other.y + HEIGHT / 2
        path = f"M{right1:.0f} {y1:.0f}C{side} {y1:.0f} {side} {y2:.0f} {right2 + 2:.0f} {y2:.0f}"
        return path, (side - 8, (y1 + y2) / 2)
    bend = (y2 - y1) / 2
    path = f"M{x1:.0f} {y1:.0f}C{x1:.0f} {y1 + bend:.0f} {x2:.0f} {y2 - bend:.0f} {x2:.0f} {y2 - 2:.0f}"
    # Beside the beginning of the line, where it has not crossed any other yet; every other one a little lower.
    return path, (x1 + (x2 - x1) * 0.12, y1 + 18 + 14 * (index % 2))


def _said(text: str, x: float, y: float) -> str:
    """A label with the page's colour behind it, so that lines do not run through its letters."""
    if not text:
        return ""
    text = _cut(text, 24)
    wide = _columns(text) * 6.4 + 8
    return (
        f'<rect x="{x - wide / 2:.0f}" y="{y - 9:.0f}" width="{wide:.0f}" height="16" rx="4"'
        f' fill="var(--surface, #fff)"/><text x="{x:.0f}" y="{y + 3.5:.0f}" text-anchor="middle" font-size="12"'
        f' fill="var(--muted, #5b6068)">{escape(text)}</text>'
    )


def _node(name: str, box: _Box, kind: str, detail: str, *, start: bool) -> str:
    lines = _wrapped(detail)
    shown = escape(_cut(name, _LINE - _columns(kind) - 3))
    weight = 2 if start else 1
    frame = "var(--accent, #0c6470)" if start else "var(--line-strong, #8d8a82)"
    parts = [
        f'<g role="group" aria-label={quoteattr(f"{kind}: {name}. {detail}".strip(". "))}>'
        f"<title>{escape(f'{name}: {detail}' if detail else name)}</title>"
        f'<rect x="{box.x:.0f}" y="{box.y:.0f}" width="{WIDTH}" height="{HEIGHT}" rx="10" fill="var(--raised, #ffffff)"'
        f' stroke="{frame}" stroke-width="{weight}"/>',
        f'<text x="{box.x + 12:.0f}" y="{box.y + 19:.0f}" font-size="12" fill="var(--muted, #5b6068)">{escape(kind)}'
        f' · <tspan font-weight="600" fill="var(--text, #1d2125)">{shown}</tspan></text>',
    ]
    parts += [
        f'<text x="{box.x + 12:.0f}" y="{box.y + 39 + 16 * place:.0f}" font-size="12.5" fill="var(--text, #1d2125)">'
        f"{escape(line)}</text>"
        for place, line in enumerate(lines)
    ]
    return "".join((*parts, "</g>"))


def _wrapped(text: str) -> list[str]:
    """At most two lines; the second ends with … where there is more."""
    if _columns(text) <= _LINE:
        return [text] if text else []
    head = _cut(text, _LINE + 1).rstrip("…")
    if " " in head:
        head = head.rsplit(" ", 1)[0]
    return [head, _cut(text[len(head) :].strip(), _LINE)]


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
