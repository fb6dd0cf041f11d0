"""`read_kernel`: a kernel by name, as rows of numbers, or from a .npy or .csv file."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from convcalc.errors import SpecError
from convcalc.limits import MAX_KERNEL_DIGITS, MAX_KERNEL_VALUES
from convcalc.spec.lexer import normal
from convcalc.spec.named_kernels import FIXED, Rows, by_name

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
    named = re.fullmatch(r"([A-Za-z][\w-]*?)\s*[ _]?(\d+)?", text)
    if text.lower() in FIXED:
        return Kernel(text, by_name(text))
    if named:
        return Kernel(text, by_name(named[1], int(named[2]) if named[2] else None))
    if re.match(r"[A-Za-z]", text):
        raise SpecError(f"{text!r} is no kernel: a name is followed by its size at most, such as gaussian 5")
    return Kernel("kernel", _rows([row.replace(",", " ").split() for row in text.strip(";").split(";")]))


def _rows(rows: Sequence[Sequence[str]]) -> Rows:
    widths = [len(row) for row in rows]
    if not rows or 0 in widths:
        raise SpecError("a row of the kernel is empty: rows are set apart by ; and numbers by spaces")
    if len(set(widths)) > 1:
        raise SpecError(f"rows of a kernel are equally long, not {', '.join(map(str, widths))}")
    if len(rows) * widths[0] > MAX_KERNEL_VALUES:
        raise SpecError(f"{len(rows) * widths[0]:,} values are no kernel (the limit is {MAX_KERNEL_VALUES:,})")
    return tuple(tuple(_number(value) for value in row) for row in rows)


def _number(text: str) -> Fraction:
    """Read a number exactly, up to what a float can hold as well."""
    if len(text) > MAX_KERNEL_DIGITS:
        raise SpecError(f"a number of {len(text)} digits is past what is read ({MAX_KERNEL_DIGITS})")
    if not re.fullmatch(r"[-+]?(\d+(/\d+)?|\d*\.?\d+([eE][-+]?\d{1,2})?|\d+\.)", text) or re.search(r"/0+$", text):
        raise SpecError(f"{text!r} is no number here: write 2, -1, 0.5, 1/9 or 1e-9")
    return Fraction(text.lstrip("+"))


def _from_file(path: Path) -> Kernel:
    try:
        if path.suffix == ".csv":
            lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
            return Kernel(str(path), _rows([re.split(r"[,;\s]+", normal(line).strip()) for line in lines]))
        import numpy

        values = numpy.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        reason = getattr(error, "strerror", None) or f"it is no {path.suffix} file of numbers"
        raise SpecError(f"{path} cannot be read: {reason}") from None
    if values.dtype.kind not in "iuf" or values.ndim not in (2, 3) or 0 in values.shape:
        shape = "x".join(map(str, values.shape))
        raise SpecError(
            f"{path} holds {shape or 'a single value'} of {values.dtype}: a kernel is kh x kw or C x kh x kw"
        )
    if values.size > MAX_KERNEL_VALUES:
        raise SpecError(f"{values.size:,} values are no kernel (the limit is {MAX_KERNEL_VALUES:,})")
    if values.dtype.kind == "f" and not numpy.isfinite(values).all():
        raise SpecError(f"{path} holds values that are not finite")
    if values.ndim == 2 and values.dtype.kind != "f":
        return Kernel(str(path), tuple(tuple(Fraction(int(value)) for value in row) for row in values))
    return Kernel(str(path), array=values)
