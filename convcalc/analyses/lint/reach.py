"""Rules about what outputs see: holes, checkerboards, shifts, borders, small objects."""

from __future__ import annotations

from math import gcd

from convcalc import ops
from convcalc.analyses.hdc.groups import groups
from convcalc.analyses.hdc.rate_repair import repairs
from convcalc.analyses.inverse import losses
from convcalc.analyses.lint.facts import Facts, Finding, Findings
from convcalc.sizes import ceil_div, known


def gridding(facts: Facts) -> Findings:
    """Stacked dilated convolutions that leave holes.

    Some inputs inside the receptive field reach the output by no way at all: neighbouring outputs then see disjoint
    inputs, and fine structure is lost. Judged exactly per group (see hdc-check), not by the paper's rule of thumb
    M_i = max(M_(i+1) - 2 r_i, 2 r_i - M_(i+1), r_i) with M_2 <= k (explain gridding); branches side by side are not a
    stack and are not judged. Source: Wang et al., arXiv:1702.08502.
    """
    for group in groups(facts.graph):
        reached, size = group.positions()
        if group.parallel or reached == size:
            continue
        axis = next(n for n in range(group.rank) if not group.reached(n).full)
        result = group.gridding(axis)
        near = repairs(result.rates, result.kernels)
        rates = ",".join(map(str, result.rates))
        remedy = (
            f"rates {','.join(map(str, near.lists[0]))} leave none"
            if near and near.lists
            else "more layers, or smaller rates"
        )
        yield Finding(
            "CC101",
            tuple(node.scope for node in group.branches[0].dilated_steps),
            f"rates {rates} reach {reached:,} of the {size:,} positions of their field",
            {"rates": result.rates, "reached": reached, "field": size},
            f"{remedy} (hdc-check --suggest)",
        )


def checkerboard(facts: Facts) -> Findings:
    """A transposed convolution that writes its outputs unevenly.

    Where the stride does not divide the kernel (or shares a factor with the dilation) some outputs are sums of more
    taps than their neighbours: a checkerboard from the first step of training on. Source: Odena, Dumoulin, Olah,
    Distill 2016, doi:10.23915/distill.00003.
    """
    for node in facts.steps(ops.ConvTranspose):
        for window in node.op.windows:  # type: ignore[union-attr]
            if not known(window.kernel, window.stride, window.dilation) or window.stride == 1:
                continue
            if window.kernel % window.stride or gcd(window.dilation, window.stride) > 1:
                upper = ceil_div(window.kernel, window.stride) * window.stride
                yield Finding(
                    "CC102",
                    (node.scope,),
                    f"kernel {window.kernel} at stride {window.stride} (dilation {window.dilation}) writes its outputs"
                    " unevenly",
                    {"kernel": window.kernel, "stride": window.stride, "dilation": window.dilation},
                    f"kernel {upper} and dilation 1, or a resize and a convolution (convcalc checkerboard)",
                )
                break


def dropped(facts: Facts) -> Findings:
    """Pixels at the border that floor drops: no window reads them.

    The output size of a strided step is rounded down; the last rows and columns are then never read, at the bottom and
    right only, which also shifts what the outputs are centred on.
    """
    if not facts.sized:
        return
    for loss in losses(facts.graph):
        windows = loss.node.op.windows  # type: ignore[union-attr]
        pairs = zip(loss.positions, windows, strict=True)
        if any(lost > max(window.stride - window.span, 0) for lost, window in pairs):  # else a stride skips them
            size = loss.node.inputs[0].spatial
            lost = " x ".join(map(str, loss.positions))
            yield Finding(
                "CC103",
                (loss.node.scope,),
                f"the last {lost} positions of {'x'.join(map(str, size))} are never read",
                {"lost": loss.positions, "input": size},
                "pad the end, or choose an input that loses nothing (convcalc solve)",
            )


def even_kernels(facts: Facts) -> Findings:
    """An even kernel that keeps the size: its outputs lie half a pixel off.

    No symmetric padding keeps the size of an even kernel, so one side gets a position more and everything moves by half
    a pixel per layer. torch pads the end, and copies the tensor to do so.
    """
    for node in facts.steps(ops.Conv):
        for window in node.op.windows:  # type: ignore[union-attr]
            sizes = (window.kernel, window.stride, window.dilation, window.before, window.after)
            if not known(*sizes) or window.kernel % 2 or window.stride != 1 or window.symmetric:
                continue
            causal = window.after == 0 and window.before == window.span - 1
            if window.before + window.after == window.span - 1 and not causal:
                yield Finding(
                    "CC105",
                    (node.scope,),
                    f"kernel {window.kernel} keeps the size with {window.before} before and {window.after} after",
                    {"kernel": window.kernel, "before": window.before, "after": window.after},
                    f"an odd kernel, {window.kernel - 1} or {window.kernel + 1}",
                )
                break


def past_the_border(facts: Facts) -> Findings:
    """Layers whose input already sees the whole image: a kernel there widens the field into padding only.

    Such layers still transform, but cannot add context; a smaller network or a larger input is often as good. Source:
    Richter et al., "(Input) size matters for CNN classifiers", ICANN 2021.
    """
    if not facts.sized or not facts.graph.inputs[0].spatial:
        return
    size = facts.graph.inputs[0].spatial
    late = []
    for node in facts.steps(ops.Conv):
        receptive = facts.field(node.inputs[0])
        if receptive is None or all(window.kernel == 1 for window in node.op.windows):  # type: ignore[union-attr]
            continue
        if all(low is not None and low >= whole for low, whole in zip(receptive.size_min, size, strict=True)):
            late.append((node, receptive))
    if late:
        widest = "x".join(map(str, late[0][1].size_min))
        yield Finding(
            "CC107",
            tuple(node.scope for node, _ in late),
            f"the input of the first of them already sees {widest} positions of {'x'.join(map(str, size))}",
            {"field": late[0][1].size_min, "input": size, "layers": len(late)},
            "1x1 kernels there, fewer layers, or a larger input",
        )


def object_too_small(facts: Facts) -> Findings:
    """Objects smaller than one step of the output (asked for with --object).

    An output steps `jump` input pixels: what is smaller may fall between two of them, and two such objects may
    fall into one. Source: the jump of Araujo, Norris, Sim, Distill 2019, doi:10.23915/distill.00021.
    """
    value = facts.graph.outputs[-1]
    receptive = facts.field(value)
    if facts.smallest is None or receptive is None:
        return
    jumps = [jump for jump in receptive.jump if jump is not None]
    if jumps and max(jumps) > facts.smallest:
        yield Finding(
            "CC109",
            (facts.graph.nodes[value.index].scope,),
            f"one output step is {max(jumps)} px, but objects of {facts.smallest} px are to be kept",
            {"jump": max(jumps), "object": facts.smallest},
            "fewer strides (dilation keeps the field), or skip connections from a finer layer",
        )


def skipped(facts: Facts) -> Findings:
    """A stride larger than the kernel: positions in between are never read.

    A 1x1 of stride 2 drops three of four positions of a map. Source: He et al., "Bag of tricks", arXiv:1812.01187,
    whose ResNet-D puts an average pool before it.
    """
    for node in facts.steps(ops.Conv, ops.Pool):
        windows = node.op.windows  # type: ignore[union-attr]
        wide = [w for w in windows if known(w.kernel, w.stride) and w.kernel < w.stride]
        if wide:
            kernel, stride = wide[0].kernel, wide[0].stride
            yield Finding(
                "CC111",
                (node.scope,),
                f"kernel {kernel} at stride {stride} reads {kernel} of every {stride} positions along an axis",
                {"kernel": kernel, "stride": stride},
                f"a kernel of {stride} or more, or an average pool of stride {stride} before a stride of 1",
            )
