"""`ForwardRecord`: one forward as other counters see it: the calls of modules and of functions, with their shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from convcalc.analyses.counts.macs import macs_of
from convcalc.ops import Elementwise
from convcalc.sizes import product, total

if TYPE_CHECKING:
    from convcalc.graph import Node, Path
    from convcalc.sizes import Shape


class Operand(NamedTuple):
    """A tensor among the arguments of a call."""

    shape: Shape

    @property
    def elements(self) -> int:
        """How many numbers it holds."""
        return int(product(self.shape))


class ModuleCall(NamedTuple):
    """One call of a module: its class and those it is of (qualified), what it was given and gave, and its settings.

    `parameters` are its own and those inside, with how many numbers each holds; `names` is under how many names the
    model has it; a `leaf` holds no other module.
    """

    path: Path
    bases: tuple[str, ...]
    leaf: bool
    inputs: tuple[Operand | None, ...]
    outputs: tuple[Operand, ...]
    settings: dict[str, Any]
    parameters: tuple[tuple[str, int], ...]
    names: int = 1

    @property
    def class_name(self) -> str:
        """The name of its own class."""
        return self.bases[0].rpartition(".")[2]

    @property
    def exact(self) -> str:
        """Its class where that is torch.nn's own, else nothing: counters that look types up find no subclass."""
        return self.class_name if self.bases[0].startswith("torch.nn.") else ""

    def is_a(self, *names: str) -> bool:
        """Whether it is of one of these classes of torch.nn, or of a subclass."""
        return any(base.startswith("torch.nn.") and base.rpartition(".")[2] in names for base in self.bases)

    @property
    def x(self) -> Operand:
        """The first tensor it was given."""
        return next((part for part in self.inputs if part is not None), Operand(()))

    @property
    def y(self) -> Operand:
        """The first tensor it gave."""
        return self.outputs[0] if self.outputs else Operand(())


class FunctionCall(NamedTuple):
    """One call of a torch function: its name, where it lives (F, torch, Tensor, or an operator), the steps it was.

    Tensors among the arguments are Operands.
    """

    name: str
    home: str
    path: Path
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]
    outputs: tuple[Operand, ...]
    nodes: tuple[Node, ...]

    def argument(self, place: int, name: str, default: Any = None) -> Any:
        """Return an argument by its place or its name."""
        if name in self.keywords:
            return self.keywords[name]
        return self.arguments[place] if place < len(self.arguments) else default

    @property
    def macs(self) -> int:
        """Multiply-adds of its steps."""
        return int(total(macs_of(node) for node in self.nodes))

    def results_of(self, function: str) -> int:
        """Return how many numbers its elementwise steps of a function give."""
        steps = (node for node in self.nodes if isinstance(node.op, Elementwise) and node.op.function == function)
        return sum(int(product(node.output.shape)) for node in steps)

    @property
    def x(self) -> Operand:
        """The first tensor among its arguments."""
        every = (*self.arguments, *self.keywords.values())
        return next((part for part in every if isinstance(part, Operand)), Operand(()))

    @property
    def y(self) -> Operand:
        """The first tensor it gave."""
        return self.outputs[0] if self.outputs else Operand(())


class ForwardRecord(NamedTuple):
    """The calls of one forward in the order they ended, the values its results need, and those that need gradients."""

    modules: tuple[ModuleCall, ...]
    functions: tuple[FunctionCall, ...]
    needed: frozenset[int]
    batch: int = 1
    trained: frozenset[int] = frozenset()

    @property
    def macs(self) -> int:
        """Multiply-adds of the whole."""
        return sum(call.macs for call in self.functions)
