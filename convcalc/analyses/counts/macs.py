"""`macs` and `other`: multiply-adds of contractions, and the other work, kept apart.

A MAC is a multiplication inside a contraction: Conv, ConvTranspose, Einsum with summed letters. Taps that land
on padding count, as in papers, torch and fvcore. FLOPs = 2 x MACs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from convcalc import ops
from convcalc.equations import letter_sizes
from convcalc.graph import Graph, Node
from convcalc.sizes import UNKNOWN, Size, common_divisor, is_one, known, product, total

if TYPE_CHECKING:
    from collections.abc import Iterable

TAPS = {"nearest": 1, "nearest-exact": 1, "linear": 2, "bilinear": 2, "trilinear": 2, "bicubic": 4}


def macs_of(node: Node) -> Size:
    """Count the multiply-adds of one step: each weight works once per position walked, for each sample."""
    op = node.op
    match op:
        case ops.Conv():
            x, weight = node.inputs[:2]
            return product((x.batch, *weight.shape, *node.output.spatial))
        case ops.ConvTranspose():
            x, weight = node.inputs[:2]
            return product((x.batch, *weight.shape, *x.spatial))
        case ops.Einsum():
            return _contraction(op.equation, node)
        case ops.Recurrent():
            weights = (value.shape for value in node.inputs[1:] if len(value.shape) == 2)
            return product((*node.inputs[0].shape[:2], total(map(product, weights))))
        case (
            ops.Input()
            | ops.Parameter()
            | ops.Constant()
            | ops.Pool()
            | ops.Unfold()
            | ops.Fold()
            | ops.Sample()
            | ops.Resample()
            | ops.Pad()
            | ops.Reduce()
            | ops.Concat()
            | ops.Slice()
            | ops.Rearrange()
            | ops.Elementwise()
            | ops.Opaque()
        ):
            return 0
    assert_never(op)


def _contraction(equation: str, node: Node) -> Size:
    """The product over the letters that are left once those of one operand alone are summed by additions."""
    sizes = letter_sizes(equation, tuple(value.shape for value in node.inputs), lambda *_, **__: None)
    operands, result = equation.split("->")
    left, right = operands.split(",")
    shared = set(left) & set(right)
    if shared <= set(result):
        return 0
    works = {letter: size for letter, size in sizes.items() if letter in shared or letter in result}
    entries: list[Size] = []
    for letters, value in zip((left, right), node.inputs, strict=True):
        if value.nonzeros is not None:  # a sparse operand works once per entry, not per place
            entries.append(value.nonzeros)
            works = {letter: size for letter, size in works.items() if letter not in letters}
    return product((*entries, *works.values()))


def other_of(node: Node) -> dict[str, Size]:
    """Count the work of one step that is no MAC, by name: elementary operations per output element.

    Bias, activation and addition 1 (a recurrent cell: see `CELL_WORK`); batch norm 2 (scale, shift); layer, group and
    instance norm 5 with a scale and shift, else 4; pooling and interpolation one per tap; softmax 3. A step that cannot
    be read (an FFT) stands there with the elements it makes: at least one each.
    """
    op, out = node.op, product(node.output.shape)
    match op:
        case ops.Conv() | ops.ConvTranspose():
            return {"bias": out} if len(node.inputs) > 2 else {}
        case ops.Pool():
            if op.windows:
                taps = product(window.kernel for window in op.windows)
                return {f"{op.function}_pool": out * taps}
            return {f"{op.function}_pool": adaptive_taps(node)}
        case ops.Sample():
            if op.taps == 1:
                return {}
            sampled = {"sampling": op.taps * product(op.shape)}
            return {**sampled, "mask": product(op.shape)} if len(node.inputs) > 2 else sampled
        case ops.Fold():
            return {"fold": product(node.inputs[0].shape)}
        case ops.Recurrent():
            return _recurrent(op, node)
        case ops.Resample():
            return {"interpolation": out * TAPS.get(op.mode, 1) ** len(op.size)}
        case ops.Reduce():
            return {op.function: product(node.inputs[0].shape)}
        case ops.Elementwise():
            return _elementwise(op, out)
        case (
            ops.Input()
            | ops.Parameter()
            | ops.Constant()
            | ops.Unfold()
            | ops.Einsum()
            | ops.Pad()
            | ops.Concat()
            | ops.Slice()
            | ops.Rearrange()
        ):
            return {}
        case ops.Opaque():
            return {op.name: out} if op.multiplies else {}
    assert_never(op)


CELL_WORK = {"rnn_tanh": 2, "rnn_relu": 2, "gru": 10, "lstm": 13}
"""Elementary operations of a recurrent cell per hidden unit and step, without products of matrices and biases: sums of
the two products, activations, and what the gates do."""


def _recurrent(op: ops.Recurrent, node: Node) -> dict[str, Size]:
    steps = product(node.inputs[0].shape[:2])
    cells = op.layers * op.directions
    work = {"recurrent": steps * cells * op.hidden * CELL_WORK[op.cell]}
    return {**work, "bias": steps * cells * op.hidden * 2 * op.gates} if op.bias else work


def _elementwise(op: ops.Elementwise, out: Size) -> dict[str, Size]:
    operations = op.about.operations(dict(op.settings))
    return {op.about.work_name or op.function: out * operations} if operations else {}


def adaptive_taps(node: Node) -> Size:
    """Count what the uneven windows of an adaptive pool read: i + o - gcd(i, o) per axis.

    Window j reads floor(j i/o) .. ceil((j+1) i/o) - 1: every position once, and again where a border falls inside one.
    """
    x, y = node.inputs[0], node.output
    if not known(*x.spatial, *y.spatial):
        return UNKNOWN
    pairs = zip(x.spatial, y.spatial, strict=True)
    taps = (i if is_one(o) else i + o - common_divisor(i, o) for i, o in pairs)
    return product((x.batch, x.channels, *taps))


def macs(steps: Graph | Iterable[Node]) -> Size:
    """Return the multiply-adds of a graph or of some of its steps. Raises ShapeError past 64 bits in a sweep."""
    nodes = steps.nodes if isinstance(steps, Graph) else steps
    return total(macs_of(node) for node in nodes)


def other(steps: Graph | Iterable[Node]) -> dict[str, Size]:
    """Return the work that is no MAC, by name."""
    nodes = steps.nodes if isinstance(steps, Graph) else steps
    sums: dict[str, Size] = {}
    for node in nodes:
        for name, count in other_of(node).items():
            sums[name] = total((sums.get(name, 0), count))
    return sums


def at_least(steps: Graph | Iterable[Node]) -> list[str]:
    """Return the names of the steps in which multiply-adds may hide: totals with any of them are `at least`."""
    nodes = steps.nodes if isinstance(steps, Graph) else steps
    hiding = (node.op for node in nodes if isinstance(node.op, ops.Opaque))
    return list(dict.fromkeys(op.name for op in hiding if op.multiplies))
