"""Whole networks, drawn, run by torch and pasted as text: shape, parameters and multiply-adds agree, refusals too."""

from __future__ import annotations

import io
import sys
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from convcalc.analyses.counts.macs import macs
from convcalc.analyses.counts.params import params
from convcalc.errors import ConvcalcError
from convcalc.spec.assemble import assemble
from convcalc.spec.source import blocks
from tests.worlds import ran

SHAPE = (2, 4, 13, 15)


@st.composite
def networks(draw: st.DrawFn) -> nn.Sequential:
    """Stacks of torch modules whose channels fit together; the sizes may not."""
    layers: list[nn.Module] = []
    channels = SHAPE[1]
    few = st.integers(1, 2)
    for _ in range(draw(st.integers(1, 6))):
        match draw(
            st.sampled_from(["conv", "conv", "depthwise", "up", "norm", "relu", "max", "avg", "resize", "shuffle"])
        ):
            case "conv":
                made = draw(st.sampled_from([4, 8, 12]))
                kernel = draw(st.sampled_from([1, 3, (3, 5)]))
                layers.append(
                    nn.Conv2d(
                        channels, made, kernel, draw(few), draw(st.integers(0, 1)), draw(few), bias=draw(st.booleans())
                    )
                )
                channels = made
            case "depthwise":
                layers.append(nn.Conv2d(channels, 2 * channels, 3, padding="same", groups=channels))
                channels *= 2
            case "up":
                layers.append(
                    nn.ConvTranspose2d(channels, 8, draw(st.integers(2, 4)), draw(few), draw(st.integers(0, 1)))
                )
                channels = 8
            case "norm":
                layers.append(draw(st.sampled_from([nn.BatchNorm2d(channels), nn.GroupNorm(2, channels)])))
            case "relu":
                layers.append(draw(st.sampled_from([nn.ReLU(inplace=True), nn.GELU(), nn.PReLU(), nn.Dropout2d(0.1)])))
            case "max":
                layers.append(nn.MaxPool2d(draw(st.integers(2, 3)), draw(few), ceil_mode=draw(st.booleans())))
            case "avg":
                layers.append(nn.AvgPool2d(2))
            case "resize":
                layers.append(nn.Upsample(scale_factor=draw(st.sampled_from([2, 1.5])), mode="bilinear"))
            case _:
                layers.append(nn.PixelShuffle(2))
                channels = max(channels // 4, 1)  # of fewer than 4 torch refuses the shuffle itself
        if channels % 2 or channels > 64:
            layers.append(nn.Conv2d(channels, 4, 1))
            channels = 4
    return nn.Sequential(*layers)


@given(networks())
@settings(max_examples=150)
def test_a_pasted_network_is_torchs(network: nn.Sequential) -> None:
    """Torch lets a transposed layer make no positions at all; we refuse any size of zero, as the README says."""
    try:
        shape, work = ran(network, [SHAPE])
        want = (shape, work, sum(parameter.numel() for parameter in network.parameters())) if all(shape) else None
    except (RuntimeError, ValueError):
        want = None
    pasted = io.TextIOWrapper(io.BytesIO(f"{network}\n".encode()))
    with mock.patch.object(sys, "stdin", pasted):
        (block,) = blocks(["-"], ["x".join(map(str, SHAPE))])
    try:
        graph = assemble(block).graph
        got = graph.outputs[0].shape, macs(graph), params(graph).total
    except ConvcalcError:
        got = None
    assert got == want


def test_a_pasted_network_with_a_head() -> None:
    network = nn.Sequential(nn.Conv2d(4, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10), nn.Softmax(1))
    shape, work = ran(network, [SHAPE])
    with mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(str(network).encode()))):
        graph = assemble(blocks(["-"], ["2x4x13x15"])[0]).graph
    assert (graph.outputs[0].shape, macs(graph)) == (shape, work)
    assert shape == (2, 10)
