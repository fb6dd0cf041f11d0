"""What rf says below its table: the smallest object, borders, coverage of the input, one unit, the ways through."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from convcalc.analyses.coverage import Span, Unit, uncut, unit, whole
from convcalc.analyses.field import Field
from convcalc.analyses.receptive import Receptive
from convcalc.analyses.routes import Routes, routes
from convcalc.cli.fields import seen_by
from convcalc.cli.report import Line, label
from convcalc.errors import SpecError
from convcalc.sizes import known
from convcalc.spec.assemble import Stack
from convcalc.units import figures, percent, plural


class Further(NamedTuple):
    """Lines for the foot of the table, and more keys of the JSON object."""

    lines: list[str]
    document: dict[str, Any]


def position(text: str) -> tuple[int, ...]:
    """Read the position of one output, 3,4 or 3x4. Raises SpecError."""
    parts = re.split(r"\s*[,x×]\s*", text.strip())
    if not all(part.isdecimal() and len(part) < 10 for part in parts):
        raise SpecError(f"--unit is a position per axis, counted from 0, such as 3,4, not {text!r}")
    return tuple(map(int, parts))


def further(
    stack: Stack, rows: Sequence[Line], seen: dict[int, Field], place: tuple[int, ...] | None, *, paths: bool
) -> Further:
    """Return what there is to say beside the fields of a stack's rows. Raises ShapeError for a unit not there."""
    value = stack.graph.outputs[-1]
    found = seen_by(value, stack, seen)
    lines, document = [], {}
    several = len(stack.graph.inputs) > 1
    units: dict[str, Any] = {}
    for name, one in found:
        of = f" of {name}" if several else ""
        source = _source(stack, name)
        against = _coverage(one, rows, stack, seen, source)
        if any(one.axes):
            lines += _objects(one, rows, stack, seen, of)
            lines += _against(one, against, stack, source, of) if against is not None else []
        if len(found) == 1:
            document = _keys(one, against, stack)
        if place is not None:
            region = unit(stack.graph, value, source, one, place)
            lines.append(_region(region, of))
            units[name] = _unit(region)
    if units:
        document["unit"] = units if several else next(iter(units.values()))
    if paths:
        ways = routes(stack.graph)
        lines.append(_ways(ways))
        document["paths"] = {"total": ways.total, "mean_length": ways.mean, "by_length": _lengths(ways)}
    return Further(lines, document)


def _source(stack: Stack, name: str) -> int:
    names = [getattr(stack.graph.nodes[value.index].op, "name", "") for value in stack.graph.inputs]
    return names.index(name)


def smallest(one: Receptive) -> Fraction | None:
    """Return the largest jump over the axes: objects below it may fall between two outputs."""
    jumps = [jump for jump in one.jump if jump is not None]
    return max(jumps) if len(jumps) == len(one.axes) else None


def _objects(one: Receptive, rows: Sequence[Line], stack: Stack, seen: dict[int, Field], of: str) -> list[str]:
    jump = smallest(one)
    if jump is None:
        return []
    if jump <= 1:
        text = f"smallest object kept{of}: 1 px (one output step is {jump} px)"
    else:
        halvings = jump.numerator.bit_length() - 1
        power = jump.denominator == 1 and jump.numerator == 2**halvings
        text = f"smallest object kept{of}: {jump} px, the jump"
        text += f" (2^{halvings} after {halvings} halving{'s' if halvings > 1 else ''})" if power else ""
    coarsest, where = Fraction(0), ""
    for line, each in _each(rows, stack, seen):
        step = smallest(each)
        if step is not None and step > coarsest:
            coarsest, where = step, line.row.name
    if coarsest > jump and coarsest > 1:
        text += f"; on the way the coarsest layer steps {coarsest} px (layer {where})"
    return [text]


def _each(rows: Sequence[Line], stack: Stack, seen: dict[int, Field]) -> list[tuple[Line, Receptive]]:
    """The field of each row's last output, where it sees one input."""
    made = []
    for line in rows:
        found = seen_by(line.row.outputs[-1], stack, seen)
        if len(found) == 1:
            made.append((line, found[0][1]))
    return made


class Coverage(NamedTuple):
    """How many outputs no border cuts, of how many; and the first rows of which some, every output sees all."""

    uncut: int
    outputs: int
    some: Line | None
    every: Line | None


def _coverage(
    one: Receptive, rows: Sequence[Line], stack: Stack, seen: dict[int, Field], source: int
) -> Coverage | None:
    """The last output's field against the input; None where sizes are not known. Rows only for a single input."""
    given = stack.graph.inputs[source].spatial
    if not known(*given) or any(count is None for count in one.outputs):
        return None
    share = outputs = 1
    for axis, size, count in zip(one.axes, given, one.outputs, strict=True):
        if axis is not None and count is not None:
            share, outputs = share * uncut(axis, size, count), outputs * count
    some = every = None
    for line, each in _each(rows, stack, seen) if len(stack.graph.inputs) == 1 else ():
        held = whole(each, given, [count or 0 for count in each.outputs])
        some = some or (line if held.some else None)
        every = every or (line if held.every else None)
        if every is not None:
            break
    return Coverage(share, outputs, some, every)


def _against(one: Receptive, found: Coverage, stack: Stack, source: int, of: str) -> list[str]:
    """The field beside the input's size: how many outputs it is cut for, and where everything is seen."""
    lines = []
    pairs = list(zip(one.size_max, stack.graph.inputs[source].spatial, strict=True))
    if all(high is not None for high, _ in pairs):
        ratios = " x ".join(dict.fromkeys(figures((high or 0) / size) for high, size in pairs))
        lines.append(
            f"the field is {ratios} times the input{of}; {found.uncut:,} of {found.outputs:,} outputs"
            f" ({percent(found.uncut / found.outputs)}) see one that no border cuts"
        )
    if len(stack.graph.inputs) > 1:
        return lines
    some, every = found.some, found.every
    if some is None:
        return [*lines, "no output sees the whole input"]
    text = f"layer {some.row.name} ({label(some, stack)}) is the first of which some output sees the whole input"
    if every is None:
        text += "; of none every output does"
    elif every is some:
        text += ", and every output does"
    else:
        text += f", layer {every.row.name} ({label(every, stack)}) the first of which every output does"
    return [*lines, text]


def _keys(one: Receptive, found: Coverage | None, stack: Stack) -> dict[str, Any]:
    keys: dict[str, Any] = {"smallest_object": smallest(one)}
    if found is not None and len(stack.graph.inputs) == 1:
        keys["whole_input"] = {
            "some_output": found.some.row.name if found.some else None,
            "every_output": found.every.row.name if found.every else None,
        }
        keys["uncut"] = {"outputs": found.uncut, "of": found.outputs}
    return keys


def _spans(spans: Sequence[Span | None]) -> str:
    return " x ".join("all" if span is None else f"{span[0]}..{span[1]}" for span in spans)


def _region(found: Unit, of: str) -> str:
    where = ",".join(map(str, found.position))
    text = f"output {where} sees {_spans(found.region)}{of}"
    if found.inside is None:
        return text + " (give the input's size with -i for its borders)"
    if found.inside == 0:
        return text + ": nothing but padding"
    if found.clipped != found.region:
        text += f", inside the input {_spans(found.clipped)}"
    if found.everything:
        text += f", and everything ({found.everything})"
    if found.reached is None:
        return text + "; which of these positions count depends on the data"
    which = "the input's" if found.everything else "these"
    return f"{text}: {found.reached:,} of {which} {found.inside:,} positions lead to it"


def _unit(found: Unit) -> dict[str, Any]:
    return {
        "position": found.position,
        "region": found.region,
        "clipped": found.clipped,
        "inside": found.inside,
        "reached": found.reached,
    }


def _ways(found: Routes) -> str:
    if not found.total:
        return "no way leads from the input to the output"
    power = found.total.bit_length() - 1
    named = f" = 2^{power}" if found.total == 2**power and power > 1 else ""
    lengths = list(found.by_length)
    over = plural(lengths[0], "weighted layer")
    over = over if len(lengths) == 1 else f"{lengths[0]} to {plural(lengths[-1], 'weighted layer')}"
    return f"ways from the input to the output: {found.total:,}{named}, over {over}, {figures(found.mean)} on average"


def _lengths(found: Routes) -> dict[str, int]:
    return {str(length): count for length, count in found.by_length.items()}
