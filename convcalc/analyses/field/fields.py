"""`fields`: the receptive field of every value of a graph: a local interval per axis, and what it sees whole.

One map per value, `(input, input axis, own axis or None) -> Reach or reason`: local and global side by side,
several inputs, branches without a special case.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import accumulate
from math import prod
from typing import TYPE_CHECKING, TypeAlias, assert_never

from convcalc import ops
from convcalc.analyses.field.reach import Reach
from convcalc.analyses.field.resampling import copies, factor, ratio, reader
from convcalc.errors import UnsupportedError
from convcalc.sizes import is_one
from convcalc.window import Window, adaptive_window

if TYPE_CHECKING:
    from convcalc.graph import Graph, Node, Value
    from convcalc.sizes import Size

Key: TypeAlias = tuple[int, int, int | None]
Field: TypeAlias = dict[Key, "Reach | str"]
"""Input number, input axis, own axis -> Reach; own axis None -> why all of that axis is seen."""
ANYWHERE, RANDOM = "data-dependent: anywhere by offset", "windows at random places"


def fields(graph: Graph) -> dict[int, Field]:
    """Return what each value sees of each spatial axis of each input.

    Raises UnsupportedError where branches of different strides meet and the sizes are not known, and for sizes
    that are not plain numbers where they matter.
    """
    by_value: dict[int, Field] = {}
    inputs = 0
    for node in graph.nodes:
        if isinstance(node.op, ops.Input):
            axes = range(2, len(node.op.shape))
            by_value[node.output.index] = {(inputs, axis, axis): Reach() for axis in axes}
            inputs += 1
        else:
            by_value[node.output.index] = _through(node, [by_value[value.index] for value in node.inputs])
    return by_value


def _through(node: Node, operands: list[Field]) -> Field:
    op = node.op
    match op:
        case ops.Input() | ops.Parameter() | ops.Constant():
            return {}
        case ops.Conv():
            return _join(_walk(operands[0], op.windows, node), *(_whole(f, "a generated kernel") for f in operands[1:]))
        case ops.ConvTranspose():
            return _join(
                _spread(operands[0], op.windows, node), *(_whole(f, "a generated kernel") for f in operands[1:])
            )
        case ops.Pool():
            if op.random:
                return _whole(operands[0], RANDOM)
            return _walk(operands[0], op.windows, node) if op.windows else _adaptive(operands[0], node)
        case ops.Unfold():
            return _columns(operands[0], op.windows, node)
        case ops.Fold():
            return _folded(operands[0], op.windows, node)
        case ops.Recurrent():
            return _join(*(_whole(f, "a recurrent layer") for f in operands))
        case ops.Sample():
            places = [_whole(f, ANYWHERE) for f in (operands[1:] if op.axes else operands)]
            nominal = _columns(operands[0], op.windows, node) if op.windows else {}
            return _join(_elsewhere(operands[0], op.axes) if op.axes else nominal, *places)
        case ops.Einsum():
            return _join(*(_letters(f, op.equation, place) for place, f in enumerate(operands)))
        case ops.Resample():
            return _each(operands[0], lambda axis, reach: _resampled(reach, op, node, axis))
        case ops.Pad():
            return _padded(operands[0], op, node)
        case ops.Reduce():
            return _reduced(operands[0], op)
        case ops.Concat():
            return _concatenated(operands, op, node)
        case ops.Slice():
            return _each(operands[0], lambda axis, reach: _sliced(reach, op, node) if axis == op.axis else reach)
        case ops.Rearrange():
            return _rearranged(operands[0], op, node)
        case ops.Elementwise():
            return _elementwise(operands, op, node)
        case ops.Opaque():
            return _join(*(_whole(f, f"{op.name}, which cannot be read") for f in operands))
    assert_never(op)


def _each(field: Field, change: object) -> Field:
    """Change every local reach by its own axis; what is seen whole stays whole."""
    out: Field = {}
    for key, reach in field.items():
        along = key[2]
        out[key] = reach if along is None or isinstance(reach, str) else change(along, reach)  # type: ignore[operator]
    return out


def _join(*operands: Field, size_of: Value | None = None) -> Field:
    out: Field = {}
    for field in operands:
        for key, reach in field.items():
            have = out.get(key)
            if isinstance(have, Reach) and isinstance(reach, Reach):
                along = key[2]
                size = None if size_of is None or along is None else _size(size_of, along)
                out[key] = have.union(reach, size)
            else:
                out.setdefault(key, reach)
    return out


def _whole(field: Field, reason: str) -> Field:
    return {(i, axis, None): (reach if along is None else reason) for (i, axis, along), reach in field.items()}


def _size(value: Value, axis: int) -> int | None:
    size = value.shape[axis]
    return size if isinstance(size, int) else None


def _number(size: Size) -> int:
    if not isinstance(size, int):
        raise UnsupportedError("a receptive field needs plain numbers here: give the input's size with -i")
    return size


def _plain(window: Window) -> Window:
    for size in (window.kernel, window.stride, window.dilation, window.before):
        _number(size)
    return window


def _walk(field: Field, windows: tuple[Window, ...], node: Node) -> Field:
    return _each(field, lambda axis, reach: reach.through(_plain(windows[axis - 2]), _size(node.output, axis)))


def _columns(field: Field, windows: tuple[Window, ...], node: Node) -> Field:
    """What each window reads, laid out as (B, C, *kernel, *out): the output's own axes follow the taps."""
    rank = len(windows)
    walked = _each(field, lambda axis, r: r.through(_plain(windows[axis - 2]), _size(node.output, axis + rank)))
    return {(i, a, along + rank if along is not None else None): r for (i, a, along), r in walked.items()}


def _spread(field: Field, windows: tuple[Window, ...], node: Node) -> Field:
    return _each(field, lambda axis, r: r.back_through(_plain(windows[axis - 2]), _size(node.output, axis)))


def _folded(field: Field, windows: tuple[Window, ...], node: Node) -> Field:
    """What is added at each position, from columns laid out as (B, C, *kernel, *positions)."""
    rank = len(windows)
    laid: Field = {
        (i, a, along - rank): r for (i, a, along), r in field.items() if along is not None and along >= 2 + rank
    }
    taps = {key: reach for key, reach in field.items() if key[2] is None or key[2] < 2 + rank}
    return _join(_spread(laid, windows, node), _whole(taps, "the taps of a fold"))


def _adaptive(field: Field, node: Node) -> Field:
    out: Field = {}
    for key, reach in field.items():
        along = key[2]
        if along is None or isinstance(reach, str):
            out[key] = reach
            continue
        inputs, outputs = node.inputs[0].shape[along], node.output.shape[along]
        if outputs is inputs:
            out[key] = reach
        elif isinstance(outputs, int) and outputs == 1:
            out[key[0], key[1], None] = "global pooling"
        else:
            n, m = _number(inputs), _number(outputs)
            out[key] = reach.resized(Fraction(n, m), lambda j, n=n, m=m: adaptive_window(j, n, m), m)  # type: ignore[misc]
    return out


def _elsewhere(field: Field, axes: tuple[int, ...]) -> Field:
    """What a gather along some axes reads: anything there, its own place along the others."""
    return {(i, axis, None if at in axes else at): ANYWHERE if at in axes else r for (i, axis, at), r in field.items()}


def _letters(field: Field, equation: str, place: int) -> Field:
    reads, result = equation.split("->")
    letters = reads.split(",")[place]
    out: Field = {}
    for (i, axis, along), reach in field.items():
        if along is None:
            out[i, axis, None] = reach
        elif letters[along] in result:
            out[i, axis, result.index(letters[along])] = reach
        else:
            out[i, axis, None] = "a sum over that axis"
    return out


def _resampled(reach: Reach, op: ops.Resample, node: Node, axis: int) -> Reach:
    place = axis - 2
    have = _size(node.inputs[0], axis)
    if have is not None and copies(op, place, have):
        return reach
    if op.scale is not None and not op.align_corners:
        step = 1 / factor(op, place)
    else:
        step = ratio(op, place, _number(node.inputs[0].shape[axis]))
    return reach.resized(step, reader(op, step), _size(node.output, axis))


def _padded(field: Field, op: ops.Pad, node: Node) -> Field:
    """Away from the border all modes read alike; what others read there, Paths knows."""
    window = {axis: Window(kernel=1, before=before) for axis, before in enumerate(op.before)}
    return _each(field, lambda axis, reach: reach.through(_plain(window[axis]), _size(node.output, axis)))


def _reduced(field: Field, op: ops.Reduce) -> Field:
    out: Field = {}
    for (i, axis, along), reach in field.items():
        if along is None or along in op.axes:
            out[i, axis, None] = reach if along is None else f"a {op.function} over that axis"
        else:
            axis_after = along if op.keep else along - sum(gone < along for gone in op.axes)
            out[i, axis, axis_after] = reach
    return out


def _sliced(reach: Reach, op: ops.Slice, node: Node) -> Reach:
    window = Window(kernel=1, stride=_number(op.step), before=-_number(op.start))
    return reach.through(window, _size(node.output, op.axis))


def _concatenated(operands: list[Field], op: ops.Concat, node: Node) -> Field:
    """Along another axis branches merge; along a spatial one each output position belongs to one of them."""
    if not any(along == op.axis for field in operands for _, _, along in field):
        return _join(*operands, size_of=node.output)
    parts: Field = {}
    start = 0
    size = _number(node.output.shape[op.axis])
    for field, value in zip(operands, node.inputs, strict=True):
        length = _number(value.shape[op.axis])
        for (i, axis, along), reach in field.items():
            if along == op.axis and isinstance(reach, Reach):
                shifted = reach.table(length).through(Window(kernel=1, before=start), size)
                parts = _join(parts, {(i, axis, along): shifted}, size_of=node.output)
            else:
                parts = _join(parts, {(i, axis, along): reach}, size_of=node.output)
        start += length
    return parts


def _rearranged(field: Field, op: ops.Rearrange, node: Node) -> Field:
    """Follow the outermost factor of each axis to where it lands; merged under another axis it is seen whole."""
    starts = [0, *accumulate(len(factors) for factors in op.split)]
    landings = op.landings()
    out: Field = {}
    for (i, axis, along), reach in field.items():
        if along is None or isinstance(reach, str):
            out[i, axis, None] = reach
            continue
        factors = op.split[along]
        lead = next((nth for nth, factor in enumerate(factors) if not is_one(factor)), 0)
        landing = landings[starts[along] + lead]
        if not all(map(is_one, landing.outer)):
            out[i, axis, None] = "flatten"
            continue
        window, lengths = prod(map(_number, factors[lead + 1 :])), _size(node.inputs[0], along)
        repeats = prod(1 if is_one(factor) else _number(factor) for factor in landing.inner)
        size, step = _size(node.output, landing.axis), Window(kernel=window, stride=window)
        gathered = reach if window == 1 else reach.through(step, lengths and lengths // window)
        if repeats > 1:
            gathered = gathered.resized(Fraction(1, repeats), lambda n, r=repeats: (n // r,), size)  # type: ignore[misc]
        out = _join(out, {(i, axis, landing.axis): gathered}, size_of=node.output)
    return out


def _elementwise(operands: list[Field], op: ops.Elementwise, node: Node) -> Field:
    if op.about.partial_write:
        return _join(operands[0], *(_whole(f, "a write into part of a tensor") for f in operands[1:]))
    rank = len(node.output.shape)
    aligned: list[Field] = []
    for field, value in zip(operands, node.inputs, strict=True):
        shift = rank - len(value.shape)
        result: Field = {}
        for (i, axis, at), reach in field.items():
            if at is None:
                result[i, axis, None] = reach
            elif is_one(value.shape[at]) and not is_one(node.output.shape[at + shift]):
                result[i, axis, None] = "a gate of one position"
            else:
                result[i, axis, at + shift] = reach
        aligned.append(result)
    local = _join(*aligned, size_of=node.output)
    along = {(i, axis, None): op.function for (i, axis, at) in local if at is not None and at in op.axes}
    return {**local, **{key: reason for key, reason in along.items() if key not in local}}
