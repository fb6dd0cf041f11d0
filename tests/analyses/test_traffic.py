"""Compulsory bytes, counted by hand."""

from __future__ import annotations

import pytest

from convcalc.analyses.counts.traffic import compulsory, intensity, step_bytes
from convcalc.ops import Conv
from tests.profiling.samples import graph


def test_a_forward_moves_input_weights_and_output_once() -> None:
    found = graph("conv2d c=8 k=3", "2x4x10x10")
    x, w, y = 2 * 4 * 100, 8 * 4 * 9 + 8, 2 * 8 * 64
    assert compulsory(found, 4) == 4 * (x + w + y)
    assert compulsory(found, 2, "backward") == 2 * (2 * x + 2 * w + y)
    assert compulsory(found, 2, "both") == 2 * (3 * x + 3 * w + 2 * y)
    (conv,) = [node for node in found.nodes if isinstance(node.op, Conv)]
    assert step_bytes(conv, 4) == 4 * (x + w + y)


def test_what_lies_between_is_not_moved_and_running_statistics_are_read() -> None:
    found = graph("conv2d c=8 k=1 bias=false batch_norm relu", "4x5x5")
    assert compulsory(found, 4) == 4 * (100 + 32 + 4 * 8 + 200)  # weight, bias, mean and variance of the norm
    assert compulsory(found, 4, "backward") == 4 * (2 * (100 + 32 + 16) + 16 + 200)


def test_a_value_read_twice_is_moved_once() -> None:
    assert compulsory(graph("relu as=a add from=a,input", "4x5x5"), 4) == 4 * (100 + 100)


@pytest.mark.parametrize(("macs", "moved", "flops_per_byte"), [(100, 50, 4.0), (0, 50, 0.0), (5, 0, 0.0)])
def test_intensity_is_flops_per_byte(macs: int, moved: int, flops_per_byte: float) -> None:
    assert intensity(macs, moved) == flops_per_byte
