"""`printed_model`: which modules of a pasted `print(model)` are layers, which hold no weights, which are not known.

Only torch.nn's own class names are layers: `SE(16)` or `Bottleneck(64, 16)` is somebody's class there.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from convcalc.errors import ConvcalcError, SpecError, UnsupportedError
from convcalc.kinds import find
from convcalc.ops import Parameter
from convcalc.registry import Kind
from convcalc.sizes import known
from convcalc.spec.assemble import assemble
from convcalc.spec.layers import InputLine, layers
from convcalc.spec.learned import PARAMETER, first_axis, parameters
from convcalc.spec.lexer import Token, normal, tokens
from convcalc.spec.torch_repr import Printed, PrintedText, parse_printed, unquoted
from convcalc.spec.weightless import PASSES_ON, WEIGHTLESS
from convcalc.subject import Block, Layer
from convcalc.units import plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from convcalc.builder import Builder
    from convcalc.errors import Spot
    from convcalc.graph import Value

CONTAINERS: Final = frozenset({"", "Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict"})
"""Torch's, which hold modules and nothing of their own."""
LEARNERS: Final = frozenset({
    "conv", "conv_transpose", "linear", "bilinear", "embedding", "embedding_bag", "prelu",
    "batch_norm", "layer_norm", "group_norm", "instance_norm", "rms_norm",
    "rnn", "lstm", "gru", "rnn_cell", "lstm_cell", "gru_cell",
})  # fmt: skip
"""Kinds of torch.nn's that have weights; all its others have none, whatever their arguments."""
WRITTEN_AS: Final = {"NonDynamicallyQuantizableLinear": "Linear"}
"""Classes that print as another and are one."""
PARAMETRIZATIONS: Final = {"_WeightNorm": True, "_SpectralNorm": False, "_Orthogonal": False}
"""Torch's parametrizations, and whether they learn one more number for each slice of the weight's first axis."""
_PARAMETRIZED = re.compile(r"Parametrized([A-Z]\w*)")
_CALL = re.compile(r"\b(?:[a-z]\w*\.)*([A-Z]\w*) ?\(")
_ARROW = re.compile(r"(\d+) -> (\d+)")
_LEARNED = re.compile(r"containing: \[[^\]]* of size ((?:\d+x)*\d+|)(?: \([^)]*\))?\]")
_BARE_INPLACE = re.compile(r"\binplace\b(?!\s*=)")
_SIZE = re.compile(r"(?:torch\.)?Size\(\[([^\]]*?),?\s*\]\)")
_POOL_SIZE = re.compile(r"\bsize=")


ALSO_TORCH: Final = frozenset({
    "Dropout1d", "Dropout2d", "Dropout3d", "Softmax2d", "SyncBatchNorm", "CrossMapLRN2d",
})  # fmt: skip
"""More classes of torch.nn: a rank in the name of a kind that walks no axes, and other names of a kind."""


def _pass_on(b: Builder, x: Value) -> Value:
    """A module without weights, where only weights are asked for."""
    return b.elementwise("identity", x)


class PrintedModel(NamedTuple):
    """The layers of a text in order, the input lines above them, and what its reader is told.

    `sequential` says that shapes follow from one layer to the next.
    """

    head: list[Layer | InputLine]
    layers: list[Layer]
    hidden: tuple[str, ...]
    notes: tuple[str, ...]
    hint: str
    sequential: bool

    def in_order(self) -> list[Layer | InputLine]:
        """Return what stands in a Sequential, one layer after another, as often as each stands there."""
        return [*self.head, *(layer._replace(repeat=layer.times, times=1) for layer in self.layers)]


def by_themselves(
    stack: Sequence[Layer], hidden: tuple[str, ...], notes: tuple[str, ...] = (), hint: str = ""
) -> list[Block]:
    """Return every layer as a block of its own, those without weights as what hands its input on."""
    stacks: list[tuple[Layer, ...]] = [(_alone(layer),) for layer in stack]
    return [Block((), layers_of, hidden, notes, hint) for layers_of in stacks or [()]]


def printed_model(text: str, origin: str, *, weights_only: bool) -> PrintedModel:
    """Read a pasted model. With `weights_only` (params) a module whose shapes cannot be told is no hindrance.

    Raises SpecError for brackets that do not match; without `weights_only` also SpecError for a module that is not
    known and UnsupportedError for one whose forward() would have to be.
    """
    lines = unquoted(normal(text)).split("\n")
    above = [line if line.strip().startswith("input ") else "" for line in lines]
    body = ["" if head else line for head, line in zip(above, lines, strict=True)]
    head = layers(tokens("\n".join(above), origin))
    printed = parse_printed("\n".join(body), origin)
    unclear = _unclear(printed.root)
    if unclear and not weights_only:
        raise UnsupportedError(
            f"a printed {unclear} shows its modules, not what forward() does with them: only params can read"
            " it; list the layers instead"
        )
    reader = _Reader(weights_only)
    stack = list(reader.layers(printed.root, "", 1))
    inside = (name for spot in printed.inside if (name := _called(spot)))
    around = (name for spot in printed.around if (name := _called(spot, learners=True)))
    hidden = (*reader.hidden, *inside, *around)
    sequential = not (unclear or hidden or reader.unread) and (not weights_only or _fits(stack))
    return PrintedModel(head, stack, hidden, reader.notes(), _hint(printed), sequential)


def _fits(stack: list[Layer]) -> bool:
    """Whether each layer takes what the one before gives, for all that is known without the input's size."""
    try:
        assemble(Block((), tuple(stack)), needs_input=False)
    except ConvcalcError:
        return False
    return True


def _unclear(module: Printed) -> str:
    """The class of the first module that may do more, for all a print shows, than call its parts in order."""
    if module.kind in PASSES_ON or _PARAMETRIZED.fullmatch(module.kind) or not module.parts:
        return ""
    if module.kind != "Sequential" or module.arguments:
        return module.kind or "list of modules"
    return next((name for part in module.parts if (name := _unclear(part))), "")


def _called(spot: Spot, *, learners: bool = False) -> str:
    """The class that a skipped line calls (`learners`: one of torch's with weights), or that lines are left out."""
    if spot.line.strip() in ("...", "…", "(...)"):
        return f"lines left out ({spot.origin})"
    calls = (call[1] for call in _CALL.finditer(spot.line))
    return next((f"{name} ({spot.origin})" for name in calls if not learners or is_learner(name)), "")


def _hint(printed: PrintedText) -> str:
    skipped = (*printed.inside, *printed.around)
    if not skipped:
        return ""
    first = skipped[0].line.strip()
    return f"skipped {plural(len(skipped), 'line')} outside of the printed model, such as {first[:60]!r}"


def stands_alone(layer: Layer) -> bool:
    """Whether a layer can be built by itself, so that its weights are known without its input."""
    try:
        graph = assemble(Block((), (_alone(layer),)), needs_input=False).graph
    except ConvcalcError:
        return False
    return known(*(size for node in graph.nodes if isinstance(node.op, Parameter) for size in node.op.shape))


def _alone(layer: Layer) -> Layer:
    """A layer on an input of any shape: one without weights as what hands it on."""
    kind = layer.kind
    if kind is PARAMETER or kind.name in LEARNERS:
        return layer
    passing = Kind(name=kind.name, recipe=_pass_on, source=kind.source, channels="", any_shape=True)
    return layer._replace(kind=passing, rank=None, arguments={})


def torch_kind(name: str) -> tuple[Kind, int | None] | None:
    """Return the kind and rank of a class of torch.nn's that prints its arguments, None for any other name."""
    if name.startswith("Lazy"):
        return None
    try:
        kind, rank = find(name)
    except SpecError:
        return None
    if name in ALSO_TORCH:
        return kind, rank
    ranked = rank in kind.ranks if kind.ranks else rank is None
    return (kind, rank) if ranked and name == f"{kind.torch}{f'{rank}d' if rank else ''}" else None


def is_learner(name: str) -> bool:
    """Whether a name is a class of torch.nn's with weights."""
    entry = torch_kind(name)
    return entry is not None and entry[0].name in LEARNERS


class _Reader:
    """Turns modules into layers, and notes what a print does not show."""

    def __init__(self, weights_only: bool) -> None:
        self.weights_only = weights_only
        self.hidden: list[str] = []
        self.unread = False
        self.containers = False

    def notes(self) -> tuple[str, ...]:
        """Return what a reader of the total must know of any print."""
        silent = "a print does not show parameters that a container holds itself, nor weights that two modules share"
        return (silent,) if self.containers or self.hidden else ()

    def layers(self, module: Printed, path: str, times: int) -> Iterator[Layer]:
        """Yield the layers of a module and of its parts, each with how often it stands there."""
        name = ".".join(part for part in (path, module.name) if part)
        times *= module.times
        parts = module.parts
        match = _PARAMETRIZED.fullmatch(module.kind)
        self.containers |= match is not None and not module.arguments
        if match and match[1] != "MultiheadAttention":
            lists = [part for part in parts if part.name == "parametrizations"]
            parts = [part for part in parts if part not in lists]
            layer = self._layer(name, match[1], module)
            own = [*layer, *(number for part in lists for number in self._parametrized(name, part, layer))]
        elif match or module.kind == "MultiheadAttention":
            own = self._hide(name, module)
        elif module.arguments or not parts:
            own = self._layer(name, WRITTEN_AS.get(module.kind, module.kind), module)
        else:
            own = []
            self.containers |= module.kind not in CONTAINERS | WEIGHTLESS
        yield from (layer._replace(times=times) for layer in own)
        for part in parts:
            yield from self.layers(part, name, times)

    def _hide(self, name: str, module: Printed) -> list[Layer]:
        self.hidden.append(f"{name} ({module.kind})" if name else module.kind)
        return []

    def _layer(self, name: str, kind_name: str, module: Printed) -> list[Layer]:
        """The layer that a module is itself, beside its parts; none of what only holds others."""
        text = f"{name}: {module.text}" if name else module.text
        if kind_name in CONTAINERS | {"Parameter"} or _LEARNED.search(module.arguments):
            shapes = _LEARNED.findall(module.arguments)
            return [
                parameters(text, module.spot, tuple(map(int, shape.split("x"))) if shape else ()) for shape in shapes
            ]
        arguments = _modern(kind_name, module.arguments)
        if kind_name == "FrozenBatchNorm2d" and not self.weights_only:
            kind_name, arguments = "BatchNorm2d", f"{arguments}, affine=False"
        elif kind_name in WEIGHTLESS:
            if kind_name not in PASSES_ON and not self.weights_only:
                message = f"what {module.kind} does to a shape does not show in a print: list the layers instead"
                raise SpecError(message, module.spot)
            self.unread |= kind_name not in PASSES_ON
            kind_name, arguments = "Identity", ""
        entry = torch_kind(kind_name)
        if entry is None:
            if self.weights_only:
                return self._hide(name, module)
            message = f"{module.kind} is not a layer convcalc knows, so what follows it cannot be told"
            raise SpecError(message, module.spot)
        try:
            (layer,) = layers([Token(f"{kind_name}({arguments})", module.spot)])
        except ConvcalcError:
            if not self.weights_only:
                raise
            self.unread = True
            if is_learner(kind_name):
                return self._hide(name, module)
            layer = Layer(*entry, text, module.spot)
        assert isinstance(layer, Layer)
        if self.weights_only and not stands_alone(layer):
            return self._hide(name, module)
        return [layer._replace(text=text)]

    def _parametrized(self, name: str, lists: Printed, owner: list[Layer]) -> Iterator[Layer]:
        """Yield what the parametrizations of a module learn beside its own numbers."""
        for tensor in lists.parts:
            for part in tensor.parts:
                count = first_axis(owner[0], tensor.name) if owner else None
                if part.kind not in PARAMETRIZATIONS or (PARAMETRIZATIONS[part.kind] and count is None):
                    self._hide(f"{name}.{lists.name}.{tensor.name}.{part.name}".lstrip("."), part)
                elif PARAMETRIZATIONS[part.kind]:
                    yield parameters(f"{name}.{tensor.name}: {part.kind}()".lstrip("."), part.spot, (count,))


def _modern(kind_name: str, arguments: str) -> str:
    """The arguments as torch prints them today: `512 -> 10`, `inplace`, `size=2` are older spellings."""
    if kind_name in ("Linear", "Bilinear"):
        arguments = _ARROW.sub(r"\1, \2", arguments)
    if kind_name.startswith(("MaxPool", "AvgPool")):
        arguments = _POOL_SIZE.sub("kernel_size=", arguments)
    arguments = _SIZE.sub(r"(\1,)", arguments)
    return _BARE_INPLACE.sub("inplace=True", arguments)
