"""`solutions`, `losses`: which window turns one size into another, and what floor drops.

Exact, by arithmetic: for a kernel, a dilation and a padding the strides that fit are an interval; for a transposed
layer padding less output padding is one number. Complete within the bounds asked for. Source: Dumoulin and Visin,
"A guide to convolution arithmetic for deep learning", arXiv:1603.07285.
"""

from __future__ import annotations

import itertools
from math import gcd
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from convcalc import ops
from convcalc.analyses.counts.useful import extents
from convcalc.analyses.transposed import Direct, direct
from convcalc.errors import LimitError, ShapeError
from convcalc.limits import MAX_SOLUTIONS
from convcalc.padding import tensorflow_same
from convcalc.window import Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from convcalc.graph import Graph, Node

Axes: TypeAlias = tuple[int, ...]
"""One value for all axes, or one for each."""
_Fits: TypeAlias = "Callable[[int, int, int, int, int, int | None], list[_Fit]]"
USUAL = (3, 1, 5, 7, 2, 4)


class Bounds(NamedTuple):
    """What is searched: one value where it was given (alike, or one per axis), else all up to a largest one.

    Kernel, stride and dilation are alike on all axes unless they are given per axis; each axis has its own padding and
    output padding, where no padding does it that is alike on all. The padding of one side goes up to the effective
    kernel less one, so that every window reads some input; both sides are alike, or the end has one more (for a
    transposed layer only where its output padding cannot make that up).
    """

    kernels: Sequence[Axes]
    strides: Sequence[Axes]
    dilations: Sequence[Axes]
    padding: Axes | None = None

    @classmethod
    def up_to(
        cls, kernel: int, stride: int, dilation: int, *, exact: Sequence[Axes | None], padding: Axes | None = None
    ) -> Bounds:
        """Search from 1 up to each largest value; `exact` fixes the kernel, stride and dilation that are not None."""
        largest = (kernel, stride, dilation)
        kernels, strides, dilations = (
            [(size,) for size in range(1, last + 1)] if value is None else [value]
            for last, value in zip(largest, exact, strict=True)
        )
        return cls(kernels, strides, dilations, padding)


class Solution(NamedTuple):
    """Windows that do it, one per axis; `lost` are input positions that floor drops at the end of each."""

    windows: tuple[Window, ...]
    output_padding: tuple[int, ...] = ()
    lost: tuple[int, ...] = ()
    transposed: bool = False

    @property
    def symmetric(self) -> bool:
        """Whether as much is added before as after, on every axis."""
        return all(window.symmetric for window in self.windows)

    @property
    def alike(self) -> bool:
        """Whether all axes have the same window and output padding."""
        return len({*zip(self.windows, self.output_padding or (0,) * len(self.windows), strict=True)}) == 1

    @property
    def padded(self) -> int:
        """Positions that are added, over all axes."""
        return sum(window.before + window.after for window in self.windows)

    @property
    def even(self) -> bool:
        """Whether a transposed layer writes every interior output equally often: s | k and gcd(d, s) = 1."""
        return all(w.kernel % w.stride == 0 and gcd(w.dilation, w.stride) == 1 for w in self.windows)

    @property
    def direct(self) -> tuple[Direct, ...]:
        """The convolution of stride 1 that computes a transposed layer, and Dumoulin's relationship, per axis."""
        return tuple(direct(window, extra) for window, extra in zip(self.windows, self.output_padding, strict=True))


class _Fit(NamedTuple):
    """A window of one axis that does it, and its output padding."""

    window: Window
    extra: int = 0


def solutions(sizes: Sequence[int], outputs: Sequence[int], bounds: Bounds) -> list[Solution]:
    """Return the windows with which a convolution turns every size into its output, the most usual first.

    Raises ShapeError for sizes below 1 and for sizes and outputs of different rank.
    """
    return sorted(_searched(sizes, outputs, bounds, _plain_fits, transposed=False), key=_usual)


def transposed_solutions(sizes: Sequence[int], outputs: Sequence[int], bounds: Bounds) -> list[Solution]:
    """Return the windows with which a transposed convolution turns every size into its output.

    Even overlap comes first, then symmetric padding, no output padding, and kernels of twice the stride. Raises
    ShapeError as `solutions` does.
    """
    return sorted(_searched(sizes, outputs, bounds, _transposed_fits, transposed=True), key=_usual_transposed)


def _searched(
    sizes: Sequence[int], outputs: Sequence[int], bounds: Bounds, fits: _Fits, *, transposed: bool
) -> list[Solution]:
    """Every kernel, dilation (a kernel of 1 has none) and stride, with the paddings that fit each axis."""
    _check(sizes, outputs)
    rank = len(sizes)
    paddings = (None,) * rank if bounds.padding is None else _spread(bounds.padding, rank)
    windows: list[Solution] = []
    for kernel in bounds.kernels:
        kernels = _spread(kernel, rank)
        for dilation in bounds.dilations if max(kernels) > 1 else bounds.dilations[:1]:
            for stride in bounds.strides:
                each = zip(kernels, _spread(stride, rank), _spread(dilation, rank), paddings, strict=True)
                by_axis = [fits(size, out, *axis) for size, out, axis in zip(sizes, outputs, each, strict=True)]
                for axes in _combined(by_axis):
                    window = tuple(fit.window for fit in axes)
                    extras = tuple(fit.extra for fit in axes) if transposed else ()
                    lost = tuple(w.dropped(size) for w, size in zip(window, sizes, strict=True))
                    windows.append(Solution(window, extras, () if transposed else lost, transposed))
                    _check_count(len(windows))
    return windows


def _check_count(count: int) -> None:
    if count > MAX_SOLUTIONS:
        raise LimitError(f"there are more than {MAX_SOLUTIONS:,} solutions: narrow the bounds")


def _combined(by_axis: list[list[_Fit]]) -> Iterator[tuple[_Fit, ...]]:
    """What fits all axes alike; where nothing does, every choice of one for each."""
    first, *others = by_axis
    alike = [fit for fit in first if all(fit in fits for fits in others)]
    yield from ((fit,) * len(by_axis) for fit in alike) if alike else itertools.product(*by_axis)


def _spread(values: Axes, rank: int) -> Axes:
    if len(values) not in (1, rank):
        raise ShapeError(f"{'x'.join(map(str, values))} names {len(values)} axes, but the sizes have {rank}")
    return values if len(values) == rank else values * rank


def _check(sizes: Sequence[int], outputs: Sequence[int]) -> None:
    if len(sizes) != len(outputs):
        raise ShapeError(f"{len(sizes)} sizes go in and {len(outputs)} come out: give as many of both")
    for size in (*sizes, *outputs):
        if size < 1:
            raise ShapeError(f"a size must be at least 1, not {size}")


def _plain_fits(size: int, out: int, kernel: int, stride: int, dilation: int, padding: int | None) -> list[_Fit]:
    """The paddings with which one axis of a convolution gives so many outputs."""
    span = dilation * (kernel - 1) + 1
    totals = _paddings(padding, span)
    low, high = (out - 1) * stride + span - size, out * stride - 1 + span - size
    fitting = range(max(low, totals.start, span - size), min(high, totals.stop - 1) + 1)
    _check_count(len(fitting))
    return [_Fit(_window(kernel, stride, dilation, total)) for total in fitting]


def _transposed_fits(size: int, out: int, kernel: int, stride: int, dilation: int, padding: int | None) -> list[_Fit]:
    """The paddings and output paddings with which one axis of a transposed convolution gives so many outputs."""
    span = dilation * (kernel - 1) + 1
    missing = (size - 1) * stride + span - out  # padding less output padding
    totals, extras = _paddings(padding, span), range(max(stride, dilation))
    fits = []
    fitting = range(max(0, totals.start - missing), min(len(extras), totals.stop - missing))
    _check_count(len(fitting))
    for extra in fitting:
        total = missing + extra
        if not (total % 2 and len(extras) > 1):  # one output padding less, and the same layer has even padding
            fits.append(_Fit(_window(kernel, stride, dilation, total), extra))
    return fits


def _window(kernel: int, stride: int, dilation: int, total: int) -> Window:
    return Window(kernel, stride, dilation, total // 2, total - total // 2)


def _paddings(padding: int | None, span: int) -> range:
    """Sums over both sides to try; an odd one puts the extra position after, as torch's 'same' does."""
    return range(2 * (span - 1) + 1) if padding is None else range(2 * padding, 2 * padding + 1)


def _usual(solution: Solution) -> tuple[object, ...]:
    windows = solution.windows
    widest = max(w.kernel for w in windows)
    kernel = USUAL.index(widest) if widest in USUAL else len(USUAL) + widest
    centred = sum(abs(w.before + w.after - (w.span - 1)) for w in windows) if solution.alike else 0
    return (
        not solution.symmetric,
        any(solution.lost),
        max(w.dilation for w in windows),
        any(w.before > w.span // 2 for w in windows),
        kernel,
        centred,
        max(w.stride for w in windows),
        solution.padded,
    )


def _usual_transposed(solution: Solution) -> tuple[object, ...]:
    w = max(solution.windows, key=lambda window: window.kernel)
    kernel = {2 * w.stride: 0, w.stride: 1}.get(w.kernel, 2 + abs(w.kernel - 2 * w.stride))
    extra = sum(solution.output_padding)
    return (
        not solution.even,
        not solution.symmetric,
        max(window.dilation for window in solution.windows),
        extra if solution.alike else 0,
        kernel,
        w.stride,
        w.kernel,
        solution.padded,
        extra,
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
