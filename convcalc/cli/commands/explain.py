"""`convcalc explain`: a kind in words, its graph, and its formulas derived from its own recipe."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from convcalc.cli.formulas import (
    FormulaFormat,
    case_tables,
    document,
    graph_table,
    latex_lines,
    numbers_table,
    words,
)
from convcalc.cli.options import Format, InputLayout, Inputs, Layout, Out, emit
from convcalc.errors import ShapeError, SpecError, UnsupportedError
from convcalc.render.table import Answer, Table
from convcalc.sizes import PerAxis
from convcalc.spec.assemble import Stack, assemble
from convcalc.spec.layers import Layer
from convcalc.spec.source import blocks


def command(
    kind: Annotated[
        list[str] | None, typer.Argument(metavar="KIND [KEY=VALUE...]", help="One kind, with any settings it is given.")
    ] = None,
    inputs: Inputs = None,
    layout: Layout = InputLayout.chw,
    form: Annotated[
        FormulaFormat, typer.Option("--format", "-f", help="How to write the answer.")
    ] = FormulaFormat.table,
    out: Out = None,
) -> int:
    """What a kind is, its graph, and its formulas; with -i and settings, the numbers put in step by step.

    The formulas are derived: the recipe that answers every other command runs on symbols here.
    Example: convcalc explain depthwise_separable out_channels=256 -i 3x12x12
    """
    block = blocks(kind or (), inputs or ())[0]
    if len(block.layers) != 1:
        raise SpecError(f"explain takes one kind, not {len(block.layers)}", block.layers[1].spot)
    layer = block.layers[0]
    if layer.repeat > 1 or layer.times > 1:
        raise SpecError("explain takes one layer: leave out repeat and times", layer.spot)
    stack = assemble(block, layout=layout.value) if inputs else None
    try:
        found = derived(layer, stack)
    except (ShapeError, UnsupportedError) as error:
        raise SpecError(f"{layer.text}: {error}", layer.spot) from None
    shown = [graph_table(layer.kind, found), *case_tables(layer.kind, found, FormulaFormat.table)]
    in_math = form is FormulaFormat.markdown
    cases = case_tables(layer.kind, found, form) if in_math else shown[1:]
    sections = [words(layer, found, shown), shown[0], *cases]
    if stack is not None:
        sections.append(numbers_table(layer, stack, found[0], _values(layer, stack, found[0])))
    made = document(layer.kind, found, stack, sections)
    if form is FormulaFormat.latex:
        return emit(
            Answer("explain", document=made, tables=[Table((), [], head=latex_lines(layer.kind, found))]),
            Format.table,
            out,
        )
    return emit(Answer("explain", document=made, tables=sections), Format(form.value), out)


def derived(layer: Layer, stack: Stack | None) -> list[Any]:
    """Return a layer's formulas: all cases, or with an input the one its numbers are in.

    What was stated is a number in the formula, unless the numbers are put in afterwards, beside an input.
    """
    from convcalc.analyses.symbolic.formula import GROWN, formulas
    from convcalc.analyses.symbolic.symbols import STATED, letters

    kind = layer.kind
    rank = _rank(layer, stack)
    sized = letters(kind, {})
    chosen = dict(layer.arguments)
    count = None
    if stack is not None:
        chosen = {name: value for name, value in chosen.items() if name not in sized or not isinstance(value, int)}
        chosen.pop(kind.channels or "in_channels", None)
        unsaid = {name: argument.default for name, argument in kind.arguments.items() if name not in layer.arguments}
        chosen |= {name: None for name in STATED if name in sized and name in unsaid and unsaid[name] is None}
        chosen |= {name: unsaid[name] for name in GROWN if name in unsaid}
        count = len(stack.graph.inputs)
    found = formulas(kind, rank, chosen, count)
    if stack is None:
        return found
    numbers = _values(layer, stack, found[0])
    return [one for one in found if _is_in(one, numbers)] or found[:1]


def _rank(layer: Layer, stack: Stack | None) -> int:
    kind = layer.kind
    if stack is not None and kind.spatial is None:
        return max(len(stack.graph.inputs[0].shape) - 2, 1)
    per_axis = [len(value) for value in layer.arguments.values() if isinstance(value, PerAxis)]
    usual = kind.spatial or (2 if not kind.ranks or 2 in kind.ranks else kind.ranks[0])
    return layer.rank or (per_axis[0] if per_axis else usual)


def _is_in(formula: Any, numbers: dict[Any, Any]) -> bool:
    named = {one.name: value for one, value in numbers.items()}
    for holds, answer in formula.decided:
        truth = holds.subs({one: named[one.name] for one in holds.free_symbols if one.name in named})
        if truth in (True, False) and bool(truth) != answer:
            return False
    return True


def _values(layer: Layer, stack: Stack, formula: Any) -> dict[Any, Any]:
    """Return the number behind every symbol: from the input, from what was stated, from the defaults."""
    import sympy

    from convcalc.analyses.symbolic.symbols import input_shapes, letters

    numbers: dict[Any, Any] = {}
    given = stack.graph.inputs
    symbolic = input_shapes(layer.kind, _rank(layer, stack), len(given))
    names = {getattr(stack.graph.nodes[value.index].op, "name", ""): value for value in given}
    if set(names) <= set(layer.kind.inputs):  # -i low=... -i high=...
        given = tuple(names[name] for name in layer.kind.inputs if name in names)
    for shape, value in zip(symbolic, given, strict=False):
        for size, number in zip(shape, value.shape, strict=False):
            one = sympy.sympify(size)
            for letter in one.free_symbols:
                numbers[letter] = sympy.solve(one - number, letter)[0]
    for name, letter in letters(layer.kind, {}).items():
        value = layer.arguments.get(name, layer.kind.arguments[name].default)
        if isinstance(value, int):
            numbers[letter] = sympy.Integer(value)
    for name, size in formula.names.items():
        numbers[name] = sympy.sympify(size).subs(numbers)
    return numbers
