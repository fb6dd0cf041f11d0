"""Kinds that torch has no layer for, run and compared with what they are defined to compute."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from convcalc.kinds import all_kinds
from convcalc.pytorch.lower import compute
from convcalc.pytorch.module import GraphModule


def module_of(name: str, *shapes: tuple[int, ...], **arguments: Any) -> GraphModule:
    return GraphModule(all_kinds()[name].build(*shapes, **arguments), dtype=torch.float64).eval()


def is_stored(module: GraphModule) -> dict[str, Tensor]:
    return dict(module.named_parameters())


@pytest.mark.parametrize(("kind", "channels"), [("deformable", 18), ("deformable_v2", 27)])
@pytest.mark.parametrize("dilation", [1, 2, 3])
def test_deformable_with_constant_offsets_is_a_dilated_convolution(kind: str, channels: int, dilation: int) -> None:
    """Zero offsets give the plain convolution; (d-1) p_n moves each tap where a dilated one reads."""
    module = module_of(kind, (2, 4, 9, 8), out_channels=6, padding=1)
    parts = is_stored(module)
    taps = torch.tensor([[y, x] for y in (-1.0, 0.0, 1.0) for x in (-1.0, 0.0, 1.0)], dtype=torch.float64)
    with torch.no_grad():
        parts["0.offset.conv.weight"].zero_()
        parts["0.offset.conv.bias"][:18] = ((dilation - 1) * taps).reshape(-1)
        if channels == 27:
            parts["0.offset.conv.bias"][18:] = 40.0  # a sigmoid of 1
    x = torch.randn(2, 4, 9, 8, dtype=torch.float64)
    wanted = F.conv2d(x, parts["0.weight"], parts["0.bias"], padding=dilation, dilation=dilation)
    torch.testing.assert_close(module(x), wanted)


def test_a_mask_of_one_half_halves_every_tap() -> None:
    module = module_of("deformable_v2", (1, 4, 6, 6), out_channels=3, padding=1, bias=False)
    parts = is_stored(module)
    with torch.no_grad():
        parts["0.offset.conv.weight"].zero_()
        parts["0.offset.conv.bias"].zero_()
    x = torch.randn(1, 4, 6, 6, dtype=torch.float64)
    torch.testing.assert_close(module(x), 0.5 * F.conv2d(x, parts["0.weight"], padding=1))


def test_conv_offset_with_zero_offsets_passes_its_input_on() -> None:
    module = module_of("conv_offset", (1, 3, 5, 7))
    with torch.no_grad():
        is_stored(module)["0.offset.conv.weight"].zero_()
    x = torch.randn(1, 3, 5, 7, dtype=torch.float64)
    torch.testing.assert_close(module(x), x)


def test_involution_is_a_weighted_sum_over_the_neighbourhood() -> None:
    module = module_of("involution", (1, 8, 6, 6), kernel_size=3, group_channels=4, reduction=2)
    x = torch.randn(1, 8, 6, 6, dtype=torch.float64)
    parts = is_stored(module)
    narrow = F.conv2d(x, parts["0.reduce.conv.weight"])
    narrow = torch.relu(narrow / (1 + 1e-5) ** 0.5)
    kernels = F.conv2d(narrow, parts["0.span.conv.weight"], parts["0.span.conv.bias"])
    wanted = torch.zeros_like(x)
    padded = F.pad(x, (1, 1, 1, 1))
    for channel in range(8):
        for tap in range(9):
            weight = kernels[:, (channel // 4) * 9 + tap]
            wanted[:, channel] += weight * padded[:, channel, tap // 3 : tap // 3 + 6, tap % 3 : tap % 3 + 6]
    torch.testing.assert_close(module(x), wanted)


@pytest.mark.parametrize(("channels", "filters", "part"), [(8, 8, 4), (12, 6, 3), (8, 6, 4), (8, 2, 4), (4, 4, 4)])
def test_every_hetconv_filter_has_its_share_of_each_kernel(channels: int, filters: int, part: int) -> None:
    module = module_of("hetconv", (1, channels, 5, 5), out_channels=filters, part=part)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.fill_(1.0)
    x = torch.ones(1, channels, 5, 5, dtype=torch.float64, requires_grad=True)
    result = module(x)
    seen = []
    for number in range(filters):
        (gradient,) = torch.autograd.grad(result[0, number, 2, 2], x, retain_graph=True)
        taps = [int((gradient[0, c] != 0).sum()) for c in range(channels)]
        assert sorted(taps) == [1] * (channels - channels // part) + [9] * (channels // part)
        seen.append(tuple(taps))
    assert len(set(seen)) == min(filters, part)  # which channels get the k x k shifts with the filter


@pytest.mark.parametrize("kind", ["condconv", "dynamic"])
def test_mixed_kernels_are_one_convolution_per_sample(kind: str) -> None:
    count = {"num_experts": 3} if kind == "condconv" else {"num_kernels": 3}
    module = module_of(kind, (2, 4, 6, 6), out_channels=6, padding=1, groups=2, **count)
    x = torch.randn(2, 4, 6, 6, dtype=torch.float64)
    parts = is_stored(module)
    pooled = x.mean((2, 3))
    if kind == "condconv":
        weights = parts["0.routing.linear.weight"], parts["0.routing.linear.bias"]
        shares = torch.sigmoid(F.linear(pooled, *weights))
    else:
        narrow = torch.relu(F.linear(pooled, parts["0.attention.linear.weight"]))
        last = parts["0.attention.linear_1.weight"], parts["0.attention.linear_1.bias"]
        shares = torch.softmax(F.linear(narrow, *last), 1)
    for sample in range(2):
        weight = sum(share * w for share, w in zip(shares[sample], parts["0.weight"], strict=True))
        bias = sum(share * b for share, b in zip(shares[sample], parts["0.bias"], strict=True))
        wanted = F.conv2d(x[sample : sample + 1], weight, bias, padding=1, groups=2)
        torch.testing.assert_close(module(x)[sample : sample + 1], wanted)


@pytest.mark.parametrize("order", ["xw_first", "ax_first"])
def test_gcn_multiplies_by_its_adjacency(order: str) -> None:
    graph = all_kinds()["gcn"].build((6, 4), out_channels=3, edges=11, order=order)
    module = GraphModule(graph, dtype=torch.float64)
    buffers = dict(module.named_buffers())
    rows, columns = buffers["0.adjacency_places"]
    assert len(set(zip(rows.tolist(), columns.tolist(), strict=True))) == 17  # 11 edges and 6 loops, none twice
    dense = torch.zeros(6, 6, dtype=torch.float64).index_put((rows, columns), buffers["0.adjacency"], accumulate=True)
    parts = is_stored(module)
    x = torch.randn(6, 4, dtype=torch.float64, requires_grad=True)
    wanted = dense @ (x @ parts["0.linear.weight"].T) + parts["0.bias"]
    torch.testing.assert_close(module(x), wanted)
    module(x).sum().backward()
    assert x.grad is not None


def test_chebyshev_terms_follow_their_recurrence() -> None:
    module = module_of("cheb", (5, 4), out_channels=3, edges=8, num_terms=4)
    buffers = dict(module.named_buffers())
    rows, columns = buffers["0.adjacency_places"]
    dense = torch.zeros(5, 5, dtype=torch.float64).index_put((rows, columns), buffers["0.adjacency"], accumulate=True)
    parts = is_stored(module)
    x = torch.randn(5, 4, dtype=torch.float64)
    terms = [x, dense @ x]
    for _ in range(2):
        terms.append(2 * dense @ terms[-1] - terms[-2])
    names = [name for name in parts if name.endswith("weight")]
    wanted = parts["0.bias"] + sum(t @ parts[name].T for t, name in zip(terms, names, strict=True))
    torch.testing.assert_close(module(x), wanted)


def test_octave_adds_its_four_paths() -> None:
    module = module_of("octave", (1, 4, 8, 8), (1, 4, 4, 4), out_channels=8)
    high, low = torch.randn(1, 4, 8, 8, dtype=torch.float64), torch.randn(1, 4, 4, 4, dtype=torch.float64)
    weight = {name.split(".")[1]: part for name, part in is_stored(module).items()}

    def conv(x: Tensor, name: str) -> Tensor:
        return F.conv2d(x, weight[name], padding=1)

    up = F.interpolate(conv(low, "low_to_high"), scale_factor=2)
    wanted = conv(high, "high_to_high") + up, conv(F.avg_pool2d(high, 2), "high_to_low") + conv(low, "low_to_low")
    for mine, theirs in zip(module(high, low), wanted, strict=True):
        torch.testing.assert_close(mine, theirs)


def test_split_attention_weighs_the_splits() -> None:
    module = module_of("splat", (2, 8, 6, 6), padding=1, bias=False, cardinality=2)
    x = torch.randn(2, 8, 6, 6, dtype=torch.float64)
    parts, scale = is_stored(module), (1 + 1e-5) ** 0.5
    y = torch.relu(F.conv2d(x, parts["0.conv.weight"], padding=1, groups=4) / scale)
    splits = y.split(8, dim=1)
    pooled = (splits[0] + splits[1]).mean((2, 3), keepdim=True)
    narrow = F.conv2d(pooled, parts["0.squeeze.conv.weight"], parts["0.squeeze.conv.bias"], groups=2)
    scores = F.conv2d(torch.relu(narrow / scale), parts["0.excite.conv.weight"], parts["0.excite.conv.bias"], groups=2)
    shares = torch.softmax(scores.reshape(2, 2, 2, 4), dim=2)  # batch, cardinality, radix, channels of a group
    wanted = sum(part * shares[:, :, r].reshape(2, 8, 1, 1) for r, part in enumerate(splits))
    torch.testing.assert_close(module(x), wanted)


def test_shuffled_groups_let_every_output_see_every_input() -> None:
    module = module_of("shuffled_grouped", (1, 6, 1, 1), out_channels=6, groups=2, second_groups=3)
    x = torch.ones(1, 6, 1, 1, dtype=torch.float64, requires_grad=True)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.fill_(1.0)
    for number in range(6):
        (gradient,) = torch.autograd.grad(module(x)[0, number].sum(), x)
        assert (gradient != 0).all()


def test_a_rank_one_pair_is_the_texts_cost() -> None:
    """per_pair gives each (input, output) pair a kernel of rank 1: the composed kernel shows it."""
    module = module_of("spatially_separable", (1, 2, 5, 5), out_channels=3, sharing="per_pair")
    x = torch.zeros(1, 2, 5, 5, dtype=torch.float64, requires_grad=True)
    for number in range(3):
        (gradient,) = torch.autograd.grad(module(x)[0, number, 1, 1], x)
        for channel in range(2):
            assert torch.linalg.matrix_rank(gradient[0, channel]) == 1


def test_a_filled_pad_is_the_value_of_its_channel() -> None:
    graph = all_kinds()["dbb"].build((1, 4, 5, 5), out_channels=4)
    pad = next(node for node in graph.nodes if type(node.op).__name__ == "Pad" and len(node.inputs) > 1)
    value = torch.arange(4.0)
    padded = compute(pad.op, [torch.zeros(1, 4, 5, 5), value])
    torch.testing.assert_close(padded[0, :, 0, 0], value)
    assert not padded[..., 1:-1, 1:-1].any()


GATES = {
    "se": ((1, 32, 8, 8), {}, 2), "sk": ((1, 32, 8, 8), {}, 4), "splat": ((1, 32, 8, 8), {"padding": 1}, 3),
    "scconv": ((1, 32, 8, 8), {}, 4),
}  # fmt: skip
"""Kinds whose gates the papers do not count, with how many convolutions each has (1x1s included)."""


@pytest.mark.parametrize("name", GATES)
def test_gates_are_no_contractions(name: str) -> None:
    from convcalc.kinds import find
    from convcalc.ops import Conv, Einsum

    shape, arguments, convolutions = GATES[name]
    graph = find(name)[0].build(shape, **arguments)
    assert not any(isinstance(node.op, Einsum) for node in graph.nodes)
    assert sum(isinstance(node.op, Conv) for node in graph.nodes) == convolutions
