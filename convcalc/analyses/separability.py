"""`Separability`: whether a kernel is a sum of few products of a column and a row, exactly; and what that saves.

A kernel is separable iff its rank is 1 (singular value decomposition); rank R takes R pairs. Source: Gonzalez and
Woods, "Digital Image Processing"; flattened convolution: Jin, Dundar, Culurciello, arXiv:1412.5474.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import gcd, lcm
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from convcalc.documents import plain
from convcalc.errors import LimitError, ShapeError, SpecError
from convcalc.limits import MAX_EXACT_WORK

if TYPE_CHECKING:
    from collections.abc import Sequence

Rows: TypeAlias = "tuple[tuple[Fraction, ...], ...]"
TOLERANCE = 1e-9
"""Of floating-point kernels: singular values below this share of the largest count as zero."""


class Pair(NamedTuple):
    """One product: scale * column x row, column and row without a common divisor where they are exact."""

    scale: Any
    column: tuple[Any, ...]
    row: tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Separability:
    """A kernel's rank, singular values and pairs; `errors[R]` is what the best R pairs leave, over the whole."""

    shape: tuple[int, int]
    rank: int
    exact: bool
    singular_values: tuple[float, ...]
    pairs: tuple[Pair, ...]
    errors: tuple[float, ...]

    @property
    def size(self) -> int:
        """How many weights the kernel has."""
        return self.shape[0] * self.shape[1]


class Cost(NamedTuple):
    """Multiplications on an N x N image: the dense kernel and so many pairs of a column and a row."""

    dense: int
    separable: int

    @property
    def ratio(self) -> Fraction:
        """Separable over dense."""
        return Fraction(self.separable, self.dense)


def cost(shape: tuple[int, int], rank: int, image: int, *, same: bool = False) -> Cost:
    """Count multiplications on an image x image map, without padding or (`same`) with as many outputs as inputs.

    For an m x m kernel of rank 1 the ratio is 2/m + (m-1)/(m(N-m+1)), and 2/m with padding. Raises ShapeError for an
    image smaller than the kernel.
    """
    high, wide = shape
    if image < max(shape):
        raise ShapeError(f"an image of {image} x {image} is smaller than the kernel of {high} x {wide}")
    if same:
        return Cost(high * wide * image**2, rank * (high + wide) * image**2)
    rows, columns = image - high + 1, image - wide + 1
    last = rows * columns
    column_first = high * rows * image + wide * last
    row_first = wide * columns * image + high * last
    return Cost(high * wide * last, rank * min(column_first, row_first))


def separate(kernel: Rows) -> Separability:
    """Return the exact rank and pairs of a kernel of fractions (of at most 100 digits: see the reader)."""
    pairs = _exact_pairs(kernel)
    values = _singular_values([[float(value) for value in row] for row in kernel], len(pairs))
    shape = (len(kernel), len(kernel[0]))
    return Separability(
        shape=shape,
        rank=len(pairs),
        exact=True,
        singular_values=values,
        pairs=tuple(pairs),
        errors=_errors(values, len(pairs)),
    )


def separate_numbers(kernel: Sequence[Sequence[float]]) -> Separability:
    """Return the numerical rank and the pairs of the singular value decomposition."""
    import numpy

    matrix = numpy.asarray(kernel, dtype=float)
    left, values, right = numpy.linalg.svd(matrix, full_matrices=False)
    rank = int((values > TOLERANCE * max(float(values[0]), 1e-300)).sum())
    pairs = tuple(
        Pair(float(values[n]), tuple(map(float, left[:, n])), tuple(map(float, right[n]))) for n in range(rank)
    )
    singular = tuple(map(float, values))
    shape = (int(matrix.shape[0]), int(matrix.shape[1]))
    return Separability(
        shape=shape, rank=rank, exact=False, singular_values=singular, pairs=pairs, errors=_errors(singular, rank)
    )


def approximated(separability: Separability, kernel: Sequence[Sequence[float]], count: int) -> tuple[Pair, ...]:
    """Return the best `count` pairs: those of the singular value decomposition, exact ones where they are all."""
    return separability.pairs if count >= separability.rank else separate_numbers(kernel).pairs[:count]


def _exact_pairs(kernel: Rows) -> list[Pair]:
    """Peel off rows: each pair takes one row of what is left, and what every other row has of it."""
    left = [list(row) for row in kernel]
    pairs = []
    work = 0
    for pivot, row in enumerate(left):
        place = next((n for n, value in enumerate(row) if value), None)
        if place is None:
            continue
        base = list(row)
        column = [other[place] / base[place] for other in left]
        column[:pivot] = [Fraction(0)] * pivot
        digits = max(max(value.numerator.bit_length(), value.denominator.bit_length()) for value in base)
        work += sum(map(bool, column)) * len(row) * (1 + digits // 16)
        if work > MAX_EXACT_WORK:
            raise LimitError(
                f"the exact rank of {len(left)} x {len(row)} values takes over {MAX_EXACT_WORK:,} operations: give them"
                " as a .npy file of floats for the numerical rank"
            )
        for n, share in enumerate(column):
            if share:
                left[n] = [a - share * b for a, b in zip(left[n], base, strict=True)]
        row_scale, column_ = _primitive(column)
        column_scale, row_ = _primitive(base)
        scale = row_scale * column_scale
        pairs.append(Pair(abs(scale), column_, row_ if scale > 0 else tuple(-value for value in row_)))
    return pairs


def _primitive(values: Sequence[Fraction]) -> tuple[Fraction, tuple[int, ...]]:
    """Return a factor and whole numbers without a common divisor, the first of them positive."""
    below = lcm(*(value.denominator for value in values))
    whole = [int(value * below) for value in values]
    above = gcd(*whole)
    sign = 1 if next(value for value in whole if value) > 0 else -1
    return Fraction(sign * above, below), tuple(sign * value // above for value in whole)


def _singular_values(kernel: Sequence[Sequence[float]], rank: int) -> tuple[float, ...]:
    """The singular values, those past the exact rank 0."""
    import numpy

    values = map(float, numpy.linalg.svd(numpy.asarray(kernel), compute_uv=False))
    return tuple(value if n < rank else 0.0 for n, value in enumerate(values))


def _errors(values: Sequence[float], rank: int) -> tuple[float, ...]:
    """What the best approximation by 0, 1, ... pairs leaves: the root of the rest of the squares over all."""
    if not rank:
        return (0.0,)
    shares = [(value / values[0]) ** 2 for value in values]  # squares of the values themselves may not be representable
    rest = [sum(shares[count:]) / sum(shares) for count in range(rank + 1)]
    return (*(share**0.5 for share in rest[:-1]), 0.0)


class Flattening(NamedTuple):
    """A kernel of C x kh x kw: the rank along each axis, and what the best single product of three vectors leaves."""

    ranks: tuple[int, int, int]
    error: float
    weights: int
    dense: int

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document without its envelope."""
        return self._asdict()


def flatten(kernel: Any) -> Flattening:
    """Return the three unfolding ranks and the best rank-1 error of a numpy array (C, kh, kw).

    The kernel is one channel x column x row product iff all three ranks are 1; the best product is found by
    alternating least squares from several starts.
    """
    import numpy

    tensor = numpy.asarray(kernel, dtype=float)
    ranks = []
    for axis in range(3):
        values = numpy.linalg.svd(numpy.moveaxis(tensor, axis, 0).reshape(tensor.shape[axis], -1), compute_uv=False)
        ranks.append(int((values > TOLERANCE * max(float(values[0]), 1e-300)).sum()))
    tensor = tensor / (float(numpy.abs(tensor).max()) or 1.0)
    whole = float((tensor**2).sum())
    best = max(_best_product(tensor, start, numpy) for start in range(8))
    error = (max(whole - best**2, 0.0) / whole) ** 0.5 if whole else 0.0
    shape = tensor.shape
    return Flattening((ranks[0], ranks[1], ranks[2]), 0.0 if max(ranks) <= 1 else error, sum(shape), tensor.size)


def _best_product(tensor: Any, start: int, numpy: Any) -> float:
    """Improve one vector after another until the product's weight no longer grows."""
    draw = numpy.random.default_rng(start)
    vectors = [draw.standard_normal(size) for size in tensor.shape]
    if start == 0:
        unfolded = [numpy.moveaxis(tensor, axis, 0).reshape(size, -1) for axis, size in enumerate(tensor.shape)]
        vectors = [numpy.linalg.svd(matrix, full_matrices=False)[0][:, 0] for matrix in unfolded]
    weight = 0.0
    for _ in range(500):
        before = weight
        for axis, letters in enumerate(("chw,h,w->c", "chw,c,w->h", "chw,c,h->w")):
            others = [vector for other, vector in enumerate(vectors) if other != axis]
            product = numpy.einsum(letters, tensor, *others)
            norm = float(numpy.linalg.norm(product))
            if norm == 0:
                return 0.0
            vectors[axis], weight = product / norm, norm
        if weight - before <= 1e-14 * weight:
            break
    return weight


@dataclass(frozen=True, slots=True, kw_only=True)
class SeparabilityReport:
    """A kernel split into so many pairs: those pairs, and what they cost on an image, with and without padding."""

    separability: Separability
    pairs: tuple[Pair, ...]
    count: int
    image: int
    valid: Cost
    same: Cost

    @property
    def weights(self) -> int:
        """Numbers in the pairs."""
        return self.count * sum(self.separability.shape)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document without its envelope."""
        separability = self.separability
        document: dict[str, Any] = plain(
            {
                "shape": separability.shape,
                "rank": separability.rank,
                "exact": separability.exact and self.count >= separability.rank,
                "singular_values": separability.singular_values,
                "pairs": [pair._asdict() for pair in self.pairs],
                "errors": separability.errors,
                "cost": {
                    "image": self.image,
                    "pairs": self.count,
                    "dense": self.valid.dense,
                    "separable": self.valid.separable,
                    "ratio": float(self.valid.ratio),
                    "ratio_same": float(self.same.ratio),
                    "weights": self.weights,
                },
            }
        )
        return document


def split_kernel(kernel: Any, *, exact: bool, image: int = 224, rank: int | None = None) -> SeparabilityReport:
    """Split a kernel of rows, exact fractions or an array, into `rank` pairs (all), and count on an image.

    Raises SpecError for a rank that the kernel cannot have, ShapeError for an image smaller than the kernel.
    """
    numbers = [[float(value) for value in row] for row in kernel]
    separability = separate(kernel) if exact else separate_numbers(kernel)
    if rank is not None and not 1 <= rank <= min(separability.shape):
        raise SpecError(f"--rank is a whole number from 1 to {min(separability.shape)}, not {rank}")
    count = separability.rank if rank is None else rank
    valid, same = (cost(separability.shape, max(count, 1), image, same=each) for each in (False, True))
    pairs = approximated(separability, numbers, count)
    return SeparabilityReport(separability=separability, pairs=pairs, count=count, image=image, valid=valid, same=same)
