"""`Reach`: which inputs an output sees along one axis, exactly as an interval per phase.

Source: Araujo, Norris, Sim, "Computing receptive fields of convolutional neural networks", Distill 2019,
extended to dilation, transposed convolution and resizing, whose fields differ by phase.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import gcd, lcm
from typing import TYPE_CHECKING

from convcalc.errors import UnsupportedError
from convcalc.limits import MAX_FIELD_STEPS, MAX_PHASES

if TYPE_CHECKING:
    from convcalc.window import Window

FEW = 1024
"""Up to so many phases a resized field keeps its pattern; past it a smaller map is written out."""
Interval = tuple[int, int]
Reads = Callable[[int], Sequence[int]]


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
        return self._after(1, window.stride, window.reads, size)

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
        if outputs * turns > MAX_PHASES:
            raise UnsupportedError(f"the field here has {outputs * turns:,} phases: that is past what is written out")
        spans = self._spans(reads, outputs * turns)
        jump = self.jump * inputs * turns // self.period
        return _reach(jump, spans).shortest()

    def _table(self, reads: Reads, size: int | None) -> Reach:
        if size is None:
            raise UnsupportedError("branches of different strides meet here: give the input's size with -i")
        check_written_out(size)
        return _reach(0, self._spans(reads, size), size)

    def _spans(self, reads: Reads, count: int) -> list[Interval | None]:
        """What each output sees: from the first to the last position that those it reads see."""
        if len(self._ends(reads(count // 2))) * count > MAX_FIELD_STEPS:
            raise UnsupportedError(f"a field of {self.period:,} phases is past what is followed through a wide window")
        return [self._together(self._ends(reads(i))) for i in range(count)]

    def _together(self, positions: Sequence[int]) -> Interval | None:
        """What some positions see together: the union over `at`, in one loop."""
        low: int | None = None
        high = 0
        firsts, lasts, size, period = self.first, self.last, self.size, len(self.first)
        for position in positions:
            if size is not None and not 0 <= position < size:
                continue
            turns, phase = divmod(position, period)
            first, last = firsts[phase], lasts[phase]
            if first is None or last is None:
                continue
            first, last = self.jump * turns + first, self.jump * turns + last
            if low is None:
                low, high = first, last
            else:
                low, high = min(low, first), max(high, last)
        return None if low is None else (low, high)

    def _ends(self, positions: Sequence[int]) -> Sequence[int]:
        """Those positions of a row at equal distances that can be the first or last to see: one period at each end."""
        if self.size is not None and isinstance(positions, range):
            return within(positions, self.size)
        if not isinstance(positions, range) or len(positions) <= 2 * self.period:
            return positions
        return (*positions[: self.period], *positions[-self.period :])

    def table(self, size: int) -> Reach:
        """Return the same written out for `size` outputs. Raises UnsupportedError past what is written out."""
        check_written_out(size)
        return _reach(0, [self.at(i) for i in range(size)], size)

    def outputs_seeing(self, first: Interval, last: Interval, outputs: int) -> int:
        """Return how many of the first `outputs` outputs see a field that begins and ends within these bounds.

        The bounds are (least, greatest) of the first position seen, and of the last. Counted phase by phase, in
        closed form.
        """
        count = 0
        for phase, (start, end) in enumerate(zip(self.first[:outputs], self.last[:outputs], strict=True)):
            if start is None or end is None:
                continue
            turns = 1 if self.size is not None else (outputs - phase - 1) // self.period + 1
            least, most = max(first[0] - start, last[0] - end), min(first[1] - start, last[1] - end)
            if self.jump == 0:
                count += turns if least <= 0 <= most else 0
            else:
                count += max(0, min(most // self.jump, turns - 1) - max(-(-least // self.jump), 0) + 1)
        return count

    def union(self, other: Reach, size: int | None = None) -> Reach:
        """Merge two branches: each output sees what either shows it."""
        if self == other:
            return self
        if self.stride is None or self.stride != other.stride:
            if size is None:
                raise UnsupportedError("branches of different strides meet here: give the input's size with -i")
            check_written_out(size)
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


def check_written_out(size: int) -> None:
    """Raise UnsupportedError for more outputs than are written out one by one."""
    if size > MAX_PHASES:
        raise UnsupportedError(f"the field differs at each of {size:,} outputs: that is past what is written out")


def within(positions: range, size: int) -> range:
    """Return those of some positions in rising order that lie in 0..size-1."""
    start = max(0, -(positions.start // positions.step))
    return positions[start : max(start, (size - 1 - positions.start) // positions.step + 1)]


def _union(spans: Iterable[Interval | None]) -> Interval | None:
    intervals = [span for span in spans if span is not None]
    return (min(a for a, _ in intervals), max(b for _, b in intervals)) if intervals else None


def _reach(jump: int, spans: list[Interval | None], size: int | None = None) -> Reach:
    first = tuple(None if span is None else span[0] for span in spans)
    return Reach(jump, first, tuple(None if span is None else span[1] for span in spans), size)
