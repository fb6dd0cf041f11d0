"""`as_function`, `multiplies`: what aten operators are: the torch functions that have readers, and which contract."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

CONTRACTIONS: Final = re.compile(
    r"(^|_)(s|hsp|b|add|addb|baddb|sspadd|w)?mm(_|$)|matmul|(^|_|add)mv(_|$)|(^|_|v)dot(_|$)|inner|outer|(^|_)ger(_|$)"
    r"|addr|kron|tensordot|linear(_|$)|conv|atten|attn|lstm|gru|rnn|fft|stft|trilinear|cdist|pdist|euclidean|cholesky"
    r"|svd|(^|_)qr(_|$)|eig|solve|inv(erse)?(_|$)|(^|_)det|logdet|(^|_)lu(_|$)|matrix|linalg|lstsq|householder|corrcoef"
    r"|(^|_)cov(_|$)|embedding_bag|transformer|sparse|segment_reduce|quantize|geqrf|ormqr"
)
"""What the names of aten operators have in which products may be summed."""
PLAIN: Final = re.compile(r"linalg_vector_norm|upsample|_linear1d|linspace")
"""Those of them that sum no products, or only weigh positions."""


def as_function(name: str, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[str, Sequence[Any], dict[str, Any]]:
    """Name an aten call as the function whose reader knows it."""
    match name:
        case "convolution":
            x, weight, bias, stride, padding, dilation, transposed, extra, groups = args
            rank = len(weight.shape) - 2
            if transposed:
                return (
                    f"conv_transpose{rank}d",
                    (x, weight, bias, stride, padding, extra, groups, dilation),
                    {},
                )
            return f"conv{rank}d", (x, weight, bias, stride, padding, dilation, groups), {}
        case "batch_norm" | "instance_norm" if len(args) > 4:  # aten's order: weight and bias before the statistics
            x, weight, bias, mean, variance, *rest = args
            return name, (x, mean, variance, weight, bias, *rest), kwargs
        case "upsample_nearest1d" | "upsample_nearest2d" | "upsample_nearest3d" if len(args) > 1:
            scale = args[2] if len(args) > 2 else None
            return "interpolate", (args[0], None if scale else args[1], _factors(scale)), {}
        case "upsample_bilinear2d" | "upsample_linear1d" | "upsample_trilinear3d" | "upsample_bicubic2d" if (
            len(args) > 2
        ):
            mode = name.removeprefix("upsample_")[:-2]
            scale = args[3] if len(args) > 3 else None
            return "interpolate", (args[0], None if scale else args[1], _factors(scale), mode, args[2]), {}
        case "_softmax" | "_log_softmax" | "_safe_softmax":
            return name.lstrip("_").replace("safe_", ""), args[:2], {}
        case "alias" | "_to_copy" | "lift_fresh":
            return "clone", args[:1], {}
        case "slice":
            x, axis, start, stop, step = tuple(args) + (None, 0, None, None, 1)[len(args) :]
            window = slice(start, stop, step)
            return "__getitem__", (x, (*(slice(None),) * (axis % len(x.shape)), window)), {}
        case "constant_pad_nd":
            return "pad", (args[0], args[1], "constant", *args[2:]), {}
        case _:
            return name, args, {} if name in ("clone", "empty_like") else kwargs


def _factors(scale: Any) -> Any:
    return tuple(scale) if isinstance(scale, (list, tuple)) else scale


def multiplies(namespace: str, name: str) -> bool:
    """Whether multiply-adds may hide in an operator that has no reader: those of other libraries, and contractions."""
    if namespace not in ("aten", "prims"):
        return True
    return bool(CONTRACTIONS.search(name)) and not PLAIN.search(name)
