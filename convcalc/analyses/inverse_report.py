"""`SolveReport`: the layers that turn one size into another, complete within the bounds that were searched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from convcalc.analyses.inverse import Bounds, Solution, solutions, transposed_solutions
from convcalc.analyses.transposed import direct_relationship
from convcalc.documents import plain
from convcalc.units import axes_text

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class SolveReport:
    """Every layer that turns `sizes` into `outputs`, the most usual first."""

    sizes: tuple[int, ...]
    outputs: tuple[int, ...]
    bounds: Bounds
    transposed: bool
    solutions: tuple[Solution, ...]

    @property
    def grows(self) -> bool:
        """Whether the output is larger than the input along some axis."""
        return any(out > size for size, out in zip(self.sizes, self.outputs, strict=True))

    def rows(self) -> list[dict[str, Any]]:
        """Return each solution as JSON holds it."""
        return [_solution_json(solution, self.sizes) for solution in self.solutions]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document without its envelope."""
        document: dict[str, Any] = plain(
            {"in": self.sizes, "out": self.outputs, "transposed": self.transposed, "solutions": self.rows()}
        )
        return document


def solve(sizes: Sequence[int], outputs: Sequence[int], bounds: Bounds, *, transposed: bool = False) -> SolveReport:
    """Search the layers that turn one size into another, one number per axis. Raises ShapeError as the search does."""
    search = transposed_solutions if transposed else solutions
    return SolveReport(tuple(sizes), tuple(outputs), bounds, transposed, tuple(search(sizes, outputs, bounds)))


def solution_words(solution: Solution) -> str:
    """Return a solution as a layer that can be typed, without its channels."""
    windows = solution.windows
    sides = [str(w.before) if solution.symmetric else f"{w.before}+{w.after}" for w in windows]
    parts = ["conv_transpose" if solution.transposed else "conv", f"k={axes_text([w.kernel for w in windows])}"]
    for name, values, usual in (
        ("s", [w.stride for w in windows], "1"), ("p", sides, "0"), ("d", [w.dilation for w in windows], "1"),
        ("output_padding", list(solution.output_padding), "0"),
    ):  # fmt: skip
        text = axes_text(values)
        parts += [f"{name}={text}"] if text not in (usual, "") else []
    return " ".join(parts)


def _value(values: Sequence[Any]) -> Any:
    """One value where all axes are alike, else a list."""
    return values[0] if len(set(values)) == 1 else list(values)


def _solution_json(solution: Solution, sizes: Sequence[int]) -> dict[str, Any]:
    """A solution; what differs between axes is a list, a padding then a (before, after) pair for each."""
    windows = solution.windows
    pairs = [(w.before, w.after) for w in windows]
    padding: Any = [list(pair) for pair in pairs]
    if len(set(pairs)) == 1:
        padding = pairs[0][0] if solution.symmetric else list(pairs[0])
    row: dict[str, Any] = {
        "layer": solution_words(solution),
        "kernel_size": _value([w.kernel for w in windows]),
        "stride": _value([w.stride for w in windows]),
        "padding": padding,
        "dilation": _value([w.dilation for w in windows]),
    }
    if not solution.transposed:
        return {**row, "lost": solution.lost, "relationship": _value([direct_relationship(w) for w in windows])}
    axes = list(zip(solution.direct, sizes, windows, strict=True))
    return {
        **row,
        "output_padding": _value(solution.output_padding),
        "even": solution.even,
        "direct": "; ".join(
            dict.fromkeys(way.describe(size, w) for way, size, w in (axes[:1] if solution.alike else axes))
        ),
        "relationship": _value([way.relationship for way in solution.direct]),
    }
