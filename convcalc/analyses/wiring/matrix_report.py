"""`MatrixReport`: linear layers as the matrix they are, or its transpose; of one convolution, whose that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from convcalc import ops
from convcalc.analyses.counts.stack_layers import shapes_json
from convcalc.analyses.wiring.links import is_added
from convcalc.analyses.wiring.matrix import Entry, Matrix, matrix, window_step
from convcalc.documents import plain
from convcalc.subject import Subject

if TYPE_CHECKING:
    from convcalc.graph import Graph


@dataclass(frozen=True, slots=True)
class MatrixReport:
    """The matrix that is shown, whether it is the transpose, and of one convolution the layer of the other as words.

    `has_bias` says that something is added besides.
    """

    subject: Subject
    matrix: Matrix
    transposed: bool
    transpose_is: str | None
    has_bias: bool

    @property
    def dense_weights(self) -> int:
        """How many weights a dense layer would hold."""
        return self.matrix.rows * self.matrix.columns

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document without its envelope."""
        document: dict[str, Any] = plain(
            {
                "input": shapes_json(self.subject.graph.inputs),
                "output": shapes_json(self.subject.graph.outputs),
                "transposed": self.transposed,
                "shape": [self.matrix.rows, self.matrix.columns],
                "nonzeros": len(self.matrix.entries),
                "density": self.matrix.density,
                "distinct_weights": self.matrix.weights,
                "dense_weights": self.dense_weights,
                "rank": self.matrix.rank,
                "transpose_is": self.transpose_is,
                "entries": [[entry.row, entry.column, entry_json(entry)] for entry in self.matrix.entries],
            }
        )
        return document


def entry_json(entry: Entry) -> int | str:
    """Return the place of the weight that an entry is, or the number or sum of products of weights as a text."""
    return entry.text if entry.weight is None else entry.weight


def matrix_report(subject: Subject, *, transpose: bool = False) -> MatrixReport:
    """Return the matrix of a stack of linear layers. Raises as `matrix` does."""
    graph = subject.graph
    whole = matrix(graph)
    chosen = whole.transposed if transpose else whole
    return MatrixReport(subject, chosen, transpose, transposed_words(graph), _has_bias(graph))


def _has_bias(graph: Graph) -> bool:
    """Whether something stored is added to what the matrix gives."""
    depends = graph.dependent()
    return any(
        value.index not in depends and is_added(node, number)
        for node in graph.nodes
        if node.output.index in depends
        for number, value in enumerate(node.inputs)
    )


def transposed_words(graph: Graph) -> str | None:
    """Return the layer whose matrix is the transpose, as words: the same weights, in and out exchanged.

    None for a stack that is no single convolution.
    """
    node = window_step(graph)
    if node is None:
        return None
    op, x, out = node.op, node.inputs[0], node.output
    assert isinstance(op, ops.CONVOLUTIONS)
    direct = isinstance(op, ops.Conv)
    words = [f"conv_transpose{len(op.windows)}d" if direct else f"conv{len(op.windows)}d", f"out_channels={x.channels}"]
    words += _setting("kernel_size", None, [window.kernel for window in op.windows])
    words += _setting("stride", 1, [window.stride for window in op.windows])
    words += _setting("dilation", 1, [window.dilation for window in op.windows])
    if all(window.symmetric for window in op.windows):
        words += _setting("padding", 0, [window.before for window in op.windows])
    else:
        words.append("padding=" + "x".join(f"{window.before}+{window.after}" for window in op.windows))
    if direct:
        axes = zip(op.windows, x.spatial, out.spatial, strict=True)
        words += _setting("output_padding", 0, [size - window.size_in(outputs) for window, size, outputs in axes])
    if op.groups != 1:
        words.append(f"groups={op.groups}")
    return " ".join((*words, "bias=false"))


def _setting(key: str, usual: int | None, values: list[int]) -> list[str]:
    if all(value == usual for value in values):
        return []
    return [f"{key}={values[0] if len(set(values)) == 1 else 'x'.join(map(str, values))}"]
