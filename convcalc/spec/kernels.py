"""`read_kernel`: a kernel by name, as rows of numbers, or from a .npy or .csv file."""

from __future__ import annotations

import re
from contextlib import suppress
from fractions import Fraction
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from convcalc.digits import whole
from convcalc.errors import SpecError
from convcalc.limits import MAX_KERNEL_BYTES, MAX_KERNEL_DIGITS, MAX_KERNEL_VALUES, MAX_NAMED_KERNEL
from convcalc.spec.lexer import normal
from convcalc.spec.named_kernels import FIXED, Rows, by_name
from convcalc.units import size_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class Kernel(NamedTuple):
    """What it is called, and its values: exact rows, or an array of two or three axes."""

    title: str
    rows: Rows | None = None
    array: NDArray[Any] | None = None


def read_kernel(words: Sequence[str]) -> Kernel:
    """Read a kernel. Raises SpecError for what is no number, no kernel, or too large."""
    if len(words) == 1 and Path(words[0]).suffix in (".npy", ".csv"):
        return _from_file(Path(words[0]))
    text = normal(" ".join(words)).strip()
    if text.lower() in FIXED:
        return Kernel(text, by_name(text))
    before = text.rstrip("0123456789")
    name, digits = before.rstrip(" _"), text[len(before) :]
    if re.fullmatch(r"[A-Za-z][\w-]*", name):
        size = whole(digits) if digits else None
        if digits and size is None:
            raise SpecError(f"a size is a whole number from 1 to {MAX_NAMED_KERNEL}, not {digits}")
        return Kernel(text, by_name(name, size))
    if re.match(r"[A-Za-z]", text):
        raise SpecError(f"{text!r} is not a kernel: a name is followed by its size at most, such as gaussian 5")
    return Kernel("kernel", _rows([row.replace(",", " ").split() for row in text.strip(";").split(";")]))


def _rows(rows: Sequence[Sequence[str]]) -> Rows:
    widths = [len(row) for row in rows]
    if not rows or 0 in widths:
        raise SpecError("a row of the kernel is empty: rows are set apart by ; and numbers by spaces")
    if len(set(widths)) > 1:
        raise SpecError(f"rows of a kernel are equally long, not {', '.join(map(str, widths))}")
    if len(rows) * widths[0] > MAX_KERNEL_VALUES:
        raise SpecError(
            f"{len(rows) * widths[0]:,} values are too many for a kernel (the limit is {MAX_KERNEL_VALUES:,})"
        )
    return tuple(tuple(_number(value) for value in row) for row in rows)


def _number(text: str) -> Fraction:
    """Read a number exactly, up to what a float can hold as well."""
    if len(text) > MAX_KERNEL_DIGITS:
        raise SpecError(f"a number of {len(text)} digits is past what is read ({MAX_KERNEL_DIGITS})")
    if re.fullmatch(r"[-+]?(\d+(/\d+)?|\d*\.?\d+([eE][-+]?\d{1,2})?|\d+\.)", text):
        with suppress(ZeroDivisionError):
            return Fraction(text.lstrip("+"))
    raise SpecError(f"{text!r} is not a number here: write 2, -1, 0.5, 1/9 or 1e-9")


def _from_file(path: Path) -> Kernel:
    try:
        size = path.stat().st_size
        if size > MAX_KERNEL_BYTES or not path.is_file():
            limit = f"it is over {size_of(MAX_KERNEL_BYTES)}" if path.is_file() else "it is not a file"
            raise SpecError(f"{path} cannot be read: {limit}")
        if path.suffix == ".csv":
            lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
            return Kernel(str(path), _rows([re.split(r"[,;\s]+", normal(line).strip()) for line in lines]))
        import numpy

        values = _array(path, size)
    except (OSError, ValueError, EOFError, OverflowError, TypeError) as error:
        reason = getattr(error, "strerror", None) or f"it is not a {path.suffix} file of numbers"
        raise SpecError(f"{path} cannot be read: {reason}") from None
    if values.dtype.kind not in "iuf" or values.ndim not in (2, 3) or 0 in values.shape:
        shape = "x".join(map(str, values.shape))
        raise SpecError(
            f"{path} holds {shape or 'a single value'} of {values.dtype}: a kernel is kh x kw or C x kh x kw"
        )
    if values.size > MAX_KERNEL_VALUES:
        raise SpecError(f"{values.size:,} values are too many for a kernel (the limit is {MAX_KERNEL_VALUES:,})")
    if values.dtype.kind == "f" and not numpy.isfinite(values).all():
        raise SpecError(f"{path} holds values that are not finite")
    if values.ndim == 2 and values.dtype.kind != "f":
        return Kernel(str(path), tuple(tuple(Fraction(int(value)) for value in row) for row in values))
    return Kernel(str(path), array=values)


def _array(path: Path, size: int) -> NDArray[Any]:
    """The array of a .npy file of so many bytes. Raises ValueError where its header says another size, or nothing."""
    import numpy
    from numpy.lib import format as npy

    with path.open("rb") as file:
        version = npy.read_magic(file)
        shape, _, dtype = npy.read_array_header_1_0(file) if version == (1, 0) else npy.read_array_header_2_0(file)
        plain = all(type(side) is int and 0 < side <= size for side in shape)
        if dtype.hasobject or not plain or prod(shape) * dtype.itemsize != size - file.tell():
            raise ValueError("the header says another size")
    array: NDArray[Any] = numpy.load(path, allow_pickle=False)
    return array
