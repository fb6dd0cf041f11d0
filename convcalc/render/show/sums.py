"""`sums`: an output as a sum of small whole numbers, written out term by term."""

from __future__ import annotations

from fractions import Fraction
from math import prod
from typing import TYPE_CHECKING, Final

from convcalc.analyses.wiring.links import links
from convcalc.units import plural

if TYPE_CHECKING:
    from convcalc.analyses.wiring.scene import Scene
    from convcalc.analyses.wiring.walk import Read

MAX_TERMS: Final = 60
"""Terms of a sum that is written out."""


def inputs_of(scene: Scene) -> list[list[int]]:
    """Return small whole numbers for the elements of every input, in no pattern that could hide a mistake."""
    return [[_scrambled(element) % 10 for element in range(prod(value.shape))] for value in scene.inputs]


def weight_number(weight: int) -> int:
    """Return the small whole number that stands in for a weight, from -3 to 3."""
    return _scrambled(weight + 1_000) % 7 - 3


def _scrambled(number: int) -> int:
    """A number with its bits mixed (Knuth's multiplicative hash)."""
    return (number + 1) * 2654435761 % 2**32 >> 7


def sums(scene: Scene, element: int, reads: list[Read], values: list[list[int]] | None) -> list[str]:
    """Return the sum behind one output with the numbers put in; nothing without numbers."""
    walk = scene.walk
    if values is None or walk is None:
        return []
    if not reads:
        return ["nothing is read: 0, and the bias where there is one" if walk.weighted else "nothing is read"]
    pairs = [(values[read.source][read.element], weight_number(read.weight or 0)) for read in reads]
    if walk.weighted:
        terms = [f"{x}*{f'({w})' if w < 0 else w}" for x, w in pairs]
        return [f"{_joined(terms, ' + ')} = {sum(x * w for x, w in pairs)}, and the bias where there is one"]
    numbers = [x for x, _ in pairs]
    listed = _joined(list(map(str, numbers)), " + ")
    if walk.passes_padding:
        return [f"max({_joined(list(map(str, numbers)), ', ')}) = {max(numbers)}"]
    share = next(link.factor for link in links(walk.node, [False]) if link.output == element)
    return [f"({listed})/{share.denominator} = {Fraction(sum(numbers)) * share}"]


def _joined(terms: list[str], sign: str) -> str:
    more = len(terms) - MAX_TERMS
    return sign.join(terms[:MAX_TERMS]) + (f"{sign}{plural(more, 'more term')}" if more > 0 else "")
