"""From graphs to calls: every pass, number and layout runs; all give what the module gives."""

from __future__ import annotations

import pytest
import torch

from convcalc.analyses.counts.macs import macs
from convcalc.analyses.counts.segments import segments, standalone
from convcalc.errors import ShapeError, UnsupportedError
from convcalc.graph import Graph
from convcalc.profiling.child import devices, prepare
from convcalc.profiling.child.calls import CallList
from convcalc.profiling.plan import PASSES, Setup
from convcalc.profiling.run import computes
from convcalc.pytorch.module import GraphModule
from tests.profiling.samples import graph

ADDED = "conv2d c=4 k=3 p=1 relu as=a conv2d c=4 k=1 add from=a,last"


def small() -> Graph:
    return graph(ADDED, "3x8x8")


def test_each_row_is_a_graph_of_its_own_with_the_macs_of_its_layer() -> None:
    parts = [(row, standalone(row)) for row in segments(small())]
    assert [row.name for row, _ in parts] == ["0", "1", "2", "3"]
    assert [len(own.inputs) for _, own in parts] == [1, 1, 1, 2]
    assert [macs(own) for _, own in parts] == [64 * 3 * 4 * 9, 0, 64 * 16, 0]
    assert all(computes(own) for _, own in parts)


@pytest.mark.parametrize("direction", PASSES)
@pytest.mark.parametrize("dtype", devices.DTYPES)
@pytest.mark.parametrize("layout", ["nchw", "channels_last"])
def test_every_pass_number_and_layout_runs(direction: str, dtype: str, layout: str) -> None:
    made = prepare.prepare(small(), Setup(direction=direction, dtype=dtype, layout=layout))
    found = prepare.outputs(made.call())
    assert all(one is None or torch.isfinite(one.float()).all() for one in found)
    if direction == "forward":
        assert found[0].dtype is devices.DTYPES[dtype]
    else:
        assert len(found) == 1 + 4  # the input, two weights, two biases


def test_the_backward_has_two_contractions_for_one() -> None:
    """Twice the forward's MACs, by torch's own counter, where its grouped formula is not at fault."""
    from torch.utils.flop_counter import FlopCounterMode

    made = prepare.prepare(small(), Setup(direction="both"))
    counter = FlopCounterMode(display=False)
    with counter:
        made.call()
    assert counter.get_total_flops() // 2 == PASSES["both"] * macs(small())


@pytest.mark.parametrize(
    ("spec", "size"),
    [
        (ADDED, "3x8x8"), ("conv1d c=4 k=3 padding=same", "3x9"), ("conv2d c=4 k=2 padding=same", "3x9x9"),
        ("conv_transpose c=4 k=3 s=2 p=1", "4x7x7"), ("conv_transpose c=4 k=3 s=2 p=1+0", "4x7x7"),
        ("octave c=8", "8x8x8"),
        ("gcn c=5 edges=20", "10x7"), ("batch_norm relu6 max_pool k=2", "4x8x8"),
    ],
)  # fmt: skip
def test_a_straight_call_gives_what_the_module_gives(spec: str, size: str) -> None:
    found = graph(spec, size)
    module = GraphModule(found).eval()
    inputs = [torch.randn(value.shape) for value in found.inputs]
    with torch.no_grad():
        ours, wanted = prepare.outputs(CallList(module)(*inputs)), prepare.outputs(module(*inputs))
    assert all(torch.equal(one, other) for one, other in zip(ours, wanted, strict=True))


def test_channels_last_is_how_tensors_lie() -> None:
    made = prepare.prepare(small(), Setup(layout="channels_last"))
    assert made.inputs[0].is_contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        assert made.call().is_contiguous(memory_format=torch.channels_last)
    assert prepare.prepare(graph("conv1d c=4 k=3", "3x9"), Setup(layout="channels_last")).call().shape == (1, 4, 7)


PACKED = [
    ("conv2d c=8 k=3 p=1", "4x9x11"), ("conv2d c=8 k=3 s=2 p=2 d=2 g=4", "8x9x11"), ("depthwise k=3 p=1", "16x9x9"),
    ("pointwise c=8 bias=false", "16x5x5"), ("conv3d c=8 k=3 p=1", "4x5x6x7"), ("conv3d c=8 k=3 s=2 g=2", "4x5x6x7"),
    (ADDED, "2x3x8x8"),
]  # fmt: skip


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="packing is oneDNN's")
@pytest.mark.parametrize(("spec", "size"), PACKED)
def test_packed_weights_give_the_same(spec: str, size: str) -> None:
    made = prepare.prepare(graph(spec, size), Setup(layout="prepacked"))
    with torch.inference_mode():
        assert torch.allclose(made.call(), made.module(*made.inputs), atol=1e-5)


def test_what_cannot_be_packed_says_so() -> None:
    for spec, setup, reason in (
        ("relu", Setup(layout="prepacked"), "no convolution whose weights can be packed"),
        ("conv_transpose c=4 k=3", Setup(layout="prepacked"), "no convolution whose weights can be packed"),
        ("conv2d c=4 k=3", Setup(layout="prepacked", direction="both"), "gradients and compilers take plain ones"),
        ("conv2d c=4 k=3", Setup(mode="search"), "nothing to search on the CPU"),
        ("conv2d c=4 k=3", Setup(layout="prepacked", mode="compile"), "compilers take plain ones"),
    ):
        with pytest.raises(UnsupportedError, match=reason):
            prepare.prepare(graph(spec, "4x8x8"), setup)


@pytest.mark.parametrize("layout", ["nchw", "channels_last"])
def test_cold_copies_are_the_weights_somewhere_else(layout: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare, "cache_bytes", lambda: 2**16)
    made = prepare.prepare(graph("conv2d c=16 k=3 p=1 conv2d c=8 k=3", "8x9x9"), Setup(layout=layout))
    call, why = prepare.cold(made, Setup(layout=layout))
    assert call is not None and not why
    with torch.inference_mode():
        wanted = made.module(*made.inputs)
        seen = []
        for _ in range(12):
            assert torch.allclose(call(), wanted, atol=1e-6)
            seen += [one.data_ptr() for one in made.calls.tensors if one is not None]
            assert all(one.stride() == other.stride() for one, other in _weights(made))
    each = (16 * 8 * 9 + 16 + 8 * 16 * 9 + 8) * 4
    assert len(set(seen)) == 4 * min(12, -(-3 * 2**16 // each)) and all(place % 64 == 0 for place in seen)


def _weights(made: prepare.Prepared) -> list[tuple[torch.Tensor, torch.Tensor]]:
    own = list(made.module.stored_tensors().values())
    return list(zip([one for one in made.calls.tensors if one is not None], own, strict=True))


def test_what_has_no_cold_variant_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    made = prepare.prepare(graph("relu", "3x8x8"), Setup())
    assert prepare.cold(made, Setup()) == (None, "it has no weights")
    tiny = prepare.prepare(graph("depthwise k=1 bias=false", "3x8x8"), Setup())
    assert prepare.cold(tiny, Setup())[1] == "64 B of weights are soon read again"
    assert "eager forward" in prepare.cold(tiny, Setup(direction="both"))[1]
    conv = prepare.prepare(graph("conv2d c=64 k=3", "64x8x8"), Setup())
    monkeypatch.setattr(prepare, "free_bytes", lambda device: 1000)
    assert "no memory" in prepare.cold(conv, Setup())[1]


def test_what_does_not_fit_is_refused_before_anything_is_allocated(monkeypatch: pytest.MonkeyPatch) -> None:
    huge = graph("conv2d c=64 k=3", "4096x3x4000x4000")
    with pytest.raises(ShapeError, match=r"this run needs about .* TiB but cpu has .* free"):
        prepare.check_memory(huge, Setup())
    monkeypatch.setattr(prepare, "free_bytes", lambda device: None)
    prepare.check_memory(huge, Setup())


def test_subnormals_are_counted_by_their_bits() -> None:
    torch.set_flush_denormal(False)
    made = prepare.prepare(graph("relu", "1x4x4"), Setup())
    made.inputs[0].fill_(1.0)
    assert prepare.subnormals(made) == 0
    made.inputs[0].view(-1)[:3] = torch.tensor([1e-40, -1e-40, 0.0])
    assert prepare.subnormals(made) == 2 + 1  # two in the input, one passes the ReLU
    brain = prepare.prepare(graph("identity", "1x4x4"), Setup(dtype="bf16"))
    brain.inputs[0].fill_(1e-39)
    assert prepare.subnormals(brain) == 32
    half = prepare.prepare(graph("identity", "1x4x4"), Setup(dtype="fp16"))
    assert prepare.subnormals(half) == 0  # small numbers are so by nature there


def test_the_device_is_chosen_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from convcalc.errors import UnavailableError

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert devices.pick_device("auto").type == "cpu"
    with pytest.raises(UnavailableError, match="there is no CUDA device here"):
        devices.pick_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert devices.pick_device("auto").type == "cuda"


def test_a_cuda_run_waits_for_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[object] = []
    monkeypatch.setattr(torch.cuda, "synchronize", waited.append)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "a GPU")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (5, 9))
    device = torch.device("cuda")
    devices.synchronise(device)
    assert waited == [device]
    assert devices.describe(device) == "a GPU" and devices.free_bytes(device) == 5
    devices.synchronise(torch.device("cpu"))


def test_this_machine_is_described() -> None:
    cpu = torch.device("cpu")
    assert devices.describe(cpu) and devices.versions(cpu)["torch"]
    free = devices.free_bytes(cpu)
    assert free is None or free > 0


@pytest.mark.parametrize("spec", ["conv2d c=4 k=3 relu", "batch_norm", "group_norm num_groups=2", "resnet_basic c=4"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_calls_in_a_row_are_compiled_whole(spec: str) -> None:
    """Without a break: what is compiled in parts is timed in parts. Holds from torch 2.6 on."""
    calls = CallList(GraphModule(graph(spec, "4x8x8")).eval())
    x = torch.randn(2, 4, 8, 8)
    try:
        with torch.no_grad():
            compiled = torch.compile(calls, dynamic=False, fullgraph=True, backend="eager")
            assert torch.equal(compiled(x), calls(x))
    finally:
        torch._dynamo.reset()
