"""Patterns: numpy and torch lay out what they say."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from convcalc.errors import ShapeError, SpecError
from convcalc.ops import Landing, Rearrange
from convcalc.patterns import arrangement, parse
from convcalc.pytorch.lower import compute


def laid(x: torch.Tensor, pattern: str, **sizes: int) -> torch.Tensor:
    return compute(arrangement(pattern, tuple(x.shape), sizes), [x])


def test_shuffles_are_torchs() -> None:
    x = torch.arange(2 * 12 * 3 * 5.0).reshape(2, 12, 3, 5)
    pixels = laid(x, "b (c r1 r2) h w -> b c (h r1) (w r2)", r1=2, r2=2)
    assert torch.equal(pixels, torch.nn.functional.pixel_shuffle(x, 2))
    shuffled = laid(x, "b (g n) ... -> b (n g) ...", g=3)
    assert torch.equal(shuffled, torch.nn.ChannelShuffle(3)(x))
    assert torch.equal(laid(x, "b c h w -> b (h w) c"), x.flatten(2).transpose(1, 2))
    assert torch.equal(laid(x, "b c ... -> (b c) ..."), x.flatten(0, 1))


def test_axes_of_size_one_come_and_go() -> None:
    x = torch.arange(6.0).reshape(2, 3)
    assert torch.equal(laid(x, "b c -> b c 1 1"), x[..., None, None])
    assert torch.equal(laid(x, "(1 b) c -> 1 (b c)"), x.reshape(1, 6))
    assert torch.equal(laid(x[..., None], "b c 1 -> b (c 1)"), x)


@given(sizes=st.lists(st.integers(1, 4), min_size=2, max_size=5), seed=st.randoms())
def test_any_order_of_axes_is_a_permutation(sizes: list[int], seed: object) -> None:
    names = [f"a{n}" for n in range(len(sizes))]
    order = list(range(len(sizes)))
    seed.shuffle(order)  # type: ignore[attr-defined]
    x = torch.arange(float(torch.tensor(sizes).prod())).reshape(sizes)
    pattern = f"{' '.join(names)} -> {' '.join(names[n] for n in order)}"
    assert torch.equal(laid(x, pattern), x.permute(order))


def test_the_stored_form_and_where_factors_land() -> None:
    op = arrangement("b (c r1 r2) h w -> b c (h r1) (w r2)", (2, 12, 3, 5), {"r1": 2, "r2": 2})
    assert op == Rearrange(split=((2,), (3, 2, 2), (3,), (5,)), order=(0, 1, 4, 2, 5, 3), merge=(1, 1, 2, 2))
    assert op.landings() == (
        Landing(0, (), ()), Landing(1, (), ()), Landing(2, (3,), ()), Landing(3, (5,), ()),
        Landing(2, (), (2,)), Landing(3, (), (2,)),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("b c h w", "needs one ->"),
        ("b c -> b d", "each name stands once on each side"),
        ("b b -> b", "each name stands once on each side"),
        ("b c -> b c c", "each name stands once on each side"),
    ],
)
def test_patterns_that_say_nothing_are_refused(pattern: str, text: str) -> None:
    with pytest.raises(SpecError, match=text):
        parse(pattern)


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ShapeError, match="names 2 axes, but the tensor has 3"):
        arrangement("b c -> c b", (1, 2, 3), {})
    with pytest.raises(SpecError, match="give the size of r1 or r2"):
        arrangement("b (r1 r2) -> b r1 r2", (1, 4), {})
