"""`convcalc matrix`: a small convolution as the matrix it is."""

from __future__ import annotations

from string import ascii_letters, digits
from typing import Annotated

import typer

from convcalc.analyses.wiring.matrix import Matrix
from convcalc.analyses.wiring.matrix_report import MatrixReport, matrix_report
from convcalc.cli.options import AsFormat, Format, InputLayout, Inputs, Layout, Spec, check_output, emit
from convcalc.cli.subjects import hints, read_subject
from convcalc.render.npz import save_npz
from convcalc.render.table import Answer, Column, Table
from convcalc.units import exactly, percent

SIGNS = ascii_letters + digits
MAX_ROWS, MAX_COLUMNS = 40, 78
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
    """One convolution as its sparse matrix: a letter per weight, non-zeros, density, what a dense layer would hold.

    CSV lists row, column and the place of the weight in its flattened tensor. An .npz file is read by
    scipy.sparse.load_npz; its values are those places plus 1.
    """
    subject = read_subject(spec, inputs, layout, "matrix takes one layer, not several blocks")
    report = matrix_report(subject, transpose=transpose)
    if form is Format.csv:
        triples = [{"row": row, "column": column, "weight": weight} for row, column, weight in report.matrix.entries]
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
    lines = [
        f"{report.subject.reading}; {name} is {matrix.rows} x {matrix.columns}",
        f"{exactly(len(matrix.entries))} non-zeros ({percent(matrix.density)}) = multiply-adds on real input;"
        f" {exactly(matrix.weights)} distinct weights where a dense layer would hold {exactly(report.dense_weights)}",
    ]
    if matrix.rank is not None:
        lines.append(f"rank {matrix.rank} for almost all weights")
    lines.append(f"{'it' if report.transposed else 'its transpose'} is the matrix of: {report.transpose_is}")
    if report.has_bias:
        lines.append("the bias is added besides: it is not a part of the matrix")
    return lines


def _picture(matrix: Matrix) -> list[str]:
    """The corner of the matrix, a letter per weight and a dot for zero."""
    high, wide = min(matrix.rows, MAX_ROWS), min(matrix.columns, MAX_COLUMNS)
    grid = [["·"] * wide for _ in range(high)]
    named = matrix.weights <= len(SIGNS)
    for row, column, weight in matrix.entries:
        if row < high and column < wide:
            grid[row][column] = SIGNS[weight] if named else "#"
    key = f"{SIGNS[0]}..{SIGNS[matrix.weights - 1]} are the weights in order" if named else "# is a weight"
    whole = (high, wide) == (matrix.rows, matrix.columns)
    cut = "" if whole else f" (the first {high} x {wide} of {matrix.rows} x {matrix.columns})"
    return ["".join(line) for line in grid] + [f"{key}, · is zero{cut}"]
