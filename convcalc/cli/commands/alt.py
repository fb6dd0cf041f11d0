"""`convcalc alt`: what could stand in a convolution's place."""

from __future__ import annotations

import re
from typing import Annotated, Any

import typer

from convcalc.builder import Builder
from convcalc.cli.commands.compare import Limit, Timed
from convcalc.cli.comparison import COLUMNS, TIMES, Entry, add_times, documents, rows_of, timed_on
from convcalc.cli.options import AsFormat, Format, InputLayout, Inputs, Layout, Out, emit
from convcalc.cli.report import hints
from convcalc.cli.variants import duration
from convcalc.errors import ConvcalcError, SpecError
from convcalc.graph import Value
from convcalc.kinds import find
from convcalc.kinds.substitutes import OCTAVE, SUBSTITUTES, Convolution, Layers
from convcalc.render.table import Answer, Column, Table
from convcalc.shapes import show
from convcalc.sizes import per_axis
from convcalc.spec.assemble import Stack, assemble
from convcalc.spec.layers import Layer
from convcalc.spec.source import Block, blocks

CONVOLUTIONS = ("conv", "pointwise", "dilated", "grouped")
SHOWN = (
    COLUMNS[0],
    *COLUMNS[2:6],
    Column("ratio", "MACs by the literature", lambda text: text or ""),
    *COLUMNS[6:],
)


def command(
    spec: Annotated[str | None, typer.Argument(metavar="SPEC", help="One convolution, in quotes or as @FILE.")] = None,
    inputs: Inputs = None,
    layout: Layout = InputLayout.chw,
    time: Timed = False,
    limit: Limit = "1s",
    form: AsFormat = Format.table,
    out: Out = None,
) -> int:
    """Substitutes the literature offers for a convolution, at the same output shape, with the ratio of the MACs.

    The formula is the paper's, the number is counted; it holds at stride 1 with same padding where sizes enter.
    Example: convcalc alt "conv2d c=128 k=3 p=1" -i 64x56x56
    """
    if spec is None:
        raise SpecError('alt takes one convolution in quotes: "conv2d c=128 k=3 p=1" -i 64x56x56')
    found = blocks([spec], inputs or ())
    if len(found) > 1 or len(found[0].layers) > 1:
        spot = found[0].layers[min(1, len(found[0].layers) - 1)].spot
        raise SpecError("alt takes one convolution, not a stack: compare sets stacks side by side", spot)
    block = found[0]
    stack = assemble(block, layout=layout.value)
    asked = _convolution(block.layers[0], stack)
    entries, left_out = [Entry(spec, stack)], []
    for one in SUBSTITUTES:
        layers = one.layers(asked)
        entry = layers if isinstance(layers, str) else _built(one.name, layers, stack, _ratio(one.ratio, stack))
        if isinstance(entry, str):
            left_out.append({"name": one.name, "reason": entry})
        else:
            entries.append(entry)
    octave = _octave(asked, stack)
    if isinstance(octave, Entry):
        entries.append(octave)
    else:
        left_out.append({"name": OCTAVE.name, "reason": octave})
    rows = rows_of(entries)
    for row, entry in zip(rows, entries, strict=True):
        row["ratio"] = entry.ratio or None
        row["layers"] = entry.note or None
    head = [stack.reading]
    columns: tuple[Column, ...] = SHOWN
    where: dict[str, Any] = {}
    told: list[str] = []
    if time:
        where, told = add_times(entries, rows, duration(limit, "--limit"))
        head.append(timed_on(where))
        columns = (*SHOWN, *TIMES)
    sources = {one.name: one.source for one in (*SUBSTITUTES, OCTAVE)}
    document = {
        **where,
        "specs": [{**one, "source": sources.get(one["name"])} for one in documents(entries, rows)],
        "left_out": left_out,
    }
    foot = [f"{row['name']}: {row['layers']}" for row in rows if row["layers"]]
    if OCTAVE.name in {row["name"] for row in rows}:
        foot.append(f"{OCTAVE.name}: its input and output are the same maps, split into two resolutions")
    if not asked.keeps:
        foot.append("the literature's ratios hold at stride 1 with same padding: here the counted ones are right")
    foot += [f"left out: {one['name']}: {one['reason']}" for one in left_out]
    answer = Answer(
        "alt",
        document=document,
        tables=[Table(columns=columns, rows=rows, head=head, foot=foot)],
        hints=[*hints([stack]), *told],
    )
    return emit(answer, form, out)


def _convolution(layer: Layer, stack: Stack) -> Convolution:
    """Return the convolution to replace. Raises SpecError for other layers, under the layer."""
    if layer.kind.name not in CONVOLUTIONS:
        reason = f"alt replaces a convolution, not {layer.kind.name}: convcalc compare takes any layers"
        raise SpecError(reason, layer.spot)
    if layer.repeat > 1 or layer.times > 1:
        raise SpecError("alt takes one layer: leave out repeat and times", layer.spot)
    told = {name: a.default for name, a in layer.kind.arguments.items()} | layer.arguments
    rank = len(stack.graph.inputs[0].spatial)
    numbers = {}
    for name, usual in (("kernel_size", 1), ("stride", 1), ("padding", 0), ("dilation", 1)):
        value = told.get(name, usual)
        if isinstance(value, str):
            if value == "tf_same":
                raise SpecError("alt takes padding as a number, same or valid", layer.spot)
            value = (per_axis(told["kernel_size"], rank)[0] - 1) // 2 if value == "same" else 0
        parts = set(per_axis(value, rank))
        if len(parts) > 1:
            shown = "x".join(map(str, per_axis(value, rank)))
            raise SpecError(f"alt takes one {name} for all axes, not {shown}", layer.spot)
        numbers[name] = parts.pop()
    plain = numbers["dilation"] == 1 and told.get("groups", 1) == 1 and not isinstance(numbers["padding"], tuple)
    if not plain or told.get("padding_mode", "zeros") != "zeros":
        reason = "alt replaces a dense convolution: no dilation, no groups, zeros on both sides alike"
        raise SpecError(reason, layer.spot)
    return Convolution(
        in_channels=stack.graph.inputs[0].channels,
        out_channels=told["out_channels"],
        kernel=numbers["kernel_size"],
        stride=numbers["stride"],
        padding=numbers["padding"],
        bias=bool(told.get("bias", True)),
    )


def _said(layers: Layers) -> str:
    return "  ".join(
        " ".join((name, *(f"{key}={_word(value)}" for key, value in told.items()))) for name, told in layers
    )


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _ratio(text: str, stack: Stack) -> str:
    """The literature writes its ratios for two axes: along one or three k^2 is k or k^3, and 9 of a 3x3 3 or 27."""
    rank = len(stack.graph.inputs[0].spatial)
    if rank == 2:
        return text
    return re.sub(r"\b9\b", str(3**rank), text.replace("k^2", "k" if rank == 1 else f"k^{rank}"))


def _built(name: str, layers: Layers, stack: Stack, ratio: str) -> Entry | str:
    """Return a substitute as an entry, or why it does not stand in."""
    given = stack.graph.inputs[0]
    b = Builder()
    values: tuple[Value, ...] = (b.input(given.shape),)
    try:
        for number, (kind, told) in enumerate(layers):
            with b.scope(str(number), kind=kind, text=kind):
                values = find(kind)[0].write(b, *values, **told)
    except ConvcalcError as error:
        return str(error)
    graph = b.graph(*values)
    if graph.outputs[0].shape != stack.graph.outputs[0].shape:
        return f"it gives {show(graph.outputs[0].shape[1:])} here"
    return Entry(name, Stack(graph, Block((), ()), stack.reading), ratio, _said(layers))


def _octave(asked: Convolution, stack: Stack) -> Entry | str:
    """A middle octave layer: half of the channels at half the size, in and out; its two maps stand for one."""
    given = stack.graph.inputs[0]
    if asked.in_channels % 2 or asked.out_channels % 2 or any(size % 2 for size in given.spatial) or not asked.halves:
        return "it halves the channels and the map, which must be even, and keeps its size"
    b = Builder()
    high = b.input((given.batch, asked.in_channels // 2, *given.spatial), "high")
    low = b.input((given.batch, asked.in_channels // 2, *(size // 2 for size in given.spatial)), "low")
    told = {"out_channels": asked.out_channels, "kernel_size": asked.kernel, "stride": asked.stride, "bias": asked.bias}
    try:
        with b.scope("0", kind="octave", text="octave"):
            outputs = find("octave")[0].write(b, high, low, **told)
    except ConvcalcError as error:
        return str(error)
    ratio = OCTAVE.ratio if asked.stride == 1 else "1 - 3/4 a, a = 1/2"
    return Entry(OCTAVE.name, Stack(b.graph(*outputs), Block((), ()), stack.reading), ratio, _said([("octave", told)]))
