"""`even_layers`: what could write a transposed layer's output evenly: other kernels, resize-conv, sub-pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from convcalc.builder import Builder
from convcalc.errors import ConvcalcError
from convcalc.kinds import find
from convcalc.sizes import ceil_div, per_axis

if TYPE_CHECKING:
    from convcalc.graph import Graph
    from convcalc.subject import Layer, Subject


class EvenLayer(NamedTuple):
    """A layer that could stand in: its kind, kernel, words and graph.

    `transposed` says that it may write some outputs never, `subpixel` that it writes each once by its nature.
    """

    kernel: int
    words: str
    graph: Graph
    transposed: bool = False
    subpixel: bool = False


def even_layers(layer: Layer, subject: Subject) -> list[EvenLayer]:
    """Return the candidates for one transposed layer with the same kernel and stride along every axis."""
    if layer.kind.name != "conv_transpose":
        return []
    rank = len(subject.graph.outputs[0].spatial)
    kernels = set(per_axis(layer.arguments["kernel_size"], rank))
    strides = set(per_axis(layer.arguments.get("stride", 1), rank))
    if len(kernels) > 1 or len(strides) > 1:
        return []
    kernel, stride = kernels.pop(), strides.pop()
    same: dict[str, Any] = {key: layer.arguments[key] for key in ("out_channels", "bias") if key in layer.arguments}
    candidates = []
    for near in sorted({kernel // stride * stride, ceil_div(kernel, stride) * stride} - {0, kernel}):
        for padding in range(near):
            for extra in range(stride):
                settings = {**same, "kernel_size": near, "stride": stride, "padding": padding, "output_padding": extra}
                candidates.append(_candidate("conv_transpose", settings, subject))
    candidates.append(_candidate("resize_conv", {**same, "kernel_size": kernel | 1, "scale_factor": stride}, subject))
    if rank == 2:
        taps = max(ceil_div(kernel, stride), 1) | 1
        candidates.append(_candidate("subpixel", {**same, "kernel_size": taps, "upscale_factor": stride}, subject))
    return [candidate for candidate in candidates if candidate is not None]


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
