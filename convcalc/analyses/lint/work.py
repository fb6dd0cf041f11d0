"""Rules about work and parameters that are spent for nothing."""

from __future__ import annotations

from math import gcd
from typing import TYPE_CHECKING

from convcalc import ops
from convcalc.analyses.counts.macs import macs_of
from convcalc.analyses.counts.traffic import intensity, step_bytes
from convcalc.analyses.counts.useful import useful
from convcalc.analyses.lint.facts import Facts, Finding, Findings
from convcalc.analyses.pass_through import one_position
from convcalc.ops import CONVOLUTIONS, SOURCES
from convcalc.sizes import ceil_div, known
from convcalc.units import ITEMSIZES

if TYPE_CHECKING:
    from convcalc.graph import Node, Path

VECTOR = 8
"""Channels that vector units and tensor cores take at a time, at least."""
WASTE = 0.5
"""A layer that loses more than this share of its multiply-adds to padding is named."""


def channels(facts: Facts) -> Findings:
    """Channels that are not a multiple of 8, which vector units and tensor cores take at a time.

    Kernels pad the channels up to the next multiple and compute zeros. The channels of the input and of the last
    layers (classes) are given by the task and are not judged, nor are depthwise layers.
    """
    last, exempt = _contracting_later(facts), _uncontracted(facts)
    for node in facts.steps(*CONVOLUTIONS):
        x, out, count = node.inputs[0], node.output, node.op.groups  # type: ignore[union-attr]
        if (
            not known(x.channels, out.channels, count) or count == x.channels or one_position(out)
        ):  # a gate squeezes on purpose
            continue
        sides = [("in", x.channels // count, x.index in exempt), ("out", out.channels // count, out.index not in last)]
        odd = {name: size for name, size, excused in sides if size % VECTOR and not excused}
        if odd:
            words = " and ".join(f"{size} {name}" for name, size in odd.items())
            per = f" in each of {count} groups" if count > 1 else ""
            yield Finding(
                "CC104",
                (node.scope,),
                f"{words} channels{per} are not a multiple of {VECTOR}",
                {**{f"channels_{name}": size for name, size in odd.items()}, "groups": count},
                "round them: "
                + ", ".join(f"{ceil_div(size, VECTOR) * VECTOR * count} {name}" for name, size in odd.items()),
            )


def bias_before_norm(facts: Facts) -> Findings:
    """A bias that the norm right behind it takes away again.

    Batch and instance norm subtract the mean of each channel, and with it any bias added before; the norm has a shift
    of its own. The parameters and their gradients are spent for nothing. Source: Ioffe and Szegedy, arXiv:1502.03167.
    """
    for node in facts.graph.nodes:
        biased = isinstance(node.op, CONVOLUTIONS) and len(node.inputs) > 2
        added = isinstance(node.op, ops.Elementwise) and node.op.about.work_name == "bias"
        after = facts.readers.get(node.output.index, [])
        norms = [reader.op.function for reader in after if isinstance(reader.op, ops.Elementwise)]
        if (biased or added) and len(after) == 1 and norms and norms[0] in ("batch_norm", "instance_norm"):
            count = node.output.channels
            name = norms[0].replace("_", " ")
            yield Finding(
                "CC106",
                (node.scope,),
                f"its bias ({count} numbers) has no effect: the {name} behind it subtracts it",
                {"bias": count if known(count) else None},
                "bias=false",
            )


def isolated(facts: Facts) -> Findings:
    """Grouped convolutions in a row that never exchange channels.

    Each group of channels is a network of its own until a dense layer or a channel shuffle mixes them. Depthwise layers
    in between mix nothing. Source: Zhang et al., ShuffleNet, arXiv:1707.01083.
    """
    for node in facts.steps(ops.Conv):
        count = node.op.groups  # type: ignore[union-attr]
        if not known(count, node.inputs[0].channels) or count == 1 or count == node.inputs[0].channels:
            continue
        before = _grouped_before(facts, node)
        if before is None:
            continue
        apart = gcd(count, before.op.groups)  # type: ignore[union-attr]
        if apart > 1:
            yield Finding(
                "CC108",
                (before.scope, node.scope),
                f"{apart} groups of channels stay apart through both layers",
                {"groups": apart},
                f"channel_shuffle groups={before.op.groups} between them, or a dense 1x1",  # type: ignore[union-attr]
            )


def padding_work(facts: Facts) -> Findings:
    """Convolutions most of whose multiply-adds land on padding.

    A large dilation on a small map mostly reads zeros: a 3x3 at rate 18 on 33x33 keeps 40 % of its work, and comes
    close to a 1x1. Source: Chen et al., DeepLabv3, arXiv:1706.05587, figure 4.
    """
    if not facts.sized:
        return
    real = useful(facts.graph)
    for node in facts.steps(*CONVOLUTIONS):
        work, windows = macs_of(node), node.op.windows  # type: ignore[union-attr]
        real_macs = real.get(node.output.index, work)
        if work and real_macs < (1 - WASTE) * work:
            yield Finding(
                "CC110",
                (node.scope,),
                f"{100 * (1 - real_macs / work):.1f}% of its {work:,} multiply-adds land on padding",
                {"macs": work, "macs_useful": real_macs},
                f"a smaller {'rate' if any(w.dilation > 1 for w in windows) else 'kernel'}, or a larger map"
                " (convcalc macs --useful)",
            )


def unused(facts: Facts) -> Findings:
    """Layers whose output reaches no output of the stack.

    They cost parameters, and time where a framework runs them, and change nothing.
    """
    needed = facts.graph.needed()
    layers: dict[Path, list[Node]] = {}
    for node in facts.graph.nodes:
        if not isinstance(node.op, SOURCES):
            layers.setdefault(node.scope[:1], []).append(node)
    for nodes in layers.values():
        if not any(node.output.index in needed for node in nodes):
            yield Finding("CC112", (nodes[0].scope,), "its output is never used", {}, "remove it, or join it (from=)")


def _uncontracted(facts: Facts) -> set[int]:
    """Values that no contraction has worked on yet: they have the channels of the input."""
    indices: set[int] = set()
    for node in facts.graph.nodes:
        data = [value.index for value in node.inputs if facts.graph.nodes[value.index].inputs or value.index in indices]
        if isinstance(node.op, ops.Input) or (
            data and not isinstance(node.op, (*CONVOLUTIONS, ops.Einsum)) and indices.issuperset(data)
        ):
            indices.add(node.output.index)
    return indices


def _contracting_later(facts: Facts) -> set[int]:
    """Values that a later contraction works on: what is not among them goes to the outputs."""
    indices: set[int] = set()
    for node in reversed(facts.graph.nodes):
        if isinstance(node.op, (*CONVOLUTIONS, ops.Einsum)) or node.output.index in indices:
            indices.update(value.index for value in node.inputs)
    return indices


def _grouped_before(facts: Facts, node: Node) -> Node | None:
    """The grouped convolution whose channels arrive here unmixed; None where something mixed them."""
    while True:
        before = facts.graph.nodes[node.inputs[0].index]
        match before.op:
            case ops.Conv(groups=count) if count == 1 or not known(count):
                return None
            case ops.Conv(groups=count) if count != before.inputs[0].channels:
                return before
            case ops.Conv() | ops.Pool() | ops.Pad():
                node = before
            case ops.Elementwise() if len([v for v in before.inputs if facts.graph.nodes[v.index].inputs]) < 2:
                node = before
            case _:
                return None


def below_ridge(facts: Facts) -> Findings:
    """Convolutions that memory bounds on this machine, whatever their multiply-adds.

    Their FLOPs per byte (2 x MACs over input, weights and output in fp32, each moved once) are below the ridge of the
    machine's roofline: fewer multiply-adds make them no faster. The ridge is the one `convcalc machine` has measured
    here, or --ridge. Source: Williams, Waterman and Patterson, "Roofline", CACM 2009.
    """
    if facts.ridge is None or not facts.sized:
        return
    for node in facts.steps(*CONVOLUTIONS):
        reached = intensity(macs_of(node), step_bytes(node, ITEMSIZES["fp32"]))
        if reached < facts.ridge:
            yield Finding(
                "CC113",
                (node.scope,),
                f"{reached:.2g} FLOPs per byte, below the ridge of {facts.ridge:.3g}: memory bounds it",
                {"intensity": reached, "ridge": facts.ridge},
                "fewer bytes, not fewer multiply-adds: fuse it, bf16, larger groups",
            )
