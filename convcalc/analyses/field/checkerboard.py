"""`CheckerboardReport`: how evenly a stack writes its outputs, the gradient it leaves, and what would write evenly."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from convcalc.analyses.counts.macs import macs
from convcalc.analyses.counts.params import params
from convcalc.analyses.counts.stack_layers import shapes_json
from convcalc.analyses.field.overlap import Overlap, read, written
from convcalc.documents import plain
from convcalc.errors import UnsupportedError
from convcalc.sizes import AXIS_NAMES
from convcalc.subject import Subject

if TYPE_CHECKING:
    from collections.abc import Iterable

    from convcalc.graph import Graph
    from convcalc.sizes import Shape, Size


class Candidate(Protocol):
    """A layer that could stand in: its kernel, words and graph, and what is known of how it writes."""

    @property
    def kernel(self) -> int:
        """Taps along each axis."""

    @property
    def words(self) -> str:
        """The layer as it is typed."""

    @property
    def graph(self) -> Graph:
        """The layer on the same input."""

    @property
    def transposed(self) -> bool:
        """Whether it may leave outputs that no tap writes."""

    @property
    def subpixel(self) -> bool:
        """Whether it writes each output once by its nature."""


class Remedy(NamedTuple):
    """A layer that writes the same output, how evenly, and at what cost."""

    layer: str
    output: Shape
    verdict: str
    params: Size
    macs: Size


@dataclass(frozen=True, slots=True)
class CheckerboardReport:
    """The ways to each output, the ways from each input, and remedies where outputs are written unevenly."""

    subject: Subject
    forward: Overlap
    gradient: Overlap
    remedies: tuple[Remedy, ...]

    @property
    def holds(self) -> bool:
        """Whether outputs away from the borders are written evenly."""
        return self.forward.uniform

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document without its envelope."""
        graph = self.subject.graph
        document: dict[str, Any] = plain(
            {
                "input": shapes_json(graph.inputs),
                "output": shapes_json(graph.outputs),
                "forward": _overlap_json(self.forward),
                "gradient": _overlap_json(self.gradient),
                "remedies": [remedy._asdict() for remedy in self.remedies],
            }
        )
        return document


def checkerboard(subject: Subject, candidates: Iterable[Candidate] = ()) -> CheckerboardReport:
    """Judge how evenly a stack writes, and which candidates write the same output evenly.

    Raises UnsupportedError where the ways depend on the data.
    """
    forward = written(subject.graph)
    remedies = () if forward.uniform else tuple(_remedies(candidates))
    return CheckerboardReport(subject, forward, read(subject.graph), remedies)


def verdict(overlap: Overlap) -> str:
    """Return how even the ways are, in words."""
    if not overlap.judged:
        return "not judged: a border cuts short what every output sees"
    if overlap.uniform:
        return "uniform"
    if overlap.ratio is None:
        return "uneven: some are never written"
    axes = [overlap.pattern(axis) for axis in range(len(overlap.sizes))] if overlap.ways.is_product else []
    factors = [str(Fraction(max(counts), min(counts))) for counts in axes if min(counts, default=0)]
    product = f" ({' x '.join(factors)}, axis by axis)" if len(factors) > 1 else ""
    return f"uneven: some get {overlap.ratio} times as many contributions as others{product}"


def overlap_axes(overlap: Overlap) -> list[dict[str, Any]]:
    """Return for each axis its name, one period, the counts from the border, and the positions never written."""
    return [
        {
            "axis": name,
            "pattern": overlap.pattern(axis),
            "counts": overlap.ways.line(axis),
            "never": overlap.never(axis),
        }
        for axis, name in enumerate(AXIS_NAMES[len(overlap.sizes)])
    ]


def _overlap_json(overlap: Overlap) -> dict[str, Any]:
    keys = ("pattern", "counts", "never")
    return {
        "judged": overlap.judged,
        "uniform": overlap.uniform,
        "ratio": overlap.ratio,
        "axes": [{key: axis[key] for key in keys} for axis in overlap_axes(overlap)],
    }


def _remedies(candidates: Iterable[Candidate]) -> list[Remedy]:
    """The first candidate of each sort and kernel that writes every output."""
    remedies: dict[tuple[bool, bool, int], Remedy] = {}
    for candidate in candidates:
        sort = candidate.transposed, candidate.subpixel, candidate.kernel
        if sort in remedies or (candidate.transposed and _unwritten(candidate.graph)):
            continue
        graph = candidate.graph
        even = "uniform" if candidate.subpixel else _verdict_of(graph)
        remedies[sort] = Remedy(candidate.words, graph.outputs[0].shape, even, params(graph).total, macs(graph))
    return list(remedies.values())


def _verdict_of(graph: Graph) -> str:
    try:
        return verdict(written(graph))
    except UnsupportedError:
        return "-"


def _unwritten(graph: Graph) -> bool:
    """Whether some outputs are written by no tap."""
    overlap = written(graph)
    return any(overlap.never(axis) for axis in range(len(overlap.sizes)))
