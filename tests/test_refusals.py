"""Law 3 and the counts on 1,000 drawn layers: torch on the CPU with real small tensors is the judge.

Meta tensors accept kernel 0, dilation 0 and negative padding, which the CPU refuses.
"""

from __future__ import annotations

import contextlib
import itertools
import warnings
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from convcalc.analyses.counts.macs import macs
from convcalc.analyses.counts.params import params
from convcalc.errors import ShapeError, SpecError
from convcalc.kinds import all_kinds
from convcalc.sizes import PerAxis
from tests.worlds import ran

odd = st.integers(0, 4)
few = st.integers(1, 4)


@st.composite
def layers(draw: st.DrawFn, transposed: bool) -> tuple[int, tuple[int, ...], dict[str, Any]]:
    """Any arguments a user may type, right or wrong."""
    rank = draw(st.sampled_from([1, 1, 2, 2, 3]))
    wild = draw(st.integers(0, 3)) == 0
    size = st.integers(0 if wild else 1, 3)

    def axes(values: st.SearchStrategy[int]) -> Any:
        return draw(values | st.tuples(*[values] * rank))

    groups = draw(st.sampled_from([1, 1, 2, 3]))
    arguments = {
        "in_channels": 6,
        "out_channels": draw(st.sampled_from([6, 12, 4] if wild else [6, 12])),
        "kernel_size": axes(odd if wild else few),
        "stride": axes(size),
        "padding": axes(st.integers(-1 if wild else 0, 2)),
        "dilation": axes(size),
        "groups": groups,
        "bias": draw(st.booleans()),
    }
    if transposed:
        arguments["output_padding"] = axes(st.integers(-1 if wild else 0, 2))
    elif draw(st.integers(0, 4)) == 0:
        arguments["padding"] = draw(st.sampled_from(["same", "valid"]))
    channels = 6 if not wild else draw(st.sampled_from([6, 6, 3]))
    spatial = tuple(draw(st.integers(1, 10)) for _ in range(rank))
    return rank, (draw(st.integers(1, 2)), channels, *spatial), arguments


def ours(name: str, shape: tuple[int, ...], arguments: dict[str, Any]) -> tuple[Any, ...] | None:
    told = {key: PerAxis(value) if isinstance(value, tuple) else value for key, value in arguments.items()}
    try:
        graph = all_kinds()[name].build(shape, **told)
    except (ShapeError, SpecError):
        return None
    return graph.outputs[0].shape, macs(graph), params(graph).total


def zeros(arguments: dict[str, Any]) -> bool:
    """Whether a kernel, stride or dilation is 0: torch's CPU lets some through, by backend; we never do."""
    given = [arguments.get(key) for key in ("kernel_size", "stride", "dilation")]
    return any(0 in value if isinstance(value, tuple) else value == 0 for value in given)


def torchs(name: str, shape: tuple[int, ...], arguments: dict[str, Any]) -> tuple[Any, ...] | None:
    """Shape, MACs and parameters by torch, or None where torch refuses (an output of no positions is a refusal)."""
    if zeros(arguments):
        return None
    kind = all_kinds()[name]
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            module = getattr(nn, kind.torch_class(len(shape) - 2))(**arguments)
            made = tuple(module.eval()(torch.zeros(shape)).shape)
    except (RuntimeError, ValueError, ZeroDivisionError, TypeError):
        return None
    if 0 in made:
        return None
    seen, work = ran(module, [shape])
    return seen, work, sum(parameter.numel() for parameter in module.parameters())


@given(layers(transposed=False))
@settings(max_examples=600)
def test_convolutions(drawn: tuple[int, tuple[int, ...], dict[str, Any]]) -> None:
    _, shape, arguments = drawn
    assert ours("conv", shape, arguments) == torchs("conv", shape, arguments)


@given(layers(transposed=True))
@settings(max_examples=600)
def test_transposed_convolutions(drawn: tuple[int, tuple[int, ...], dict[str, Any]]) -> None:
    _, shape, arguments = drawn
    assert ours("conv_transpose", shape, arguments) == torchs("conv_transpose", shape, arguments)


POOLS = st.fixed_dictionaries(
    {"kernel_size": odd, "stride": odd, "padding": st.integers(-1, 3), "ceil_mode": st.booleans()}
)


@pytest.mark.parametrize("name", ["max_pool", "avg_pool"])
@given(arguments=POOLS, dilation=st.integers(0, 2), sizes=st.lists(st.integers(1, 9), min_size=1, max_size=3))
@settings(max_examples=150)
def test_pools(name: str, arguments: dict[str, Any], dilation: int, sizes: list[int]) -> None:
    told = {**arguments, "dilation": dilation} if name == "max_pool" else arguments
    shape = (1, 2, *sizes)
    assert ours(name, shape, told) == torchs(name, shape, told)


MODES = ["nearest", "nearest-exact", "linear", "bilinear", "trilinear", "bicubic"]


@pytest.mark.parametrize(("mode", "rank"), list(itertools.product(MODES, (1, 2, 3))))
@given(data=st.data())
@settings(max_examples=12)
def test_upsampling(mode: str, rank: int, data: st.DataObject) -> None:
    arguments: dict[str, Any] = {"mode": mode}
    if data.draw(st.booleans()):
        arguments["size"] = data.draw(st.integers(0, 9))
    else:
        arguments["scale_factor"] = data.draw(st.sampled_from([0.5, 1.5, 2, 2.5, 0.1]))
    if data.draw(st.booleans()):
        arguments["align_corners"] = data.draw(st.booleans())
    shape = (1, 2, *(data.draw(st.integers(1, 7)) for _ in range(rank)))
    assert ours("upsample", shape, arguments) == torchs("upsample", shape, arguments)


@pytest.mark.parametrize("name", ["zero_pad", "reflection_pad", "replication_pad", "circular_pad"])
@given(data=st.data())
@settings(max_examples=40)
def test_padding_layers(name: str, data: st.DataObject) -> None:
    rank = data.draw(st.integers(1, 3))
    shape = (1, 2, *(data.draw(st.integers(1, 5)) for _ in range(rank)))
    least = -3 if name == "zero_pad" else 0
    padding = tuple(data.draw(st.integers(least, 5)) for _ in range(2 * rank))
    graph = None
    with contextlib.suppress(ShapeError):
        graph = all_kinds()[name].build(shape, padding=padding)
    want = torchs(name, shape, {"padding": padding})
    assert (None if graph is None else (graph.outputs[0].shape, 0, 0)) == want


@pytest.mark.parametrize(
    ("name", "arguments", "shape"),
    [
        ("group_norm", {"num_groups": 3}, (1, 4, 5, 5)),
        ("group_norm", {"num_groups": 0}, (1, 4, 5, 5)),
        ("layer_norm", {"normalized_shape": (6,)}, (1, 4, 5, 5)),
        ("pixel_shuffle", {"upscale_factor": 3}, (1, 4, 5, 5)),
        ("channel_shuffle", {"groups": 3}, (1, 4, 5, 5)),
        ("prelu", {"num_parameters": 3}, (1, 4, 5, 5)),
        ("softmax", {"dim": 4}, (1, 4, 5, 5)),
        ("flatten", {"start_dim": 3, "end_dim": 1}, (1, 4, 5, 5)),
        ("linear", {"in_features": 7, "out_features": 2}, (1, 4, 5, 5)),
        ("batch_norm", {"num_features": 5}, (1, 4, 5, 5)),
        ("unfold", {"kernel_size": 6}, (1, 4, 5, 5)),
        ("dropout", {"p": 1.5}, (1, 4, 5, 5)),
        ("reflection_pad", {"padding": 5}, (1, 4, 5, 5)),
        ("adaptive_avg_pool", {"output_size": PerAxis((2, 2, 2))}, (1, 4, 5, 5)),
    ],
)
def test_what_torch_refuses_we_refuse(name: str, arguments: dict[str, Any], shape: tuple[int, ...]) -> None:
    with pytest.raises((ShapeError, SpecError)):
        all_kinds()[name].build(shape, **arguments)
