"""`alternatives`: what the literature offers in a convolution's place, each written as a graph at the same output."""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

from convcalc.builder import Builder
from convcalc.errors import ConvcalcError, SpecError
from convcalc.graph import Value
from convcalc.kinds import find
from convcalc.kinds.substitutes import OCTAVE, SUBSTITUTES, Convolution, Layers
from convcalc.shapes import show
from convcalc.sizes import per_axis
from convcalc.subject import Block, Layer, Subject

CONVOLUTIONS: Final = ("conv", "pointwise", "dilated", "grouped")


class Alternative(NamedTuple):
    """A substitute: its name, graph, the ratio of its MACs by the literature, its layers as words, its source."""

    name: str
    subject: Subject
    ratio: str
    words: str
    source: str


class LeftOut(NamedTuple):
    """A substitute that does not stand in here, and why."""

    name: str
    reason: str


class Alternatives(NamedTuple):
    """The convolution that was asked about, what can stand in its place, and what cannot."""

    convolution: Convolution
    offered: tuple[Alternative, ...]
    left_out: tuple[LeftOut, ...]


def alternatives(subject: Subject) -> Alternatives:
    """Return the substitutes for a stack of one convolution. Raises SpecError for other layers, under the layer."""
    convolution = _convolution(subject.block.layers[0], subject)
    offered: list[Alternative] = []
    left_out: list[LeftOut] = []
    for substitute in SUBSTITUTES:
        layers = substitute.layers(convolution)
        built = layers if isinstance(layers, str) else _built(layers, subject)
        if isinstance(built, str):
            left_out.append(LeftOut(substitute.name, built))
        else:
            ratio = _ratio(substitute.ratio, subject)
            words = _words(layers) if not isinstance(layers, str) else ""
            offered.append(Alternative(substitute.name, built, ratio, words, substitute.source))
    octave = _octave(convolution, subject)
    if isinstance(octave, str):
        left_out.append(LeftOut(OCTAVE.name, octave))
    else:
        offered.append(octave)
    return Alternatives(convolution, tuple(offered), tuple(left_out))


def _convolution(layer: Layer, subject: Subject) -> Convolution:
    """The convolution to replace, along every axis alike."""
    if layer.kind.name not in CONVOLUTIONS:
        reason = f"alt replaces a convolution, not {layer.kind.name}: convcalc compare takes any layers"
        raise SpecError(reason, layer.spot)
    if layer.repeat > 1 or layer.times > 1:
        raise SpecError("alt takes one layer: leave out repeat and times", layer.spot)
    settings = {name: a.default for name, a in layer.kind.arguments.items()} | layer.arguments
    rank = len(subject.graph.inputs[0].spatial)
    numbers = {}
    for name, usual in (("kernel_size", 1), ("stride", 1), ("padding", 0), ("dilation", 1)):
        value = settings.get(name, usual)
        if isinstance(value, str):
            if value == "tf_same":
                raise SpecError("alt takes padding as a number, same or valid", layer.spot)
            value = (per_axis(settings["kernel_size"], rank)[0] - 1) // 2 if value == "same" else 0
        parts = set(per_axis(value, rank))
        if len(parts) > 1:
            text = "x".join(map(str, per_axis(value, rank)))
            raise SpecError(f"alt takes one {name} for all axes, not {text}", layer.spot)
        numbers[name] = parts.pop()
    plain = numbers["dilation"] == 1 and settings.get("groups", 1) == 1 and not isinstance(numbers["padding"], tuple)
    if not plain or settings.get("padding_mode", "zeros") != "zeros":
        reason = "alt replaces a dense convolution: no dilation, no groups, zeros on both sides alike"
        raise SpecError(reason, layer.spot)
    return Convolution(
        in_channels=subject.graph.inputs[0].channels,
        out_channels=settings["out_channels"],
        kernel=numbers["kernel_size"],
        stride=numbers["stride"],
        padding=numbers["padding"],
        bias=bool(settings.get("bias", True)),
    )


def _words(layers: Layers) -> str:
    return "  ".join(
        " ".join((name, *(f"{key}={_word(value)}" for key, value in settings.items()))) for name, settings in layers
    )


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _ratio(text: str, subject: Subject) -> str:
    """The literature writes its ratios for two axes: along one or three k^2 is k or k^3, and 9 of a 3x3 3 or 27."""
    rank = len(subject.graph.inputs[0].spatial)
    if rank == 2:
        return text
    return re.sub(r"\b9\b", str(3**rank), text.replace("k^2", "k" if rank == 1 else f"k^{rank}"))


def _built(layers: Layers, subject: Subject) -> Subject | str:
    """A substitute as a graph, or why it does not stand in."""
    b = Builder()
    values: tuple[Value, ...] = (b.input(subject.graph.inputs[0].shape),)
    try:
        for number, (kind, settings) in enumerate(layers):
            with b.scope(str(number), kind=kind, text=kind):
                values = find(kind)[0].write(b, *values, **settings)
    except ConvcalcError as error:
        return str(error)
    graph = b.graph(*values)
    if graph.outputs[0].shape != subject.graph.outputs[0].shape:
        return f"it gives {show(graph.outputs[0].shape[1:])} here"
    return Subject(graph, Block((), ()), subject.reading)


def _octave(convolution: Convolution, subject: Subject) -> Alternative | str:
    """A middle octave layer: half of the channels at half the size, in and out; its two maps stand for one."""
    x = subject.graph.inputs[0]
    odd = convolution.in_channels % 2 or convolution.out_channels % 2 or any(size % 2 for size in x.spatial)
    if odd or not convolution.halves:
        return "it halves the channels and the map, which must be even, and keeps its size"
    b = Builder()
    half = convolution.in_channels // 2
    high = b.input((x.batch, half, *x.spatial), "high")
    low = b.input((x.batch, half, *(size // 2 for size in x.spatial)), "low")
    settings = {
        "out_channels": convolution.out_channels, "kernel_size": convolution.kernel, "stride": convolution.stride,
        "bias": convolution.bias,
    }  # fmt: skip
    try:
        with b.scope("0", kind="octave", text="octave"):
            outputs = find("octave")[0].write(b, high, low, **settings)
    except ConvcalcError as error:
        return str(error)
    ratio = OCTAVE.ratio if convolution.stride == 1 else "1 - 3/4 a, a = 1/2"
    octave = Subject(b.graph(*outputs), Block((), ()), subject.reading)
    return Alternative(OCTAVE.name, octave, ratio, _words([("octave", settings)]), OCTAVE.source)
