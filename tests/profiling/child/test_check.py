"""Is a wrong kernel found, and a right one not accused?"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from convcalc import ops
from convcalc.profiling.child import check as checking
from convcalc.profiling.child.check import by_hand, check
from convcalc.profiling.child.prepare import Prepared, outputs, prepare
from convcalc.profiling.plan import PASSES, Setup
from tests.profiling.samples import graph


def checked(spec: str, size: str, **setup: Any) -> checking.Check:
    asked = Setup(**setup)
    found = graph(spec, size)
    torch.manual_seed(0)
    made = prepare(found, asked)
    with torch.no_grad() if asked.direction == "forward" else torch.enable_grad():
        return check(made, found, asked)


@pytest.mark.parametrize("dtype", ["fp32", "bf16", "fp16"])
@pytest.mark.parametrize("direction", PASSES)
@pytest.mark.parametrize(
    "spec", ["conv2d c=8 k=3 p=1", "depthwise k=5 conv2d c=4 k=1 relu", "conv_transpose c=4 k=4 s=2"]
)
def test_right_kernels_agree(spec: str, direction: str, dtype: str) -> None:
    found = checked(spec, "2x8x12x12", direction=direction, dtype=dtype)
    assert found.verdict == "agrees" and found.error is not None and found.allowed is not None
    assert found.error < found.allowed


@pytest.mark.parametrize(
    "spec",
    ["batch_norm relu", "group_norm num_groups=2", "involution group_channels=4", "gcn c=4 edges=30", "octave c=8"],
)
def test_other_kinds_agree(spec: str) -> None:
    size = {"gcn": "10x7"}.get(spec.partition(" ")[0], "8x8x8")
    assert checked(spec, size).verdict == "agrees"


@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
@pytest.mark.parametrize("direction", PASSES)
@pytest.mark.parametrize(
    "spec", ["resnet_basic c=8", "conv2d c=8 k=3 max_pool k=2", "inverted_residual c=8 expansion=2"]
)
def test_rounding_that_turns_a_relu_over_is_no_wrong_kernel(spec: str, direction: str, dtype: str) -> None:
    assert checked(spec, "2x8x16x16", direction=direction, dtype=dtype).verdict == "agrees"


def test_places_that_are_rounded_have_no_reference() -> None:
    assert checked("deformable c=4 k=3 p=1", "4x8x8", dtype="fp16").verdict == "unchecked"
    assert checked("deformable c=4 k=3 p=1", "4x8x8").verdict == "agrees"


def test_a_bias_left_out_and_a_gradient_left_out_are_found() -> None:
    found = graph("conv2d c=8 k=3 p=1", "4x9x9")
    made = prepare(found, Setup())
    weight = next(one for one in made.module.parameters() if one.dim() == 4)
    made.call = lambda: torch.nn.functional.conv2d(made.inputs[0], weight, None, padding=1)
    with torch.no_grad():
        assert check(made, found, Setup()).verdict == "differs"
    back = prepare(found, Setup(direction="both"))
    back.call = lambda: (None, None, None)
    assert check(back, found, Setup(direction="both")).verdict == "differs"


def spoilt(made: Prepared, spoil: Any) -> Prepared:
    call = made.call
    made.call = lambda: spoil(outputs(call())[0].clone())
    return made


def one_wrong(y: Tensor) -> Tensor:
    y.view(-1)[7] += 0.01
    return y


@pytest.mark.parametrize("spoil", [one_wrong, lambda y: y * 1.001, lambda y: y * float("nan"), lambda y: y.flip(-1)])
def test_a_wrong_kernel_is_found(spoil: Any) -> None:
    found = graph("conv2d c=8 k=3 p=1", "4x9x9")
    made = spoilt(prepare(found, Setup()), spoil)
    with torch.no_grad():
        assert check(made, found, Setup()).verdict == "differs"


def test_a_large_convolution_is_checked_at_some_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "WHOLE_MACS", 100)
    found = checked("conv2d c=8 k=3 p=1 d=2 g=2", "4x17x19", layout="channels_last")
    assert found.verdict == "agrees" and found.against.startswith("64 outputs by hand in float64")
    assert checked("conv2d c=8 k=3 p=1", "4x17x19", layout="prepacked").verdict == "agrees"
    graph_ = graph("conv2d c=8 k=3 p=1", "4x9x9")
    with torch.no_grad():
        assert check(spoilt(prepare(graph_, Setup()), lambda y: y * 1.01), graph_, Setup()).verdict == "differs"
    assert checked("conv2d c=8 k=3 relu", "4x9x9").verdict == "unchecked"
    assert checked("conv2d c=8 k=3", "4x9x9", direction="both").verdict == "unchecked"


@given(
    st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.integers(1, 2), st.integers(0, 2), st.integers(1, 2),
    st.booleans(),
)  # fmt: skip
def test_taps_by_hand_are_torchs(
    rank: int, kernel: int, stride: int, dilation: int, padding: int, groups: int, transposed: bool
) -> None:
    name = "ConvTranspose" if transposed else "Conv"
    told = f"stride={stride}, padding={padding}, groups={groups}, bias=False, dilation={dilation}"
    text = f"{name}{rank}d(4, 6, {kernel}, {told})"
    from convcalc.spec.assemble import assemble
    from convcalc.spec.source import blocks

    try:
        found = assemble(blocks([text], ["2x4" + "x7" * rank])[0]).graph
    except Exception:
        return  # an output of no size
    made = prepare(found, Setup())
    y = made.module(*made.inputs).detach()
    node = next(node for node in found.nodes if isinstance(node.op, (ops.Conv, ops.ConvTranspose)))
    everywhere = torch.cartesian_prod(*(torch.arange(size) for size in (y.shape[0], *y.shape[2:]))).reshape(
        -1, rank + 1
    )
    places = list(everywhere.T)
    (weight,) = made.module.parameters()
    got = by_hand(node, made.inputs[0], weight.detach(), places)
    assert torch.allclose(got, y.movedim(1, -1)[tuple(places)].double(), atol=1e-5)


def test_double_precision_is_computed_where_it_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [checking.home(Setup(device=name)).type for name in ("cpu", "cuda", "mps")] == ["cpu", "cuda", "cpu"]
    assert checked("conv2d c=4 k=3 relu", "3x8x8").verdict == "agrees"
    monkeypatch.setattr(checking, "free_bytes", lambda device: 100)
    assert checked("conv2d c=4 k=3 relu", "3x8x8").verdict == "unchecked"
