"""Self-calibrated convolutions: half of the channels gate the other half at a coarser scale."""

from typing import Literal

from convcalc.builder import Builder
from convcalc.graph import Value
from convcalc.kinds.parts import Form, conv_norm, is_unit
from convcalc.registry import kind
from convcalc.shapes import divided
from convcalc.sizes import Size, Sizes, equal


def _calibrated(
    b: Builder, x: Value, stride: Sizes, dilation: Sizes, groups: Size, pooling_ratio: Size, form: Form
) -> Value:
    """K3(x) gated by sigmoid(x + up(K2(pool(x)))), then K4, which strides; each with its norm."""

    def conv(y: Value, step: Sizes = 1) -> Value:
        return conv_norm(
            b, y, x.channels, 3, stride=step, padding=dilation, dilation=dilation, groups=groups, act="", form=form
        )

    with b.scope("k2"):
        coarse = conv(b.pool("avg", x, pooling_ratio))
    weights = b.elementwise("sigmoid", b.add(x, b.resize(coarse, x.spatial, "nearest")))
    with b.scope("k3"):
        y = b.multiply(conv(x), weights)
    with b.scope("k4"):
        return conv(y, stride)


@kind(source="MCG-NKU/SCNet (CVPR 2020)", spatial=2)
def scconv(
    b: Builder,
    x: Value,
    *,
    pooling_ratio: Size = 4,
    stride: Sizes = 1,
    dilation: Sizes = 1,
    groups: Size = 1,
    variant: Literal["full", "half"] = "full",
    form: Form = "train",
) -> Value:
    """Convolve half of the channels plainly and the other half gated by its own coarse view, then join them.

    K1 on one half; on the other K2 at 1/pooling_ratio of the size, K3 at full size, and K4; all 3x3 with a norm and no
    bias, padding = dilation. K2 and K3 run at stride 1 whatever the stride. variant=half is the gated branch alone, at
    full width, as one file has it. C channels in and out.

    Used for: SCNet.
    Gains: the weights of one 3x3, 9C^2/g, and 3/4 + 1/(4 r^2) of its MACs at stride 1; a wider, adaptive field.
    Costs: a second convolution that waits for two others; at stride 2 1.56 times the MACs of the strided 3x3; 2C
    norm parameters more.
    Split: the channels, in halves. Transform: 3x3; calibrated 3x3. Merge: concatenation.
    """
    b.require(pooling_ratio >= 1, "pooling_ratio ({r}) must be at least 1", r=pooling_ratio)
    if variant == "half":
        return _calibrated(b, x, stride, dilation, groups, pooling_ratio, form)
    half = divided(x.channels, 2, b.require, "in_channels", "the two halves")
    with b.scope("calibrated"):
        first = _calibrated(b, b.take(x, half), stride, dilation, groups, pooling_ratio, form)
    with b.scope("k1"):
        plain = b.slice(x, 1, half, x.channels)
        second = conv_norm(
            b, plain, half, 3, stride=stride, padding=dilation, dilation=dilation, groups=groups, act="", form=form
        )
    return b.concat(first, second)


@kind(source="MCG-NKU/SCNet (CVPR 2020)", spatial=2)
def scbottleneck(
    b: Builder,
    x: Value,
    *,
    out_channels: Size | None = None,
    stride: Sizes = 1,
    expansion: Size = 4,
    cardinality: Size = 1,
    base_width: Size = 32,
    dilation: Sizes = 1,
    pooling_ratio: Size = 4,
    avd: bool = False,
    is_first: bool = False,
    form: Form = "train",
) -> Value:
    """SCNet's bottleneck: two 1x1s make the halves, a plain 3x3 and a calibrated one, joined by a 1x1, added.

    Each half has out_channels/expansion base_width/64 cardinality channels. With avd a
    strided (or first) block convolves at stride 1 and strides by a 3x3 average pool. The shortcut
    is a strided 1x1 with norm where the shape changes.

    Used for: SCNet-50.
    Gains: 12 % fewer MACs than ResNet's bottleneck (256 channels at 56x56).
    Costs: more dependent steps; strided blocks are dearer.
    Split: two 1x1s. Transform: 3x3; calibrated 3x3. Merge: concatenation, 1x1, addition.
    """
    outer: Size = x.channels if out_channels is None else out_channels
    planes = divided(outer, expansion, b.require, "out_channels", "expansion")
    width = planes * base_width // 64 * cardinality
    strides = not is_unit(b, stride, 2)
    pools = avd and (strides or is_first)
    inner = 1 if pools else stride
    with b.scope("plain"):
        first = conv_norm(b, x, width, 1, form=form)
        first = conv_norm(
            b, first, width, 3, stride=inner, padding=dilation, dilation=dilation, groups=cardinality, form=form
        )
    with b.scope("calibrated"):
        second = conv_norm(b, x, width, 1, form=form)
        second = b.relu(_calibrated(b, second, inner, dilation, cardinality, pooling_ratio, form))
    if pools:
        first, second = (b.pool("avg", y, 3, stride=stride, padding=1) for y in (first, second))
    with b.scope("expand"):
        y = conv_norm(b, b.concat(first, second), outer, 1, act="", form=form)
    if not strides and b.decide(equal(outer, x.channels)):
        return b.relu(b.add(y, x))
    with b.scope("shortcut"):
        return b.relu(b.add(y, conv_norm(b, x, outer, 1, stride=stride, act="", form=form)))
