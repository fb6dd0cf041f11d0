"""`model_page`, `module_steps`: a model as a graph of its modules, each of which opens into a graph of its own."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from convcalc import ops
from convcalc.analyses.counts.report import count as count_layers
from convcalc.analyses.field.receptive import size_text
from convcalc.analyses.layer_answers import summarise
from convcalc.analyses.steps import Step
from convcalc.render.show.blocks import block_svg, boxes
from convcalc.render.show.handbook import STYLE
from convcalc.shapes import show
from convcalc.units import count

if TYPE_CHECKING:
    from collections.abc import Container

    from convcalc.analyses.counts.modules import ModuleRow
    from convcalc.analyses.layer_answers import SummaryReport
    from convcalc.analyses.module_tree import ModuleTree
    from convcalc.graph import Graph, Node, Path, Value
    from convcalc.subject import Subject

MAX_BOXES: Final = 60
"""Modules of one graph: more are listed only."""
MODEL_STYLE: Final = """
details{margin:.3rem 0 .3rem 1rem;border-left:2px solid var(--line);padding-left:.6rem}
summary{cursor:pointer}svg .node{fill:var(--card);stroke:var(--line)}svg .edge{stroke:var(--faint);fill:none}
svg text{fill:var(--ink);font:12px system-ui,sans-serif}
svg .split{stroke:#e8710a;stroke-width:2}svg .merge{stroke:#1a73e8;stroke-width:2}
"""


def module_steps(graph: Graph, path: Path, tree: ModuleTree) -> list[Step]:
    """Return the modules directly inside of one, run by run in the order they work, and which reads which.

    Each says what its module holds and does, in all where it works several times, and what it then sees. Steps outside
    of any module are called by what they do.
    """
    runs = _runs(graph, path)
    called = [own for own, _ in runs]
    rows = {row.path: row for row in tree.rows}
    lists = {own for own in called if called.count(own) > 1 and any(own == row[: len(own)] != row for row in rows)}
    if lists:  # a list of modules is not called itself: each of those in it is
        runs = _runs(graph, path, lists)
        called = [own for own, _ in runs]
    depends = graph.dependent()
    makers: dict[int, str] = {}
    if not path:
        makers = {value.index: getattr(graph.nodes[value.index].op, "name", "") for value in graph.inputs}
    names: dict[str, int] = {}
    found = []
    for own, nodes in runs:
        op = nodes[0].op
        name = ".".join(own[len(path) :]) or op_words(op)
        names[name] = names.get(name, 0) + 1
        title = name if names[name] == 1 else f"{name} again ({names[name]})"
        inside = {node.output.index for node in nodes}
        read = [value.index for node in nodes for value in node.inputs if value.index not in inside]
        reads = tuple(dict.fromkeys(makers.get(index, "input") for index in read if index in depends))
        makers |= dict.fromkeys(inside, title)
        said = _fact(tree, rows[own], nodes[-1].output, several=called.count(own) > 1) if own in rows else op_words(op)
        found.append(Step(title, said, nodes[-1].output, reads))
    return found


def _runs(graph: Graph, path: Path, lists: Container[Path] = ()) -> list[tuple[Path, list[Node]]]:
    """Steps in a row of one module directly inside of a path, or of one inside of a list of modules."""
    depth, depends = len(path), graph.dependent()
    runs: list[tuple[Path, list[Node]]] = []
    for node in graph.nodes:
        if node.scope[:depth] != path or isinstance(node.op, ops.SOURCES) or node.output.index not in depends:
            continue
        own = node.scope[: depth + 1]
        own = node.scope[: depth + 2] if own in lists else own
        if runs and runs[-1][0] == own and len(own) > depth:
            runs[-1][1].append(node)
        else:
            runs.append((own, [node]))
    return runs


def op_words(op: ops.Op) -> str:
    """Return what a step outside of any module is."""
    return str(getattr(op, "function", type(op).__name__.lower())).replace("_", " ")


def _fact(tree: ModuleTree, row: ModuleRow, value: Value | None, *, several: bool = False) -> str:
    """Parameters and multiply-adds of a module, and what a value that it makes sees."""
    parts = [f"{count(row.params.total)} params", f"{count(row.macs)} MACs{' in all' if several and row.macs else ''}"]
    field = tree.field.of_value(value) if tree.field is not None and value is not None else []
    return ", ".join([*parts, *(f"field {size_text(each)}" for _, each in field[:1])])


def summary_of(subject: Subject) -> SummaryReport:
    """Return the counts and fields of every module of a model."""
    return summarise(count_layers([subject], 1), treed=True)


def model_page(subject: Subject, title: str) -> str:
    """Return a page on which every module opens into the graph of those inside it."""
    report = summary_of(subject)
    tree = report.trees[0]
    totals = report.counts
    output = " and ".join(show(value.shape[1:]) for value in subject.graph.outputs)
    head = (
        f"<p>{escape(subject.reading)}; output {output}</p>"
        f"<p>{count(totals.params.total)} parameters, {count(totals.macs)} multiply-adds</p>"
    )
    body = _inside(subject.graph, tree, ())
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}{MODEL_STYLE}</style></head><body><h1>{escape(title)}</h1>{head}{body}</body></html>\n"
    )


def model_svg(subject: Subject, title: str) -> str:
    """Return the graph of the outermost modules of a model."""
    sequence = _outermost(subject)
    return block_svg(boxes(subject.graph, sequence), title)


def model_lines(subject: Subject, title: str) -> list[str]:
    """Return a line on each of the outermost modules: what it reads, and what it is."""
    lines = [subject.reading if title in subject.reading else f"{title}; {subject.reading}"]
    for step in _outermost(subject):
        read = " and ".join(step.reads)
        lines.append(f"{step.name} reads {read}: {step.does}; gives {show(step.output.shape[1:])}")
    return lines


def _outermost(subject: Subject) -> list[Step]:
    return module_steps(subject.graph, (), summary_of(subject).trees[0])


def _inside(graph: Graph, tree: ModuleTree, path: Path) -> str:
    """The graph of the modules inside of one, and each of them to be opened; copies that are alike are opened once."""
    sequence = module_steps(graph, path, tree)
    parts = []
    if 1 < len(sequence) <= MAX_BOXES:
        name = ".".join(path) or "the model"
        drawing = block_svg(boxes(graph, sequence, inside=bool(path)), name, styled=False)
        parts.append(f'<div class="scroll">{drawing}</div>')
    alike: dict[tuple[str, ...], str] = {}
    for row in tree.rows:
        if row.path[:-1] != path:
            continue
        title = f"{row.path[-1]}: {row.scope.text or row.scope.kind}"
        fact = _fact(tree, row, row.outputs[-1] if row.outputs else None)
        line = f"{escape(title)} <span class=faint>{escape(fact)}</span>"
        if not row.parts:
            parts.append(f"<p>{line}</p>")
            continue
        key = (row.scope.kind, fact.partition(", field")[0], *(show(v.shape[1:]) for v in row.outputs))
        if key in alike:
            parts.append(f"<p>{line} <span class=faint>(as {escape(alike[key])})</span></p>")
            continue
        alike[key] = row.path[-1]
        parts.append(f"<details><summary>{line}</summary>{_inside(graph, tree, row.path)}</details>")
    return "".join(parts)
