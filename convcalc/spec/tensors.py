"""`tensor`: what `-i` says: sizes joined by x, a name before and a dtype after; and which of them is the batch."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

from convcalc.digits import whole
from convcalc.errors import ShapeError, SpecError, Spot
from convcalc.limits import MAX_SIZE
from convcalc.shapes import show
from convcalc.spec.letters import size_symbol
from convcalc.spec.ranges import RANGE, Alternatives, alternatives
from convcalc.subject import Tensor
from convcalc.units import plural

if TYPE_CHECKING:
    from convcalc.sizes import Shape

DTYPES = ("float32", "float16", "bfloat16", "float64", "int64", "int32", "bool")
_SYMBOLIC = re.compile(r"[A-Z][A-Za-z0-9_]*|\?")


LEAST_IMAGE = 8
"""Sizes from here on may be those of an image."""


def tensor(text: str, spot: Spot | None = None) -> Tensor:
    """Read `3x224x224`, `high=32x64x64`, `10x3:int64`. Raises SpecError."""
    from convcalc.spec.lexer import normal

    spot = spot or Spot(f"-i {text}", 3, 3 + len(text))
    name, equals, sizes = normal(text).removeprefix("=").rpartition("=")
    body, colon, dtype = sizes.rpartition(":")
    if colon and dtype in DTYPES:
        sizes = body
    elif colon and dtype[:1].isalpha() and dtype != "pow2":
        raise SpecError(f"{dtype!r} is not a dtype (one of {', '.join(DTYPES)})", spot)
    else:
        dtype = ""
    shapes = [part.strip() for part in sizes.split(",")] if "," in sizes and "x" in sizes.strip("()[] ") else []
    shapes = shapes if all("x" in part for part in shapes) else []
    if not shapes:
        sizes = _joined(sizes)
    if equals and not re.fullmatch(r"[A-Za-z_]\w*", name):
        raise SpecError(f"{name!r} is not a name for an input", spot)
    if name == "last":
        raise SpecError("'last' means the layer before: choose another name", spot)
    if shapes:
        each = [tuple(_size(part, text, spot) for part in shape.split("x")) for shape in shapes]
        if len(set(map(len, each))) > 1 or any(isinstance(size, Alternatives) for shape in each for size in shape):
            raise SpecError("alternatives of an input have as many sizes each, and no ranges inside", spot)
        return Tensor(each[0], text, spot, name, dtype, tuple(each))
    return Tensor(tuple(_size(part, text, spot) for part in sizes.split("x")), text, spot, name, dtype)


def _joined(sizes: str) -> str:
    """Sizes joined by x: `3,224,224`, `(1, 3, 224, 224)`, `torch.Size([3, 224, 224])` and `3 x 224 x 224` as well."""
    bare = re.sub(r"^(?:torch\.)?Size\((.*)\)$", r"\1", sizes.strip())
    while len(bare) > 1 and bare[0] in "([" and bare[-1] in ")]":
        bare = bare[1:-1].strip()
    return re.sub(r"\s*[,xX]\s*|\s+", "x", bare.removesuffix(",").strip())


def _size(part: str, text: str, spot: Spot) -> int:
    if part.isdecimal():
        size = whole(part, most=MAX_SIZE)
        if size is None:
            raise SpecError(f"a size of {part[:16]} is past any tensor", spot)
        if size == 0:
            raise ShapeError("an input size must be at least 1, not 0", spot)
        return size
    if RANGE.fullmatch(part):
        return cast("int", alternatives(part, str, spot))
    if _SYMBOLIC.fullmatch(part):
        if part == "?":
            raise SpecError("a size is a number, or a letter that stands for one, such as 3xHxW, not ?", spot)
        return cast("int", size_symbol(part))
    if part.startswith("-"):
        raise ShapeError(f"an input size must be at least 1, not {part}", spot)
    raise SpecError(f"an input is sizes joined by x, such as 3x224x224, not {text!r}", spot)


def laid_out(given: Tensor, axes: tuple[str, ...], decided_by: str) -> tuple[Shape, str]:
    """Return a tensor of a layer that names its axes, N among them, and how the sizes were read.

    Raises ShapeError where they are neither one sample nor a batch.
    """
    sizes, place = given.sizes, axes.index("N")
    sample = tuple(axis for axis in axes if axis != "N")
    if len(sizes) == len(axes):
        return sizes, f"{show(sizes)} read as {'x'.join(axes)}, a batch of {sizes[place]}"
    if len(sizes) == len(sample):
        return (*sizes[:place], 1, *sizes[place:]), f"{show(sizes)} read as {'x'.join(sample)}, one sample"
    short, full = "x".join(sample), "x".join(axes)
    raise ShapeError(
        f"{decided_by} takes {short} or {full}, but {given.text} has {plural(len(sizes), 'size')}", given.spot
    )


def batched(given: Tensor, rank: int | None, decided_by: str, layout: str) -> tuple[Shape, str]:
    """Return (batch, channels, *spatial) and how the sizes were read.

    `rank` is the number of spatial axes the first layer that fixes one asks for, or None. Raises ShapeError when
    the sizes are neither one sample nor a batch.
    """
    sizes, count = given.sizes, len(given.sizes)
    if rank is None:
        rank = {1: 0, 2: 1, 3: 2, 4: 2, 5: 3}.get(count)
        if rank is None:
            raise ShapeError(f"an input of {count} sizes cannot be read: give 1 to 5", given.spot)
        decided_by = ""
    full_rank, names = rank + 1, ("N", "C" if rank else "F", *{0: "", 1: "L", 2: "HW", 3: "DHW"}[rank])
    if rank == 0 and count > 2:
        return sizes, f"{show(sizes[1:])} read as a batch of {sizes[0]}, features last"
    if count not in (full_rank, full_rank + 1):
        short, full = "x".join(names[1:]), "x".join(names)
        raise ShapeError(f"{decided_by} takes {short} or {full}, but {given.text} has {count} sizes", given.spot)
    shape = sizes if count == full_rank + 1 else (1, *sizes)
    if layout == "hwc" and rank:
        shape = (shape[0], shape[-1], *shape[1:-1])
    letters = names[1:] if layout == "chw" or not rank else (*names[2:], "C")
    if count == full_rank:
        return shape, f"{show(sizes)} read as {'x'.join(letters)}, one sample"
    return shape, f"{show(sizes)} read as {'x'.join(('N', *letters))}, a batch of {shape[0]}"


def looks_channels_last(given: Tensor) -> bool:
    """Whether the sizes end like an image's channels, after two that are those of an image (no gate, no small map)."""
    if len(given.sizes) != 3 or not all(isinstance(size, int) for size in given.sizes):
        return False
    return given.sizes[-1] in (1, 3, 4) and min(given.sizes[:2]) >= LEAST_IMAGE
