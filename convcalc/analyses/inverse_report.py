"""`SolveReport`: the layers that turn one size into another, complete within the bounds that were searched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from convcalc.analyses.inverse import Bounds, Solution, solutions, transposed_solutions
from convcalc.documents import plain

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
    w = solution.window
    parts = ["conv_transpose" if solution.transposed else "conv", f"k={w.kernel}"]
    parts += [f"s={w.stride}"] if w.stride > 1 else []
    if w.before or w.after:
        parts.append(f"p={w.before}" if solution.symmetric else f"p={w.before}+{w.after}")
    parts += [f"d={w.dilation}"] if w.dilation > 1 else []
    parts += [f"output_padding={solution.output_padding}"] if solution.output_padding else []
    return " ".join(parts)


def _solution_json(solution: Solution, sizes: Sequence[int]) -> dict[str, Any]:
    w = solution.window
    row: dict[str, Any] = {
        "layer": solution_words(solution),
        "kernel_size": w.kernel,
        "stride": w.stride,
        "padding": w.before if solution.symmetric else [w.before, w.after],
        "dilation": w.dilation,
    }
    if not solution.transposed:
        return {**row, "lost": solution.lost}
    return {
        **row,
        "output_padding": solution.output_padding,
        "even": solution.even,
        "direct": solution.direct.describe(sizes[0], w),
        "relationship": solution.direct.relationship,
    }
