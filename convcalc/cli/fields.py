"""The receptive field of a row in words and as JSON holds it: what rf, summary, explain and compare share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from convcalc.analyses.field import Field
from convcalc.analyses.receptive import Receptive, receptive
from convcalc.analyses.steps import hops
from convcalc.graph import Graph, Value
from convcalc.spec.assemble import Stack

DEPENDS = "data-dependent"


def seen_by(made: Value, stack: Stack, seen: dict[int, Field]) -> list[tuple[str, Receptive]]:
    """Return (input name, field) for each input that a value sees."""
    field = seen[made.index]
    found = []
    for number, value in enumerate(stack.graph.inputs):
        one = receptive(field, len(value.shape) - 2, number, made.shape)
        if one is not None:
            op = stack.graph.nodes[value.index].op
            found.append((getattr(op, "name", ""), one))
    return found


def sized(one: Receptive) -> str:
    """Return the size of a field as people write it: 43x43, 5..16 where it varies, `all` for a whole map."""
    if not any(one.axes):
        return "all"
    spans = []
    for low, high in zip(one.size_min, one.size_max, strict=True):
        spans.append("all" if low is None else str(low) if low == high else f"{low}..{high}")
    return "x".join(spans)


def joined(values: Sequence[Any], missing: str = "-") -> str:
    """Return one value per axis, once where they are all the same."""
    texts = [missing if value is None else str(value) for value in values]
    return texts[0] if len(set(texts)) == 1 else ", ".join(texts)


def outputs_of(values: Sequence[Value], stack: Stack) -> Sequence[Value]:
    """Return the outputs a row is about: all of those that have names, else the last."""
    named = [value for value in values if value.index in stack.names]
    return named or values[-1:]


def also(one: Receptive) -> str:
    """Return what is seen beside the local field, and why; empty where nothing is."""
    if not one.everything:
        return ""
    return one.everything if one.everything.startswith(DEPENDS) else f"everything ({one.everything})"


def _json(one: Receptive) -> dict[str, Any]:
    same = one.size_min == one.size_max
    size = {"size": one.size_max} if same else {"size_min": one.size_min, "size_max": one.size_max}
    return {**size, "jump": one.jump, "start": one.start, "centre": one.centre, "global": one.everything}


def field_of(values: Sequence[Value], stack: Stack, seen: dict[int, Field]) -> dict[str, Any]:
    """Return the field of the last of these values as JSON holds it, by input where there are several.

    Where the values are outputs with names, `outputs` holds the field of each.
    """
    far = {"hops": hops(stack.graph)[values[-1].index]} if sparse(stack.graph) else {}
    named = [value for value in values if value.index in stack.names]
    each = {stack.names[value.index]: _by_input(value, stack, seen) for value in named}
    return {**_by_input(values[-1], stack, seen), **({"outputs": each} if len(each) > 1 else {}), **far}


def _by_input(value: Value, stack: Stack, seen: dict[int, Field]) -> dict[str, Any]:
    found = seen_by(value, stack, seen)
    if len(stack.graph.inputs) == 1:
        return _json(found[0][1]) if found else {}
    return {"fields": {name: _json(one) for name, one in found}}


def sparse(graph: Graph) -> bool:
    """Whether a graph gathers over the edges of another: its fields are hops."""
    return any(node.output.nonzeros is not None for node in graph.nodes)
