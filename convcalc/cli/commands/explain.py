"""`convcalc explain`: a kind in words, its graph, and its formulas derived from its own recipe."""

from __future__ import annotations

from typing import Annotated

import typer

from convcalc.cli.completions import complete_layers
from convcalc.cli.options import Format, InputLayout, Inputs, Layout, Out, emit
from convcalc.cli.subjects import layer_words, read_subjects
from convcalc.cli.views.formulas import FormulaFormat, explain_tables, latex_lines
from convcalc.cli.views.kinds import is_kind, kind_name, network_answer
from convcalc.errors import SpecError
from convcalc.kinds import network
from convcalc.render.table import Answer, Table
from convcalc.spec.assemble import assemble
from convcalc.spec.model_words import model_words
from convcalc.spec.source import blocks


def command(
    kind: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KIND [KEY=VALUE...]",
            help="One kind, with any settings it is given.",
            autocompletion=complete_layers,
        ),
    ] = None,
    inputs: Inputs = None,
    layout: Layout = InputLayout.chw,
    part: Annotated[
        str | None, typer.Option("--layer", metavar="NAME", help="Of a model: the layer to explain, such as conv1.")
    ] = None,
    form: Annotated[
        FormulaFormat, typer.Option("--format", "-f", help="How to write the answer.")
    ] = FormulaFormat.table,
    out: Out = None,
) -> int:
    """What a kind is, its graph, and its formulas; with -i and settings, the numbers put in step by step.

    The formulas are derived: the recipe that answers every other command runs on symbols here.
    """
    if not kind:
        raise SpecError(
            "explain takes a kind: explain involution, or with numbers, explain depthwise_separable -i 3x12x12 c=256"
            " (convcalc kinds lists them)"
        )
    if model_words(kind) is not None:
        (model,) = read_subjects(kind, inputs, layout)
        text, sizes = layer_words(model, part)
        kind, inputs = [text], [sizes]
    elif part is not None:
        raise SpecError("--layer names a layer of a model, such as: explain torchvision:resnet18 --layer conv1")
    words = [kind_name(word) for word in kind or ()]
    if words and (parts := network(words[0])) and not is_kind(words[0]):
        plain = Format.table if form is FormulaFormat.latex else Format(form.value)
        return emit(network_answer(words[0], parts), plain, out)
    block = blocks(words, inputs or ())[0]
    if len(block.layers) != 1:
        raise SpecError(f"explain takes one kind, not {len(block.layers)}", block.layers[1].spot)
    layer = block.layers[0]
    if layer.repeat > 1 or layer.times > 1:
        raise SpecError("explain takes one layer: leave out repeat and times", layer.spot)
    subject = assemble(block, layout=layout.value) if inputs else None
    from convcalc.analyses.symbolic.explain import explain

    report = explain(layer, subject)
    if form is FormulaFormat.latex:
        tables, written = [Table((), [], head=latex_lines(report))], Format.table
    else:
        tables, written = explain_tables(report, form), Format(form.value)
    return emit(Answer("explain", report.to_dict, tables), written, out)
