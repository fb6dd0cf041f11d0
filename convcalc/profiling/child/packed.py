"""Convolutions whose weights were laid out once as oneDNN wants them: what torch's own compiler does when it freezes.

The calls are private to torch and may be absent; UnsupportedError says so then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from convcalc import ops
from convcalc.errors import UnsupportedError
from convcalc.profiling.plan import packable

if TYPE_CHECKING:
    from collections.abc import Callable

    from convcalc.graph import Node


def packed(node: Node, held: list[Any]) -> Callable[..., Any] | None:
    """Return a convolution as a function of its input only, or None for a step that has no packed form.

    `held` are the step's inputs where they are known. Raises UnsupportedError where this torch cannot pack.
    """
    op = node.op
    if not isinstance(op, ops.Conv) or not packable(op) or not isinstance(held[1], Tensor):
        return None
    try:
        reorder = getattr(torch._C._nn, f"mkldnn_reorder_conv{len(op.windows)}d_weight")
        run: Any = torch.ops.mkldnn._convolution_pointwise.default
    except (AttributeError, RuntimeError):
        raise UnsupportedError(
            "this torch has no call that packs weights for oneDNN: use --layout channels_last"
        ) from None
    padding = [window.before for window in op.windows]
    stride = [window.stride for window in op.windows]
    dilation = [window.dilation for window in op.windows]
    groups = op.groups
    weight = held[1].detach().contiguous().to_mkldnn()
    ready = reorder(weight, padding, stride, dilation, groups, list(node.inputs[0].shape))
    bias = held[2].detach() if len(held) > 2 else None
    return lambda x: run(x, ready, bias, padding, stride, dilation, groups, "none", [], "")
