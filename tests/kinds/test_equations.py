"""The defining equations of pages/equations.toml, written out by hand and evaluated beside what runs."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from convcalc.kinds import all_kinds
from convcalc.pytorch.module import GraphModule


class Case:
    """A kind with random weights, its inputs and its output."""

    def __init__(self, name: str, *shapes: tuple[int, ...], **arguments: Any) -> None:
        torch.manual_seed(0)
        self.module = GraphModule(all_kinds()[name].build(*shapes, **arguments), dtype=torch.float64).eval()
        with torch.no_grad():
            for parameter in self.module.parameters():
                parameter.copy_(torch.randn_like(parameter) / 2)
            for key, buffer in self.module.named_buffers():
                if "running" in key:
                    buffer.copy_(torch.rand_like(buffer) + 0.5)
        self.inputs = [torch.randn(shape, dtype=torch.float64) for shape in shapes]
        with torch.no_grad():
            self.output = self.module(*self.inputs)
        self.held = {name.removeprefix("0."): value for name, value in self.module.state_dict().items()}

    def __getitem__(self, name: str) -> Tensor:
        return self.held[name]

    def norm(self, z: Tensor, name: str) -> Tensor:
        """gamma (z - mu)/sqrt(v + epsilon) + beta of each channel."""
        mean, variance, weight, bias = (
            self.held[f"{name}.{part}"].reshape(1, -1, *(1,) * (z.dim() - 2))
            for part in ("running_mean", "running_var", "weight", "bias")
        )
        return weight * (z - mean) / torch.sqrt(variance + 1e-5) + bias


def close(mine: Any, output: Tensor) -> None:
    torch.testing.assert_close(torch.as_tensor(mine, dtype=torch.float64), output)


def at(x: Tensor, channel: int, *place: int) -> float:
    """x at a place, 0 outside of the map."""
    inside = all(0 <= each < size for each, size in zip(place, x.shape[1:], strict=True))
    return float(x[(channel, *place)]) if inside else 0.0


def between(x: Tensor, channel: int, y: float, z: float) -> float:
    """The sum over q of G(q, p) x(q), with g(a, b) = max(0, 1 - |a - b|): bilinear reading."""
    return sum(
        max(0.0, 1 - abs(i - y)) * max(0.0, 1 - abs(j - z)) * float(x[channel, i, j])
        for i in range(x.shape[1])
        for j in range(x.shape[2])
        if abs(i - y) < 1 and abs(j - z) < 1
    )


def test_grouped() -> None:
    case = Case("grouped", (1, 4, 11), out_channels=6, kernel_size=3, stride=2, padding=2, dilation=2, groups=2)
    (x,), w, b = case.inputs, case["conv.weight"], case["conv.bias"]
    rows = torch.zeros_like(case.output)
    for n in range(6):
        for u in range(rows.shape[2]):
            reads = [w[n, c, t] * at(x[0], n * 2 // 6 * 2 + c, 2 * u + 2 * t - 2) for c in (0, 1) for t in range(3)]
            rows[0, n, u] = b[n] + sum(reads)
    close(rows, case.output)


def test_conv_transpose() -> None:
    settings = {"kernel_size": 3, "stride": 2, "padding": 1, "output_padding": 1, "groups": 2, "dilation": 2}
    case = Case("conv_transpose", (1, 4, 5), out_channels=6, **settings)
    (x,), w, b = case.inputs, case["conv.weight"], case["conv.bias"]
    out = b[None, :, None].repeat(1, 1, case.output.shape[2])
    for c in range(4):
        for n in range(3):
            for u in range(5):
                for t in range(3):
                    if 0 <= 2 * u + 2 * t - 1 < out.shape[2]:
                        out[0, c // 2 * 3 + n, 2 * u + 2 * t - 1] += w[c, n, t] * x[0, c, u]
    close(out, case.output)


@pytest.mark.parametrize(("sharing", "out"), [("full", 5), ("per_pair", 5), ("depthwise", 3)])
def test_spatially_separable(sharing: str, out: int) -> None:
    """W_(n,c)(i,j) = sum_(m) a_(m,c)(i) b_(n,m)(j): one kernel of the products does what the two steps do."""
    case = Case(
        "spatially_separable", (1, 3, 7, 8), out_channels=out, kernel_size=3, stride=2, padding=1, sharing=sharing
    )
    column, row = case["vertical.conv.weight"], case["horizontal.conv.weight"]
    if sharing == "full":
        kernel = torch.einsum("mci,nmj->ncij", column[:, :, :, 0], row[:, :, 0])
    else:
        kernel = torch.zeros(out, 3, 3, 3, dtype=torch.float64)
        for n in range(out):
            for c in range(3):
                if sharing == "per_pair":
                    kernel[n, c] = torch.outer(column[c * out + n, 0, :, 0], row[n, c, 0])
                elif n == c:
                    kernel[n, c] = torch.outer(column[c, 0, :, 0], row[c, 0, 0])
    close(F.conv2d(case.inputs[0], kernel, stride=2, padding=1), case.output)


def test_flattened() -> None:
    """W_f(c,y,x) = alpha_f(c) beta_f(y) gamma_f(x)."""
    case = Case("flattened", (1, 3, 7, 8), out_channels=4, bias=False, padding=1)
    alpha, beta, gamma = (case[f"{name}.conv.weight"] for name in ("lateral", "vertical", "horizontal"))
    kernel = torch.einsum("fc,fy,fx->fcyx", alpha[:, :, 0, 0], beta[:, 0, :, 0], gamma[:, 0, 0])
    close(F.conv2d(case.inputs[0], kernel, padding=1), case.output)


def test_shuffles() -> None:
    case = Case("channel_shuffle", (1, 12, 1), groups=3)
    for i in range(3):
        for j in range(4):
            assert case.output[0, j * 3 + i, 0] == case.inputs[0][0, i * 4 + j, 0]
    case = Case("pixel_shuffle", (1, 18, 2, 4), upscale_factor=3)
    for c in range(2):
        for h in range(6):
            for w in range(12):
                assert case.output[0, c, h, w] == case.inputs[0][0, c * 9 + 3 * (h % 3) + w % 3, h // 3, w // 3]


@pytest.mark.parametrize("name", ["deformable", "deformable_v2"])
def test_deformable(name: str) -> None:
    """y(p) = sum_(k) w_k x(p + p_k + Delta p_k) Delta m_k, two offset groups, two groups."""
    case = Case(name, (1, 4, 6, 7), out_channels=4, kernel_size=3, stride=2, padding=1, groups=2, offset_groups=2)
    (x,) = case.inputs
    made = F.conv2d(x, case["offset.conv.weight"], case["offset.conv.bias"], stride=2, padding=1)[0]
    w, out = case["weight"], torch.zeros_like(case.output)
    for n in range(4):
        for i in range(out.shape[2]):
            for j in range(out.shape[3]):
                out[0, n, i, j] = case["bias"][n]
                for c in range(2):
                    channel = n // 2 * 2 + c
                    for t in range(9):
                        down, across = (float(made[channel // 2 * 18 + 2 * t + axis, i, j]) for axis in (0, 1))
                        mask = float(torch.sigmoid(made[36 + channel // 2 * 9 + t, i, j])) if name[-1] == "2" else 1
                        value = between(x[0], channel, 2 * i + t // 3 - 1 + down, 2 * j + t % 3 - 1 + across)
                        out[0, n, i, j] += w[n, c, t // 3, t % 3] * value * mask
    close(out, case.output)


def test_ghost() -> None:
    case = Case("ghost", (1, 3, 5, 6), out_channels=7, ratio=3, kernel_size=3)
    primary = F.relu(case.norm(F.conv2d(case.inputs[0], case["primary.conv.weight"], padding=1), "primary.norm"))
    cheap = F.conv2d(primary, case["cheap.conv.weight"], padding=1, groups=3)
    close(torch.cat([primary, F.relu(case.norm(cheap, "cheap.norm"))], 1)[:, :7], case.output)


def test_condconv() -> None:
    """y = (a_1 W_1 + ... + a_n W_n) * x, a = sigmoid of a linear map of the mean."""
    case = Case("condconv", (2, 4, 5, 6), out_channels=6, num_experts=3, padding=1, groups=2)
    (x,) = case.inputs
    a = torch.sigmoid(F.linear(x.mean((2, 3)), case["routing.linear.weight"], case["routing.linear.bias"]))
    each = [
        F.conv2d(
            x[n : n + 1], torch.einsum("e,e...->...", a[n], case["weight"]), a[n] @ case["bias"], padding=1, groups=2
        )
        for n in range(2)
    ]
    close(torch.cat(each), case.output)


def test_do_conv() -> None:
    """W'_(o,c)(t) = sum_(s) (D_(c,t,s) + I_(t,s)) W_(o,c,s), then one convolution."""
    case = Case("do_conv", (1, 4, 6, 6), out_channels=6, kernel_size=2, groups=2, multiplier=5)
    d, w, eye = case["D"], case["W"], torch.eye(4, 5, dtype=torch.float64)
    kernel = torch.zeros(6, 2, 4, dtype=torch.float64)
    for o in range(6):
        for c in range(2):
            kernel[o, c] = (d[o // 3 * 2 + c] + eye) @ w[o, c]
    close(F.conv2d(case.inputs[0], kernel.reshape(6, 2, 2, 2), case["bias"], groups=2), case.output)


def test_acb() -> None:
    """The sum of a square, a column and a row, each with its norm, is one kernel: F' = (gamma/s) F."""
    case = Case("acb", (1, 3, 7, 8), out_channels=4, padding=1)
    kernel, bias = torch.zeros(4, 3, 3, 3, dtype=torch.float64), torch.zeros(4, dtype=torch.float64)
    for name, where in (
        ("square", (...,)),
        ("vertical", (..., slice(1, 2))),
        ("horizontal", (..., slice(1, 2), slice(None))),
    ):
        scale = case[f"{name}.norm.weight"] / torch.sqrt(case[f"{name}.norm.running_var"] + 1e-5)
        kernel[where] += case[f"{name}.weight"] * scale[:, None, None, None]
        bias += case[f"{name}.norm.bias"] - case[f"{name}.norm.running_mean"] * scale
    close(F.conv2d(case.inputs[0], kernel, bias, padding=1), case.output)


def test_splat() -> None:
    case = Case("splat", (2, 8, 6, 6), out_channels=12, cardinality=2, radix=2, padding=1, bias=False)
    u = F.relu(case.norm(F.conv2d(case.inputs[0], case["conv.weight"], padding=1, groups=4), "norm"))
    splits = (u[:, :12], u[:, 12:])
    s = (splits[0] + splits[1]).mean((2, 3), keepdim=True)
    hidden = F.conv2d(s, case["squeeze.conv.weight"], case["squeeze.conv.bias"], groups=2)
    logits = F.conv2d(
        F.relu(case.norm(hidden, "squeeze.norm")), case["excite.conv.weight"], case["excite.conv.bias"], groups=2
    )
    out = torch.zeros_like(case.output)
    for c in range(12):
        a = torch.softmax(torch.stack([logits[:, c // 6 * 12 + r * 6 + c % 6, 0, 0] for r in range(2)]), 0)
        out[:, c] = sum(a[r, :, None, None] * splits[r][:, c] for r in range(2))
    close(out, case.output)


def test_sk() -> None:
    case = Case("sk", (2, 32, 7, 7), groups=4, kernel_size=(3, 5, 7))
    branches = [
        name.partition(".")[0] for name in case.held if name.startswith("branch") and name.endswith("conv.weight")
    ]
    u = [
        F.relu(
            case.norm(F.conv2d(case.inputs[0], case[f"{b}.conv.weight"], padding=d, dilation=d, groups=4), f"{b}.norm")
        )
        for d, b in enumerate(branches, 1)
    ]
    hidden = sum(u).mean((2, 3)) @ case["squeeze.conv.weight"][:, :, 0, 0].T  # type: ignore[union-attr]
    z = F.relu(case.norm(hidden, "squeeze.norm"))
    a = torch.softmax((z @ case["excite.conv.weight"][:, :, 0, 0].T).reshape(2, 3, 32), 1)
    close(sum(a[:, n, :, None, None] * u[n] for n in range(3)), case.output)


def test_scconv() -> None:
    case = Case("scconv", (1, 8, 9, 10), stride=2, pooling_ratio=4)

    def f(x: Tensor, name: str, stride: int = 1) -> Tensor:
        return case.norm(F.conv2d(x, case[f"{name}.conv.weight"], padding=1, stride=stride), f"{name}.norm")

    x1, x2 = case.inputs[0][:, :4], case.inputs[0][:, 4:]
    wide = F.interpolate(f(F.avg_pool2d(x1, 4), "calibrated.k2"), size=(9, 10), mode="nearest")
    y1 = f(f(x1, "calibrated.k3") * torch.sigmoid(x1 + wide), "calibrated.k4", 2)
    close(torch.cat([y1, f(x2, "k1", 2)], 1), case.output)


def step(x: Tensor) -> Tensor:
    return 1 / (1 + torch.exp(-x))


FUNCTIONS: dict[str, Any] = {
    "relu": lambda x: x.clamp(min=0),
    "relu6": lambda x: x.clamp(0, 6),
    "leaky_relu": lambda x: x.clamp(min=0) + 0.01 * x.clamp(max=0),
    "elu": lambda x: x.clamp(min=0) + torch.exp(x.clamp(max=0)) - 1,
    "selu": lambda x: 1.0507009873554805 * (x.clamp(min=0) + 1.6732632423543772 * (torch.exp(x.clamp(max=0)) - 1)),
    "gelu": lambda x: x / 2 * (1 + torch.erf(x / math.sqrt(2))),
    "silu": lambda x: x * step(x),
    "mish": lambda x: x * torch.tanh(torch.log(1 + torch.exp(x))),
    "sigmoid": step,
    "tanh": lambda x: (torch.exp(x) - torch.exp(-x)) / (torch.exp(x) + torch.exp(-x)),
    "hardswish": lambda x: x * (x + 3).clamp(0, 6) / 6,
    "hardsigmoid": lambda x: (x + 3).clamp(0, 6) / 6,
    "softsign": lambda x: x / (1 + x.abs()),
    "softshrink": lambda x: torch.sign(x) * (x.abs() - 0.5).clamp(min=0),
    "tanhshrink": lambda x: x - torch.tanh(x),
    "logsigmoid": lambda x: -torch.log(1 + torch.exp(-x)),
    "rrelu": lambda x: x.clamp(min=0) + (1 / 8 + 1 / 3) / 2 * x.clamp(max=0),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_activations(name: str) -> None:
    case = Case(name, (1, 64))
    close(FUNCTIONS[name](case.inputs[0]), case.output)


def test_group_norm() -> None:
    case = Case("group_norm", (2, 6, 4, 5), num_groups=2)
    x = case.inputs[0].reshape(2, 2, -1)
    mean = x.mean(2, keepdim=True)
    z = ((x - mean) / torch.sqrt(((x - mean) ** 2).mean(2, keepdim=True) + 1e-5)).reshape(2, 6, 4, 5)
    close(z * case["norm.weight"][:, None, None] + case["norm.bias"][:, None, None], case.output)


@pytest.mark.parametrize("size", [3, 4])
def test_local_response_norm(size: int) -> None:
    case = Case("local_response_norm", (1, 7, 3), size=size, alpha=0.5, beta=0.6, k=2.0)
    (x,) = case.inputs
    out = torch.zeros_like(x)
    for i in range(7):
        near = range(max(0, i - size // 2), min(6, i + (size - 1) // 2) + 1)
        out[0, i] = x[0, i] / (2 + 0.5 / size * sum(x[0, j] ** 2 for j in near)) ** 0.6
    close(out, case.output)


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru"])
def test_recurrent_layers(name: str) -> None:
    case = Case(name, (1, 4, 3), hidden_size=5, batch_first=True)
    parts = {key.rpartition(".")[2]: value for key, value in case.held.items()}
    h = c = torch.zeros(5, dtype=torch.float64)
    steps = []
    for x in case.inputs[0][0]:
        a = parts["weight_ih_l0"] @ x + parts["bias_ih_l0"]
        b = parts["weight_hh_l0"] @ h + parts["bias_hh_l0"]
        if name == "rnn":
            h = torch.tanh(a + b)
        elif name == "gru":
            r, z = step((a + b)[:5]), step((a + b)[5:10])
            h = (1 - z) * torch.tanh(a[10:] + r * b[10:]) + z * h
        else:
            i, f, g, o = (a + b).split(5)
            c = step(f) * c + step(i) * torch.tanh(g)
            h = step(o) * torch.tanh(c)
        steps.append(h)
    close(torch.stack(steps)[None], case.output)


def test_multihead_attention() -> None:
    case = Case("multihead_attention", (2, 4, 6), num_heads=2, batch_first=True)
    (x,) = case.inputs
    parts = case.held
    weight, bias = (next(v for k, v in parts.items() if k.endswith(f"in_proj_{part}")) for part in ("weight", "bias"))
    q, k, v = (x @ weight[n * 6 : n * 6 + 6].T + bias[n * 6 : n * 6 + 6] for n in range(3))
    heads = []
    for n in range(2):
        own = slice(3 * n, 3 * n + 3)
        share = torch.softmax(q[..., own] @ k[..., own].transpose(1, 2) / math.sqrt(3), -1)
        heads.append(share @ v[..., own])
    out_weight, out_bias = (
        next(v for k, v in parts.items() if k.endswith(f"linear.{part}")) for part in ("weight", "bias")
    )
    close(torch.cat(heads, -1) @ out_weight.T + out_bias, case.output)
