"""The papers' formulas, derived from the same recipes run on symbols."""

from __future__ import annotations

from typing import Any

import pytest
import sympy

from convcalc.analyses.counts.macs import macs
from convcalc.analyses.counts.params import params
from convcalc.graph import Graph
from convcalc.kinds import all_kinds

NAMES = "B M N K H W S P D G A m F"
B, M, N, K, H, W, S, P, D, G, A, m, F = sympy.symbols(NAMES, positive=True, integer=True)


def derived(name: str, **arguments: Any) -> tuple[Graph, Any, Any, Any]:
    graph = all_kinds()[name].build((B, M, H, W), **arguments)
    return graph, graph.outputs[0].shape, params(graph).total, macs(graph)


def same(one: Any, two: Any) -> bool:
    return bool(sympy.expand(one - two) == 0)


def test_conv_is_dumoulins_relation_6_and_15() -> None:
    _, shape, held, work = derived("conv", out_channels=N, kernel_size=K, stride=S, padding=P, dilation=D)
    out = sympy.floor((H + 2 * P - D * (K - 1) - 1) / S) + 1
    assert same(shape[2], out)
    assert same(held, M * N * K**2 + N)
    assert same(work, B * out * (sympy.floor((W + 2 * P - D * (K - 1) - 1) / S) + 1) * M * N * K**2)


def test_conv_transpose_is_relation_14_and_works_once_per_input_position() -> None:
    _, shape, held, work = derived(
        "conv_transpose", out_channels=N, kernel_size=K, stride=S, padding=P, output_padding=A, dilation=D
    )
    assert same(shape[2], (H - 1) * S - 2 * P + D * (K - 1) + A + 1)
    assert same(held, M * N * K**2 + N)
    assert same(work, B * H * W * M * N * K**2)


def test_grouped_is_one_gth_of_dense() -> None:
    _, _, held, work = derived("grouped", out_channels=N, kernel_size=K, padding=P, groups=G, bias=False)
    _, _, dense, dense_work = derived("conv", out_channels=N, kernel_size=K, padding=P, bias=False)
    assert same(held * G, dense) and same(work * G, dense_work)


def test_pointwise_and_dilated_and_depthwise() -> None:
    assert same(derived("pointwise", out_channels=N, bias=False)[2], M * N)
    assert same(derived("pointwise", out_channels=N)[3], B * H * W * M * N)
    assert same(derived("dilated", out_channels=N, kernel_size=K, dilation=D, padding="same")[2], M * N * K**2 + N)
    assert same(derived("depthwise", kernel_size=K, multiplier=m, padding="same")[2], m * M * K**2 + m * M)
    assert same(derived("depthwise", kernel_size=K, multiplier=m, padding="same")[3], B * H * W * m * M * K**2)


def test_depthwise_separable_costs_one_over_n_plus_one_over_k_squared() -> None:
    # arXiv:1704.04861 section 3.1
    _, _, held, work = derived("depthwise_separable", out_channels=N, kernel_size=K, padding="same")
    _, _, _, dense = derived("conv", out_channels=N, kernel_size=K, padding="same", bias=False)
    assert same(held, M * K**2 + M * N)
    assert same(work, B * H * W * M * (K**2 + N))
    assert sympy.simplify(work / dense - (1 / N + 1 / K**2)) == 0
    biased = derived("depthwise_separable", out_channels=N, kernel_size=K, padding="same", multiplier=m, bias=True)
    assert same(biased[2], m * M * K**2 + m * M * N + m * M + N)


def test_what_is_assumed_is_stated() -> None:
    graph, *_ = derived("grouped", out_channels=N, kernel_size=3, padding=1, groups=G)
    stated = [str(one.holds) for one in graph.constraints]
    assert any("Eq(Mod(M, G), 0)" in one for one in stated)
    assert any("Eq(Mod(N, G), 0)" in one for one in stated)


def test_padding_same_is_torchs_and_tf_same_is_tensorflows() -> None:
    conv = all_kinds()["conv"]
    # torch: the odd one after; TensorFlow: ceil(5/2) = 3 outputs, which needs one more after
    same_pad = conv.build((1, 1, 5, 5), out_channels=1, kernel_size=4, padding="same").nodes[-1].op
    assert [(w.before, w.after) for w in same_pad.windows] == [(1, 2), (1, 2)]  # type: ignore[union-attr]
    tf = conv.build((1, 1, 6, 6), out_channels=1, kernel_size=3, stride=2, padding="tf_same")
    assert tf.outputs[0].shape == (1, 1, 3, 3)
    assert [(w.before, w.after) for w in tf.nodes[-1].op.windows] == [(0, 1), (0, 1)]  # type: ignore[union-attr]


@pytest.mark.parametrize("rate", [1, 2, 4])
def test_dilation_changes_no_count(rate: int) -> None:
    graph = all_kinds()["dilated"].build((1, 16, 64, 64), out_channels=16, dilation=rate, padding=rate, bias=False)
    assert (params(graph).total, macs(graph)) == (2304, 9437184)  # catalogue of dilated convolutions, torch 2.13.0
