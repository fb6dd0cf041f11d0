"""`Kind` and `kind`: what a kind of layer is: a recipe over the builder, and everything its signature says.

The signature is the command line: parameters between the builder and `*` are inputs (default None: optional),
those after `*` are arguments. The docstring's first line is the help.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict, TypeVar, Unpack, cast

from convcalc.arguments import Argument, check_value, meant_argument, read_argument
from convcalc.builder import Builder
from convcalc.errors import ShapeError, SpecError
from convcalc.graph import Value
from convcalc.sizes import equal, known, total
from convcalc.units import plural

if TYPE_CHECKING:
    from convcalc.graph import Graph
    from convcalc.sizes import Shape, Size

Recipe = Callable[..., Any]
R = TypeVar("R", bound=Recipe)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of layer: its name, its recipe and source, and how it is called.

    `channels` is the argument that states the input's channels (on `axis`) and is checked against it: first in a
    call, or where it is empty the keyword in_channels. `torch` is the class in torch.nn, without its rank where
    `ranks` lists several; `spatial` is the number of spatial axes it asks for where its name does not say.
    `outputs` names the outputs where there are several; `joint` says that in_channels counts the channels of all
    inputs together; `input_ranks` gives the spatial axes of inputs that have others than the first;
    `layout` names the axes of the input in order where they are others than batch, channels and positions;
    `rows` says what the first axis counts where it is no batch (the nodes of a graph). `letters` are those that
    formulas use for its arguments where they are others than the usual ones, `as_structure` arguments that formulas
    leave at their default. `any_shape` says that it takes a tensor of any shape and keeps it, `flattens` that no axis
    is left behind it, `takes_features` that its 1-D class takes features without an axis as well, `unlike_channels`
    that its inputs may have different channels. `rank` is the number of spatial axes that the name it was looked up by
    fixes (`Conv2d`: 2).
    """

    name: str
    recipe: Recipe
    source: str
    channels: str = "in_channels"
    torch: str = ""
    ranks: tuple[int, ...] = ()
    spatial: int | None = None
    axis: int = 1
    order: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    joint: bool = False
    input_ranks: tuple[tuple[str, int], ...] = ()
    rows: str = ""
    layout: tuple[str, ...] = ()
    letters: dict[str, str] = field(default_factory=dict)
    as_structure: tuple[str, ...] = ()
    any_shape: bool = False
    flattens: bool = False
    takes_features: bool = False
    unlike_channels: bool = False
    rank: int | None = None

    @property
    def help(self) -> str:
        """The docstring's first line."""
        return (self.recipe.__doc__ or "").strip().partition("\n")[0]

    @property
    def about(self) -> str:
        """The docstring before its labelled parts."""
        return _LABELS.split(_words(self.recipe))[0].strip()

    @property
    def notes(self) -> dict[str, str]:
        """The labelled parts of the docstring (`Used for:`, `Gains:`, ...), by label."""
        _, *parts = _LABELS.split(_words(self.recipe))
        return {label: text.strip() for label, text in zip(parts[::2], parts[1::2], strict=True)}

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the input tensors."""
        return _signature(self.recipe).inputs

    @property
    def optional(self) -> int:
        """How many of the inputs, at the end, may be left out."""
        return _signature(self.recipe).optional

    @property
    def variadic(self) -> bool:
        """Whether it takes any number of inputs (concat, add, multiply)."""
        return _signature(self.recipe).variadic

    @property
    def arguments(self) -> dict[str, Argument]:
        """Every argument by name, the channels of the input first."""
        parameters = _signature(self.recipe).arguments
        stated = Argument(name=self.channels or "in_channels", takes=("size", "none"), default=None)
        return {stated.name: stated, **parameters} if self.channels else {**parameters, stated.name: stated}

    @property
    def positional(self) -> tuple[str, ...]:
        """Argument names in the order a call gives them: torch's own, or the field's usual four."""
        if self.order:
            return self.order
        if self.torch:
            return tuple(self.arguments) if self.channels else tuple(_signature(self.recipe).arguments)
        usual = ("in_channels", "out_channels", "kernel_size", "stride")
        return tuple(name for name in usual if name in self.arguments)

    def torch_class(self, rank: int) -> str:
        """Return the name of the class in torch.nn, or nothing where torch has none for this rank."""
        if not self.ranks:
            return self.torch
        return f"{self.torch}{rank}d" if self.torch and rank in self.ranks else ""

    def write(self, b: Builder, *inputs: Value, **arguments: Any) -> tuple[Value, ...]:
        """Write the recipe's steps and return its outputs.

        Raises SpecError for an argument that is unknown, missing or of the wrong sort, ShapeError where sizes do
        not fit.
        """
        self.check(arguments)
        if not self.variadic and len(inputs) < len(self.inputs) - self.optional:
            raise ShapeError(f"{self.name} takes {' and '.join(self.inputs)}, but only {len(inputs)} of them arrive")
        stated = arguments.pop(self.channels or "in_channels", None)
        if stated is not None and inputs:
            inputs = self._stated(b, stated, inputs)
        self._check_rank(inputs)
        start = len(b.nodes)
        values = self.recipe(b, *inputs, **arguments)
        outputs = values if isinstance(values, tuple) else (values,)
        return b.fold(start, outputs) if b.folds and arguments.get("form") == "folded" else outputs

    def _check_rank(self, inputs: tuple[Value, ...]) -> None:
        """Raise ShapeError where a kind of the catalogue meets another number of spatial axes than it walks."""
        if self.torch or self.spatial is None or not inputs:
            return
        have = max(len(inputs[0].shape) - 2, 0)
        if have != self.spatial:
            axes = "no spatial axes" if not self.spatial else f"{self.spatial} spatial axes"
            raise ShapeError(f"{self.name} takes {axes}, but its input has {have}")

    def _stated(self, b: Builder, stated: Size, inputs: tuple[Value, ...]) -> tuple[Value, ...]:
        """Check the channels a call states against the input's; they stand in for channels that are not known."""
        x = inputs[0]
        have = x.shape[self.axis] if -len(x.shape) <= self.axis < len(x.shape) else 0
        if self.joint:
            have = total(value.shape[self.axis] for value in inputs)
        if not known(have) and len(inputs) == 1:
            axis = self.axis % len(x.shape)
            inputs = (Value(x.index, (*x.shape[:axis], stated, *x.shape[axis + 1 :])), *inputs[1:])
        b.require(
            equal(stated, have),
            "{name} is {stated}, but the input has {have}",
            name=self.channels or "in_channels",
            stated=stated,
            have=have,
        )
        return inputs

    def axes(self, arguments: dict[str, Any]) -> tuple[str, ...]:
        """Return `layout` in the order these arguments give: as in torch, the steps of a sequence before the batch."""
        if "batch_first" in self.arguments and not arguments.get("batch_first", False):
            return (self.layout[1], self.layout[0], *self.layout[2:])
        return self.layout

    def build(self, *shapes: Shape, builder: Builder | None = None, **arguments: Any) -> Graph:
        """Return the graph of this kind alone on inputs (batch, channels, *spatial) of these shapes.

        One sample of a kind with a `rank` may come without its batch. Raises SpecError and ShapeError as `write` does.
        """
        shapes = tuple(map(self._with_batch, shapes))
        b = builder or Builder()
        names = [f"input_{i}" for i in range(len(shapes))] if self.variadic else self.inputs
        values = [b.input(shape, name) for shape, name in zip(shapes, names, strict=False)]
        if len(values) < len(shapes):
            raise ShapeError(f"{self.name} takes {plural(len(self.inputs), 'input')}, not {len(shapes)}")
        with b.scope("0", kind=self.name, text=self.name):
            outputs = self.write(b, *values, **arguments)
        return b.graph(*outputs)

    def _with_batch(self, shape: Shape) -> Shape:
        """A shape with its batch; raises ShapeError for another number of axes than the name of the kind fixes."""
        if not isinstance(shape, tuple):
            raise SpecError(f"an input's shape is a tuple of sizes, such as (1, 3, 224, 224), not {shape!r}")
        if self.rank is None or self.takes_features:
            return shape
        if len(shape) == self.rank + 1:
            return (1, *shape)
        if len(shape) != self.rank + 2:
            fits = f"{self.rank + 1} or {self.rank + 2} sizes"
            raise ShapeError(f"{self.name} with {self.rank} spatial axes takes {fits}, not {len(shape)}")
        return shape

    def check(self, arguments: dict[str, Any]) -> None:
        """Raise SpecError for an argument that is unknown, missing, or of the wrong sort."""
        takes = self.arguments
        for name, value in arguments.items():
            if name not in takes:
                listed = ", ".join(takes) or "none"
                raise SpecError(
                    f"{self.name} has no argument {name!r}{meant_argument(name, takes)} (it takes {listed})"
                )
            check_value(takes[name], value)
        for name, argument in takes.items():
            if argument.required and name not in arguments:
                raise SpecError(f"{self.name} needs {name}")


class KindOptions(TypedDict, total=False):
    """What a recipe may say of its kind besides its source: fields of `Kind`, which describes them."""

    name: str
    channels: str
    torch: str
    ranks: tuple[int, ...]
    spatial: int | None
    axis: int
    order: tuple[str, ...]
    outputs: tuple[str, ...]
    joint: bool
    input_ranks: tuple[tuple[str, int], ...]
    rows: str
    layout: tuple[str, ...]
    letters: dict[str, str]
    as_structure: tuple[str, ...]
    any_shape: bool
    flattens: bool
    takes_features: bool
    unlike_channels: bool


def kind(*, source: str, **options: Unpack[KindOptions]) -> Callable[[R], R]:
    """Register a recipe as a kind: its arguments become settings, its docstring the help, its steps every number.

    Its name is the function's, without the trailing underscore of `pass_`. `source` is the paper. Raises ValueError
    where another recipe has that name.
    """

    def register(recipe: R) -> R:
        name = options.get("name") or str(recipe.__name__).rstrip("_")
        if name in KINDS:
            raise ValueError(f"two recipes are called {name}")
        KINDS[name] = Kind(recipe=recipe, source=source, **cast("Any", {**options, "name": name}))
        return recipe

    return register


LABELS = (
    "Used for", "Gains", "Costs", "Split", "Transform", "Merge", "Index map", "Paths", "Limit",
)  # fmt: skip
_LABELS = re.compile(rf"\b({'|'.join(LABELS)}): ")


def _words(recipe: Recipe) -> str:
    return " ".join(inspect.cleandoc(recipe.__doc__ or "").split())


KINDS: dict[str, Kind] = {}
"""The kinds imported so far; `convcalc.kinds.find` imports the family of a name on demand."""


class _Signature(NamedTuple):
    """What a recipe's parameters say: its inputs, its arguments, and whether it takes any number of inputs."""

    inputs: tuple[str, ...]
    arguments: dict[str, Argument]
    optional: int
    variadic: bool


@cache
def _signature(recipe: Recipe) -> _Signature:
    parameters = list(inspect.signature(recipe).parameters.values())[1:]
    keywords = [_typed(parameter, recipe) for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
    names = {parameter.name for parameter in keywords}
    return _Signature(
        inputs=tuple(parameter.name for parameter in parameters if parameter.name not in names),
        arguments={parameter.name: read_argument(parameter) for parameter in keywords},
        optional=sum(p.default is None for p in parameters if p.name not in names),
        variadic=any(parameter.kind is inspect.Parameter.VAR_POSITIONAL for parameter in parameters),
    )


def _typed(parameter: inspect.Parameter, recipe: Recipe) -> inspect.Parameter:
    """A parameter with its annotation as a type, also where the recipe's file keeps annotations as text."""
    if not isinstance(parameter.annotation, str):
        return parameter
    return parameter.replace(annotation=eval(parameter.annotation, recipe.__globals__))
