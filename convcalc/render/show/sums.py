"""`sums`: an output as a sum of small whole numbers, written out term by term."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Final

from convcalc.units import plural

if TYPE_CHECKING:
    from convcalc.analyses.wiring.scene import Read, Scene

MAX_TERMS: Final = 60
"""Terms of a sum that is written out."""


def inputs_of(scene: Scene) -> list[list[int]]:
    """Return small whole numbers for the elements of every input."""
    return [[(7 * element + 3) % 10 for element in range(prod(value.shape))] for value in scene.inputs]


def weight_number(weight: int) -> int:
    """Return the small whole number that stands in for a weight."""
    return (5 * weight + 2) % 7 - 3


def sums(scene: Scene, reads: list[Read], values: list[list[int]] | None) -> list[str]:
    """Return the sum behind one output with the numbers put in; nothing without numbers."""
    walk = scene.walk
    if values is None or walk is None:
        return []
    pairs = [(values[read.source][read.element], read.weight) for read in reads]
    terms = " + ".join(
        f"{x}*{f'({w})' if w < 0 else w}"
        for x, w in ((x, weight_number(weight or 0)) for x, weight in pairs[:MAX_TERMS])
    )
    more = f" + {plural(len(pairs) - MAX_TERMS, 'more term')}" if len(pairs) > MAX_TERMS else ""
    if walk.weighted:
        total = sum(x * weight_number(weight or 0) for x, weight in pairs)
        return [f"{terms}{more} = {total}, and the bias where there is one; taps on zeros add nothing"]
    read = [x for x, _ in pairs]
    listed = ", ".join(map(str, read[:MAX_TERMS])) + (" ..." if len(read) > MAX_TERMS else "")
    function = getattr(walk.node.op, "function", "")
    if function == "max":
        return [f"max of {listed} = {max(read)}" if read else "nothing is read"]
    return [f"sum of {listed} = {sum(read)}, divided by how many positions the window counts"]
