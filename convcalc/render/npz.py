"""`save_npz`: a matrix as scipy.sparse.load_npz reads it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from convcalc.errors import ConvcalcError, UnsupportedError
from convcalc.files import replacing

if TYPE_CHECKING:
    from convcalc.analyses.wiring.matrix import Matrix


def save_npz(matrix: Matrix, path: str) -> None:
    """Write a matrix in CSR form: its values are the numbers, or the weights' places plus 1.

    Raises UnsupportedError where an entry is neither, ConvcalcError where the file cannot be written.
    """
    import numpy

    starts = [0] * (matrix.rows + 1)
    for entry in matrix.entries:
        starts[entry.row + 1] += 1
    for row in range(matrix.rows):
        starts[row + 1] += starts[row]
    values = _values(matrix)
    try:
        with replacing(Path(path)) as beside:
            numpy.savez_compressed(
                beside,
                indices=numpy.array([entry.column for entry in matrix.entries], dtype=numpy.int64),
                indptr=numpy.array(starts, dtype=numpy.int64),
                format=numpy.array(b"csr"),
                shape=numpy.array([matrix.rows, matrix.columns]),
                data=numpy.array(values),
            )
    except OSError as error:
        raise ConvcalcError(f"{path} cannot be written: {error.strerror or error}") from None


def _values(matrix: Matrix) -> list[int] | list[float]:
    places = [entry.weight for entry in matrix.entries]
    if None not in places:
        return [place + 1 for place in places if place is not None]
    terms = [entry.terms for entry in matrix.entries]
    if all(len(each) == 1 and not each[0][0] for each in terms):
        return [float(each[0][1]) for each in terms]
    raise UnsupportedError("a file .npz holds the places of weights or numbers, not the products of weights in these")
