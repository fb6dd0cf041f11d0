"""`spellings`: how a name may be written, by rules: cases, spaces, plurals, `convolution`, `block`, Chinese variants.

`ALIASES` holds other names, `NETWORKS` the names of whole networks with the kinds they are made of.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    "split_attention": "splat", "splat_conv": "splat", "分离注意力模块": "splat",
    "resnest_block": "resnest_bottleneck",
    "selective_kernel": "sk", "skconv": "sk", "sk_unit": "sk", "self_calibrated": "scconv", "自校正卷积": "scconv",
    "graph_conv": "gcn", "graph_convolution": "gcn", "图卷积": "gcn", "cheb_conv": "cheb",
    "average_pool": "avg_pool", "最大池化": "max_pool", "平均池化": "avg_pool", "gap": "global_avg_pool",
    "全局平均池化": "global_avg_pool",
    "bn": "batch_norm", "sync_batch_norm": "batch_norm", "lrn": "local_response_norm",
    "cross_map_lrn": "local_response_norm",
        "批归一化": "batch_norm", "swish": "silu", "cat": "concat",
    "interpolate": "upsample",
    "上采样": "upsample", "像素重排": "pixel_shuffle", "通道混洗": "channel_shuffle",
    "fc": "linear", "全连接": "linear", "mul": "multiply",
    # the names of tutorials
    "回旋": "conv", "普通卷积": "conv", "微步卷积": "conv_transpose",
    "分数步长卷积": "conv_transpose",
    "fractionally_strided_conv": "conv_transpose", "阿特鲁卷积": "dilated", "带孔卷积": "dilated",
    "atrous_conv": "dilated",
    "点态卷积": "pointwise", "点卷积": "pointwise", "投影层": "pointwise", "1x1": "pointwise", "pwc": "pointwise",
    "projection": "pointwise", "gc": "grouped", "gconv": "grouped", "群卷积": "grouped", "dwc": "depthwise",
    "dwconv": "depthwise",
    "宽度卷积": "depthwise", "可分离卷积": "depthwise_separable", "pgc": "pointwise_grouped",
    "pointwise_grouped_conv": "pointwise_grouped",
    "pointwise_group_conv": "pointwise_grouped", "逐点组卷积": "pointwise_grouped",
    "spatially_separable_conv": "spatially_separable",
    "spatial_separable_conv": "spatially_separable", "depthwise_separable_conv": "depthwise_separable",
    "spatial_and_cross_channel_conv": "spatial_cross_channel", "spatial_and_cross_channel": "spatial_cross_channel",
    "spatial_cross_channel_conv": "spatial_cross_channel", "跨通道卷积": "spatial_cross_channel",
    "shuffled_grouped_conv": "shuffled_grouped", "通道混洗分组卷积": "shuffled_grouped",
    "变形卷积": "deformable", "deformable_convnet": "deformable", "deformable_convnets_v1": "deformable",
    "deformable_conv_v1": "deformable",
    "deformable_convnets_v2": "deformable_v2", "deformable_conv_v2": "deformable_v2", "dcnv1": "deformable",
    "可变形卷积v2": "deformable_v2",
    "瓶颈": "bottleneck", "残差": "resnet_basic", "residual": "resnet_basic", "skip_connection": "add",
    "跳跃连接": "add",
    "残差连接": "add", "residual_connection": "add", "shortcut": "add",
    "inceptionv1": "inception_v1",
    "网中网": "nin_mlpconv", "network_in_network": "nin_mlpconv", "asymmetric_conv": "acb", "非对称": "acb",
    "多样分支": "dbb",
    "diverse_branch": "dbb", "depthwise_over_parameterized_conv": "do_conv", "depthwise_overparameterized": "do_conv",
    "逐深度过参数化卷积": "do_conv", "heterogeneous": "hetconv", "heterogeneous_conv": "hetconv",
    "heterogeneous_kernel": "hetconv",
    "conditionally_parameterized": "condconv", "conditionally_parameterized_conv": "condconv", "条件卷积": "condconv",
    "ghost_conv": "ghost", "self_calibrated_conv": "scconv", "split_attention_conv": "splat",
    "通道加权计算": "se", "通道加权": "se",
    "通道注意力": "se", "channel_attention": "se", "graph_convolutional": "gcn", "graph_convolutional_network": "gcn",
    "chebyshev": "cheb", "chebyshev_conv": "cheb", "dense_connection": "concat", "池化": "max_pool",
    "maxpooling": "max_pool",
    "average_pooling": "avg_pool", "global_average_pool": "global_avg_pool", "gmp": "global_max_pool",
    "全局最大池化": "global_max_pool",
    "最近邻插值": "upsampling_nearest", "双线性插值": "upsampling_bilinear",
    "nearest_interpolation": "upsampling_nearest",
    "bilinear_interpolation": "upsampling_bilinear", "nearest_neighbor_interpolation": "upsampling_nearest",
    "通道混淆": "channel_shuffle", "fully_connected": "linear",
    "局部响应归一化": "local_response_norm",
    "local_response_normalization": "local_response_norm", "batch_normalization": "batch_norm",
    "layer_normalization": "layer_norm",
    "group_normalization": "group_norm", "instance_normalization": "instance_norm",
    "layernormalization": "layer_norm",
    "transpose": "conv_transpose", "transpose_conv": "conv_transpose", "带洞卷积": "dilated", "自校准卷积": "scconv",
    "nearest_neighbor_upsampling": "upsampling_nearest", "nearest_upsampling": "upsampling_nearest",
    "bilinear_upsampling": "upsampling_bilinear", "多样化分支": "dbb", "洗牌分组卷积": "shuffled_grouped",
    "通道重排": "channel_shuffle", "chebnet": "cheb", "层归一化": "layer_norm", "组归一化": "group_norm",
    "实例归一化": "instance_norm", "密集块": "dense_block", "稠密块": "dense_block",
    "多头注意力": "multihead_attention",
    "自注意力": "multihead_attention", "亚像素卷积": "subpixel", "子像素卷积": "subpixel", "幽灵卷积": "ghost",
    "shortcut_connection": "add", "depthwise_over_parameterized": "do_conv", 
    "transition": "dense_transition",
    "attention": "multihead_attention", "attn": "multihead_attention", "self_attention": "multihead_attention",
    "循环": "rnn", "长短期记忆": "lstm",
    "rectified_linear_unit": "relu", "激活": "relu", "线性整流": "relu",
}  # fmt: skip

NETWORKS: Final[dict[str, tuple[str, ...]]] = {
    "alexnet": ("conv", "relu", "local_response_norm", "max_pool", "linear", "dropout"),
    "vgg": ("stacked", "conv", "relu", "max_pool", "linear"),
    "lenet": ("conv", "avg_pool", "tanh", "linear"),
    "googlenet": ("inception_v1", "conv", "max_pool", "global_avg_pool", "linear"),
    "inception": (
        "inception_v1_naive", "inception_v1", "inception_v2", "inception_v3_a", "inception_v3_b", "inception_v3_c",
        "inception_v4_a", "inception_v4_b", "inception_v4_c",
    ),
    "inception_net": ("inception_v1", "inception_v2", "inception_v3_a", "inception_v4_a", "inception_resnet_block35"),
    "inception_v2": ("inception_v2", "inception_v2_reduction"),
    "inception_v3": ("inception_v3_a", "inception_v3_b", "inception_v3_c", "inception_v3_d", "inception_v3_e"),
    "inception_v4": (
        "inception_v4_stem_3a", "inception_v4_stem_4a", "inception_v4_stem_5a", "inception_v4_a",
        "inception_v4_reduction_a", "inception_v4_b", "inception_v4_reduction_b", "inception_v4_c",
    ),
    "inception_resnet": (
        "inception_resnet_block35", "inception_resnet_reduction_a", "inception_resnet_block17",
        "inception_resnet_reduction_b", "inception_resnet_block8",
    ),
    "resnet": ("resnet_basic", "resnet_bottleneck", "conv", "batch_norm", "relu", "add"),
    "残差网络": ("resnet_basic", "resnet_bottleneck", "conv", "batch_norm", "relu", "add"),
    "resnext": ("resnet_bottleneck", "grouped", "spatial_cross_channel"),
    "wide_resnet": ("resnet_basic", "resnet_bottleneck"),
    "se_resnet": ("se_resnet_bottleneck", "se"),
    "resnest": ("resnest_bottleneck", "splat"),
    "sknet": ("sk",),
    "scnet": ("scconv", "scbottleneck"),
    "densenet": ("dense_layer", "dense_block", "dense_transition"),
    "mobilenet": ("depthwise_separable", "inverted_residual", "se"),
    "mobilenet_v1": ("depthwise_separable", "depthwise", "pointwise"),
    "mobilenet_v2": ("inverted_residual",),
    "mobilenet_v3": ("inverted_residual", "se", "hardswish"),
    "efficientnet": ("inverted_residual", "fused_mbconv", "se"),
    "efficientnet_v2": ("fused_mbconv", "inverted_residual", "se"),
    "mnasnet": ("inverted_residual", "depthwise_separable"),
    "squeezenet": ("pointwise", "conv", "concat", "relu", "max_pool"),
    "fire": ("pointwise", "conv", "relu", "concat"),
    "xception": ("depthwise_separable", "pointwise", "depthwise"),
    "shufflenet": (
        "shufflenet_unit_a", "shufflenet_unit_b", "shufflenet_unit_c", "channel_shuffle", "pointwise_grouped",
    ),
    "shufflenet_v1": (
        "shufflenet_unit_a", "shufflenet_unit_b", "shufflenet_unit_c", "channel_shuffle", "pointwise_grouped",
    ),
    "密集网络": ("dense_layer", "dense_block", "dense_transition"),
    "稠密网络": ("dense_layer", "dense_block", "dense_transition"),
    "shufflenet_v2": ("channel_shuffle", "depthwise", "pointwise", "concat", "slice"),
    "ghostnet": ("ghost", "ghost_bottleneck"),
    "acnet": ("acb",),
    "repvgg": ("conv", "batch_norm", "add", "acb", "dbb"),
    "convnext": ("depthwise", "layer_norm", "linear", "gelu"),
    "unet": ("conv", "relu", "max_pool", "conv_transpose", "concat"),
    "fcn": ("conv", "max_pool", "conv_transpose", "add"),
    "deeplab": ("dilated", "global_avg_pool", "depthwise_separable", "concat", "upsample"),
    "aspp": ("dilated", "pointwise", "global_avg_pool", "concat"),
    "wavenet": ("dilated", "multiply", "add"),
    "atrous_spatial_pyramid_pool": ("dilated", "pointwise", "global_avg_pool", "concat"),
    "空洞空间金字塔池化": ("dilated", "pointwise", "global_avg_pool", "concat"),
    "混合空洞卷积": ("dilated",),
    "vision_transformer": ("transformer_encoder_layer", "multihead_attention", "layer_norm", "linear", "gelu"),
    "hdc": ("dilated",),
    "hybrid_dilated_conv": ("dilated",),
    "espcn": ("subpixel", "pixel_shuffle"),
    "transformer": ("transformer_encoder_layer", "multihead_attention", "layer_norm", "linear"),
    "vit": ("transformer_encoder_layer", "multihead_attention", "layer_norm", "linear", "gelu"),
}  # fmt: skip
"""What people call by a network's name, or by a block's that is no kind, and the kinds it is made of."""
SEE: Final = {
    "混合空洞卷积": "convcalc hdc-check 1,2,5", "atrous_spatial_pyramid_pool": "convcalc summary @aspp_v3",
    "hdc": "convcalc hdc-check 1,2,5", "hybrid_dilated_conv": "convcalc hdc-check 1,2,5",
    "aspp": "convcalc summary @aspp_v3",
    "unet": "convcalc summary @unet", "wavenet": "convcalc rf @wavenet", "deeplab": "convcalc summary @aspp_v3",
}  # fmt: skip
"""The command that answers what is most often asked of one of them."""

_WORDS: Final = (
    (re.compile(r"(?<=.)\([^()]*\)"), ""),
    (re.compile("convolutions?|convs"), "conv"),
    (re.compile("pooling"), "pool"),
    (re.compile("average"), "avg"),
    (re.compile("maximum"), "max"),
    (re.compile("可变性"), "可变形"),
    (re.compile("深度方向|逐深度"), "深度"),
    (re.compile("(?<!可)分离"), "可分离"),
    (re.compile("可分(?!离)"), "可分离"),
    (re.compile("混淆"), "混洗"),
    (re.compile("超参数"), "过参数"),
    (re.compile("卷积核$"), "卷积"),
    (re.compile("扁平化"), "扁平"),
    (re.compile("一维|1维"), "1d"),
    (re.compile("二维|2维"), "2d"),
    (re.compile("三维|3维"), "3d"),
    (re.compile("批量归一化"), "批归一化"),
    (re.compile("neighbour"), "neighbor"),
    (re.compile("normalisation|normalization"), "norm"),
    (re.compile("(block|module|unit)(v[1-9])$"), r"\2"),
    (re.compile("convlayer|convolutional(layer)?$"), "conv"),
    (re.compile(r"^(?!1x1)\d+x\d+(?=conv|卷积)"), ""),
    (re.compile("空间上"), "空间"),
)
"""Other forms of the same word."""
_ENDINGS: Final = re.compile("(conv|block|module|unit|layer|s|卷积|操作|运算|层|块|模块|单元)$")
_RANKED: Final = (re.compile(r"(.*?)([123])d$"), re.compile(r"([123])d(.+)$"))


def plain(name: str) -> str:
    """Return a name as lookup sees it: lower case, × as x, without spaces, `-`, `_` and apostrophes."""
    bare = unicodedata.normalize("NFKC", name).lower().replace("×", "x")
    if not bare.isascii():
        bare = re.sub("[\u0300-\u036f]", "", unicodedata.normalize("NFD", bare))
    return re.sub(r"[\s_\-–'’]", "", bare)


def canonical(name: str) -> str:
    """Return the plain name with the usual form of each word.

    >>> canonical("Octave Convolutions"), canonical("深度可分卷积")
    ('octaveconv', '深度可分离卷积')
    """
    name = plain(name)
    for pattern, word in _WORDS:
        name = pattern.sub(word, name)
    return name


def spellings(name: str) -> Iterator[str]:
    """Yield what a name may be looked up by: as it is, in canonical form, then without its endings, one after another.

    >>> list(spellings("Ghost Modules"))
    ['ghostmodules', 'ghostmodulesconv', 'ghostmodule', 'ghostmoduleconv', 'ghost', 'ghostconv']
    """
    seen = dict.fromkeys((plain(name), canonical(name)))
    short = canonical(name)
    while (shorter := _ENDINGS.sub("", short)) != short and len(shorter) > 1:
        short = shorter
        seen[short] = None
    for part in seen:
        yield part
        if not part.endswith("conv") and not part.endswith("卷积"):
            yield part + ("卷积" if not part.isascii() else "conv")


def of_network(name: str) -> str:
    """Return a name as networks are looked up by: `ResNet-50`, `EfficientNet-B0` and `VGG 16` without the size."""
    return re.sub(r"(large|small|tiny|base|(?<!v)(?<!\d)b?\d+[a-z]?)$", "", canonical(name))


def ranked(name: str) -> Iterator[tuple[str, int | None]]:
    """Yield a name, and the name without the rank at its end or start (`conv2d`, `3D convolution`), with that rank."""
    yield name, None
    ending, start = (pattern.fullmatch(canonical(name)) for pattern in _RANKED)
    if ending:
        yield ending[1], int(ending[2])
    elif start:
        yield start[2], int(start[1])
