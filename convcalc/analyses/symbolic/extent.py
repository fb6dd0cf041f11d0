"""`extents`: the field as a formula: first and last position, jump: first -= p j, last += (d(k-1) - p) j, j *= s.

Source: Araujo, Norris, Sim, Distill 2019. Numbers, phases and borders are the business of `field`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, assert_never

import sympy

from convcalc import ops
from convcalc.analyses.field.fields import ANYWHERE, RANDOM

if TYPE_CHECKING:
    from convcalc.graph import Graph, Node

Extents = dict[int, "Extent"]
"""Input number -> what is seen of its last axis."""


class Extent(NamedTuple):
    """The first and the last position output 0 sees, positions per output, and what else is seen.

    `local` is False where nothing else than that is, `known` where no closed form of the size is kept; `axes` are then
    the size and the jump of each axis, where the axes differ.
    """

    first: Any = sympy.Integer(0)
    last: Any = sympy.Integer(0)
    jump: Any = sympy.Integer(1)
    more: tuple[str, ...] = ()
    local: bool = True
    known: bool = True
    axes: tuple[tuple[Any, Any], ...] = ()

    @property
    def size(self) -> Any:
        """How many positions one output sees at most."""
        return self.last - self.first + 1


def extents(graph: Graph, *, spatial: bool = True) -> list[Extents]:
    """Return what each output sees of the last axis of each input; nothing where that is not `spatial` (features)."""
    by_value: dict[int, Extents] = {}
    inputs = 0
    for node in graph.nodes:
        if isinstance(node.op, ops.Input):
            local = spatial and len(node.op.shape) > 2
            by_value[node.output.index] = {inputs: Extent(local=local)}
            inputs += 1
        else:
            by_value[node.output.index] = _through(node, [by_value[value.index] for value in node.inputs])
    return [by_value[value.index] for value in graph.outputs]


def _through(node: Node, operands: list[Extents]) -> Extents:
    op = node.op
    match op:
        case ops.Conv():
            return _join(
                _through_window(operands[0], op.windows[-1]), *(_whole(s, "a generated kernel") for s in operands[1:])
            )
        case ops.Unfold():
            return _through_window(operands[0], op.windows[-1])
        case ops.Sample():
            lengthened = _through_window(operands[0], op.windows[-1]) if op.windows else {}
            return _join(lengthened, *(_whole(s, ANYWHERE) for s in operands))
        case ops.Recurrent():
            return _join(*(_whole(s, "a recurrent layer") for s in operands))
        case ops.Pool():
            if op.random:
                return _whole(operands[0], RANDOM)
            if op.windows:
                return _through_window(operands[0], op.windows[-1])
            if op.output_size[-1] is node.inputs[0].shape[-1]:
                return operands[0]
            if isinstance(op.output_size[-1], int) and op.output_size[-1] == 1:
                return _whole(operands[0], "global pooling")
            return _each(operands[0], lambda e: e._replace(known=False))
        case ops.ConvTranspose() | ops.Fold():
            window = op.windows[-1]
            return _each(operands[0], lambda e: _spread(e, window.dilation * (window.kernel - 1), window.stride))
        case ops.Resample():
            factor = sympy.sympify(op.size[-1]) / node.inputs[0].shape[-1]
            plain = op.mode == "nearest" and not {"H", "W", "D", "T"} & {symbol.name for symbol in factor.free_symbols}
            return _each(operands[0], lambda e: e._replace(jump=e.jump / factor, known=e.known and plain))
        case ops.Pad():
            return _each(operands[0], lambda e: _shift(e, op.before[-1]))
        case ops.Slice():
            along = op.axis == len(node.output.shape) - 1
            if not along:
                return operands[0]
            return _each(operands[0], lambda e: _shift(e, -op.start)._replace(jump=e.jump * op.step))
        case ops.Reduce():
            along = len(node.inputs[0].shape) - 1 in op.axes
            return _whole(operands[0], f"a {op.function} over the map") if along else operands[0]
        case ops.Rearrange():
            return _rearranged(operands[0], op, node)
        case ops.Elementwise():
            return _elementwise(node, op, operands)
        case ops.Einsum():
            if any(value.nonzeros is not None for value in node.inputs):
                return _join(*(_whole(s, "data-dependent: neighbours in the graph") for s in operands))
            return _join(*operands)
        case ops.Input() | ops.Parameter() | ops.Constant() | ops.Concat() | ops.Opaque():
            return _join(*operands)
    assert_never(op)


def _each(extents: Extents, change: Any) -> Extents:
    return {i: change(e) if e.local else e for i, e in extents.items()}


def _through_window(extents: Extents, window: Any) -> Extents:
    def lengthen(e: Extent) -> Extent:
        grown = sympy.sympify(window.dilation * (window.kernel - 1) * e.jump)
        if sympy.sympify(e.jump).is_integer:
            lengthened = _shift(e, window.before)
            return lengthened._replace(last=lengthened.last + grown, jump=e.jump * window.stride)
        return e._replace(last=e.last + sympy.ceiling(grown), jump=e.jump * window.stride)

    return _each(extents, lengthen)


def _shift(e: Extent, before: Any) -> Extent:
    return e._replace(first=e.first - before * e.jump, last=e.last - before * e.jump)


def _spread(e: Extent, span: Any, stride: Any) -> Extent:
    return e._replace(last=e.last + sympy.floor(sympy.sympify(span) / stride) * e.jump, jump=e.jump / stride)


def _whole(extents: Extents, reason: str) -> Extents:
    return {i: Extent(more=tuple(dict.fromkeys((*e.more, reason))), local=False) for i, e in extents.items()}


def _join(*operands: Extents) -> Extents:
    out: Extents = {}
    for extents in operands:
        for i, e in extents.items():
            have = out.get(i)
            if have is None:
                out[i] = e
                continue
            more = tuple(dict.fromkeys((*have.more, *e.more)))
            near, far = (have, e) if have.local else (e, have)
            if near.local and far.local:
                first = sympy.Min(*map(sympy.expand, (near.first, far.first)))
                last = sympy.Max(*map(sympy.expand, (near.last, far.last)))
                near = near._replace(first=first, last=last, known=near.known and far.known)
            out[i] = near._replace(more=more)
    return out


def _rearranged(extents: Extents, op: ops.Rearrange, node: Node) -> Extents:
    """A spatial axis keeps its extent; where channels are moved into it the jump is divided."""
    old, new = node.inputs[0].shape, node.output.shape
    if len(old) < 3 or not any(e.local for e in extents.values()):
        return extents
    if len(new) < 3:
        return _whole(extents, "flatten")
    *outer, inner = op.split[-1]
    if outer and op.merge[-1] == 1:  # every step of a map taken apart sees as many positions as lie in it
        return _each(extents, lambda e: e._replace(last=e.last + (inner - 1) * e.jump, jump=e.jump * inner))
    ratio = sympy.sympify(new[-1]) / old[-1]
    changes = op.merge[-1] > 1 and op.order[-op.merge[-1]] == sum(map(len, op.split)) - len(op.split[-1])
    return _each(extents, lambda e: e._replace(jump=e.jump / ratio)) if changes else extents


def _elementwise(node: Node, op: ops.Elementwise, operands: list[Extents]) -> Extents:
    parts = []
    for value, extents in zip(node.inputs, operands, strict=True):
        gate = bool(value.shape) and value.shape[-1] == 1 and node.output.shape[-1] != 1
        parts.append(
            _whole(extents, "a gate of one position") if gate and any(e.local for e in extents.values()) else extents
        )
    joined = _join(*parts)
    along = [axis for axis in op.axes if axis >= 2]
    if along:
        joined = {
            i: e._replace(more=tuple(dict.fromkeys((*e.more, op.function)))) if e.local else e
            for i, e in joined.items()
        }
    return joined
