"""`convcalc separable`: can a kernel be split into a column and a row?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from convcalc.analyses.separability import (
    FIXED,
    Flattening,
    Rows,
    Separability,
    approximated,
    by_name,
    cost,
    flatten,
    separate,
    separate_numbers,
)
from convcalc.cli.options import AsFormat, Format, Out, emit
from convcalc.errors import SpecError
from convcalc.render.table import Answer, Column, Table
from convcalc.spec.lexer import normal
from convcalc.units import figures, percent, plural

Kernel: TypeAlias = tuple[Separability, list[list[float]]]
"""What was found, and the kernel's values."""
CONTEXT = {"ignore_unknown_options": True}  # a kernel may begin with a minus sign
VALUES_LIMIT, DIGITS = 1_000_000, 60
SHOWN = 9


def _vector(values: Sequence[Any]) -> str:
    shown = [str(value) if isinstance(value, int) else f"{value:.4g}" for value in values]
    return " ".join(shown) if len(shown) <= SHOWN else " ".join((*shown[: SHOWN - 1], "..."))


COLUMNS = (
    Column("pair", "pair", right=True),
    Column(
        "scale", "scale", lambda value: str(value) if isinstance(value, (int, Fraction)) else f"{value:.6g}", right=True
    ),
    Column("column", "column", _vector),
    Column("row", "row", _vector),
)


def command(
    kernel: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KERNEL...",
            help='A name (sobel, gaussian 5), rows "1 0 -1; 2 0 -2; 1 0 -1", or a .npy or .csv file.',
        ),
    ] = None,
    image: Annotated[
        int | None, typer.Option("--image", metavar="N", min=1, help="Side of the image the cost is counted on (224).")
    ] = None,
    rank: Annotated[
        int | None, typer.Option("--rank", metavar="R", help="Count the cost of so many pairs (default: the rank).")
    ] = None,
    form: AsFormat = Format.table,
    out: Out = None,
) -> int:
    """Rank, singular values and the column x row factors of a kernel, and what splitting it saves or costs.

    Exact for whole numbers and fractions. A file may hold C x kh x kw (a filter of a layer): then the three ranks and
    the best product of three vectors, as in flattened convolution. Example: convcalc separable sobel --image 32
    """
    words = kernel or []
    if not words:
        raise SpecError('no kernel given: name one (sobel), or write its rows, such as "1 0 -1; 2 0 -2; 1 0 -1"')
    for word in words:
        if re.match(r"--?[A-Za-z]", word):
            raise SpecError(f"there is no option {word!r} (--image, --rank, --format, --output)")
    if len(words) == 1 and Path(words[0]).suffix in (".npy", ".csv"):
        title, found = words[0], _from_file(Path(words[0]))
    else:
        title, found = _from_words(words)
    if isinstance(found, Flattening):
        if rank is not None or image is not None:
            raise SpecError("--rank and --image go with a kernel of two axes; this one has three")
        return emit(_flattened(title, found), form, out)
    return emit(_answer(title, *found, image or 224, rank), form, out)


def _from_words(words: Sequence[str]) -> tuple[str, Kernel]:
    text = normal(" ".join(words)).strip()
    named = re.fullmatch(r"([A-Za-z][\w-]*?)\s*[ _]?(\d+)?", text)
    if text.lower() in FIXED:
        return text, _exactly(by_name(text))
    if named:
        return text, _exactly(by_name(named[1], int(named[2]) if named[2] else None))
    if re.match(r"[A-Za-z]", text):
        raise SpecError(f"{text!r} is no kernel: a name is followed by its size at most, such as gaussian 5")
    return "kernel", _exactly(_parsed([row.replace(",", " ").split() for row in text.strip(";").split(";")]))


def _exactly(kernel: Rows) -> Kernel:
    return separate(kernel), [[float(value) for value in row] for row in kernel]


def _parsed(rows: Sequence[Sequence[str]]) -> Rows:
    """Read rows of numbers. Raises SpecError for what is no number, no kernel, or too large."""
    widths = [len(row) for row in rows]
    if not rows or 0 in widths:
        raise SpecError("a row of the kernel is empty: rows are set apart by ; and numbers by spaces")
    if len(set(widths)) > 1:
        raise SpecError(f"rows of a kernel are equally long, not {', '.join(map(str, widths))}")
    if len(rows) * widths[0] > VALUES_LIMIT:
        raise SpecError(f"{len(rows) * widths[0]:,} values are no kernel (the limit is {VALUES_LIMIT:,})")
    return tuple(tuple(_number(value) for value in row) for row in rows)


def _number(text: str) -> Fraction:
    """Read a number exactly, up to what a float can hold as well."""
    if len(text) > DIGITS:
        raise SpecError(f"a number of {len(text)} digits is past what is read ({DIGITS})")
    if not re.fullmatch(r"[-+]?(\d+(/\d+)?|\d*\.?\d+([eE][-+]?\d{1,2})?|\d+\.)", text) or re.search(r"/0+$", text):
        raise SpecError(f"{text!r} is no number here: write 2, -1, 0.5, 1/9 or 1e-9")
    return Fraction(text.lstrip("+"))


def _from_file(path: Path) -> Kernel | Flattening:
    try:
        if path.suffix == ".csv":
            lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
            return _exactly(_parsed([re.split(r"[,;\s]+", normal(line).strip()) for line in lines]))
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
    if values.size > VALUES_LIMIT:
        raise SpecError(f"{values.size:,} values are no kernel (the limit is {VALUES_LIMIT:,})")
    if values.dtype.kind == "f" and not numpy.isfinite(values).all():
        raise SpecError(f"{path} holds values that are not finite")
    if values.ndim == 3:
        return flatten(values)
    if values.dtype.kind == "f":
        return separate_numbers(values), values.tolist()
    return _exactly(tuple(tuple(Fraction(int(value)) for value in row) for row in values))


def _answer(title: str, found: Separability, kernel: Sequence[Sequence[float]], image: int, rank: int | None) -> Answer:
    pairs = found.rank if rank is None else rank
    if rank is not None and not 1 <= rank <= min(found.shape):
        raise SpecError(f"--rank is a whole number from 1 to {min(found.shape)}, not {rank}")
    valid, same = (cost(found.shape, max(pairs, 1), image, same=each) for each in (False, True))
    shown = approximated(found, kernel, pairs)
    rows = [{"pair": n, **pair._asdict()} for n, pair in enumerate(shown, start=1)]
    size = " x ".join(map(str, found.shape))
    verdict = {0: "rank 0: all zero", 1: "rank 1: separable"}.get(found.rank, f"rank {found.rank}: not separable")
    if found.rank > 1:
        verdict += f" by one pair, a sum of {found.rank}"
    weights = pairs * sum(found.shape)
    held = plural(pairs, "pair")
    if pairs < found.rank:
        held += f" (which leave {percent(found.errors[pairs])})"
    foot = [f"singular values {_first(found.singular_values)}", *_approximations(found)]
    if found.rank:
        work = f"{valid.separable:,} multiplications, {valid.dense:,} dense"
        foot += [
            f"weights: {weights} in {held}, {found.shape[0] * found.shape[1]} in the kernel",
            _pays(valid.ratio, f"on {image} x {image} without padding: {work}"),
            _pays(same.ratio, "with padding that keeps the size"),
        ]
    document = {
        "shape": found.shape,
        "rank": found.rank,
        "exact": found.exact and pairs >= found.rank,
        "singular_values": found.singular_values,
        "pairs": [pair._asdict() for pair in shown],
        "errors": found.errors,
        "cost": {
            "image": image,
            "pairs": pairs,
            "dense": valid.dense,
            "separable": valid.separable,
            "ratio": float(valid.ratio),
            "ratio_same": float(same.ratio),
            "weights": weights,
        },
    }
    table = Table(columns=COLUMNS, rows=rows, head=[f"{title}, {size}: {verdict}"], foot=foot)
    return Answer("separable", document=document, tables=[table])


def _first(values: Sequence[float]) -> str:
    more = f", ... ({len(values)} in all)" if len(values) > SHOWN else ""
    return ", ".join(f"{value:.6g}" for value in values[:SHOWN]) + more


def _approximations(found: Separability) -> list[str]:
    """What the best approximations by fewer pairs leave."""
    if found.rank < 2:
        return []
    shown = [f"{count} pair{'s' if count > 1 else ''} {percent(error)}" for count, error in enumerate(found.errors)][1:]
    return [f"the best approximation leaves (root of the squares over the whole): {', '.join(shown[:SHOWN])}"]


def _pays(ratio: Fraction, what: str) -> str:
    end = "it pays" if ratio < 1 else "it does not pay" if ratio > 1 else "it costs the same"
    return f"{what}: {figures(float(ratio))} of the work, {end}"


def _flattened(title: str, found: Flattening) -> Answer:
    one = "one channel x column x row product" if max(found.ranks) <= 1 else "no single product of three vectors"
    ranks = ", ".join(
        f"{rank} ({name})" for rank, name in zip(found.ranks, ("channels", "columns", "rows"), strict=True)
    )
    lines = [
        f"{title}: unfolding ranks {ranks}: {one}",
        f"the best product of three vectors leaves {percent(found.error)} (root of the squares over the whole)",
        f"weights: {found.weights} in three vectors (flattened convolution), {found.dense} in the kernel",
    ]
    document = {
        "ranks": found.ranks,
        "error": found.error,
        "weights": found.weights,
        "dense": found.dense,
    }
    return Answer("separable", document=document, tables=[Table(columns=(), rows=(), head=lines)])
