"""What can be written in a graph: nineteen ops, a closed set.

An op says what one step does and nothing about who asked for it. Learned tensors are steps like any other, so
sharing, groups and generated kernels are not special cases. Analyses match over `Op` and end in `assert_never`:
an op that is forgotten is a type error, never a silent zero. Ops are named tuples because a frozen dataclass takes
ten times as long to create, and start-up is a feature.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from convcalc.functions import FUNCTIONS

if TYPE_CHECKING:
    from convcalc.functions import Function, Scalar
    from convcalc.sizes import Shape, Size
    from convcalc.window import Window

Role: TypeAlias = Literal["weight", "bias", "norm", "other"]


class Input(NamedTuple):
    """A tensor the caller hands in: (batch, channels, *spatial)."""

    shape: Shape
    name: str = "input"


class Parameter(NamedTuple):
    """A learned tensor. A shared one is one step, read many times."""

    shape: Shape
    name: str
    role: Role = "weight"
    trained: bool = True


class Constant(NamedTuple):
    """A buffer, never counted as a parameter: running statistics, index tables, masks; filled with `value`.

    With `identity` the last two axes hold ones on their diagonal; with `nonzeros` it is a sparse matrix that holds
    so many entries.
    """

    shape: Shape
    name: str
    value: float = 0.0
    identity: bool = False
    nonzeros: Size | None = None


class Conv(NamedTuple):
    """Convolution (torch correlates) of x (B, Cin, *S) with weight (Cout, Cin/groups, *K), and a bias (Cout)."""

    windows: tuple[Window, ...]
    groups: Size = 1


class ConvTranspose(NamedTuple):
    """Transposed convolution of x (B, Cin, *S) with weight (Cin, Cout/groups, *K), and a bias (Cout)."""

    windows: tuple[Window, ...]
    groups: Size = 1
    output_padding: Shape = ()


class Pool(NamedTuple):
    """Pooling by windows, or (`output_size`) over uneven windows that tile the input.

    With both the windows are placed at random, so that there are `output_size` of them. Source: arXiv:1412.6071.
    """

    function: Literal["max", "avg"]
    windows: tuple[Window, ...] = ()
    output_size: Shape = ()
    ceil_mode: bool = False
    count_padding: bool = True

    @property
    def random(self) -> bool:
        """Whether its windows are placed at random."""
        return bool(self.windows and self.output_size)


class Unfold(NamedTuple):
    """Lay out what each window reads: (B, C, *S) -> (B, C, *kernel, *out)."""

    windows: tuple[Window, ...]


class Fold(NamedTuple):
    """Add what each window holds to where it lies: (B, C, *kernel, *positions) -> (B, C, *size)."""

    windows: tuple[Window, ...]
    size: Shape


class Recurrent(NamedTuple):
    """Recurrent layers over the steps of a sequence, not unrolled: x, then torch's parameters in torch's order.

    x is (B, L, F), or (L, B, F) where `batch` is 1; the output has hidden (or projection) features per direction.
    """

    cell: Literal["rnn_tanh", "rnn_relu", "lstm", "gru"]
    hidden: Size
    layers: int = 1
    bidirectional: bool = False
    projection: Size = 0
    batch: int = 0
    bias: bool = True

    @property
    def directions(self) -> int:
        """How often it walks the sequence: forth, and back."""
        return 2 if self.bidirectional else 1

    @property
    def gates(self) -> int:
        """How many rows of `hidden` each weight has."""
        return {"lstm": 4, "gru": 3}.get(self.cell, 1)

    @property
    def features(self) -> Size:
        """What each direction hands on per step."""
        return self.projection if not isinstance(self.projection, int) or self.projection else self.hidden


class Sample(NamedTuple):
    """Read x at places computed elsewhere, given as its second input.

    With windows these are offsets (B, 2 * groups * taps, *out), y then x per tap, added to what each window reads:
    (B, C, *S) -> (B, C, *kernel, *out), weighted by a third input (B, groups * taps, *out) where there is one.
    Source: arXiv:1703.06211, arXiv:1811.11168. Without windows it is a grid_sample, or with one of the `taps` a gather:
    of whole rows of a table, or along `axes` alone, the others read in place.
    """

    shape: Shape
    windows: tuple[Window, ...] = ()
    groups: Size = 1
    taps: int = 4
    axes: tuple[int, ...] = ()


class Einsum(NamedTuple):
    """Multiply two tensors and sum the letters that are missing from the result."""

    equation: str


class Resample(NamedTuple):
    """Interpolate to `size`; `scale` is the factor where one was given (torch then maps positions by it).

    The mode `unpool` writes each value into its window, at the place a maximum came from.
    """

    size: Shape
    mode: str = "nearest"
    scale: tuple[float, ...] | None = None
    align_corners: bool = False


class Pad(NamedTuple):
    """Add positions at both ends of each axis (negative: remove), filled by a second input per channel if given."""

    before: Shape
    after: Shape
    mode: str = "constant"
    value: float = 0.0


class Reduce(NamedTuple):
    """Reduce whole axes by sum, mean, max or min; kept as 1 when `keep`."""

    axes: tuple[int, ...]
    function: str
    keep: bool = False


class Concat(NamedTuple):
    """Join tensors along one axis."""

    axis: int


class Slice(NamedTuple):
    """Keep positions start, start+step, ... before stop of one axis."""

    axis: int
    start: Size
    stop: Size
    step: Size = 1


class Landing(NamedTuple):
    """Where one factor of an input axis lands: its output axis, and the factors outside and inside of it there."""

    axis: int
    outer: Shape
    inner: Shape


class Rearrange(NamedTuple):
    """Split each axis into factors, put all factors in `order`, and merge runs of `merge[k]` of them.

    Recipes write it as a pattern (`patterns.arrangement`).
    """

    split: tuple[Shape, ...]
    order: tuple[int, ...]
    merge: tuple[int, ...]

    def landings(self) -> tuple[Landing, ...]:
        """Return for each factor of each input axis, in order, where it lands."""
        flat = [factor for factors in self.split for factor in factors]
        landings: dict[int, Landing] = {}
        place = 0
        for axis, count in enumerate(self.merge):
            run = self.order[place : place + count]
            place += count
            for nth, factor in enumerate(run):
                outer, inner = (tuple(flat[other] for other in part) for part in (run[:nth], run[nth + 1 :]))
                landings[factor] = Landing(axis, outer, inner)
        return tuple(landings[factor] for factor in range(len(flat)))


class Elementwise(NamedTuple):
    """A function applied position by position; `axes` are those it looks along (softmax, layer_norm)."""

    function: str
    axes: tuple[int, ...] = ()
    settings: tuple[tuple[str, Scalar], ...] = ()

    @property
    def about(self) -> Function:
        """The function's row: what every analysis knows of it."""
        return FUNCTIONS[self.function]


class Opaque(NamedTuple):
    """A step of an imported model that cannot be read: where it may multiply, totals that include it are `at least`.

    `reason` says which exception of a reader of ours kept it from being read, where it was one.
    """

    name: str
    shape: Shape
    reason: str = ""
    multiplies: bool = True


Op: TypeAlias = (
    Input
    | Parameter
    | Constant
    | Conv
    | ConvTranspose
    | Pool
    | Unfold
    | Fold
    | Recurrent
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

RANK_OF_MODE = {"linear": 1, "bilinear": 2, "trilinear": 3, "bicubic": 2}
"""Spatial axes of the interpolations that take one number of them only."""
CONVOLUTIONS = (Conv, ConvTranspose)
CONTRACTIONS = (*CONVOLUTIONS, Einsum, Recurrent)
"""What multiplies and sums: the ops whose multiply-adds count."""
STORED = (Parameter, Constant)
"""Tensors that are there from the start."""
SOURCES = (Input, *STORED)
"""Steps that compute nothing."""
