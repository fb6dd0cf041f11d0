"""`Arranger`: what only moves a tensor: padded, joined, sliced, laid out otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convcalc import ops
from convcalc.errors import ShapeError
from convcalc.patterns import arrangement
from convcalc.shapes import axis_in, divided, show
from convcalc.writer import Writer

if TYPE_CHECKING:
    from convcalc.graph import Value
    from convcalc.sizes import Shape, Size


class Arranger(Writer):
    """Writes steps without arithmetic, each the same for any dtype."""

    def pad(
        self,
        x: Value,
        sides: list[tuple[Size, Size]],
        *,
        mode: str = "constant",
        value: float = 0.0,
        fill: Value | None = None,
    ) -> Value:
        """Pad the last axes of x, one (before, after) pair each; `fill` is a value per channel."""
        left = ((0, 0),) * (len(x.shape) - len(sides))
        pairs = (*left, *sides)
        before, after = tuple(b for b, _ in pairs), tuple(a for _, a in pairs)
        op = ops.Pad(before=before, after=after, mode=mode, value=value)
        return self.write(op, x, *(() if fill is None else (fill,)))

    def concat(self, *values: Value, axis: int = 1) -> Value:
        """Join tensors, along the channels unless said otherwise."""
        return self.write(ops.Concat(axis_in(axis, len(values[0].shape))), *values)

    def slice(self, x: Value, axis: int, start: Size, stop: Size, step: Size = 1) -> Value:
        """Keep positions start, start+step, ... before stop of one axis."""
        return self.write(ops.Slice(axis=axis_in(axis, len(x.shape)), start=start, stop=stop, step=step), x)

    def take(self, x: Value, channels: Size) -> Value:
        """Keep the first channels."""
        return self.slice(x, 1, 0, channels)

    def rearrange(self, x: Value, pattern: str, **sizes: Size) -> Value:
        """Lay a tensor out by a pattern such as "b (c r) h w -> b c (h r) w"; `sizes` are those of factors."""
        return self.write(arrangement(pattern, x.shape, sizes), x)

    def permute(self, x: Value, split: tuple[Shape, ...], order: tuple[int, ...], merge: tuple[int, ...]) -> Value:
        """Split each axis into factors, reorder them all, merge runs of them: what a pattern comes to."""
        return self.write(ops.Rearrange(split=split, order=order, merge=merge), x)

    def merge(self, x: Value, runs: tuple[int, ...]) -> Value:
        """Merge runs of axes, in order: (1, 2, 1) merges the second with the third."""
        return self.permute(x, tuple((size,) for size in x.shape), tuple(range(len(x.shape))), runs)

    def flatten(self, x: Value, start: int = 1, stop: int = -1) -> Value:
        """Merge the axes start..stop, both included."""
        rank = len(x.shape)
        first, last = axis_in(start, rank), axis_in(stop, rank)
        return self.merge(x, (*(1 for _ in range(first)), last - first + 1, *(1 for _ in range(last + 1, rank))))

    def channel_shuffle(self, x: Value, groups: Size) -> Value:
        """out[j*g + i] = in[i*n + j] for n = C/g channels in each of g groups."""
        rank_of(x)
        each = divided(x.channels, groups, self.require, "channels", "groups")
        return self.rearrange(x, "b (g n) ... -> b (n g) ...", g=groups, n=each)

    def pixel_shuffle(self, x: Value, factor: Size) -> Value:
        """(B, C r^2, H, W) -> (B, C, rH, rW)."""
        self.require(factor >= 1, "upscale_factor ({r}) must be at least 1", r=factor)
        channels = divided(x.channels, factor * factor, self.require, "channels", "upscale_factor squared")
        return self.rearrange(x, "b (c r1 r2) h w -> b c (h r1) (w r2)", c=channels, r1=factor, r2=factor)


def rank_of(x: Value) -> int:
    """Return the number of spatial axes of a map. Raises ShapeError where it has none."""
    if len(x.shape) < 3:
        raise ShapeError(f"this layer needs spatial axes, but its input is {show(x.shape[1:])}")
    return len(x.shape) - 2
