"""`formulas_of`: layers with letters for sizes, answered with formulas: a row for each layer, and what is assumed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from convcalc.analyses.counts.stack_layers import single_shape
from convcalc.cli.options import Format, emit, immediate_interrupts
from convcalc.errors import SpecError
from convcalc.render.table import Answer, Column, Table
from convcalc.spec.assemble import assemble
from convcalc.spec.letters import symbols_of
from convcalc.spec.model_words import model_words
from convcalc.spec.source import blocks

if TYPE_CHECKING:
    from collections.abc import Callable

    from convcalc.analyses.symbolic.stack_formula import LayerFormula, StackFormula
    from convcalc.subject import Block

TITLES = {"macs": "MACs", "flops": "FLOPs"}
FIELD = ("field", "jump")
_MAYBE = re.compile(r"[=x(,\s]\s*[A-Z]\w*\s*($|[x,)\s])|^[A-Z]\w*x")


def formulas_of(
    command: str, single: Block, layout: str, counts: Sequence[str], form: Format, out: str | None,
    *, numbers: str | None, latex: bool,
) -> int:  # fmt: skip
    """Answer a stack with letters in it with formulas, and return the exit code."""
    formulas = _formulas(single, layout, _numbers(numbers, [single]))
    names = [str(symbol) for symbol in symbols_of(single)]
    tables = [_table(formula, counts, latex) for formula in formulas]
    document = {"symbols": names, "formulas": [_json(formula, counts) for formula in formulas]}
    return emit(Answer(command, document, tables), form, out)


def compared_formulas(
    specs: Sequence[str], inputs: Sequence[str] | None, layout: str, form: Format, out: str | None,
    *, numbers: str | None, latex: bool,
) -> int | None:  # fmt: skip
    """Answer specs with letters side by side, with the ratios to the first as formulas; None where none has letters."""
    read = [block_with_letters([spec], inputs) for spec in specs]
    if all(block is None for block in read):
        if numbers is not None or latex:
            raise SpecError("--at and --latex go with letters for sizes, such as -i CxHxW out_channels=M")
        return None
    from convcalc.analyses.symbolic.notation import shortest

    every = [block or blocks([spec], inputs or ())[0] for spec, block in zip(specs, read, strict=True)]
    chosen, used = _numbers(numbers, every), dict[str, Any]()
    firsts = [_formulas(block, layout, chosen)[0].apart(used) for block in every]
    write = _writer(latex)
    rows, documents = [], []
    for spec, formula in zip(specs, firsts, strict=True):
        ratios = {
            f"{name}_ratio": shortest(formula.counts[name] / firsts[0].counts[name])
            if firsts[0].counts[name] != 0 else None
            for name in ("params", "macs")
        }  # fmt: skip
        shown = {name: "-" if e is None else write(e) for name, e in ratios.items()}
        counted = {name: write(formula.counts[name]) for name in ("params", "macs")}
        rows.append({"spec": spec, "output": _shapes(formula.outputs, write), **counted, **shown})
        documents.append(
            {"spec": spec, **_json(formula, ("params", "macs")), **{n: e and str(e) for n, e in ratios.items()}}
        )
    foot = [line for formula in firsts for line in _feet(formula, write)]
    columns = (
        Column("spec", "spec"), Column("output", "output"), Column("params", "params"), Column("macs", "MACs"),
        Column("params_ratio", "params ratio"), Column("macs_ratio", "MACs ratio"),
    )  # fmt: skip
    names = list(dict.fromkeys(str(symbol) for block in every for symbol in symbols_of(block)))
    table = Table(columns, rows, foot=list(dict.fromkeys(foot)))
    return emit(Answer("compare", {"symbols": names, "formulas": documents}, [table]), form, out)


def block_with_letters(spec: Sequence[str] | None, inputs: Sequence[str] | None) -> Block | None:
    """Return the one stack of some words, where a size of it is a letter. Raises SpecError for several stacks."""
    words = list(spec or ())
    if not any(map(_MAYBE.search, (*words, *(inputs or ())))) or "-" in words or model_words(words) is not None:
        return None
    read = blocks(words, inputs or ())
    if not any(symbols_of(block) for block in read if block.layers):
        return None
    if len(read) > 1:
        raise SpecError("letters for sizes are answered for one stack")
    if not read[0].inputs:
        raise SpecError("the input's size is missing: give it with -i, such as -i CxHxW")
    return read[0]


def _numbers(numbers: str | None, every: Sequence[Block]) -> dict[str, int]:
    """The numbers of --at for letters of some stacks."""
    with immediate_interrupts():
        from convcalc.analyses.symbolic.stack_formula import read_numbers
    chosen = read_numbers(numbers)
    known = {str(symbol) for block in every for symbol in symbols_of(block)}
    for name in chosen:
        if name not in known:
            raise SpecError(f"--at: there is no letter {name!r} (there are {', '.join(sorted(known))})")
    return chosen


def _formulas(block: Block, layout: str, chosen: dict[str, int]) -> list[StackFormula]:
    with immediate_interrupts():
        from convcalc.analyses.symbolic.stack_formula import stack_formulas
    return stack_formulas(lambda builder: assemble(block, layout=layout, builder=builder).graph, chosen)


def _table(formula: StackFormula, counts: Sequence[str], latex: bool) -> Table:
    """The layers of one case, what they come to, sizes by name, and what is assumed."""
    write = _writer(latex)
    rows = [_row(layer, counts, write) for layer in formula.layers]
    head = [f"where {', '.join(formula.case)}:"] if formula.case else []
    columns = [Column("name", "#"), Column("layer", "layer"), Column("output", "output")]
    total = None
    if counts != FIELD:
        columns += [Column(name, TITLES.get(name, name)) for name in counts]
        total = {"layer": "total", **{name: write(formula.counts[name]) for name in counts}} if counts else None
    foot = [f"output {_shapes(formula.outputs, write)}"]
    if counts == FIELD:
        foot += _field_lines(formula, write)
    return Table(columns, rows, total=total, head=head, foot=[*foot, *_feet(formula, write)])


def _row(layer: LayerFormula, counts: Sequence[str], write: Callable[[Any], str]) -> dict[str, Any]:
    scope = layer.scope
    shown = {name: write(layer.counts[name]) for name in counts if name in layer.counts}
    return {"name": scope.name, "layer": scope.text or scope.kind, "output": _shapes((layer.output,), write), **shown}


def _field_lines(formula: StackFormula, write: Callable[[Any], str]) -> list[str]:
    lines = []
    for extent in formula.fields:
        if not extent.local:
            lines.append(f"field: {' and '.join(extent.more) or 'no spatial axis'}")
        elif extent.known:
            lines.append(f"field {write(extent.size)}, jump {write(extent.jump)}, along the last axis")
        else:
            lines.append(f"field: it depends on the sizes; jump {write(extent.jump)}")
    return lines


def _feet(formula: StackFormula, write: Callable[[Any], str]) -> list[str]:
    lines = [f"{name} = {write(size)}" for name, size in formula.names.items()]
    return [*lines, *([f"assumes {', '.join(formula.assumes)}"] if formula.assumes else [])]


def _shapes(shapes: Sequence[Sequence[Any]], write: Callable[[Any], str]) -> str:
    """Shapes, one sample without its batch."""
    texts = []
    for sizes in shapes:
        shown = sizes[1:] if len(sizes) > 1 and str(sizes[0]) == "1" else sizes
        parts = [write(size) for size in shown]
        texts.append(" x ".join(f"({part})" if re.search(r" [+-] ", part) else part for part in parts))
    return " + ".join(texts)


def _writer(latex: bool) -> Callable[[Any], str]:
    from convcalc.analyses.symbolic.notation import latex as as_latex
    from convcalc.analyses.symbolic.notation import text

    return as_latex if latex else text


def _json(formula: StackFormula, counts: Sequence[str]) -> dict[str, Any]:
    """One case in Python's notation."""
    sums = [name for name in counts if name in formula.counts]
    fields = [
        {"size": str(e.size) if e.local and e.known else None, "jump": str(e.jump), "also": list(e.more)}
        for e in formula.fields
    ]
    return {
        "case": list(formula.case),
        "assumes": list(formula.assumes),
        "names": {str(name): str(size) for name, size in formula.names.items()},
        "output": _sizes(formula.outputs),
        **{name: str(formula.counts[name]) for name in sums},
        **({"fields": fields} if counts == FIELD else {}),
        "layers": [
            {
                "index": index, "name": layer.scope.name, "kind": layer.scope.kind, "text": layer.scope.text,
                "input": _sizes(layer.inputs), "output": _sizes((layer.output,)),
                **{name: str(layer.counts[name]) for name in sums},
            }
            for index, layer in enumerate(formula.layers)
        ],
    }  # fmt: skip


def _sizes(shapes: Sequence[Sequence[Any]]) -> Any:
    """Shapes as JSON holds them: a list of texts for one tensor, a list of lists for several."""
    return single_shape([[str(size) for size in sizes] for sizes in shapes])
