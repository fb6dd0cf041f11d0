"""`convcalc explain`: a kind in words, its graph, and its formulas derived from its own recipe."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from convcalc.cli.completions import complete_layers
from convcalc.cli.messages import say
from convcalc.cli.options import Format, InputLayout, Inputs, Layout, Out, emit
from convcalc.cli.subjects import layer_words, read_subjects
from convcalc.cli.views.formulas import FormulaFormat, explain_tables, latex_lines
from convcalc.cli.views.kinds import is_kind, kind_name, network_answer
from convcalc.cli.views.pages import topic_answer
from convcalc.cli.views.progress import bar
from convcalc.errors import ConvcalcError, SpecError, nearest
from convcalc.kinds import all_kinds, network
from convcalc.kinds.plain_layer import plain_layer
from convcalc.literature import literature, topic, topics
from convcalc.profiling.cache import digest, read, write
from convcalc.render.saved import answer_of, plain_answer
from convcalc.render.table import Answer, Table
from convcalc.spec.assemble import assemble
from convcalc.spec.model_words import model_words
from convcalc.spec.source import blocks
from convcalc.subject import Block


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
    every: Annotated[
        bool, typer.Option("--all", help="Write every kind and topic as pages into the folder -o names.")
    ] = False,
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
    if every:
        return _handbook(out)
    if not kind:
        raise SpecError(
            "explain takes a kind: explain involution, or with numbers, explain depthwise_separable -i 3x12x12 c=256"
            f" (convcalc kinds lists them); or a topic: {', '.join(page.name for page in topics())}"
        )
    if model_words(kind) is not None:
        (model,) = read_subjects(kind, inputs, layout)
        text, sizes = layer_words(model, part)
        kind, inputs = [text], [sizes]
    elif part is not None:
        raise SpecError("--layer names a layer of a model, such as: explain torchvision:resnet18 --layer conv1")
    words = [kind_name(word) for word in kind]
    if (idea := _idea(kind, words[0])) is not None:
        if inputs:
            raise SpecError(f"{' '.join(kind)} is not a layer: -i goes with one")
        return emit(idea, _plain_format(form), out)
    try:
        block = blocks(words, inputs or ())[0]
    except SpecError as error:
        names = [page.name for page in topics()]
        raise SpecError(
            f"{error}{nearest(kind[0].lower(), names)}" if "=" not in kind[0] else str(error), error.spot
        ) from None
    if len(block.layers) != 1:
        raise SpecError(f"explain takes one kind, not {len(block.layers)}", block.layers[1].spot)
    layer = block.layers[0]
    if layer.repeat > 1 or layer.times > 1:
        raise SpecError("explain takes one layer: leave out repeat and times", layer.spot)
    answer, written = _answer(block, form, layout.value)
    return emit(answer, written, out)


def _idea(written: Sequence[str], name: str) -> Answer | None:
    """The page of a topic, the kinds of a network, or both; nothing where the words name a kind."""
    page = topic(" ".join(written))
    parts = network(name) if page is not None or not is_kind(name) else ()
    if not parts:
        return None if page is None else topic_answer(page)
    answer = network_answer(name, parts)
    return answer if page is None else answer._replace(tables=[*topic_answer(page).tables, *answer.tables])


def _handbook(out: str | None) -> int:
    """Every kind and topic as pages in a folder."""
    if out is None:
        raise SpecError("--all writes a folder of pages: name it with -o, such as -o handbook")
    from convcalc.render.show.handbook import write_handbook

    names = list(all_kinds())
    try:
        with bar() as progress:
            progress.begin(len(names))
            count = write_handbook(Path(out), names, progress)
    except OSError as error:
        raise ConvcalcError(f"{out} cannot be written: {error.strerror or error}") from None
    say(f"{count} pages: open {Path(out) / 'index.html'} in a browser")
    return 0


def _plain_format(form: FormulaFormat) -> Format:
    return Format.table if form is FormulaFormat.latex else Format(form.value)


def _answer(block: Block, form: FormulaFormat, layout: str) -> tuple[Answer, Format]:
    """The answer of one kind, from the cache where it was derived before."""
    latex, written, layer = form is FormulaFormat.latex, _plain_format(form), block.layers[0]
    question = (layer.text, sorted(map(repr, layer.arguments.items())), [given.text for given in block.inputs])
    name = f"explain/{digest(repr((*question, form.value, layout)))}.json"
    with suppress(KeyError, TypeError, ValueError):
        if (kept := read(name, "answer")) is not None:
            return answer_of(kept), written
    subject = assemble(block, layout=layout) if block.inputs else None
    from convcalc.analyses.symbolic.explain import explain

    plain = plain_layer(layer, subject) if subject is not None else None
    report = explain(layer, subject, literature(layer.kind.name), plain)
    tables = [Table((), [], head=latex_lines(report))] if latex else explain_tables(report, form)
    answer = Answer("explain", report.to_dict, tables)
    write(name, "answer", plain_answer(answer))
    return answer, written
