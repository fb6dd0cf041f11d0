"""What shape, params, macs, rf and summary have in common: stacks, their rows, and the JSON object."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from convcalc.analyses import macs as work
from convcalc.analyses.params import Params, params
from convcalc.analyses.segments import Segment, segments
from convcalc.cli.options import InputLayout
from convcalc.documents import plain
from convcalc.errors import UnsupportedError
from convcalc.graph import Graph, Value
from convcalc.shapes import show
from convcalc.sizes import Size, known, total
from convcalc.spec.assemble import Stack, assemble
from convcalc.spec.layers import Layer
from convcalc.spec.source import blocks
from convcalc.units import exactly

AXIS_NAMES = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}
"""What spatial axes are called in tables, by how many there are."""


class Line(NamedTuple):
    """One row of a report with its counts."""

    row: Segment
    params: Params
    macs: Size
    other: dict[str, Size]

    @property
    def times(self) -> int:
        """How often the row counts in totals."""
        return self.row.scope.times


def stacks(
    spec: Sequence[str] | None,
    inputs: Sequence[str] | None,
    layout: InputLayout,
    *,
    needs_input: bool = True,
    printed: bool = False,
) -> list[Stack]:
    """Read a spec and write each of its blocks as a graph. Raises SpecError and ShapeError."""
    found = blocks(spec or (), inputs or (), printed=printed)
    return [assemble(block, layout=layout.value, needs_input=needs_input) for block in found]


def runnable(found: Sequence[Stack]) -> None:
    """Raise UnsupportedError for a stack that cannot be run: hidden layers, inputs that are no real numbers."""
    for stack in found:
        if stack.hidden:
            raise UnsupportedError(f"{', '.join(stack.hidden)} cannot be run: its layers are not shown")
        for given in stack.block.inputs:
            if given.dtype not in ("", "float32"):
                raise UnsupportedError(f"-i {given.text}: layers run on real numbers (--dtype says which)")


def deployed(stack: Stack) -> Graph | None:
    """Return the graph with norms and branches folded, or None where no layer can be folded (or all are)."""
    layers = tuple(_deployed(layer) for layer in stack.block.layers)
    if layers == stack.block.layers:
        return None
    return assemble(stack.block._replace(layers=layers), needs_input=False).graph


def _deployed(layer: Layer) -> Layer:
    takes = layer.kind.arguments.get("form")
    if takes is None or "folded" not in takes.choices:
        return layer
    return layer._replace(arguments={**layer.arguments, "form": "folded"})


def folded_totals(found: Sequence[Stack]) -> dict[str, Any]:
    """Return what is left once every layer is deployed, as JSON holds it; nothing where that is the same."""
    graphs = [(stack.graph, deployed(stack)) for stack in found]
    counted_once = all(layer.times == 1 for stack in found for layer in stack.block.layers)
    if not any(after for _, after in graphs) or any(stack.hidden for stack in found) or not counted_once:
        return {}
    before, after = (
        {"params": total(params(one).total for one in some), "macs": total(work.macs(one) for one in some)}
        for some in ([graph for graph, _ in graphs], [after or graph for graph, after in graphs])
    )
    if before["params"] == after["params"] and (not known(after["macs"]) or before["macs"] == after["macs"]):
        return {}
    return {"folded": after}


def folded_foot(totals_: dict[str, Any]) -> list[str]:
    """Return one line on what `folded_totals` found."""
    after = totals_.get("folded")
    if after is None:
        return []
    macs = f" and {exactly(after['macs'])} MACs" if known(after["macs"]) else ""
    return [f"folded for deployment: {exactly(after['params'])} parameters{macs} (form=folded)"]


def lines(stack: Stack, depth: int = 1) -> list[Line]:
    """Return the rows of a stack with their counts; a layer whose outputs have names gives all of them."""
    made = []
    for row in segments(stack.graph, depth):
        named = tuple(node.output for node in row.nodes if node.output.index in stack.names)
        whole = row._replace(outputs=named) if len(named) > 1 else row
        made.append(Line(whole, params(row.nodes), work.macs(row.nodes), work.other(row.nodes)))
    return made


def label(line: Line, stack: Stack) -> str:
    """Return what a row is called in a table: the layer as typed, or its part of a layer."""
    scope = line.row.scope
    if len(scope.path) < 2:
        return scope.text or scope.kind
    above = next((one.text for one in stack.graph.scopes if one.path == scope.path[:1]), "")
    return f"{above}: {'.'.join(scope.path[1:])}"


def shape_of(values: tuple[Value, ...]) -> str:
    """Return shapes without the batch, as a table shows them."""
    return " + ".join(show(value.shape[1:] or value.shape) for value in values)


def shapes(values: Sequence[Value]) -> Any:
    """Return a shape as JSON holds it: a list of ints for one tensor, a list of lists for several."""
    found = [plain(value.shape) for value in values]
    return found[0] if len(found) == 1 else found


def totals(parts: Sequence[Line]) -> tuple[Params, Size, dict[str, Size]]:
    """Return the sums over rows, each as often as it stands there."""
    held = sum((line.params * line.times for line in parts), Params())
    extra: dict[str, Size] = {}
    for line in parts:
        for name, count in line.other.items():
            extra[name] = extra.get(name, 0) + count * line.times
    return held, total(line.macs * line.times for line in parts), extra


def hints(found: Iterable[Stack]) -> list[str]:
    """Return what the reader of each stack may want to know, for stderr."""
    return [stack.hint for stack in found if stack.hint]


def missing(stack: Stack) -> list[str]:
    """Return the names of what could not be counted: with any, totals are `at least`."""
    return [*stack.hidden, *work.at_least(stack.graph)]


def warning(names: Sequence[str], what: str) -> list[str]:
    """Return the foot line that says why a total is only a lower bound."""
    return [f"at least: {what} of {', '.join(dict.fromkeys(names))} could not be read"] if names else []


def part(stack: Stack, found: list[Line], extras: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    """Return one block as JSON holds it; `extras` are more keys for each layer."""
    held, count, _ = totals(found)
    layers = []
    for number, line in enumerate(found):
        row = {
            "name": line.row.name,
            "kind": line.row.scope.kind,
            "text": line.row.scope.text or ".".join(line.row.scope.path[1:]),
            "input": shapes(line.row.inputs),
            "output": shapes(line.row.outputs),
            "params": line.params.total,
            "macs": line.macs if known(line.macs) else None,
        }
        if line.times > 1:
            row["times"] = line.times
        layers.append({**row, **(extras[number] if extras else {})})
    document = {
        "input": shapes(stack.graph.inputs),
        "output": shapes(stack.graph.outputs),
        "params": held.total,
        "macs": count,
        "layers": layers,
    }
    names = missing(stack)
    return {**document, "at_least": names} if names else document


def document(parts: Sequence[dict[str, Any]], **sums: Any) -> dict[str, Any]:
    """Return the JSON object of a command: one block at the top, several under `blocks` with their sums."""
    if len(parts) == 1:
        return {**parts[0], **sums}
    both = {key: total(part[key] for part in parts) for key in ("params", "macs")}
    return {**both, **sums, "blocks": list(parts)}
