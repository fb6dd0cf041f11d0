"""`convcalc checkerboard`: how unevenly transposed and strided layers spread."""

from __future__ import annotations

from typing import Any

from convcalc.analyses.macs import macs
from convcalc.analyses.overlap import Overlap, read, written
from convcalc.analyses.params import params
from convcalc.builder import Builder
from convcalc.cli.options import Ascii, AsFormat, Format, InputLayout, Inputs, Layout, Out, Spec, emit
from convcalc.cli.report import AXIS_NAMES, hints, shapes, stacks
from convcalc.errors import ConvcalcError, SpecError, UnsupportedError
from convcalc.graph import Graph
from convcalc.kinds import find
from convcalc.render.table import Answer, Column, Picture, Table
from convcalc.shapes import show
from convcalc.sizes import ceil_div, per_axis
from convcalc.spec.assemble import Stack
from convcalc.spec.layers import Layer
from convcalc.units import count, short

SHOWN, PERIOD, WIDE, HIGH = 24, 12, 64, 16


def _first(counts: tuple[int, ...]) -> str:
    large = max(counts) >= 1000
    shown = SHOWN // 3 if large else SHOWN
    return (", " if large else " ").join(map(short, counts[:shown])) + (" ..." if len(counts) > shown else "")


AXES = (
    Column("axis", "axis"),
    Column(
        "pattern", "repeats", lambda counts: " ".join(map(short, counts)) if len(counts) <= PERIOD else "no pattern"
    ),
    Column("counts", "from the border", _first),
    Column("never", "never", lambda places: str(len(places)) if places else "-", right=True),
)
REMEDIES = (
    Column("layer", "remedy"),
    Column("output", "output", lambda sizes: show(sizes[1:])),
    Column("verdict", "overlap"),
    Column("params", "params", count, right=True),
    Column("macs", "MACs", count, right=True),
)


def command(
    spec: Spec = None,
    inputs: Inputs = None,
    layout: Layout = InputLayout.chw,
    ascii_only: Ascii = False,
    form: AsFormat = Format.table,
    out: Out = None,
) -> int:
    """How unevenly transposed layers write their outputs, and what to do.

    Counts the ways from the inputs to each output (a checkerboard where they differ), and back, in the gradient.

    Exit code 1 where outputs away from the borders are written unevenly. For one transposed layer the remedies are
    listed with their cost. Example: convcalc checkerboard conv_transpose c=64 k=3 s=2 -i 128x16x16
    """
    (stack, *more) = stacks(spec, inputs, layout)
    if more:
        raise SpecError("checkerboard takes one stack, not several blocks")
    forward, backward = written(stack.graph), read(stack.graph)
    tables = [
        _table(forward, f"{stack.reading}; ways to each output: {_verdict(forward)}", _picture(forward, ascii_only)),
        _table(backward, f"ways from each input (the gradient): {_verdict(backward)}", None),
    ]
    remedies = _remedies(stack.block.layers[0], stack) if len(stack.block.layers) == 1 and not forward.uniform else []
    if remedies:
        foot = ["a transposed layer of stride 1 behind it dampens the pattern without removing it"]
        tables.append(Table(columns=REMEDIES, rows=remedies, head=["what writes evenly instead:"], foot=foot))
    document = {
        "input": shapes(stack.graph.inputs),
        "output": shapes(stack.graph.outputs),
        "forward": _document(forward),
        "gradient": _document(backward),
        "remedies": remedies,
    }
    return emit(
        Answer("checkerboard", document=document, tables=tables, hints=hints([stack]), holds=forward.uniform), form, out
    )


def _verdict(found: Overlap) -> str:
    if not found.judged:
        return "not judged: a border cuts short what every output sees"
    if found.uniform:
        return "uniform"
    if found.ratio is None:
        return "uneven: some are never written"
    return f"uneven, the most over the fewest is {found.ratio}"


def _rows(found: Overlap) -> list[dict[str, Any]]:
    return [
        {"axis": name, "pattern": found.pattern(n), "counts": found.along(n), "never": found.never(n)}
        for n, name in enumerate(AXIS_NAMES[len(found.sizes)])
    ]


def _table(found: Overlap, title: str, picture: Picture | None) -> Table:
    return Table(columns=AXES, rows=_rows(found), head=[title], picture=picture)


def _picture(found: Overlap, ascii_only: bool) -> Picture | None:
    """The corner of a map: a pattern of single positions is cut, not shrunk."""
    if len(found.sizes) > 2:
        return None
    shown = [min(size, limit) for size, limit in zip(found.sizes, (HIGH, WIDE)[-len(found.sizes) :], strict=True)]
    sizes, cut = " x ".join(map(str, found.sizes)), " x ".join(map(str, shown))
    title = "ways" if cut == sizes else f"ways (the first {cut} of {sizes})"
    terms = [tuple(counts[:size] for counts, size in zip(axes, shown, strict=True)) for axes in found.terms]
    return Picture(terms=terms, title=title, ascii_only=ascii_only)


def _document(found: Overlap) -> dict[str, Any]:
    return {
        "judged": found.judged,
        "uniform": found.uniform,
        "ratio": found.ratio,
        "axes": [{"pattern": row["pattern"], "counts": row["counts"], "never": row["never"]} for row in _rows(found)],
    }


def _remedies(layer: Layer, stack: Stack) -> list[dict[str, Any]]:
    """What writes the same output shape evenly in place of one transposed layer."""
    if layer.kind.name != "conv_transpose":
        return []
    rank = len(stack.graph.outputs[0].spatial)
    kernels = set(per_axis(layer.arguments["kernel_size"], rank))
    strides = set(per_axis(layer.arguments.get("stride", 1), rank))
    if len(kernels) > 1 or len(strides) > 1:
        return []
    kernel, stride = kernels.pop(), strides.pop()
    same: dict[str, Any] = {key: layer.arguments[key] for key in ("out_channels", "bias") if key in layer.arguments}
    options: list[tuple[str, dict[str, Any]]] = []
    for near in sorted({kernel // stride * stride, ceil_div(kernel, stride) * stride} - {0, kernel}):
        for padding in range(near):
            options += [
                (
                    "conv_transpose",
                    {**same, "kernel_size": near, "stride": stride, "padding": padding, "output_padding": a},
                )
                for a in range(stride)
            ]
    options.append(("resize_conv", {**same, "kernel_size": kernel | 1, "scale_factor": stride}))
    if rank == 2:
        options.append(
            ("subpixel", {**same, "kernel_size": max(ceil_div(kernel, stride), 1) | 1, "upscale_factor": stride})
        )
    found: dict[tuple[str, int], dict[str, Any]] = {}
    for name, arguments in options:
        graph = _built(name, arguments, stack)
        if graph is not None and (name, arguments["kernel_size"]) not in found and not _unwritten(name, graph):
            found[name, arguments["kernel_size"]] = {
                "layer": " ".join((name, *(f"{key}={str(value).lower()}" for key, value in arguments.items()))),
                "output": graph.outputs[0].shape,
                "verdict": _overlap_of(name, graph),
                "params": params(graph).total,
                "macs": macs(graph),
            }
    return list(found.values())


def _overlap_of(name: str, graph: Graph) -> str:
    if name == "subpixel":
        return "uniform"
    try:
        return _verdict(written(graph))
    except UnsupportedError:
        return "-"


def _unwritten(name: str, graph: Graph) -> bool:
    """Whether a transposed layer leaves outputs that no tap writes: no remedy."""
    if name != "conv_transpose":
        return False
    found = written(graph)
    return any(found.never(axis) for axis in range(len(found.sizes)))


def _built(name: str, arguments: dict[str, Any], stack: Stack) -> Graph | None:
    """Return the graph of a remedy, or None where it gives a larger or smaller map by more than the stride."""
    given = stack.graph.inputs[0]
    b = Builder()
    try:
        made = find(name)[0].write(b, b.input(given.shape), **arguments)
    except ConvcalcError:
        return None
    wanted = stack.graph.outputs[0].shape
    close = name == "conv_transpose"
    if close and made[0].shape != wanted:
        return None
    return b.graph(*made) if made[0].shape[:2] == wanted[:2] else None
