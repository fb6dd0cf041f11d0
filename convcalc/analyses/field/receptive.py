"""`Receptive`, `size_text`: the field of a row in people's words: size, jump, start, centre; local and global."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from convcalc.analyses.field.reach import Reach

if TYPE_CHECKING:
    from convcalc.analyses.field.fields import Field
    from convcalc.sizes import Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Receptive:
    """What one value sees of one input: a local reach per axis (None: all of it), and why anything is global.

    `along` is the value's axis that runs along each axis of the input, and `outputs` its size.
    """

    axes: tuple[Reach | None, ...]
    along: tuple[int | None, ...] = ()
    outputs: tuple[int | None, ...] = ()
    everything: str | None = None

    @property
    def by_data(self) -> bool:
        """Whether it is the data that decides what is seen (deformable layers)."""
        return (self.everything or "").startswith("data-dependent")

    @property
    def size_min(self) -> list[int | None]:
        """The smallest field over the phases, per axis; None where the whole axis is seen."""
        return [None if span is None else span[0] for span in self._sizes()]

    @property
    def size_max(self) -> list[int | None]:
        """The largest field over the phases, per axis; None where the whole axis is seen."""
        return [None if span is None else span[1] for span in self._sizes()]

    def _sizes(self) -> list[tuple[int, int] | None]:
        outputs = self.outputs or (None,) * len(self.axes)
        pairs = zip(self.axes, outputs, strict=True)
        return [None if axis is None else axis.sizes if n is None else axis.sizes_of(n) for axis, n in pairs]

    @property
    def jump(self) -> list[Fraction | None]:
        """Input positions per output position, per axis; None where it varies or the whole axis is seen."""
        return [None if axis is None else axis.stride for axis in self.axes]

    @property
    def start(self) -> list[int | None]:
        """The first input position output 0 sees, per axis; negative in the padding."""
        return [None if axis is None else axis.first[0] for axis in self.axes]

    @property
    def centre(self) -> list[Fraction | None]:
        """The middle of what output 0 sees, per axis."""
        return [_middle(axis) for axis in self.axes]


def _middle(axis: Reach | None) -> Fraction | None:
    if axis is None or axis.first[0] is None or axis.last[0] is None:
        return None
    return Fraction(axis.first[0] + axis.last[0], 2)


def receptive(field: Field, rank: int, source: int = 0, shape: Shape = ()) -> Receptive | None:
    """Return what a value (of this shape) sees of input number `source`, which has `rank` spatial axes.

    None where it sees nothing of it.
    """
    mine = {key[1:]: reach for key, reach in field.items() if key[0] == source}
    if not mine:
        return None
    axes: list[Reach | None] = []
    outputs: list[int | None] = []
    places: list[int | None] = []
    reasons = []
    for axis in range(2, rank + 2):
        local = [(along, reach) for (of, along), reach in mine.items() if of == axis and along is not None]
        whole = mine.get((axis, None))
        along, reach = local[0] if local else (0, None)
        axes.append(reach if isinstance(reach, Reach) else None)
        places.append(along if local else None)
        size = shape[along] if along < len(shape) else None
        outputs.append(size if isinstance(size, int) else None)
        if isinstance(whole, str):
            reasons.append(whole)
    return Receptive(
        axes=tuple(axes), along=tuple(places), outputs=tuple(outputs), everything=reasons[0] if reasons else None
    )


def size_text(field: Receptive) -> str:
    """Return the size of a field as people write it: 43x43, 5..16 where it varies, `all` for a whole map."""
    if not any(field.axes):
        return "all"
    spans = []
    for low, high in zip(field.size_min, field.size_max, strict=True):
        spans.append("all" if low is None else str(low) if low == high else f"{low}..{high}")
    return "x".join(spans)
