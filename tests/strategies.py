"""What a valid window, shape and set of arguments is, said once, for every kind in the registry."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from convcalc.kinds import all_kinds
from convcalc.registry import Kind
from convcalc.sizes import PerAxis
from convcalc.window import Window

CHANNELS = (4, 6, 8, 12, 18, 36)


@st.composite
def windows(draw: DrawFn, *, transposed: bool = False) -> Window:
    """A window; of a transposed convolution its padding never removes more than the kernel wrote."""
    kernel, dilation = draw(st.integers(1, 5)), draw(st.integers(1, 3))
    span = dilation * (kernel - 1) + 1
    most = (span - 1) // 2 if transposed else 3
    return Window(
        kernel=kernel,
        stride=draw(st.integers(1, 4)),
        dilation=dilation,
        before=draw(st.integers(0, most)),
        after=draw(st.integers(0, most)),
    )


def divisors(number: int) -> SearchStrategy[int]:
    """A divisor of a number."""
    return st.sampled_from([d for d in range(1, number + 1) if number % d == 0])


def per_axis(rank: int, values: SearchStrategy[int]) -> SearchStrategy[Any]:
    """One value for all axes, or one for each."""
    return values | st.tuples(*[values] * rank).map(PerAxis)


def rank_of(kind: Kind) -> SearchStrategy[int]:
    """The numbers of spatial axes a kind can be drawn with."""
    if kind.spatial is not None:
        return st.just(max(kind.spatial, 1))
    return st.sampled_from(kind.ranks or (1, 2, 3))


@st.composite
def shapes(draw: DrawFn, rank: int, least: int = 4, most: int = 9) -> tuple[int, ...]:
    """(batch, channels, *spatial)."""
    sizes = draw(st.tuples(*[st.integers(least, most)] * rank))
    return (draw(st.integers(1, 3)), draw(st.sampled_from(CHANNELS)), *sizes)


@st.composite
def cases(draw: DrawFn, name: str, rank: int | None = None) -> tuple[list[tuple[int, ...]], dict[str, Any]]:
    """Input shapes and arguments for a kind; most are valid, the rest are for the caller to skip."""
    kind = all_kinds()[name]
    rank = rank or draw(rank_of(kind))
    shape = draw(shapes(rank))
    if kind.variadic:
        return _several(draw, name, shape), {}
    arguments = {}
    for argument in kind.arguments.values():
        if argument.name == (kind.channels or "in_channels"):
            continue
        if argument.required or argument.name == "dim" or draw(st.booleans()):
            value = _value(draw, name, argument.name, shape, arguments)
            if value is not None:
                arguments[argument.name] = value
    return [shape], arguments


def _several(draw: DrawFn, name: str, shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    count = draw(st.integers(2, 3))
    if name == "concat":
        return [(shape[0], draw(st.sampled_from(CHANNELS)), *shape[2:]) for _ in range(count)]
    return [shape] * count


def _value(draw: DrawFn, kind: str, name: str, shape: tuple[int, ...], chosen: dict[str, Any]) -> Any:
    """A value for one argument; None leaves the default."""
    rank, channels = len(shape) - 2, shape[1]
    small = st.integers(1, 3)
    match name:
        case "out_channels":
            return draw(st.sampled_from(CHANNELS))
        case "out_features":
            return draw(st.integers(2, 7))
        case "kernel_size":
            return draw(per_axis(rank, small))
        case "stride":
            return draw(per_axis(rank, small))
        case "padding" if kind.endswith("_pad"):
            return draw(st.integers(0, 2) | st.tuples(*[st.integers(0, 2)] * (2 * rank)))
        case "padding":
            sided = st.tuples(*[st.tuples(st.integers(0, 2), st.integers(0, 2))] * rank).map(PerAxis)
            plain = per_axis(rank, st.integers(0, 1))
            wordy = kind in ("conv", "dilated", "grouped", "depthwise", "depthwise_separable")
            if wordy and chosen.get("stride", 1) == 1 and draw(st.booleans()):
                return draw(st.sampled_from(["same", "valid", "tf_same"]))
            return draw(plain | sided) if wordy else draw(plain)
        case "dilation":
            return draw(per_axis(rank, st.integers(1, 2)))
        case "output_padding":
            return draw(st.integers(0, 1))
        case "groups" | "num_groups":
            return draw(divisors(channels))
        case "multiplier":
            return draw(st.integers(1, 3))
        case "padding_mode":
            return draw(st.sampled_from(["zeros", "reflect", "replicate", "circular"])) if kind == "conv" else None
        case "output_size":
            return draw(per_axis(rank, st.integers(1, 5)))
        case "normalized_shape":
            return shape[-draw(st.integers(1, rank + 1)) :]
        case "num_parameters":
            return draw(st.sampled_from([1, channels]))
        case "value":
            return 1.5
        case "upscale_factor":
            return 2 if channels % 4 == 0 else 3
        case "scale_factor":
            return draw(st.sampled_from([2, 3, 1.5, 2.5])) if "size" not in chosen else None
        case "size":
            return draw(per_axis(rank, st.integers(2, 12)))
        case "mode" if kind.startswith("upsampling"):
            return None
        case "mode":
            return draw(
                st.sampled_from(
                    {1: ["nearest", "linear"], 2: ["nearest", "bilinear", "bicubic"]}.get(
                        rank, ["nearest", "trilinear"]
                    )
                )
            )
        case "dim":
            return draw(st.integers(-rank - 2, rank + 1))
        case "start_dim":
            return draw(st.integers(1, rank + 1))
        case "axis":
            return 1
        case "start":
            return draw(st.integers(0, 2))
        case "stop":
            return channels
        case "step":
            return draw(st.integers(1, 2))
        case "approximate":
            return draw(st.sampled_from(["none", "tanh"]))
        case "bias" | "affine" | "elementwise_affine" | "ceil_mode" | "count_include_pad" | "track_running_stats":
            return draw(st.booleans())
        case _:
            return None
