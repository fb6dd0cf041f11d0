"""`direct`, `direct_relationship`: a transposed convolution as the direct one that computes the same, by number.

Source: Dumoulin and Visin, arXiv:1603.07285 chapter 4 (its current version numbers fifteen relationships).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from convcalc.window import Window


class Direct(NamedTuple):
    """Along one axis: zeros put between the inputs, zeros added at both ends, and the relationship's number."""

    between: int
    before: int
    after: int
    relationship: int

    def describe(self, size: int, window: Window) -> str:
        """Return it in words for an input of this size; negative padding crops."""
        stretched = size + (size - 1) * self.between
        zeros = "zero" if self.between == 1 else "zeros"
        return (
            f"{self.between} {zeros} between its {size} inputs ({stretched} positions), {self.before} before and"
            f" {self.after} after, kernel {window.kernel} flipped, dilation {window.dilation}, stride 1"
            f" (relationship {self.relationship})"
        )


def direct(window: Window, output_padding: int = 0) -> Direct:
    """Return the direct convolution that computes a transposed one: stride 1, kernel flipped, in and out swapped."""
    spread = window.dilation * (window.kernel - 1)
    return Direct(
        between=window.stride - 1,
        before=spread - window.before,
        after=spread - window.after + output_padding,
        relationship=_relationship(window, output_padding),
    )


def _relationship(window: Window, output_padding: int) -> int:
    """The first of relationships 8 to 15 that fits."""
    k, p = window.kernel, window.before
    if window.dilation != 1:
        return 15
    if window.stride == 1 and output_padding == 0:
        if p == 0:
            return 8
        if k % 2 and p == k // 2:
            return 10
        return 11 if p == k - 1 else 9
    if output_padding == 0:
        return 12 if p == 0 else 13
    return 14


def direct_relationship(window: Window) -> int:
    """Return the first of relationships 1 to 6, and 15 of a dilated layer, that a convolution is an instance of."""
    k, p = window.kernel, window.before
    if window.dilation != 1:
        return 15
    if window.stride > 1:
        return 5 if window.before == window.after == 0 else 6
    if p == 0:
        return 1
    if k % 2 and p == k // 2:
        return 3
    return 4 if p == k - 1 else 2
