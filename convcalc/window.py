"""`Window`: one kernel walking one axis. A convolution and its transpose are the same walk in two directions."""

from __future__ import annotations

from math import gcd
from typing import NamedTuple

from convcalc.sizes import Size, ceil_div, is_array, largest, smallest


class Window(NamedTuple):
    """Output `i`, tap `t` reads position `stride*i + dilation*t - before`.

    `before` and `after` are the positions added at each end for a convolution, and removed for a transposed one.
    Source: Dumoulin and Visin, "A guide to convolution arithmetic for deep learning", arXiv:1603.07285.
    """

    kernel: Size
    stride: Size = 1
    dilation: Size = 1
    before: Size = 0
    after: Size = 0

    @property
    def span(self) -> Size:
        """Positions from the first tap to the last, both included: the effective kernel."""
        return self.dilation * (self.kernel - 1) + 1

    def offset(self, tap: Size) -> Size:
        """Return where a tap reads, from the position that the stride gives its output."""
        return self.dilation * tap - self.before

    def reads(self, output: int) -> range:
        """Return the positions that an output of a convolution reads (ints only)."""
        start = self.stride * output - self.before
        return range(start, start + self.dilation * self.kernel, self.dilation)

    def written_by(self, output: int) -> range:
        """Return the positions whose taps write an output of the transposed convolution (ints only).

        They solve stride*position + dilation*tap = output + before for a tap of the kernel: with the first such tap
        every (stride / gcd)-th after it, each dilation / gcd positions further down.
        """
        common = gcd(self.stride, self.dilation)
        total, rest = divmod(output + self.before, common)
        stride, dilation = self.stride // common, self.dilation // common
        first = total * pow(dilation, -1, stride) % stride
        if rest or first >= self.kernel:
            return range(0)
        last = first + (self.kernel - 1 - first) // stride * stride
        return range((total - dilation * last) // stride, (total - dilation * first) // stride + 1, dilation)

    @property
    def symmetric(self) -> bool:
        """Whether as much is added before as after (ints only)."""
        return self.before is self.after or bool(self.before == self.after)

    def size_out(self, size: Size) -> Size:
        """Return how many outputs a convolution has on an axis of `size` positions: floor((i+2p-k^)/s)+1."""
        stride = largest(self.stride, 1) if is_array(self.stride) else self.stride
        return (size + self.before + self.after - self.span) // stride + 1

    def dropped(self, size: Size, *, padded: Size = 0) -> Size:
        """Return how many real positions at the end of an axis no window reads, because none fits there any more.

        `padded` positions at the end of the axis are zeros that a step of its own has put there.
        """
        rest = (size + self.before + self.after - self.span) % self.stride
        return largest(rest - self.after - padded, 0)

    def size_in(self, outputs: Size) -> Size:
        """Return the least size a convolution with this many outputs came from: (o-1)s-2p+k^.

        It is the output size of the transposed convolution on `outputs` positions.
        """
        return (outputs - 1) * self.stride - self.before - self.after + self.span

    def pooled_size(self, size: Size, *, ceil_mode: bool) -> Size:
        """Return the outputs of a pool: with `ceil_mode` rounded up, less one that would start past the input."""
        if not ceil_mode:
            return self.size_out(size)
        stride = largest(self.stride, 1) if is_array(self.stride) else self.stride
        rounded = (size + self.before + self.after - self.span + stride - 1) // stride + 1
        return smallest(rounded, ceil_div(size + self.before, stride))


def adaptive_window(output: int, inputs: int, outputs: int) -> range:
    """Return the positions that one output of an adaptive pool reads: floor(j i/o) .. ceil((j+1) i/o) - 1."""
    return range(output * inputs // outputs, ceil_div((output + 1) * inputs, outputs))
