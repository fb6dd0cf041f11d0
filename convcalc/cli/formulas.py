"""Formulas as tables, LaTeX and JSON: what `convcalc explain` prints."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any

from convcalc.analyses.macs import macs, other
from convcalc.analyses.params import params
from convcalc.analyses.steps import steps
from convcalc.analyses.transposed import direct
from convcalc.cli.report import shapes
from convcalc.graph import Graph
from convcalc.ops import ConvTranspose
from convcalc.registry import LABELS, Kind
from convcalc.render.table import Column, Table
from convcalc.spec.assemble import Stack
from convcalc.spec.layers import Layer
from convcalc.units import exactly


class FormulaFormat(StrEnum):
    """How formulas are written."""

    table = "table"
    markdown = "markdown"
    latex = "latex"
    json = "json"


FORMULAS = (Column("quantity", "quantity"), Column("formula", "formula"))
GRAPH = (Column("part", "part"), Column("does", "does"), Column("gives", "gives"))
NUMBERS = (
    Column("quantity", "quantity"),
    Column("worked", "with the numbers"),
    Column("value", "is", exactly, right=True),
)


def _typed(expression: Any) -> str:
    from convcalc.render.maths import text

    return text(expression)


def words(layer: Layer, found: list[Any], shown: list[Table]) -> Table:
    """What a kind is, for whom, at what price; its letters and settings."""
    kind = layer.kind
    head = [f"{kind.name}: {kind.about}", f"source: {kind.source}"]
    head += [f"{label.lower()}: {kind.notes[label]}" for label in LABELS if label in kind.notes]
    depth = dict.fromkeys(_typed(one.stages) for one in found)
    head.append(f"dependent stages: {' or '.join(depth)} (contractions that wait for one another)")
    head += [line for line in (legend(layer, shown), _settings(layer)) if line]
    return Table(columns=(), rows=[], head=head)


def legend(layer: Layer, shown: list[Table]) -> str:
    """What each letter stands for, of those that appear in these tables."""
    from convcalc.analyses.symbolic.symbols import letters

    known = {"B": "batch", "C_in": "in_channels", "C_h": "channels of high", "C_l": "channels of low",
             "C_1": "channels of the first input", "C_2": "channels of the second", "N": "nodes", "F": "features",
             "H": "height", "W": "width", "D": "depth", "T": "length"}  # fmt: skip
    known |= {letter.name: name for name, letter in letters(layer.kind, {}).items()}
    known |= {"K": "num_terms"} if "num_terms" in layer.kind.arguments else {}
    known |= {"L": "num_layers"} if "num_layers" in layer.kind.arguments else {}
    texts = [str(cell) for table in shown for row in table.rows for key, cell in row.items() if key != "quantity"]
    texts += [line for table in shown for line in (*table.head, *table.foot)]
    used = set(re.findall(r"[A-Za-z_0-9]+", " ".join(texts)))
    named = [f"{letter} {name}" for letter, name in known.items() if letter in used and letter != name]
    return f"letters: {', '.join(named)}" if named else ""


def _settings(layer: Layer) -> str:
    """The structure the formulas were derived for, where it is more than yes or no."""
    from convcalc.analyses.symbolic.formula import GROWN
    from convcalc.analyses.symbolic.symbols import letters

    sized = letters(layer.kind, {})
    told = {name: layer.arguments.get(name, argument.default) for name, argument in layer.kind.arguments.items()}
    kept = [
        f"{name}={','.join(map(str, value)) if isinstance(value, tuple) else value}"
        for name, value in told.items()
        if name not in sized and name not in GROWN and not isinstance(value, bool)
        and (isinstance(value, (int, float, tuple)) or (isinstance(value, str) and name in layer.arguments))
    ]  # fmt: skip
    return f"with {', '.join(kept)}" if kept else ""


def graph_table(kind: Kind, found: list[Any]) -> Table:
    """The steps of the first case, with symbols for sizes."""
    from convcalc.render.maths import shape, text

    first = found[0]
    back = {size: name for name, size in first.names.items()}
    rows = []
    for step in steps(first.graph, lambda size: text(first.tidy(size))):
        sizes = step.output.shape if kind.rows else step.output.shape[1:]
        gives = tuple(back.get(first.tidy(size), first.tidy(size)) for size in sizes)
        rows.append({"part": step.scope, "does": step.does, "gives": shape(gives)})
    given = " and ".join(shape(sizes if kind.rows else sizes[1:]) for sizes in first.inputs)
    drawn = (*first.case, first.drawn) if first.drawn else first.case
    case = f" where {', '.join(drawn)}" if drawn else ""
    return Table(columns=GRAPH, rows=rows, head=[f"graph, from {given}{case}:"])


def rows_of(formula: Any, kind: Kind) -> list[tuple[str, Any]]:
    """Return the quantities of one case by name, with their expressions."""
    rows: list[tuple[str, Any]] = []
    names = {size: name for name, size in formula.names.items()}
    for number, shape in enumerate(formula.outputs):
        label = "shape" if len(formula.outputs) == 1 else f"shape of {kind.outputs[number]}"
        rows.append((label, tuple(names.get(size, size) for size in shape)))
    rows += [(str(name), size) for name, size in formula.names.items()]
    rows += [(part, getattr(formula, part)) for part in ("weights", "biases", "norm") if getattr(formula, part) != 0]
    rows += [("params", formula.params), ("macs", formula.macs)]
    rows += [(f"other: {name}", count) for name, count in formula.other.items() if count != 0]
    return rows


def field_rows(formula: Any, kind: Kind) -> list[tuple[str, Any, Any, tuple[str, ...]]]:
    """Return what each output sees of each input: name, size, jump, and what else."""
    rows = []
    for place, seen in enumerate(formula.fields):
        for source, extent in seen.items():
            known = not kind.variadic and len(formula.inputs) > 1
            of = f" in {kind.inputs[source]}" if known else f" in input {source}" if len(formula.inputs) > 1 else ""
            to = f" of {kind.outputs[place]}" if len(formula.fields) > 1 else ""
            rows.append((f"field{to}{of}", extent, extent.jump, extent.more))
    return rows


def _field_text(extent: Any) -> str:
    from convcalc.render.maths import text

    if not extent.local:
        return " and ".join(extent.more) or "no spatial axis"
    size = text(extent.size) if extent.known else "depends on the sizes: see convcalc rf"
    if extent.known and not extent.jump.is_integer:
        size = f"at most {size}"
    also = f"; also everything ({', '.join(extent.more)})" if extent.more else ""
    return f"{size}, jump {text(extent.jump)}{also}"


def case_tables(kind: Kind, found: list[Any], form: FormulaFormat) -> list[Table]:
    """One table of formulas for each case."""
    from convcalc.render.maths import latex, shape, text

    tables = []
    for formula in found:
        rows = []
        for name, expression in rows_of(formula, kind):
            if isinstance(expression, tuple):
                written = shape(expression)
            elif form is FormulaFormat.markdown:
                written = f"${latex(expression)}$"
            else:
                written = text(expression, as_it_is=name in map(str, formula.names))
            rows.append({"quantity": name, "formula": written})
        rows += [{"quantity": name, "formula": _field_text(extent)} for name, extent, _, _ in field_rows(formula, kind)]
        title = "formulas" + (f", where {', '.join(formula.case)}" if formula.case else "") + ":"
        foot = [f"assumes {', '.join(formula.assumes)}"] if formula.assumes else []
        tables.append(Table(columns=FORMULAS, rows=rows, head=[title], foot=foot))
    return tables


def numbers_table(layer: Layer, stack: Stack, formula: Any, numbers: dict[Any, Any]) -> Table:
    """The formula with the numbers in, and what it comes to; checked against the answer of the other commands."""
    from convcalc.render.maths import filled, shortest

    graph = stack.graph
    held = params(graph)
    known = {
        "weights": held.weights,
        "biases": held.biases,
        "norm": held.norm,
        "params": held.total,
        "macs": macs(graph),
    }
    known |= {f"other: {name}": count for name, count in other(graph).items()}
    rows = []
    broken = False
    for name, expression in rows_of(formula, layer.kind):
        if isinstance(expression, tuple):
            continue
        comes_to = expression.subs(numbers)
        value = known.get(name, int(comes_to) if comes_to.is_Integer else None)
        if not comes_to.is_Integer or int(comes_to) != value:
            broken = True
            worked = "-"
        else:
            as_it_is = name in map(str, formula.names)
            worked = filled(expression if as_it_is else shortest(expression), numbers)
        rows.append({"quantity": name, "worked": worked, "value": value})
    foot = _direct(graph)
    if broken:
        why = ", ".join(formula.assumes) or "one number for all axes"
        foot = [f"-: the formula does not hold for these numbers (it assumes {why}); they are counted", *foot]
    output = " and ".join("x".join(map(str, value.shape)) for value in graph.outputs)
    return Table(columns=NUMBERS, rows=rows, head=[f"{stack.reading}; output {output}"], foot=foot)


def _direct(graph: Graph) -> list[str]:
    """The direct convolution behind a transposed one, along each axis that differs."""
    lines = []
    for node in graph.nodes:
        if isinstance(node.op, ConvTranspose):
            extra = node.op.output_padding or (0,) * len(node.op.windows)
            for window, more, size in zip(node.op.windows, extra, node.inputs[0].spatial, strict=True):
                lines.append(f"the same as a direct convolution: {direct(window, more).said(size, window)}")
    return list(dict.fromkeys(lines))


def _label(name: str) -> str:
    escaped = name.replace("_", "\\_")
    return f"\\text{{{escaped}}}"


def _factor(size: Any) -> str:
    from convcalc.render.maths import latex

    return f"\\left({latex(size)}\\right)" if getattr(size, "is_Add", False) else latex(size)


def latex_lines(kind: Kind, found: list[Any]) -> list[str]:
    """Every case as an align environment."""
    from convcalc.render.maths import latex

    lines = []
    for formula in found:
        lines += [f"% {', '.join((*formula.case, *formula.assumes)) or 'always'}", "\\begin{align}"]
        body = []
        for name, expression in rows_of(formula, kind):
            right = " \\times ".join(map(_factor, expression)) if isinstance(expression, tuple) else latex(expression)
            left = (
                latex(next(one for one in formula.names if str(one) == name))
                if name in map(str, formula.names)
                else f"\\text{{{name}}}"
            )
            body.append(f"  {left} &= {right}")
        for name, extent, jump, _ in field_rows(formula, kind):
            if extent.local and extent.known:
                most = "" if extent.jump.is_integer else "\\le "
                body.append(f"  {_label(name)} &= {most}{latex(extent.size)}, \\quad \\text{{jump}} = {latex(jump)}")
        lines += [" \\\\\n".join(body), "\\end{align}"]
    return lines


def document(kind: Kind, found: list[Any], stack: Stack | None, sections: list[Table]) -> dict[str, Any]:
    """The JSON object of `explain`."""
    cases = []
    for formula in found:
        rows = rows_of(formula, kind)
        cases.append(
            {
                "case": list(formula.case),
                "assumes": list(formula.assumes),
                "shapes": [[str(size) for size in shape] for shape in formula.outputs],
                "names": {str(name): str(size) for name, size in formula.names.items()},
                **{
                    name: str(e)
                    for name, e in rows
                    if not isinstance(e, tuple) and name in ("weights", "biases", "norm", "params", "macs")
                },
                "other": {name.removeprefix("other: "): str(e) for name, e in rows if name.startswith("other: ")},
                "fields": [
                    {
                        "name": name,
                        "size": str(e.size) if e.local and e.known else None,
                        "jump": str(jump),
                        "also": list(more),
                    }
                    for name, e, jump, more in field_rows(formula, kind)
                ],
            }
        )
    document = {
        "name": kind.name,
        "about": kind.about,
        "source": kind.source,
        "notes": {label.lower().replace(" ", "_"): words for label, words in kind.notes.items()},
        "stages": [_typed(one.stages) for one in found],
        "graph": list(sections[1].rows),
        "cases": cases,
    }
    if stack is not None:
        document["input"] = shapes(stack.graph.inputs)
        document["output"] = shapes(stack.graph.outputs)
        document["numbers"] = list(sections[-1].rows)
    return document
