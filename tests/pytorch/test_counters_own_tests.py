"""The figures that fvcore's and torch's own tests expect of their counters, on networks of our own making.

Sources: github.com/facebookresearch/fvcore, tests/test_flop_count.py; github.com/pytorch/pytorch,
test/test_flop_counter.py. What is not reproduced: custom handlers and mappings, which are not the counters' rules, and
attention's fused backward on CUDA, which counts another product than the one on the CPU.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convcalc.analyses.conventions.ladder import CONVENTIONS, ladder
from convcalc.pytorch.recording import record

Shapes = list[tuple[int, ...]]


class Fn(nn.Module):
    """A function of its inputs."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: Tensor) -> Any:
        return self.function(*inputs)


def ones(*shape: int) -> Tensor:
    return torch.ones(shape)


class Three(nn.Module):
    """A 1x1 convolution, a global pool and two linear layers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.pool = nn.Conv2d(2, 5, 1), nn.AdaptiveAvgPool2d(1)
        self.a, self.b = nn.Linear(5, 3), nn.Linear(3, 1)

    def forward(self, x: Tensor) -> Any:
        return self.b(self.a(torch.flatten(self.pool(self.conv(x)), 1)))


FVCORE: list[tuple[str, nn.Module, Shapes, int]] = [
    ("nn", nn.Linear(8, 4), [(5, 8)], 160),
    ("linear", nn.Linear(10, 20), [(5, 10)], 1000),
    ("linear on more axes", nn.Linear(10, 20), [(5, 5, 10)], 5000),
    ("conv 2d", nn.Conv2d(10, 3, 3, 1, 1), [(5, 10, 15, 15)], 5 * 10 * 3 * 9 * 225),
    ("conv strided", nn.Conv2d(10, 6, 3, 2, 1), [(2, 10, 20, 20)], 2 * 10 * 6 * 9 * 100),
    ("conv groups", nn.Conv2d(16, 8, 5, 1, 2, groups=4), [(5, 16, 15, 15)], 5 * 16 * 8 * 25 * 225 // 4),
    ("conv depthwise", nn.Conv2d(16, 8, 3, 1, 1, groups=8), [(5, 16, 15, 15)], 5 * 16 * 8 * 9 * 225 // 8),
    ("conv 1d", nn.Conv1d(10, 3, 3, 1, 1), [(5, 10, 15)], 5 * 10 * 3 * 3 * 15),
    ("conv 3d", nn.Conv3d(10, 3, 3, 1, 1), [(5, 10, 15, 15, 15)], 5 * 10 * 3 * 27 * 3375),
    ("transposed", nn.ConvTranspose2d(10, 3, 3, 1, 1), [(5, 10, 15, 15)], 5 * 10 * 3 * 9 * 225),
    ("transposed, stride 2", nn.ConvTranspose2d(10, 3, 3, 2, 1), [(5, 10, 15, 15)], 5 * 10 * 3 * 9 * 225),
    ("transposed, more", nn.ConvTranspose2d(10, 3, 3, 3, 1, 2), [(5, 10, 15, 15)], 5 * 10 * 3 * 9 * 225),
    ("matmul", Fn(torch.matmul), [(20, 10), (10, 100)], 20_000),
    ("matmul of one", Fn(torch.matmul), [(1, 20, 10), (1, 10, 100)], 20_000),
    ("matmul of four", Fn(torch.matmul), [(2, 2, 20, 10), (2, 2, 10, 100)], 80_000),
    ("matmul, left one", Fn(torch.matmul), [(1, 20, 10), (10, 100)], 20_000),
    ("matmul, left two", Fn(torch.matmul), [(2, 20, 10), (10, 100)], 40_000),
    ("mm", Fn(torch.mm), [(3, 4), (4, 5)], 60),
    ("bmm", Fn(torch.bmm), [(2, 5, 2), (2, 2, 12)], 240),
    ("einsum", Fn(lambda x, y: torch.einsum("nct,ncp->ntp", x, y)), [(1, 5, 2), (1, 5, 12)], 120),
    ("einsum, other", Fn(lambda x, y: torch.einsum("ntg,ncg->nct", x, y)), [(1, 2, 6), (1, 5, 6)], 60),
    ("einsum, two summed", Fn(lambda x, y: torch.einsum("nc,nchw->hw", x, y)), [(3, 4), (3, 4, 2, 3)], 72),
    ("batch norm 1d", nn.BatchNorm1d(10, affine=False).eval(), [(10, 10)], 100),
    ("batch norm 2d, training", nn.BatchNorm2d(10, affine=False), [(10, 10, 5, 5)], 10_000),
    ("batch norm 3d, training", nn.BatchNorm3d(10, affine=False), [(10, 10, 5, 5, 5)], 50_000),
    ("three layers", Three(), [(4, 2, 10, 10)], 4000 + 72 + 2000),
    ("F.batch_norm", Fn(lambda x: F.batch_norm(x, *[ones(2)] * 4)), [(2, 2, 2, 2)], 32),
    ("F.batch_norm, plain", Fn(lambda x: F.batch_norm(x, ones(2), ones(2))), [(2, 2, 2, 2)], 16),
    ("F.batch_norm, training", Fn(lambda x: F.batch_norm(x, *[ones(2)] * 4, True)), [(2, 2, 2, 2)], 80),
    ("F.group_norm", Fn(lambda x: F.group_norm(x, 2, ones(2), ones(2))), [(2, 2, 2, 2)], 80),
    ("F.group_norm, plain", Fn(lambda x: F.group_norm(x, 2)), [(2, 2, 2, 2)], 64),
    ("upsampling", Fn(lambda x: F.interpolate(x, None, 2, "bilinear", False)), [(2, 2, 2, 2)], 256),
]  # fmt: skip


@pytest.mark.parametrize(("name", "module", "shapes", "figure"), FVCORE, ids=[case[0] for case in FVCORE])
def test_what_fvcore_expects(name: str, module: nn.Module, shapes: Shapes, figure: int) -> None:
    assert ladder(record(module, *shapes), CONVENTIONS["fvcore"]).number == figure


def variety(x: Tensor) -> Any:
    """Five products: 240 + 240 + 420 + 672 + 1,440 FLOPs."""
    one = torch.mm(ones(4, 5), ones(5, 6))
    two = torch.addmm(ones(4, 6), ones(4, 5), ones(5, 6), beta=0.5, alpha=0.5)
    three = torch.matmul(ones(5, 6), ones(6, 7))
    four = torch.einsum("ab,bc->ac", ones(6, 7), ones(7, 8))
    return one, two, three, four, F.linear(x, ones(10, 9), ones(10))


def attention(x: Tensor, y: Tensor) -> Any:
    return F.scaled_dot_product_attention(x, y, y, is_causal=x.shape == y.shape)


TORCH: list[tuple[str, nn.Module, Shapes, str, int]] = [
    ("variety", Fn(variety), [(8, 9)], "torch", 3012),
    ("mm", Fn(torch.mm), [(4, 5), (5, 6)], "torch", 240),
    ("bmm", Fn(torch.bmm), [(3, 4, 5), (3, 5, 6)], "torch", 720),
    ("addmm", Fn(torch.addmm), [(4, 6), (4, 5), (5, 6)], "torch", 240),
    ("addmm, a column", Fn(torch.addmm), [(4, 1), (4, 5), (5, 6)], "torch", 240),
    ("addmm, a row", Fn(torch.addmm), [(6,), (4, 5), (5, 6)], "torch", 240),
    ("baddbmm", Fn(torch.baddbmm), [(3, 4, 6), (3, 4, 5), (3, 5, 6)], "torch", 720),
    ("conv2d", Fn(lambda x, w: torch.conv2d(x, w, padding=1)), [(2, 3, 6, 6), (6, 3, 4, 4)], "torch", 28_800),
    ("conv1d", Fn(lambda x, w: torch.conv1d(x, w, padding=1)), [(2, 3, 6), (6, 3, 4)], "torch", 1440),
    ("sdpa", Fn(attention), [(4, 8, 128, 64), (4, 8, 128, 64)], "torch-meta", 134_217_728),
    ("sdpa, longer keys", Fn(attention), [(4, 8, 128, 64), (4, 8, 256, 64)], "torch-meta", 268_435_456),
]


@pytest.mark.parametrize(("name", "module", "shapes", "counter", "figure"), TORCH, ids=[case[0] for case in TORCH])
def test_what_torch_expects(name: str, module: nn.Module, shapes: Shapes, counter: str, figure: int) -> None:
    assert ladder(record(module, *shapes), CONVENTIONS[counter]).number == figure


def test_what_torch_expects_of_a_backward() -> None:
    """mm, an expansion, bmm; only the first tensor has a gradient: 240 + 2,352 forward, 2,352 + 240 back."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Parameter(ones(4, 5))

        def forward(self, b: Tensor, c: Tensor) -> Tensor:
            return torch.bmm(torch.mm(self.a, b).unsqueeze(0).expand(7, 4, 6), c)

    assert ladder(record(Net(), (5, 6), (7, 6, 7)), CONVENTIONS["torch-training"]).number == 5184


def test_what_torch_expects_of_autograd_functions_and_scripts() -> None:
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return torch.mm(x, x)

    class Custom(nn.Module):
        def forward(self, x: Tensor) -> Any:
            return Square.apply(x)

    assert ladder(record(Custom(), (5, 5)), CONVENTIONS["torch"]).number == 250
