"""Equations, traps and topics: every kind has its equation, every name finds its topic, and equations are what runs."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from convcalc.cli.app import run
from convcalc.kinds import all_kinds
from convcalc.literature import literature, topic, topics
from convcalc.pytorch.module import GraphModule


@pytest.mark.parametrize("name", sorted(all_kinds()))
def test_every_kind_has_its_defining_equation(name: str) -> None:
    written = literature(name)
    assert written.equations and all(line.isascii() and len(line) < 300 for line in written.equations)
    assert any("=" in line for line in written.equations)
    for trap in written.traps:
        assert trap.people_say and trap.it_is and trap.people_say != trap.it_is


def test_equations_and_traps_are_of_kinds_that_are_there() -> None:
    from convcalc.literature import _table

    assert set(_table("equations.toml")) == set(all_kinds()) and set(_table("traps.toml")) <= set(all_kinds())
    assert literature("nobody") == ((), ())


def random_module(name: str, shape: tuple[int, ...], **arguments: Any) -> tuple[GraphModule, torch.Tensor]:
    torch.manual_seed(0)
    module = GraphModule(all_kinds()[name].build(shape, **arguments), dtype=torch.float64).eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn_like(parameter))
    return module, torch.randn(shape, dtype=torch.float64)


def weights(module: GraphModule) -> dict[str, torch.Tensor]:
    return {name: parameter.detach() for name, parameter in module.named_parameters()}


def test_squeeze_and_excitation_is_its_equation() -> None:
    """z_c = mean of x_c; s = sigma(W_2 delta(W_1 z)); y_c = s_c x_c, written out."""
    module, x = random_module("se", (2, 8, 5, 4), reduction=4)
    first, first_bias, second, second_bias = weights(module).values()
    z = x.mean((2, 3))
    hidden = torch.relu(z @ first.reshape(first.shape[0], -1).T + first_bias)
    s = torch.sigmoid(hidden @ second.reshape(second.shape[0], -1).T + second_bias)
    torch.testing.assert_close(module(x), s[:, :, None, None] * x)


def test_involution_is_its_equation() -> None:
    """y(i,j) = sum over (u,v) of a kernel that is made at (i,j), times x(i+u,j+v): the taps written out."""
    module, x = random_module("involution", (1, 4, 5, 5), kernel_size=3, group_channels=2, reduction=2)
    made: dict[str, torch.Tensor] = {}
    kernels = module.graph.nodes
    values = run_steps(module, x)
    made_at = [node for node in kernels if node.scope[-1:] == ("conv",) and "span" in node.scope and node.inputs][-1]
    made["kernel"] = values[made_at.output.index]
    padded = F.pad(x, (1, 1, 1, 1))
    want = torch.zeros_like(x)
    for channel in range(4):
        for i in range(5):
            for j in range(5):
                for u in range(3):
                    for v in range(3):
                        tap = made["kernel"][0, channel // 2 * 9 + 3 * u + v, i, j]
                        want[0, channel, i, j] += tap * padded[0, channel, i + u, j + v]
    torch.testing.assert_close(values[module.graph.outputs[0].index], want)


def run_steps(module: GraphModule, x: torch.Tensor) -> dict[int, torch.Tensor]:
    from convcalc.ops import Constant, Input, Parameter
    from convcalc.pytorch.lower import compute

    values: dict[int, torch.Tensor] = {}
    for node in module.graph.nodes:
        holder = module.get_submodule(".".join(node.scope))
        if isinstance(node.op, Input):
            values[node.output.index] = x
        elif isinstance(node.op, (Parameter, Constant)):
            values[node.output.index] = getattr(holder, holder.tensors[node.output.index]).detach()
        else:
            values[node.output.index] = compute(node.op, [values[value.index] for value in node.inputs])
    return values


def test_octave_is_its_equations() -> None:
    """Y_H = W_HH X_H + up(W_LH X_L), Y_L = W_LL X_L + W_HL pool(X_H): the four convolutions written out."""
    graph = all_kinds()["octave"].build((1, 4, 6, 6), (1, 4, 3, 3), out_channels=8, kernel_size=3)
    torch.manual_seed(0)
    module = GraphModule(graph, dtype=torch.float64).eval()
    high, low = torch.randn(1, 4, 6, 6, dtype=torch.float64), torch.randn(1, 4, 3, 3, dtype=torch.float64)
    named = {name.split(".")[1]: weight for name, weight in weights(module).items()}

    def conv(x: torch.Tensor, way: str) -> torch.Tensor:
        return F.conv2d(x, named[way], padding=1)

    y_high = conv(high, "high_to_high") + F.interpolate(conv(low, "low_to_high"), scale_factor=2, mode="nearest")
    y_low = conv(low, "low_to_low") + conv(F.avg_pool2d(high, 2), "high_to_low")
    for mine, want in zip(module(high, low), (y_high, y_low), strict=True):
        torch.testing.assert_close(mine, want)


@pytest.mark.parametrize("page", topics(), ids=lambda page: page.name)
def test_topics_are_short_and_lead_to_commands(page: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(page.text.splitlines()) < 50
    for word in (page.name, page.name.replace("-", " "), page.title, *page.also):
        found = topic(word)
        assert found is not None and found.name == page.name
    assert run(["explain", page.name]) == 0
    text = capsys.readouterr().out
    assert page.title in text and ("convcalc " in text or page.name == "split-transform-merge")
    assert run(["explain", page.name, "-f", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["topic"] == page.name
    for name in all_kinds():
        assert name.replace("_", "-") != page.name


def test_the_relationships_of_convolution_arithmetic_hold_in_torch() -> None:
    """The table of transposed-arithmetic, each row against torch's own sizes (arXiv:1603.07285)."""

    def o(i: int, k: int, s: int = 1, p: int = 0, d: int = 1) -> int:
        return F.conv1d(torch.zeros(1, 1, i), torch.zeros(1, 1, k), stride=s, padding=p, dilation=d).shape[-1]

    def t(i: int, k: int, s: int = 1, p: int = 0, a: int = 0) -> int:
        return F.conv_transpose1d(
            torch.zeros(1, 1, i), torch.zeros(1, 1, k), stride=s, padding=p, output_padding=a
        ).shape[-1]

    for i in range(5, 9):
        for k in (1, 2, 3, 5):
            assert o(i, k) == (i - k) + 1 and o(i, k, p=k - 1) == i + (k - 1)
            assert t(i, k) == i + (k - 1) and t(i, k, p=k - 1) == i - (k - 1) if i > k else True
            for s in (1, 2, 3):
                assert o(i, k, s) == (i - k) // s + 1 and o(i, k, s, 1) == (i + 2 - k) // s + 1
                assert t(i, k, s) == s * (i - 1) + k
                a = (s * 3 + 2 * 1 - k) % s
                if k > 2 and a < s:
                    assert t(i, k, s, 1, a) == s * (i - 1) + a + k - 2
            assert o(i + 4, k, 2, 1, 2) == (i + 4 + 2 - k - (k - 1) * (2 - 1)) // 2 + 1
