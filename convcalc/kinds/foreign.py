"""`translated`: a layer of Keras, TensorFlow or Caffe as the line that convcalc reads, with the size that layer gives.

Sources: keras.io/api/layers (Keras 3), tf.layers of TensorFlow 1.15, caffe.proto.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from convcalc.errors import SpecError

Settings: TypeAlias = dict[str, Any]
_PATH: Final = re.compile(
    r"(?:(?:tf|tensorflow|keras|layers|compat|v1|python|K|L|slim|contrib|caffe|nn|tfl|kl)\.)+(?=[A-Za-z_]\w*$)"
)
_RANKED: Final = re.compile(r"(.*?)([123])D(Transpose)?")


class Foreign(NamedTuple):
    """A layer elsewhere: what its arguments are called, in order, and how to say it here; `example` are a few."""

    library: str
    order: tuple[str, ...]
    write: Callable[[Settings, int], str]
    example: Settings


def translated(name: str, positional: Sequence[Any], keywords: Mapping[str, Any]) -> str | None:
    """Return what to write instead of a call of another library, or None where it is none.

    `positional` and `keywords` hold numbers, words and tuples. Raises SpecError for a setting without a counterpart.
    """
    entry, rank = _entry(name)
    if entry is None:
        return None
    names = entry.order
    values = [value for value in positional if type(value).__name__ != "Name"]  # the tensor of a functional call
    if entry.library == "Caffe" and not CAFFE_WORDS & set(keywords):
        return None
    settings = {**dict(zip(names, values, strict=False)), **{str(key): value for key, value in keywords.items()}}
    plain = {key: getattr(value, "text", value) for key, value in settings.items()}
    short = name.rpartition(".")[2]
    return f"{short} is {entry.library}'s name: write {entry.write(plain, rank)}"


def keras_example(word: str) -> str | None:
    """Return what to write instead of the bare name of another library's layer, or None where it is none."""
    entry, rank = _entry(word)
    if entry is None or (entry.library == "Caffe" and bare(word) in ("Convolution", "Deconvolution", "LRN")):
        return None
    return f"{word.rpartition('.')[2]} is {entry.library}'s name: write {entry.write(dict(entry.example), rank)}"


def bare(name: str) -> str:
    """Return a name without the path of another library before it."""
    return _PATH.sub("", name)


def _entry(name: str) -> tuple[Foreign | None, int]:
    short = bare(name)
    if short in CAFFE:
        return CAFFE[short], 2
    match = _RANKED.fullmatch(short)
    if match and not (short.isupper() and "." not in name) and (base := match[1] + (match[3] or "")) in KERAS:
        return KERAS[base], int(match[2])
    if short in PLAIN:
        return PLAIN[short], 2
    old = re.fullmatch(
        r"(?:tf|tensorflow)\.(?:compat\.v1\.)?layers\.(conv|separable_conv|max_pooling|average_pooling)([123])d", name
    )
    if old:
        return KERAS[{"conv": "Conv", "separable_conv": "SeparableConv", "max_pooling": "MaxPooling",
                      "average_pooling": "AveragePooling"}[old[1]]], int(old[2])  # fmt: skip
    return None, 0


def _axes(value: Any, rank: int) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, tuple) else (value,) * rank


def _padding(settings: Settings) -> str | None:
    word = str(settings.get("padding", "valid")).lower()
    if word not in ("valid", "same", "causal"):
        raise SpecError(f"Keras's padding is valid, same or causal, not {word!r}")
    return "tf_same" if word == "same" else None


def _unless(value: Any, default: Any) -> Any:
    """A value, or None where it is the default here."""
    usual = isinstance(value, tuple) and all(part == default for part in value)
    return None if value == default or usual else value


def _activated(line: str, settings: Settings) -> str:
    """The line with the activation that Keras's layers can hold."""
    word = settings.get("activation")
    if word in (None, "linear"):
        return line
    layers = {
        "relu": "ReLU()", "relu6": "ReLU6()", "sigmoid": "Sigmoid()", "tanh": "Tanh()", "softmax": "Softmax(dim=1)",
        "gelu": "GELU()", "elu": "ELU()", "selu": "SELU()", "silu": "SiLU()", "swish": "SiLU()", "mish": "Mish()",
        "softplus": "Softplus()", "softsign": "Softsign()", "leaky_relu": "LeakyReLU(0.2)",
        "hard_sigmoid": "Hardsigmoid()",
    }  # fmt: skip
    return f"{line} {layers[word]}" if word in layers else line


def _conv(settings: Settings, rank: int) -> str:
    needs(settings, "filters", "kernel_size")
    kernel, dilation = settings["kernel_size"], settings.get("dilation_rate", 1)
    before = ""
    if str(settings.get("padding", "")).lower() == "causal":
        kernels, dilations = _axes(kernel, rank), _axes(dilation, rank)
        before = f"ZeroPad{rank}d(padding=({dilations[0] * (kernels[0] - 1)}, 0)) "
    line = _call(
        f"Conv{rank}d", out_channels=settings["filters"], kernel_size=kernel,
        stride=_unless(settings.get("strides", 1), 1), padding=_padding(settings), dilation=_unless(dilation, 1),
        groups=_unless(settings.get("groups", 1), 1), bias=_unless(settings.get("use_bias", True), True),
    )  # fmt: skip
    return _activated(before + line, settings)


def _transposed(settings: Settings, rank: int) -> str:
    needs(settings, "filters", "kernel_size")
    extra, padding = settings.get("output_padding"), _padding(settings)
    shared: Settings = {
        "out_channels": settings["filters"], "kernel_size": settings["kernel_size"],
        "stride": _unless(settings.get("strides", 1), 1), "dilation": _unless(settings.get("dilation_rate", 1), 1),
        "bias": _unless(settings.get("use_bias", True), True),
    }  # fmt: skip
    if extra is None:
        shared["padding"] = padding or "valid"
    else:  # Keras: (i - 1) s + k - 2 (k // 2) + output_padding where `same`
        kernels = _axes(settings["kernel_size"], rank)
        halves = tuple(kernel // 2 for kernel in kernels)
        shared |= {"padding": _unless(halves if padding else 0, 0), "output_padding": _unless(extra, 0)}
    return _activated(_call(f"ConvTranspose{rank}d", **shared), settings)


def _pool(torch_name: str) -> Callable[[Settings, int], str]:
    def write(settings: Settings, rank: int) -> str:
        stride = settings.get("strides")
        return _call(
            f"{torch_name}{rank}d", kernel_size=settings.get("pool_size", 2), stride=stride, padding=_padding(settings)
        )

    return write


def _global(kind: str) -> Callable[[Settings, int], str]:
    def write(settings: Settings, rank: int) -> str:
        return f"{kind}{rank}d(1)" if settings.get("keepdims") else f"{kind}{rank}d(1) Flatten()"

    return write


def _depthwise(settings: Settings, rank: int) -> str:
    needs(settings, "kernel_size")
    line = _call(
        f"depthwise{rank}d", kernel_size=settings["kernel_size"], stride=_unless(settings.get("strides", 1), 1),
        padding=_padding(settings), dilation=_unless(settings.get("dilation_rate", 1), 1),
        multiplier=_unless(settings.get("depth_multiplier", 1), 1), bias=_unless(settings.get("use_bias", True), True),
    )  # fmt: skip
    return _activated(line, settings)


def _separable(settings: Settings, rank: int) -> str:
    """Keras's has a bias behind the second step only."""
    needs(settings, "filters", "kernel_size")
    first = _depthwise({**settings, "activation": None, "use_bias": False}, rank)
    second = _call(
        f"Conv{rank}d", out_channels=settings["filters"], kernel_size=1,
        bias=_unless(settings.get("use_bias", True), True),
    )  # fmt: skip
    return _activated(f"{first} {second}", settings)


def _upsampling(settings: Settings, rank: int) -> str:
    size, word = settings.get("size", 2), str(settings.get("interpolation", "nearest"))
    if word not in ("nearest", "bilinear", "bicubic"):
        raise SpecError(f"torch has no interpolation {word!r}")
    factor = tuple(map(float, size)) if isinstance(size, tuple) else float(size)
    return _call("Upsample", scale_factor=factor if rank > 1 else _axes(factor, 1)[0], mode=_unless(word, "nearest"))


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
    line = _call("Linear", out_features=settings["units"], bias=_unless(settings.get("use_bias", True), True))
    return _activated(line, settings)


def _normalization(settings: Settings, _rank: int) -> str:
    scale, center = settings.get("scale", True), settings.get("center", True)
    if center and not scale:
        raise SpecError("Keras's scale=False with a shift has no counterpart in torch")
    return _call(
        "batch_norm", eps=_unless(settings.get("epsilon", 1e-3), 1e-5), affine=_unless(scale, True),
        bias=_unless(center, True) if scale else None,
    )  # fmt: skip


def _caffe_conv(torch_name: str) -> Callable[[Settings, int], str]:
    def write(settings: Settings, _rank: int) -> str:
        needs(settings, "num_output")
        kernel = settings.get("kernel_size", (settings.get("kernel_h"), settings.get("kernel_w")))
        return _call(
            torch_name, out_channels=settings["num_output"], kernel_size=kernel,
            stride=_unless(settings.get("stride", 1), 1), padding=_unless(settings.get("pad", 0), 0),
            dilation=_unless(settings.get("dilation", 1), 1), groups=_unless(settings.get("group", 1), 1),
            bias=_unless(settings.get("bias_term", True), True),
        )  # fmt: skip

    return write


def _caffe_pool(settings: Settings, _rank: int) -> str:
    """Caffe rounds the number of windows up."""
    average = str(settings.get("pool", 0)).upper().endswith(("AVE", "1"))
    name = "AvgPool2d" if average else "MaxPool2d"
    if settings.get("global_pooling"):
        return f"Adaptive{name}(1)"
    return _call(
        name, kernel_size=settings.get("kernel_size", 2), stride=settings.get("stride", 1),
        padding=_unless(settings.get("pad", 0), 0), ceil_mode=True,
    )  # fmt: skip


def _caffe_linear(settings: Settings, _rank: int) -> str:
    needs(settings, "num_output")
    bias = _unless(settings.get("bias_term", True), True)
    return f"Flatten() {_call('Linear', out_features=settings['num_output'], bias=bias)}"


def _caffe_lrn(settings: Settings, _rank: int) -> str:
    return _call(
        "LocalResponseNorm", size=settings.get("local_size", 5), alpha=settings.get("alpha", 1.0),
        beta=_unless(settings.get("beta", 0.75), 0.75), k=_unless(settings.get("k", 1.0), 1.0),
    )  # fmt: skip


def needs(settings: Settings, *names: str) -> None:
    """Raise SpecError for an argument that a layer elsewhere cannot do without."""
    for name in names:
        if name not in settings:
            raise SpecError(f"this layer lacks its {name}")


def _call(name: str, **arguments: Any) -> str:
    """A call, without the arguments that are None."""
    return f"{name}({', '.join(f'{key}={value!r}' for key, value in arguments.items() if value is not None)})"


CAFFE_WORDS: Final = {"num_output", "pad", "bias_term", "group", "local_size", "kernel_h", "pool", "global_pooling"}
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
CAFFE: Final[dict[str, Foreign]] = {
    "InnerProduct": Foreign("Caffe", (), _caffe_linear, {"num_output": 10}),
    "Pooling": Foreign("Caffe", (), _caffe_pool, {"kernel_size": 2, "stride": 2}),
    "LRN": Foreign("Caffe", (), _caffe_lrn, {}),
    "Convolution": Foreign("Caffe", (), _caffe_conv("Conv2d"), {"num_output": 64, "kernel_size": 3}),
    "Deconvolution": Foreign("Caffe", (), _caffe_conv("ConvTranspose2d"), {"num_output": 64, "kernel_size": 3}),
}
