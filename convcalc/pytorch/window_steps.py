"""`pool`, `unfold` and `fold`: steps by windows as torch computes them, those that torch has no layer for as well."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from convcalc.padding import torch_pools

if TYPE_CHECKING:
    from collections.abc import Callable

    from convcalc import ops
    from convcalc.window import Window

MAX_POOL: dict[int, Callable[..., Tensor]] = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
AVG_POOL: dict[int, Callable[..., Tensor]] = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}
ADAPTIVE: dict[tuple[str, int], Callable[..., Tensor]] = {
    ("max", 1): F.adaptive_max_pool1d,
    ("max", 2): F.adaptive_max_pool2d,
    ("max", 3): F.adaptive_max_pool3d,
    ("avg", 1): F.adaptive_avg_pool1d,
    ("avg", 2): F.adaptive_avg_pool2d,
    ("avg", 3): F.adaptive_avg_pool3d,
}
FRACTIONAL: dict[int, Callable[..., Tensor]] = {2: F.fractional_max_pool2d, 3: F.fractional_max_pool3d}


def sides_of(windows: tuple[Window, ...]) -> list[int]:
    """The windows' padding as F.pad takes it: the last axis first."""
    return [side for window in reversed(windows) for side in (window.before, window.after)]


def pool(op: ops.Pool, x: Tensor) -> Tensor:
    """Pool by windows, over uneven windows that tile the map, or over windows at random places."""
    rank = x.dim() - 2
    if op.random:
        return FRACTIONAL[rank](x, tuple(window.kernel for window in op.windows), output_size=op.output_size)
    if not op.windows:
        return ADAPTIVE[op.function, rank](x, op.output_size)
    stride = tuple(window.stride for window in op.windows)
    padding = tuple(window.before for window in op.windows)
    kernel = tuple(window.kernel for window in op.windows)
    small = op.function == "avg" and rank == 3 and any(size < k for size, k in zip(x.shape[2:], kernel, strict=True))
    if small or not all(torch_pools(window) for window in op.windows):
        return _unlike_torch(op, x, kernel, stride)
    if op.function == "max":
        dilation = tuple(window.dilation for window in op.windows)
        return MAX_POOL[rank](x, kernel, stride, padding, dilation, ceil_mode=op.ceil_mode)
    return AVG_POOL[rank](x, kernel, stride, padding, ceil_mode=op.ceil_mode, count_include_pad=op.count_padding)


def _unlike_torch(op: ops.Pool, x: Tensor, kernel: tuple[int, ...], stride: tuple[int, ...]) -> Tensor:
    """A pool whose sides torch does not take: a max padded with -inf, an average as a sum over a count."""
    rank = x.dim() - 2
    reads = [
        (window.pooled_size(size, ceil_mode=op.ceil_mode) - 1) * window.stride + window.span
        for window, size in zip(op.windows, x.shape[2:], strict=True)
    ]
    each = list(zip(op.windows, x.shape[2:], reads, strict=True))
    sides = [side for window, size, read in reversed(each) for side in (window.before, read - window.before - size)]
    if op.function == "max":
        dilation = tuple(window.dilation for window in op.windows)
        return MAX_POOL[rank](F.pad(x, sides, value=float("-inf")), kernel, stride, 0, dilation)
    counted = torch.ones_like(x)
    if op.count_padding:
        counted = F.pad(counted, sides_of(op.windows), value=1.0)
        beyond = [
            side for window, size, read in reversed(each) for side in (0, read - window.before - size - window.after)
        ]
    else:
        beyond = sides
    return AVG_POOL[rank](F.pad(x, sides), kernel, stride) / AVG_POOL[rank](F.pad(counted, beyond), kernel, stride)


def unfold(op: ops.Unfold, x: Tensor) -> Tensor:
    """Windows of every rank: one strided view per axis, the taps moved before the positions."""
    rank = len(op.windows)
    y = F.pad(x, sides_of(op.windows))
    for axis, window in enumerate(op.windows):
        y = y.unfold(2 + axis, window.span, window.stride)[..., :: window.dilation]
    order = (0, 1, *range(2 + rank, 2 + 2 * rank), *range(2, 2 + rank))
    return y.permute(order)


def fold(op: ops.Fold, columns: Tensor) -> Tensor:
    """Windows of every rank: each tap's map is added where it lies, then what lies on padding is cut."""
    rank = len(op.windows)
    if rank == 2 and all(window.symmetric for window in op.windows):
        kernel, dilation, padding, stride = zip(
            *((w.kernel, w.dilation, w.before, w.stride) for w in op.windows), strict=True
        )
        return F.fold(columns.flatten(1, 3).flatten(2, 3), op.size, kernel, dilation, padding, stride)
    padded = [window.before + size + window.after for window, size in zip(op.windows, op.size, strict=True)]
    y = columns.new_zeros((*columns.shape[:2], *padded))
    for taps in itertools.product(*(range(window.kernel) for window in op.windows)):
        places = tuple(
            slice(window.dilation * tap, window.dilation * tap + window.stride * (count - 1) + 1, window.stride)
            for tap, window, count in zip(taps, op.windows, columns.shape[2 + rank :], strict=True)
        )
        here: Any = (..., *places)
        there: Any = (slice(None), slice(None), *taps)
        y[here] = y[here] + columns[there]
    return F.pad(y, [-side for side in sides_of(op.windows)])
