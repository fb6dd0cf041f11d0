"""`compute`: one step of a graph as torch computes it."""

from __future__ import annotations

from functools import reduce
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from convcalc import ops
from convcalc.equations import linear_equation
from convcalc.errors import UnsupportedError
from convcalc.pytorch.window_steps import fold, pool, sides_of, unfold

if TYPE_CHECKING:
    from collections.abc import Callable

    from convcalc.window import Window

CONV: dict[int, Callable[..., Tensor]] = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
CONV_TRANSPOSE: dict[int, Callable[..., Tensor]] = {
    1: F.conv_transpose1d,
    2: F.conv_transpose2d,
    3: F.conv_transpose3d,
}
REDUCE: dict[str, Callable[..., Tensor]] = {
    "mean": torch.mean,
    "sum": torch.sum,
    "max": torch.amax,
    "min": torch.amin,
    "norm": torch.linalg.vector_norm,
    "var": torch.var,
    "std": torch.std,
    "prod": lambda x, dim, keepdim: reduce(lambda y, axis: y.prod(axis, keepdim), reversed(dim), x),
    "any": torch.any,
    "all": torch.all,
    "logsumexp": torch.logsumexp,
    "argmax": lambda x, dim, keepdim: x.argmax(dim[0], keepdim),
    "argmin": lambda x, dim, keepdim: x.argmin(dim[0], keepdim),
}


def _put(x: Tensor, *values: Tensor) -> Tensor:
    """A copy of x with as many numbers written as there are: into which part is not known here."""
    copy = x.clone().reshape(-1)
    for value in values:
        count = min(value.numel(), len(copy))
        copy[:count] = value.reshape(-1)[:count]
    return copy.reshape(x.shape)


OWN: dict[str, Callable[..., Tensor]] = {
    "identity": lambda x: x,
    "expand": lambda x, like: x.expand(like.shape),
    "weight_norm": lambda v, g: torch._weight_norm(v, g, 0),
    "put": _put,
}
"""Functions that torch has under no public name."""


class Sparse(NamedTuple):
    """A sparse matrix: the row and column of each entry, the entries, and how many rows there are."""

    places: Tensor
    entries: Tensor
    rows: int

    def times(self, x: Tensor) -> Tensor:
        """Multiply by x (columns, features): gather, scale, and sum what arrives at each row."""
        messages = x[self.places[1]] * self.entries[:, None]
        return x.new_zeros(self.rows, x.shape[1]).index_add(0, self.places[0], messages)


def compute(op: ops.Op, inputs: list[Any], *, training: bool = False) -> Tensor:
    """Compute one step; its inputs are tensors, or a Sparse matrix and a tensor.

    Raises UnsupportedError for steps that cannot be run.
    """
    return STEPS[type(op)](op, inputs, training)


def bind(op: ops.Op) -> Callable[..., Tensor]:
    """Return one step as a function of its tensors, in inference; what can be read from the op is read once."""
    match op:
        case ops.Conv():
            return _conv(op)
        case ops.ConvTranspose():
            return _conv_transpose(op)
        case ops.Elementwise():
            return _elementwise(op, training=False)
        case _:
            return lambda *inputs: compute(op, list(inputs))


def _conv(op: ops.Conv) -> Callable[..., Tensor]:
    function = CONV[len(op.windows)]
    stride = tuple(window.stride for window in op.windows)
    dilation = tuple(window.dilation for window in op.windows)
    groups = op.groups
    if all(window.symmetric for window in op.windows):
        padding = tuple(window.before for window in op.windows)
        return lambda x, weight, bias=None: function(x, weight, bias, stride, padding, dilation, groups)
    sides = sides_of(op.windows)
    return lambda x, weight, bias=None: function(F.pad(x, sides), weight, bias, stride, 0, dilation, groups)


def _conv_transpose(op: ops.ConvTranspose) -> Callable[..., Tensor]:
    function = CONV_TRANSPOSE[len(op.windows)]
    even = all(window.symmetric for window in op.windows)
    stride = tuple(window.stride for window in op.windows)
    padding = tuple(window.before for window in op.windows) if even else 0
    extra = op.output_padding or 0
    dilation = tuple(window.dilation for window in op.windows)
    groups = op.groups
    if even:
        return lambda x, weight, bias=None: function(x, weight, bias, stride, padding, extra, groups, dilation)
    cut = [-side for side in sides_of(op.windows)]
    return lambda x, weight, bias=None: F.pad(function(x, weight, bias, stride, 0, extra, groups, dilation), cut)


def _recurrent(op: ops.Recurrent, x: Tensor, *weights: Tensor) -> Tensor:
    """Torch's own layers, from a first state of zeros."""
    count = op.layers * op.directions
    state = x.new_zeros(count, x.shape[op.batch], op.features)
    cell = x.new_zeros(count, state.shape[1], op.hidden)
    settings = (list(weights), op.bias, op.layers, 0.0, False, op.bidirectional, op.batch == 0)
    if op.cell == "lstm":
        return torch.lstm(x, (state, cell), *settings)[0]
    function = {"gru": torch.gru, "rnn_tanh": torch.rnn_tanh, "rnn_relu": torch.rnn_relu}[op.cell]
    return function(x, state, *settings)[0]


def _resample(op: ops.Resample, x: Tensor) -> Tensor:
    if op.mode == "unpool":  # where the maxima lay is not known: each value fills its window
        return F.interpolate(x, size=op.size, mode="nearest")
    corners = op.align_corners if op.mode in ("linear", "bilinear", "trilinear", "bicubic") else None
    if op.scale is not None:
        return F.interpolate(x, scale_factor=op.scale, mode=op.mode, align_corners=corners)
    return F.interpolate(x, size=op.size, mode=op.mode, align_corners=corners)


def _sample(op: ops.Sample, x: Tensor, *others: Tensor) -> Tensor:
    """Bilinear, zero outside the map: one grid per offset group, its taps stacked along the height."""
    if (
        not others
    ):  # the last states of a recurrent layer: as many numbers, as its lower layers are not in what it gives
        states = torch.Size(op.shape)
        places = torch.arange(states.numel(), device=x.device).remainder(x.numel())
        return x.reshape(-1).index_select(0, places).reshape(states)
    offsets, *mask = others
    if op.axes:
        places = offsets.abs().long().remainder(x.shape[op.axes[0]])
        return x.index_select(op.axes[0], places) if places.dim() == 1 else x.gather(op.axes[0], places)
    if not op.windows and op.taps > 1:
        return F.grid_sample(x, offsets, align_corners=False)
    if op.taps == 1 and not op.windows:
        return F.embedding(offsets.abs().long().remainder(len(x)) if offsets.is_floating_point() else offsets, x)
    if len(op.windows) != 2:
        raise UnsupportedError("sampling runs on two spatial axes only")
    batch, _channels, taps_h, taps_w, height, width = op.shape
    size_h, size_w = x.shape[2:]
    down, across = (_positions(window, size, x) for window, size in zip(op.windows, (height, width), strict=True))
    by_tap = offsets.reshape(batch, op.groups, taps_h, taps_w, 2, height, width)
    places_h = by_tap[..., 0, :, :] + down[:, None, :, None]
    places_w = by_tap[..., 1, :, :] + across[None, :, None, :]
    grid = torch.stack(((2 * places_w + 1) / size_w - 1, (2 * places_h + 1) / size_h - 1), dim=-1)
    rows = grid.reshape(batch * op.groups, -1, width, 2)
    parted = x.reshape(batch * op.groups, -1, size_h, size_w)
    read = F.grid_sample(parted, rows, mode="bilinear", padding_mode="zeros", align_corners=False)
    columns = read.reshape(batch, op.groups, -1, taps_h, taps_w, height, width)
    if mask:
        columns = columns * mask[0].reshape(batch, op.groups, 1, taps_h, taps_w, height, width)
    return columns.reshape(op.shape)


def _positions(window: Window, outputs: int, like: Tensor) -> Tensor:
    """Position that tap t of output i reads, as (taps, outputs)."""
    taps: Any = torch.arange(window.kernel, device=like.device)[:, None]
    starts: Any = torch.arange(outputs, device=like.device)[None, :]
    places: Tensor = window.stride * starts + window.offset(taps)
    return places.to(like.dtype)


def _pad(op: ops.Pad, x: Tensor, *fill: Tensor) -> Tensor:
    if fill:
        value = fill[0].reshape(-1, *(1 for _ in x.shape[2:]))
        return _pad(op, x - value) + value
    pairs = list(zip(op.before, op.after, strict=True))
    while pairs and pairs[0] == (0, 0):
        pairs.pop(0)
    sides = [side for pair in reversed(pairs) for side in pair]
    if op.mode == "constant":
        return F.pad(x, sides, value=op.value)
    sides = [side for pair in reversed(list(zip(op.before, op.after, strict=True))[2:]) for side in pair]
    return F.pad(x, sides, mode=op.mode)


def _rearrange(op: ops.Rearrange, x: Tensor) -> Tensor:
    flat = [factor for factors in op.split for factor in factors]
    ordered = [flat[place] for place in op.order]
    sizes = []
    for count in op.merge:
        size = 1
        for factor in ordered[:count]:
            size *= factor
        sizes.append(size)
        ordered = ordered[count:]
    return x.reshape(flat).permute(op.order).reshape(sizes)


def _elementwise(op: ops.Elementwise, *, training: bool) -> Callable[..., Tensor]:
    settings = dict(op.settings)
    if op.function == "dropout":
        share = float(settings["p"] or 0)
        return lambda x: F.dropout(x, share, training=training)
    if op.about.norm:
        function_name, axes = op.function, op.axes
        return lambda *inputs: _norm(function_name, axes, settings, inputs)
    if op.function in OWN:
        return OWN[op.function]
    if not op.about.torch:
        raise UnsupportedError(f"{op.function} cannot be run here")
    function: Callable[..., Tensor] = attrgetter(op.about.torch)(torch)
    if op.about.arity == 1:
        return (lambda x: function(x, **settings)) if settings else function
    if op.about.arity == 3:
        return lambda chosen, *others: function(chosen.bool(), *others)
    first = [torch.as_tensor(settings["first"])] if "first" in settings else []
    other = [torch.as_tensor(settings["other"])] if "other" in settings else []
    return lambda *inputs: function(*first, *inputs, *other)


def _norm(function: str, axes: tuple[int, ...], settings: dict[str, Any], inputs: tuple[Tensor, ...]) -> Tensor:
    """Normalise with running statistics where there are some; inputs are x, [mean, variance], [weight, [bias]]."""
    x, statistics = inputs[0], 2 if settings["running"] else 0
    mean, variance = inputs[1:3] if statistics else (None, None)
    weight, bias = (*inputs[1 + statistics :], None, None)[:2]
    eps = settings["eps"]
    match function:
        case "batch_norm":
            return F.batch_norm(x, mean, variance, weight, bias, training=mean is None, eps=eps)
        case "instance_norm":
            return F.instance_norm(x, mean, variance, weight, bias, use_input_stats=mean is None, eps=eps)
        case "group_norm":
            return F.group_norm(x, settings["num_groups"], weight, bias, eps)
        case "rms_norm":
            return F.rms_norm(x, tuple(x.shape[axis] for axis in axes), weight, eps)
        case _:
            return F.layer_norm(x, tuple(x.shape[axis] for axis in axes), weight, bias, eps)


def _einsum(op: ops.Einsum, inputs: list[Any]) -> Tensor:
    if isinstance(inputs[0], Sparse):
        product: Tensor = inputs[0].times(inputs[1])
        return product
    if op.equation == linear_equation(inputs[0].dim()) and inputs[1].dim() == 2:
        return F.linear(*inputs)
    return torch.einsum(op.equation, *inputs)


def _slice(op: ops.Slice, x: Tensor) -> Tensor:
    return x[(slice(None),) * op.axis + (slice(op.start, op.stop, op.step),)]


def _stored(op: ops.Op, *_: Any) -> Tensor:
    raise AssertionError("tensors that are there from the start are not computed")


def _opaque(op: ops.Opaque, *_: Any) -> Tensor:
    raise UnsupportedError(f"{op.name} cannot be run by itself: nothing reads what it does")


STEPS: dict[type[ops.Op], Callable[[Any, list[Any], bool], Tensor]] = {
    ops.Input: _stored,
    ops.Parameter: _stored,
    ops.Constant: _stored,
    ops.Conv: lambda op, inputs, training: _conv(op)(*inputs),
    ops.ConvTranspose: lambda op, inputs, training: _conv_transpose(op)(*inputs),
    ops.Pool: lambda op, inputs, training: pool(op, inputs[0]),
    ops.Unfold: lambda op, inputs, training: unfold(op, inputs[0]),
    ops.Fold: lambda op, inputs, training: fold(op, inputs[0]),
    ops.Recurrent: lambda op, inputs, training: _recurrent(op, *inputs),
    ops.Einsum: lambda op, inputs, training: _einsum(op, inputs),
    ops.Resample: lambda op, inputs, training: _resample(op, inputs[0]),
    ops.Pad: lambda op, inputs, training: _pad(op, *inputs),
    ops.Reduce: lambda op, inputs, training: REDUCE[op.function](inputs[0], dim=op.axes, keepdim=op.keep),
    ops.Concat: lambda op, inputs, training: torch.cat(inputs, dim=op.axis),
    ops.Slice: lambda op, inputs, training: _slice(op, inputs[0]),
    ops.Rearrange: lambda op, inputs, training: _rearrange(op, inputs[0]),
    ops.Elementwise: lambda op, inputs, training: _elementwise(op, training=training)(*inputs),
    ops.Sample: lambda op, inputs, training: _sample(op, *inputs),
    ops.Opaque: _opaque,
}
"""How each step is computed, by its type."""
