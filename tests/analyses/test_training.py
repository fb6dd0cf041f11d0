"""The work and the memory of training: against torch's counter where it is right, by hand where it is not."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from convcalc.analyses.counts.memory import memory
from convcalc.analyses.counts.training import gradient_macs, needs_gradient, saved_tensors, training
from convcalc.builder import Builder
from convcalc.cli.app import run
from convcalc.graph import Graph
from convcalc.ops import Parameter
from convcalc.pytorch.module import GraphModule
from convcalc.spec.assemble import assemble
from convcalc.spec.source import blocks


def stack(spec: str, size: str) -> Graph:
    return assemble(blocks(spec.split(), (size,))[0]).graph


def counted(graph: Graph) -> int:
    """Multiply-adds of the backward alone by torch's counter; the input asks for no gradient."""
    module = GraphModule(graph).train()
    result = module(*(torch.randn(value.shape) for value in graph.inputs))
    counter = FlopCounterMode(display=False)
    with counter:
        result.sum().backward()
    return counter.get_total_flops() // 2


def ours(graph: Graph) -> int:
    needs = needs_gradient(graph)
    return sum(one.data + one.weights for one in (gradient_macs(node, needs) for node in graph.nodes))


@pytest.mark.parametrize(
    ("spec", "size"),
    [
        ("conv2d c=8 k=3 s=2 p=1 relu conv2d c=8 k=3 d=2 conv2d c=4 k=1", "2x3x17x16"),
        ("conv1d c=8 k=3 conv1d c=8 k=3", "3x20"),
        ("conv2d c=8 k=3 conv_transpose2d c=4 k=4 s=2 p=1 conv2d c=4 k=3", "3x9x9"),
        ("conv2d c=8 k=3 adaptive_avg_pool output_size=1 flatten linear out_features=10", "3x9x9"),
        ("identity as=x conv c=3 k=3 p=1 add from=x,last conv2d c=4 k=3", "3x9x9"),
        ("resnet_bottleneck c=16 s=2", "8x12x12"),
    ],
)
def test_gradients_cost_what_torch_counts(spec: str, size: str) -> None:
    graph = stack(spec, size)
    assert ours(graph) == counted(graph)


def test_groups_cost_the_same_as_forward_where_torch_overcounts() -> None:
    """Each weight's gradient sums one product per position walked, as the forward does: pytorch#183405."""
    graph = stack("conv2d c=8 k=3 p=1 conv2d c=8 k=3 p=1 g=8", "3x10x10")
    first, second = 8 * 3 * 9 * 100, 8 * 9 * 100
    assert ours(graph) == first + 2 * second
    assert counted(graph) > ours(graph)


def test_frozen_weights_and_what_lies_before_them_cost_nothing() -> None:
    b = Builder()
    x = b.input((1, 3, 8, 8))
    frozen = b.write(Parameter(shape=(4, 3, 3, 3), name="weight", role="weight", trained=False))
    y = b.convolve(x, frozen, walks=stack("conv2d c=4 k=3", "3x8x8").nodes[-1].op.windows)  # type: ignore[union-attr]
    z = b.conv(b.relu(y), 5, 3)
    graph = b.graph(z)
    needs = needs_gradient(graph)
    conv = graph.nodes[y.index]
    assert gradient_macs(conv, needs) == (0, 0) and saved_tensors(conv, needs, 4).values == ()
    assert gradient_macs(graph.nodes[z.index], needs) == (0, 5 * 4 * 9 * 16)


def test_a_chain_by_hand() -> None:
    # 1x1 on 2x4x4 to 4 channels, relu: the convolution keeps its input, the relu its output; nothing else
    graph = stack("conv2d c=4 k=1 bias=false relu", "2x4x4")
    found = training(graph, 4)
    assert found.saved == 4 * (32 + 64) and found.gradients == 4 * 8
    # at most alive in backward: input, relu's output, its gradient, and the gradient of what went in
    assert found.peak == 4 * (8 + 8) + 4 * (32 + 64 + 64 + 64)


def saved(graph: Graph) -> int:
    """Bytes of the distinct tensors that autograd keeps, but parameters and buffers."""
    module = GraphModule(graph).train()
    fixed = {tensor.untyped_storage().data_ptr() for tensor in (*module.parameters(), *module.buffers())}
    found: dict[int, int] = {}
    alive = []

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        alive.append(tensor)
        if tensor.untyped_storage().data_ptr() not in fixed:
            found[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        module(*(torch.randn(value.shape) for value in graph.inputs))
    return sum(found.values())


def test_dropout_makes_a_tensor_of_its_own_in_training_only() -> None:
    graph = stack("conv2d c=8 k=3 p=1 relu dropout conv2d c=8 k=3 p=1", "3x32x32")
    mask = 8 * 1024
    assert training(graph, 4).saved == saved(graph) - 3 * mask  # the CPU keeps 4 bytes of mask, a GPU one
    assert memory(graph, 4).everything == 4 * (3 + 8 + 8 + 8) * 1024


def test_what_reaches_no_output_is_not_trained() -> None:
    alone = stack("identity as=x conv c=64 k=3 p=1 relu conv c=64 k=3 p=1 relu as=y max_pool k=8", "3x32x32")
    spare = "identity as=x conv c=64 k=3 p=1 relu conv c=64 k=3 p=1 relu as=y conv c=64 k=1 from=y max_pool k=8 from=y"
    with_spare = stack(spare, "3x32x32")
    held = 4 * (64 * 64 + 64)
    assert training(with_spare, 4).saved == training(alone, 4).saved
    assert training(with_spare, 4).peak >= training(alone, 4).peak + held
    assert ours(with_spare) == ours(alone) == counted(alone)


def test_copies_of_a_row_hold_their_parameters(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["memory", "conv2d", "c=3", "k=3", "p=1", "times=3", "-i", "3x32x32", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["inference"]["parameters_and_buffers"] == found["training"]["gradients"] == 3 * 4 * 84
    assert found["training"]["macs_weight_grad"] == 3 * 81 * 1024


def test_a_view_takes_no_memory_and_a_slice_keeps_its_base() -> None:
    b = Builder()
    x = b.input((1, 4, 8, 8))
    half = b.slice(b.relu(x), 1, 0, 2)
    graph = b.graph(b.flatten(half, 1))
    assert memory(graph, 4).everything == 4 * 2 * 256
    assert memory(graph, 4).peak == 4 * 2 * 256


def test_the_command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")

    def asked(*argv: str) -> Any:
        assert run([*argv, "--format", "json"]) == 0
        return json.loads(capsys.readouterr().out)

    words = ["conv2d", "c=4", "k=1", "bias=false", "relu", "-i", "2x4x4"]
    found = asked("memory", *words)
    assert found["dtype"] == "fp32"
    assert found["inference"]["parameters_and_buffers"] == 32 and found["inference"]["peak_activations"] == 512
    assert found["training"]["kept"] == 384 and found["training"]["kept_inputs"] == 128
    assert found["training"]["macs_weight_grad"] == 8 * 16 and found["training"]["macs_input_grad"] == 0
    conv, relu = found["layers"]
    assert (conv["param_bytes"], conv["activation_bytes"], relu["kept_bytes"]) == (32, 256, 256)
    assert asked("memory", *words, "--dtype", "fp16")["training"]["kept"] == 192
    assert run(["memory", *words]) == 0
    text = capsys.readouterr().out
    assert "training: 960 B at its peak: parameters and buffers, their gradients 32 B, 384 B kept for backward" in text
    assert run(["memory", *words, "--dtype", "int8"]) == 0
    assert "training" not in capsys.readouterr().out
    assert "training" not in asked("memory", *words, "--dtype", "int8")
    work = asked("macs", "--backward", *words)
    assert (work["macs"], work["macs_input_grad"], work["macs_weight_grad"]) == (128, 0, 128)


def test_columns_and_offsets_of_deformable_layers_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["memory", "deformable", "c=8", "k=3", "p=1", "-i", "4x16x16", "--format", "json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["layers"]
    offsets, columns, out = 18 * 256, 4 * 9 * 256, 8 * 256
    assert row["activation_bytes"] == 4 * (offsets + columns + 2 * out)  # the bias makes a tensor of its own
    assert row["kept_bytes"] == 4 * (offsets + columns)  # the places read are as large as the offsets
