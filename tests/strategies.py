"""What a valid window, shape and set of arguments is, said once, for every kind in the registry."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from convcalc.arguments import Argument
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
    if name in GRAPHS:
        shape = (draw(st.integers(4, 9)), draw(st.integers(2, 6)))
    if name in PLACED:
        return draw(PLACED[name])
    if kind.layout:
        counts = [draw(st.integers(1, 4)) for axis in kind.layout if axis != "F"]
        shape = (*counts, *((draw(st.sampled_from(CHANNELS)),) if kind.axis == -1 else ()))
    if kind.variadic:
        return _several(draw, name, shape), {}
    if name in ("inception_v2_reduction", "pixel_unshuffle"):
        shape = (*shape[:2], *(2 * size for size in shape[2:]))
    if name in FITTING and "channels" in FITTING[name]:
        shape = (shape[0], draw(FITTING[name]["channels"]), *shape[2:])
    given = [shape]
    if name == "octave":
        even = tuple(2 * draw(st.integers(2, 4)) for _ in range(rank))
        given = [(*shape[:2], *even)]
        if draw(st.booleans()):
            given.append((shape[0], draw(st.sampled_from(CHANNELS)), *(size // 2 for size in even)))
    arguments = {}
    for argument in kind.arguments.values():
        if argument.name == (kind.channels or "in_channels"):
            continue
        if argument.name in FITTING.get(name, {}):
            arguments[argument.name] = draw(FITTING[name][argument.name])
            continue
        wide = argument.name in NARROW or argument.name == "widths"
        if argument.required or argument.name == "dim" or wide or draw(st.booleans()):
            value = _value(draw, name, argument.name, shape, arguments)
            if value is None:
                value = _newer(draw, name, argument, shape)
            if value is not None:
                arguments[argument.name] = value
    if name == "condconv" and draw(st.booleans()):
        given.append((shape[0], arguments.setdefault("num_experts", 2)))
    return given, arguments


GRAPHS = ("gcn", "cheb")
NARROW = {
    *("b1x1", "b3x3", "b5x5", "b3x3_reduce", "b5x5_reduce", "pool_proj", "growth_rate", "squeeze_channels"),
    *("bn_size", "num_layers", "num_terms", "radix"),
}
"""Arguments of blocks whose official defaults are too wide to run a hundred times."""
TWO_OR_THREE = {"num_experts", "num_kernels", "reduction", "scale_factor", "second_groups", "group_channels"}
OFTEN_LEFT = {"mid_channels", "tower_mid", "tower_out", "least_channels", "base_width", "dilated", "loops"}


def _newer(draw: DrawFn, kind: str, argument: Argument, shape: tuple[int, ...]) -> Any:
    """A value for an argument of a block: narrow, and most often valid."""
    name, channels = argument.name, shape[1]
    if name == "widths":
        count = len(argument.default) if argument.default else 0
        return tuple(draw(st.integers(2, 5)) for _ in range(count)) if count else None
    if name in NARROW:
        return draw(st.integers(1, 4))
    if name in TWO_OR_THREE or (name == "ratio" and kind == "ghost"):
        return draw(st.integers(2, 3))
    if name in ("expansion", "pooling_ratio", "part", "offset_groups", "cardinality", "first_groups"):
        return draw(divisors(channels))
    if name == "cheap_kernel_size" or (name == "kernel_size" and "sizes" in argument.takes):
        return draw(st.sampled_from([1, 3]))
    if name == "mid_channels":
        return draw(st.sampled_from(CHANNELS))
    if name == "edges":
        return draw(st.integers(1, 20))
    if name == "alpha_out":
        return draw(st.sampled_from([0, 0.25, 0.5]))
    if name in OFTEN_LEFT:
        return None
    if name in BLOCK_SWITCHES:
        return draw(st.sampled_from(argument.choices) if argument.choices else st.booleans())
    return None


@st.composite
def _folds(draw: DrawFn) -> tuple[list[tuple[int, ...]], dict[str, Any]]:
    """Columns that windows over a map would lay out."""
    walks = [draw(windows()) for _ in range(2)]
    walks = [walk._replace(before=0, after=0, kernel=min(walk.kernel, 3)) for walk in walks]
    sizes = tuple(draw(st.integers(walk.span, walk.span + 6)) for walk in walks)
    places = [walk.size_out(size) for walk, size in zip(walks, sizes, strict=True)]
    taps = walks[0].kernel * walks[1].kernel
    arguments = {
        "output_size": PerAxis(sizes), "kernel_size": PerAxis(walk.kernel for walk in walks),
        "stride": PerAxis(walk.stride for walk in walks), "dilation": PerAxis(walk.dilation for walk in walks),
    }  # fmt: skip
    return [(draw(st.integers(1, 2)), draw(st.integers(1, 3)) * taps, places[0] * places[1])], arguments


@st.composite
def _bilinears(draw: DrawFn) -> tuple[list[tuple[int, ...]], dict[str, Any]]:
    rows, second = draw(st.integers(1, 3)), draw(st.integers(2, 5))
    arguments = {"in2_features": second, "out_features": draw(st.integers(2, 7)), "bias": draw(st.booleans())}
    return [(rows, draw(st.integers(2, 5))), (rows, second)], arguments


@st.composite
def _alike(draw: DrawFn) -> tuple[list[tuple[int, ...]], dict[str, Any]]:
    shape = draw(shapes(draw(st.integers(1, 2))))
    return [shape, shape], {"dim": draw(st.integers(-len(shape), len(shape) - 1))}


@st.composite
def _splits(draw: DrawFn) -> tuple[list[tuple[int, ...]], dict[str, Any]]:
    shape = draw(shapes(draw(st.integers(1, 2))))
    sizes = draw(st.sampled_from([(2, shape[1] // 2), (-1, 2), (shape[1], 1), (2, 1, -1)]))
    return [shape], {"dim": 1, "unflattened_size": sizes}


PLACED: dict[str, SearchStrategy[Any]] = {
    "fold": _folds(), "bilinear": _bilinears(), "cosine_similarity": _alike(), "unflatten": _splits(),
}  # fmt: skip
"""Kinds whose inputs and arguments must fit one another."""
_WIDE = st.sampled_from([8, 16, 24])
FITTING: dict[str, dict[str, SearchStrategy[Any]]] = {
    "multi_kernel": {"out_channels": st.just(16), "groups": st.sampled_from([(1, 2, 1, 4)]), "channels": _WIDE},
    "resnet_bottleneck": {"channels": _WIDE, "out_channels": _WIDE, "expansion": st.sampled_from([1, 2, 4])},
    "se_resnet_bottleneck": {
        "channels": _WIDE, "out_channels": _WIDE, "expansion": st.sampled_from([1, 2, 4]),
        "reduction": st.integers(2, 4),
    },
    "resnest_bottleneck": {
        "channels": _WIDE, "out_channels": _WIDE, "expansion": st.sampled_from([1, 2]), "cardinality": st.just(1),
    },
    "scbottleneck": {
        "channels": _WIDE, "out_channels": _WIDE, "expansion": st.sampled_from([1, 2]),
        "cardinality": st.integers(1, 2), "pooling_ratio": st.integers(1, 3),
    },
    "shufflenet_unit_b": {"channels": _WIDE, "groups": st.integers(1, 2)},
    "shufflenet_unit_c": {
        "channels": st.sampled_from([4, 8]), "out_channels": st.sampled_from([16, 24, 32]), "groups": st.integers(1, 2),
    },
    "sk": {"channels": _WIDE, "groups": st.sampled_from([1, 2, 4]), "least_channels": st.integers(2, 4)},
    "splat": {"channels": _WIDE, "out_channels": _WIDE, "cardinality": st.integers(1, 2)},
    "involution": {"channels": _WIDE, "group_channels": st.integers(1, 2), "reduction": st.integers(2, 4)},
    "inverted_residual": {"expansion": st.integers(1, 3), "reduction": st.none() | st.integers(2, 3)},
    "embedding": {"num_embeddings": st.integers(2, 9), "embedding_dim": st.integers(2, 5)},
    "embedding_bag": {
        "num_embeddings": st.integers(2, 9), "embedding_dim": st.integers(2, 5),
        "mode": st.sampled_from(["mean", "sum", "max"]),
    },
    **{
        name: {
            "hidden_size": st.integers(2, 5), "num_layers": st.integers(1, 2), "bidirectional": st.booleans(),
            "batch_first": st.booleans(), "proj_size": st.sampled_from([0, 0, 1]),
            "nonlinearity": st.sampled_from(["tanh", "relu"]), "dropout": st.just(0.0),
        }
        for name in ("rnn", "lstm", "gru", "rnn_cell", "lstm_cell", "gru_cell")
    },
    "multihead_attention": {
        "num_heads": st.sampled_from([1, 2]), "add_bias_kv": st.booleans(), "add_zero_attn": st.booleans(),
        "batch_first": st.just(True),  # else the first axis is the sequence, and work no multiple of it
    },
    "transformer_encoder_layer": {
        "nhead": st.sampled_from([1, 2]), "dim_feedforward": st.integers(2, 6), "batch_first": st.just(True),
        "norm_first": st.booleans(), "activation": st.sampled_from(["relu", "gelu"]),
    },
    "lp_pool": {"norm_type": st.sampled_from([1.0, 2.0]), "kernel_size": st.integers(1, 3)},
    "fractional_max_pool": {"output_size": st.integers(1, 3), "kernel_size": st.integers(1, 2)},
    "threshold": {"threshold": st.sampled_from([-0.5, 0.0, 0.5]), "value": st.sampled_from([0.0, 1.5])},
    "local_response_norm": {"size": st.integers(1, 5)},
    "glu": {"dim": st.sampled_from([1, 1, -1])},
    "pixel_unshuffle": {"downscale_factor": st.sampled_from([1, 2, 2])},
    "fused_mbconv": {"expansion": st.integers(1, 3), "reduction": st.none()},
}  # fmt: skip
"""What fits together in kinds whose arguments are hard to guess one by one; `channels` are the input's."""
BLOCK_SWITCHES = {
    *("form", "sharing", "order", "arrangement", "variant", "attention", "shortcut", "stride_at", "pool", "norm"),
    *("bottleneck", "join", "affine", "last_norm", "bias_paths", "bias_1x1", "activation", "shared_bias"),
    *("routing_bias", "self_loops", "avd", "avd_first", "is_first", "split_input", "fc_norm", "depthwise"),
}


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
        case "kernel_size" if kind in ("acb", "dbb", "involution"):
            return draw(st.sampled_from([1, 3]))
        case "kernel_size" if kind in ("multi_kernel", "mixconv", "sk"):
            return None if kind == "multi_kernel" else draw(st.sampled_from([(3, 5), (3,), (1, 3, 5)]))
        case "kernel_size":
            return draw(per_axis(rank, small))
        case "stride" if kind == "octave":
            return draw(st.integers(1, 2))
        case "dilation" if kind in ("acb", "dbb"):
            return None
        case "padding" if kind == "dbb":
            return None
        case "padding" if kind == "acb":
            return draw(st.integers(0, 2))
        case "stride":
            return draw(per_axis(rank, small))
        case "padding" if kind.endswith("_pad"):
            return draw(st.integers(0, 2) | st.tuples(*[st.integers(0, 2)] * (2 * rank)))
        case "padding" if kind in ("max_pool", "avg_pool") and draw(st.integers(0, 3)) == 0:
            sides = st.integers(0, 1)
            return draw(
                st.sampled_from(["tf_same", "valid"]) | st.tuples(*[st.tuples(sides, sides)] * rank).map(PerAxis)
            )
        case "padding" if kind == "conv_transpose" and draw(st.integers(0, 3)) == 0:
            return draw(st.sampled_from(["tf_same", "valid"]))
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
        case "groups" if kind == "multi_kernel":
            return (1, 2, 1, 2)
        case "groups" if kind == "octave":
            return None
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
        case "scale_factor" if kind == "resize_conv":
            return draw(st.integers(1, 3))
        case "scale_factor":
            return draw(st.sampled_from([2, 3, 1.5, 2.5])) if "size" not in chosen else None
        case "size":
            return draw(per_axis(rank, st.integers(2, 12)))
        case "mode" if kind == "resize_conv":
            return {1: "linear", 2: "bilinear", 3: "trilinear"}[rank] if draw(st.booleans()) else "nearest"
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
