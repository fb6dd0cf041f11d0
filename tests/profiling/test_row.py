"""Rows under the roofs: counts by hand."""

from __future__ import annotations

import json
import re
import statistics
from dataclasses import replace
from typing import Any

import pytest

from convcalc.errors import SpecError
from convcalc.profiling.fields import columns, to_json
from convcalc.profiling.observation import Kernel, Observation, kernel_share, reorder_share
from convcalc.profiling.results import doubted, implementation, to_row
from convcalc.profiling.roofline import Peaks, RooflinePoint, key, point, read_peaks
from convcalc.profiling.row import Comparison, Row, Shares
from tests.profiling.samples import PEAKS, hot, job, observation, row


def test_a_row_of_the_issue() -> None:
    """64 to 64 channels, 3x3 on 56x56: 115,605,504 MACs; 4 (200704 + 36864 + 200704) bytes."""
    found = row().to_json()
    assert found["macs"] == 115_605_504 and found["flops"] == 231_211_008
    assert found["bytes"] == 4 * (200_704 + 36_864 + 200_704)
    assert found["intensity"] == pytest.approx(231_211_008 / 1_753_088)
    assert found["attainable_flops_per_s"] == 1e11 and found["bound"] == "compute"
    assert found["flops_per_s"] == pytest.approx(231_211_008 / found["median_s"])
    assert found["fraction_of_attainable"] == pytest.approx(found["flops_per_s"] / 1e11)
    assert found["macs_useful"] == 64 * 64 * (3 * 56 - 2) ** 2  # the taps on padding left out
    assert found["useful_flops_per_s"] == pytest.approx(2 * found["macs_useful"] / found["median_s"])
    wanted = {
        "name", "spec", "implementation", "status", "median_s", "p20_s", "p80_s", "samples", "macs", "flops_per_s",
        "bytes", "intensity", "attainable_flops_per_s", "fraction_of_attainable",
    }  # fmt: skip
    assert wanted <= set(found)


def test_a_depthwise_row_is_bound_by_memory() -> None:
    found = row("depthwise k=3 p=1 bias=false").to_json()
    assert found["macs"] == 64 * 9 * 3136
    assert found["bytes"] == 4 * (200_704 + 576 + 200_704)
    assert found["bound"] == "memory"
    assert found["attainable_flops_per_s"] == pytest.approx(found["intensity"] * 2e10)


@pytest.mark.parametrize(("direction", "macs", "moved"), [("backward", 2, (2, 2, 1)), ("both", 3, (3, 3, 2))])
def test_passes_do_and_move_more(direction: str, macs: int, moved: tuple[int, int, int]) -> None:
    found = row(setup={"direction": direction}).to_json()
    assert found["flops"] == macs * 231_211_008
    x, w, y = moved
    assert found["bytes"] == 4 * (x * 200_704 + w * 36_864 + y * 200_704)


def test_half_the_bytes_in_half_precision() -> None:
    assert row(setup={"dtype": "bf16"}).work.bytes * 2 == row().work.bytes


def test_without_roofs_or_time_the_rest_is_still_told() -> None:
    bare = row(peaks=None).to_json()
    assert bare["attainable_flops_per_s"] is None and bare["bound"] is None and bare["flops_per_s"]
    failed = to_row(job(), Observation(failure="no"), PEAKS).to_json()
    assert failed["median_s"] is None and failed["flops_per_s"] is None and failed["macs"] == 115_605_504
    assert failed["status"] == "failed" and failed["reasons"] == ["no"]


def test_a_row_without_multiply_adds_is_judged_by_its_bytes() -> None:
    found = row("relu", median=0.001).to_json()
    assert found["flops_per_s"] is None and found["bound"] == "memory"
    assert found["fraction_of_attainable"] == pytest.approx(found["bytes"] / found["median_s"] / 2e10)


def test_what_a_row_ran_in() -> None:
    conv = Kernel("convolution", "jit:avx512_core", "", 0.9)
    move = Kernel("reorder", "jit:uni", "", 2.0, reorder=True)
    slow = Kernel("aten::_slow_conv2d_forward", "aten::_slow_conv2d_forward", "", 0.5)
    assert implementation((conv, move)) == "jit:avx512_core"
    assert implementation((conv, slow)) == "jit:avx512_core +1"
    assert implementation((slow,), "Slow2d") == "torch:Slow2d"
    assert implementation((slow,)) == "torch:slow_conv2d_forward"
    assert implementation((move,)) == "jit:uni"
    assert implementation((), "Mkldnn") == "Mkldnn"
    assert kernel_share((conv,), 0.5) is None  # asked in another state than it was timed in
    assert reorder_share((conv, move)) == pytest.approx(2.0 / 2.9) and reorder_share(()) is None
    assert kernel_share((conv,), 1.0) == pytest.approx(0.9) and kernel_share((), 1.0) is None


def test_the_roof_is_the_lower_of_two() -> None:
    assert PEAKS.ridge == 5
    assert [PEAKS.attainable(intensity) for intensity in (0.5, 5, 50)] == [1e10, 1e11, 1e11]
    assert point(1e9, 1e9, 0.1, PEAKS) == RooflinePoint(
        flops_per_s=1e10, intensity=1.0, attainable_flops_per_s=2e10, fraction_of_attainable=0.5, bound="memory"
    )


def test_a_row_that_fits_into_the_last_cache_stands_under_the_cache() -> None:
    """A ReLU of 2 MB called again and again reads at the cache's 80 GB/s: not at four times memory's 20."""
    peaks = replace(PEAKS, near_bytes=4_000_000)
    near, far = point(0.0, 2e6, 2e6 / 8e10, peaks), point(0.0, 8e6, 8e6 / 2e10, peaks)
    assert (near.bound, near.fraction_of_attainable) == ("cache", pytest.approx(1.0))
    assert (far.bound, far.fraction_of_attainable) == ("memory", pytest.approx(1.0))
    work = point(4e6, 2e6, 1.0, peaks)  # 2 FLOPs a byte: 160 GFLOP/s of the cache's bytes are above compute's 100
    assert (work.bound, work.attainable_flops_per_s) == ("compute", 1e11)
    thin = point(2e6, 2e6, 1.0, peaks)
    assert (thin.bound, thin.attainable_flops_per_s) == ("cache", 8e10)
    assert point(0.0, 2e6, 1.0, peaks.override(None, 1e9)).bound == "memory"  # a roof given by hand is the roof


def test_a_row_above_its_roof_puts_the_roof_in_doubt() -> None:
    above = doubted(to_row(job(), observation(median=0.001), PEAKS), PEAKS)
    assert above.roofline.fraction_of_attainable == pytest.approx(2.31, rel=0.01)
    assert "of its roof, so the roof is doubtful" in above.reasons[-1] and "machine --refresh" in above.advice[-1]
    wino = Kernel("convolution", "jit_wino:avx512_core", "", 0.0009)
    assert not doubted(to_row(job(), observation(median=0.001, kernels=(wino,)), PEAKS), PEAKS).reasons
    assert not doubted(to_row(job(), observation(median=0.0025), PEAKS), PEAKS).reasons
    other = PEAKS.override(1e12, 1e12)  # measured again, the same row is below
    assert not doubted(to_row(job(), observation(median=0.001), PEAKS).on_roofs(other), other).reasons


def test_a_row_of_which_a_part_stays_in_the_cache_says_nothing_of_the_roof() -> None:
    """A ReLU of 6 MB beside a cache of 8: over half of it is read from there."""
    peaks = replace(PEAKS, near_bytes=4_000_000)
    relu = to_row(job("relu", "64x110x110"), observation(median=1e-4), peaks)
    assert relu.roofline.bound == "memory" and relu.work.bytes == 2 * 4 * 64 * 110 * 110
    (reason,) = doubted(relu, peaks).reasons
    assert "part of its tensors stays in the last cache" in reason and not doubted(relu, peaks).advice


def test_cold_rows_stand_under_memory() -> None:
    peaks = replace(PEAKS, near_bytes=40_000_000)
    found = to_row(job("depthwise k=3 p=1 bias=false"), observation(median=1e-4, cold_cache=hot(2e-4)), peaks)
    work, place = found.work, found.roofline
    cold = work.flops / statistics.median(hot(2e-4).times) / min(1e11, place.intensity * 2e10)
    assert found.timing.cold_fraction == pytest.approx(cold, rel=1e-6)


def test_kept_peaks_are_read_or_refused() -> None:
    assert read_peaks(to_json(PEAKS)) == PEAKS
    for wrong in (None, {}, {"gflops": 1}, {**to_json(PEAKS), "flops_per_s": 0}, {**to_json(PEAKS), "gemm_in": ""}):
        assert read_peaks(wrong) is None
    assert read_peaks({**to_json(PEAKS), "circumstances": {**to_json(PEAKS.circumstances), "date": ""}}) is None
    assert key("a CPU", "2.13", 2, "fp32") != key("a CPU", "2.13", 1, "fp32")
    assert isinstance(PEAKS.override(2.0, None), Peaks) and PEAKS.override(2.0, None).flops_from == "given"


def test_cold_and_hot_stand_side_by_side() -> None:
    found = to_row(job(), observation(cold_cache=hot(0.002)), PEAKS).to_json()
    assert found["cold_median_s"] == pytest.approx(0.002, rel=0.1) and found["cold_interval_s"]


def test_a_row_comes_back_from_json_whole() -> None:
    plain = row(cold_cache=hot(0.002), compile_s=1.5)
    full = replace(
        plain,
        variant="bf16",
        shares=Shares(share=0.5, macs_share=None),
        explanation=(),
        comparison=Comparison(time_ratio=2.0, time_ratio_interval=(1.9, 2.1), verdict="SLOWER"),
    )
    for one in (plain, full, to_row(job(), Observation(failure="no"), None)):
        document = json.loads(json.dumps(one.to_json()))
        assert Row.from_json(document) == one
        assert list(document) == [tag for tag in columns(Row) if tag in document]
    optional = {"block", "variant", "share", "macs_share", "explanation", *to_json(full.comparison)}
    assert set(columns(Row)) - set(plain.to_json()) == optional


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"median_s": "fast"}, "median_s is not a number"),
        ({"median_s": 0}, "median_s is not above 0"),
        ({"median_s": True}, "median_s is not a number"),
        ({"median_s": float("inf")}, "median_s is not a number"),
        ({"median_s": None}, "interval_s and median_s go together"),
        ({"interval_s": [1.0]}, "interval_s has 1 entries, not 2"),
        ({"macs": -1}, "macs is not a count"),
        ({"setup": {"device": "cpu"}}, "dtype is missing"),
        ({"kernels": [{"name": "x"}]}, "kernels has no implementation"),
        ({"input": 3}, "input is not a list"),
        ({"reasons": [1]}, "reasons is not a str"),
    ],
)
def test_what_is_not_a_row_says_which_key(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(SpecError, match=re.escape(reason)):
        Row.from_json({**row().to_json(), **change})


def test_what_is_above_what_is_sustained_may_be_a_burst() -> None:
    """670 TFLOP/s were sustained in bf16 and 792 reached in a burst: a row between them is no reason for doubt."""
    peaks = replace(PEAKS, burst_flops_per_s=2.5e11)
    above = doubted(to_row(job(), observation(median=0.001), peaks), peaks)
    assert "a burst reaches 250.0 GFLOP/s" in above.reasons[-1] and not above.advice
    assert "doubtful" in doubted(to_row(job(), observation(median=0.0008), peaks), peaks).reasons[-1]


@pytest.mark.parametrize(
    ("name", "state", "numbers"),
    [
        ("sm80_xmma_fprop_implicit_gemm_tf32f32_tf32f32_f32_nhwckrsc_nchw_tilesize128x64x32_x_cudnn", {}, "tf32"),
        ("ampere_scudnn_128x64_relu_medium_nn_v1", {"tf32_convolutions": True}, "fp32"),
        ("some_kernel", {"tf32_convolutions": True, "tf32_products": False}, "tf32"),
        ("void at::native::conv_depthwise2d_forward_kernel<float>(int)", {"tf32_convolutions": True}, "fp32"),
        ("some_kernel", {"tf32_convolutions": False, "tf32_products": True}, "fp32"),
    ],
)
def test_the_roof_is_that_of_the_numbers_a_kernel_multiplies(name: str, state: dict[str, Any], numbers: str) -> None:
    peaks = replace(PEAKS, tf32_flops_per_s=7e11)
    seen = observation(kernels=(Kernel(name, "x", "", 0.9),), device_state=tuple(state.items()))
    place = to_row(job(device="cuda"), seen, peaks).roofline
    assert place.roof_numbers == numbers
    assert place.attainable_flops_per_s == min({"tf32": 7e11, "fp32": 1e11}[numbers], place.intensity * 2e10)
    assert to_row(job(), seen, peaks).roofline.roof_numbers == "fp32"


def test_images_and_bytes_a_second() -> None:
    found = row(size="8x64x56x56", median=0.004).to_json()
    assert found["images_per_s"] == 2000 and found["bytes_per_s"] == found["bytes"] / 0.004
    failed = to_row(job(), Observation(failure="no"), PEAKS).to_json()
    assert "images_per_s" not in failed and "bytes_per_s" not in failed
