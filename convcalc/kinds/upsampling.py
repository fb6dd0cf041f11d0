"""Larger maps without the checkerboard of a transposed convolution."""

from typing import Literal

from convcalc.builder import Builder
from convcalc.graph import Value
from convcalc.padding import Padding
from convcalc.registry import kind
from convcalc.sizes import Size, Sizes


@kind(source="doi:10.23915/distill.00003 (Odena et al. 2016)")
def resize_conv(
    b: Builder,
    x: Value,
    *,
    out_channels: Size,
    kernel_size: Sizes = 3,
    scale_factor: Size = 2,
    mode: Literal["nearest", "linear", "bilinear", "trilinear"] = "nearest",
    padding: Padding = "same",
    bias: bool = True,
) -> Value:
    """Interpolate the map to scale_factor times its size, then convolve it at stride 1.

    Used for: decoders and generators whose transposed convolution leaves a checkerboard.
    Gains: every output overlaps the kernel alike: no pattern to unlearn.
    Costs: the convolution works on the large map: scale^2 times the MACs of one on the small map.
    Split: none. Transform: interpolation, then k x k. Merge: none.
    """
    b.require(scale_factor >= 1, "scale_factor ({f}) must be at least 1", f=scale_factor)
    larger = b.resize(x, tuple(size * scale_factor for size in x.spatial), mode)
    return b.conv(larger, out_channels, kernel_size, padding=padding, bias=bias)


@kind(source="arXiv:1609.05158", spatial=2)
def subpixel(
    b: Builder,
    x: Value,
    *,
    out_channels: Size,
    kernel_size: Sizes = 3,
    upscale_factor: Size = 2,
    padding: Padding = "same",
    bias: bool = True,
) -> Value:
    """Convolve on the small map to r^2 times the channels, and lay them out as an r times larger map.

    The same function as a transposed convolution whose kernel r k is divisible by its stride r.

    Used for: super-resolution (ESPCN) and generators.
    Gains: the work is done on the small map; uniform overlap.
    Costs: r^2 times the output channels; the r^2 phases start independent, so a pattern can still be learned.
    Split: the outputs, by phase. Transform: k x k for each phase. Merge: pixel shuffle.
    """
    b.require(upscale_factor >= 1, "upscale_factor ({r}) must be at least 1", r=upscale_factor)
    phases = b.conv(x, out_channels * upscale_factor * upscale_factor, kernel_size, padding=padding, bias=bias)
    return b.pixel_shuffle(phases, upscale_factor)
