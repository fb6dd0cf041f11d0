"""What can be written in a graph: seventeen ops, a closed set.

An op says what one step does and nothing about who asked for it. Learned tensors are steps like any other, so
sharing, groups and generated kernels are not special cases. Analyses match over `Op` and end in `assert_never`:
an op that is forgotten is a type error, never a silent zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from convcalc.sizes import Shape, Size
    from convcalc.window import Window

Role: TypeAlias = Literal["weight", "bias", "norm", "other"]
Scalar: TypeAlias = int | float | bool | str | None


@dataclass(frozen=True, slots=True)
class Input:
    """A tensor the caller hands in: (batch, channels, *spatial)."""

    shape: Shape
    name: str = "input"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A learned tensor. A shared one is one step, read many times."""

    shape: Shape
    name: str
    role: Role = "weight"
    trained: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """A buffer, never counted as a parameter: running statistics, index tables, masks; filled with `value`."""

    shape: Shape
    name: str
    value: float = 0.0


@dataclass(frozen=True, slots=True)
class Conv:
    """Convolution (torch correlates) of x (B, Cin, *S) with weight (Cout, Cin/groups, *K), and a bias (Cout)."""

    windows: tuple[Window, ...]
    groups: Size = 1


@dataclass(frozen=True, slots=True)
class ConvTranspose:
    """Transposed convolution of x (B, Cin, *S) with weight (Cin, Cout/groups, *K), and a bias (Cout)."""

    windows: tuple[Window, ...]
    groups: Size = 1
    output_padding: Shape = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Pooling by windows, or (`output_size`) over uneven windows that tile the input."""

    function: Literal["max", "avg"]
    windows: tuple[Window, ...] = ()
    output_size: Shape = ()
    ceil_mode: bool = False
    count_padding: bool = True


@dataclass(frozen=True, slots=True)
class Unfold:
    """Lay out what each window reads: (B, C, *S) -> (B, C, *kernel, *out)."""

    windows: tuple[Window, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Read x at places computed elsewhere: deformable convolution's columns, gather, grid_sample."""

    shape: Shape
    windows: tuple[Window, ...] = ()
    groups: Size = 1


@dataclass(frozen=True, slots=True)
class Einsum:
    """Multiply two tensors and sum the letters that are missing from the result."""

    equation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resample:
    """Interpolate to `size`; `scale` is the factor where one was given (torch then maps positions by it)."""

    size: Shape
    mode: str = "nearest"
    scale: tuple[float, ...] | None = None
    align_corners: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pad:
    """Add positions at both ends of each axis (negative: remove)."""

    before: Shape
    after: Shape
    mode: str = "constant"
    value: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reduce:
    """Reduce whole axes by sum, mean, max or min; kept as 1 when `keep`."""

    axes: tuple[int, ...]
    function: str
    keep: bool = False


@dataclass(frozen=True, slots=True)
class Concat:
    """Join tensors along one axis."""

    axis: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Keep positions start, start+step, ... before stop of one axis."""

    axis: int
    start: Size
    stop: Size
    step: Size = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Rearrange:
    """Split each axis into factors, put all factors in `order`, and merge runs of `merge[k]` of them."""

    split: tuple[Shape, ...]
    order: tuple[int, ...]
    merge: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Elementwise:
    """A function applied position by position; `axes` are those it looks along (softmax, layer_norm)."""

    function: str
    axes: tuple[int, ...] = ()
    settings: tuple[tuple[str, Scalar], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Opaque:
    """A step of an imported model that cannot be read: totals that include it are `at least`."""

    name: str
    shape: Shape


Op: TypeAlias = (
    Input
    | Parameter
    | Constant
    | Conv
    | ConvTranspose
    | Pool
    | Unfold
    | Sample
    | Einsum
    | Resample
    | Pad
    | Reduce
    | Concat
    | Slice
    | Rearrange
    | Elementwise
    | Opaque
)

NORMS = frozenset({"batch_norm", "layer_norm", "group_norm", "instance_norm"})
"""Elementwise functions that normalise their first input by statistics and per-channel parameters."""
FIRST_INPUT_ONLY = NORMS | {"prelu", "put"}
"""Elementwise functions that keep the first input's shape: the others are parameters, or are written into it."""
