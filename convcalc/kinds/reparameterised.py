"""Convolutions that train as several and deploy as one: the branches are linear, so they fold into one kernel."""

from convcalc.builder import Builder
from convcalc.graph import Value
from convcalc.kinds.parts import EPS, Form, Norm, factor_and_shift, folded_norm, merged, norm_values
from convcalc.padding import windows
from convcalc.registry import kind
from convcalc.shapes import divided
from convcalc.sizes import Size, Sizes, axes, equal, per_axis, product
from convcalc.window import Window


def _normed(b: Builder, x: Value, weights: tuple[Value, ...], walks: tuple[Window, ...], groups: Size) -> Value:
    return b.batch_norm(b.convolve(x, *weights, walks=walks, groups=groups))


@kind(source="arXiv:1908.03930 (DingXiaoH/ACNet)", spatial=2)
def acb(
    b: Builder,
    x: Value,
    *,
    out_channels: Size,
    kernel_size: Size = 3,
    stride: Sizes = 1,
    padding: Size = 0,
    dilation: Size = 1,
    groups: Size = 1,
    affine: bool = True,
    last_norm: bool = False,
    form: Form = "train",
) -> Value:
    """Train k x k, k x 1 and 1 x k in parallel, each with its norm, summed; deploy one k x k with a bias (ACNet).

    The k x 1 sees columns only: its padding is p along the height and p - k//2 along the width, where a negative one
    crops. Even kernels and dilation cannot be summed. last_norm is the older file's norm after the sum.

    Used for: a drop-in for any k x k convolution.
    Gains: a stronger skeleton of the kernel; the deployed layer costs what the plain one costs, plus a bias.
    Costs: 1 + 2/k of the weights and MACs in training (5/3 for k = 3), three norms.
    Split: none. Transform: three kernels on the same input. Merge: addition; then into one kernel.
    """
    b.require(equal(kernel_size % 2, 1), "an even kernel ({k}) has no centre row: its branches differ", k=kernel_size)
    b.require(equal(dilation, 1), "dilation ({d}) moves the branches apart: only 1 can be summed", d=dilation)
    half = kernel_size // 2
    square = windows(x.spatial, kernel_size, stride, padding, 1)
    strides = axes(*per_axis(stride, 2))
    shapes = {"square": (kernel_size, kernel_size), "vertical": (kernel_size, 1), "horizontal": (1, kernel_size)}
    kernels: dict[str, tuple[Value, ...]] = {}
    norms: dict[str, Norm] = {}
    branches = []
    for name, shape in shapes.items():
        with b.scope(name):
            kernels[name] = b.kernel(x, out_channels, axes(*shape), groups=groups)
            if form == "folded":
                norms[name] = folded_norm(b, out_channels, affine=affine)
                continue
            sides, cropped = [padding, padding], x
            if name != "square":
                axis = 1 if name == "vertical" else 0
                sides[axis] = padding - half
                if not b.decide(sides[axis] >= 0):
                    cut = [(0, 0), (0, 0)]
                    cut[axis] = (sides[axis], sides[axis])
                    cropped, sides[axis] = b.pad(x, cut), 0
            walks = windows(cropped.spatial, axes(*shape), strides, axes(*sides), 1)
            y = b.convolve(cropped, *kernels[name], walks=walks, groups=groups)
            branches.append(b.batch_norm(y, affine=affine))
    if form != "folded":
        summed = b.add(*branches)
        return b.batch_norm(summed, affine=affine) if last_norm else summed
    scaled = {name: merged(b, kernels[name], norms[name]) for name in shapes}
    weight = b.add(
        scaled["square"][0],
        b.pad(scaled["vertical"][0], [(0, 0), (half, half)]),
        b.pad(scaled["horizontal"][0], [(half, half), (0, 0)]),
    )
    bias = b.add(*(shift for _, shift in scaled.values()))
    if last_norm:
        last = folded_norm(b, out_channels, affine=affine)
        weight, bias = merged(b, (weight, bias), last)
    return b.convolve(x, weight, bias, walks=square, groups=groups)


@kind(source="arXiv:2103.13425 (DingXiaoH/DiverseBranchBlock)", spatial=2)
def dbb(
    b: Builder,
    x: Value,
    *,
    out_channels: Size,
    kernel_size: Size = 3,
    stride: Sizes = 1,
    padding: Size | None = None,
    dilation: Size = 1,
    groups: Size = 1,
    mid_channels: Size | None = None,
    form: Form = "train",
) -> Value:
    """Train k x k | 1x1 | 1x1, average pool | 1x1, k x k in parallel; deploy one k x k with a bias (ACNet v2).

    Every convolution has its norm; padding is k//2, and where a 1x1 comes first it is filled with that norm's shift,
    so that folding is exact. mid_channels is the fourth branch's inner width: C, or 2C for depthwise layers. With
    groups = out_channels there is no 1x1 branch and the pool stands alone.

    Used for: a drop-in for any k x k convolution.
    Gains: branches of different kinds at no cost once deployed.
    Costs: 2.33 times the MACs in training (64 channels, 3x3), 2.78 times from 64 to 128 channels at stride 2.
    Split: none. Transform: four linear branches on the same input. Merge: addition; then into one kernel.
    """
    half = kernel_size // 2
    b.require(equal(kernel_size % 2, 1), "an even kernel ({k}) has no centre: its branches differ", k=kernel_size)
    b.require(equal(dilation, 1), "dilation ({d}) moves the branches apart: only 1 can be summed", d=dilation)
    if padding is not None:
        b.require(equal(padding, half), "padding ({p}) must be kernel_size//2 ({h})", p=padding, h=half)
    depthwise = b.decide(equal(groups, out_channels))
    if depthwise:
        b.require(
            equal(out_channels, x.channels), "a depthwise dbb keeps its {c} channels, not {o}",
            c=x.channels, o=out_channels,
        )  # fmt: skip
    inner = mid_channels
    if inner is None:
        inner = x.channels * 2 if b.decide(groups >= out_channels) else x.channels
    outer = Branches(b, x, out_channels, kernel_size, stride, groups, inner)
    parts = (outer.square, *(() if depthwise else (outer.point,)), outer.averaged, outer.sequence)
    branches = []
    for part in parts:
        with b.scope(part.__name__):
            branches.append(part(form == "folded", depthwise))
    if form != "folded":
        return b.add(*(y for y, _ in branches))
    weight = b.add(*(kernel for kernel, _ in branches))
    bias = b.add(*(shift for _, shift in branches if shift is not None))
    return b.convolve(x, weight, bias, walks=outer.walks, groups=groups)


class Branches:
    """The four branches of a diverse branch block: each as it trains, and as the kernel and bias it folds into."""

    def __init__(
        self, b: Builder, x: Value, out_channels: Size, kernel: Size, stride: Sizes, groups: Size, inner: Size
    ) -> None:
        self.b, self.x, self.out, self.kernel = b, x, out_channels, kernel
        self.stride, self.groups, self.inner, self.half = stride, groups, inner, kernel // 2
        self.walks = windows(x.spatial, kernel, stride, self.half, 1)
        self.inside = windows(tuple(size + 2 * self.half for size in x.spatial), kernel, stride, 0, 1)

    def square(self, folds: bool, _: bool) -> tuple[Value, Value | None]:
        """k x k and norm."""
        weights = self.b.kernel(self.x, self.out, self.kernel, groups=self.groups)
        if folds:
            return merged(self.b, weights, folded_norm(self.b, self.out))
        return _normed(self.b, self.x, weights, self.walks, self.groups), None

    def point(self, folds: bool, _: bool) -> tuple[Value, Value | None]:
        """1x1 and norm."""
        weights = self.b.kernel(self.x, self.out, 1, groups=self.groups)
        if folds:
            weight, shift = merged(self.b, weights, folded_norm(self.b, self.out))
            return self.b.pad(weight, [(self.half, self.half)] * 2), shift
        walks = windows(self.x.spatial, 1, self.stride, 0, 1)
        return _normed(self.b, self.x, weights, walks, self.groups), None

    def averaged(self, folds: bool, depthwise: bool) -> tuple[Value, Value | None]:
        """1x1 and norm, padded with its shift, average pool and norm; without the 1x1 where it is depthwise."""
        b = self.b
        if folds:
            mean = b.constant("mean", (1, 1, self.kernel, self.kernel), 1.0)
            taps = b.elementwise("divide", mean, other=self.kernel * self.kernel)
            if depthwise:
                kernel, shift = self._one_each(taps), None
            else:
                weights = b.kernel(self.x, self.out, 1, groups=self.groups)
                weight, shift = merged(b, weights, folded_norm(b, self.out))
                kernel = b.multiply(weight, taps)
            return merged(b, (kernel,) if shift is None else (kernel, shift), folded_norm(b, self.out))
        if depthwise:
            padded = b.pad(self.x, [(self.half, self.half)] * 2)
        else:
            weights = b.kernel(self.x, self.out, 1, groups=self.groups)
            padded = self._padded_norm(
                b.convolve(self.x, *weights, walks=windows(self.x.spatial, 1, 1, 0, 1), groups=self.groups)
            )
        return b.batch_norm(b.pool("avg", padded, self.kernel, stride=self.stride)), None

    def sequence(self, folds: bool, _: bool) -> tuple[Value, Value | None]:
        """1x1 to the inner width and norm, padded with its shift, k x k and norm."""
        b = self.b
        point = b.kernel(self.x, self.inner, 1, groups=self.groups)
        first: tuple[Value, ...] = (self._plus_identity(point[0]),)
        if not folds:
            point_windows = windows(self.x.spatial, 1, 1, 0, 1)
            y = self._padded_norm(b.convolve(self.x, *first, walks=point_windows, groups=self.groups))
            second = b.kernel(y, self.out, self.kernel, groups=self.groups)
            return _normed(b, y, second, self.inside, self.groups), None
        weight, shift = merged(b, first, folded_norm(b, self.inner))
        like = Value(self.x.index, (self.x.batch, self.inner, *self.x.spatial))
        second = b.kernel(like, self.out, self.kernel, groups=self.groups)
        kernel, bias = self._composed(weight, shift, second[0])
        return merged(b, (kernel, bias), folded_norm(b, self.out))

    def _padded_norm(self, y: Value) -> Value:
        """Norm y and pad it by k//2 with what the norm makes of zero: what folding the norm would leave there."""
        b = self.b
        with b.scope("norm"):
            values = norm_values(b, y.channels)
            normed = b.elementwise("batch_norm", y, *values, eps=EPS, running=True, affine=True)
        _, shift = factor_and_shift(b, *values)
        return b.pad(normed, [(self.half, self.half)] * 2, fill=shift)

    def _plus_identity(self, weight: Value) -> Value:
        """The 1x1 to as many channels starts as the identity: only its difference is learned."""
        if not self.b.decide(equal(self.inner, self.x.channels)):
            return weight
        reads = weight.shape[1]
        eye = self.b.constant("identity", (self.groups, reads, reads), identity=True)
        return self.b.add(weight, self.b.rearrange(eye, "g o i -> (g o) i 1 1"))

    def _one_each(self, taps: Value) -> Value:
        """The same taps for every channel by itself: (C, 1, k, k)."""
        ones = self.b.constant("ones", (self.out, 1, 1, 1), 1.0)
        return self.b.multiply(ones, taps)

    def _composed(self, first: Value, shift: Value, second: Value) -> tuple[Value, Value]:
        """A 1x1 followed by a k x k is one k x k: the sum over the inner channels, group by group."""
        b, g = self.b, self.groups
        inner = divided(self.inner, g, b.require, "mid_channels", "groups")
        makes = divided(self.out, g, b.require, "out_channels", "groups")
        point = b.rearrange(first, "(g m) i 1 1 -> g m (i 1 1)", g=g, m=inner)
        window = b.rearrange(second, "(g o) m h w -> g o m h w", g=g, o=makes)
        kernel = b.contract("gomhw,gmi->goihw", window, point)
        kernel = b.rearrange(kernel, "g o i h w -> (g o) i h w")
        summed = b.reduce("sum", window, (3, 4))
        bias = b.contract("gom,gm->go", summed, b.rearrange(shift, "(g m) -> g m", g=g, m=inner))
        return kernel, b.rearrange(bias, "g o -> (g o)")


@kind(source="arXiv:2006.12030 (yangyanli/DO-Conv)", spatial=2)
def do_conv(
    b: Builder,
    x: Value,
    *,
    out_channels: Size,
    kernel_size: Sizes = 3,
    stride: Sizes = 1,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    groups: Size = 1,
    multiplier: Size | None = None,
    bias: bool = True,
    form: Form = "train",
) -> Value:
    """Learn a kernel as the product of a depthwise and an ordinary one; convolve once with it (DO-Conv).

    W (out, C/g, D_mul) and D (C, M N, D_mul) give kernel[o,c,:] = (D + identity)[c] W[o,c]; multiplier is D_mul, M N
    unless given. The identity is a fixed tensor (the PyTorch port registers it as a frozen parameter; here it is a
    buffer). A 1x1 has no D. groups = C is DO-DConv, other groups DO-GConv.

    Used for: a drop-in for any convolution.
    Gains: more parameters to train the same function; nothing is left of them once folded.
    Costs: C M N D_mul more weights with the default multiplier, and composing the kernel once per
    forward: D_mul/(B h w) of the MACs.
    Split: none. Transform: the two factors are composed. Merge: one convolution.
    """
    walks = windows(x.spatial, kernel_size, stride, padding, dilation)
    kernel = per_axis(kernel_size, 2)
    taps = product(kernel)
    if b.decide(equal(taps, 1)):
        weights = b.kernel(x, out_channels, kernel_size, groups=groups, bias=bias)
        return b.convolve(x, *weights, walks=walks, groups=groups)
    b.require(out_channels >= 1, "out_channels ({o}) must be at least 1", o=out_channels)
    reads = divided(x.channels, groups, b.require, "in_channels", "groups")
    makes = divided(out_channels, groups, b.require, "out_channels", "groups")
    depth: Size = taps if multiplier is None else multiplier
    b.require(depth >= 1, "multiplier ({m}) must be at least 1", m=depth)
    weight = b.parameter("W", (out_channels, reads, depth))
    spread = b.parameter("D", (x.channels, taps, depth))
    start = b.constant("identity", (x.channels, taps, depth), identity=True)
    biases = (b.parameter("bias", (out_channels,), "bias"),) if bias else ()
    mixer = b.add(spread, start)
    rows = b.rearrange(weight, "(g o) c s -> g o c s", g=groups, o=makes)
    mixers = b.rearrange(mixer, "(g c) t s -> g c t s", g=groups, c=reads)
    composed = b.contract("gocs,gcts->goct", rows, mixers)
    square = b.rearrange(composed, "g o c (k1 k2) -> (g o) c k1 k2", k1=kernel[0], k2=kernel[1])
    return b.convolve(x, square, *biases, walks=walks, groups=groups)
