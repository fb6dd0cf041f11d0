"""`field_rows`: receptive fields in words: sizes and jumps in a table, and what rf says below it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from convcalc.analyses.field.receptive import size_text
from convcalc.analyses.field.report import FieldReport, smallest_object
from convcalc.cli.views.counts import shape_text
from convcalc.ops import Pad
from convcalc.units import figures, percent, plural

if TYPE_CHECKING:
    from convcalc.analyses.counts.report import CountedRow
    from convcalc.analyses.field.coverage import Span, Unit
    from convcalc.analyses.field.receptive import Receptive
    from convcalc.analyses.field.report import InputField
    from convcalc.analyses.field.routes import Routes

BY_DATA = "data-dependent"


def joined(values: Sequence[Any], missing: str = "-") -> str:
    """Return one value per axis, once where they are all the same."""
    texts = [missing if value is None else str(value) for value in values]
    return texts[0] if len(set(texts)) == 1 else ", ".join(texts)


def also_text(field: Receptive) -> str:
    """Return what is seen beside the local field, and why; empty where nothing is."""
    if not field.everything:
        return ""
    return field.everything if field.everything.startswith(BY_DATA) else f"everything ({field.everything})"


def field_rows(report: FieldReport, row: CountedRow) -> list[dict[str, Any]]:
    """Return the cells of one row: a line for each of its outputs with a name, and for each input."""
    subject = report.block.subject
    several = len(subject.graph.inputs) > 1
    cells = []
    for value in report.rows(row):
        part = f": {subject.names[value.index]}" if value.index in subject.names else ""
        for name, field in report.of_value(value):
            cells.append(
                {
                    "name": row.name,
                    "layer": row.text + part + (f" of {name}" if several else ""),
                    "output": shape_text((value,)),
                    "size": size_text(field),
                    "jump": joined(field.jump, "varies" if any(field.axes) else "-"),
                    "start": joined(field.start),
                    "centre": joined(field.centre),
                    "global": also_text(field),
                }
            )
    return cells


def field_feet(report: FieldReport) -> list[str]:
    """Return the lines below the table: what one output sees, borders, objects, coverage, a unit, the ways."""
    several = len(report.block.subject.graph.inputs) > 1
    lines = [*_ends(report), *_borders(report)]
    for field in report.inputs:
        of = f" of {field.name}" if several else ""
        if any(field.receptive.axes):
            lines += _objects(field.receptive, report, of)
            lines += _against(field, report, of)
        if field.unit is not None:
            lines.append(_region(field.unit, of))
    if report.routes is not None:
        lines.append(_ways(report.routes))
    return lines


def _ends(report: FieldReport) -> list[str]:
    """One sentence for each input: what one output sees of it."""
    graph = report.block.subject.graph
    if not report.inputs and report.sparse:
        far = report.hops[graph.outputs[-1].index]
        which = f"the nodes up to {far} hop{'s' if far > 1 else ''} away"
        return [f"one output sees {which}: which ones those are depends on the graph's edges"]
    if not report.inputs:
        return ["the input has no spatial axes, or none of them reaches the output: there is no field to give"]
    several = len(graph.inputs) > 1
    return [_sentence(field.receptive, f" of {field.name}" if several else "") for field in report.inputs]


def _sentence(field: Receptive, of: str) -> str:
    if not any(field.axes):
        return f"one output sees the whole input{of} ({field.everything})"
    text = f"one output sees {size_text(field)} input positions{of}, one step is {joined(field.jump, 'uneven')}"
    return f"{text}; and {also_text(field)}" if field.everything else text


def _borders(report: FieldReport) -> list[str]:
    nodes = report.block.subject.graph.nodes
    modes = [node.op.mode for node in nodes if isinstance(node.op, Pad) and node.op.mode != "constant"]
    return [f"near the border {' and '.join(dict.fromkeys(modes))} padding reads other positions"] if modes else []


def _objects(field: Receptive, report: FieldReport, of: str) -> list[str]:
    jump = smallest_object(field)
    if jump is None:
        return []
    if jump <= 1:
        text = f"smallest object kept{of}: 1 px (one output step is {jump} px)"
    else:
        halvings = jump.numerator.bit_length() - 1
        power = jump.denominator == 1 and jump.numerator == 2**halvings
        text = f"smallest object kept{of}: {jump} px, the jump"
        text += f" (2^{halvings} after {halvings} halving{'s' if halvings > 1 else ''})" if power else ""
    coarsest = report.coarsest
    if coarsest is not None and coarsest.jump > jump and coarsest.jump > 1:
        text += f"; on the way the coarsest layer steps {coarsest.jump} px (layer {coarsest.layer})"
    return [text]


def _against(field: InputField, report: FieldReport, of: str) -> list[str]:
    """The field beside the input's size: how many outputs it is cut for, and where everything is seen."""
    coverage, inputs = field.coverage, report.block.subject.graph.inputs
    if coverage is None:
        return []
    lines = []
    pairs = list(zip(field.receptive.size_max, inputs[field.source].spatial, strict=True))
    if all(high is not None for high, _ in pairs):
        shares = " x ".join(dict.fromkeys(f"{(high or 0) / size:.0%}" for high, size in pairs))
        lines.append(
            f"the receptive field covers {shares} of the input's side{of}; for {coverage.uncut:,} of"
            f" {coverage.outputs:,} outputs ({percent(coverage.uncut / coverage.outputs)}) it lies fully inside"
        )
    if len(inputs) > 1 or coverage.folds_back:
        return lines
    some, every = coverage.some, coverage.every
    if some is None:
        return [*lines, "no output sees the whole input"]
    text = f"layer {some.name} ({some.text}) is the first of which some output sees the whole input"
    if every is None:
        text += "; of none every output does"
    elif every is some:
        text += ", and every output does"
    else:
        text += f", layer {every.name} ({every.text}) the first of which every output does"
    return [*lines, text]


def _spans(spans: Sequence[Span | None]) -> str:
    return " x ".join("all" if span is None else f"{span[0]}..{span[1]}" for span in spans)


def _reads(unit: Unit) -> str:
    """The positions that are read, per axis, as runs in the order of the field."""
    axes = [", ".join(_run(*run) for run in runs) for runs in unit.reads or ()]
    return axes[0] if len(axes) == 1 else " x ".join(f"({axis})" for axis in axes)


def _run(first: int, last: int) -> str:
    """0, 0, 1 or 0..2."""
    return str(first) if first == last else f"{first}, {last}" if last == first + 1 else f"{first}..{last}"


def _region(unit: Unit, of: str) -> str:
    where = ",".join(map(str, unit.position))
    text = f"output {where} sees {_spans(unit.region)}{of}"
    if unit.inside is None:
        return text + " (give the input's size with -i for its borders)"
    if unit.wraps:
        return f"{text}: it reads {_reads(unit)} of the input, {plural(unit.reached or 0, 'position')}"
    if unit.inside == 0:
        return text + ": nothing but padding"
    if unit.clipped != unit.region:
        text += f", inside the input {_spans(unit.clipped)}"
    if unit.everything:
        text += f", and everything ({unit.everything})"
    if unit.reached is None:
        return text + "; which of these positions count depends on the data"
    which = "the input's" if unit.everything else "these"
    return f"{text}: {unit.reached:,} of {which} {unit.inside:,} positions lead to it"


def _ways(routes: Routes) -> str:
    if not routes.total:
        return "no way leads from the input to the output"
    power = routes.total.bit_length() - 1
    named = f" = 2^{power}" if routes.total == 2**power and power > 1 else ""
    lengths = list(routes.by_length)
    over = plural(lengths[0], "weighted layer")
    over = over if len(lengths) == 1 else f"{lengths[0]} to {plural(lengths[-1], 'weighted layer')}"
    joins = f"; {plural(routes.connections, 'direct connection')} of joined maps" if routes.connections else ""
    mean = figures(routes.mean)
    return f"ways from the input to the output: {routes.total:,}{named}, over {over}, {mean} on average{joins}"
