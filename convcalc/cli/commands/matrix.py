"""`convcalc matrix`: a small layer, or several, as the matrix they are."""

from __future__ import annotations

from typing import Annotated

import typer

from convcalc.analyses.wiring.matrix import Matrix
from convcalc.analyses.wiring.matrix_report import MatrixReport, entry_json, matrix_report
from convcalc.cli.options import AsFormat, Format, InputLayout, Inputs, Layout, Spec, check_output, emit
from convcalc.cli.subjects import hints, read_subject
from convcalc.render.npz import save_npz
from convcalc.render.show.signs import SIGNS
from convcalc.render.table import Answer, Column, Table
from convcalc.units import exactly, percent

MAX_ROWS, MAX_COLUMNS = 40, 78
MAX_KEYS = 16
"""So many entries that are no plain weights are explained below the picture."""
TRIPLES = (
    Column("row", "row", right=True),
    Column("column", "column", right=True),
    Column("weight", "weight", right=True),
)


def command(
    spec: Spec = None,
    inputs: Inputs = None,
    layout: Layout = InputLayout.chw,
    transpose: Annotated[
        bool, typer.Option("--transposed", help="Show the transpose, the matrix of the transposed layer.")
    ] = False,
    form: AsFormat = Format.table,
    out: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Write the answer to FILE; .npz holds the matrix for SciPy."
        ),
    ] = None,
) -> int:
    """Linear layers as their sparse matrix: a letter per weight, non-zeros, density, what a dense layer would hold.

    Convolutions, linear layers, pools, shuffles, pads, resizes, and stacks of them: the product of their matrices. CSV
    lists row, column and the place of the weight in its flattened tensor, or what else the entry is. An .npz file is
    read by scipy.sparse.load_npz; its values are those places plus 1, or the numbers.
    """
    subject = read_subject(spec, inputs, layout, "matrix takes one layer, not several blocks")
    report = matrix_report(subject, transpose=transpose)
    if form is Format.csv:
        triples = [
            {"row": entry.row, "column": entry.column, "weight": entry_json(entry)} for entry in report.matrix.entries
        ]
        table = Table(columns=TRIPLES, rows=triples)
    else:
        table = Table(columns=(), rows=(), head=_lines(report), foot=_picture(report.matrix))
    saves = out is not None and out.endswith(".npz")
    if saves:
        check_output(out)
        save_npz(report.matrix, str(out))
    return emit(Answer("matrix", report.to_dict, [table], hints=hints([subject])), form, None if saves else out)


def _lines(report: MatrixReport) -> list[str]:
    matrix, name = report.matrix, "the transpose" if report.transposed else "the matrix"
    counted = f"{exactly(len(matrix.entries))} non-zeros ({percent(matrix.density)})"
    if report.transpose_is is not None:
        counted += " = multiply-adds on real input"
    weights = f"{exactly(matrix.weights)} distinct weights where" if matrix.weights else "its entries are numbers;"
    lines = [
        f"{report.subject.reading}; {name} is {matrix.rows} x {matrix.columns}",
        f"{counted}; {weights} a dense layer would hold {exactly(report.dense_weights)}",
    ]
    if matrix.rank is not None:
        lines.append(f"rank {matrix.rank} for almost all weights")
    if report.transpose_is is not None:
        lines.append(f"{'it' if report.transposed else 'its transpose'} is the matrix of: {report.transpose_is}")
    if report.has_bias:
        lines.append("the bias is added besides: it is not a part of the matrix")
    return lines


def _picture(matrix: Matrix) -> list[str]:
    """The corner of the matrix, a sign for each different entry and a dot for zero."""
    high, wide = min(matrix.rows, MAX_ROWS), min(matrix.columns, MAX_COLUMNS)
    grid = [["·"] * wide for _ in range(high)]
    signs, key = _signs(matrix)
    for entry in matrix.entries:
        if entry.row < high and entry.column < wide:
            grid[entry.row][entry.column] = signs.get(entry.text, "#")
    whole = (high, wide) == (matrix.rows, matrix.columns)
    cut = "" if whole else f" (the first {high} x {wide} of {matrix.rows} x {matrix.columns})"
    return ["".join(line) for line in grid] + [f"{key}, · is zero{cut}"]


def _signs(matrix: Matrix) -> tuple[dict[str, str], str]:
    """A sign for each different entry, and the sentence that explains them."""
    plain = all(entry.weight is not None for entry in matrix.entries)
    if plain and matrix.weights <= len(SIGNS):
        named = {f"w{place}": sign for place, sign in enumerate(SIGNS[: matrix.weights])}
        return named, f"{SIGNS[0]}..{SIGNS[matrix.weights - 1]} are the weights in order"
    if plain:
        return {}, "# is a weight"
    texts = list(dict.fromkeys(entry.text for entry in matrix.entries))
    if texts == ["1"]:
        return {"1": "1"}, "1 is one"
    if len(texts) > MAX_KEYS:
        return {}, f"# is one of {len(texts):,} different entries (-f csv lists them)"
    signs = dict(zip(texts, SIGNS, strict=False))
    return signs, ", ".join(f"{sign} = {text}" for text, sign in signs.items())
