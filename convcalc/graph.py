"""`Graph`: the written program: steps in the order they were written. Reading one is a for-loop."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, TypeAlias

from convcalc.ops import Conv, ConvTranspose, Input, Op
from convcalc.sizes import Shape, Size

Path: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Value:
    """What step number `index` makes: (batch, channels, *spatial) unless the op says otherwise.

    `nonzeros` is set for a sparse tensor (the adjacency of a graph): how many entries it holds.
    """

    index: int
    shape: Shape
    nonzeros: Size | None = None

    @property
    def batch(self) -> Size:
        """The first axis."""
        return self.shape[0]

    @property
    def channels(self) -> Size:
        """The second axis."""
        return self.shape[1]

    @property
    def spatial(self) -> Shape:
        """The axes after batch and channels."""
        return self.shape[2:]


class Node(NamedTuple):
    """One step: the op, what it reads, what it makes, and the scope it was written in."""

    op: Op
    inputs: tuple[Value, ...]
    output: Value
    scope: Path


class Scope(NamedTuple):
    """A named stretch of steps: a layer of a spec, a part of a recipe, a module of a model."""

    path: Path
    kind: str = ""
    text: str = ""
    times: int = 1

    @property
    def name(self) -> str:
        """The path joined with dots, as torch names a module."""
        return ".".join(self.path) or "(outside any layer)"


class Constraint(NamedTuple):
    """Something assumed: a mask of valid rows in a sweep, or a relation between symbols."""

    message: str
    holds: Any


@dataclass(frozen=True)
class Graph:
    """A whole program: nodes in order, the values it gives, its scopes, its assumptions, and notes for its reader."""

    nodes: tuple[Node, ...]
    outputs: tuple[Value, ...]
    scopes: tuple[Scope, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    notes: tuple[str, ...] = ()

    @cached_property
    def inputs(self) -> tuple[Value, ...]:
        """The values of the Input steps, in order."""
        return tuple(node.output for node in self.nodes if isinstance(node.op, Input))

    @property
    def convolutions(self) -> tuple[Node, ...]:
        """The steps that are convolutions, plain or transposed, in order."""
        return tuple(node for node in self.nodes if isinstance(node.op, (Conv, ConvTranspose)))

    @property
    def valid(self) -> Any:
        """True, or for a sweep the mask of rows in which every requirement holds."""
        mask: Any = True
        for constraint in self.constraints:
            mask = mask & constraint.holds
        return mask

    def readers(self) -> dict[int, list[Node]]:
        """Return for each value that is read the steps that read it, once for each time."""
        by_value: dict[int, list[Node]] = {}
        for node in self.nodes:
            for value in node.inputs:
                by_value.setdefault(value.index, []).append(node)
        return by_value

    def needed(self) -> set[int]:
        """Return the values that some output depends on."""
        indices = {value.index for value in self.outputs}
        for node in reversed(self.nodes):
            if node.output.index in indices:
                indices.update(value.index for value in node.inputs)
        return indices

    def dependent(self) -> set[int]:
        """Return the values that depend on some input."""
        indices: set[int] = set()
        for node in self.nodes:
            if isinstance(node.op, Input) or any(value.index in indices for value in node.inputs):
                indices.add(node.output.index)
        return indices

    def last_reader(self) -> dict[int, int]:
        """Return for each value the index of the last step that reads it (its own where nobody does)."""
        last = {node.output.index: node.output.index for node in self.nodes}
        for node in self.nodes:
            for value in node.inputs:
                last[value.index] = node.output.index
        for value in self.outputs:
            last[value.index] = len(self.nodes)
        return last


def shared_depth(left: Path, right: Path) -> int:
    """Return how many names two scopes have in common, from the outside."""
    return next((n for n, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))
