"""`convcalc rf`: receptive fields."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from convcalc.analyses.field import Field, fields
from convcalc.analyses.receptive import Receptive, receptive
from convcalc.analyses.steps import hops
from convcalc.cli.options import AsFormat, Depth, Format, InputLayout, Inputs, Layout, Out, Spec, emit
from convcalc.cli.read.stack import Stack
from convcalc.cli.report import Line, document, hints, label, lines, part, shape_of, stacks
from convcalc.graph import Graph, Value
from convcalc.ops import Pad
from convcalc.render.table import Answer, Column, Table
from convcalc.sizes import known

DEPENDS = "data-dependent"
COLUMNS = (
    Column("name", "#"),
    Column("layer", "layer"),
    Column("output", "output"),
    Column("size", "field", right=True),
    Column("jump", "jump", right=True),
    Column("start", "start", right=True),
    Column("centre", "centre", right=True),
    Column("global", "also sees"),
)


def command(
    spec: Spec = None,
    inputs: Inputs = None,
    layout: Layout = InputLayout.chw,
    depth: Depth = 1,
    form: AsFormat = Format.table,
    out: Out = None,
) -> int:
    """Receptive field of one output: size, jump (input positions per output), start and centre of output 0.

    Where the field differs by phase (after a transposed or resized layer) the least and the greatest are given.
    Needs no -i unless branches of different strides meet. Example: convcalc rf @resnet_stem
    """
    found = [(stack, lines(stack, depth)) for stack in stacks(spec, inputs, layout, needs_input=False)]
    tables, parts = [], []
    for stack, rows in found:
        seen = fields(stack.graph)
        body = [row for line in rows for row in _rows(line, stack, seen)]
        extras = [field_of(line.row.outputs, stack, seen) for line in rows]
        columns = COLUMNS if any(row["global"] for row in body) else COLUMNS[:-1]
        foot = [*_ends(stack, seen), *_borders(stack)]
        tables.append(Table(columns=columns, rows=body, head=[stack.reading], foot=foot))
        parts.append({**part(stack, rows, extras), **field_of(stack.graph.outputs, stack, seen)})
    answer = Answer(document=document("rf", parts), tables=tables, hints=hints(stack for stack, _ in found))
    return emit(answer, form, out)


def found_in(values: Sequence[Value], stack: Stack, seen: dict[int, Field]) -> list[tuple[str, Receptive]]:
    """Return (input name, field) for each input that the last of these values sees."""
    return seen_by(values[-1], stack, seen)


def seen_by(made: Value, stack: Stack, seen: dict[int, Field]) -> list[tuple[str, Receptive]]:
    """Return (input name, field) for each input that a value sees."""
    field = seen[made.index]
    found = []
    for number, value in enumerate(stack.graph.inputs):
        one = receptive(field, len(value.shape) - 2, number, made.shape)
        if one is not None:
            op = stack.graph.nodes[value.index].op
            found.append((getattr(op, "name", ""), one))
    return found


def sized(one: Receptive) -> str:
    """Return the size of a field as people write it: 43x43, 5..16 where it varies, `all` for a whole map."""
    if not any(one.axes):
        return "all"
    spans = []
    for low, high in zip(one.size_min, one.size_max, strict=True):
        spans.append("all" if low is None else str(low) if low == high else f"{low}..{high}")
    return "x".join(spans)


def joined(values: Sequence[Any], missing: str = "-") -> str:
    """Return one value per axis, once where they are all the same."""
    texts = [missing if value is None else str(value) for value in values]
    return texts[0] if len(set(texts)) == 1 else ", ".join(texts)


def _rows(line: Line, stack: Stack, seen: dict[int, Field]) -> list[dict[str, Any]]:
    rows = []
    several = len(stack.graph.inputs) > 1
    for value in outputs_of(line.row.outputs, stack):
        part = f": {stack.names[value.index]}" if value.index in stack.names else ""
        for name, one in seen_by(value, stack, seen):
            rows.append(
                {
                    "name": line.row.name,
                    "layer": label(line, stack) + part + (f" of {name}" if several else ""),
                    "output": shape_of((value,)),
                    "size": sized(one),
                    "jump": joined(one.jump, "varies" if any(one.axes) else "-"),
                    "start": joined(one.start),
                    "centre": joined(one.centre),
                    "global": _also(one),
                }
            )
    return rows


def outputs_of(values: Sequence[Value], stack: Stack) -> Sequence[Value]:
    """Return the outputs a row is about: all of those that have names, else the last."""
    named = [value for value in values if value.index in stack.names]
    return named or values[-1:]


def _also(one: Receptive) -> str:
    if not one.everything:
        return ""
    return one.everything if one.everything.startswith(DEPENDS) else f"everything ({one.everything})"


def _json(one: Receptive) -> dict[str, Any]:
    same = one.size_min == one.size_max
    size = {"size": one.size_max} if same else {"size_min": one.size_min, "size_max": one.size_max}
    return {**size, "jump": one.jump, "start": one.start, "centre": one.centre, "global": one.everything}


def field_of(values: Sequence[Value], stack: Stack, seen: dict[int, Field]) -> dict[str, Any]:
    """Return the field of the last of these values as JSON holds it, by input where there are several.

    Where the values are outputs with names, `outputs` holds the field of each.
    """
    far = {"hops": hops(stack.graph)[values[-1].index]} if _sparse(stack.graph) else {}
    named = [value for value in values if value.index in stack.names]
    each = {stack.names[value.index]: _by_input(value, stack, seen) for value in named}
    return {**_by_input(values[-1], stack, seen), **({"outputs": each} if len(each) > 1 else {}), **far}


def _by_input(value: Value, stack: Stack, seen: dict[int, Field]) -> dict[str, Any]:
    found = seen_by(value, stack, seen)
    if len(stack.graph.inputs) == 1:
        return _json(found[0][1]) if found else {}
    return {"fields": {name: _json(one) for name, one in found}}


def _sparse(graph: Graph) -> bool:
    return any(node.output.nonzeros is not None for node in graph.nodes)


def _borders(stack: Stack) -> list[str]:
    modes = [node.op.mode for node in stack.graph.nodes if isinstance(node.op, Pad) and node.op.mode != "constant"]
    return [f"near the border {' and '.join(dict.fromkeys(modes))} padding reads other positions"] if modes else []


def _ends(stack: Stack, seen: dict[int, Field]) -> list[str]:
    """One sentence for each input: what one output sees of it."""
    found = dict(found_in(stack.graph.outputs, stack, seen))
    if not found and _sparse(stack.graph):
        far = hops(stack.graph)[stack.graph.outputs[-1].index]
        which = f"the nodes up to {far} hop{'s' if far > 1 else ''} away"
        return [f"one output sees {which}: which ones those are depends on the graph's edges"]
    if not found:
        return ["the input has no spatial axes, or none of them reaches the output: there is no field to give"]
    several = len(stack.graph.inputs) > 1
    sentences = []
    for value in stack.graph.inputs:
        name = getattr(stack.graph.nodes[value.index].op, "name", "")
        if name in found:
            sentences.append(_sentence(found[name], value, f" of {name}" if several else ""))
    return sentences


def _sentence(one: Receptive, given: Value, of: str) -> str:
    if not any(one.axes):
        return f"one output sees the whole input{of} ({one.everything})"
    text = f"one output sees {sized(one)} input positions{of}, one step is {joined(one.jump, 'uneven')}"
    if one.everything:
        text += f"; and {_also(one)}"
    pairs = list(zip(one.size_max, given.spatial, strict=True))
    if all(known(size) for _, size in pairs) and all(high is None or high >= size for high, size in pairs):
        text += "; that is as large as the input or larger"
    return text
