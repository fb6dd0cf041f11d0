"""`stride_one_shift`: which steps a run of stride-1 convolutions goes on through, and by how much they move it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convcalc import ops
from convcalc.errors import UnsupportedError
from convcalc.sizes import is_one

if TYPE_CHECKING:
    from convcalc.graph import Node, Value
    from convcalc.sizes import Size


def whole(size: Size) -> int:
    """Return a size that is a number. Raises UnsupportedError for symbols, arrays and sizes not given."""
    if not isinstance(size, int):
        raise UnsupportedError("gridding needs plain numbers: give the rates and kernels")
    return size


def spread_out(value: Value, onto: Value) -> bool:
    """Whether a value has positions of its own, and is not a gate of one position per channel."""
    return not one_position(value) or one_position(onto)


def one_position(value: Value) -> bool:
    """Whether a map is a single position (also where there are no spatial axes)."""
    return all(map(is_one, value.spatial))


def stride_one_shift(node: Node) -> tuple[int, ...] | None:
    """Return by how much each axis is moved by a step that keeps to stride 1; None where it ends a run."""
    op, rank = node.op, len(node.output.shape) - 2
    match op:
        case ops.Conv():
            if any(not isinstance(window.stride, int) or window.stride != 1 for window in op.windows):
                return None
            return tuple(-whole(window.before) for window in op.windows)
        case ops.Elementwise():
            along = any(axis > 1 for axis in op.axes) and not op.about.norm
            return None if along or op.about.partial_write else (0,) * rank
        case ops.Pad():
            return tuple(-whole(before) for before in op.before[2:])
        case ops.Slice():
            if not isinstance(op.step, int) or op.step != 1:
                return None
            return tuple(whole(op.start) if axis == op.axis else 0 for axis in range(2, rank + 2))
        case ops.Rearrange():
            return (0,) * rank if _keeps_positions(op, rank) else None
        case _:
            return None


def _keeps_positions(op: ops.Rearrange, rank: int) -> bool:
    """Whether only the batch and channels are laid out anew: a channel shuffle."""
    last = range(sum(map(len, op.split)) - rank, sum(map(len, op.split)))
    alone = all(len(factors) == 1 for factors in op.split[-rank:]) and all(n == 1 for n in op.merge[-rank:])
    return rank > 0 and len(op.split) == len(op.merge) == rank + 2 and alone and op.order[-rank:] == tuple(last)
