"""Gates over channels and over branches: SE, SK, split attention and the block built on it."""

from convcalc.builder import Builder
from convcalc.errors import ShapeError
from convcalc.graph import Value
from convcalc.kinds.parts import conv_norm, gate, is_unit, squeezed
from convcalc.padding import Padding
from convcalc.registry import kind
from convcalc.shapes import divided
from convcalc.sizes import Size, Sizes, equal, largest


@kind(source="arXiv:1709.01507 (hujie-frank/SENet)")
def se(b: Builder, x: Value, *, reduction: Size = 16, squeeze_channels: Size | None = None, bias: bool = True) -> Value:
    """Weigh each channel by a function of all of them: pool, C to C/r, ReLU, back to C, sigmoid, multiply.

    The squeezed width is floor(C/reduction), or squeeze_channels. Biases as in the authors' Caffe code and torchvision;
    bias=false is the paper's count.

    Used for: any block of any network (SE-ResNet, MobileNetV3, EfficientNet).
    Gains: accuracy for almost no MACs: 2C^2/r per image, whatever its size.
    Costs: 2C^2/r parameters; two dependent steps that wait for the whole map; a pass over the map to scale it.
    Split: none. Transform: squeeze and excite. Merge: multiplication.
    """
    return gate(b, x, squeezed(b, x.channels, reduction) if squeeze_channels is None else squeeze_channels, bias=bias)


def _weighed(b: Builder, parts: list[Value], attention: Value, *, grouped: Size = 1) -> Value:
    """Sum branches weighed by attention (B, groups, branches, C/groups) over them."""
    total = None
    for number, part in enumerate(parts):
        share = b.slice(attention, 2, number, number + 1)
        flat = b.rearrange(share, f"b g 1 c -> b (g 1 c){' 1' * len(part.spatial)}")
        scaled = b.multiply(part, flat)
        total = scaled if total is None else b.add(total, scaled)
    assert total is not None
    return total


@kind(source="arXiv:2004.08955 (zhanghang1989/ResNeSt)")
def splat(
    b: Builder,
    x: Value,
    *,
    out_channels: Size | None = None,
    kernel_size: Sizes = 3,
    stride: Sizes = 1,
    padding: Padding = 0,
    dilation: Sizes = 1,
    cardinality: Size = 1,
    radix: int = 2,
    reduction: Size = 4,
    bias: bool = True,
    norm: bool = True,
) -> Value:
    """Convolve to radix times the channels in groups, and sum the radix splits weighed by attention over them.

    groups = cardinality radix; the attention is the sum of the splits, pooled, 1x1 to max(C radix/reduction, 32), norm,
    ReLU, 1x1 to radix out_channels (both in `cardinality` groups, with biases), and a softmax over the splits (a
    sigmoid for radix=1). bias is the convolution's; padding 0 as in the official class (its block pads).

    Used for: ResNeSt.
    Gains: attention between feature groups at the weights of one grouped convolution: k^2 C N/K, whatever the radix.
    Costs: radix times the map in memory; 9 % more parameters in a bottleneck.
    Split: the channels, in cardinality radix groups. Transform: k x k in each. Merge: attention over the splits.
    """
    if radix < 1:
        raise ShapeError(f"radix ({radix}) must be at least 1")
    outer: Size = x.channels if out_channels is None else out_channels
    inner = largest(squeezed(b, x.channels * radix, reduction), 32)
    y = conv_norm(
        b, x, outer * radix, kernel_size, stride=stride, padding=padding, dilation=dilation,
        groups=cardinality * radix, bias=bias, norm=norm,
    )  # fmt: skip
    parts = [b.slice(y, 1, outer * n, outer * (n + 1)) for n in range(radix)] if radix > 1 else [y]
    with b.scope("squeeze"):
        pooled = b.adaptive_pool("avg", b.add(*parts), 1)
        narrow = conv_norm(b, pooled, inner, 1, groups=cardinality, bias=True, norm=norm)
    with b.scope("excite"):
        scores = b.conv(narrow, outer * radix, 1, groups=cardinality, bias=True)
    each = divided(outer, cardinality, b.require, "out_channels", "cardinality")
    ones = " 1" * len(x.spatial)
    laid = b.rearrange(scores, f"b (g r c){ones} -> b g r (c{ones})", g=cardinality, r=radix, c=each)
    shares = b.elementwise("softmax", laid, axes=(2,), dim=2) if radix > 1 else b.elementwise("sigmoid", laid)
    return _weighed(b, parts, shares)


@kind(source="arXiv:2004.08955 (zhanghang1989/ResNeSt)", spatial=2)
def resnest_bottleneck(
    b: Builder,
    x: Value,
    *,
    out_channels: Size | None = None,
    stride: Sizes = 1,
    expansion: Size = 4,
    radix: int = 2,
    cardinality: Size = 1,
    base_width: Size = 64,
    dilation: Sizes = 1,
    avd: bool = True,
    avd_first: bool = False,
    is_first: bool = False,
) -> Value:
    """ResNeSt's bottleneck: 1x1, split attention, 1x1 to out_channels, and a shortcut that pools before its 1x1.

    The middle has out_channels/expansion base_width/64 cardinality channels. With avd a strided (or first) block
    strides by a 3x3 average pool after the attention (before it: avd_first) and convolves at stride 1.

    Used for: ResNeSt-50 and deeper.
    Gains: accuracy at the parameters of a ResNet (+9 %).
    Costs: +0.003 % MACs at stride 1, +93 % in the strided blocks.
    Split: 1x1, then groups. Transform: split attention. Merge: 1x1, and addition.
    """
    outer: Size = x.channels if out_channels is None else out_channels
    planes = divided(outer, expansion, b.require, "out_channels", "expansion")
    width = planes * base_width // 64 * cardinality
    strides = not is_unit(b, stride, 2)
    pools = avd and (strides or is_first)
    with b.scope("reduce"):
        y = conv_norm(b, x, width, 1)
    if pools and avd_first:
        y = b.pool("avg", y, 3, stride=stride, padding=1)
    inner = 1 if pools else stride
    with b.scope("split"):
        if radix < 1:  # the authors' fallback: a plain grouped 3x3
            y = conv_norm(b, y, width, 3, stride=inner, padding=dilation, dilation=dilation, groups=cardinality)
        else:
            y = splat(
                b, y, stride=inner, padding=dilation, dilation=dilation, cardinality=cardinality, radix=radix,
                bias=False,
            )  # fmt: skip
    if pools and not avd_first:
        y = b.pool("avg", y, 3, stride=stride, padding=1)
    with b.scope("expand"):
        y = conv_norm(b, y, outer, 1, act="")
    if not strides and b.decide(equal(outer, x.channels)):
        return b.relu(b.add(y, x))
    with b.scope("shortcut"):
        shortcut = b.pool("avg", x, stride, ceil_mode=True, count_padding=False) if strides else x
        return b.relu(b.add(y, conv_norm(b, shortcut, outer, 1, act="")))


@kind(source="arXiv:1903.06586 (implus/SKNet)", as_structure=("mid_channels", "out_channels"))
def sk(
    b: Builder,
    x: Value,
    *,
    out_channels: Size | None = None,
    kernel_size: tuple[int, ...] = (3, 5),
    stride: Sizes = 1,
    groups: Size = 32,
    reduction: Size = 16,
    least_channels: Size = 32,
    mid_channels: Size | None = None,
    dilated: bool = True,
    split_input: bool = False,
    bias: bool = False,
    fc_norm: bool = True,
) -> Value:
    """Convolve with kernels of several sizes and sum the results weighed by attention over them.

    The official 5x5 is a 3x3 of dilation 2 (dilated=false: true kernels). The attention is the branches' sum, pooled,
    1x1 to max(C/reduction, least_channels) (or mid_channels), norm, ReLU, 1x1 to one score per branch and channel,
    softmax over the branches. No biases (bias=true, fc_norm=false: a third-party port). split_input gives each branch
    its own share of the channels, as timm's default does. out_channels defaults to in_channels, as in the paper.

    Used for: SKNet.
    Gains: a receptive field chosen per image.
    Costs: every branch runs on every image.
    Split: none (copies). Transform: kernels of several sizes, in groups. Merge: attention over the branches.
    """
    kernels = tuple(kernel_size)
    if not kernels:
        raise ShapeError("kernel_size names no branch")
    if any(kernel < 3 or kernel % 2 == 0 for kernel in kernels):
        raise ShapeError(f"kernel_size takes odd kernels of 3 and more, not {','.join(map(str, kernels))}")
    channels: Size = x.channels if out_channels is None else out_channels
    count = len(kernels)
    inner: Size = largest(squeezed(b, channels, reduction), least_channels) if mid_channels is None else mid_channels
    reads = divided(x.channels, count, b.require, "channels", "the number of branches") if split_input else x.channels
    parts = []
    for number, kernel in enumerate(kernels):
        part = b.slice(x, 1, reads * number, reads * (number + 1)) if split_input else x
        spread = (kernel - 1) // 2 if dilated else 1
        size = min(kernel, 3) if dilated else kernel
        with b.scope("branch"):
            parts.append(
                conv_norm(
                    b, part, channels, size, stride=stride, padding=spread * (size - 1) // 2 if dilated else size // 2,
                    dilation=max(spread, 1), groups=groups, bias=bias,
                )
            )  # fmt: skip
    with b.scope("squeeze"):
        pooled = b.adaptive_pool("avg", b.add(*parts), 1)
        narrow = conv_norm(b, pooled, inner, 1, bias=bias, norm=fc_norm)
    with b.scope("excite"):
        scores = b.conv(narrow, channels * count, 1, bias=bias)
    ones = " 1" * len(x.spatial)
    laid = b.rearrange(scores, f"b (1 r c){ones} -> b 1 r (c{ones})", r=count, c=channels)
    return _weighed(b, parts, b.elementwise("softmax", laid, axes=(2,), dim=2))
