"""SAME and uneven padding of pools and transposed layers, value by value, by brute force from Keras's definition."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from convcalc.errors import ShapeError
from convcalc.kinds import all_kinds
from convcalc.pytorch.module import GraphModule
from convcalc.sizes import PerAxis
from convcalc.spec.assemble import assemble
from convcalc.spec.source import blocks


def ran(kind: str, x: torch.Tensor, **arguments: Any) -> np.ndarray[Any, Any]:
    module = GraphModule(all_kinds()[kind].build(tuple(x.shape), **arguments), dtype=torch.float64).eval()
    with torch.no_grad():
        result: np.ndarray[Any, Any] = module(x).numpy()
    return result


def same(size: int, span: int, stride: int) -> tuple[int, int]:
    """TensorFlow's SAME: what makes ceil(size / stride) windows, the odd position after."""
    total = max((-(-size // stride) - 1) * stride + span - size, 0)
    return total // 2, total - total // 2


def pooled(x: np.ndarray[Any, Any], kernel: int, stride: int, pads: list[tuple[int, int]], how: str) -> Any:
    """By the definition, the values of each window that lie in the map; `padded` divides by all of the window."""
    sizes = x.shape[2:]
    outputs = [
        (size + before + after - kernel) // stride + 1 for size, (before, after) in zip(sizes, pads, strict=True)
    ]
    result = np.zeros((*x.shape[:2], *outputs))
    for place in itertools.product(*map(range, outputs)):
        spans = [
            (p * stride - before, p * stride - before + kernel) for p, (before, _) in zip(place, pads, strict=True)
        ]
        inside = tuple(slice(max(a, 0), min(b, size)) for (a, b), size in zip(spans, sizes, strict=True))
        window = x[(slice(None), slice(None), *inside)].reshape(*x.shape[:2], -1)
        if how == "max":
            value = window.max(-1)
        else:
            value = window.sum(-1) / (kernel ** len(sizes) if how == "padded" else window.shape[-1])
        result[(slice(None), slice(None), *place)] = value
    return result


@pytest.mark.parametrize("rank", [1, 2, 3])
@given(data=st.data())
@settings(max_examples=40)
def test_pools_with_tensorflows_same(rank: int, data: st.DataObject) -> None:
    kernel, stride = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 3))
    sizes = [data.draw(st.integers(2, 6)) for _ in range(rank)]
    x = torch.randn(1, 2, *sizes, dtype=torch.float64)
    pads = [same(size, kernel, stride) for size in sizes]
    for kind, how in (("max_pool", "max"), ("avg_pool", "real")):
        wanted = pooled(x.numpy(), kernel, stride, pads, how)
        np.testing.assert_allclose(ran(kind, x, kernel_size=kernel, stride=stride, padding="tf_same"), wanted)
        assert wanted.shape[2:] == tuple(-(-size // stride) for size in sizes)


@pytest.mark.parametrize("rank", [1, 2, 3])
@given(data=st.data())
@settings(max_examples=40)
def test_pools_with_a_side_of_its_own(rank: int, data: st.DataObject) -> None:
    kernel, stride = data.draw(st.integers(2, 4)), data.draw(st.integers(1, 3))
    sizes = [data.draw(st.integers(4, 6)) for _ in range(rank)]
    sides = st.integers(0, kernel - 1)
    pads = [data.draw(st.tuples(sides, sides).filter(lambda pair: pair[0] != pair[1])) for _ in range(rank)]
    x = torch.randn(1, 2, *sizes, dtype=torch.float64)
    for kind, how, more in (
        ("max_pool", "max", {}), ("avg_pool", "padded", {}), ("avg_pool", "real", {"count_include_pad": False}),
    ):  # fmt: skip
        result = ran(kind, x, kernel_size=kernel, stride=stride, padding=PerAxis(pads), **more)
        np.testing.assert_allclose(result, pooled(x.numpy(), kernel, stride, pads, how))


@given(data=st.data())
@settings(max_examples=60)
def test_transposed_layers_as_keras_has_them(data: st.DataObject) -> None:
    """The gradient of the convolution with the same padding, by autograd; where k < s the rest is zeros."""
    kernel, stride, dilation = (data.draw(st.integers(1, most)) for most in (5, 4, 2))
    size, word = data.draw(st.integers(1, 6)), data.draw(st.sampled_from(["tf_same", "valid"]))
    if stride > 1:
        dilation = 1
    span = dilation * (kernel - 1) + 1
    out = size * stride + (max(span - stride, 0) if word == "valid" else 0)
    graph = all_kinds()["conv_transpose"].build(
        (1, 2, size), out_channels=3, kernel_size=kernel, stride=stride, dilation=dilation, padding=word, bias=False
    )
    assert graph.outputs[0].shape == (1, 3, out)
    module = GraphModule(graph, dtype=torch.float64).eval()
    (weight,) = module.parameters()
    x, y = torch.randn(1, 2, size, dtype=torch.float64), torch.zeros(1, 3, out, dtype=torch.float64, requires_grad=True)
    before, after = same(out, span, stride) if word == "tf_same" else (0, 0)
    padded = torch.nn.functional.pad(y, (before, after))
    forward = torch.nn.functional.conv1d(padded, weight, stride=stride, dilation=dilation)
    (wanted,) = torch.autograd.grad(forward, y, x)
    with torch.no_grad():
        torch.testing.assert_close(module(x), wanted)


@pytest.mark.parametrize(
    ("spec", "given", "output", "note"),
    [
        ("maxpool2d k=2 s=1 p=tf_same", "512x13x13", (1, 512, 13, 13), "padded with -inf"),
        ("avgpool2d k=2 s=1 p=0+1", "512x13x13", (1, 512, 13, 13), "a sum over a count"),
        ("maxpool1d k=3 s=2 p=0+2", "4x9", (1, 4, 5), "padded with -inf"),
        ("avgpool3d k=3 s=2 p=tf_same", "4x2x3x4", (1, 4, 1, 2, 2), "a sum over a count"),
        ("conv_transpose c=8 k=3 s=2 p=tf_same", "8x12x12", (1, 8, 24, 24), "torch has no transposed convolution"),
        ("conv_transpose c=8 k=2 s=3 p=valid", "8x12x12", (1, 8, 36, 36), "torch has no transposed convolution"),
        ("maxpool2d k=3 s=2 p=tf_same", "4x9x9", (1, 4, 5, 5), ""),  # 1 on both sides: as torch has it
    ],
)
def test_what_torch_lacks_is_lowered_and_said(spec: str, given: str, output: tuple[int, ...], note: str) -> None:
    subject = assemble(blocks(spec.split(), [given])[0])
    assert subject.graph.outputs[0].shape == output
    assert note in subject.hint and bool(note) == bool(subject.hint)


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        ("max_pool", {"kernel_size": 2, "padding": "same"}, "torch's pools have no padding='same'"),
        ("max_pool", {"kernel_size": 2, "padding": 2}, "padding (2) must be at most half of the kernel (2)"),
        ("avg_pool", {"kernel_size": 2, "padding": (0, 2)}, "a pool over 2 positions sees only padding of 2"),
        ("conv_transpose", {"out_channels": 2, "kernel_size": 2, "padding": "same"}, "takes no padding='same'"),
        ("conv_transpose", {"out_channels": 2, "kernel_size": 2, "padding": "tf_same", "output_padding": 1},
         "padding='tf_same' says the output's size itself: leave output_padding out"),
    ],
)  # fmt: skip
def test_what_is_no_padding_is_refused(kind: str, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ShapeError) as caught:
        all_kinds()[kind].build((1, 2, 5, 5), **arguments)
    assert message in str(caught.value)
