"""The models in examples/models: torch's counter, the sum over parameters and the gradient's support are the judges."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from convcalc.analyses.counts.macs import at_least, macs
from convcalc.analyses.counts.params import params
from convcalc.analyses.field.fields import fields
from convcalc.analyses.field.reach import Reach
from convcalc.pytorch.trace import trace
from convcalc.pytorch.verify import unfused

FOLDER = Path(__file__).parents[2] / "examples" / "models"
MODELS: list[tuple[str, dict[str, Any], list[tuple[int, ...]]]] = [
    ("unet.UNet", {}, [(1, 3, 64, 64)]),
    ("inception.Net", {}, [(1, 3, 96, 96)]),
    ("densenet.DenseNet", {}, [(2, 3, 32, 32)]),
    ("r3d.R3D", {"width": 16}, [(1, 3, 8, 32, 32)]),
    ("deeplab.DeepLab", {}, [(1, 3, 65, 65)]),
    ("dcgan.Generator", {}, [(1, 100, 1, 1)]),
    ("dcgan.Discriminator", {}, [(2, 3, 64, 64)]),
    ("wavenet.WaveNet", {}, [(1, 256, 1100)]),
    ("graph.GCN", {}, [(20, 64), (20, 20)]),
]


def build(name: str, **arguments: Any) -> nn.Module:
    file, _, cls = name.partition(".")
    spec = importlib.util.spec_from_file_location(f"example_{file}", FOLDER / f"{file}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    model: nn.Module = getattr(module, cls)(**arguments)
    return model.eval()


@pytest.mark.parametrize(("name", "arguments", "shapes"), MODELS, ids=[case[0] for case in MODELS])
def test_torch_counts_the_same(name: str, arguments: dict[str, Any], shapes: list[tuple[int, ...]]) -> None:
    model = build(name, **arguments)
    graph = trace(model, *shapes)
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), unfused(), counter:
        result = model(*(torch.rand(shape) for shape in shapes))
    assert macs(graph) == counter.get_total_flops() // 2 and not at_least(graph)
    assert params(graph).total == sum(parameter.numel() for parameter in model.parameters())
    assert graph.outputs[0].shape == tuple(result.shape)


def test_a_recurrent_layer_is_counted_by_hand_where_torch_sees_none() -> None:
    """The GRU runs as one call: each weight works once per frame; the rest is torch's count."""
    model = build("audio.Spotter")
    graph = trace(model, (1, 1, 40, 50))
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), unfused(), counter:
        model(torch.rand(1, 1, 40, 50))
    weights = sum(p.numel() for name, p in model.named_parameters() if name.startswith("gru.weight"))
    seen = counter.get_total_flops() // 2
    assert macs(graph) in (seen, seen + 50 * weights) and not at_least(graph)
    assert params(graph).total == sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize(
    ("name", "arguments", "shape"),
    [
        ("unet.UNet", {"width": 2}, (1, 3, 96, 96)),
        ("deeplab.DeepLab", {"width": 2}, (1, 3, 160, 160)),
        ("wavenet.WaveNet", {"levels": 2, "channels": 2, "skips": 2}, (1, 2, 1200)),
    ],
)
def test_the_field_is_the_support_of_the_gradient(name: str, arguments: dict[str, Any], shape: tuple[int, ...]) -> None:
    """Weights of one sign: the gradient of the middle output is nonzero on all it sees locally."""
    model = build(name, **arguments).double()
    for parameter in model.parameters():
        parameter.data = parameter.data.abs() + 0.01
    for module in model.modules():
        if isinstance(module, nn.MaxPool2d):
            module.forward = lambda x: nn.functional.avg_pool2d(x, 2)  # type: ignore[method-assign]
    graph = trace(model, shape)
    x = torch.rand(shape, dtype=torch.float64, requires_grad=True)
    y = model(x)
    middle = tuple(size // 2 for size in y.shape[2:])
    y[(0, 0, *middle)].backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None
    support = x.grad.abs().sum((0, 1)).nonzero()
    field = fields(graph)[graph.outputs[0].index]
    for axis, place in enumerate(middle):
        reach = field.get((0, axis + 2, axis + 2))
        if not isinstance(reach, Reach):
            assert any(key[1] == axis + 2 for key in field)
            continue
        first, last = reach.at(place)
        want = (max(first, 0), min(last, shape[axis + 2] - 1))
        if all(key[2] is not None for key in field):
            assert (int(support[:, axis].min()), int(support[:, axis].max())) == want
