"""`condition`: what must hold of a number, `macs<600M` or `peak_memory<=100MiB`, and by how much it does not."""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from convcalc.errors import SpecError, nearest
from convcalc.spec.quantities import quantity
from convcalc.units import exactly, figures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SIGNS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "<=": operator.le, ">=": operator.ge, "==": operator.eq, "!=": operator.ne, "<": operator.lt, ">": operator.gt,
}  # fmt: skip
_FORM = re.compile(r"\s*([A-Za-z_][\w-]*)\s*(<=|>=|==|!=|<|>)\s*(.*?)\s*")


@dataclass(frozen=True, slots=True)
class Condition:
    """A name, a sign and a bound."""

    name: str
    sign: str
    bound: Fraction
    text: str

    def holds(self, value: float) -> bool:
        """Whether a number satisfies it."""
        return SIGNS[self.sign](value, self.bound)

    def failure(self, value: float) -> str:
        """Say what the number is, and by how much it is off."""
        shown = "without bound" if value == float("inf") else exactly(value)
        off = abs(value - float(self.bound))
        share = f" ({figures(100 * off / abs(float(self.bound)))}%)" if self.bound else ""
        by = "" if value == float("inf") or not off else f", off by {_count(off)}{share}"
        return f"{self.name} is {shown}, not {self.text.removeprefix(self.name).strip()}{by}"


def condition(text: str, names: Iterable[str], option: str) -> Condition:
    """Read one condition on one of some names.

    Raises SpecError for what is none, and for a name that is not there.
    """
    match = _FORM.fullmatch(text)
    if match is None:
        raise SpecError(f"{option} takes a name, a sign and a number, such as 'macs<600M', not {text!r}")
    name, sign, bound = match.groups()
    known = list(names)
    key = name.replace("-", "_")
    if key not in known:
        raise SpecError(f"{option}: there is no {name!r} here{nearest(key, known)} (there are {', '.join(known)})")
    size = re.sub(r"B$", "", bound[1:] if bound[:1] in ("+", "-") else bound)
    number = Fraction(0) if re.fullmatch(r"0+(\.0*)?", size) else quantity(size, f"{option} {name}")
    number = -number if bound.startswith("-") else number
    return Condition(key, sign, number, " ".join(f"{key}{sign}{bound}".split()))


def _count(value: float) -> str:
    return exactly(int(value)) if value == int(value) else figures(value)
