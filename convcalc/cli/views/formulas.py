"""`explain_tables`: formulas as tables and as LaTeX: what `convcalc explain` prints."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from convcalc.analyses.transposed import direct
from convcalc.ops import ConvTranspose
from convcalc.registry import LABELS
from convcalc.render.table import Column, Table
from convcalc.units import exactly, times_text

if TYPE_CHECKING:
    from convcalc.analyses.symbolic.explain import ExplainReport
    from convcalc.graph import Graph
    from convcalc.subject import Layer


class FormulaFormat(StrEnum):
    """How formulas are written."""

    table = "table"
    markdown = "markdown"
    latex = "latex"
    json = "json"


SPACE = 5
"""Axes of a tensor with three spatial ones."""
FORMULAS = (Column("quantity", "quantity"), Column("formula", "formula"))
GRAPH = (Column("part", "part"), Column("reads", "reads", ", ".join), Column("does", "does"), Column("gives", "gives"))
NUMBERS = (
    Column("quantity", "quantity"),
    Column("worked", "with the numbers"),
    Column("value", "is", exactly, right=True),
)


def explain_tables(report: ExplainReport, form: FormulaFormat) -> list[Table]:
    """Return the kind in words, its graph, its formulas, and with an input the numbers put in."""
    graph, plain = _graph_table(report), _case_tables(report, FormulaFormat.table)
    cases = _case_tables(report, form) if form is FormulaFormat.markdown else plain
    sections = [_words(report, [graph, *plain]), graph, *cases]
    return [*sections, _numbers_table(report)] if report.subject is not None else sections


def _words(report: ExplainReport, tables: list[Table]) -> Table:
    """What a kind is, for whom, at what price; its letters and settings."""
    from convcalc.analyses.symbolic.notation import text

    kind = report.layer.kind
    head = [f"{kind.name}: {kind.about}", f"source: {kind.source}"]
    if any(len(sizes) == SPACE for sizes in report.formulas[0].inputs) and "k x k" in kind.about + str(kind.notes):
        head.append(
            "in space: the kernel moves along depth as well, k x k x k, and still spans all channels of its group"
        )
    head += [f"equation: {line}" for line in report.literature.equations]
    head += [f"{label.lower()}: {kind.notes[label]}" for label in LABELS if label in kind.notes]
    head += [f"people say: {trap.people_say} / it is: {trap.it_is}" for trap in report.literature.traps]
    depth = dict.fromkeys(text(formula.stages) for formula in report.formulas)
    steps = " in every step, which waits for the one before" if report.recurrent else ""
    head.append(f"dependent stages: {' or '.join(depth)}{steps} (contractions that wait for one another)")
    head += [line for line in (_legend(report.layer, tables), _settings(report.layer)) if line]
    return Table(columns=(), rows=[], head=head)


def _legend(layer: Layer, tables: list[Table]) -> str:
    """What each letter stands for, of those that appear in these tables."""
    from convcalc.analyses.symbolic.symbols import letters

    known = {"B": "batch", "C_in": "in_channels", "C_h": "channels of high", "C_l": "channels of low",
             "C_1": "channels of the first input", "C_2": "channels of the second", "N": "nodes", "F": "features",
             "H": "height", "W": "width", "D": "depth", "T": "length"}  # fmt: skip
    known |= {"k_d": "kernel depth", "k_h": "kernel height", "k_w": "kernel width"}
    known |= {letter.name: name for name, letter in letters(layer.kind, {}).items()}
    known |= {"K": "num_terms"} if "num_terms" in layer.kind.arguments else {}
    known |= {"L": "num_layers"} if "num_layers" in layer.kind.arguments else {}
    texts = [str(cell) for table in tables for row in table.rows for key, cell in row.items() if key != "quantity"]
    texts += [line for table in tables for line in (*table.head, *table.foot)]
    used = set(re.findall(r"[A-Za-z_0-9]+", " ".join(texts)))
    named = [f"{letter} {name}" for letter, name in known.items() if letter in used and letter != name]
    return f"letters: {', '.join(named)}" if named else ""


def _settings(layer: Layer) -> str:
    """The structure the formulas were derived for, where it is more than yes or no."""
    from convcalc.analyses.symbolic.layer_fit import GROWN
    from convcalc.analyses.symbolic.symbols import letters

    sized = letters(layer.kind, {})
    settings = {name: layer.arguments.get(name, argument.default) for name, argument in layer.kind.arguments.items()}
    lines = [
        f"{name}={','.join(map(str, value)) if isinstance(value, tuple) else value}"
        for name, value in settings.items()
        if name not in sized and name not in GROWN and not isinstance(value, bool)
        and (isinstance(value, (int, float, tuple)) or (isinstance(value, str) and name in layer.arguments))
    ]  # fmt: skip
    return f"with {', '.join(lines)}" if lines else ""


def _graph_table(report: ExplainReport) -> Table:
    """The steps of the first case, with symbols for sizes."""
    from convcalc.analyses.symbolic.notation import shape

    first, kind = report.formulas[0], report.layer.kind
    sizes_text = " and ".join(shape(sizes if kind.rows else sizes[1:]) for sizes in first.inputs)
    drawn = (*first.case, first.drawn) if first.drawn else first.case
    case = f" where {', '.join(drawn)}" if drawn else ""
    rows = [step._asdict() for step in report.graph]
    return Table(columns=GRAPH, rows=rows, head=[f"graph, from {sizes_text}{case}:"])


def _field_text(extent: Any) -> str:
    from convcalc.analyses.symbolic.notation import text
    from convcalc.analyses.symbolic.per_axis import jump_text, size_text

    if extent.axes:
        return f"{size_text(extent)}, jump {jump_text(extent)}"
    if not extent.local:
        return " and ".join(extent.more) or "no spatial axis"
    size = text(extent.size) if extent.known else "depends on the sizes: see convcalc rf"
    if extent.known and not extent.jump.is_integer:
        size = f"at most {size}"
    also = f"; also everything ({', '.join(extent.more)})" if extent.more else ""
    return f"{size}, jump {text(extent.jump)}{also}"


def _case_tables(report: ExplainReport, form: FormulaFormat) -> list[Table]:
    """One table of formulas for each case."""
    from convcalc.analyses.symbolic.explain import field_quantities, quantities
    from convcalc.analyses.symbolic.notation import latex, shape, text

    kind = report.layer.kind
    tables = []
    for formula in report.formulas:
        rows = []
        for name, expression in quantities(formula, kind):
            if isinstance(expression, tuple):
                written = shape(expression)
            elif form is FormulaFormat.markdown:
                written = f"${latex(expression)}$"
            else:
                written = text(expression, as_it_is=name in map(str, formula.names))
            rows.append({"quantity": name, "formula": written})
        rows += [
            {"quantity": name, "formula": _field_text(extent)} for name, extent, _, _ in field_quantities(formula, kind)
        ]
        title = "formulas" + (f", where {', '.join(formula.case)}" if formula.case else "") + ":"
        foot = [f"assumes {', '.join(formula.assumes)}"] if formula.assumes else []
        tables.append(Table(columns=FORMULAS, rows=rows, head=[title], foot=foot))
    return tables


def _numbers_table(report: ExplainReport) -> Table:
    """The formula with the numbers in, and what it comes to."""
    assert report.subject is not None
    formula, graph = report.formulas[0], report.subject.graph
    foot = _direct(graph)
    if report.beside_plain:
        parts = [f"{times_text(here / plain)} {label}" for label, here, plain in report.beside_plain]
        foot.insert(0, f"compared with conv2d of the same input, output and kernel: {', '.join(parts)}")
    if report.formula_fails:
        why = ", ".join(formula.assumes) or "one number for all axes"
        foot = [f"-: the formula does not hold for these numbers (it assumes {why}); they are counted", *foot]
    output = " and ".join("x".join(map(str, value.shape)) for value in graph.outputs)
    rows = [number._asdict() for number in report.numbers]
    return Table(columns=NUMBERS, rows=rows, head=[f"{report.subject.reading}; output {output}"], foot=foot)


def _direct(graph: Graph) -> list[str]:
    """The direct convolution behind a transposed one, along each axis that differs."""
    lines = []
    for node in graph.nodes:
        if isinstance(node.op, ConvTranspose):
            extra = node.op.output_padding or (0,) * len(node.op.windows)
            for window, more, size in zip(node.op.windows, extra, node.inputs[0].spatial, strict=True):
                lines.append(f"the same as a direct convolution: {direct(window, more).describe(size, window)}")
    return list(dict.fromkeys(lines))


def _label(name: str) -> str:
    escaped = name.replace("_", "\\_")
    return f"\\text{{{escaped}}}"


def _factor(size: Any) -> str:
    from convcalc.analyses.symbolic.notation import latex

    return f"\\left({latex(size)}\\right)" if getattr(size, "is_Add", False) else latex(size)


def latex_lines(report: ExplainReport) -> list[str]:
    """Every case as an align environment."""
    from convcalc.analyses.symbolic.explain import field_quantities, quantities
    from convcalc.analyses.symbolic.notation import latex

    kind, lines = report.layer.kind, []
    for formula in report.formulas:
        lines += [f"% {', '.join((*formula.case, *formula.assumes)) or 'always'}", "\\begin{align}"]
        body = []
        for name, expression in quantities(formula, kind):
            right = " \\times ".join(map(_factor, expression)) if isinstance(expression, tuple) else latex(expression)
            left = (
                latex(next(symbol for symbol in formula.names if str(symbol) == name))
                if name in map(str, formula.names)
                else f"\\text{{{name}}}"
            )
            body.append(f"  {left} &= {right}")
        for name, extent, jump, _ in field_quantities(formula, kind):
            if extent.local and extent.known:
                most = "" if extent.jump.is_integer else "\\le "
                body.append(f"  {_label(name)} &= {most}{latex(extent.size)}, \\quad \\text{{jump}} = {latex(jump)}")
        lines += [*(f"{line} \\\\" for line in body[:-1]), *body[-1:], "\\end{align}"]
    return lines
