"""Derived formulas: filled with numbers they are what the recipe counts, for every kind and every case of it."""

from __future__ import annotations

import random
from typing import Any

import pytest
import sympy

from convcalc.analyses.counts.macs import macs, other
from convcalc.analyses.counts.params import params
from convcalc.analyses.field.fields import fields
from convcalc.analyses.field.receptive import receptive
from convcalc.analyses.symbolic.formula import formulas
from convcalc.analyses.symbolic.layer_fit import GROWN, Formula
from convcalc.analyses.symbolic.symbols import input_shapes, letters
from convcalc.errors import ShapeError, SpecError, UnsupportedError
from convcalc.graph import Graph
from convcalc.kinds import all_kinds
from convcalc.registry import Kind

SIZES = (1, 2, 3, 4, 5, 6, 8, 12, 16, 24, 32, 48, 64)
TRIES, ENOUGH = 3000, 12
PICKED = {
    "value": 0.0, "scale_factor": 2, "output_ratio": 0.5, "threshold": 0.0, "norm_type": 2.0, "size": 5, "dim": 1,
    "unflattened_size": (2, -1),
}  # fmt: skip
FEW = {"stride": (1, 2, 3), "dilation": (1, 2), "padding": (0, 1, 2), "groups": (1, 2, 4), "kernel_size": (1, 2, 3, 5)}


EITHER = {
    "upsample": ("scale_factor",), "upsampling_nearest": ("scale_factor",), "upsampling_bilinear": ("scale_factor",),
    "fractional_max_pool": ("output_ratio",),
}  # fmt: skip
"""Kinds that take either a size or a factor."""


def rank_of(kind: Kind) -> int:
    return kind.spatial or (2 if not kind.ranks or 2 in kind.ranks else kind.ranks[0])


def drawn(kind: Kind, rank: int, chance: random.Random) -> tuple[dict[Any, int], list[tuple[int, ...]], dict[str, Any]]:
    """Numbers for every symbol, the input shapes they give, and the arguments."""
    numbers: dict[Any, int] = {}
    arguments: dict[str, Any] = {}
    for name, letter in letters(kind, {}).items():
        arguments[name] = numbers[letter] = chance.choice(FEW.get(name, SIZES))
    shapes = []
    for shape in input_shapes(kind, rank):
        for size in shape:
            for letter in sympy.sympify(size).free_symbols:
                numbers.setdefault(letter, chance.choice((4, 6, 8, 9, 12, 16) if letter.name in "HWDT" else SIZES))
        shapes.append(tuple(int(sympy.sympify(size).subs(numbers)) for size in shape))
    for name, argument in kind.arguments.items():
        if name in GROWN:
            arguments[name] = chance.randint(1, 6)
        elif name == "normalized_shape":
            arguments[name] = (shapes[0][-1],)
        elif name in EITHER.get(kind.name, ()) or (argument.required and name not in arguments):
            arguments[name] = PICKED[name]
    return numbers, shapes, arguments


def case_of(found: list[Formula], numbers: dict[Any, int]) -> Formula:
    for one in found:
        if all(bool(holds.subs(numbers)) == answer for holds, answer in one.decided):
            return one
    raise AssertionError("no case fits")


@pytest.mark.parametrize("name", sorted(all_kinds()))
def test_a_formula_filled_in_is_what_is_counted(name: str) -> None:
    kind = all_kinds()[name]
    rank = rank_of(kind)
    found = formulas(kind, rank, {})
    chance, done = random.Random(name), 0
    grown = next((one for one in GROWN if one in kind.arguments), "")
    for _ in range(TRIES):
        numbers, shapes, arguments = drawn(kind, rank, chance)
        if name == "octave":
            shapes[1] = (*shapes[1][:2], *(size // 2 for size in shapes[0][2:]))
            numbers |= dict(zip(input_shapes(kind, rank)[1][2:], shapes[1][2:], strict=True))
        try:
            graph = kind.build(*shapes, **arguments)
        except (ShapeError, SpecError, UnsupportedError):
            continue
        formula = case_of(found, numbers)
        if "odd" in " ".join(formula.assumes) and any(
            value % 2 == 0 for key, value in arguments.items() if "kernel" in key and isinstance(value, int)
        ):
            continue
        if grown:
            letter = next(one for part in (formula.params, formula.macs, *formula.outputs[0]) for one in
                          sympy.sympify(part).free_symbols if one.name in ("L", "K"))  # fmt: skip
            numbers[letter] = arguments[grown]
            if f"{letter} >= 2" in formula.assumes and arguments[grown] < 2:
                continue
        check(formula, graph, numbers)
        done += 1
        if done == ENOUGH:
            break
    assert done >= 3, "hardly any drawn numbers fit"


def check(formula: Formula, graph: Graph, numbers: dict[Any, int]) -> None:
    def value(expression: Any) -> int:
        whole = sympy.sympify(expression).subs({one: size.subs(numbers) for one, size in formula.names.items()})
        return int(whole.subs(numbers))

    for symbolic, made in zip(formula.outputs, graph.outputs, strict=True):
        assert tuple(map(value, symbolic)) == made.shape
    held = params(graph)
    assert value(formula.weights) == held.weights
    assert value(formula.biases) == held.biases
    assert value(formula.norm) == held.norm
    assert value(formula.params) == held.total
    assert value(formula.macs) == macs(graph)
    assert {key: value(count) for key, count in formula.other.items() if value(count)} == other(graph)
    seen = fields(graph)
    for place, made in enumerate(graph.outputs):
        for source, extent in formula.fields[place].items():
            rank = len(graph.inputs[source].shape) - 2
            one = receptive(seen[made.index], rank, source) if rank else None
            if not extent.local:
                assert one is None or one.everything or one.axes[-1] is None
            elif extent.known and one is not None and one.size_max[-1] is not None:
                size, jump = value(extent.size), sympy.sympify(extent.jump).subs(numbers)
                assert (
                    size >= one.size_max[-1] if sympy.sympify(extent.jump).has(sympy.Pow) else size == one.size_max[-1]
                )
                assert sympy.Rational(str(one.jump[-1])) == jump
                assert bool(extent.more) == bool(one.everything)
