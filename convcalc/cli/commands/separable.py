"""`convcalc separable`: can a kernel be split into a column and a row?"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Annotated, Any, Final

import typer

from convcalc.analyses.separability import Flattening, Separability, SeparabilityReport, flatten, split_kernel
from convcalc.cli.options import AsFormat, Format, Out, emit
from convcalc.errors import SpecError
from convcalc.limits import MAX_IMAGE_SIDE, MAX_KERNEL_VALUES
from convcalc.render.table import Answer, Column, Table
from convcalc.spec.kernels import read_kernel
from convcalc.units import percent, plural, times_text

MAX_SHOWN: Final = 9


def _vector(values: Sequence[Any]) -> str:
    texts = [str(value) if isinstance(value, int) else f"{value:.4g}" for value in values]
    return " ".join(texts) if len(texts) <= MAX_SHOWN else " ".join((*texts[: MAX_SHOWN - 1], "..."))


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
        int | None,
        typer.Option(
            "--image", metavar="N", min=1, max=MAX_IMAGE_SIDE, help="Side of the image the cost is counted on (224)."
        ),
    ] = None,
    rank: Annotated[
        int | None,
        typer.Option(
            "--rank", metavar="R", max=MAX_KERNEL_VALUES, help="Count the cost of so many pairs (default: the rank)."
        ),
    ] = None,
    form: AsFormat = Format.table,
    out: Out = None,
) -> int:
    """Rank, singular values and the column x row factors of a kernel, and what splitting it saves or costs.

    Exact for whole numbers and fractions. A file may hold C x kh x kw (a filter of a layer): then the three ranks and
    the best product of three vectors, as in flattened convolution.
    """
    words = kernel or []
    if not words:
        raise SpecError('no kernel given: name one (sobel), or write its rows, such as "1 0 -1; 2 0 -2; 1 0 -1"')
    kernel_values = read_kernel(words)
    array = kernel_values.array
    if array is not None and array.ndim == 3:
        if rank is not None or image is not None:
            raise SpecError("--rank and --image go with a kernel of two axes; this one has three")
        flattening = flatten(array)
        table = _flattening_table(kernel_values.title, flattening)
        return emit(Answer("separable", flattening.to_dict, [table]), form, out)
    values = array.tolist() if array is not None else kernel_values.rows
    report = split_kernel(values, exact=array is None, image=image or 224, rank=rank)
    return emit(Answer("separable", report.to_dict, [_table(kernel_values.title, report)]), form, out)


def _table(title: str, report: SeparabilityReport) -> Table:
    separability = report.separability
    rows = [{"pair": n, **pair._asdict()} for n, pair in enumerate(report.pairs, start=1)]
    size = " x ".join(map(str, separability.shape))
    verdict = {0: "rank 0: all zero", 1: "rank 1: separable"}.get(
        separability.rank, f"rank {separability.rank}: not separable"
    )
    if separability.rank > 1:
        verdict += f" by one pair, a sum of {separability.rank}"
    return Table(columns=COLUMNS, rows=rows, head=[f"{title}, {size}: {verdict}"], foot=_feet(report))


def _feet(report: SeparabilityReport) -> list[str]:
    separability, valid, image = report.separability, report.valid, report.image
    foot = [f"singular values {_first(separability.singular_values)}", *_approximations(separability)]
    if not separability.rank:
        return foot
    pairs = plural(report.count, "pair")
    if report.count < separability.rank:
        pairs += f" (which leave {percent(separability.errors[report.count])})"
    work = f"{valid.separable:,} multiplications, {valid.dense:,} dense"
    high, wide = separability.shape
    square = ": 2/m + (m - 1)/(m (N - m + 1))" if report.count == 1 and high == wide else ""
    return [
        *foot,
        f"weights: {report.weights} in {pairs}, {separability.size} in the kernel",
        _pays(valid.ratio, f"on {image} x {image} without padding: {work}{square}"),
        _pays(report.same.ratio, "with padding that keeps the size"),
    ]


def _first(values: Sequence[float]) -> str:
    more = f", ... ({len(values)} in all)" if len(values) > MAX_SHOWN else ""
    return ", ".join(f"{value:.6g}" for value in values[:MAX_SHOWN]) + more


def _approximations(separability: Separability) -> list[str]:
    """What the best approximations by fewer pairs leave."""
    if separability.rank < 2:
        return []
    texts = [
        f"{count} pair{'s' if count > 1 else ''} {percent(error)}" for count, error in enumerate(separability.errors)
    ]
    return [
        f"the best approximation leaves (root of the squares over the whole): {', '.join(texts[1 : MAX_SHOWN + 1])}"
    ]


def _pays(ratio: Fraction, what: str) -> str:
    return f"{what}: {times_text(float(ratio))}"


def _flattening_table(title: str, flattening: Flattening) -> Table:
    single = max(flattening.ranks) <= 1
    verdict = "one channel x column x row product" if single else "no single product of three vectors"
    names = ("channels", "columns", "rows")
    ranks = ", ".join(f"{rank} ({name})" for rank, name in zip(flattening.ranks, names, strict=True))
    lines = [
        f"{title}: unfolding ranks {ranks}: {verdict}",
        f"the best product of three vectors leaves {percent(flattening.error)} (root of the squares over the whole)",
        f"weights: {flattening.weights} in three vectors (flattened convolution), {flattening.dense} in the kernel",
    ]
    return Table(columns=(), rows=(), head=lines)
