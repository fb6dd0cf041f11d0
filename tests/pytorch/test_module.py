"""Graphs that run: names, training, moving, memory, refusals."""

from __future__ import annotations

import pytest
import torch

from convcalc.builder import Builder
from convcalc.errors import ShapeError
from convcalc.graph import Graph
from convcalc.kinds import all_kinds
from convcalc.pytorch.module import GraphModule
from convcalc.spec.assemble import assemble
from convcalc.spec.source import blocks


def stem() -> Graph:
    return assemble(blocks(["@resnet_stem"])[0]).graph


def test_parameters_carry_the_names_of_their_scopes() -> None:
    names = [name for name, _ in GraphModule(stem()).named_parameters()]
    assert names[:3] == ["0.conv.weight", "1.norm.weight", "1.norm.bias"]


def test_it_trains_moves_and_goes_through_state_dict() -> None:
    module = GraphModule(stem())
    x = torch.randn(1, 3, 224, 224)
    result = module(x)
    assert isinstance(result, torch.Tensor)
    result.sum().backward()
    assert all(parameter.grad is not None for parameter in module.parameters())
    twin = GraphModule(stem())
    twin.load_state_dict(module.state_dict())
    torch.testing.assert_close(twin.eval()(x), module.eval()(x))
    assert (
        GraphModule(stem(), device="meta", dtype=torch.bfloat16)(x.to("meta", torch.bfloat16)).dtype == torch.bfloat16
    )  # type: ignore[union-attr]
    assert module.double()(x.double()).dtype == torch.float64


def test_values_are_forgotten_after_their_last_reader() -> None:
    module = GraphModule(stem()).eval()
    seen: list[int] = []
    handle = next(module.children()).register_forward_hook(lambda m, args, out: seen.append(len(args[0])))
    with torch.no_grad():
        module(torch.randn(1, 3, 224, 224))
    handle.remove()
    assert seen and max(seen) <= 6


def test_several_inputs_and_outputs() -> None:
    b = Builder()
    x, y = b.input((1, 2, 4, 4), "high"), b.input((1, 2, 4, 4), "low")
    module = GraphModule(b.graph(b.add(x, y), b.multiply(x, y)))
    one, two = torch.randn(2, 1, 2, 4, 4)
    total, product = module(one, two)
    torch.testing.assert_close(total, one + two)
    torch.testing.assert_close(product, one * two)
    with pytest.raises(ShapeError, match="2 inputs, not 1"):
        module(one)


def test_only_plain_numbers_run() -> None:
    import sympy

    n = sympy.Symbol("n", positive=True, integer=True)
    with pytest.raises(ShapeError, match="plain numbers"):
        GraphModule(all_kinds()["conv"].build((1, n, 4, 4), out_channels=2, kernel_size=3))


def test_a_module_called_twice_runs_each_stretch_once() -> None:
    b = Builder()
    x = b.input((1, 2, 6, 6))
    with b.scope("a"):
        y = b.conv(x, 2, 3)
    with b.inside(("b",)):
        y = b.relu(y)
    with b.inside(("a",)):
        z = b.elementwise("sigmoid", y)
    module = GraphModule(b.graph(z)).eval()
    data = torch.randn(1, 2, 6, 6)
    want = torch.sigmoid(torch.relu(torch.conv2d(data, module.a.conv.weight)))
    torch.testing.assert_close(module(data), want)


@pytest.mark.skipif(torch.__version__ < "2.7", reason="no properties of tuples before")
@pytest.mark.parametrize(
    "spec", ["batch_norm", "instance_norm", "group_norm num_groups=2", "conv2d c=4 k=3 relu", "resnet_basic"]
)
def test_a_compiler_takes_it_whole(spec: str) -> None:
    """Without a break: what is compiled in parts is timed in parts."""
    graph = assemble(blocks(spec.split(), ["4x8x8"])[0]).graph
    module, x = GraphModule(graph).eval(), torch.randn(1, 4, 8, 8)
    torch._dynamo.reset()
    with torch.no_grad():
        compiled = torch.compile(module, dynamic=False, fullgraph=True, backend="eager")
        assert torch.equal(compiled(x), module(x))
