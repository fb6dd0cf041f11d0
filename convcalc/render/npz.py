"""`save_npz`: a matrix as scipy.sparse.load_npz reads it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from convcalc.errors import ConvcalcError
from convcalc.files import replacing

if TYPE_CHECKING:
    from convcalc.analyses.wiring.matrix import Matrix


def save_npz(matrix: Matrix, path: str) -> None:
    """Write a matrix in CSR form, its values the weights' places plus 1. Raises ConvcalcError where it cannot be."""
    import numpy

    starts = [0] * (matrix.rows + 1)
    for row, _, _ in matrix.entries:
        starts[row + 1] += 1
    for row in range(matrix.rows):
        starts[row + 1] += starts[row]
    try:
        with replacing(Path(path)) as beside:
            numpy.savez_compressed(
                beside,
                indices=numpy.array([column for _, column, _ in matrix.entries], dtype=numpy.int64),
                indptr=numpy.array(starts, dtype=numpy.int64),
                format=numpy.array(b"csr"),
                shape=numpy.array([matrix.rows, matrix.columns]),
                data=numpy.array([weight + 1 for _, _, weight in matrix.entries], dtype=numpy.int64),
            )
    except OSError as error:
        raise ConvcalcError(f"{path} cannot be written: {error.strerror or error}") from None
