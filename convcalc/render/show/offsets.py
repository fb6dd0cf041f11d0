"""`offset_panels`: where a deformable convolution reads: its taps at zero offsets, spread, and turned."""

from __future__ import annotations

from math import cos, floor, pi, sin
from typing import TYPE_CHECKING, Final

from convcalc import ops
from convcalc.render.show.cells import Cell, Mark, Panel

if TYPE_CHECKING:
    from convcalc.analyses.wiring.scene import Scene
    from convcalc.render.show.cells import Spot

SPREAD, TURN = 1.6, pi / 6
"""The factor by which taps are moved apart, and the angle by which they are turned, for an example."""
PATTERNS: Final = (
    ("at zero offsets", 1.0, 0.0),
    (f"offsets that spread by {SPREAD}", SPREAD, 0.0),
    ("offsets that turn by 30 degrees", 1.0, TURN),
)


def offset_panels(scene: Scene, spot: Spot) -> list[Panel]:
    """Return a panel for each example of offsets: the points of the taps, and the positions that bilinear reading uses.

    Nothing for layers that sample at no offsets, or along other than two axes.
    """
    graph = scene.subject.graph
    samples = [node for node in graph.nodes if isinstance(node.op, ops.Sample) and len(node.op.windows) == 2]
    if not samples or len(spot.position) != 2:
        return []
    node = samples[0]
    assert isinstance(node.op, ops.Sample)
    high, wide = node.inputs[0].spatial
    starts = [
        [float(at) for at in window.reads(out)] for window, out in zip(node.op.windows, spot.position, strict=True)
    ]
    centre = [sum(axis) / len(axis) for axis in starts]
    panels = []
    for title, scale, angle in PATTERNS:
        points = []
        for tap, (y, x) in enumerate((y, x) for y in starts[0] for x in starts[1]):
            down, across = (y - centre[0]) * scale, (x - centre[1]) * scale
            turned = (down * cos(angle) + across * sin(angle), across * cos(angle) - down * sin(angle))
            points.append((centre[0] + turned[0], centre[1] + turned[1], tap))
        used = {corner for y, x, _ in points for corner in neighbours(y, x)}
        rows = tuple(tuple(Cell(Mark.read if (y, x) in used else Mark.idle) for x in range(wide)) for y in range(high))
        panels.append(Panel(title, rows, tuple(points)))
    return panels


def neighbours(y: float, x: float) -> list[tuple[int, int]]:
    """Return the positions whose values bilinear reading at a point mixes: one, two or four.

    >>> neighbours(1.0, 2.0), len(neighbours(1.5, 2.25))
    ([(1, 2)], 4)
    """
    downs = {floor(y), floor(y) + (abs(y - round(y)) > NEAR)} if abs(y - round(y)) > NEAR else {round(y)}
    across = {floor(x), floor(x) + 1} if abs(x - round(x)) > NEAR else {round(x)}
    return sorted((down, right) for down in downs for right in across)


NEAR: Final = 1e-9
"""How near a point lies to a position that it reads alone."""
