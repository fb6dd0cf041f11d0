"""The names of tutorial texts, and how they are written: by rules, not by a list alone."""

from __future__ import annotations

import json

import pytest

from convcalc.cli.app import run
from convcalc.errors import SpecError
from convcalc.kinds import NETWORKS, all_kinds, find, network

CHINESE = {
    "回旋": "conv", "2D卷积": "conv", "二维卷积": "conv", "微步卷积": "conv_transpose", "阿特鲁卷积": "dilated",
    "1×1卷积": "pointwise", "点态卷积": "pointwise", "投影层": "pointwise", "全连接层": "linear",
    "通道混淆": "channel_shuffle",
    "可分卷积": "depthwise_separable", "空间分离卷积": "spatially_separable", "空间可分卷积": "spatially_separable",
    "深度可分卷积": "depthwise_separable", "深度方向可分卷积": "depthwise_separable",
    "深度分离卷积": "depthwise_separable",
    "深度方向卷积": "depthwise", "逐深度卷积": "depthwise", "宽度卷积": "depthwise", "可变性卷积": "deformable",
    "变形卷积核": "deformable", "逐深度过参数化卷积": "do_conv", "通道加权计算": "se", "跳跃连接": "add",
    "瓶颈": "bottleneck",
    "最近邻插值": "upsampling_nearest", "双线性插值": "upsampling_bilinear", "池化": "max_pool",
    "网中网": "nin_mlpconv",
    "普通卷积": "conv", "可分离": "depthwise_separable", "混洗分组卷积": "shuffled_grouped",
    "残差块": "resnet_basic",
    "图卷积网络": "gcn", "批量归一化": "batch_norm", "多头注意力": "multihead_attention",
}  # fmt: skip
ENGLISH = {
    "Vanilla Convolution": "conv", "3D Convolution": "conv", "Transposed Convolution": "conv_transpose",
    "Transpose convolution": "conv_transpose", "Atrous convolution": "dilated", "À trous convolution": "dilated",
    "Flattened convolutions": "flattened", "1x1 Convolution": "pointwise", "1 × 1 conv": "pointwise",
    "pointwise (1×1) convolution": "pointwise", "Squeeze-and-Excitation (SE) block": "se",
    "dilated (atrous) convolution": "dilated",
    "Pointwise Convolutions": "pointwise", "Group convolution": "grouped",
    "Shuffled Grouped Convolution": "shuffled_grouped",
    "channel shuffle": "channel_shuffle", "Pointwise grouped convolution": "pointwise_grouped",
    "Spatial and Cross-Channel Convolutions": "spatial_cross_channel",
    "Separable Convolutions": "depthwise_separable",
    "Spatially Separable Convolutions": "spatially_separable",
    "Depthwise Separable Convolutions": "depthwise_separable",
    "Deformable Convolution": "deformable", "Deformable ConvNets v2": "deformable_v2", "Graph Convolution": "gcn",
    "Inception Block": "inception_v1", "Inception module": "inception_v1", "Asymmetric Convolution": "acb",
    "Diverse Branch Block": "dbb", "Octave Convolution": "octave", "Heterogeneous Convolution": "hetconv",
    "Conditionally Parameterized Convolutions": "condconv", "Dynamic Convolution": "dynamic",
    "Ghost modules": "ghost",
    "Self-Calibrated Convolution": "scconv", "Depthwise Over-parameterized Convolution": "do_conv",
    "ResNeSt Block": "resnest_bottleneck", "skip connection": "add", "Network In Network": "nin_mlpconv",
    "global average pooling": "global_avg_pool", "GConv": "grouped", "PGC": "pointwise_grouped",
    "DWConv": "depthwise",
    "PWC": "pointwise", "GC": "grouped", "SE block": "se", "Selective Kernel Networks": "sk",
    "max pooling layer": "max_pool",
    "Squeeze-and-Excitation Networks": "se", "nearest-neighbour interpolation": "upsampling_nearest",
    "Fully connected layers": "linear", "Local Response Normalization": "local_response_norm",
}  # fmt: skip
NETWORK_NAMES = {
    "ResNet": "resnet_bottleneck", "fire module": "concat", "SqueezeNet": "pointwise",
    "ResNet-50": "resnet_basic", "残差网络": "resnet_basic",
    "ResNeXt": "resnet_bottleneck",
    "ResNeXt block": "resnet_bottleneck", "ResNeSt": "splat", "DenseNet": "dense_block",
    "DenseNet121": "dense_layer",
    "ShuffleNet": "channel_shuffle", "MobileNet": "depthwise_separable", "MobileNet V2": "inverted_residual",
    "MobileNetV3-Large": "inverted_residual", "Xception": "depthwise_separable",
    "Xception module": "depthwise_separable",
    "VGG": "stacked", "VGG 16": "stacked", "AlexNet": "local_response_norm", "GhostNet": "ghost", "ASPP": "dilated",
    "HDC": "dilated", "Hybrid Dilated Convolution": "dilated", "Inception v3": "inception_v3_a",
    "Inception v4": "inception_v4_a", "EfficientNet-B0": "inverted_residual",
    "Vision Transformer": "transformer_encoder_layer",
}  # fmt: skip


@pytest.mark.parametrize(("name", "kind"), [*CHINESE.items(), *ENGLISH.items()])
def test_a_texts_own_name_is_understood(name: str, kind: str) -> None:
    assert find(name)[0].name == kind
    assert find(name.upper())[0].name == kind


def test_ranks_stand_before_or_behind_a_name() -> None:
    assert [find(name)[1] for name in ("3D Convolution", "1D卷积", "三维卷积", "conv2d", "max pooling")] == [
        3,
        1,
        3,
        2,
        None,
    ]


@pytest.mark.parametrize(("name", "part"), NETWORK_NAMES.items())
def test_a_networks_name_answers_with_the_kinds_it_is_made_of(
    name: str, part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert part in network(name)
    for command in ("kinds", "explain"):
        assert run([command, name, "-f", "json"]) == 0
        assert part in [row["name"] for row in json.loads(capsys.readouterr().out)["kinds"]]
    with pytest.raises(SpecError, match="is not a layer of its own: it is made of"):
        find(name)


def test_networks_are_made_of_kinds() -> None:
    assert {part for parts in NETWORKS.values() for part in parts} <= set(all_kinds())


def test_names_of_several_words_are_one_word_of_the_shell(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "Octave Convolution"]) == 0
    assert capsys.readouterr().out.startswith("octave: ")
    assert run(["kinds", "depthwise separable convolutions"]) == 0
    assert capsys.readouterr().out.startswith("depthwise_separable: ")
    assert run(["shape", "-i", "3x8x8", "Depthwise-Separable_Convolution", "c=8"]) == 0


def test_several_near_names_are_offered(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["kinds", "depthwize"]) == 2
    assert "did you mean 'depthwise'" in capsys.readouterr().err
    assert run(["kinds", "resnit"]) == 2
    assert "'resnet'" in capsys.readouterr().err
