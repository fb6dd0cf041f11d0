"""`Reach`: which inputs an output sees along one axis, exactly as an interval per phase.

Source: Araujo, Norris, Sim, "Computing receptive fields of convolutional neural networks", Distill 2019,
extended to dilation, transposed convolution and resizing, whose fields differ by phase.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from math import gcd, lcm
from typing import TYPE_CHECKING

from convcalc.errors import UnsupportedError

if TYPE_CHECKING:
    from convcalc.window import Window

FEW = 1024
"""Up to so many phases a resized field keeps its pattern; past it a smaller map is written out."""
PHASES = 2**17
"""How many phases or outputs are written out before a field is refused as too uneven."""
Interval = tuple[int, int]
Reads = Callable[[int], Iterable[int]]


@dataclass(frozen=True, slots=True)
class Reach:
    """Output `period*q + r` sees inputs `jump*q + first[r] .. jump*q + last[r]`; None where it sees none.

    With `size` it is a table, one entry per output: what is left where branches of different jumps meet.
    """

    jump: int = 1
    first: tuple[int | None, ...] = (0,)
    last: tuple[int | None, ...] = (0,)
    size: int | None = None

    @property
    def period(self) -> int:
        """After how many outputs the pattern repeats."""
        return len(self.first)

    @property
    def stride(self) -> Fraction | None:
        """Input positions per output, or None where it varies over the map."""
        return None if self.size is not None else Fraction(self.jump, self.period)

    @property
    def sizes(self) -> Interval:
        """The least and the greatest number of positions from first to last, over all phases."""
        return self.sizes_of(self.period)

    def sizes_of(self, outputs: int) -> Interval:
        """The same over the first `outputs` outputs: a map may be smaller than the pattern."""
        ends = zip(self.first[:outputs], self.last[:outputs], strict=True)
        spans = [0 if a is None or b is None else b - a + 1 for a, b in ends]
        return min(spans), max(spans)

    def at(self, output: int) -> Interval | None:
        """Return the first and last input that one output sees, or None."""
        if self.size is not None and not 0 <= output < self.size:
            return None
        turns, phase = divmod(output, self.period)
        first, last = self.first[phase], self.last[phase]
        return None if first is None or last is None else (self.jump * turns + first, self.jump * turns + last)

    def through(self, window: Window, size: int | None = None) -> Reach:
        """Append a convolution or pool: what one more layer sees of the same input (`size` outputs)."""
        last = window.kernel - 1
        taps = (0, last) if self.period == 1 and self.size is None else range(last + 1)
        return self._after(1, window.stride, lambda i: window.reads(i, taps), size)

    def back_through(self, window: Window, size: int | None = None) -> Reach:
        """Append a transposed convolution: phases multiply by the stride."""
        return self._after(window.stride, 1, window.written_by, size)

    def resized(self, ratio: Fraction, reads: Reads, size: int | None = None) -> Reach:
        """Append an interpolation that steps `ratio` positions per output."""
        if size is not None and ratio.denominator > max(size, FEW):
            return self._table(reads, size)
        return self._after(ratio.denominator, ratio.numerator, reads, size)

    def _after(self, outputs: int, inputs: int, reads: Reads, size: int | None) -> Reach:
        """Compose with a layer that steps `inputs` positions for every `outputs` outputs."""
        if self.size is not None:
            return self._table(reads, size)
        turns = self.period // gcd(self.period, inputs)
        if outputs * turns > PHASES:
            raise UnsupportedError(f"the field here has {outputs * turns:,} phases: that is past what is written out")
        spans = [self._span(reads(i)) for i in range(outputs * turns)]
        jump = self.jump * inputs * turns // self.period
        return _reach(jump, spans).shortest()

    def _table(self, reads: Reads, size: int | None) -> Reach:
        if size is None:
            raise UnsupportedError("branches of different strides meet here: give the input's size with -i")
        if size > PHASES:
            raise UnsupportedError(f"the field differs at each of {size:,} outputs: that is past what is written out")
        return _reach(0, [self._span(reads(i)) for i in range(size)], size)

    def _span(self, positions: Iterable[int]) -> Interval | None:
        return _union(self.at(position) for position in positions)

    def table(self, size: int) -> Reach:
        """Return the same written out for `size` outputs."""
        return _reach(0, [self.at(i) for i in range(size)], size)

    def union(self, other: Reach, size: int | None = None) -> Reach:
        """Merge two branches: each output sees what either shows it."""
        if self == other:
            return self
        if self.stride is None or self.stride != other.stride:
            if size is None:
                raise UnsupportedError("branches of different strides meet here: give the input's size with -i")
            return _reach(0, [_union((self.at(i), other.at(i))) for i in range(size)], size)
        period = lcm(self.period, other.period)
        spans = [_union((self.at(i), other.at(i))) for i in range(period)]
        return _reach(self.jump * period // self.period, spans).shortest()

    def shortest(self) -> Reach:
        """Return the same with the shortest period that says it."""
        for period in range(1, self.period):
            if self.period % period or self.jump * period % self.period:
                continue
            short = Reach(self.jump * period // self.period, self.first[:period], self.last[:period])
            if all(short.at(i) == self.at(i) for i in range(period, self.period)):
                return short
        return self


def _union(spans: Iterable[Interval | None]) -> Interval | None:
    intervals = [span for span in spans if span is not None]
    return (min(a for a, _ in intervals), max(b for _, b in intervals)) if intervals else None


def _reach(jump: int, spans: list[Interval | None], size: int | None = None) -> Reach:
    first = tuple(None if span is None else span[0] for span in spans)
    return Reach(jump, first, tuple(None if span is None else span[1] for span in spans), size)
