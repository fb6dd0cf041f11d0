"""`block_svg`: the steps of a block as boxes with an edge for each that one reads of another."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final, NamedTuple

from convcalc.shapes import show

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convcalc.analyses.steps import Step
    from convcalc.graph import Graph

HIGH, GAP_X, GAP_Y, MARGIN, LETTER = 46, 18, 34, 12, 6.6
"""A box, the room between boxes, the margin, and how wide a letter is, in pixels."""
LANE: Final = "\0"
"""What stands in the name of a place that is kept free for an edge."""
STYLE: Final = """
text{font:12px system-ui,sans-serif;fill:#333}.node{fill:#f7f8fa;stroke:#b5b5b5}.edge{stroke:#777;fill:none}
.split{stroke:#e8710a;stroke-width:2}.merge{stroke:#1a73e8;stroke-width:2}.t{font-weight:600}
@media (prefers-color-scheme:dark){text{fill:#ddd}.node{fill:#22262b;stroke:#4d535a}.edge{stroke:#9aa0a6}}
"""


class Box(NamedTuple):
    """A step, or an input, with its place: lines of text, the names it reads, and whether it splits or merges."""

    name: str
    lines: tuple[str, ...]
    reads: tuple[str, ...]
    role: str
    x: float = 0
    y: float = 0
    wide: float = 0

    @property
    def is_lane(self) -> bool:
        """Whether it is but a place that is kept free for an edge."""
        return LANE in self.name


def boxes(graph: Graph, sequence: Sequence[Step], *, inside: bool = False) -> list[Box]:
    """Return the inputs and steps of a graph with their places: each below all that it reads.

    Those `inside` of a module read what is called input, whatever it is.
    """
    inputs = [(getattr(graph.nodes[value.index].op, "name", ""), show(value.shape[1:])) for value in graph.inputs]
    inputs = [("input", "")] if inside else inputs
    readers: dict[str, int] = {}
    for step in sequence:
        for name in step.reads:
            readers[name] = readers.get(name, 0) + 1
    found = [Box(name, (name, sizes), (), _role(readers.get(name, 0), 0)) for name, sizes in inputs]
    for step in sequence:
        lines = (step.name, step.does, show(step.output.shape[1:]))
        found.append(Box(step.name, lines, step.reads, _role(readers.get(step.name, 0), len(step.reads))))
    return _placed(found)


def _role(readers: int, reads: int) -> str:
    return "merge" if reads > 1 else "split" if readers > 1 else ""


def _placed(found: list[Box]) -> list[Box]:
    """Rows by how many steps lie above; within one, where what is read lies. Long edges keep a narrow place free."""
    level: dict[str, int] = {}
    for box in found:
        level[box.name] = max((level[name] + 1 for name in box.reads if name in level), default=0)
    rows: dict[int, list[Box]] = {}
    for box in found:
        reads = []
        for name in box.reads:
            passed = name
            for number in range(level.get(name, 0) + 1, level[box.name]):
                lane = f"{name}{LANE}{box.name}{LANE}{number}"
                rows.setdefault(number, []).append(Box(lane, (), (passed,), ""))
                passed = lane
            reads.append(passed)
        rows.setdefault(level[box.name], []).append(box._replace(reads=tuple(reads)))
    centres: dict[str, float] = {}
    placed: list[Box] = []
    for number in sorted(rows):
        wanted = sorted(
            rows[number],
            key=lambda box: sum(centres.get(name, 0) for name in box.reads) / max(len(box.reads), 1),
        )
        widths = [max((LETTER * len(line) for line in box.lines), default=-8) + 16 for box in wanted]
        left = -(sum(widths) + GAP_X * (len(widths) - 1)) / 2
        for box, wide in zip(wanted, widths, strict=True):
            centres[box.name] = left + wide / 2
            placed.append(box._replace(x=left, y=number * (HIGH + GAP_Y), wide=wide))
            left += wide + GAP_X
    least = min(box.x for box in placed)
    return [box._replace(x=box.x - least) for box in placed]


def size_of(found: Sequence[Box]) -> tuple[int, int]:
    """Return how wide and how high a graph is, with its margins."""
    return int(max(box.x + box.wide for box in found)) + 2 * MARGIN, int(
        max(box.y for box in found)
    ) + HIGH + 2 * MARGIN


def block_svg(found: Sequence[Box], title: str, *, styled: bool = True) -> str:
    """Return the graph of a block as an SVG; without a style of its own inside a page that has one."""
    wide, high = size_of(found)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{-MARGIN} {-MARGIN} {wide} {high}" width="{wide}"'
        f' height="{high}" role="img">',
        f"<title>{escape(title)}</title>",
        *([f"<style>{STYLE}</style>"] if styled else []),
        *svg_parts(found),
    ]
    return "\n".join([*lines, "</svg>\n"])


def svg_parts(found: Sequence[Box]) -> list[str]:
    """Return the edges and boxes of a graph as elements of an SVG."""
    edges = [
        f'<path class="edge" data-from="{escape(way.above)}" data-to="{escape(way.below)}" d="{_curve(way)}">'
        f"<title>{escape(way.above)} to {escape(way.below)}</title></path>"
        for way in ways(found)
    ]
    return [*edges, *(_drawn(box) for box in found if not box.is_lane)]


class Way(NamedTuple):
    """An edge from the box above to the one below, by the points that it passes in turn."""

    above: str
    below: str
    points: tuple[tuple[float, float], ...]


def ways(found: Sequence[Box]) -> list[Way]:
    """Return the edges of a graph, each through the places that are kept free for it."""
    by_name = {box.name: box for box in found}
    return [_way(by_name, name, box) for box in found if not box.is_lane for name in box.reads if name in by_name]


def _way(by_name: dict[str, Box], name: str, below: Box) -> Way:
    points = [(below.x + below.wide / 2, below.y)]
    above = by_name[name]
    while above.is_lane:
        centre = above.x + above.wide / 2
        points += [(centre, above.y + HIGH), (centre, above.y)]
        above = by_name[above.reads[0]]
    points.append((above.x + above.wide / 2, above.y + HIGH))
    return Way(above.name, below.name, tuple(reversed(points)))


def _curve(way: Way) -> str:
    """Curves between rows, straight lines along the places that are kept free."""
    (x, y), *rest = way.points
    parts = [f"M{x:g} {y:g}"]
    for place, (to_x, to_y) in enumerate(rest):
        middle = (y + to_y) / 2
        parts.append(f"L{to_x:g} {to_y:g}" if place % 2 else f"C{x:g} {middle:g} {to_x:g} {middle:g} {to_x:g} {to_y:g}")
        x, y = to_x, to_y
    return "".join(parts)


def _drawn(box: Box) -> str:
    role = f" {box.role}" if box.role else ""
    rect = f'<rect class="node{role}" x="{box.x:g}" y="{box.y:g}" width="{box.wide:g}" height="{HIGH}" rx="5"/>'
    texts = "".join(
        f'<text{" class=" + chr(34) + "t" + chr(34) if not n else ""} x="{box.x + box.wide / 2:g}"'
        f' y="{box.y + 14 + 14 * n:g}" text-anchor="middle">{escape(line)}</text>'
        for n, line in enumerate(box.lines)
    )
    return rect + texts
