"""What the literature puts in a convolution's place, at the same output shape, and the share of MACs that is left.

Each ratio is the paper's, as text in its letters: in_channels C_in, out_channels C_out, kernel k; tests compare it
with the MACs of the recipes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple


class Convolution(NamedTuple):
    """The convolution to replace, along every axis alike."""

    in_channels: int
    out_channels: int
    kernel: int
    stride: int
    padding: int
    bias: bool

    @property
    def keeps(self) -> bool:
        """Whether the map keeps its size: stride 1 and same padding."""
        return self.stride == 1 and 2 * self.padding == self.kernel - 1

    @property
    def halves(self) -> bool:
        """Whether padding is k//2: what blocks that choose their own padding take."""
        return self.kernel % 2 == 1 and self.padding == self.kernel // 2


Layers = list[tuple[str, dict[str, Any]]]


class Substitute(NamedTuple):
    """One substitute: its layers for a convolution (or why there are none), and the ratio of its MACs."""

    name: str
    ratio: str
    layers: Callable[[Convolution], Layers | str]
    source: str


def _walk(c: Convolution) -> dict[str, Any]:
    return {"kernel_size": c.kernel, "stride": c.stride, "padding": c.padding}


def _separable(c: Convolution) -> Layers | str:
    if c.kernel == 1:
        return "a 1x1 has no spatial part to take out"
    return [("depthwise_separable", {"out_channels": c.out_channels, "bias": c.bias, **_walk(c)})]


def _grouped(count: int) -> Callable[[Convolution], Layers | str]:
    def layers(c: Convolution) -> Layers | str:
        if c.in_channels % count or c.out_channels % count:
            return f"{count} does not divide both {c.in_channels} and {c.out_channels} channels"
        return [("grouped", {"out_channels": c.out_channels, "groups": count, "bias": c.bias, **_walk(c)})]

    return layers


def _shuffled(c: Convolution) -> Layers | str:
    groups, inner = 4, c.out_channels // 4
    if c.kernel == 1:
        return "a 1x1 has no spatial part to take out"
    if c.in_channels % groups or inner % groups or c.out_channels % 4:
        return f"{groups} groups do not divide {c.in_channels}, {inner} and {c.out_channels} channels"
    return [
        ("pointwise_grouped", {"out_channels": inner, "groups": groups, "bias": c.bias}),
        ("channel_shuffle", {"groups": groups}),
        ("depthwise", {"bias": c.bias, **_walk(c)}),
        ("pointwise_grouped", {"out_channels": c.out_channels, "groups": groups, "bias": c.bias}),
    ]


def _factorised(c: Convolution) -> Layers | str:
    if c.kernel < 3:
        return "it never pays below 3x3"
    return [("spatially_separable", {"out_channels": c.out_channels, "bias": c.bias, **_walk(c)})]


def _stacked(c: Convolution) -> Layers | str:
    if c.kernel not in (5, 7, 9, 11) or not c.keeps:
        return "it replaces 5x5 and larger at stride 1 with same padding"
    return [("stacked", {"out_channels": c.out_channels, "num_layers": (c.kernel - 1) // 2, "bias": c.bias})]


def _dilated(c: Convolution) -> Layers | str:
    if c.kernel not in (5, 7, 9, 11):
        return "a 3x3 with holes stands for a 5x5 or larger"
    settings = {"kernel_size": 3, "dilation": (c.kernel - 1) // 2, "stride": c.stride, "padding": c.padding}
    return [("dilated", {"out_channels": c.out_channels, "bias": c.bias, **settings})]


def _ghost(c: Convolution) -> Layers | str:
    if not c.halves:
        return "it pads k//2"
    return [("ghost", {"out_channels": c.out_channels, "kernel_size": c.kernel, "stride": c.stride})]


def _hetconv(c: Convolution) -> Layers | str:
    if c.kernel == 1 or not c.halves:
        return "it mixes k x k and 1x1 kernels, padded k//2"
    if c.in_channels % 4:
        return f"4 parts do not divide {c.in_channels} channels"
    settings = {"kernel_size": c.kernel, "stride": c.stride, "part": 4, "bias": c.bias}
    return [("hetconv", {"out_channels": c.out_channels, **settings})]


def _bottleneck(c: Convolution) -> Layers | str:
    if c.kernel == 1 or not c.halves:
        return "its middle convolution is k x k, padded k//2"
    if c.in_channels < 4:
        return f"a quarter of {c.in_channels} channels is none"
    settings = {"kernel_size": c.kernel, "stride": c.stride, "bias": c.bias}
    return [("bottleneck", {"out_channels": c.out_channels, **settings})]


def _flattened(c: Convolution) -> Layers | str:
    if c.kernel == 1 or c.stride != 1:
        return "it has no stride"
    settings = {"kernel_size": c.kernel, "padding": c.padding, "bias": c.bias}
    return [("flattened", {"out_channels": c.out_channels, **settings})]


def _calibrated(c: Convolution) -> Layers | str:
    if c.kernel != 3 or c.in_channels != c.out_channels or not c.halves:
        return "it is 3x3, padded 1, and keeps its channels"
    return [("scconv", {"stride": c.stride})]


def _involution(c: Convolution) -> Layers | str:
    if c.in_channels != c.out_channels or c.out_channels % 16 or not c.halves:
        return "it keeps its channels, a multiple of 16, and pads k//2"
    return [("involution", {"kernel_size": c.kernel, "stride": c.stride})]


SUBSTITUTES: Final[tuple[Substitute, ...]] = (
    Substitute("depthwise separable", "1/C_out + 1/k^2", _separable, "arXiv:1704.04861"),
    Substitute("grouped, g = 2", "1/2", _grouped(2), "arXiv:1611.05431"),
    Substitute("grouped, g = 4", "1/4", _grouped(4), "arXiv:1611.05431"),
    Substitute(
        "pointwise grouped, shuffle, depthwise",
        "m (C_in/g + k^2 + C_out/g)/(k^2 C_in C_out), m = C_out/4, g = 4", _shuffled, "arXiv:1707.01083",
    ),
    Substitute("spatially separable", "(C_in + C_out)/(k C_in)", _factorised, "arXiv:1512.00567"),
    Substitute("stacked 3x3", "9 (C_in + (n-1) C_out)/(k^2 C_in), n = (k-1)/2", _stacked, "arXiv:1409.1556"),
    Substitute("dilated 3x3", "9/k^2", _dilated, "arXiv:1511.07122"),
    Substitute("ghost, q = 2", "1/2 + 9/(2 k^2 C_in)", _ghost, "arXiv:1911.11907"),
    Substitute("hetconv, P = 4", "1/P + (1 - 1/P)/k^2, P = 4", _hetconv, "arXiv:1903.04120"),
    Substitute(
        "bottleneck", "m (C_in + k^2 m + C_out)/(k^2 C_in C_out), m = floor(C_in/4)", _bottleneck, "arXiv:1512.03385"
    ),
    Substitute("flattened", "(C_in + 2 k)/(k^2 C_in)", _flattened, "arXiv:1412.5474"),
    Substitute("self-calibrated", "(3 + 1/r^2)/4, r = 4", _calibrated, "MCG-NKU/SCNet"),
    Substitute("involution", "1/(r k^2) + 1/(16 r) + 1/C_in, r = 4", _involution, "arXiv:2103.06255"),
)  # fmt: skip
"""Ratios hold at stride 1 with same padding where sizes enter; alt prints the number beside each."""
OCTAVE: Final[Substitute] = Substitute(
    "octave, a = 1/2", "1 - 3/4 a (2 - a), a = 1/2", lambda _: "", "arXiv:1904.05049"
)
"""Octave convolution takes and gives the same map at two resolutions: its inputs are split before."""
