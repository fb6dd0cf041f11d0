"""Drawn stacks with every way to pad, per-axis settings and shared layers: judged by torch, and by `verify`."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from convcalc.analyses.counts.macs import macs
from convcalc.analyses.counts.params import params
from convcalc.errors import ShapeError
from convcalc.pytorch.module import GraphModule
from convcalc.pytorch.verify_report import verify
from convcalc.spec.assemble import assemble
from convcalc.spec.source import blocks

SHAPE = (2, 4, 9, 8)


class Drawn(NamedTuple):
    """A layer in words, and what it is in torch."""

    words: str
    module: nn.Module


def same(size: int, kernel: int, stride: int) -> tuple[int, int]:
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


class Pool(nn.Module):
    """A pool with sides of its own: a pad of -inf, or a sum over a count of what lies in the map."""

    def __init__(self, kind: str, kernel: int, stride: int, sides: tuple[int, int] | None) -> None:
        super().__init__()
        self.kind, self.kernel, self.stride, self.sides = kind, kernel, stride, sides

    def forward(self, x: Tensor) -> Tensor:
        high, wide = (self.sides or same(size, self.kernel, self.stride) for size in x.shape[2:])
        pads = (*wide, *high)
        if self.kind == "max":
            return F.max_pool2d(F.pad(x, pads, value=float("-inf")), self.kernel, self.stride)
        mean = F.avg_pool2d(F.pad(x, pads), self.kernel, self.stride)
        if self.sides is not None:  # count_include_pad
            return mean
        return mean / F.avg_pool2d(F.pad(torch.ones_like(x), pads), self.kernel, self.stride)


class Transposed(nn.Module):
    """A transposed layer whose output is input x stride."""

    def __init__(self, reads: int, makes: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(reads, makes, kernel, stride)

    def forward(self, x: Tensor) -> Tensor:
        (kernel, _), (stride, _) = self.conv.kernel_size, self.conv.stride
        cut, extra = max(kernel - stride, 0), max(stride - kernel, 0)
        y = F.conv_transpose2d(x, self.conv.weight, self.conv.bias, stride, 0, extra)
        return F.pad(y, [-(cut // 2), -(cut - cut // 2)] * 2)


@st.composite
def stacks(draw: st.DrawFn) -> list[Drawn]:
    layers: list[Drawn] = []
    channels, named = SHAPE[1], 0
    few = st.integers(1, 2)
    for _ in range(draw(st.integers(2, 5))):
        match draw(st.sampled_from(["conv", "pool", "ceil", "same", "sided", "up", "shared", "relu"])):
            case "conv":
                makes = draw(st.sampled_from([4, 8]))
                k, s, d = (draw(st.tuples(st.integers(1, most), st.integers(1, most))) for most in (3, 2, 2))
                p = draw(st.tuples(st.integers(0, 2), st.integers(0, 2)))
                words = " ".join(f"{key}={a}x{b}" for key, (a, b) in (("k", k), ("s", s), ("d", d), ("p", p)))
                layers.append(Drawn(f"conv2d c={makes} {words}", nn.Conv2d(channels, makes, k, s, p, d)))
                channels = makes
            case "pool":
                k, s = draw(st.tuples(few, few)), draw(st.tuples(few, few))
                layers.append(Drawn(f"max_pool k={k[0]}x{k[1]} s={s[0]}x{s[1]}", nn.MaxPool2d(k, s)))
            case "ceil":
                k, s = draw(st.integers(2, 3)), draw(st.integers(1, 3))
                layers.append(Drawn(f"avg_pool k={k} s={s} p=1 ceil_mode=true", nn.AvgPool2d(k, s, 1, ceil_mode=True)))
            case "same" | "sided" as how:
                kind, k, s = draw(st.sampled_from(["max", "avg"])), draw(st.integers(2, 3)), draw(few)
                sides = None if how == "same" else draw(st.sampled_from([(0, 1), (1, 0), (0, 2)][:k]))
                if sides is not None and max(sides) >= k:
                    sides = (0, 1)
                words = "tf_same" if sides is None else f"{sides[0]}+{sides[1]}x{sides[0]}+{sides[1]}"
                layers.append(Drawn(f"{kind}_pool k={k} s={s} p={words}", Pool(kind, k, s, sides)))
            case "up":
                k, s = draw(st.integers(1, 4)), draw(st.integers(1, 3))
                layers.append(Drawn(f"conv_transpose c=4 k={k} s={s} p=tf_same", Transposed(channels, 4, k, s)))
                channels = 4
            case "shared":
                conv = nn.Conv2d(channels, channels, 3, padding=1)
                named += 1
                layers.append(Drawn(f"conv2d c={channels} k=3 p=1 as=w{named}", conv))
                layers.append(Drawn(f"conv2d same=w{named}", conv))
            case _:
                layers.append(Drawn("relu", nn.ReLU()))
    return layers


def wanted(network: nn.Module, x: Tensor) -> tuple[Tensor, int] | None:
    counter = FlopCounterMode(display=False)
    try:
        with torch.no_grad(), counter:
            result = network(x)
    except (RuntimeError, ValueError):
        return None
    return (result, counter.get_total_flops() // 2) if 0 not in result.shape else None


@given(stacks())
@settings(max_examples=200)
def test_a_drawn_stack_is_torchs(layers: list[Drawn]) -> None:
    network = nn.Sequential(*(layer.module for layer in layers)).double().eval()
    x = torch.randn(SHAPE, dtype=torch.float64)
    theirs = wanted(network, x)
    try:
        subject = assemble(blocks([" ".join(layer.words for layer in layers)], ["x".join(map(str, SHAPE))])[0])
    except ShapeError:
        assert theirs is None
        return
    assert theirs is not None
    result, work = theirs
    assert subject.graph.outputs[0].shape == tuple(result.shape)
    assert params(subject.graph).total == sum(parameter.numel() for parameter in network.parameters())
    assert macs(subject.graph) == work
    module: Any = GraphModule(subject.graph, dtype=torch.float64).eval()
    with torch.no_grad():
        for mine, parameter in zip(module.parameters(), network.parameters(), strict=True):
            mine.copy_(parameter)
        torch.testing.assert_close(module(x), result)


@given(stacks())
@settings(max_examples=200, deadline=None)
def test_verify_finds_no_unexplained_difference(layers: list[Drawn]) -> None:
    try:
        subject = assemble(blocks([" ".join(layer.words for layer in layers)], ["x".join(map(str, SHAPE))])[0])
    except ShapeError:
        return
    report = verify([subject])
    assert report.holds, [layer.verdicts for layer in report.blocks[0] if not layer.holds]
