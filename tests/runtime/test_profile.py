"""Running a spec's layers: rows, memory, refusals, directions; timings themselves are tested with a fake clock."""

from __future__ import annotations

import pytest
import torch

from convcalc.analyses.memory import memory
from convcalc.cli.read.source import blocks
from convcalc.cli.read.stack import assemble
from convcalc.errors import ShapeError, UnavailableError
from convcalc.graph import Graph
from convcalc.runtime import machine, profile
from convcalc.runtime.measure import Task
from convcalc.runtime.module import GraphModule

QUICK = Task(warmup_s=0, warmup_calls=1, block_s=0, samples=2, min_s=0, max_s=0.001)


def small() -> Graph:
    return assemble(
        blocks(
            ["conv2d", "c=4", "k=3", "p=1", "relu", "as=a", "conv2d", "c=4", "k=1", "add", "from=a,last"], ["3x8x8"]
        )[0]
    ).graph


def setup(**more: object) -> profile.Setup:
    return profile.Setup(device=torch.device("cpu"), **more)  # type: ignore[arg-type]


def test_each_row_is_a_graph_of_its_own_with_the_macs_of_its_layer() -> None:
    parts = profile.tasks(small())
    assert [row.name for row, _ in parts] == ["0", "1", "2", "3"]
    assert [len(own.inputs) for _, own in parts] == [1, 1, 1, 2]
    timed = [profile.run(own, row.name, row.scope.text, 1, setup(), QUICK) for row, own in parts]
    assert [one.macs for one in timed] == [64 * 3 * 4 * 9, 0, 64 * 16, 0]
    assert all(one.measured.median > 0 for one in timed)
    assert timed[0].flops_per_s == pytest.approx(2 * 64 * 108 / timed[0].measured.median)
    assert timed[1].flops_per_s is None


@pytest.mark.parametrize("direction", ["forward", "backward", "both"])
@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
@pytest.mark.parametrize("channels_last", [False, True])
def test_every_direction_number_and_layout_runs(direction: str, dtype: str, channels_last: bool) -> None:
    before = torch.get_num_threads()
    asked = setup(direction=direction, dtype=profile.DTYPES[dtype], channels_last=channels_last, threads=1)
    one = profile.run(small(), "x", "x", 1, asked, QUICK)
    assert one.measured.samples >= 2
    assert torch.get_num_threads() == before
    assert one.flops_per_s == pytest.approx(2 * profile.PASSES[direction] * one.macs / one.measured.median)


def test_the_backward_has_two_contractions_for_one() -> None:
    """Twice the forward's MACs, by torch's own counter, where its grouped formula is not at fault."""
    from torch.utils.flop_counter import FlopCounterMode

    graph = small()
    x = profile._input(graph.inputs[0], setup()).requires_grad_()
    module = GraphModule(graph)
    counter = FlopCounterMode(display=False)
    with counter:
        made = module(x)
        assert isinstance(made, torch.Tensor)
        made.sum().backward()
    assert counter.get_total_flops() // 2 == profile.PASSES["both"] * profile.macs(graph)


def test_channels_last_is_how_tensors_lie() -> None:
    value = small().inputs[0]
    made = profile._input(value, setup(channels_last=True))
    assert made.is_contiguous(memory_format=torch.channels_last)


def test_what_does_not_fit_is_refused_before_anything_is_allocated(monkeypatch: pytest.MonkeyPatch) -> None:
    huge = assemble(blocks(["conv2d c=64 k=3"], ["4096x3x4000x4000"])[0]).graph
    with pytest.raises(ShapeError, match=r"this run needs about .* TiB but cpu has .* free"):
        profile.check_memory(huge, setup())
    monkeypatch.setattr(profile, "free_bytes", lambda device: None)
    assert profile.check_memory(huge, setup()) > 2**40


def test_running_out_of_memory_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> object:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")

    monkeypatch.setattr(profile, "prepared", fails)
    with pytest.raises(ShapeError, match="x does not fit into memory"):
        profile.run(small(), "x", "", 1, setup(), QUICK)


def test_memory_is_parameters_and_what_is_alive_at_once() -> None:
    graph = assemble(blocks(["conv2d", "c=4", "k=1", "bias=false", "relu"], ["2x4x4"])[0]).graph
    found = memory(graph, 4)
    assert found.held == 4 * 8
    assert found.peak == 4 * (64 + 64)  # conv's output beside relu's; the input is gone by then
    assert found.everything == 4 * (32 + 64 + 64)
    assert found.workspace == 4 * 2 * 16
    assert found.needed(backward=False) == found.held + found.peak + found.workspace
    assert found.needed(backward=True) == 2 * (found.held + found.everything) + found.workspace


def test_the_device_is_chosen_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert machine.pick_device("auto").type == "cpu"
    with pytest.raises(UnavailableError, match="there is no CUDA device here"):
        machine.pick_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert machine.pick_device("auto").type == "cuda"


def test_a_cuda_run_waits_for_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[object] = []
    monkeypatch.setattr(torch.cuda, "synchronize", waited.append)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "a GPU")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (5, 9))
    device = torch.device("cuda")
    profile.synchroniser(device)()
    assert waited == [device]
    assert machine.describe(device) == "a GPU" and machine.free_bytes(device) == 5
    profile.synchroniser(torch.device("cpu"))()


def test_this_machine_is_described() -> None:
    cpu = torch.device("cpu")
    assert machine.describe(cpu)
    assert machine.default_threads() >= 1
    free = machine.free_bytes(cpu)
    assert free is None or free > 0


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_times_the_same_graph() -> None:
    asked = profile.Setup(device=torch.device("cuda"))
    assert profile.run(small(), "x", "x", 1, asked, QUICK).measured.median > 0
