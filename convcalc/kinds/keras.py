"""`KERAS`: layers of Keras as lines that convcalc reads, with Keras's sizes. Source: keras.io/api/layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeAlias

from convcalc.errors import SpecError

Settings: TypeAlias = dict[str, Any]
ACTIVATIONS: Final = {
    "softmax": "softmax dim=1", "swish": "silu", "leaky_relu": "leaky_relu negative_slope=0.2",
    "hard_sigmoid": "hardsigmoid",
}  # fmt: skip
"""Keras's words for activations, where they are others than ours."""


class Foreign(NamedTuple):
    """A layer elsewhere: what its arguments are called, in order, and how to say it here; `example` are a few."""

    library: str
    order: tuple[str, ...]
    write: Callable[[Settings, int], str]
    example: Settings


def _axes(value: Any, rank: int) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, tuple) else (value,) * rank


def _padding(settings: Settings) -> str | None:
    word = str(settings.get("padding", "valid")).lower()
    if word not in ("valid", "same", "causal"):
        raise SpecError(f"Keras's padding is valid, same or causal, not {word!r}")
    return "tf_same" if word == "same" else None


def unless(value: Any, default: Any) -> Any:
    """Return a value, or None where it is the default here."""
    usual = isinstance(value, tuple) and all(part == default for part in value)
    return None if value == default or usual else value


def _activated(line: str, settings: Settings) -> str:
    """The line with the activation that Keras's layers can hold."""
    word = settings.get("activation")
    if word in (None, "linear"):
        return line
    word = str(word).rpartition(".")[2]
    layer = ACTIVATIONS.get(word, word)
    from convcalc.kinds import HOME
    from convcalc.kinds.names import plain

    if plain(layer.partition(" ")[0]) not in HOME:
        raise SpecError(f"activation={word!r} has no layer here: write the line without it")
    return f"{line} {layer}"


def _conv(settings: Settings, rank: int) -> str:
    needs(settings, "filters", "kernel_size")
    kernel, dilation = settings["kernel_size"], settings.get("dilation_rate", 1)
    before = ""
    if str(settings.get("padding", "")).lower() == "causal":
        kernels, dilations = _axes(kernel, rank), _axes(dilation, rank)
        before = f"ZeroPad{rank}d(padding=({dilations[0] * (kernels[0] - 1)}, 0)) "
    line = call(
        f"Conv{rank}d", out_channels=settings["filters"], kernel_size=kernel,
        stride=unless(settings.get("strides", 1), 1), padding=_padding(settings), dilation=unless(dilation, 1),
        groups=unless(settings.get("groups", 1), 1), bias=unless(settings.get("use_bias", True), True),
    )  # fmt: skip
    return _activated(before + line, settings)


def _transposed(settings: Settings, rank: int) -> str:
    needs(settings, "filters", "kernel_size")
    extra, padding = settings.get("output_padding"), _padding(settings)
    shared: Settings = {
        "out_channels": settings["filters"], "kernel_size": settings["kernel_size"],
        "stride": unless(settings.get("strides", 1), 1), "dilation": unless(settings.get("dilation_rate", 1), 1),
        "bias": unless(settings.get("use_bias", True), True),
    }  # fmt: skip
    if extra is None:
        shared["padding"] = padding or "valid"
    else:  # Keras: (i - 1) s + k - 2 (k // 2) + output_padding where `same`
        walks = zip(_axes(settings["kernel_size"], rank), _axes(settings.get("dilation_rate", 1), rank), strict=True)
        halves = tuple((dilation * (kernel - 1) + 1) // 2 for kernel, dilation in walks)
        shared |= {"padding": unless(halves if padding else 0, 0), "output_padding": unless(extra, 0)}
    return _activated(call(f"ConvTranspose{rank}d", **shared), settings)


def _pool(torch_name: str) -> Callable[[Settings, int], str]:
    def write(settings: Settings, rank: int) -> str:
        stride = settings.get("strides")
        return call(
            f"{torch_name}{rank}d", kernel_size=settings.get("pool_size", 2), stride=stride, padding=_padding(settings)
        )

    return write


def _global(kind: str) -> Callable[[Settings, int], str]:
    def write(settings: Settings, rank: int) -> str:
        return f"{kind}{rank}d(1)" if settings.get("keepdims") else f"{kind}{rank}d(1) Flatten()"

    return write


def _depthwise(settings: Settings, rank: int) -> str:
    needs(settings, "kernel_size")
    line = call(
        f"depthwise{rank}d", kernel_size=settings["kernel_size"], stride=unless(settings.get("strides", 1), 1),
        padding=_padding(settings), dilation=unless(settings.get("dilation_rate", 1), 1),
        multiplier=unless(settings.get("depth_multiplier", 1), 1), bias=unless(settings.get("use_bias", True), True),
    )  # fmt: skip
    return _activated(line, settings)


def _separable(settings: Settings, rank: int) -> str:
    """Keras's has a bias behind the second step only."""
    needs(settings, "filters", "kernel_size")
    first = _depthwise({**settings, "activation": None, "use_bias": False}, rank)
    second = call(
        f"Conv{rank}d", out_channels=settings["filters"], kernel_size=1,
        bias=unless(settings.get("use_bias", True), True),
    )  # fmt: skip
    return _activated(f"{first} {second}", settings)


def _upsampling(settings: Settings, rank: int) -> str:
    size, word = settings.get("size", 2), str(settings.get("interpolation", "nearest"))
    if word not in ("nearest", "bilinear", "bicubic"):
        raise SpecError(f"torch has no interpolation {word!r}")
    return call("Upsample", scale_factor=tuple(map(float, _axes(size, rank))), mode=unless(word, "nearest"))


def _padded(sign: int, argument: str) -> Callable[[Settings, int], str]:
    def write(settings: Settings, rank: int) -> str:
        value = settings.get(argument, 1)
        if rank == 1 and isinstance(value, tuple):
            sides = [value]
        else:
            sides = [part if isinstance(part, tuple) else (part, part) for part in _axes(value, rank)]
        flat = tuple(sign * side for pair in reversed(sides) for side in pair)
        return f"ZeroPad{rank}d(padding={flat!r})"

    return write


def _dense(settings: Settings, _rank: int) -> str:
    needs(settings, "units")
    line = call("Linear", out_features=settings["units"], bias=unless(settings.get("use_bias", True), True))
    return _activated(line, settings)


def _normalization(settings: Settings, _rank: int) -> str:
    scale, center = settings.get("scale", True), settings.get("center", True)
    if center and not scale:
        raise SpecError("Keras's scale=False with a shift has no counterpart in torch")
    return call(
        "batch_norm", eps=unless(settings.get("epsilon", 1e-3), 1e-5), affine=unless(scale, True),
        bias=unless(center, True) if scale else None,
    )  # fmt: skip


def needs(settings: Settings, *names: str) -> None:
    """Raise SpecError for an argument that a layer elsewhere cannot do without."""
    for name in names:
        if name not in settings:
            raise SpecError(f"this layer lacks its {name}")


def call(name: str, **arguments: Any) -> str:
    """Return a call, without the arguments that are None."""
    return f"{name}({', '.join(f'{key}={value!r}' for key, value in arguments.items() if value is not None)})"


_CONV = ("filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate")
_POOL = ("pool_size", "strides", "padding", "data_format")
_LAYER: Settings = {"filters": 64, "kernel_size": 3}
KERAS: Final[dict[str, Foreign]] = {
    "Conv": Foreign("Keras", (*_CONV, "groups", "activation", "use_bias"), _conv, _LAYER),
    "Convolution": Foreign("Keras", (*_CONV, "groups", "activation", "use_bias"), _conv, _LAYER),
    "ConvTranspose": Foreign(
        "Keras", ("filters", "kernel_size", "strides", "padding", "output_padding", "data_format", "dilation_rate"),
        _transposed, _LAYER,
    ),
    "Deconvolution": Foreign("Keras", ("filters", "kernel_size", "strides", "padding"), _transposed, _LAYER),
    "MaxPooling": Foreign("Keras", _POOL, _pool("MaxPool"), {"pool_size": 2}),
    "MaxPool": Foreign("Keras", _POOL, _pool("MaxPool"), {"pool_size": 2}),
    "AveragePooling": Foreign("Keras", _POOL, _pool("AvgPool"), {"pool_size": 2}),
    "AvgPool": Foreign("Keras", _POOL, _pool("AvgPool"), {"pool_size": 2}),
    "GlobalAveragePooling": Foreign("Keras", ("data_format", "keepdims"), _global("AdaptiveAvgPool"), {}),
    "GlobalAvgPool": Foreign("Keras", ("data_format", "keepdims"), _global("AdaptiveAvgPool"), {}),
    "GlobalMaxPooling": Foreign("Keras", ("data_format", "keepdims"), _global("AdaptiveMaxPool"), {}),
    "GlobalMaxPool": Foreign("Keras", ("data_format", "keepdims"), _global("AdaptiveMaxPool"), {}),
    "DepthwiseConv": Foreign(
        "Keras",
        (
            "kernel_size", "strides", "padding", "depth_multiplier", "data_format", "dilation_rate", "activation",
            "use_bias",
        ),
        _depthwise, {"kernel_size": 3},
    ),
    "SeparableConv": Foreign(
        "Keras", (*_CONV, "depth_multiplier", "activation", "use_bias"), _separable, _LAYER
    ),
    "UpSampling": Foreign("Keras", ("size", "data_format", "interpolation"), _upsampling, {}),
    "ZeroPadding": Foreign("Keras", ("padding", "data_format"), _padded(1, "padding"), {}),
    "Cropping": Foreign("Keras", ("cropping", "data_format"), _padded(-1, "cropping"), {}),
    "SpatialDropout": Foreign("Keras", ("rate",), lambda s, r: f"Dropout{r}d({s.get('rate', 0.5)})", {}),
}  # fmt: skip
"""By the name without its rank."""
PLAIN: Final[dict[str, Foreign]] = {
    "Dense": Foreign("Keras", ("units", "activation", "use_bias"), _dense, {"units": 10}),
    "BatchNormalization": Foreign("Keras", ("axis", "momentum", "epsilon", "center", "scale"), _normalization, {}),
}
