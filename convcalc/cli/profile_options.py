"""`ProfileOptions`: the options of `profile`, read, and which of them exclude one another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from convcalc.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convcalc.cli.options import Format
    from convcalc.profiling.plan import Setup
    from convcalc.profiling.run import Limits

ROWS_ONLY = ("--save", "--plot", "--roofline", "--details", "--explain", "a list of --batch")
EXCLUSIONS: Final = {
    "--vs": ("compares two stacks under one setup", (*ROWS_ONLY, "--best", "a list of variants")),
    "--best": ("compares variants of each layer", ROWS_ONLY),
}
"""Options that make another table, what they do, and what cannot stand beside them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileOptions:
    """The options of one run, read."""

    setups: Sequence[Setup]
    batches: Sequence[int | None]
    depth: int
    limits: Limits
    vs: str | None
    best: bool
    details: bool
    explain: bool
    roofline: bool
    plot: str | None
    save: str | None
    resume: bool
    form: Format
    out: str | None

    def check_exclusions(self) -> None:
        """Raise SpecError for an option that cannot stand beside --vs or --best."""
        options = {
            "--save": self.save, "--plot": self.plot, "--roofline": self.roofline, "--details": self.details,
            "--explain": self.explain, "a list of --batch": len(self.batches) > 1, "--best": self.best,
            "a list of variants": len(self.setups) > 1, "--vs": self.vs is not None,
        }  # fmt: skip
        for option, (purpose, excluded) in EXCLUSIONS.items():
            if options[option] and (other := next((name for name in excluded if options[name]), None)):
                raise SpecError(f"{option} {purpose}, in a table of its own: leave out {other}")
