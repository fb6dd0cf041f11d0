"""What a child has seen of one row, as it travels to the parent: samples, counters, kernels, a check of the output."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from convcalc.profiling.noise import Quiet
from convcalc.profiling.sampling import Measurement

if TYPE_CHECKING:
    from collections.abc import Sequence


UNLIKE = 1.25
NOT_ASKED = "not asked for"


class Kernel(NamedTuple):
    """One kernel or reorder that ran in a call: what it is, its implementation, layouts, seconds and a repro line."""

    name: str
    implementation: str
    layouts: str
    seconds: float
    reorder: bool = False
    repro: str = ""


class Check(NamedTuple):
    """How the output compares with a reference: `agrees`, `differs` or `unchecked`; against what, and how far off.

    `error` is the largest difference over the reference's root mean square, `allowed` its bound.
    """

    verdict: str
    against: str
    error: float | None = None
    allowed: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One row of one child. `hot` is None where the row failed: `failed` says why.

    `sentinel` is the time of a matrix product after the row over that before it; `faults` are page faults per call.
    """

    hot: Measurement | None = None
    cold: Measurement | None = None
    cold_note: str = ""
    quiet: Quiet | None = None
    first_s: float | None = None
    faults: float | None = None
    sentinel: float | None = None
    yardstick_s: float | None = None
    backend: str = ""
    kernels: tuple[Kernel, ...] = ()
    check: Check | None = None
    subnormals: int = 0
    compile_s: float | None = None
    failed: str = ""
    throttled: str = ""
    device: tuple[tuple[str, Any], ...] = ()
    retried: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as JSON carries them."""
        found = asdict(self)
        for name in ("quiet", "check"):
            value = getattr(self, name)
            found[name] = None if value is None else value._asdict()
        found["kernels"] = [kernel._asdict() for kernel in self.kernels]
        return found


def from_dict(found: dict[str, Any]) -> Seen:
    """Return what `as_dict` wrote."""
    rest = dict(found)
    for name in ("hot", "cold"):
        if rest.get(name) is not None:
            rest[name] = Measurement(**{**rest[name], "times": tuple(rest[name]["times"])})
    if rest.get("quiet") is not None:
        rest["quiet"] = Quiet(**rest["quiet"])
    if rest.get("check") is not None:
        rest["check"] = Check(**rest["check"])
    rest["kernels"] = tuple(Kernel(**kernel) for kernel in rest.get("kernels", ()))
    rest["device"] = tuple((name, value) for name, value in rest.get("device", ()))
    return Seen(**rest)


def reorder_share(kernels: Sequence[Kernel]) -> float | None:
    """Return the share of the kernels' time that only lays tensors out anew; None where no kernel was told."""
    whole = sum(one.seconds for one in kernels)
    return sum(one.seconds for one in kernels if one.reorder) / whole if whole else None


def explained(kernels: Sequence[Kernel], seconds: float) -> float | None:
    """Return the time of all kernels over that of the call.

    None where no kernel was told, or where they took so much longer when they were asked that they say nothing.
    """
    found = sum(one.seconds for one in kernels) / seconds
    return found if 0 < found <= UNLIKE else None
