"""One kernel, one axis, against torch's own arithmetic."""

from __future__ import annotations

import numpy
import sympy
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from convcalc.window import Window
from tests.strategies import windows


@given(window=windows(), size=st.integers(1, 40))
@settings(max_examples=200)
def test_size_out_is_torchs(window: Window, size: int) -> None:
    x = torch.zeros(1, 1, size + window.before + window.after, device="meta")
    if x.shape[2] < window.span:
        return
    y = F.conv1d(x, torch.zeros(1, 1, window.kernel, device="meta"), stride=window.stride, dilation=window.dilation)
    assert window.size_out(size) == y.shape[2]


@given(
    kernel=st.integers(1, 6),
    stride=st.integers(1, 5),
    dilation=st.integers(1, 3),
    size=st.integers(1, 30),
    share=st.floats(0, 1),
    ceil=st.booleans(),
)
@settings(max_examples=300)
def test_pooled_size_is_torchs(kernel: int, stride: int, dilation: int, size: int, share: float, ceil: bool) -> None:
    padding = int(share * (kernel // 2))
    window = Window(kernel=kernel, stride=stride, dilation=dilation, before=padding, after=padding)
    ours = window.pooled_size(size, ceil_mode=ceil)
    try:
        y = F.max_pool1d(torch.zeros(1, 1, size), kernel, stride, padding, dilation, ceil_mode=ceil)
    except RuntimeError:
        assert ours < 1
        return
    assert ours == y.shape[2]


def test_a_window_works_on_arrays_and_symbols() -> None:
    n = sympy.Symbol("n", positive=True, integer=True)
    window = Window(kernel=3, stride=2, before=1, after=1)
    assert str(window.size_out(n)) == "floor(n/2 - 1/2) + 1"
    assert list(window.size_out(numpy.array([7, 8]))) == [4, 4]  # type: ignore[call-overload, arg-type]
    assert window.span == 3 and window.symmetric and not Window(kernel=2, after=1).symmetric


def test_both_directions_are_one_object() -> None:
    # arXiv:1603.07285 relation 14: i=6, k=3, s=2, p=1 gives 3; transposed with a = 1 restores 6
    window = Window(kernel=3, stride=2, before=1, after=1)
    assert window.size_out(6) == 3
    assert window.size_in(3) + 1 == 6


@given(
    kernel=st.integers(1, 5), stride=st.integers(1, 4), dilation=st.integers(1, 3), before=st.integers(0, 4),
    size=st.integers(1, 9),
)  # fmt: skip
def test_both_directions_are_one_map(kernel: int, stride: int, dilation: int, before: int, size: int) -> None:
    """Output i reads p by some tap exactly where position i writes p in the transposed walk."""
    window = Window(kernel, stride, dilation, before)
    pairs = {(i, place) for i in range(size) for place in window.reads(i)}
    written = {(i, place) for place in range(-20, 60) for i in window.written_by(place) if 0 <= i < size}
    assert pairs == written
    assert list(window.reads(2)) == [2 * stride + window.offset(tap) for tap in range(kernel)]
