"""`diff_runs`: two saved runs, row by row; the ratio of their medians with an interval, and a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convcalc.analyses.counts.stack_layers import LAYER_KEYS
from convcalc.documents import plain
from convcalc.errors import SpecError
from convcalc.profiling import store
from convcalc.profiling.fields import to_json
from convcalc.profiling.intervals import ALIKE_RUNS, SLOWER, Interval, apart, verdict
from convcalc.profiling.row import Row
from convcalc.profiling.status import FAILED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convcalc.profiling.store import SavedRow


@dataclass(frozen=True, slots=True)
class RowDiff:
    """One row in both runs."""

    before: Row
    after: Row

    @property
    def ratio(self) -> Interval | None:
        """After over before, wider by how much a matrix product moved; None where either failed."""
        first, second = self.before.timing.interval, self.after.timing.interval
        if first is None or second is None:
            return None
        yardsticks = self.before.noise.yardstick_s, self.after.noise.yardstick_s
        drift = yardsticks[0] / yardsticks[1] if yardsticks[0] and yardsticks[1] else 1.0
        return apart(first, second, drift)

    @property
    def verdict(self) -> str:
        """FASTER, SLOWER, SAME, AMBIGUOUS or failed."""
        ratio = self.ratio
        return FAILED if ratio is None else verdict(ratio, ALIKE_RUNS)

    @property
    def status(self) -> str:
        """The status of both, or of each where they differ."""
        first, second = self.before.status, self.after.status
        return first if first == second else f"{first}, {second}"

    def to_dict(self, index: int) -> dict[str, Any]:
        """Return the row's part of the JSON document."""
        ratio, identity = self.ratio, self.before.identity
        row = self.before.to_dict(index)
        return {
            **{key: row[key] for key in LAYER_KEYS},
            "name": self.before.label,
            "variant": identity.setup.describe(),
            "spec": identity.spec,
            "setup": to_json(identity.setup),
            "before_s": self.before.timing.median_s,
            "after_s": self.after.timing.median_s,
            "ratio": None if ratio is None else ratio.value,
            "ratio_interval": None if ratio is None else [ratio.low, ratio.high],
            "verdict": self.verdict,
            "status": self.status,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDiff:
    """Two runs: the rows of both, those of only one, and what of their machines is unlike."""

    before: str
    after: str
    rows: tuple[RowDiff, ...]
    only_before: tuple[Row, ...]
    only_after: tuple[Row, ...]
    differences: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether no row is slower or failed."""
        return not any(row.verdict in (SLOWER, FAILED) for row in self.rows)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document without its envelope."""
        document: dict[str, Any] = plain(
            {
                "before": self.before,
                "after": self.after,
                "differences": list(self.differences),
                "layers": [row.to_dict(index) for index, row in enumerate(self.rows)],
            }
        )
        return document


def diff_runs(before: str, after: str, *, force: bool = False) -> RunDiff:
    """Compare the rows of two files.

    Raises SpecError where they have none in common, and, unless forced, where machines or versions are unlike.
    """
    first, second = _saved(before), _saved(after)
    both = [key for key in second if key in first]
    unlike = [text for key in both for text in store.differences(first[key].machine, second[key].machine)]
    differences = tuple(dict.fromkeys(unlike))
    if differences and not force:
        more = f" (and {len(differences) - 1} more)" if len(differences) > 1 else ""
        raise SpecError(f"these runs do not compare: {differences[0]}{more}: --force compares them all the same")
    if not both:
        raise SpecError(f"{before} and {after} have no row in common: rows match by name, layer, input and setup")
    return RunDiff(
        before=before,
        after=after,
        rows=tuple(RowDiff(first[key].row, second[key].row) for key in both),
        only_before=_alone(first, both),
        only_after=_alone(second, both),
        differences=differences,
    )


def _saved(path: str) -> dict[str, SavedRow]:
    rows = {saved.row.identity.key: saved for saved in store.read(Path(path))}
    if not rows:
        raise SpecError(f"{path} holds no rows")
    return rows


def _alone(rows: dict[str, SavedRow], both: Sequence[str]) -> tuple[Row, ...]:
    return tuple(saved.row for key, saved in rows.items() if key not in both)
