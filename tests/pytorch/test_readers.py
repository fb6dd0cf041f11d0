"""The table of readers: one for a name, and a mistake in one of ours is said, not passed over."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convcalc.analyses.field.fields import fields
from convcalc.analyses.field.receptive import receptive
from convcalc.ops import Opaque, Pool
from convcalc.pytorch import reading as tracing
from convcalc.pytorch.module import GraphModule
from convcalc.pytorch.readers.registry import READERS, reads
from convcalc.pytorch.trace import trace


class Rectified(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x)


def broken(b: Any, input: Any) -> Any:
    raise TypeError("a reader of ours is wrong")


def test_two_readers_of_a_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convcalc.pytorch.readers.registry.READERS", dict(READERS))
    with pytest.raises(ValueError, match="two readers are called relu"):
        reads("relu")(broken)


def test_a_mistake_of_ours_fails_a_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(READERS, "relu", broken)
    assert tracing.STRICT_READERS  # in tests
    with pytest.raises(TypeError, match="a reader of ours is wrong"):
        trace(Rectified(), (1, 3, 4, 4))


def test_a_mistake_of_ours_names_itself_to_a_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(READERS, "relu", broken)
    monkeypatch.setattr("convcalc.pytorch.reading.STRICT_READERS", False)
    (opaque,) = [node.op for node in trace(Rectified(), (1, 3, 4, 4)).nodes if isinstance(node.op, Opaque)]
    assert opaque.reason == "relu: TypeError: a reader of ours is wrong"


class Unpooling(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        y, places = F.max_pool2d(x, 2, 2, return_indices=True)
        return F.max_unpool2d(y, places, 2, 2)


class Filling(nn.Module):
    """Writes zeros into part of a copy, and numbers into a tensor of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.ones(6))

    def forward(self, x: Tensor) -> Tensor:
        bias = self.bias.clone()
        bias[:3].zero_()
        result: Tensor = x * bias + (x + 1).fill_(2)
        return result


class LastStates(nn.Module):
    """The last states of stacked layers in both directions: not all of them are in the sequence that comes out."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(8, 16, num_layers=3, bidirectional=True, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        _, (hidden, cells) = self.lstm(x)
        result: Tensor = hidden + cells
        return result


def test_a_pool_that_also_gives_places_is_a_pool() -> None:
    graph = trace(Unpooling(), (1, 3, 8, 8))
    (pool,) = [node for node in graph.nodes if isinstance(node.op, Pool)]
    assert pool.output.shape == (1, 3, 4, 4) and not any(isinstance(node.op, Opaque) for node in graph.nodes)
    field = receptive(fields(graph)[graph.outputs[0].index], 2)
    assert field is not None and field.size_max == [2, 2]


@pytest.mark.parametrize(
    ("model", "shape"), [(Unpooling(), (1, 3, 8, 8)), (Filling(), (2, 6)), (LastStates(), (2, 5, 8))]
)
def test_what_is_read_runs_again_with_the_same_sizes(model: nn.Module, shape: tuple[int, ...]) -> None:
    graph = trace(model, shape)
    assert not any(isinstance(node.op, Opaque) for node in graph.nodes)
    result = GraphModule(graph).eval()(torch.zeros(shape))
    assert result.shape == model(torch.zeros(shape)).shape


class Clamping(nn.Module):
    """One-sided clamps by numbers and tensors, products and quotients that are added."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        z = torch.clamp_max(torch.clamp_min(x, -1.0), 0.5) + x.clamp_min(y) - x.clamp_max(y)
        return torch.addcdiv(torch.addcmul(z, x, y, value=2), x, y.abs() + 1, value=3)


def test_clamps_and_fused_additions_are_the_functions_they_are_called() -> None:
    graph, (x, y) = trace(Clamping(), (2, 6), (2, 6)), torch.randn(2, 2, 6)
    ran = GraphModule(graph)(x, y)
    assert isinstance(ran, Tensor) and torch.allclose(ran, Clamping()(x, y), atol=1e-6)
