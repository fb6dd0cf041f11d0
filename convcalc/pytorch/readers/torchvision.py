"""Operators of torchvision: deformable convolution and pooling of regions. What it suppresses (nms) needs values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convcalc import ops
from convcalc.pytorch.readers.registry import reads
from convcalc.window import Window

if TYPE_CHECKING:
    from convcalc.builder import Builder
    from convcalc.graph import Value


@reads("deform_conv2d")
def deform_conv2d(
    b: Builder,
    input: Value,
    weight: Value,
    offset: Value,
    mask: Value,
    bias: Value,
    stride_h: int,
    stride_w: int,
    pad_h: int,
    pad_w: int,
    dilation_h: int,
    dilation_w: int,
    groups: int,
    offset_groups: int,
    use_mask: bool,
) -> Value:
    """Columns read at the offsets, times the weight (torchvision.ops, torch.ops.torchvision.deform_conv2d)."""
    steps = ((stride_h, pad_h, dilation_h), (stride_w, pad_w, dilation_w))
    walks = tuple(
        Window(kernel=kernel, stride=stride, dilation=dilation, before=pad, after=pad)
        for kernel, (stride, pad, dilation) in zip(weight.shape[2:], steps, strict=True)
    )
    columns = b.sample(input, offset, *((mask,) if use_mask else ()), walks=walks, groups=offset_groups)
    return b.add_bias(b.columns_by_weight(columns, weight, groups), bias)


@reads("roi_align", "ps_roi_align", "roi_pool", "ps_roi_pool")
def roi_align(
    b: Builder,
    input: Value,
    rois: Value,
    spatial_scale: float,
    pooled_height: int,
    pooled_width: int,
    *more: Any,
) -> Value:
    """(K, C, height, width) for K regions, each position four taps of some samples."""
    shape = (rois.shape[0], input.channels, pooled_height, pooled_width)
    return b.write(ops.Sample(shape=shape, taps=4), input, rois)
