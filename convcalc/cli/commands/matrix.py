"""`convcalc matrix`: a small convolution as the sparse matrix it is."""

from __future__ import annotations

from pathlib import Path
from string import ascii_letters, digits
from typing import Annotated, Any

import typer

from convcalc import ops
from convcalc.analyses.matrix import Matrix, matrix, walking
from convcalc.cli.options import AsFormat, Format, InputLayout, Inputs, Layout, Spec, check_output, emit
from convcalc.cli.report import hints, shapes, stacks
from convcalc.errors import ConvcalcError, SpecError
from convcalc.graph import Graph
from convcalc.render.table import Answer, Column, Table
from convcalc.spec.assemble import Stack
from convcalc.units import exactly, percent

SIGNS = ascii_letters + digits
HIGH, WIDE = 40, 78
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
        bool, typer.Option("--transpose", help="Show the transpose, the matrix of the transposed layer.")
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
    scipy.sparse.load_npz; its values are those places plus 1. Example: convcalc matrix conv2d c=1 k=3 -i 1x4x4
    """
    (stack, *more) = stacks(spec, inputs, layout)
    if more:
        raise SpecError("matrix takes one layer, not several blocks")
    found = matrix(stack.graph)
    shown = found.transposed if transpose else found
    if form is Format.csv:
        triples = [{"row": row, "column": column, "weight": weight} for row, column, weight in shown.entries]
        table = Table(columns=TRIPLES, rows=triples)
    else:
        table = Table(columns=(), rows=(), head=[*_words(shown, stack, transpose)], foot=_picture(shown))
    saves = out is not None and out.endswith(".npz")
    if saves:
        save(shown, str(out))
    answer = Answer("matrix", document=_document(shown, stack, transpose), tables=[table], hints=hints([stack]))
    return emit(answer, form, None if saves else out)


def _words(found: Matrix, stack: Stack, transpose: bool) -> list[str]:
    held = found.rows * found.columns
    lines = [
        f"{stack.reading}; {'the transpose' if transpose else 'the matrix'} is {found.rows} x {found.columns}",
        f"{exactly(len(found.entries))} non-zeros ({percent(found.density)}) = multiply-adds on real input;"
        f" {exactly(found.weights)} distinct weights where a dense layer would hold {exactly(held)}",
    ]
    if found.rank is not None:
        lines.append(f"rank {found.rank} for weights in general position")
    lines.append(
        f"its transpose is the matrix of: {turned(stack.graph)}"
        if not transpose
        else f"it is the matrix of: {turned(stack.graph)}"
    )
    if len(walking(stack.graph).inputs) > 2:
        lines.append("the bias is added besides: it is no part of the matrix")
    return lines


def turned(graph: Graph) -> str:
    """Return the layer whose matrix is the transpose, as words: the same weights, in and out exchanged."""
    node = walking(graph)
    op, x, out = node.op, node.inputs[0], node.output
    assert isinstance(op, (ops.Conv, ops.ConvTranspose))
    direct = isinstance(op, ops.Conv)
    words = [f"conv_transpose{len(op.windows)}d" if direct else f"conv{len(op.windows)}d", f"out_channels={x.channels}"]
    for key, usual, values in (
        ("kernel_size", None, [window.kernel for window in op.windows]),
        ("stride", 1, [window.stride for window in op.windows]),
        ("dilation", 1, [window.dilation for window in op.windows]),
    ):
        words += _said(key, usual, values)
    if all(window.symmetric for window in op.windows):
        words += _said("padding", 0, [window.before for window in op.windows])
    else:
        words.append("padding=" + "x".join(f"{window.before}+{window.after}" for window in op.windows))
    if direct:
        spare = [
            (size - window.size_in(outputs))
            for window, size, outputs in zip(op.windows, x.spatial, out.spatial, strict=True)
        ]
        words += _said("output_padding", 0, spare)
    if op.groups != 1:
        words.append(f"groups={op.groups}")
    return " ".join((*words, "bias=false"))


def _said(key: str, usual: int | None, values: list[int]) -> list[str]:
    if all(value == usual for value in values):
        return []
    return [f"{key}={values[0] if len(set(values)) == 1 else 'x'.join(map(str, values))}"]


def _picture(found: Matrix) -> list[str]:
    """The corner of the matrix, a letter per weight and a dot for zero."""
    high, wide = min(found.rows, HIGH), min(found.columns, WIDE)
    grid = [["·"] * wide for _ in range(high)]
    named = found.weights <= len(SIGNS)
    for row, column, weight in found.entries:
        if row < high and column < wide:
            grid[row][column] = SIGNS[weight] if named else "#"
    key = f"{SIGNS[0]}..{SIGNS[found.weights - 1]} are the weights in order" if named else "# is a weight"
    cut = (
        ""
        if (high, wide) == (found.rows, found.columns)
        else f" (the first {high} x {wide} of {found.rows} x {found.columns})"
    )
    return ["".join(line) for line in grid] + [f"{key}, · is zero{cut}"]


def _document(found: Matrix, stack: Stack, transpose: bool) -> dict[str, Any]:
    return {
        "input": shapes(stack.graph.inputs),
        "output": shapes(stack.graph.outputs),
        "transposed": transpose,
        "shape": [found.rows, found.columns],
        "nonzeros": len(found.entries),
        "density": found.density,
        "distinct_weights": found.weights,
        "dense_weights": found.rows * found.columns,
        "rank": found.rank,
        "transpose_is": turned(stack.graph),
        "entries": found.entries,
    }


def save(found: Matrix, path: str) -> None:
    """Write a matrix as scipy.sparse.load_npz reads it (CSR). Raises ConvcalcError where it cannot be written."""
    check_output(path)
    import numpy

    starts = [0] * (found.rows + 1)
    for row, _, _ in found.entries:
        starts[row + 1] += 1
    for row in range(found.rows):
        starts[row + 1] += starts[row]
    try:
        numpy.savez_compressed(
            Path(path),
            indices=numpy.array([column for _, column, _ in found.entries], dtype=numpy.int64),
            indptr=numpy.array(starts, dtype=numpy.int64),
            format=numpy.array(b"csr"),
            shape=numpy.array([found.rows, found.columns]),
            data=numpy.array([weight + 1 for _, _, weight in found.entries], dtype=numpy.int64),
        )
    except OSError as error:
        raise ConvcalcError(f"{path} cannot be written: {error.strerror or error}") from None
