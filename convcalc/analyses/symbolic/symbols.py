"""`letters`, `cases`: a recipe run on symbols: which letter is which argument, and the cases it distinguishes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, cast

import sympy

from convcalc.builder import Builder
from convcalc.errors import ShapeError, UnsupportedError
from convcalc.sizes import is_symbol

if TYPE_CHECKING:
    from collections.abc import Callable

    from convcalc.arguments import Argument
    from convcalc.graph import Graph
    from convcalc.registry import Kind
    from convcalc.sizes import Shape

LETTERS = {
    "in_channels": "C_in", "out_channels": "C_out", "mid_channels": "C_mid", "kernel_size": "k", "stride": "s",
    "padding": "p", "dilation": "d", "groups": "g", "output_padding": "a", "multiplier": "m", "reduction": "r",
    "growth_rate": "k", "bn_size": "b", "num_experts": "n", "num_kernels": "n", "ratio": "q", "part": "P",
    "cheap_kernel_size": "d", "pooling_ratio": "r", "cardinality": "K", "expansion": "t", "base_width": "w",
    "edges": "E", "loops": "E_loops", "group_channels": "C_g", "offset_groups": "G", "scale_factor": "f",
    "upscale_factor": "r", "least_channels": "L", "out_features": "F_out", "in_features": "F_in", "num_groups": "g",
    "squeeze_channels": "C_sq", "b1x1": "o_1", "b3x3_reduce": "r_3", "b3x3": "o_3", "b5x5_reduce": "r_5",
    "b5x5": "o_5", "pool_proj": "o_p", "num_layers": "L", "num_terms": "K",
}  # fmt: skip
"""The letters papers use, unless a kind says its own; where one would stand twice the later argument keeps its name."""
PLACES = {1: "T", 2: "HW", 3: "DHW"}
"""The letters of spatial sizes: a length, height and width, depth as well."""
STATED = ("mid_channels", "out_channels")
"""Arguments that default to None and stand for a width all the same."""
EXAMPLES: dict[str, Any] = {
    "scale_factor": 2, "output_ratio": 0.5, "value": 0.0, "threshold": 0.0, "norm_type": 2.0, "size": 5, "dim": 1,
    "unflattened_size": (2, -1),
}  # fmt: skip
"""Required structure for which any number will do."""
MOST_CASES = 16


class Case(NamedTuple):
    """One way through a recipe: what was decided, and the graph it wrote."""

    decided: tuple[tuple[Any, bool], ...]
    graph: Graph
    known: dict[Any, Any]


class Chooser:
    """Decides about symbols: as told first, then true; an equation that is decided fixes one of its symbols."""

    def __init__(self, answers: tuple[bool, ...]) -> None:
        self.told, self.answers, self.known = answers, [], {}
        self.decided: list[tuple[Any, bool]] = []

    answers: list[bool]
    known: dict[Any, Any]

    def __call__(self, holds: Any) -> bool:
        """Answer a question of `decide`, the same way as before where it was asked."""
        truth = holds.subs(self.known)
        if truth in (sympy.true, sympy.false):
            return bool(truth)
        for condition, answer in self.decided:
            if truth == condition:
                return answer
        answer = self.told[len(self.answers)] if len(self.answers) < len(self.told) else True
        self.answers.append(answer)
        self.decided.append((truth, answer))
        if answer:
            self.learn(truth)
        return answer

    def learn(self, holds: Any) -> None:
        """Fix a symbol by an equation that holds."""
        holds = holds.subs(self.known)
        if not isinstance(holds, sympy.Eq):
            return
        difference = sympy.expand(holds.lhs - holds.rhs)
        for symbol in sorted(difference.free_symbols, key=lambda letter: (letter.name == "C_in", letter.name)):
            if difference.coeff(symbol) in (1, -1) and not (difference - symbol * difference.coeff(symbol)).has(symbol):
                value = sympy.expand(symbol - difference / difference.coeff(symbol))
                if value.is_integer and value.is_positive is not False:
                    self.known = {old: new.subs(symbol, value) for old, new in self.known.items()}
                    self.known[symbol] = value
                    return


def symbol(name: str, *, zero: bool = False) -> Any:
    """A size: a positive whole number (or also 0)."""
    return (
        sympy.Symbol(name, integer=True, nonnegative=True) if zero else sympy.Symbol(name, integer=True, positive=True)
    )


def letters(kind: Kind, chosen: dict[str, Any]) -> dict[str, Any]:
    """Return a symbol for every size among the arguments of a kind that was not given a number."""
    symbols: dict[str, Any] = {}
    names: set[str] = set()
    for name, argument in kind.arguments.items():
        if name in chosen or name == (kind.channels or "in_channels") or not _free(kind, argument):
            continue
        letter = kind.letters.get(name, LETTERS.get(name, name))
        letter = name if letter in names else letter
        names.add(letter)
        symbols[name] = symbol(letter, zero=name in ("padding", "output_padding", "loops"))
    return symbols


def _free(kind: Kind, argument: Argument) -> bool:
    takes = {"size", "sizes", "pairs", "padding", "sides", "output sizes"} & set(argument.takes)
    if not takes or argument.name in ("axis", "size"):
        return False
    if argument.name in kind.as_structure:
        return False
    if argument.default is None:
        return argument.name in STATED
    return argument.required or isinstance(argument.default, int)


def input_shapes(kind: Kind, rank: int, count: int | None = None) -> tuple[Shape, ...]:
    """Return symbolic inputs: (B, C_in, H, W), nodes and features for a graph, both maps of an octave layer.

    `count` of them, where a kind has inputs that may be left out (all of octave's, none of the others' otherwise).
    """
    batch = symbol("B")
    if kind.rows:
        return ((symbol("N"), symbol("F")),)
    if kind.layout:
        return _sequences(kind, batch)
    places = tuple(symbol(letter) for letter in PLACES[rank])
    if kind.variadic:
        return ((batch, symbol("C_1"), *places), (batch, symbol("C_2" if kind.unlike_channels else "C_1"), *places))
    if kind.joint:
        low = (batch, symbol("C_l"), *(symbol(f"{letter}_l") for letter in PLACES[rank]))
        return ((batch, symbol("C_h"), *places), low)[: count or 2]
    first = (batch, symbol("C_in"), *places)
    if kind.input_ranks and count == 2:
        return (first, (batch, symbol("R")))
    return (first,) * max(len(kind.inputs) - kind.optional, 1)


def _sequences(kind: Kind, batch: Any) -> tuple[Shape, ...]:
    """Inputs whose axes have names of their own: T steps of F features, the batch second unless `batch_first`."""
    sizes = {"N": batch, "L": symbol("T"), "F": symbol("F")}
    axes = tuple(sizes[axis] for axis in kind.axes({}))
    others = len(kind.inputs) - kind.optional - 1
    return (axes, *((*axes[:-1], symbol("F_2")) for _ in range(others)))


def cases(write: Callable[[Builder], Graph]) -> list[Case]:
    """Run a recipe once for each way its decisions can go; ways that contradict its own rules are left out."""
    pending: list[tuple[bool, ...]] = [()]
    complete: list[Case] = []
    refused: Exception | None = None
    while pending and len(complete) < MOST_CASES:
        answers = pending.pop(0)
        chooser = Chooser(answers)
        try:
            graph = write(Builder(assume=cast("Any", chooser)))
        except (ShapeError, UnsupportedError) as error:
            refused = refused or error
        else:
            for holds in _rules(graph):
                for part in sympy.And.make_args(holds):
                    chooser.learn(part)
            if all(holds.subs(chooser.known) is not sympy.false for holds in _rules(graph)):
                complete.append(Case(tuple(chooser.decided), graph, chooser.known))
        for place in range(len(answers), len(chooser.answers)):
            pending.append((*chooser.answers[:place], False))
    if not complete and refused is not None:
        raise refused
    return complete


def _rules(graph: Graph) -> list[Any]:
    return [constraint.holds for constraint in graph.constraints if is_symbol(constraint.holds)]


def rules(case: Case) -> list[Any]:
    """Return what a case assumes of its symbols, one relation each, those implied by another left out."""
    distinct: dict[Any, None] = {}
    for holds in _rules(case.graph):
        for part in sympy.And.make_args(sympy.sympify(holds).subs(case.known)):
            if part not in (sympy.true, sympy.false):
                distinct[part] = None
    return list(distinct)
