"""`groups`: which convolutions of a graph are judged together: runs of stride 1 on one path, and branches side by side.

A run goes on through 1x1 convolutions, norms, activations, gates, padding and channel shuffles, and through an
addition or product whose other branch sees nothing that the run does not (a residual shortcut). A stride, a pool, a
resize or any other merge ends it; where that merge joins branches of one fork, they are one parallel group.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import TYPE_CHECKING, NamedTuple

from convcalc import ops
from convcalc.analyses.boxes import union_of_boxes
from convcalc.analyses.field.fields import fields
from convcalc.analyses.field.reach import Reach
from convcalc.analyses.hdc.gridding import Exact, Gridding, check, exact, field_of
from convcalc.analyses.pass_through import spread_out, stride_one_shift, whole
from convcalc.errors import UnsupportedError
from convcalc.sizes import is_one

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convcalc.graph import Graph, Node, Value
    from convcalc.window import Window


class Chain(NamedTuple):
    """A run of convolutions: the value it starts from, its steps, and the lowest offset it reaches per axis."""

    root: int
    steps: tuple[Node, ...]
    low: tuple[int, ...]

    def layers(self, axis: int) -> tuple[tuple[int, int], ...]:
        """Return (rate, kernel) of each step along one axis. Raises UnsupportedError for symbols and arrays."""
        return tuple((whole(window.dilation), whole(window.kernel)) for window in self._windows(axis))

    def _windows(self, axis: int) -> list[Window]:
        return [node.op.windows[axis] for node in self.steps if isinstance(node.op, ops.Conv)]

    def after(self, other: Chain) -> Chain:
        """Return this chain continued by one that starts where it ends."""
        return Chain(
            self.root, self.steps + other.steps, tuple(a + b for a, b in zip(self.low, other.low, strict=True))
        )

    def holds(self, other: Chain) -> bool:
        """Whether every position the other reaches is reached by this one."""
        axes = [(self.layers(n), other.layers(n), other.low[n] - low) for n, low in enumerate(self.low)]
        if any(up < 0 or field_of(mine) < up + field_of(theirs) for mine, theirs, up in axes):
            return False
        return not any((exact(theirs).mask << up) & ~exact(mine).mask for mine, theirs, up in axes)

    @property
    def dilated_steps(self) -> tuple[Node, ...]:
        """The steps that read more than one position."""
        kernels = zip(*(self.layers(axis) for axis in range(len(self.low))), strict=True)
        return tuple(node for node, axes in zip(self.steps, kernels, strict=True) if any(k > 1 for _, k in axes))

    @property
    def dilated(self) -> bool:
        """Whether some step skips positions."""
        return any(rate > 1 and kernel > 1 for axis in range(len(self.low)) for rate, kernel in self.layers(axis))


@dataclass(frozen=True, slots=True)
class Group:
    """One run judged as a stack, or several branches side by side; `jump` is input positions per step, per axis."""

    branches: tuple[Chain, ...]
    jump: tuple[Fraction | None, ...]

    @property
    def parallel(self) -> bool:
        """Whether these are branches between one fork and its merge."""
        return len(self.branches) > 1

    @property
    def rank(self) -> int:
        """How many spatial axes there are."""
        return len(self.branches[0].low)

    def gridding(self, axis: int) -> Gridding:
        """Judge a run along one axis."""
        layers = self.branches[0].layers(axis)
        return check([rate for rate, _ in layers], [kernel for _, kernel in layers])

    def reached(self, axis: int) -> Exact:
        """Return what is reached along one axis by any of the branches."""
        start = min(chain.low[axis] for chain in self.branches)
        axes = [(chain.low[axis] - start, exact(chain.layers(axis))) for chain in self.branches]
        mask = 0
        for offset, axis_field in axes:
            mask |= axis_field.mask << offset
        return Exact(max(offset + axis_field.receptive_field for offset, axis_field in axes), mask)

    def positions(self) -> tuple[int, int]:
        """Return how many positions of all axes together are reached, and how many there are."""
        starts = [min(chain.low[axis] for chain in self.branches) for axis in range(self.rank)]
        boxes = [
            tuple(exact(chain.layers(axis)).mask << (chain.low[axis] - start) for axis, start in enumerate(starts))
            for chain in self.branches
        ]
        return union_of_boxes(boxes), prod(self.reached(axis).receptive_field for axis in range(self.rank))


def groups(graph: Graph) -> list[Group]:
    """Return the groups of a graph in which something is dilated, in the order of their first steps.

    Raises UnsupportedError where kernels, rates or paddings are no plain numbers.
    """
    convolutions = [node.op for node in graph.nodes if isinstance(node.op, ops.Conv)]
    if all(is_one(window.dilation) for op in convolutions for window in op.windows):
        return []
    walk = _Walk(graph)
    for node in graph.nodes:
        walk.read(node)
    for index, chain in walk.chains.items():
        if index not in walk.readers:
            walk.end(chain)
    return walk.groups()


class _Walk:
    """One pass over a graph that carries the open chain of every value."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.readers = {index: len(nodes) for index, nodes in graph.readers().items()}
        self.unread = dict(self.readers)
        """How often each value is still to be read: its chain is dropped after the last time."""
        self.chains: dict[int, Chain] = {}
        self.before: dict[int, Chain] = {}
        """For a value read more than once: the chain that leads to it."""
        self.ended: list[Chain] = []
        self.joined: dict[int, tuple[Chain, ...]] = {}
        """For the value of a merge that no further one takes in: the branches that meet there."""

    def read(self, node: Node) -> None:
        """Carry the chains of a step's inputs on, or end them."""
        data = [value for value in node.inputs if value.index in self.chains]
        rank = max(len(node.output.shape) - 2, 0)
        fresh = Chain(node.output.index, (), (0,) * rank)
        if isinstance(node.op, (ops.Parameter, ops.Constant)):
            return
        chain = self._carried(node, data) if data else fresh
        if chain is None or len(chain.low) != rank:
            for value in data:
                self.end(self.chains[value.index])
            chain = fresh
        if self.readers.get(node.output.index, 0) > 1 and chain.root != node.output.index:
            self.before[node.output.index] = chain
            chain = fresh
        self.chains[node.output.index] = chain
        for value in node.inputs:
            self.unread[value.index] -= 1
            if not self.unread[value.index]:
                self.chains.pop(value.index, None)

    def _carried(self, node: Node, data: list[Value]) -> Chain | None:
        op, first = node.op, self.chains[data[0].index]
        if isinstance(op, (ops.Elementwise, ops.Concat)) and len(data) > 1:
            return self._merged(node, data)
        by = stride_one_shift(node)
        if by is None or len(by) != len(first.low):
            return None
        steps = (*first.steps, node) if isinstance(op, ops.Conv) else first.steps
        return Chain(first.root, steps, tuple(a + b for a, b in zip(first.low, by, strict=True)))

    def _merged(self, node: Node, data: list[Value]) -> Chain | None:
        """The run that goes on through a merge; None where it ends, with the branches noted.

            +-- a -- b --+       the same chain on all sides goes on; branches of one fork go on as the one that
        fork+-- a -------+ add   holds the others (a residual addition), or end and are judged together as a parallel
            +------------+       group (an ASPP); what comes from several forks, or is joined along space, ends
        """
        spread = [value for value in data if spread_out(value, node.output)]
        parts = [(value, chain) for value in spread for chain in self._open(value)]
        chains = [chain for _, chain in parts]
        if len(set(chains)) == 1:
            return chains[0]
        if (isinstance(node.op, ops.Concat) and node.op.axis != 1) or len({len(chain.low) for chain in chains}) > 1:
            return None
        shared = self._from_one_fork(chains)
        branches, complete = tuple(dict.fromkeys(shared.values())), len(shared) == len(chains)
        if len(branches) == 1:
            return branches[0] if complete else None
        if complete and isinstance(node.op, ops.Elementwise) and not node.op.about.partial_write:
            holding = next((chain for chain in branches if all(map(chain.holds, branches))), None)
            if holding is not None:
                return holding
        self._join(node, branches, {parts[place][0].index for place in shared})
        return None

    def _join(self, node: Node, branches: tuple[Chain, ...], values: set[int]) -> None:
        """Note the branches that meet in a step, end what leads to their fork, and start anew from what they wrote."""
        nothing = (0,) * len(branches[0].low)
        self.end(Chain(branches[0].root, (), nothing))
        for value in values:
            if self.readers[value] == 1:  # its branches are among these
                self.joined.pop(value, None)
            self.chains[value] = Chain(value, (), nothing)
        self.joined[node.output.index] = branches

    def _open(self, value: Value) -> tuple[Chain, ...]:
        """The branches that meet in a value only this merge reads; else the one chain that leads to it."""
        if self.readers[value.index] > 1:
            return (self.chains[value.index],)
        return self.joined.get(value.index, (self.chains[value.index],))

    def _from_one_fork(self, chains: list[Chain]) -> dict[int, Chain]:
        """Return the chains that start from one value, as many as do, each lengthened back past its forks."""
        if len({chain.root for chain in chains}) == 1:
            return dict(enumerate(chains))
        lifted = {place: self._lengthened(chain) for place, chain in enumerate(chains)}
        roots = [chain.root for some in lifted.values() for chain in some]
        best = max(sorted(set(roots), reverse=True), key=roots.count)
        return {place: chain for place, some in lifted.items() for chain in some if chain.root == best}

    def _lengthened(self, chain: Chain) -> list[Chain]:
        chains = [chain]
        while chains[-1].root in self.before:
            chains.append(self.before[chains[-1].root].after(chains[-1]))
        return chains

    def end(self, chain: Chain) -> None:
        """Note a run that can go no further."""
        self.ended.append(self._lengthened(chain)[-1])

    def groups(self) -> list[Group]:
        """Return the dilated runs that are part of no longer one and of no branch, and the parallel groups."""
        parallel = [branches for branches in self.joined.values() if any(chain.dilated for chain in branches)]
        members = [(chain,) for chain in self._serial(parallel)] + parallel
        jumps = self._jumps() if members else {}
        groups = [Group(branches, jumps.get(branches[0].root, (None,) * len(branches[0].low))) for branches in members]
        return sorted(
            groups, key=lambda group: min(node.output.index for chain in group.branches for node in chain.steps)
        )

    def _serial(self, parallel: Sequence[tuple[Chain, ...]]) -> list[Chain]:
        """The dilated runs that lie in no branch and begin no longer run, each once."""
        branches = [
            (self._lengthened(chain)[-1].dilated_steps, self._trunk(together))
            for together in parallel
            for chain in together
        ]
        alone = [
            chain
            for chain in dict.fromkeys(self.ended)
            if chain.dilated and not any(_lies_in(chain.dilated_steps, steps, trunk) for steps, trunk in branches)
        ]
        runs: dict[tuple[int, ...], Chain] = {}
        for chain in alone:
            steps = chain.dilated_steps
            longer = (other for other in alone if len(other.dilated_steps) > len(steps))
            if not any(_begins(other.dilated_steps, steps) for other in longer):
                runs.setdefault(tuple(node.output.index for node in steps), chain)
        return list(runs.values())

    def _trunk(self, branches: tuple[Chain, ...]) -> int:
        """How many steps lead to the fork of some branches."""
        fork = Chain(branches[0].root, (), (0,) * len(branches[0].low))
        return len(self._lengthened(fork)[-1].dilated_steps)

    def _jumps(self) -> dict[int, tuple[Fraction | None, ...]]:
        """Return the jump of every value, where the input's sizes need not be known for it."""
        try:
            by_value = fields(self.graph)
        except UnsupportedError:
            return {}
        jumps: dict[int, tuple[Fraction | None, ...]] = {}
        for node in self.graph.nodes:
            field = by_value[node.output.index]
            axes = range(2, len(node.output.shape))
            reaches = [next((r for key, r in field.items() if key[2] == axis), None) for axis in axes]
            jumps[node.output.index] = tuple(r.stride if isinstance(r, Reach) else None for r in reaches)
        return jumps


def _lies_in(run: tuple[Node, ...], branch: tuple[Node, ...], trunk: int) -> bool:
    """Whether a run goes past the trunk of a branch and along it."""
    return len(run) > trunk and _begins(branch, run)


def _begins(steps: tuple[Node, ...], with_: tuple[Node, ...]) -> bool:
    return steps[: len(with_)] == with_
