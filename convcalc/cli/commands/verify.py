"""`convcalc verify`: our numbers beside two others'."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convcalc.analyses.segments import standalone
from convcalc.cli.options import (
    AsFormat,
    Format,
    InputLayout,
    Inputs,
    Layout,
    Out,
    Spec,
    check_output,
    emit,
    immediate_interrupts,
)
from convcalc.cli.report import Line, lines, runnable, shapes, stacks
from convcalc.profiling.plan import Setup
from convcalc.render.table import Answer, Column, Table
from convcalc.shapes import show
from convcalc.units import exactly

if TYPE_CHECKING:
    from convcalc.pytorch.verify import Seen, Verdict
    from convcalc.spec.assemble import Stack

COLUMNS = (
    Column("name", "#"),
    Column("layer", "layer"),
    Column("figure", "figure"),
    Column("ours", "convcalc", right=True),
    Column("theirs", "theirs", right=True),
    Column("verdict", "verdict"),
)
BY = {
    "shape": "shape, torch",
    "params": "params, torch",
    "macs_torch": "MACs, torch",
    "macs_fvcore": "MACs, fvcore",
}


def command(
    spec: Spec = None,
    inputs: Inputs = None,
    layout: Layout = InputLayout.chw,
    form: AsFormat = Format.table,
    out: Out = None,
) -> int:
    """Run the layers on the CPU and put our shape, parameters and MACs beside torch's own and fvcore's.

    torch's MACs are its FlopCounterMode's FLOPs / 2; fvcore's are its convolution, linear and matmul counts. Exit
    code 1 where a figure differs without a reason. Example: convcalc verify @resnet_stem
    """
    check_output(out)
    found = stacks(spec, inputs, layout)
    runnable(found)
    with immediate_interrupts():
        from convcalc.profiling.child.prepare import check_memory

    tables, layers, holds = [], [], True
    for stack in found:
        check_memory(stack.graph, Setup())
        rows: list[dict[str, Any]] = []
        for name, text, run_as, verdicts in _checked(stack):
            holds = holds and all(one.holds for one in verdicts.values())
            layers.append(_json(name, text, run_as, verdicts))
            rows += _rows(name, text, verdicts)
        tables.append(Table(columns=COLUMNS, rows=rows, head=[stack.reading], foot=_foot(holds)))
    given = [shapes(stack.graph.inputs) for stack in found]
    document = {
        "input": given[0] if len(given) == 1 else given,
        "agrees": holds,
        "layers": layers,
    }
    return emit(Answer("verify", document=document, tables=tables, holds=holds), form, out)


def _checked(stack: Stack) -> list[tuple[str, str, str, dict[str, Verdict]]]:
    """Return (name, text, what ran, verdicts) for every layer, and for the whole."""
    from convcalc.analyses.macs import at_least, macs
    from convcalc.analyses.params import params
    from convcalc.pytorch.module import GraphModule
    from convcalc.pytorch.verify import compare, observe

    checked = []
    for line in lines(stack):
        seen = _observed(line, stack)
        shapes = [value.shape for value in line.row.outputs]
        verdicts = compare(shapes, line.params.total, line.macs, at_least(line.row.nodes), seen)
        checked.append((line.row.name, line.row.scope.text, seen.run_as, verdicts))
    if len(checked) > 1:
        graph = stack.graph
        whole = observe(GraphModule(graph), [value.shape for value in graph.inputs], "the graph as a module")
        shapes = [value.shape for value in graph.outputs]
        verdicts = compare(shapes, params(graph).total, macs(graph), at_least(graph), whole)
        checked.append(("", "the whole", whole.run_as, verdicts))
    return checked


def _observed(line: Line, stack: Stack) -> Seen:
    from convcalc.pytorch.module import GraphModule
    from convcalc.pytorch.verify import layer_module, observe

    layer = stack.block.layers[int(line.row.scope.path[0])]
    shapes = [value.shape for value in line.row.inputs]
    own = None
    if len(shapes) == 1:
        own = layer_module(layer.kind, layer.rank, layer.arguments, shapes[0], layer.repeat)
    if own is not None:
        return observe(own, shapes, f"torch.nn.{type(own).__name__}")
    graph = standalone(line.row)
    return observe(GraphModule(graph), [value.shape for value in graph.inputs], "the graph as a module")


def _rows(name: str, text: str, verdicts: dict[str, Verdict]) -> list[dict[str, Any]]:
    rows = []
    for number, (key, one) in enumerate(verdicts.items()):
        rows.append(
            {
                "name": name if not number else "",
                "layer": text if not number else "",
                "figure": BY[key],
                "ours": _figure(one.ours),
                "theirs": _figure(one.theirs),
                "verdict": one.text,
            }
        )
    return rows


def _figure(value: Any) -> str:
    if isinstance(value, tuple):
        return " + ".join(show(shape) for shape in value)
    return "-" if value is None else exactly(value)


def _json(name: str, text: str, run_as: str, verdicts: dict[str, Verdict]) -> dict[str, Any]:
    found = {key: {"ours": one.ours, "theirs": one.theirs, "verdict": one.text} for key, one in verdicts.items()}
    return {"name": name, "text": text, "ran": run_as, **found}


def _foot(holds: bool) -> list[str]:
    return [
        "every figure agrees or differs for a stated reason" if holds else "a figure DIFFERS without a known reason"
    ]
