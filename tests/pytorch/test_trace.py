"""Models read by running their own forward on meta tensors; the numbers by hand or by torch's own counter."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from convcalc.analyses.counts.macs import at_least, macs
from convcalc.analyses.counts.params import params, unused
from convcalc.analyses.counts.segments import segments
from convcalc.analyses.field.fields import fields
from convcalc.analyses.field.reach import Reach
from convcalc.errors import ShapeError, UnsupportedError
from convcalc.pytorch.module import GraphModule
from convcalc.pytorch.trace import trace


class Fn(nn.Module):
    """A function with parameters."""

    def __init__(self, function: Any, **parameters: nn.Parameter) -> None:
        super().__init__()
        self.function = function
        for name, parameter in parameters.items():
            setattr(self, name, parameter)

    def forward(self, x: torch.Tensor) -> Any:
        return self.function(self, x)


def weight(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.randn(shape))


HW = 14 * 14
# odd layers that other counters get wrong, with multiply-adds by hand (torch 2.13.0 runs them)
ODD: list[tuple[str, nn.Module, tuple[int, ...], int]] = [
    ("bias is no MAC", nn.Conv2d(8, 16, 3, padding=1), (1, 8, 14, 14), HW * 16 * 8 * 9),
    ("batch counts", nn.Conv2d(8, 16, 3, padding=1), (4, 8, 14, 14), 4 * HW * 16 * 8 * 9),
    ("same with an even kernel", nn.Conv2d(8, 16, 4, padding="same"), (1, 8, 14, 14), HW * 16 * 8 * 16),
    ("circular", nn.Conv2d(8, 16, 3, padding=1, padding_mode="circular"), (1, 8, 14, 14), HW * 16 * 8 * 9),
    ("no batch axis", nn.Conv2d(8, 16, 3, padding=1), (8, 14, 14), HW * 16 * 8 * 9),
    ("conv1d", nn.Conv1d(8, 16, 5, stride=2), (1, 8, 64), 30 * 16 * 8 * 5),
    ("conv3d", nn.Conv3d(3, 8, 3, stride=(1, 2, 2), padding=1), (1, 3, 8, 16, 16), 8 * 8 * 8 * 8 * 3 * 27),
    (
        "transposed",
        nn.ConvTranspose2d(8, 16, 3, stride=2, padding=1, output_padding=1),
        (1, 8, 14, 14),
        HW * 8 * 16 * 9,
    ),
    (
        "transposed, groups",
        nn.ConvTranspose2d(8, 16, 4, stride=2, padding=1, groups=4),
        (1, 8, 14, 14),
        HW * 8 * 4 * 16,
    ),
    ("transposed 3d", nn.ConvTranspose3d(8, 16, 2, stride=2), (1, 8, 4, 7, 7), 4 * 49 * 8 * 16 * 8),
    ("F.conv2d", Fn(lambda s, x: F.conv2d(x, s.w, padding=1), w=weight(16, 8, 3, 3)), (1, 8, 14, 14), HW * 16 * 8 * 9),
    (
        "lists",
        Fn(lambda s, x: F.conv2d(x, s.w, stride=[2, 1], padding=[1, 1]), w=weight(16, 8, 3, 3)),
        (1, 8, 14, 14),
        7 * 14 * 16 * 8 * 9,
    ),
    (
        "weight_norm",
        nn.utils.parametrizations.weight_norm(nn.Conv2d(8, 16, 3, padding=1, bias=False)),
        (1, 8, 14, 14),
        HW * 16 * 8 * 9,
    ),
    ("linear on tokens", nn.Linear(32, 64), (2, 10, 32), 20 * 32 * 64),
    ("einsum", Fn(lambda s, x: torch.einsum("bhid,bhjd->bhij", x, x)), (2, 4, 16, 32), 2 * 4 * 16 * 16 * 32),
    ("matmul", Fn(lambda s, x: torch.matmul(x, x.transpose(-1, -2))), (2, 4, 16, 32), 2 * 4 * 16 * 16 * 32),
    ("@", Fn(lambda s, x: x @ s.w, w=weight(32, 64)), (16, 32), 16 * 32 * 64),
    ("bmm", Fn(lambda s, x: torch.bmm(x, x.transpose(1, 2))), (8, 16, 32), 8 * 16 * 16 * 32),
    (
        "baddbmm",
        Fn(lambda s, x: torch.baddbmm(torch.zeros(8, 16, 16), x, x.transpose(1, 2))),
        (8, 16, 32),
        8 * 16 * 16 * 32,
    ),
    ("attention", Fn(lambda s, x: F.scaled_dot_product_attention(x, x, x)), (2, 4, 16, 32), 2 * 2 * 4 * 16 * 16 * 32),
    ("interpolate", Fn(lambda s, x: F.interpolate(x, scale_factor=2, mode="bilinear")), (1, 8, 14, 14), 0),
]


@pytest.mark.parametrize(("name", "module", "shape", "want"), ODD, ids=[case[0] for case in ODD])
def test_odd_layers_are_counted_as_by_hand(name: str, module: nn.Module, shape: tuple[int, ...], want: int) -> None:
    graph = trace(module.eval(), shape)
    assert macs(graph) == want
    assert not at_least(graph)
    assert params(graph).total == sum(parameter.numel() for parameter in module.parameters())
    with torch.no_grad():
        assert graph.outputs[0].shape == tuple(module(torch.randn(shape)).shape)


def block(channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels), nn.ReLU(inplace=True)
    )


class Net(nn.Module):
    """A bit of everything: shared modules, in-place steps, slices, views, state kept by forward."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = block(4)
        self.shared = nn.Conv2d(4, 4, 1)
        self.idle = nn.Linear(3, 3)
        self.token = weight(1, 1, 16)
        self.register_buffer("scale", torch.ones(4, 1, 1))
        self.head = nn.Linear(16, 5)
        self.calls = 0
        self.last: Any = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        y = self.stem(x)
        y = self.shared(self.shared(y)) * self.scale
        y += x
        a, b = y.chunk(2, dim=1)
        y = torch.cat([b, a], 1)
        y = F.relu_(y)[:, :, ::2, 1:-1]
        y = F.adaptive_avg_pool2d(y, 2).flatten(1)
        self.last = y
        tokens = torch.cat([self.token.expand(x.size(0), -1, -1), y.view(x.shape[0], 1, -1)], dim=1)
        return self.head(tokens.mean(dim=1))


def test_a_model_of_everything_is_read_and_left_as_it_was() -> None:
    model = Net().train()
    before = copy.deepcopy(model.state_dict())
    random_state = torch.get_rng_state()
    graph = trace(model, (2, 4, 12, 12))
    counter = FlopCounterMode(display=False)
    assert model.calls == 0 and model.last is None and model.training and model.stem[1].training
    assert torch.equal(torch.get_rng_state(), random_state)
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert not model._forward_hooks and not torch.nn.modules.module._global_forward_pre_hooks
    with torch.no_grad(), counter:
        want = model.eval()(torch.randn(2, 4, 12, 12))
    assert graph.outputs[0].shape == tuple(want.shape)
    assert macs(graph) == counter.get_total_flops() // 2
    assert params(graph).total == sum(parameter.numel() for parameter in model.parameters())
    assert params(graph).norm == 8
    assert sum(node.output.shape[0] for node in unused(graph)) == 6  # idle's weight and bias
    names = [row.name for row in segments(graph, 2)]
    assert "stem.0" in names and "shared" in names and "head" in names


def test_a_step_that_cannot_be_read_is_opaque_and_named() -> None:
    graph = trace(Fn(lambda s, x: F.conv2d(torch.linalg.inv(x), s.w), w=weight(4, 2, 3, 3)), (1, 2, 8, 8))
    assert at_least(graph) == ["linalg_inv_ex"]
    assert graph.outputs[0].shape == (1, 4, 6, 6)
    assert macs(graph) == 36 * 4 * 2 * 9


def test_a_step_that_cannot_be_read_but_multiplies_nothing_leaves_totals_whole() -> None:
    graph = trace(Fn(lambda s, x: F.conv2d(torch.cummax(x, 2)[0], s.w), w=weight(4, 2, 3, 3)), (1, 2, 8, 8))
    assert at_least(graph) == []
    assert fields(graph)[graph.outputs[0].index][0, 2, None] == "cummax, which cannot be read"
    assert macs(graph) == 36 * 4 * 2 * 9


@pytest.mark.parametrize(
    ("function", "call"),
    [(lambda s, x: x if x.sum() > 0 else -x, "__bool__"), (lambda s, x: x * x.mean().item(), "item")],
)
def test_a_forward_that_asks_for_values_is_refused_by_name(function: Any, call: str) -> None:
    with pytest.raises(UnsupportedError, match=f"calls {call} on a tensor"):
        trace(Fn(function), (1, 2, 4, 4))
    assert not torch.nn.modules.module._global_forward_pre_hooks


def test_sizes_a_model_cannot_take_are_one_clear_error() -> None:
    with pytest.raises(ShapeError):
        trace(nn.Conv2d(3, 4, 3), (1, 5, 8, 8))


def test_multihead_attention_is_read_to_the_digit() -> None:
    class Attend(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.MultiheadAttention(32, 4, batch_first=True)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.a(x, x, x, need_weights=False)[0]

    assert macs(trace(Attend().eval(), (2, 16, 32))) == 2 * (4 * 16 * 32 * 32 + 2 * 16 * 16 * 32)


def conv_of(function: Any) -> Fn:
    return Fn(function, w=weight(4, 4, 3, 3))


def writes_out(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = torch.empty(1, 4, 8, 8)
    torch.add(x, x, out=y)
    return F.conv2d(y, s.w)


def fills_zeros(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = torch.zeros(1, 4, 8, 8)
    y[:, :2] = x[:, :2]
    return F.conv2d(y, s.w)


def adds_into_a_view(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = x.clone()
    y[:, :2] += F.conv2d(x, s.w, padding=1)[:, :2]
    return y


def casts(s: Any, x: torch.Tensor) -> torch.Tensor:
    return F.conv2d(x.type(torch.float64).type(torch.float32).cpu(), s.w)


def through_data(s: Any, x: torch.Tensor) -> torch.Tensor:
    return F.conv2d(x.data, s.w)


@pytest.mark.parametrize("function", [writes_out, fills_zeros, adds_into_a_view, casts, through_data])
def test_tensors_keep_their_identity(function: Any) -> None:
    """The output still depends on the input through the 3x3 convolution."""
    graph = trace(conv_of(function), (1, 4, 8, 8))
    field = fields(graph)[graph.outputs[0].index]
    assert field
    local = [reach for (_, _, own), reach in field.items() if own is not None]
    written = any(own is None for _, _, own in field)  # a write into part of a tensor is seen whole
    assert written or all(reach.sizes[1] == 3 for reach in local if isinstance(reach, Reach))
    assert macs(graph) in (36 * 144, 64 * 144)


@pytest.mark.skipif(torch.__version__ < "2.7", reason="its vmap multiplies two numbers of its own")
def test_vmap_is_read_with_its_batch() -> None:
    graph = trace(Fn(lambda s, x: torch.vmap(lambda v: s.w @ v.flatten(1))(x), w=weight(4, 4)), (3, 4, 8, 8))
    assert macs(graph) == 3 * 4 * 4 * 64  # torch's own counter on real tensors
    assert fields(graph)[graph.outputs[0].index]


def test_nothing_of_the_users_is_changed() -> None:
    class Busy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.c = nn.Conv2d(4, 4, 3)
            self.plain = torch.ones(4, 1, 1)
            self.seen: list[Any] = []
            self.memo: dict[str, Any] = {"n": 1}

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.c.weight.data = torch.renorm(self.c.weight.data, 2, 0, 1.0)
            self.c.weight.requires_grad = False
            self.plain += 1
            self.plain.mul_(2)
            y = self.c(x * self.plain)
            self.seen.append(y)
            self.memo["n"] += 1
            self.memo["y"] = y
            return y

    model = Busy()
    before = model.c.weight.detach().clone()
    graph = trace(model, (1, 4, 8, 8))
    assert macs(graph) == 36 * 144
    assert torch.equal(model.c.weight, before) and model.c.weight.requires_grad
    assert torch.equal(model.plain, torch.ones(4, 1, 1))
    assert model.seen == [] and model.memo == {"n": 1}


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_scripted_parts_are_read_and_everything_is_put_back() -> None:
    after = nn.Conv2d(4, 4, 1)
    model = nn.Sequential(
        nn.Conv2d(4, 4, 3), torch.jit.script(nn.Sequential(nn.Conv2d(4, 2, 3), nn.ReLU())), nn.Conv2d(2, 4, 1), after
    )
    graph = trace(model.eval(), (1, 4, 8, 8))
    assert macs(graph) == 36 * 144 + 16 * 72 + 16 * 8 + 16 * 16
    assert graph.outputs[0].shape == (1, 4, 4, 4)
    assert isinstance(after.weight, nn.Parameter)


@pytest.mark.parametrize(
    ("function", "want"),
    [
        (lambda s, x: torch.einsum("ab,cd->ac", torch.ones(3, 4), torch.ones(5, 6)) + x.sum(), 0),
        (lambda s, x: torch.einsum("nchw,nkhe->nkw", x, x[:, :2, :, :3]), 2 * 8 * 8),
        (lambda s, x: torch.einsum("abcd,abcd->a", x, x[:, :, :1]), None),
        (lambda s, x: F.interpolate(x, (2, 2), mode="bilinear", antialias=True), 0),
    ],
)
def test_contractions_count_the_letters_that_survive(function: Any, want: int | None) -> None:
    """A letter of one operand alone is summed by additions first: torch's own counter agrees."""
    graph = trace(Fn(function), (1, 4, 8, 8))
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        function(None, torch.randn(1, 4, 8, 8))
    if want is not None:
        assert macs(graph) == want == counter.get_total_flops() // 2


@pytest.mark.parametrize(
    "function",
    [
        lambda s, x: x[:, 9],
        lambda s, x: x.permute(0, 0, 1, 2),
        lambda s, x: x.mean(7),
        lambda s, x: torch.cat([x, x], 9),
        lambda s, x: x.split([1, 2], 1),
        lambda s, x: x.expand(8, 8),
        lambda s, x: x.t(),
        lambda s, x: x.sum((0, 0)),
        lambda s, x: F.group_norm(x, 3),
        lambda s, x: F.conv2d(x, torch.ones(4, 4, 3, 3), torch.ones(7)),
        lambda s, x: F.prelu(x, torch.ones(3)),
    ],
)
def test_what_torch_refuses_is_refused(function: Any) -> None:
    with pytest.raises((ShapeError, IndexError, ValueError, UnsupportedError)):
        trace(Fn(function), (1, 4, 8, 8))


def test_a_traced_graph_computes_what_the_model_computes() -> None:
    function = lambda s, x: (1 - F.conv2d(x * 2 + 1, s.w)) / 3 - 0.5  # noqa: E731
    model = conv_of(function).eval()
    graph = trace(model, (1, 4, 8, 8))
    module = GraphModule(graph)
    with torch.no_grad():
        for mine, theirs in zip(module.parameters(), [model.w], strict=False):
            mine.copy_(theirs)
        x = torch.randn(1, 4, 8, 8)
        torch.testing.assert_close(module(x), model(x))
