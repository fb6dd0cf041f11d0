"""The table of readers: one for a name, and a mistake in one of ours is said, not passed over."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from convcalc.ops import Opaque
from convcalc.pytorch import reading as tracing
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
