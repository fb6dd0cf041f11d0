"""Inception v4 and Inception-ResNet (arXiv:1602.07261)."""

from convcalc.builder import Builder
from convcalc.graph import Value
from convcalc.kinds.branches import Step, Style, branches, chain, forked, pooled, shrunk, widths_of
from convcalc.kinds.parts import Form
from convcalc.registry import kind

V4 = "arXiv:1602.07261 (timm inception_v4, pytorchcv)"
RESNET = "arXiv:1602.07261 (timm inception_resnet_v2, pytorchcv)"


@kind(source=V4, spatial=2)
def inception_v4_stem_3a(b: Builder, x: Value, *, widths: tuple[int, ...] = (96,), form: Form = "train") -> Value:
    """The stem's first fork: max pool 3x3/2 beside a 3x3/2 convolution, neither padded.

    Used for: the stem of Inception v4 (Mixed_3a). Gains: halves the map without losing what the pool keeps.
    Costs: all C channels pass the pool. Split: none. Transform: max pool; 3x3/2. Merge: concatenation.
    """
    (width,) = widths_of(widths, 1, "inception_v4_stem_3a")
    outputs = branches(b, x, ((Step(width, 3, 3, 2, True),),), Style(form=form))
    return b.concat(shrunk(b, x), *outputs)


@kind(source=V4, spatial=2)
def inception_v4_stem_4a(b: Builder, x: Value, *, widths: tuple[int, ...] = (64, 96), form: Form = "train") -> Value:
    """The stem's second fork: 1x1, 3x3 | 1x1, 1x7, 7x1, 3x3; the 3x3s are not padded.

    widths: the inner one; what each branch ends with.

    Used for: the stem of Inception v4 (Mixed_4a). Gains: a field of 9x9 early. Costs: two positions lost per axis.
    Split: 1x1s. Transform: 3x3; 1x7, 7x1, 3x3. Merge: concatenation.
    """
    inner, out = widths_of(widths, 2, "inception_v4_stem_4a")
    end = Step(out, 3, 3, 1, True)
    chains = ((Step(inner), end), (Step(inner), Step(inner, 1, 7), Step(inner, 7, 1), end))
    return b.concat(*branches(b, x, chains, Style(form=form)))


@kind(source=V4, spatial=2)
def inception_v4_stem_5a(b: Builder, x: Value, *, widths: tuple[int, ...] = (192,), form: Form = "train") -> Value:
    """The stem's third fork: a 3x3/2 convolution beside a max pool 3x3/2, neither padded.

    Used for: the stem of Inception v4 (Mixed_5a). Gains: halves the map without losing what the pool keeps.
    Costs: all C channels pass the pool. Split: none. Transform: 3x3/2; max pool. Merge: concatenation.
    """
    (width,) = widths_of(widths, 1, "inception_v4_stem_5a")
    outputs = branches(b, x, ((Step(width, 3, 3, 2, True),),), Style(form=form))
    return b.concat(*outputs, shrunk(b, x))


@kind(source=V4, spatial=2)
def inception_v4_a(b: Builder, x: Value, *, widths: tuple[int, ...] = (96, 64), form: Form = "train") -> Value:
    """Inception v4's first block: 1x1 | 1x1, 3x3 | 1x1, 3x3, 3x3 | average pool, 1x1.

    widths: what each branch ends with; what the two inner branches reduce to.

    Used for: the 35x35 stage. Gains: uniform widths, no 5x5. Costs: 320C + 193,536 weights.
    Split: 1x1s. Transform: 3x3; 3x3, 3x3; pool. Merge: concatenation.
    """
    style = Style(form=form)
    out, reduce = widths_of(widths, 2, "inception_v4_a")
    b3x3 = Step(out, 3, 3)
    chains = ((Step(out),), (Step(reduce), b3x3), (Step(reduce), b3x3, b3x3))
    return b.concat(*branches(b, x, chains, style), pooled(b, x, "avg", (Step(out),), style))


@kind(source=V4, spatial=2)
def inception_v4_reduction_a(
    b: Builder, x: Value, *, widths: tuple[int, ...] = (384, 192, 224, 256), form: Form = "train"
) -> Value:
    """Reduction-A: 3x3/2 | 1x1, 3x3, 3x3/2 | max pool 3x3/2, none of the /2 padded.

    widths: n of the 3x3/2, then k, l, m of the longer branch (the paper's letters). Inception-ResNet uses it too, with
    384,256,256,384 (v2) and 384,192,192,256 (v1): inception_resnet_reduction_a.

    Used for: 35x35 to 17x17. Gains: no bottleneck where the map shrinks. Costs: 9Cn + Ck + 9kl + 9lm weights.
    Split: 1x1. Transform: 3x3/2; 3x3, 3x3/2; max pool. Merge: concatenation.
    """
    wide, k, l, m = widths_of(widths, 4, "a reduction A")  # noqa: E741  the paper's letters
    chains = ((Step(wide, 3, 3, 2, True),), (Step(k), Step(l, 3, 3), Step(m, 3, 3, 2, True)))
    return b.concat(*branches(b, x, chains, Style(form=form)), shrunk(b, x))


@kind(source=V4, spatial=2)
def inception_v4_b(
    b: Builder, x: Value, *, widths: tuple[int, ...] = (384, 192, 224, 256, 128), form: Form = "train"
) -> Value:
    """Inception v4's 7x7 block: 1x1 | 1x1, 1x7, 7x1 | 1x1, 7x1, 1x7, 7x1, 1x7 | average pool, 1x1.

    widths: the 1x1; reduced; middle; end of the 7x7 branches; the pool's projection.

    Used for: the 17x17 stage. Gains: sees 13x13 from 1x7s and 7x1s. Costs: 896C + 2,014,208 weights.
    Split: 1x1s. Transform: 1x7 and 7x1 in turn. Merge: concatenation.
    """
    style = Style(form=form)
    b1x1, reduce, middle, end, proj = widths_of(widths, 5, "inception_v4_b")
    chains = (
        (Step(b1x1),),
        (Step(reduce), Step(middle, 1, 7), Step(end, 7, 1)),
        (Step(reduce), Step(reduce, 7, 1), Step(middle, 1, 7), Step(middle, 7, 1), Step(end, 1, 7)),
    )
    return b.concat(*branches(b, x, chains, style), pooled(b, x, "avg", (Step(proj),), style))


@kind(source=V4, spatial=2)
def inception_v4_reduction_b(
    b: Builder, x: Value, *, widths: tuple[int, ...] = (192, 256, 320), form: Form = "train"
) -> Value:
    """Reduction-B: 1x1, 3x3/2 | 1x1, 1x7, 7x1, 3x3/2 | max pool 3x3/2, none of the /2 padded.

    widths: the short branch's; the long branch's first; its end.

    Used for: 17x17 to 8x8. Gains: sees 9x9 while shrinking. Costs: 448C + 2,285,568 weights.
    Split: 1x1s. Transform: 3x3/2; 1x7, 7x1, 3x3/2; max pool. Merge: concatenation.
    """
    short, first, end = widths_of(widths, 3, "inception_v4_reduction_b")
    chains = (
        (Step(short), Step(short, 3, 3, 2, True)),
        (Step(first), Step(first, 1, 7), Step(end, 7, 1), Step(end, 3, 3, 2, True)),
    )
    return b.concat(*branches(b, x, chains, Style(form=form)), shrunk(b, x))


@kind(source=V4, spatial=2)
def inception_v4_c(
    b: Builder, x: Value, *, widths: tuple[int, ...] = (256, 384, 448, 512), form: Form = "train"
) -> Value:
    """Inception v4's last block: 1x1 | 1x1, {1x3, 3x1} | 1x1, 3x1, 1x3, {1x3, 3x1} | average pool, 1x1.

    widths: what every end has; what both inner branches reduce to; the longer one's 3x1; its 1x3.

    Used for: the 8x8 stage. Gains: wide outputs from cheap kernels. Costs: 1280C + 2,580,480 weights.
    Split: 1x1s. Transform: 3x1, 1x3, then 1x3 beside 3x1. Merge: concatenation.
    """
    style = Style(form=form)
    out, reduce, tall, wide = widths_of(widths, 4, "inception_v4_c")
    chains = ((Step(out),), (Step(reduce),), (Step(reduce), Step(tall, 3, 1), Step(wide, 1, 3)))
    first, short, long = branches(b, x, chains, style)
    outputs = [first, *forked(b, short, out, style), *forked(b, long, out, style)]
    return b.concat(*outputs, pooled(b, x, "avg", (Step(out),), style))


def _residual(
    b: Builder, x: Value, chains: tuple[tuple[Step, ...], ...], scale: float, activation: bool, form: Form
) -> Value:
    """Join the branches, project linearly (with bias, no norm) to the input's channels, scale, add."""
    joined = b.concat(*branches(b, x, chains, Style(form=form)))
    with b.scope("project"):
        up = b.conv(joined, x.channels, 1, bias=True)
    y = b.add(b.elementwise("multiply", up, other=scale), x)
    return b.relu(y) if activation else y


@kind(source=RESNET, spatial=2)
def inception_resnet_block35(
    b: Builder,
    x: Value,
    *,
    widths: tuple[int, ...] = (32, 32, 32, 32, 48, 64),
    scale: float = 0.17,
    activation: bool = True,
    form: Form = "train",
) -> Value:
    """Residual Inception at 35x35: 1x1 | 1x1, 3x3 | 1x1, 3x3, 3x3, a linear 1x1, scaled and added.

    widths in branch order, version 2's by default (320 channels in); version 1 has 32 everywhere (256 in).

    Used for: Inception-ResNet. Gains: trains faster than Inception v4. Costs: the projection's C more weights each.
    Split: 1x1s. Transform: 3x3; 3x3, 3x3. Merge: concatenation, linear 1x1, scaled addition.
    """
    a, b0, b1, c0, c1, c2 = widths_of(widths, 6, "inception_resnet_block35")
    chains = ((Step(a),), (Step(b0), Step(b1, 3, 3)), (Step(c0), Step(c1, 3, 3), Step(c2, 3, 3)))
    return _residual(b, x, chains, scale, activation, form)


@kind(source=RESNET, spatial=2)
def inception_resnet_block17(
    b: Builder,
    x: Value,
    *,
    widths: tuple[int, ...] = (192, 128, 160, 192),
    scale: float = 0.10,
    activation: bool = True,
    form: Form = "train",
) -> Value:
    """Residual Inception at 17x17: 1x1 | 1x1, 1x7, 7x1, a linear 1x1, scaled and added.

    widths in branch order, version 2's by default (1088 channels in); version 1 has 128 everywhere (896 in).

    Used for: Inception-ResNet. Gains: trains faster than Inception v4. Costs: the projection's C more weights each.
    Split: 1x1s. Transform: 1x7, 7x1. Merge: concatenation, linear 1x1, scaled addition.
    """
    a, b0, b1, b2 = widths_of(widths, 4, "inception_resnet_block17")
    return _residual(b, x, ((Step(a),), (Step(b0), Step(b1, 1, 7), Step(b2, 7, 1))), scale, activation, form)


@kind(source=RESNET, spatial=2)
def inception_resnet_block8(
    b: Builder,
    x: Value,
    *,
    widths: tuple[int, ...] = (192, 192, 224, 256),
    scale: float = 0.20,
    activation: bool = True,
    form: Form = "train",
) -> Value:
    """Residual Inception at 8x8: 1x1 | 1x1, 1x3, 3x1, a linear 1x1, scaled and added.

    widths in branch order, version 2's by default (2080 channels in); version 1 has 192 everywhere (1792 in). The
    last block of the network has scale=1 activation=false.

    Used for: Inception-ResNet. Gains: trains faster than Inception v4. Costs: the projection's C more weights each.
    Split: 1x1s. Transform: 1x3, 3x1. Merge: concatenation, linear 1x1, scaled addition.
    """
    a, b0, b1, b2 = widths_of(widths, 4, "inception_resnet_block8")
    return _residual(b, x, ((Step(a),), (Step(b0), Step(b1, 1, 3), Step(b2, 3, 1))), scale, activation, form)


@kind(source=RESNET, spatial=2)
def inception_resnet_reduction_a(
    b: Builder, x: Value, *, widths: tuple[int, ...] = (384, 256, 256, 384), form: Form = "train"
) -> Value:
    """Reduction-A with Inception-ResNet's widths: 3x3/2 | 1x1, 3x3, 3x3/2 | max pool 3x3/2.

    widths: n, k, l, m; version 2's by default, version 1 has 384,192,192,256.

    Used for: 35x35 to 17x17. Gains: no bottleneck where the map shrinks. Costs: 9Cn + Ck + 9kl + 9lm weights.
    Split: 1x1. Transform: 3x3/2; 3x3, 3x3/2; max pool. Merge: concatenation.
    """
    return inception_v4_reduction_a(b, x, widths=widths, form=form)


@kind(source=RESNET, spatial=2)
def inception_resnet_reduction_b(
    b: Builder, x: Value, *, widths: tuple[int, ...] = (256, 384, 256, 288, 256, 288, 320), form: Form = "train"
) -> Value:
    """Inception-ResNet's second reduction: 1x1, 3x3/2 | 1x1, 3x3/2 | 1x1, 3x3, 3x3/2 | max pool 3x3/2.

    widths in branch order, version 2's by default (1088 channels in); version 1 has 256,384,256,256,256,256,256.

    Used for: 17x17 to 8x8. Gains: sees 5x5 while shrinking. Costs: all C channels pass the pool.
    Split: 1x1s. Transform: 3x3/2; 3x3/2; 3x3, 3x3/2; max pool. Merge: concatenation.
    """
    a0, a1, b0, b1, c0, c1, c2 = widths_of(widths, 7, "inception_resnet_reduction_b")
    style = Style(form=form)
    short = ((Step(a0), Step(a1, 3, 3, 2, True)), (Step(b0), Step(b1, 3, 3, 2, True)))
    outputs = branches(b, x, short, style)
    with b.scope("branch"):
        outputs.append(chain(b, x, (Step(c0), Step(c1, 3, 3), Step(c2, 3, 3, 2, True)), style))
    return b.concat(*outputs, shrunk(b, x))
