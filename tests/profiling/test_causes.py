"""Sentences that follow from a row's numbers."""

from __future__ import annotations

import pytest

from convcalc.profiling.causes import explain, explain_pair
from convcalc.profiling.noise import SystemNoise
from convcalc.profiling.observation import Kernel, Observation
from convcalc.profiling.results import to_row
from tests.profiling.samples import PEAKS, hot, job, row

CONV = Kernel("convolution", "jit:avx512_core", "", 0.0009)


def said(**more: object) -> str:
    return " ".join(explain(row(**more), PEAKS))  # type: ignore[arg-type]


def test_compute_or_memory_bounds_it() -> None:
    near = said(median=0.0025)
    assert "above the ridge of 5.000: compute bounds it" in near and "of the 100.0 GFLOP/s attainable" in near
    thin = said(spec="depthwise k=3 p=1 bias=false", median=0.0005)
    assert "below the ridge of 5.000: memory bounds it" in thin


def test_more_than_attainable_is_explained() -> None:
    assert "so the roof is doubtful: convcalc machine --refresh" in said(median=0.001)
    given = " ".join(explain(row(median=0.001), PEAKS.override(1e11, None)))
    assert "the compute roof that was given is below" in given
    assert "stay in a cache" in said(spec="depthwise k=3 p=1 bias=false", median=0.00001)
    wino = Kernel("convolution", "jit_wino:avx512_core", "", 0.0009)
    assert "Winograd does fewer multiplications" in said(median=0.001, kernels=(wino,))


def test_what_others_made_of_a_row_is_not_explained_from_it() -> None:
    assert not said(median=0.0025, noise=SystemNoise(1.0, 0.5, 0, 0, 0.0))
    assert not said(median=0.0025, warm_cache=hot(0.0025, samples=2, settled=False))
    assert said(median=0.0025, drift_ratio=1.2)


def test_reorders_and_how_to_spare_them() -> None:
    move = Kernel("reorder", "jit:uni", "", 0.0009, reorder=True)
    assert "50.0% of kernel time is layout conversion; --layout channels_last or prepacked avoids" in said(
        median=0.0025, kernels=(CONV, move)
    )
    assert "conversion; --layout prepacked" in said(
        median=0.0025, kernels=(CONV, move), setup={"layout": "channels_last"}
    )
    alone = said(spec="conv1d c=64 k=3", size="64x3000", median=0.0025, kernels=(CONV, move))
    assert "is layout conversion." in alone  # 1-D tensors have no other layout


def test_padding_cold_weights_faults_and_slow_kernels() -> None:
    assert "of its multiply-adds are on padding" in said(spec="conv2d c=64 k=3 p=8 d=8", size="64x14x14", median=0.01)
    assert "With its weights out of cache" in said(median=0.0025, cold_cache=hot(0.005))
    assert "500 page faults" in said(median=0.0025, page_faults=500.0, kernels=(CONV,))
    slow = Kernel("aten::_slow_conv2d_forward", "aten::_slow_conv2d_forward", "", 0.0024)
    assert "--layout prepacked takes oneDNN instead" in said(median=0.0025, kernels=(slow,))
    assert "oneDNN is not asked" in said(spec="conv_transpose c=8 k=3", size="8x9x9", median=0.0025, kernels=(slow,))


def test_time_between_kernels() -> None:
    assert "the way to the kernel" in said(median=0.00003, kernels=(CONV._replace(seconds=0.00001),))


def test_a_row_without_numbers_says_nothing_false() -> None:
    assert explain(to_row(job(), Observation(failure="no"), PEAKS), PEAKS) == []
    assert "nothing recorded says why" in explain(row(peaks=None, kernels=(CONV,)), None)[0]


@pytest.mark.parametrize(
    ("ratio", "words"),
    [(0.5, "1/64.00 of the multiply-adds of A and is 2.000 times as fast"), (2.0, "2.000 times as slow")],
)
def test_a_pair_of_which_the_smaller_loses_time(ratio: float, words: str) -> None:
    dense = row(median=0.002)
    thin = row("depthwise k=3 p=1 bias=false", median=0.002 * ratio)
    found = explain_pair(dense, thin, ratio, PEAKS)
    assert words in found[0]
    assert "B loses time" in found[1] and "memory bounds it" in found[2]


def test_a_pair_in_step_with_its_work_needs_no_reason() -> None:
    assert explain_pair(row(median=0.002), row(median=0.002), 1.0, PEAKS) == []
    half = explain_pair(row(median=0.002), row(size="64x28x56", median=0.001), 0.5, PEAKS)
    assert half == ["B has 1/2.000 of the multiply-adds of A and is 2.000 times as fast."]
    other = explain_pair(row(median=0.002), row(median=0.004), 2.0, PEAKS)
    assert other[0] == "B has as many multiply-adds as A and is 2.000 times as slow."
    assert explain_pair(row(), row("relu"), 1.0, PEAKS) == []
    contended = row(median=0.002, noise=SystemNoise(1.0, 0.5, 0, 0, 0.0))
    assert explain_pair(row(median=0.002), contended, 2.0, PEAKS) == []


def test_a_call_that_waits_for_the_host_is_said_with_both_numbers() -> None:
    state = (("eager_s", 231e-6), ("graph_s", 71.5e-6))
    words = said(median=0.0000868, device_state=state, setup={"device": "cuda"})
    assert "Called from Python it takes 231.0 µs, the device alone 71.50 µs: the host is the limit" in words
    near = (("eager_s", 104e-6), ("graph_s", 97e-6))
    assert "host" not in said(median=0.0001033, device_state=near, setup={"device": "cuda"})
    assert "host" not in said(median=0.0025)
