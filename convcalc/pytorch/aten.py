"""`as_function`: calls of aten operators as calls of the torch functions that have readers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


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
        case "_softmax":
            return "softmax", args[:2], {}
        case "alias" | "_to_copy" | "lift_fresh":
            return "clone", args[:1], {}
        case _:
            return name, args, {} if name in ("clone", "empty_like") else kwargs
