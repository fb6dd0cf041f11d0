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
            rank = weight.dim() - 2
            if transposed:
                return (
                    f"conv_transpose{rank}d",
                    (x, weight, bias, stride, padding, extra, groups, dilation),
                    {},
                )
            return f"conv{rank}d", (x, weight, bias, stride, padding, dilation, groups), {}
        case "_softmax" | "_log_softmax" | "_safe_softmax":
            return name.lstrip("_").replace("safe_", ""), args[:2], {}
        case "alias" | "_to_copy" | "lift_fresh":
            return "clone", args[:1], {}
        case "slice":
            x, axis, start, stop, step = tuple(args) + (None, 0, None, None, 1)[len(args) :]
            window = slice(start, stop, step)
            return "__getitem__", (x, (*(slice(None),) * (axis % x.dim()), window)), {}
        case "constant_pad_nd":
            return "pad", (args[0], args[1], "constant", *args[2:]), {}
        case _:
            return name, args, {} if name in ("clone", "empty_like") else kwargs


def multiplies(namespace: str, name: str) -> bool:
    """Whether multiply-adds may hide in an operator that has no reader: those of other libraries, and contractions."""
    if namespace not in ("aten", "prims"):
        return True
    return bool(CONTRACTIONS.search(name)) and not PLAIN.search(name)
