"""`training`: the tensors backward needs, the memory at its peak, and the multiply-adds of the gradients.

Which tensors an operation keeps is torch's rule (derivatives.yaml): a convolution its input, a ReLU its output, a
product both factors, an addition nothing, a max pool its input and 64-bit indices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, assert_never

from convcalc import ops
from convcalc.analyses.counts.macs import macs_of
from convcalc.analyses.counts.memory import bytes_of, is_stored, last_reader, storages
from convcalc.analyses.pass_through import one_position
from convcalc.errors import UnsupportedError
from convcalc.sizes import Size, product, total

if TYPE_CHECKING:
    from collections.abc import Iterable, Set

    from convcalc.graph import Graph, Node

INDEX, STATISTIC, MASK = 8, 4, 1
"""Bytes of a pool's index, of a mean or deviation, and of a dropout's mask (on a GPU; the CPU keeps a float)."""


class SavedTensors(NamedTuple):
    """What one step keeps for its gradient: indices of values, and bytes of tensors of its own, by name."""

    values: tuple[int, ...] = ()
    buffers: tuple[tuple[str, Size], ...] = ()


class Gradients(NamedTuple):
    """Multiply-adds of one step's gradients, with respect to its data and to its weights."""

    data: Size = 0
    weights: Size = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """Bytes of a training step: gradients of the parameters, what is kept for backward, and the peak of all.

    `saved_by` is the bytes each step adds to the saved tensors, by its output's index; the peak holds parameters,
    buffers, their gradients, and the values and gradients alive at once.
    """

    gradients: Size
    saved: Size
    peak: Size
    saved_by: dict[int, Size]


def needs_gradient(graph: Graph) -> set[int]:
    """Return the values through which a trained parameter acts on an output; the inputs need no gradient."""
    indices: set[int] = set()
    for node in graph.nodes:
        trained = isinstance(node.op, ops.Parameter) and node.op.trained
        if trained or any(value.index in indices for value in node.inputs):
            indices.add(node.output.index)
    return indices & graph.needed()


def gradient_macs(node: Node, needs: set[int]) -> Gradients:
    """Count the multiply-adds of a step's gradients: each is one more contraction over the same products.

    A weight's gradient and an input's gradient cost as much as the forward, whatever the groups.
    """
    if not isinstance(node.op, ops.CONTRACTIONS) or node.output.index not in needs:
        return Gradients()
    work = macs_of(node)
    if isinstance(node.op, ops.Recurrent):
        return _recurrent_gradients(node.op, node, work, needs)
    trains = [value.index in needs for value in node.inputs[:2]]
    return Gradients(work if trains[0] else 0, work if trains[1] else 0)


def _recurrent_gradients(op: ops.Recurrent, node: Node, work: Size, needs: set[int]) -> Gradients:
    """Back through time every product but that with an input nobody trains has a gradient of its own."""
    x, first = node.inputs[:2]
    unasked = 0 if x.index in needs else op.directions * product((*x.shape[:2], *first.shape))
    return Gradients(work - unasked, work if any(value.index in needs for value in node.inputs[1:]) else 0)


def gradients_of(nodes: Iterable[Node], needs: set[int]) -> Gradients:
    """Return the multiply-adds of several steps' gradients together."""
    gradients = [gradient_macs(node, needs) for node in nodes]
    return Gradients(total(gradient.data for gradient in gradients), total(gradient.weights for gradient in gradients))


def saved_tensors(node: Node, needs: set[int], itemsize: int) -> SavedTensors:
    """Return what a step keeps for backward; nothing where no gradient passes through it."""
    if node.output.index not in needs or is_stored(node):
        return SavedTensors()
    op, x, y = node.op, node.inputs[0], node.output
    match op:
        case ops.Conv():
            if all(window.symmetric for window in op.windows):
                return SavedTensors((x.index, node.inputs[1].index))
            padded = (window.before + size + window.after for window, size in zip(op.windows, x.spatial, strict=True))
            return SavedTensors(
                (node.inputs[1].index,), (("padded input", product((x.batch, x.channels, *padded)) * itemsize),)
            )
        case ops.ConvTranspose():
            return SavedTensors((x.index, node.inputs[1].index))
        case ops.Einsum():
            return SavedTensors(_other_factors(node, needs))
        case ops.Recurrent():
            raise UnsupportedError("what a recurrent layer keeps for backward depends on the library that runs it")
        case ops.Pool():
            if op.function == "max":
                return SavedTensors((x.index,), (("indices", product(y.shape) * INDEX),))
            whole = not op.windows and one_position(y)
            return SavedTensors() if whole else SavedTensors((x.index,))
        case ops.Sample():
            return _sampled(node, itemsize)
        case ops.Pad():
            return SavedTensors((x.index,)) if op.mode in ("reflect", "replicate") else SavedTensors()
        case ops.Reduce():
            return SavedTensors((x.index, y.index)) if op.function in ("max", "min") else SavedTensors()
        case ops.Elementwise():
            return _elementwise(op, node, needs, itemsize)
        case ops.Opaque():
            return SavedTensors(tuple(value.index for value in node.inputs))
        case (
            ops.Input()
            | ops.Parameter()
            | ops.Constant()
            | ops.Unfold()
            | ops.Fold()
            | ops.Resample()
            | ops.Concat()
            | ops.Slice()
            | ops.Rearrange()
        ):
            return SavedTensors()
    assert_never(op)


def _sampled(node: Node, itemsize: int) -> SavedTensors:
    """The map, and the places read (as large as the offsets); with a mask the columns before it, and the mask."""
    x, *rest = node.inputs
    if isinstance(node.op, ops.Sample) and node.op.axes:
        return SavedTensors((), (("places", sum(product(value.shape) for value in rest) * INDEX),))
    grid = product(rest[0].shape) * itemsize if rest else 0
    if len(rest) < 2:
        return SavedTensors((x.index,), (("places", grid),))
    return SavedTensors(
        (x.index, rest[1].index), (("places", grid), ("columns", product(node.output.shape) * itemsize))
    )


def _elementwise(op: ops.Elementwise, node: Node, needs: set[int], itemsize: int) -> SavedTensors:
    x, y = node.inputs[0], node.output
    match op.about.saves:
        case "nothing":
            return SavedTensors()
        case "output":
            return SavedTensors((y.index,))
        case "inputs":
            return SavedTensors(tuple(value.index for value in node.inputs))
        case "factors":
            return SavedTensors(_other_factors(node, needs))
        case "statistics" if op.function == "rms_norm":
            normalised = (("normalised", product(y.shape) * itemsize),) if len(node.inputs) > 1 else ()
            if x.index not in needs:
                return SavedTensors((), normalised)
            return SavedTensors((x.index,), (("statistics", STATISTIC * _statistics(op, node)), *normalised))
        case "statistics":
            return SavedTensors((x.index,), (("statistics", 2 * STATISTIC * _statistics(op, node)),))
        case "mask":
            return SavedTensors((), (("mask", product(y.shape) * MASK),))
        case "buffer":
            return SavedTensors((x.index,), (("buffer", product(y.shape) * itemsize),))
    assert_never(op.about.saves)


def _other_factors(node: Node, needs: set[int]) -> tuple[int, ...]:
    """The factors of a product whose other factor needs a gradient; a constant is no tensor."""
    if len(node.inputs) < 2:
        return ()
    first, second = node.inputs[:2]
    return ((first.index,) if second.index in needs else ()) + ((second.index,) if first.index in needs else ())


def _statistics(op: ops.Elementwise, node: Node) -> Size:
    """How many means a norm takes."""
    x = node.inputs[0]
    match op.function:
        case "batch_norm":
            return x.channels
        case "instance_norm":
            return x.batch * x.channels
        case "group_norm":
            return x.batch * dict(op.settings)["num_groups"]  # type: ignore[operator,return-value]
        case _:
            return product(size for axis, size in enumerate(x.shape) if axis not in op.axes)


def training(graph: Graph, itemsize: int) -> Training:
    """Return the bytes of a forward and a backward, by following who is alive through both.

    A kept value lives until the first step that keeps it has been gone back through; a gradient from the last step
    that reads its value to the one that made it. Kernels' own workspaces are not counted.
    """
    needs, roots = needs_gradient(graph), storages(graph, training=True)
    sizes = {node.output.index: bytes_of(node.output, itemsize) for node in graph.nodes}
    fixed = {node.output.index for node in graph.nodes if is_stored(node)}
    here: dict[int, Size] = {}
    until: dict[int, int] = {}  # storage -> the earliest step whose backward needs it
    for node in graph.nodes:
        saved = saved_tensors(node, needs, itemsize)
        here[node.output.index] = sum(size for _, size in saved.buffers)
        for index in saved.values:
            if roots[index] not in fixed:
                until.setdefault(roots[index], node.output.index)
    run = _Run(graph, needs, roots, sizes, fixed, here)
    leaving = _by_step(last_reader(graph, roots), skip=until.keys() | fixed)
    alive, forward_peak = run.forward(leaving)
    peak = max(forward_peak, run.backward(alive, _by_step(until, skip=frozenset())))
    trained = (node for node in graph.nodes if isinstance(node.op, ops.Parameter) and node.op.trained)
    params = sum(sizes[node.output.index] for node in trained)
    saved_by = {index: size + (sizes[index] if index in until else 0) for index, size in here.items()}
    return Training(
        gradients=params,
        saved=sum(saved_by.values()),
        peak=sum(sizes[index] for index in fixed) + params + peak,
        saved_by=saved_by,
    )


class _Run(NamedTuple):
    """Both passes over a graph; `here` is what each step saves besides values, `roots` whose storage a value is."""

    graph: Graph
    needs: set[int]
    roots: dict[int, int]
    sizes: dict[int, Size]
    fixed: set[int]
    here: dict[int, Size]

    def forward(self, leaving: dict[int, list[int]]) -> tuple[Size, Size]:
        """Return the bytes alive at the end and at the most; `leaving` storages go after each step."""
        alive: Size = 0
        peak: Size = 0
        for node in self.graph.nodes:
            index = node.output.index
            if index not in self.fixed:
                alive += self.here[index] + (self.sizes[index] if self.roots[index] == index else 0)
                peak = max(peak, alive)
                alive -= sum(self.sizes[root] for root in leaving.get(index, ()))
        return alive, peak

    def backward(self, alive: Size, leaving: dict[int, list[int]]) -> Size:
        """Return the bytes alive at the most, from what the forward left; `leaving` were saved until each step."""
        sizes, roots = self.sizes, self.roots
        gradients = {roots[value.index] for value in self.graph.outputs if value.index in self.needs}
        alive += sum(sizes[root] for root in gradients)
        peak: Size = 0
        for node in reversed(self.graph.nodes):
            index = node.output.index
            if index in self.fixed or index not in self.needs:
                continue
            fresh = {roots[value.index] for value in node.inputs if value.index in self.needs} - gradients - self.fixed
            gradients |= fresh
            alive += sum(sizes[root] for root in fresh)
            peak = max(peak, alive)
            alive -= self.here[index] + sum(sizes[root] for root in leaving.get(index, ()))
            if roots[index] == index:
                alive -= sizes[index]
                gradients.discard(index)
        return peak


def _by_step(steps: dict[int, int], skip: Set[int]) -> dict[int, list[int]]:
    """Turn storage -> step around, without some storages."""
    values: dict[int, list[int]] = {}
    for root, step in steps.items():
        if root not in skip:
            values.setdefault(step, []).append(root)
    return values
