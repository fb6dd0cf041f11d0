"""`steps`: a graph in words: what each step does, and how many steps have to wait for one another."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from convcalc import ops
from convcalc.analyses.counts.memory import is_stored
from convcalc.equations import linear_equation

if TYPE_CHECKING:
    from convcalc.graph import Graph, Node, Value
    from convcalc.window import Window

Show: TypeAlias = Callable[[Any], str]


MOVED = "rearrange"
"""What only lays a tensor out anew is no line of its own."""
SHUFFLES = {
    ((0, 2, 1, 3), (1, 2, 1)): "channel shuffle",
    ((0, 2, 1, 3, 4), (1, 2, 1, 1)): "channel shuffle",
    ((0, 2, 1, 3, 4, 5), (1, 2, 1, 1, 1)): "channel shuffle",
    ((0, 1, 4, 2, 5, 3), (1, 1, 2, 2)): "pixel shuffle",
}


class Step(NamedTuple):
    """A stretch of steps under one scope: its name, what it does in words, what it makes, and what it reads.

    `reads` are the names of other steps, or of inputs; no two steps have one name.
    """

    name: str
    does: str
    output: Value
    reads: tuple[str, ...] = ()


def stages(graph: Graph) -> int:
    """Return the longest chain of contractions in which each waits for the one before: the dependent stages."""
    depth = _longest(graph, lambda node: isinstance(node.op, ops.CONTRACTIONS))
    return max((depth[value.index] for value in graph.outputs), default=0)


def hops(graph: Graph) -> dict[int, int]:
    """Return how many times each value was gathered over the edges of a graph: from how many hops away it sees."""
    return _longest(graph, lambda node: any(value.nonzeros is not None for value in node.inputs))


def _longest(graph: Graph, counts: Callable[[Node], bool]) -> dict[int, int]:
    depth: dict[int, int] = {}
    for node in graph.nodes:
        before = max((depth[value.index] for value in node.inputs), default=0)
        depth[node.output.index] = before + counts(node)
    return depth


def steps(graph: Graph, show: Show = str) -> list[Step]:
    """Return the steps of a graph, a function that follows directly on the same line; `show` writes a size."""
    readers, depends = graph.readers(), graph.dependent()
    sequence: list[Step] = []
    makers: dict[int, str] = {value.index: getattr(graph.nodes[value.index].op, "name", "") for value in graph.inputs}
    names: set[str] = set(makers.values())
    for node in graph.nodes:
        if isinstance(node.op, ops.SOURCES) or not node.inputs:
            continue
        last = sequence[-1] if sequence else None
        data = [value for value in node.inputs if not is_stored(graph.nodes[value.index])]
        said = describe_step(node, show)
        composes = node.output.index in depends or isinstance(node.op, ops.Einsum)
        if not composes or said == MOVED:
            if data and data[0].index in makers:
                makers[node.output.index] = makers[data[0].index]
            continue
        follows = (
            last is not None
            and len(data) == 1
            and makers.get(data[0].index) == last.name
            and len(readers[last.output.index]) == 1
            and isinstance(node.op, (ops.Elementwise, ops.Slice, ops.Rearrange))
        )
        if follows and last is not None:
            sequence[-1] = last._replace(does=f"{last.does}, {said}", output=node.output)
        else:
            name = _unlike(".".join(node.scope[1:]) or said.split()[0].strip(","), names)
            reads = tuple(dict.fromkeys(makers[value.index] for value in data if value.index in makers))
            sequence.append(Step(name, said, node.output, reads))
        makers[node.output.index] = sequence[-1].name
    if not sequence and graph.nodes:  # nothing but a new layout: that is what the kind does
        only = graph.nodes[-1]
        reads = tuple(makers[value.index] for value in only.inputs if value.index in makers)
        return [Step(_unlike(".".join(only.scope[1:]) or MOVED, names), describe_step(only, show), only.output, reads)]
    return sequence


def _unlike(name: str, taken: set[str]) -> str:
    """A name that no step has yet: the second `multiply` is multiply_1."""
    chosen, count = name, 0
    while chosen in taken:
        count += 1
        chosen = f"{name}_{count}"
    taken.add(chosen)
    return chosen


def describe_step(node: Node, show: Show = str) -> str:
    """Return what one step does, in words."""
    op = node.op
    match op:
        case ops.Conv() | ops.ConvTranspose():
            name = "conv" if isinstance(op, ops.Conv) else "conv_transpose"
            return ", ".join(
                (f"{name} {_kernel(op.windows, show)}", *_settings(op.windows, show), *_groups(op.groups, show))
            )
        case ops.Fold():
            return ", ".join(
                (f"fold {_kernel(op.windows, show)} onto {_by(op.size, show)}", *_settings(op.windows, show))
            )
        case ops.Recurrent():
            several = f", {op.layers} layers" if op.layers > 1 else ""
            both = ", both directions" if op.bidirectional else ""
            return f"{op.cell.replace('_', ' ')} over the steps{several}{both}"
        case ops.Pool():
            if op.random:
                return f"{op.function} pool {_kernel(op.windows, show)} at random places to {_by(op.output_size, show)}"
            if not op.windows:
                return f"{op.function} pool to {_by(op.output_size, show)}"
            return ", ".join((f"{op.function} pool {_kernel(op.windows, show)}", *_settings(op.windows, show)))
        case ops.Unfold():
            return ", ".join((f"unfold {_kernel(op.windows, show)}", *_settings(op.windows, show)))
        case ops.Sample():
            return "sample at the offsets, bilinear" if op.windows else "gather"
        case ops.Einsum():
            is_linear = op.equation == linear_equation(len(node.inputs[0].shape))
            return "linear" if is_linear else f"contract {op.equation}"
        case ops.Resample():
            return f"{op.mode} resize to {_by(op.size, show)}"
        case ops.Reduce():
            return f"{op.function} over axes {','.join(map(str, op.axes))}"
        case ops.Elementwise():
            return op.function if op.about.norm else op.function.replace("_", " ")
        case ops.Slice():
            return f"keep {show(op.start)}..{show(op.stop)} of axis {op.axis}"
        case ops.Concat():
            return f"concat {len(node.inputs)} along axis {op.axis}"
        case ops.Pad():
            return "crop" if all(_below(side) for side in (*op.before, *op.after)) else "pad"
        case ops.Opaque():
            return op.name
        case ops.Rearrange():
            return SHUFFLES.get((op.order[: len(op.merge) + 2], op.merge), MOVED)
        case _:
            return type(op).__name__.lower()


def _below(side: Any) -> bool:
    return isinstance(side, int) and side <= 0


def _by(sizes: tuple[Any, ...], show: Show) -> str:
    return " x ".join(map(show, sizes))


def _kernel(windows: tuple[Window, ...], show: Show) -> str:
    return _by(tuple(window.kernel for window in windows), show)


def _settings(windows: tuple[Window, ...], show: Show) -> list[str]:
    texts = []
    for name, usual, values in (
        ("stride", 1, [w.stride for w in windows]),
        ("dilation", 1, [w.dilation for w in windows]),
        ("padding", 0, [w.before for w in windows]),
    ):
        if not all(isinstance(value, int) and value == usual for value in values):
            same = len(set(values)) == 1
            texts.append(f"{name} {show(values[0]) if same else _by(tuple(values), show)}")
    return texts


def _groups(groups: Any, show: Show) -> list[str]:
    return [] if isinstance(groups, int) and groups == 1 else [f"groups {show(groups)}"]
