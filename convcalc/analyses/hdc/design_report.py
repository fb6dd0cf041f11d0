"""`DesignReport`: rate lists that reach a field without holes, the evenest first, and the sawtooth forms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from convcalc.analyses.hdc.gridding import check, countable, path_counts, unevenness
from convcalc.analyses.hdc.rate_design import designs, fewest_layers, sawteeth
from convcalc.documents import plain


class Design(NamedTuple):
    """One list of rates: its layers, field, how uneven its path counts are, and whether the paper's M_2 rule holds."""

    rates: tuple[int, ...]
    layers: int
    receptive_field: int
    deviation_over_mean: float | None
    m2_within_kernel: bool | None


class SawtoothDesign(NamedTuple):
    """A design that repeats a rising tooth."""

    design: Design
    tooth: tuple[int, ...]
    copies: int

    def to_dict(self) -> dict[str, Any]:
        """Return the design as JSON holds it."""
        return {**self.design._asdict(), "tooth": self.tooth, "copies": self.copies}


@dataclass(frozen=True, slots=True, kw_only=True)
class DesignReport:
    """The first designs of all that were found; `cut` where there are more than were searched."""

    rf: int
    kernel: int
    fewest_layers: int
    count: int
    cut: bool
    field: int
    designs: tuple[Design, ...]
    sawtooth: tuple[SawtoothDesign, ...]

    @property
    def widest(self) -> int:
        """The field of the fewest layers at its largest without holes, the kernel to their power."""
        return int(self.kernel**self.fewest_layers)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document without its envelope."""
        document: dict[str, Any] = plain(
            {
                "rf": self.rf,
                "kernel_size": self.kernel,
                "fewest_layers": self.fewest_layers,
                "found": self.count,
                "cut": self.cut,
                "designs": [design._asdict() for design in self.designs],
                "sawtooth": [tooth.to_dict() for tooth in self.sawtooth],
            }
        )
        return document


def design_rates(field: int, kernel: int, layers: int | None = None, limit: int = 10) -> DesignReport:
    """Search rates for a receptive field, with the fewest layers or exactly so many. Raises ShapeError as that does."""
    every = designs(field, kernel, layers)
    return DesignReport(
        rf=field,
        kernel=kernel,
        fewest_layers=fewest_layers(field, kernel),
        count=len(every.lists),
        cut=every.cut,
        field=every.field,
        designs=tuple(_design(rates, kernel) for rates in every.lists[:limit]),
        sawtooth=tuple(
            SawtoothDesign(_design(tooth.tooth * tooth.copies, kernel), tooth.tooth, tooth.copies)
            for tooth in sawteeth(field, kernel, layers)
        ),
    )


def _design(rates: tuple[int, ...], kernel: int) -> Design:
    gridding = check(rates, [kernel] * len(rates))
    uneven = unevenness(path_counts(gridding.layers)) if countable(gridding.layers) else None
    field = gridding.exact.receptive_field
    return Design(rates, len(rates), field, uneven, gridding.m2_within_kernel)
