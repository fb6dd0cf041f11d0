"""`Walk`, `walk_of`: a single window over its input: the canvas it slides over, and which tap falls on which cell.

The canvas has the padding and, of a transposed layer, the zeros between the positions of the stretched input.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from convcalc import ops
from convcalc.analyses.wiring.links import is_added, place
from convcalc.folding import folded
from convcalc.graph import Graph

if TYPE_CHECKING:
    from convcalc.graph import Node
    from convcalc.window import Window


class Plane(NamedTuple):
    """One axis of the canvas: `size` positions, `spacing` cells from one to the next, cells of padding at both ends.

    Output `o` puts tap number `t` of the kernel on cell `step * o + dilation * t - before + ahead`. A transposed layer
    walks with step 1 over its stretched input, with its taps in reverse order.
    """

    size: int
    spacing: int
    ahead: int
    length: int
    step: int
    before: int
    dilation: int
    kernel: int
    turned: bool

    def cell(self, position: int) -> int:
        """Return where a position of the input lies on the canvas."""
        return self.ahead + self.spacing * position

    def position(self, cell: int) -> int | None:
        """Return which position of the input lies on a cell: None for padding and for zeros put in between."""
        at, rest = divmod(cell - self.ahead, self.spacing)
        return at if not rest and 0 <= at < self.size else None

    def is_padding(self, cell: int) -> bool:
        """Whether a cell lies outside of the input."""
        return not self.ahead <= cell <= self.cell(self.size - 1)

    def covers(self, output: int) -> list[tuple[int, int]]:
        """Return the cells under the kernel at an output, each with its tap."""
        start = self.step * output - self.before + self.ahead
        taps = range(self.kernel - 1, -1, -1) if self.turned else range(self.kernel)
        return [(start + self.dilation * nth, tap) for nth, tap in enumerate(taps)]


def plane(window: Window, size: int, outputs: int, *, transposed: bool = False) -> Plane:
    """Return one axis of the canvas that a window slides over, or that a transposed one slides over when stretched."""
    spread = window.dilation * (window.kernel - 1)
    if transposed:
        spacing, step, before = window.stride, 1, spread - window.before
    else:
        spacing, step, before = 1, window.stride, window.before
    stretched = spacing * (size - 1) + 1
    last = step * (outputs - 1) - before + spread
    wanted = stretched + window.after if not transposed else stretched
    ahead = max(before, 0)
    length = ahead + max(stretched, wanted, last + 1)
    return Plane(size, spacing, ahead, length, step, before, window.dilation, window.kernel, transposed)


class Read(NamedTuple):
    """An element of an input that an output reads: the input's number, the element, and the weight or tap between."""

    source: int
    element: int
    weight: int | None = None


class Walk(NamedTuple):
    """A single window: its step, the planes of its axes, and how many weights it has of each output channel."""

    node: Node
    planes: tuple[Plane, ...]

    @property
    def transposed(self) -> bool:
        """Whether the input is stretched."""
        return isinstance(self.node.op, ops.ConvTranspose)

    @property
    def weighted(self) -> bool:
        """Whether each tap has a weight: a convolution, not a pool."""
        return isinstance(self.node.op, ops.CONVOLUTIONS)

    @property
    def passes_padding(self) -> bool:
        """Whether padding is passed over, as by a maximum: it is then no zero."""
        return isinstance(self.node.op, ops.Pool) and self.node.op.function == "max"

    @property
    def cropping(self) -> list[str]:
        """What is said of outputs that padding takes away from a transposed layer; nothing of any other."""
        windows = getattr(self.node.op, "windows", ())
        cut = [f"{window.before} before and {window.after} after" for window in windows]
        cuts = any(window.before or window.after for window in windows)
        return [f"its padding takes outputs away: {', '.join(dict.fromkeys(cut))}"] if self.transposed and cuts else []

    @property
    def kernel(self) -> tuple[int, ...]:
        """Taps along each axis."""
        return tuple(each.kernel for each in self.planes)

    @property
    def groups(self) -> int:
        """Groups of channels that do not see one another; of a pool every channel is one."""
        op = self.node.op
        return op.groups if isinstance(op, ops.CONVOLUTIONS) else self.node.output.channels

    def channels_of(self, output: int) -> range:
        """Return the input channels that an output channel reads."""
        each = self.node.inputs[0].channels // self.groups
        group = output // (self.node.output.channels // self.groups)
        return range(group * each, (group + 1) * each)

    def weight(self, output: int, channel: int, tap: tuple[int, ...]) -> int:
        """Return the place of the weight between two channels at a tap; of a pool the number of the tap."""
        if not self.weighted:
            return place(tap, self.kernel)
        shape = self.node.inputs[1].shape
        if self.transposed:
            nth = output % (self.node.output.channels // self.groups)
            return place((channel, nth, *tap), shape)
        return place((output, channel - self.channels_of(output).start, *tap), shape)

    def reads(self, output: int, position: tuple[int, ...]) -> list[Read]:
        """Return what one output reads of the input; taps on padding and on zeros read nothing."""
        x = self.node.inputs[0]
        found = []
        covers = [each.covers(at) for each, at in zip(self.planes, position, strict=True)]
        for channel in self.channels_of(output):
            for taps in product(*covers):
                at = [each.position(cell) for each, (cell, _) in zip(self.planes, taps, strict=True)]
                if None not in at:
                    element = place((channel, *(each for each in at if each is not None)), x.shape[1:])
                    found.append(Read(0, element, self.weight(output, channel, tuple(tap for _, tap in taps))))
        return found


def walk_of(graph: Graph) -> Walk | None:
    """Return the walk of a graph that is one convolution, transposed convolution or pool by windows; else None."""
    nodes, _ = folded(graph.nodes, 0)
    depends = Graph(tuple(nodes), ()).dependent()
    steps = [node for node in nodes if node.output.index in depends and not isinstance(node.op, ops.SOURCES)]
    steps = [node for node in steps if not _adds_bias(node, depends)]
    if len(steps) != 1:
        return None
    (node,) = steps
    op = node.op
    if isinstance(op, ops.CONVOLUTIONS) or (isinstance(op, ops.Pool) and op.windows and not op.random):
        if isinstance(op, ops.CONVOLUTIONS) and node.inputs[1].index in depends:
            return None
        transposed = isinstance(op, ops.ConvTranspose)
        sizes = zip(op.windows, node.inputs[0].spatial, node.output.spatial, strict=True)
        return Walk(node, tuple(plane(w, size, count, transposed=transposed) for w, size, count in sizes))
    return None


def _adds_bias(node: Node, depends: set[int]) -> bool:
    stored = [number for number, value in enumerate(node.inputs) if value.index not in depends]
    return isinstance(node.op, ops.Elementwise) and len(stored) == 1 and is_added(node, stored[0])
