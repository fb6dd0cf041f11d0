"""Inception v1 to v3: branches of several kernel sizes side by side, joined along the channels."""

from typing import Literal

from convcalc.builder import Builder
from convcalc.graph import Value
from convcalc.kinds.branches import Step, Style, branches, forked, pooled, shrunk, widths_of
from convcalc.kinds.parts import Form
from convcalc.registry import kind
from convcalc.sizes import Size, equal


@kind(source="arXiv:1409.4842 fig. 2a", spatial=2)
def inception_v1_naive(
    b: Builder,
    x: Value,
    *,
    b1x1: Size = 64,
    b3x3: Size = 128,
    b5x5: Size = 32,
    bias: bool = True,
    norm: bool = False,
    form: Form = "train",
) -> Value:
    """Run 1x1, 3x3, 5x5 and a 3x3 max pool side by side on the whole input, and join them.

    The pool passes all C channels through, so the output has b1x1 + b3x3 + b5x5 + C. Biases and no norms, as in the
    paper.

    Used for: the argument for dimension reduction.
    Gains: several scales in one layer.
    Costs: C(o1 + 9 o3 + 25 o5) weights, and C more channels after every block.
    Split: none. Transform: 1x1, 3x3, 5x5, max pool. Merge: concatenation.
    """
    style = Style(bias, norm, form)
    outputs = branches(b, x, ((Step(b1x1),), (Step(b3x3, 3, 3),), (Step(b5x5, 5, 5),)), style)
    return b.concat(*outputs, pooled(b, x, "max", (), style))


@kind(source="arXiv:1409.4842 fig. 2b", spatial=2)
def inception_v1(
    b: Builder,
    x: Value,
    *,
    b1x1: Size = 64,
    b3x3_reduce: Size = 96,
    b3x3: Size = 128,
    b5x5_reduce: Size = 16,
    b5x5: Size = 32,
    pool_proj: Size = 32,
    b5x5_kernel: int = 5,
    bias: bool = True,
    norm: bool = False,
    form: Form = "train",
) -> Value:
    """GoogLeNet's block: 1x1s reduce the channels before the 3x3 and the 5x5 and after the pool.

    The default widths are block 3a (192 channels in). Biases, no norms, as in the paper; b5x5_kernel=3 norm=true
    bias=false is torchvision's, whose 5x5 branch is a 3x3.

    Used for: GoogLeNet.
    Gains: 2.37 times fewer weights and MACs than the naive block for 3a, and 256 instead of 416 channels.
    Costs: four branches of unequal length.
    Split: 1x1s to few channels. Transform: 1x1, 3x3, 5x5, max pool. Merge: concatenation.
    """
    style = Style(bias, norm, form)
    chains = (
        (Step(b1x1),),
        (Step(b3x3_reduce), Step(b3x3, 3, 3)),
        (Step(b5x5_reduce), Step(b5x5, b5x5_kernel, b5x5_kernel)),
    )
    return b.concat(*branches(b, x, chains, style), pooled(b, x, "max", (Step(pool_proj),), style))


@kind(source="arXiv:1502.03167 (BN-Inception)", spatial=2)
def inception_v2(
    b: Builder,
    x: Value,
    *,
    b1x1: Size = 64,
    b3x3_reduce: Size = 64,
    b3x3: Size = 64,
    b5x5_reduce: Size = 64,
    b5x5: Size = 96,
    pool_proj: Size = 32,
    pool: Literal["avg", "max"] = "avg",
    bias: bool = False,
    form: Form = "train",
) -> Value:
    """BN-Inception's block: two 3x3s stand where GoogLeNet has a 5x5, and every convolution has a norm.

    b5x5_reduce and b5x5 are the widths of that double 3x3 branch. The default widths are block 3a. bias=true is the
    Caffe ports'; pool=max is block 5b. arXiv:1512.00567 calls another network v2.

    Used for: BN-Inception.
    Gains: the field of 5x5 for 18/25 of its weights at equal widths.
    Costs: block 3a has in fact 33.5 % more weights and MACs than GoogLeNet's, since its branch went from 16 and 32
    channels to 64 and 96.
    Split: 1x1s. Transform: 1x1, 3x3, 3x3 and 3x3, pool. Merge: concatenation.
    """
    style = Style(bias, True, form)
    chains = (
        (Step(b1x1),),
        (Step(b3x3_reduce), Step(b3x3, 3, 3)),
        (Step(b5x5_reduce), Step(b5x5, 3, 3), Step(b5x5, 3, 3)),
    )
    return b.concat(*branches(b, x, chains, style), pooled(b, x, pool, (Step(pool_proj),), style))


@kind(source="arXiv:1502.03167 (BN-Inception)", spatial=2)
def inception_v2_reduction(
    b: Builder,
    x: Value,
    *,
    b3x3_reduce: Size = 128,
    b3x3: Size = 160,
    b5x5_reduce: Size = 64,
    b5x5: Size = 96,
    bias: bool = False,
    form: Form = "train",
) -> Value:
    """BN-Inception's block at stride 2: 3x3/2, a double 3x3 ending in /2, and a max pool 3x3/2 rounded up.

    No 1x1 branch and no projection: all C channels pass the pool. The default widths are block 3c. The map must be
    even: on an odd one convolution and pool differ by one position and cannot be joined.

    Used for: BN-Inception 3c and 4e.
    Gains: no bottleneck where the map shrinks.
    Costs: the first 3x3 of the double branch runs at full resolution.
    Split: 1x1s. Transform: 3x3/2, 3x3 and 3x3/2, max pool. Merge: concatenation.
    """
    style = Style(bias, True, form)
    chains = (
        (Step(b3x3_reduce), Step(b3x3, 3, 3, 2)),
        (Step(b5x5_reduce), Step(b5x5, 3, 3), Step(b5x5, 3, 3, 2)),
    )
    for size in x.spatial:
        b.require(equal(size % 2, 0), "the map ({size}) must be even, or convolution and pool differ", size=size)
    outputs = branches(b, x, chains, style)
    with b.scope("pool"):
        return b.concat(*outputs, b.pool("max", x, 3, stride=2, ceil_mode=True))


@kind(source="arXiv:1512.00567 fig. 5 (torchvision InceptionA)", spatial=2)
def inception_v3_a(
    b: Builder,
    x: Value,
    *,
    pool_proj: Size = 32,
    widths: tuple[int, ...] = (64, 48, 64, 64, 96),
    form: Form = "train",
) -> Value:
    """Inception v3's first block: 1x1 | 1x1, 5x5 | 1x1, 3x3, 3x3 | average pool, 1x1.

    widths: the 1x1; the 5x5 branch's two; the double 3x3 branch's two (torchvision's own by default). Output
    224 + pool_proj channels.

    Used for: the 35x35 stage of Inception v3 (Mixed_5).
    Gains: several scales at moderate cost. Costs: a real 5x5 is left.
    Split: 1x1s. Transform: 5x5; 3x3 and 3x3; pool. Merge: concatenation.
    """
    style = Style(form=form)
    b1x1, b5x5_reduce, b5x5, b3x3_reduce, b3x3 = widths_of(widths, 5, "inception_v3_a")
    chains = (
        (Step(b1x1),),
        (Step(b5x5_reduce), Step(b5x5, 5, 5)),
        (Step(b3x3_reduce), Step(b3x3, 3, 3), Step(b3x3, 3, 3)),
    )
    return b.concat(*branches(b, x, chains, style), pooled(b, x, "avg", (Step(pool_proj),), style))


@kind(source="arXiv:1512.00567 (torchvision InceptionB)", spatial=2)
def inception_v3_b(b: Builder, x: Value, *, widths: tuple[int, ...] = (384, 64, 96), form: Form = "train") -> Value:
    """Inception v3's first reduction: 3x3/2 | 1x1, 3x3, 3x3/2 | max pool 3x3/2, none of the /2 padded.

    widths: the 3x3/2; the double branch's two.

    Used for: 35x35 to 17x17.
    Gains: no bottleneck where the map shrinks. Costs: all C channels pass the pool.
    Split: 1x1. Transform: 3x3/2; 3x3, 3x3/2; max pool. Merge: concatenation.
    """
    style = Style(form=form)
    b3x3, reduce, double_b3x3 = widths_of(widths, 3, "inception_v3_b")
    chains = (
        (Step(b3x3, 3, 3, 2, True),),
        (Step(reduce), Step(double_b3x3, 3, 3), Step(double_b3x3, 3, 3, 2, True)),
    )
    return b.concat(*branches(b, x, chains, style), shrunk(b, x))


@kind(source="arXiv:1512.00567 fig. 6 (torchvision InceptionC)", spatial=2)
def inception_v3_c(
    b: Builder, x: Value, *, mid_channels: Size = 128, widths: tuple[int, ...] = (192,), form: Form = "train"
) -> Value:
    """Inception v3's 7x7 block: 1x1 | 1x1, 1x7, 7x1 | 1x1, 7x1, 1x7, 7x1, 1x7 | average pool, 1x1.

    mid_channels is torchvision's c7 (128, 160, 160, 192 through the stage); widths: what each branch ends with.

    Used for: the 17x17 stage of Inception v3 (Mixed_6).
    Gains: 1x7 and 7x1 cost 2/7 of a 7x7 at equal widths; the long branch sees 13x13.
    Costs: up to five dependent steps. Split: 1x1s. Transform: 1x7 and 7x1 in turn. Merge: concatenation.
    """
    style = Style(form=form)
    (out,) = widths_of(widths, 1, "inception_v3_c")
    m = mid_channels
    chains = (
        (Step(out),),
        (Step(m), Step(m, 1, 7), Step(out, 7, 1)),
        (Step(m), Step(m, 7, 1), Step(m, 1, 7), Step(m, 7, 1), Step(out, 1, 7)),
    )
    return b.concat(*branches(b, x, chains, style), pooled(b, x, "avg", (Step(out),), style))


@kind(source="arXiv:1512.00567 (torchvision InceptionD)", spatial=2)
def inception_v3_d(b: Builder, x: Value, *, widths: tuple[int, ...] = (192, 320), form: Form = "train") -> Value:
    """Inception v3's second reduction: 1x1, 3x3/2 | 1x1, 1x7, 7x1, 3x3/2 | max pool 3x3/2.

    widths: the inner one of both branches; what the 3x3/2 branch ends with.

    Used for: 17x17 to 8x8. Gains: a field of 9x9 while shrinking. Costs: all C channels pass the pool.
    Split: 1x1s. Transform: 3x3/2; 1x7, 7x1, 3x3/2; max pool. Merge: concatenation.
    """
    style = Style(form=form)
    inner, b3x3 = widths_of(widths, 2, "inception_v3_d")
    chains = (
        (Step(inner), Step(b3x3, 3, 3, 2, True)),
        (Step(inner), Step(inner, 1, 7), Step(inner, 7, 1), Step(inner, 3, 3, 2, True)),
    )
    return b.concat(*branches(b, x, chains, style), shrunk(b, x))


@kind(source="arXiv:1512.00567 fig. 7 (torchvision InceptionE)", spatial=2)
def inception_v3_e(
    b: Builder, x: Value, *, widths: tuple[int, ...] = (320, 384, 448, 192), form: Form = "train"
) -> Value:
    """Inception v3's last block: 1x1 | 1x1, {1x3, 3x1} | 1x1, 3x3, {1x3, 3x1} | average pool, 1x1.

    widths: the 1x1; the inner width of the forked branches; what the longer one reduces to; the pool's projection.

    Used for: the 8x8 stage of Inception v3 (Mixed_7).
    Gains: wide outputs (2048 channels) from cheap kernels. Costs: six outputs to join.
    Split: 1x1s. Transform: 3x3, then 1x3 beside 3x1. Merge: concatenation.
    """
    style = Style(form=form)
    b1x1, inner, reduce, proj = widths_of(widths, 4, "inception_v3_e")
    first, short, long = branches(b, x, ((Step(b1x1),), (Step(inner),), (Step(reduce), Step(inner, 3, 3))), style)
    outputs = [first, *forked(b, short, inner, style), *forked(b, long, inner, style)]
    return b.concat(*outputs, pooled(b, x, "avg", (Step(proj),), style))
