"""What official code does at its edges: widths rounded, paddings, pools, refusals. Sources named at each."""

from __future__ import annotations

from typing import Any

import pytest

from convcalc.analyses.counts.macs import macs
from convcalc.analyses.counts.params import params
from convcalc.analyses.field.fields import fields
from convcalc.analyses.field.receptive import receptive
from convcalc.errors import ShapeError
from convcalc.graph import Graph
from convcalc.kinds import find


def built(name: str, *shapes: tuple[int, ...], **arguments: Any) -> Graph:
    return find(name)[0].build(*shapes, **arguments)


def gate_width(graph: Graph) -> int:
    """Channels of the squeezed map: the first 1x1 under `squeeze`."""
    return next(n.output.channels for n in graph.nodes if "squeeze" in n.scope and type(n.op).__name__ == "Conv")


@pytest.mark.parametrize(
    ("mid", "wanted"),
    # huawei-noah/ghostnet _make_divisible(mid * 0.25, 4): 4.5 -> 4 is below 0.9 * 4.5, so 8
    [(16, 4), (18, 8), (19, 8), (24, 8), (36, 12), (40, 12), (72, 20), (120, 32), (672, 168)],
)
def test_ghostnets_gate_is_rounded_before_anything_is_dropped(mid: int, wanted: int) -> None:
    def official(v: float) -> int:
        rounded = max(4, int(v + 2) // 4 * 4)
        return rounded + 4 if rounded < 0.9 * v else rounded

    assert official(mid * 0.25) == wanted
    graph = built("ghost_bottleneck", (1, 8, 8, 8), mid_channels=mid, out_channels=8, se_ratio=0.25)
    assert gate_width(graph) == wanted


def test_scnet_pools_only_strided_or_first_blocks() -> None:
    """MCG-NKU/SCNet: self.avd = avd and (stride > 1 or is_first)."""
    assert macs(built("scbottleneck", (1, 64, 16, 16), avd=True)) == macs(built("scbottleneck", (1, 64, 16, 16)))
    for arguments, size in (({"avd": True}, (12, 16)), ({"avd": True, "is_first": True}, (16, 16))):
        graph = built("scbottleneck", (1, 64, 32, 32), **arguments)
        one = receptive(fields(graph)[graph.outputs[0].index], 2)
        assert one is not None
        assert (one.size_min[0], one.size_max[0]) == size or arguments.get("is_first")
        pools = [n for n in graph.nodes if type(n.op).__name__ == "Pool"]
        assert len(pools) == (3 if arguments.get("is_first") else 1)


def test_pyconv3_gives_half_of_its_width_to_the_largest_kernel() -> None:
    """iduta/pyconv: PyConv3's widths are planes/4, planes/4, planes/2."""
    graph = built("multi_kernel", (1, 16, 8, 8), out_channels=96, kernel_size=(3, 5, 7), groups=(1, 1, 1))
    assert params(graph).total == 16 * (24 * 9 + 24 * 25 + 48 * 49)


def test_depthwise_steps_pad_k_minus_1_over_2() -> None:
    """GhostNet's conv_dw and torchvision's ConvNormActivation: (kernel_size - 1) // 2."""
    ghost = built("ghost_bottleneck", (1, 8, 14, 16), mid_channels=16, out_channels=8, kernel_size=4, stride=2)
    assert ghost.outputs[0].shape[2:] == (7, 8)
    mbconv = built("inverted_residual", (1, 8, 8, 8), out_channels=8, kernel_size=4, stride=2)
    assert mbconv.outputs[0].shape[2:] == (4, 4)


def test_mobilenet_v3_blocks() -> None:
    """torchvision mobilenet_v3_small features.4: 40 -> 240 -> 40, 5x5, hardswish, gate 64; parameters by hand."""
    graph = built(
        "inverted_residual", (1, 40, 14, 14), mid_channels=240, kernel_size=5, squeeze_channels=64,
        activation="hardswish", hard_gate=True,
    )  # fmt: skip
    weights = 40 * 240 + 25 * 240 + 240 * 40
    assert params(graph).total == weights + 2 * (240 + 240 + 40) + 2 * 240 * 64 + 64 + 240
    assert macs(graph) == 14 * 14 * weights + 2 * 240 * 64
    functions = {n.op.function for n in graph.nodes if hasattr(n.op, "function")}
    assert {"hardswish", "hardsigmoid", "relu"} <= functions


def test_mbconv_squeezes_to_one_channel_at_least() -> None:
    """torchvision: squeeze_channels = max(1, input_channels // 4)."""
    assert gate_width(built("inverted_residual", (1, 3, 8, 8), activation="silu", reduction=4)) == 1


def test_a_radix_of_0_is_a_plain_grouped_convolution() -> None:
    """zhanghang1989/ResNeSt: without a radix the block has an ordinary 3x3 and its norm."""
    graph = built("resnest_bottleneck", (1, 64, 8, 8), radix=0, cardinality=2)
    assert params(graph).weights == 2 * 64 * 32 + 9 * 32 * 16


@pytest.mark.parametrize(
    ("name", "shapes", "arguments", "message"),
    [
        ("octave", [(1, 8, 7, 8)], {"out_channels": 8}, "must be even at stride 1"),
        ("octave", [(1, 8, 8, 8), (1, 8, 3, 4)], {"out_channels": 8}, "the low map is 3 where half of 8 is needed"),
        ("octave", [(1, 8, 8, 8)], {"out_channels": 8, "alpha_out": 1.5}, "between 0 and 1"),
        ("octave", [(1, 8, 8, 8)], {"out_channels": 8, "stride": 3}, "must be 1 or 2"),
        ("octave", [(1, 8, 8, 8)], {"out_channels": 2, "alpha_out": 0.25}, "leaves no low channel"),
        ("octave", [(1, 8, 8, 8)], {"out_channels": 0, "alpha_out": 0}, "out_channels (0) must be at least 1"),
        ("hetconv", [(1, 8, 8, 8)], {"out_channels": 8, "part": 3}, "must be divisible by part (3)"),
        ("hetconv", [(1, 8, 8, 8)], {"out_channels": -1, "part": 2}, "out_channels (-1) must be at least 1"),
        ("hetconv", [(1, 8, 8, 8)], {"out_channels": 8, "part": 2, "kernel_size": 2}, "an even kernel (2)"),
        ("ghost", [(1, 8, 8, 8)], {"out_channels": 8, "ratio": 1}, "ratio (1) must be at least 2"),
        ("scconv", [(1, 7, 8, 8)], {}, "must be divisible by the two halves (2)"),
        ("scconv", [(1, 8, 3, 8)], {}, "the pool reaches over 4 positions"),
        ("involution", [(1, 24, 8, 8)], {}, "must be divisible by group_channels (16)"),
        ("involution", [(1, 16, 8, 8)], {"kernel_size": 4}, "an even kernel (4)"),
        ("involution", [(1, 16, 7, 8)], {"stride": 2}, "must be divisible by the stride (2)"),
        ("involution", [(1, 16, 8, 8)], {"stride": 0}, "stride (0) must be at least 1"),
        ("sk", [(1, 64, 8, 8)], {"kernel_size": (3, 4)}, "odd kernels of 3 and more"),
        ("se", [(1, 8, 8, 8)], {"reduction": 16}, "the squeezed width is 0"),
        ("se", [(1, 8, 8, 8)], {"reduction": 0}, "reduction (0) must be at least 1"),
        ("acb", [(1, 8, 8, 8)], {"out_channels": 8, "kernel_size": 4}, "no centre row"),
        ("acb", [(1, 8, 8, 8)], {"out_channels": 8, "dilation": 2}, "only 1 can be summed"),
        ("dbb", [(1, 8, 8, 8)], {"out_channels": 8, "padding": 0}, "must be kernel_size//2 (1)"),
        ("dbb", [(1, 16, 8, 8)], {"out_channels": 8, "groups": 8}, "a depthwise dbb keeps its 16 channels"),
        ("inception_v2_reduction", [(1, 64, 7, 8)], {}, "the map (7) must be even"),
        ("shufflenet_unit_c", [(1, 24, 8, 8)], {"out_channels": 24}, "must exceed the input's 24"),
        ("deformable", [(1, 6, 8, 8)], {"out_channels": 8, "offset_groups": 4}, "divisible by offset_groups (4)"),
        ("deformable", [(1, 6, 8)], {"out_channels": 8}, "deformable takes 2 spatial axes"),
        ("cheb", [(5, 4)], {"out_channels": 3, "edges": 4, "num_terms": 0}, "num_terms (0) must be between 1"),
        ("gcn", [(5, 4)], {"out_channels": 3, "edges": 4, "loops": 5}, "5 of 4 edges cannot be loops"),
        ("mixconv", [(1, 1, 8, 8)], {}, "1 channels for 2 kernels"),
        ("splat", [(1, 60, 8, 8)], {"cardinality": 3, "padding": 1}, "must be divisible by groups (3)"),
        ("resnet_basic", [(1, 8, 8, 8)], {"out_channels": 4, "shortcut": "pad"}, "cannot drop channels"),
        ("dense_block", [(1, 8, 8, 8)], {"num_layers": 10**9}, "between 1 and 1,000"),
    ],
)  # fmt: skip
def test_what_official_code_cannot_run_is_refused_in_one_line(
    name: str, shapes: list[tuple[int, ...]], arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ShapeError) as caught:
        built(name, *shapes, **arguments)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_circulating_errors_and_what_is_right() -> None:
    """The numbers widespread texts get wrong (catalogue, the seed audits)."""
    # 256 pointwise filters on 8x8x3 are 49,152 multiplications, not 49,512
    assert macs(built("pointwise", (1, 3, 8, 8), out_channels=256)) == 49_152
    # a 5x5 kernel on 12x12 leaves 8x8, not 12x12
    assert built("conv", (1, 3, 12, 12), out_channels=256, kernel_size=5).outputs[0].shape == (1, 256, 8, 8)
    # stride 2 does not double: 2x2 becomes 5x5 with kernel 3
    assert built("conv_transpose", (1, 1, 2, 2), out_channels=1, kernel_size=3, stride=2).outputs[0].shape[2] == 5
    # BN-Inception's 3a is dearer than GoogLeNet's: 33.5 % more weights
    ours = [params(built(name, (1, 192, 28, 28))).weights for name in ("inception_v2", "inception_v1")]
    assert ours == [218_112, 163_328] and round(ours[0] / ours[1], 3) == 1.335
    # an asymmetric block costs 5/3 in training and nothing once folded
    train, folded = (macs(built("acb", (1, 8, 8, 8), out_channels=8, padding=1, form=f)) for f in ("train", "folded"))
    assert train * 3 == folded * 5
    # a self-calibrated layer has the weights of the plain 3x3 and fewer MACs
    plain = built("conv", (1, 64, 56, 56), out_channels=64, kernel_size=3, padding=1, bias=False)
    calibrated = built("scconv", (1, 64, 56, 56))
    assert params(calibrated).weights == params(plain).weights and macs(calibrated) < macs(plain)
    # a depthwise separable convolution is 1/8.69 of the dense one for 256 channels, not a ninth
    separable = params(built("depthwise_separable", (1, 256, 8, 8), out_channels=256, padding=1)).weights
    assert (separable, round(589_824 / separable, 2)) == (67_840, 8.69)
    # offsets of a deformable 3x3 have 18 channels, whatever the features
    graph = built("deformable", (1, 64, 8, 8), out_channels=64, padding=1)
    assert next(n.output.channels for n in graph.nodes if "offset" in n.scope and n.inputs) == 18
    # an octave layer at stride 2 saves 3/4 alpha, not 3/4 alpha (2 - alpha)
    octave = macs(built("octave", (1, 32, 32, 32), (1, 32, 16, 16), out_channels=128, stride=2))
    dense = macs(built("conv", (1, 64, 32, 32), out_channels=128, kernel_size=3, stride=2, padding=1))
    assert octave * 8 == dense * 5
    # SE's gate is light: 8,192 MACs where a convolution has 100 million
    assert macs(built("se", (1, 256, 56, 56))) == 8_192
    # DO-Conv's field is that of one kernel, not of two
    graph = built("do_conv", (1, 8, 9, 9), out_channels=8, padding=1)
    one = receptive(fields(graph)[graph.outputs[0].index], 2)
    assert one is not None and one.size_max == [3, 3]
