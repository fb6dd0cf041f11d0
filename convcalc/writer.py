"""`Writer`: a graph written step by step, each step checked: scopes, rules about sizes, tensors that are there."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from convcalc import ops
from convcalc.errors import LimitError, MixedRowsError, ShapeError, UnsupportedError
from convcalc.folding import folded
from convcalc.graph import Constraint, Graph, Node, Path, Scope, Value
from convcalc.limits import MAX_STEPS, MAX_SYMBOLIC_STEPS
from convcalc.shapes import output_shape, show
from convcalc.sizes import Shape, Size, equal, is_array, is_symbol, known

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from convcalc.ops import Op, Role


class Writer:
    """Writes a graph step by step.

    `require` is one rule with three meanings: an int that breaks it fails now, an array becomes a mask of valid
    rows, a symbol becomes an assumption stated under the formula. A size that is not known passes.
    """

    def __init__(self, *, folds: bool = True, assume: Callable[[object], bool] | None = None) -> None:
        """`folds`: kinds written in their folded form keep the folded tensors only; `assume` decides for symbols.

        More steps than MAX_STEPS, or with symbols MAX_SYMBOLIC_STEPS, are refused with a LimitError.
        """
        self.most = MAX_STEPS if assume is None else MAX_SYMBOLIC_STEPS
        self.nodes: list[Node] = []
        self.folds = folds
        self._assume = assume
        self.path: Path = ()
        self._scopes: dict[Path, Scope] = {}
        self._constraints: dict[str, Constraint] = {}
        self._notes: dict[str, None] = {}
        self._lent: list[Node] | None = None

    # -- steps, scopes and rules -----------------------------------------------------------------------------

    def write(self, op: Op, *inputs: Value) -> Value:
        """Write one step and return what it makes. Raises ShapeError where sizes do not fit, LimitError."""
        if len(self.nodes) >= self.most:
            raise LimitError(f"there are over {self.most:,} steps in these layers: that is past what is written out")
        shape = output_shape(op, tuple(value.shape for value in inputs), self.require)
        value = Value(len(self.nodes), shape, op.nonzeros if isinstance(op, ops.Constant) else None)
        self.nodes.append(Node(op, inputs, value, self.path))
        return value

    def fold(self, start: int, outputs: tuple[Value, ...]) -> tuple[Value, ...]:
        """Compute once what depends on no input, from step `start` on; return where the outputs have moved to."""
        self.nodes, replacements = folded(self.nodes, start)
        return tuple(replacements.get(value.index, value) for value in outputs)

    def graph(self, *outputs: Value) -> Graph:
        """Return everything written so far as a graph with these outputs."""
        scopes, constraints = tuple(self._scopes.values()), tuple(self._constraints.values())
        return Graph(tuple(self.nodes), outputs, scopes, constraints, tuple(self._notes))

    def note(self, text: str) -> None:
        """Say of a layer what its reader should know: that torch has no such layer, and what it is instead."""
        self._notes[text] = None

    @contextmanager
    def scope(self, name: str, *, kind: str = "", text: str = "", times: int = 1) -> Iterator[None]:
        """Name the steps written inside; a name used before gets a number (`conv`, `conv_1`)."""
        unique, count = name, 0
        while (*self.path, unique) in self._scopes:
            count += 1
            unique = f"{name}_{count}"
        with self.inside((*self.path, unique), kind=kind, text=text, times=times):
            yield

    @contextmanager
    def inside(self, path: Path, *, kind: str = "", text: str = "", times: int = 1) -> Iterator[None]:
        """Write under exactly this path, whether or not it was there before (a module called twice)."""
        outer = self.path
        self.enter(path, kind=kind, text=text, times=times)
        try:
            yield
        finally:
            self.path = outer

    def enter(self, path: Path, *, kind: str = "", text: str = "", times: int = 1) -> None:
        """Write what follows under exactly this path; whoever enters puts `path` back."""
        self.path = path
        if path and path not in self._scopes:
            for above in range(1, len(path)):
                self._scopes.setdefault(path[:above], Scope(path[:above]))
            self._scopes[path] = Scope(path, kind, text, times)

    def require(self, holds: bool, message: str, **numbers: object) -> None:
        """State a rule about sizes. Raises ShapeError with `message` filled in when ints break it."""
        if holds is True or not known(cast("Size", holds)):
            return
        if is_array(holds) or _open(holds):
            rule = rule_of(message, numbers)
            before = self._constraints.get(rule)
            both = holds if before is None else before.holds & cast("Any", holds)
            self._constraints[rule] = Constraint(rule, both)
        elif not holds:
            raise ShapeError(message.format(**numbers), rule=rule_of(message, numbers))

    def decide(self, holds: bool) -> bool:
        """Branch on a size: the only way a recipe may. Raises UnsupportedError where rows or symbols differ."""
        if is_array(holds):
            rows = cast("Any", holds)
            if rows.all() or not rows.any():
                return bool(rows.all())
            raise MixedRowsError("this sweep crosses a case distinction: sweep each side by itself", rows)
        if _open(holds) and self._assume is not None:
            return self._assume(holds)
        if _open(holds):
            raise UnsupportedError(f"whether {holds} decides the structure: give a number")
        return bool(holds)

    # -- tensors that are there from the start -----------------------------------------------------------------

    def input(self, shape: Shape, name: str = "input") -> Value:
        """Write an input tensor (batch, channels, *spatial). Every size must be at least 1."""
        for size in shape:
            self.require(size >= 1, "an input size must be at least 1, not {size}", size=size)
        return self.write(ops.Input(shape, name))

    def parameter(self, name: str, shape: Shape, role: Role = "weight") -> Value:
        """Write a learned tensor, or take the next of those that are lent. Raises ShapeError where it does not fit."""
        return self._stored(ops.Parameter(shape=shape, name=name, role=role))

    def constant(
        self, name: str, shape: Shape, value: float = 0.0, *, identity: bool = False, nonzeros: Size | None = None
    ) -> Value:
        """Write a buffer: bytes, never parameters."""
        return self._stored(ops.Constant(shape=shape, name=name, value=value, identity=identity, nonzeros=nonzeros))

    @contextmanager
    def lending(self, nodes: Sequence[Node]) -> Iterator[None]:
        """Let what is written inside work with these learned tensors and buffers, one after another, not with new ones.

        Raises ShapeError where not all of them are used.
        """
        self._lent = list(nodes)
        try:
            yield
            if self._lent:
                raise ShapeError(f"{len(self._lent)} of the shared weights are not used here")
        finally:
            self._lent = None

    def _stored(self, op: ops.Parameter | ops.Constant) -> Value:
        if self._lent is None:
            return self.write(op)
        lent = self._lent.pop(0) if self._lent else None
        if lent is None or type(lent.op) is not type(op) or lent.op.name != op.name:
            raise ShapeError(f"the shared weights have no {op.name} for this layer")
        self.require(
            len(lent.output.shape) == len(op.shape) and all(map(equal, lent.output.shape, op.shape)),
            "the shared {name} is {have}, but this layer needs {need}",
            name=op.name, have=show(lent.output.shape), need=show(op.shape),
        )  # fmt: skip
        return lent.output


def rule_of(message: str, numbers: dict[str, object]) -> str:
    """Return a message with its words filled in, and its numbers left out.

    >>> rule_of("{name} ({size}) must be divisible by {by} ({n})", {"name": "in_channels", "by": "groups", "n": 3})
    'in_channels must be divisible by groups'
    """
    for name, word in numbers.items():
        if isinstance(word, str):
            message = message.replace(f"{{{name}}}", word)
    return re.sub(r"…(\s*…)+", "…", re.sub(r"\{\w+\}", "…", re.sub(r" \(\{\w+\}\)", "", message))).strip()


def _open(holds: object) -> bool:
    """Whether a relation between symbols is neither true nor false yet."""
    return is_symbol(holds) and str(holds) not in ("True", "False")
