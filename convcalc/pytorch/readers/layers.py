"""Convolutions, pools, linear layers and norms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from convcalc import ops
from convcalc.equations import linear_equation
from convcalc.errors import ShapeError
from convcalc.padding import windows
from convcalc.pytorch.readers.moving import reshape
from convcalc.pytorch.readers.registry import Reader, Typed, axes_of, reads
from convcalc.shapes import divided
from convcalc.sizes import PerAxis

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from convcalc.builder import Builder
    from convcalc.graph import Value
    from convcalc.window import Window


def _walks(x: Value, weight: Value, stride: Any, padding: Any, dilation: Any) -> tuple[Window, ...]:
    rank = len(weight.shape) - 2
    return windows(
        x.spatial,
        PerAxis(weight.shape[2:]),  # type: ignore[arg-type]
        axes_of(stride, rank),
        axes_of(padding, rank),
        axes_of(dilation, rank),
    )


def _batched(b: Builder, x: Value, rank: int, read: Callable[[Value], Value]) -> Value:
    """Read a layer that also takes one sample without its batch axis."""
    if len(x.shape) == rank + 2:
        return read(x)
    y = read(reshape(b, x, (1, *x.shape)))
    return reshape(b, y, y.shape[1:])


@reads("conv1d", "conv2d", "conv3d")
def conv(
    b: Builder,
    input: Value,
    weight: Value,
    bias: Value | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Value:
    def read(x: Value) -> Value:
        learned = (weight,) if bias is None else (weight, bias)
        return b.convolve(x, *learned, walks=_walks(x, weight, stride, padding, dilation), groups=groups)

    return _batched(b, input, len(weight.shape) - 2, read)


@reads("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
def conv_transpose(
    b: Builder,
    input: Value,
    weight: Value,
    bias: Value | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Value:
    rank = len(weight.shape) - 2

    def read(x: Value) -> Value:
        learned = (weight,) if bias is None else (weight, bias)
        extra = axes_of(output_padding, rank)
        sizes = tuple(extra) if isinstance(extra, PerAxis) else (extra,) * rank
        walks = _walks(x, weight, stride, padding, dilation)
        return b.write(ops.ConvTranspose(walks, groups, sizes), x, *learned)

    return _batched(b, input, rank, read)


def _pool_reader(function: str, rank: int) -> Reader:
    def read_max(
        b: Builder,
        input: Value,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Value:
        return _batched(b, input, rank, lambda x: pool(b, x, kernel_size, stride, padding, dilation, ceil_mode, True))

    def read_avg(
        b: Builder,
        input: Value,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> Value:
        return _batched(
            b,
            input,
            rank,
            lambda x: pool(b, x, kernel_size, stride, padding, 1, ceil_mode, count_include_pad),
        )

    def pool(
        b: Builder, x: Value, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil: bool, count: bool
    ) -> Value:
        step = None if stride is None or stride == [] else axes_of(stride, rank)
        return b.pool(
            function,
            x,
            axes_of(kernel, rank),
            stride=step,
            padding=axes_of(padding, rank),
            dilation=axes_of(dilation, rank),
            ceil_mode=ceil,
            count_padding=count,
        )

    return read_max if function == "max" else read_avg


def _adaptive_reader(function: str, rank: int) -> Reader:
    def read(b: Builder, input: Value, output_size: Any, return_indices: bool = False) -> Value:
        return _batched(b, input, rank, lambda x: b.adaptive_pool(function, x, axes_of(output_size, rank)))

    return read


def _with_indices(reader: Reader) -> Reader:
    def read(b: Builder, *args: Any, **kwargs: Any) -> tuple[Value, Typed]:
        """The maxima, and where each lies: what its window decides as well."""
        value = reader(b, *args, **kwargs)
        return value, Typed(value, torch.int64)

    return read


for _rank in (1, 2, 3):
    reads(f"max_pool{_rank}d")(_pool_reader("max", _rank))
    reads(f"max_pool{_rank}d_with_indices")(_with_indices(_pool_reader("max", _rank)))
    reads(f"avg_pool{_rank}d")(_pool_reader("avg", _rank))
    reads(f"adaptive_max_pool{_rank}d")(_adaptive_reader("max", _rank))
    reads(f"adaptive_max_pool{_rank}d_with_indices")(_with_indices(_adaptive_reader("max", _rank)))
    reads(f"adaptive_avg_pool{_rank}d")(_adaptive_reader("avg", _rank))


@reads("linear")
def linear(b: Builder, input: Value, weight: Value, bias: Value | None = None) -> Value:
    y = b.write(ops.Einsum(linear_equation(len(input.shape))), input, weight)
    return y if bias is None else b.elementwise("add_bias", y, bias)


@reads("batch_norm")
def batch_norm(
    b: Builder,
    input: Value,
    running_mean: Value | None,
    running_var: Value | None,
    weight: Value | None = None,
    bias: Value | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Value:
    axes = () if running_mean is not None and not training else (0, *range(2, len(input.shape)))
    return _norm(b, "batch_norm", input, (running_mean, running_var), (weight, bias), axes, eps=eps)


@reads("instance_norm")
def instance_norm(
    b: Builder,
    input: Value,
    running_mean: Value | None = None,
    running_var: Value | None = None,
    weight: Value | None = None,
    bias: Value | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Value:
    axes = tuple(range(2, len(input.shape))) if use_input_stats else ()
    return _norm(b, "instance_norm", input, (running_mean, running_var), (weight, bias), axes, eps=eps)


@reads("group_norm")
def group_norm(
    b: Builder,
    input: Value,
    num_groups: int,
    weight: Value | None = None,
    bias: Value | None = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Value:
    axes = tuple(range(1, len(input.shape)))
    divided(input.channels, num_groups, b.require, "channels", "num_groups")
    return _norm(b, "group_norm", input, (None, None), (weight, bias), axes, eps=eps, num_groups=num_groups)


@reads("layer_norm")
def layer_norm(
    b: Builder,
    input: Value,
    normalized_shape: Sequence[int],
    weight: Value | None = None,
    bias: Value | None = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Value:
    axes = tuple(range(len(input.shape) - len(normalized_shape), len(input.shape)))
    return _norm(b, "layer_norm", input, (None, None), (weight, bias), axes, eps=eps)


@reads("rms_norm")
def rms_norm(
    b: Builder, input: Value, normalized_shape: Sequence[int], weight: Value | None = None, eps: float | None = None
) -> Value:
    axes = tuple(range(len(input.shape) - len(normalized_shape), len(input.shape)))
    return _norm(b, "rms_norm", input, (None, None), (weight, None), axes, eps=eps)


def _norm(
    b: Builder,
    function: str,
    x: Value,
    statistics: tuple[Value | None, Value | None],
    learned: tuple[Value | None, Value | None],
    axes: tuple[int, ...],
    **settings: Any,
) -> Value:
    running = statistics[0] is not None and not axes
    features = x.shape[axes[0] :] if function in ("layer_norm", "rms_norm") else (x.channels,)
    for value in (*statistics, *learned):
        if value is not None and value.shape != features:
            raise ShapeError(f"{function} of {list(features)} features with parameters of {list(value.shape)}")
    tensors = [value for value in ((*statistics, *learned) if running else learned) if value is not None]
    settings.update(running=running, affine=learned[0] is not None)
    return b.elementwise(function, x, *tensors, axes=axes, **settings)
