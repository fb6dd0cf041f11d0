"""`solutions`, `losses`: which window turns one size into another, and what floor drops.

Exact, by arithmetic: for a kernel, a dilation and a padding the strides that fit are an interval; for a transposed
layer padding less output padding is one number. Complete within the bounds asked for. Source: Dumoulin and Visin,
"A guide to convolution arithmetic for deep learning", arXiv:1603.07285.
"""

from __future__ import annotations

from math import gcd
from typing import TYPE_CHECKING, NamedTuple

from convcalc import ops
from convcalc.analyses.counts.useful import extents
from convcalc.analyses.transposed import Direct, direct
from convcalc.errors import ShapeError
from convcalc.padding import tensorflow_same
from convcalc.window import Window

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from convcalc.graph import Graph, Node

USUAL = (3, 1, 5, 7, 2, 4)
SOLUTIONS_LIMIT = 100_000


class Bounds(NamedTuple):
    """What is searched: one value where it was given, else all up to a largest one.

    The padding of one side goes up to the effective kernel less one, so that every window reads some input; both sides
    are alike, or the end has one more (for a transposed layer only where its output padding cannot make that up).
    """

    kernels: Sequence[int]
    strides: Sequence[int]
    dilations: Sequence[int]
    padding: int | None = None

    @classmethod
    def up_to(
        cls, kernel: int, stride: int, dilation: int, *, exact: Sequence[int | None], padding: int | None = None
    ) -> Bounds:
        """Search from 1 up to each largest value; `exact` fixes the kernel, stride and dilation that are not None."""
        largest = (kernel, stride, dilation)
        kernels, strides, dilations = (
            range(1, last + 1) if value is None else [value] for last, value in zip(largest, exact, strict=True)
        )
        return cls(kernels, strides, dilations, padding)


class Solution(NamedTuple):
    """A window that does it; `lost` are input positions that floor drops at the end, per axis."""

    window: Window
    output_padding: int = 0
    lost: tuple[int, ...] = ()
    transposed: bool = False

    @property
    def symmetric(self) -> bool:
        """Whether as much is added before as after."""
        return self.window.symmetric

    @property
    def even(self) -> bool:
        """Whether a transposed layer writes every interior output equally often: s | k and gcd(d, s) = 1."""
        w = self.window
        return w.kernel % w.stride == 0 and gcd(w.dilation, w.stride) == 1

    @property
    def direct(self) -> Direct:
        """The convolution of stride 1 that computes a transposed layer, and Dumoulin's relationship number."""
        return direct(self.window, self.output_padding)


def solutions(sizes: Sequence[int], outputs: Sequence[int], bounds: Bounds) -> list[Solution]:
    """Return the windows with which a convolution turns every size into its output, the most usual first.

    Raises ShapeError for sizes below 1 and for sizes and outputs of different rank.
    """
    _check(sizes, outputs)
    windows: list[Solution] = []
    for kernel, dilation, stride in _every(bounds):
        span = dilation * (kernel - 1) + 1
        totals = _paddings(bounds, span)
        low = max((out - 1) * stride + span - size for size, out in zip(sizes, outputs, strict=True))
        high = min(out * stride - 1 + span - size for size, out in zip(sizes, outputs, strict=True))
        for total in range(max(low, totals.start), min(high, totals.stop - 1) + 1):
            window = Window(kernel, stride, dilation, total // 2, total - total // 2)
            if all(size + total >= span for size in sizes):
                windows.append(Solution(window, lost=tuple(window.dropped(size) for size in sizes)))
        _bounded(windows)
    return sorted(windows, key=_usual)


def _every(bounds: Bounds) -> Iterator[tuple[int, int, int]]:
    """Kernels, dilations (a kernel of 1 has none) and strides."""
    for kernel in bounds.kernels:
        for dilation in bounds.dilations if kernel > 1 else bounds.dilations[:1]:
            for stride in bounds.strides:
                yield kernel, dilation, stride


def _bounded(solutions: Sequence[Solution]) -> None:
    if len(solutions) > SOLUTIONS_LIMIT:
        raise ShapeError(f"there are more than {SOLUTIONS_LIMIT:,} solutions: narrow the bounds")


def _check(sizes: Sequence[int], outputs: Sequence[int]) -> None:
    if len(sizes) != len(outputs):
        raise ShapeError(f"{len(sizes)} sizes go in and {len(outputs)} come out: give as many of both")
    for size in (*sizes, *outputs):
        if size < 1:
            raise ShapeError(f"a size must be at least 1, not {size}")


def _paddings(bounds: Bounds, span: int) -> range:
    """Sums over both sides to try; an odd one puts the extra position after, as torch's 'same' does."""
    if bounds.padding is not None:
        return range(2 * bounds.padding, 2 * bounds.padding + 1)
    return range(2 * (span - 1) + 1)


def _usual(solution: Solution) -> tuple[object, ...]:
    w = solution.window
    kernel = USUAL.index(w.kernel) if w.kernel in USUAL else len(USUAL) + w.kernel
    centred = abs(w.before + w.after - (w.span - 1))
    padded_past_half = w.before > w.span // 2
    return (
        not solution.symmetric,
        any(solution.lost),
        w.dilation,
        padded_past_half,
        kernel,
        centred,
        w.stride,
        w.before,
    )


def transposed_solutions(sizes: Sequence[int], outputs: Sequence[int], bounds: Bounds) -> list[Solution]:
    """Return the windows with which a transposed convolution turns every size into its output.

    Even overlap comes first, then symmetric padding, no output padding, and kernels of twice the stride. Raises
    ShapeError as `solutions` does.
    """
    _check(sizes, outputs)
    windows: list[Solution] = []
    for kernel, dilation, stride in _every(bounds):
        span = dilation * (kernel - 1) + 1
        spare = {(size - 1) * stride + span - out for size, out in zip(sizes, outputs, strict=True)}
        if len(spare) > 1:
            continue
        (missing,) = spare  # padding less output padding
        extras = range(max(stride, dilation))
        for extra in extras:
            total = missing + extra
            odd = total % 2 and len(extras) > 1  # one output padding less, and the same layer has even padding
            if total in _paddings(bounds, span) and not odd:
                window = Window(kernel, stride, dilation, total // 2, total - total // 2)
                windows.append(Solution(window, extra, transposed=True))
        _bounded(windows)
    return sorted(windows, key=_usual_transposed)


def _usual_transposed(solution: Solution) -> tuple[object, ...]:
    w = solution.window
    kernel = {2 * w.stride: 0, w.stride: 1}.get(w.kernel, 2 + abs(w.kernel - 2 * w.stride))
    return (
        not solution.even,
        not solution.symmetric,
        w.dilation,
        solution.output_padding,
        kernel,
        w.stride,
        w.kernel,
        w.before,
    )


class Loss(NamedTuple):
    """Positions at the end of each axis that a strided step never reads, because no window fits there any more."""

    node: Node
    positions: tuple[int, ...]


def losses(graph: Graph) -> list[Loss]:
    """Return what every convolution and pool drops by floor, padding not counted; sizes may be arrays."""
    layers = []
    for node in graph.nodes:
        op = node.op
        if isinstance(op, ops.Conv) or (
            isinstance(op, ops.Pool) and op.windows and not op.ceil_mode and not op.output_size
        ):
            each = zip(op.windows, extents(node.inputs[0], graph), node.inputs[0].spatial, strict=True)
            rests = tuple(window.dropped(size, padded=real.after) for window, real, size in each)
            layers.append(Loss(node, rests))
    return layers


class Same(NamedTuple):
    """One way to pad a convolution: how it is called, what it adds per axis, and the outputs it gives."""

    name: str
    before: tuple[int, ...]
    after: tuple[int, ...]
    outputs: tuple[int, ...]


def sames(sizes: Sequence[int], windows: Sequence[Window]) -> list[Same]:
    """Return a convolution's padding as written, as torch's and TensorFlow's SAME, and symmetric by half the kernel.

    torch's 'same' adds d(k-1) whatever the stride, and refuses a stride above 1; TensorFlow's adds what makes
    ceil(n/s) outputs, max(0, (ceil(n/s)-1)s + k^ - n); both put the odd position after.
    """
    halves = [(window.span - 1) // 2 for window in windows]
    full = [window.span - 1 for window in windows]
    tensorflow = [tensorflow_same(size, w.span, w.stride) for size, w in zip(sizes, windows, strict=True)]
    conventions = [
        ("as written", [window.before for window in windows], [window.after for window in windows]),
        ("torch same", [pad // 2 for pad in full], [pad - pad // 2 for pad in full]),
        ("TensorFlow SAME", [pad // 2 for pad in tensorflow], [pad - pad // 2 for pad in tensorflow]),
        ("half the kernel", halves, halves),
    ]
    layers = []
    for name, before, after in conventions:
        if name == "torch same" and any(window.stride != 1 for window in windows):
            continue
        shifted = [w._replace(before=b, after=a) for w, b, a in zip(windows, before, after, strict=True)]
        outputs = tuple(w.size_out(size) for w, size in zip(shifted, sizes, strict=True))
        layers.append(Same(name, tuple(before), tuple(after), outputs))
    return layers
