"""`even_layers`: what could write a transposed layer's output evenly: other kernels, resize-conv, sub-pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from convcalc.builder import Builder
from convcalc.errors import ConvcalcError
from convcalc.kinds import find
from convcalc.sizes import ceil_div, per_axis

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convcalc.graph import Graph
    from convcalc.subject import Layer, Subject


MAX_PADDINGS = 16
"""How many paddings of one kernel are tried."""


class EvenLayer(NamedTuple):
    """A layer that could stand in: its kind, kernel, words and graph.

    `transposed` says that it may write some outputs never, `subpixel` that it writes each once by its nature.
    """

    kernel: int
    words: str
    graph: Graph
    transposed: bool = False
    subpixel: bool = False


def even_layers(layer: Layer, subject: Subject) -> Iterator[EvenLayer]:
    """Yield the candidates for one transposed layer with the same kernel and stride along every axis."""
    if layer.kind.name != "conv_transpose":
        return
    rank = len(subject.graph.outputs[0].spatial)
    kernels = set(per_axis(layer.arguments["kernel_size"], rank))
    strides = set(per_axis(layer.arguments.get("stride", 1), rank))
    if len(kernels) > 1 or len(strides) > 1:
        return
    kernel, stride = kernels.pop(), strides.pop()
    same: dict[str, Any] = {key: layer.arguments[key] for key in ("out_channels", "bias") if key in layer.arguments}
    settings: list[tuple[str, dict[str, Any]]] = []
    for near in sorted({kernel // stride * stride, ceil_div(kernel, stride) * stride} - {0, kernel}):
        for padding, extra in _paddings(near, stride, subject):
            sides = {"kernel_size": near, "stride": stride, "padding": padding, "output_padding": extra}
            settings.append(("conv_transpose", {**same, **sides}))
    settings.append(("resize_conv", {**same, "kernel_size": kernel | 1, "scale_factor": stride}))
    if rank == 2:
        taps = max(ceil_div(kernel, stride), 1) | 1
        settings.append(("subpixel", {**same, "kernel_size": taps, "upscale_factor": stride}))
    yield from filter(None, (_candidate(name, arguments, subject) for name, arguments in settings))


def _paddings(kernel: int, stride: int, subject: Subject) -> list[tuple[int, int]]:
    """The first paddings, with their output_padding, that give the output's size along every axis."""
    pairs = zip(subject.graph.inputs[0].spatial, subject.graph.outputs[0].spatial, strict=True)
    surplus = {(size - 1) * stride + kernel - outputs for size, outputs in pairs}  # 2 padding - output_padding
    if len(surplus) > 1:
        return []
    (cut,) = surplus
    least = max(ceil_div(cut, 2), 0)
    return [(n, 2 * n - cut) for n in range(least, min(kernel, least + MAX_PADDINGS)) if 2 * n - cut < stride]


def _candidate(name: str, settings: dict[str, Any], subject: Subject) -> EvenLayer | None:
    """A candidate, or None where it gives a larger or smaller map by more than the stride."""
    b = Builder()
    try:
        outputs = find(name)[0].write(b, b.input(subject.graph.inputs[0].shape), **settings)
    except ConvcalcError:
        return None
    target = subject.graph.outputs[0].shape
    transposed = name == "conv_transpose"
    if (transposed and outputs[0].shape != target) or outputs[0].shape[:2] != target[:2]:
        return None
    words = " ".join((name, *(f"{key}={str(value).lower()}" for key, value in settings.items())))
    return EvenLayer(settings["kernel_size"], words, b.graph(*outputs), transposed, name == "subpixel")
