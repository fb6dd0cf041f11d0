"""Every kind of layer by name, and the family (one file) whose import defines it.

Adding a kind: its recipe in the family's file, its name here, a golden line, the paper's formula in its test.
"""

from __future__ import annotations

import importlib
import re
from typing import Final

from convcalc.errors import SpecError, nearest
from convcalc.registry import KINDS, Kind

FAMILIES: Final[dict[str, tuple[str, ...]]] = {
    "convolution": (
        "conv", "conv_transpose", "pointwise", "dilated", "grouped", "depthwise", "depthwise_separable",
    ),
    "factorised": ("spatially_separable", "flattened", "stacked", "spatial_cross_channel", "bottleneck"),
    "grouping": (
        "pointwise_grouped", "shuffled_grouped", "shufflenet_unit_a", "shufflenet_unit_b", "shufflenet_unit_c",
    ),
    "deformable": ("deformable", "deformable_v2", "conv_offset"),
    "upsampling": ("resize_conv", "subpixel"),
    "residual": (
        "resnet_basic", "resnet_bottleneck", "se_resnet_bottleneck", "inverted_residual", "fused_mbconv",
    ),
    "dense": ("dense_layer", "dense_block", "dense_transition"),
    "inception": (
        "inception_v1_naive", "inception_v1", "inception_v2", "inception_v2_reduction", "inception_v3_a",
        "inception_v3_b", "inception_v3_c", "inception_v3_d", "inception_v3_e",
    ),
    "inception_v4": (
        "inception_v4_stem_3a", "inception_v4_stem_4a", "inception_v4_stem_5a", "inception_v4_a",
        "inception_v4_reduction_a", "inception_v4_b", "inception_v4_reduction_b", "inception_v4_c",
        "inception_resnet_block35", "inception_resnet_reduction_a", "inception_resnet_block17",
        "inception_resnet_reduction_b", "inception_resnet_block8",
    ),
    "multiscale": ("multi_kernel", "mixconv", "nin_mlpconv"),
    "reparameterised": ("acb", "dbb", "do_conv"),
    "cheaper": ("octave", "hetconv", "ghost", "ghost_bottleneck"),
    "dynamic": ("condconv", "dynamic", "involution"),
    "attention": ("se", "splat", "resnest_bottleneck", "sk"),
    "calibrated": ("scconv", "scbottleneck"),
    "graphs": ("gcn", "cheb"),
    "pooling": (
        "max_pool", "avg_pool", "adaptive_max_pool", "adaptive_avg_pool", "global_max_pool", "global_avg_pool",
    ),
    "norms": ("batch_norm", "layer_norm", "group_norm", "instance_norm"),
    "activations": (
        "relu", "relu6", "leaky_relu", "prelu", "elu", "selu", "celu", "gelu", "silu", "mish", "sigmoid", "tanh",
        "hardswish", "hardsigmoid", "hardtanh", "softplus", "softsign", "logsigmoid", "softmax", "log_softmax",
        "dropout", "alpha_dropout", "identity",
    ),
    "shaping": (
        "linear", "flatten", "upsample", "upsampling_nearest", "upsampling_bilinear", "pixel_shuffle",
        "channel_shuffle", "zero_pad", "constant_pad", "reflection_pad", "replication_pad", "circular_pad",
        "unfold", "concat", "add", "multiply", "slice",
    ),
}  # fmt: skip

ALIASES: Final[dict[str, str]] = {
    "convolution": "conv", "vanilla": "conv", "standard_conv": "conv", "卷积": "conv", "常规卷积": "conv",
    "标准卷积": "conv", "原始卷积": "conv",
    "conv_transposed": "conv_transpose", "transposed": "conv_transpose", "transposed_conv": "conv_transpose",
    "deconv": "conv_transpose", "deconvolution": "conv_transpose", "转置卷积": "conv_transpose",
    "反卷积": "conv_transpose",
    "pointwise_conv": "pointwise", "conv1x1": "pointwise", "逐点卷积": "pointwise", "1x1卷积": "pointwise",
    "atrous": "dilated", "dilated_conv": "dilated", "空洞卷积": "dilated", "扩张卷积": "dilated",
    "膨胀卷积": "dilated",
    "grouped_conv": "grouped", "group_conv": "grouped", "分组卷积": "grouped", "组卷积": "grouped",
    "depthwise_conv": "depthwise", "dw": "depthwise", "逐通道卷积": "depthwise", "深度卷积": "depthwise",
    "separable": "depthwise_separable", "separable_conv": "depthwise_separable", "dwsep": "depthwise_separable",
    "深度可分离卷积": "depthwise_separable",
    "空间可分离卷积": "spatially_separable", "spatial_separable": "spatially_separable",
    "flattened_conv": "flattened", "扁平卷积": "flattened", "stacked_conv": "stacked", "vgg_block": "stacked",
    "空间和跨通道卷积": "spatial_cross_channel", "逐点分组卷积": "pointwise_grouped",
    "混淆分组卷积": "shuffled_grouped", "shuffled_group_conv": "shuffled_grouped",
    "shufflenet_unit": "shufflenet_unit_b", "dcn": "deformable", "dcn_v1": "deformable",
    "可变形卷积": "deformable", "deformable_conv": "deformable", "dcn_v2": "deformable_v2",
    "modulated_deformable": "deformable_v2", "sub_pixel_conv": "subpixel", "espcn": "subpixel",
    "upsample_conv": "resize_conv", "basic_block": "resnet_basic", "resnet_block": "resnet_bottleneck",
    "mbconv": "inverted_residual", "mobilenet_v2_block": "inverted_residual", "倒残差": "inverted_residual",
    "densenet_layer": "dense_layer", "densenet_block": "dense_block", "densenet_transition": "dense_transition",
    "naive_inception": "inception_v1_naive", "植入块": "inception_v1_naive", "googlenet_block": "inception_v1",
    "inception": "inception_v1", "bn_inception": "inception_v2", "pyconv": "multi_kernel",
    "mixed_conv": "mixconv", "mlpconv": "nin_mlpconv", "nin": "nin_mlpconv",
    "acnet": "acb", "asymmetric_conv_block": "acb", "非对称卷积": "acb", "diverse_branch_block": "dbb",
    "acnet_v2": "dbb", "doconv": "do_conv", "深度超参数化卷积": "do_conv",
    "octconv": "octave", "octave_conv": "octave", "八度卷积": "octave", "异构卷积": "hetconv",
    "ghost_module": "ghost", "ghostconv": "ghost", "幻影卷积": "ghost",
    "条件参数化卷积": "condconv", "dynamic_conv": "dynamic", "dyconv": "dynamic", "动态卷积": "dynamic",
    "内卷": "involution", "squeeze_excitation": "se", "squeeze_and_excitation": "se", "senet": "se",
    "split_attention": "splat", "splat_conv": "splat", "分离注意力模块": "splat", "resnest_block": "resnest_bottleneck",
    "selective_kernel": "sk", "skconv": "sk", "sk_unit": "sk", "self_calibrated": "scconv", "自校正卷积": "scconv",
    "graph_conv": "gcn", "graph_convolution": "gcn", "图卷积": "gcn", "cheb_conv": "cheb",
    "average_pool": "avg_pool", "最大池化": "max_pool", "平均池化": "avg_pool", "gap": "global_avg_pool",
    "全局平均池化": "global_avg_pool",
    "bn": "batch_norm", "批归一化": "batch_norm", "swish": "silu", "cat": "concat", "interpolate": "upsample",
    "上采样": "upsample", "像素重排": "pixel_shuffle", "通道混洗": "channel_shuffle",
    "fc": "linear", "全连接": "linear", "mul": "multiply",
}  # fmt: skip

REFUSED: Final[dict[str, str]] = {
    "deformconv": "the offsets of DeformConv2d are an input of their own: use the kind `deformable`",
    "maxunpool": "its output depends on the indices of a pool, not on sizes alone",
    "dense": "it is Keras's name: write Linear(in_features, units)",
    "fold": "convcalc has no fold yet: conv_transpose does the same sum with a kernel",
}


def plain(name: str) -> str:
    """Return a name as lookup sees it: lower case, without `-` and `_`."""
    return name.lower().replace("_", "").replace("-", "")


HOME: Final[dict[str, tuple[str, str]]] = {
    plain(name): (family, name) for family, names in FAMILIES.items() for name in names
}
OTHER_NAMES: Final[dict[str, str]] = {plain(alias): plain(target) for alias, target in ALIASES.items()}
_RANKED = re.compile(r"^(.*?)([123])d$")


def find(word: str) -> tuple[Kind, int | None]:
    """Return the kind a word names and the rank its ending fixes (`conv2d`: 2), or None.

    Raises SpecError for a name that is no kind, saying which is nearest, and for Keras spellings.
    """
    word = word.removeprefix("keras.").removeprefix("layers.")
    name = plain(word)
    if re.search(r"[123]D(Transpose)?$", word) and not word.isupper():
        raise SpecError(f"{word} is Keras's name: {_translated(word)}")
    ranked = _RANKED.match(name)
    bases = [(name, None)] + ([(ranked[1], int(ranked[2]))] if ranked else [])
    for base, rank in bases:
        if base in REFUSED:
            raise SpecError(f"{word} cannot be a layer here: {REFUSED[base]}")
        place = HOME.get(OTHER_NAMES.get(base, base))
        if place:
            importlib.import_module(f"convcalc.kinds.{place[0]}")
            kind = KINDS[place[1]]
            if rank is not None and kind.ranks and rank not in kind.ranks:
                listed = ", ".join(f"{kind.torch or kind.name}{r}d" for r in kind.ranks)
                raise SpecError(f"there is no {word}: torch has {listed}")
            return kind, rank
    close = nearest(bases[-1][0], [*HOME, *OTHER_NAMES])
    raise SpecError(f"there is no kind {word!r}{close} (`convcalc kinds` lists them)")


def _translated(word: str) -> str:
    known = {
        "Conv": "Conv{r}d(in_channels, filters, kernel_size, stride=strides, dilation=dilation_rate)",
        "ConvTranspose": "ConvTranspose{r}d(in_channels, filters, kernel_size, stride=strides)",
        "MaxPooling": "MaxPool{r}d(pool_size, strides)",
        "AveragePooling": "AvgPool{r}d(pool_size, strides)",
        "DepthwiseConv": "depthwise kernel_size=... multiplier=depth_multiplier",
        "SeparableConv": "depthwise_separable out_channels=filters kernel_size=...",
        "UpSampling": "upsample scale_factor=...",
        "ZeroPadding": "ZeroPad{r}d(padding)",
        "GlobalAveragePooling": "global_avg_pool",
        "GlobalMaxPooling": "global_max_pool",
    }
    base, rank, transposed = re.fullmatch(r"(.*)([123])D(Transpose)?", word).groups("")  # type: ignore[union-attr]
    return "write " + known.get(base + transposed, base + "{r}d(...) with torch's arguments").replace("{r}", rank)


def all_kinds() -> dict[str, Kind]:
    """Import every family and return every kind by name."""
    for family in FAMILIES:
        importlib.import_module(f"convcalc.kinds.{family}")
    return {name: KINDS[name] for names in FAMILIES.values() for name in names}
