"""`same=NAME`: a layer with another's weights, counted once and working each time; torch runs it with one tensor."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from convcalc.analyses.counts.macs import macs
from convcalc.analyses.counts.params import params
from convcalc.errors import ConvcalcError
from convcalc.pytorch.module import GraphModule
from convcalc.spec.assemble import assemble
from convcalc.spec.deployed import deployed
from convcalc.spec.source import blocks
from convcalc.subject import Subject


def stack(spec: str, *inputs: str) -> Subject:
    return assemble(blocks(spec.split(), inputs)[0])


def test_a_retinanet_head_over_five_levels() -> None:
    """Parameters once, work five times (arXiv:1708.02002: four 3x3 of 256 channels, then 9 anchors x 80 classes)."""
    head = "conv c=256 k=3 p=1 from={level} {a} relu conv c=256 k=3 p=1 {b} relu conv c=720 k=3 p=1 {c}"
    levels = [80, 40, 20, 10, 5]
    first, *others = [f"p{number}" for number in range(3, 8)]
    spec = head.format(level=first, a="as=a", b="as=b", c="as=c") + "".join(
        " " + head.format(level=level, a="same=a", b="same=b", c="same=c") for level in others
    )
    shared = stack(spec, *(f"p{n}=256x{size}x{size}" for n, size in zip(range(3, 8), levels, strict=True)))
    tower = nn.Sequential(nn.Conv2d(256, 256, 3), nn.Conv2d(256, 256, 3), nn.Conv2d(256, 720, 3))
    assert params(shared.graph).total == sum(parameter.numel() for parameter in tower.parameters())
    weights = 9 * (2 * 256 * 256 + 256 * 720)
    assert macs(shared.graph) == weights * sum(size * size for size in levels)


def test_one_tensor_is_used_each_time() -> None:
    subject = stack("conv2d c=4 k=3 p=1 as=a relu batchnorm2d as=n conv2d same=a batchnorm2d same=n", "4x6x6")
    module = GraphModule(subject.graph).eval()
    conv, norm = nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4).eval()
    with torch.no_grad():
        for mine, theirs in zip(module.parameters(), [*conv.parameters(), *norm.parameters()], strict=True):
            theirs.copy_(mine)
    x = torch.randn(1, 4, 6, 6)
    with torch.no_grad():
        torch.testing.assert_close(module(x), norm(conv(norm(torch.relu(conv(x))))))


@pytest.mark.parametrize(
    "spec",
    ["condconv c=8 k=3 p=1 as=a condconv same=a", "lstm hidden_size=8 as=a lstm same=a",
     "se reduction=2 as=a se same=a", "linear out_features=8 as=a linear same=a linear same=a",
     "prelu num_parameters=8 as=a prelu same=a"],
)  # fmt: skip
def test_any_kind_with_weights_can_be_shared(spec: str) -> None:
    kind, alone = spec.partition(" ")[0], spec.partition(" as=a")[0]
    sizes = {"lstm": "5x8", "linear": "8"}.get(kind, "8x6x6")
    once, both = stack(alone, sizes), stack(spec, sizes)
    assert params(both.graph).total == params(once.graph).total > 0
    assert macs(both.graph) == macs(once.graph) * (1 + spec.count("same=a"))


def test_what_is_shared_is_not_folded() -> None:
    subject = stack("resnet_basic c=8 as=a resnet_basic same=a", "8x6x6")
    assert deployed(subject) is None
    assert deployed(stack("resnet_basic c=8", "8x6x6")) is not None


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("conv c=8 k=3 as=a conv c=8 k=1 same=a", "the shared weight is 8x8x3x3, but this layer needs 8x8x1x1"),
        ("conv c=8 k=3 as=a conv same=b", "no layer before this one is called 'b' (there are a)"),
        ("conv c=8 k=3 conv same=a", "no layer before this one is called 'a': name it with as="),
        ("relu as=a conv c=8 k=3 same=a", "same=a: that is relu, this is conv"),
        ("conv c=8 k=3 p=1 repeat=2 as=a conv same=a", "same=a: that layer stands there 2 times, with weights each"),
        ("conv c=8 k=3 as=a conv c=8 k=3 bias=false same=a", "1 of the shared weights are not used here"),
        (
            "conv c=8 k=3 bias=false as=a conv c=8 k=3 bias=true same=a",
            "the shared weights have no bias for this layer",
        ),
        ("conv c=8 k=3 as=a conv same=a same=a", "this layer has the weights of 'a' already"),
    ],
)
def test_what_cannot_be_shared_is_said(spec: str, message: str) -> None:
    with pytest.raises(ConvcalcError) as caught:
        stack(spec, "8x9x9")
    assert message in str(caught.value)
