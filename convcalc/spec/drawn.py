"""`drawn`: a block of layers on an input small enough to be drawn, where none was given or a large one."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any, Final

from convcalc.errors import ConvcalcError, SpecError, Spot
from convcalc.ops import Conv, Pool
from convcalc.shapes import show
from convcalc.sizes import PerAxis
from convcalc.spec.assemble import assemble
from convcalc.spec.ranks import named_axes, spatial_rank
from convcalc.subject import Tensor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convcalc.subject import Block, Layer, Subject

MOST: Final = {1: 48, 2: 17, 3: 7}
"""Positions along an axis of an input that is drawn whole, by the number of its axes."""
MOST_CHANNELS: Final = 16
OTHERWISE: Final[tuple[dict[str, Any], ...]] = (
    {}, {"scale_factor": 2}, {"output_size": 2}, {"output_size": 5}, {"out_channels": 24},
)  # fmt: skip
"""What is tried in turn where no input fits: settings of which a layer needs one or another."""
CHANNELS: Final = (2, 4, 6, 8, 12, 16, 18, 24, 32, 36, 48, 64, 96, 128, 192, 256, 512, 1024)
"""Channels that are tried in turn where none are given."""
POSITIONS: Final = {1: (9, 8, 12, 16, 24), 2: (5, 6, 7, 8, 9, 10, 11, 12, 13, 16), 3: (4, 5, 6, 7, 8)}
"""Positions along each axis that are tried in turn, by the number of axes."""
LEAST: Final = {1: 4, 2: 3, 3: 2}
"""Outputs along an axis that a picture would show at least."""
GROUPS: Final = ("groups", "num_groups", "first_groups", "second_groups")
USUAL: Final[dict[str, Any]] = {
    "kernel_size": 3, "num_layers": 2, "scale_factor": 2, "upscale_factor": 2, "downscale_factor": 2, "groups": 2,
    "output_size": 2, "growth_rate": 2, "size": 3, "num_groups": 2, "edges": 6, "hidden_size": 3, "num_embeddings": 5,
    "embedding_dim": 3, "num_heads": 2, "nhead": 2, "embed_dim": 4, "d_model": 4, "out_features": 3, "stop": 2,
    "dim": 1,
    "unflattened_size": (2, 2), "padding": 1, "first_groups": 2, "second_groups": 2, "threshold": 0.0, "value": 0.0,
    "dim_feedforward": 8, "widths": (2, 2), "bn_size": 2,
    "normalized_shape": 5,
}  # fmt: skip
"""What an argument is drawn with that has no default and is not stated."""


def drawn(block: Block, *, layout: str = "chw") -> tuple[Subject, str]:
    """Return a block's layers on the input given, or on a small one, and a sentence where it was chosen here.

    Raises what `assemble` raises where no small input fits either.
    """
    complete = block._replace(layers=_complete(block.layers, {}))
    if block.inputs:
        subject = assemble(complete, layout=layout)
        if not _is_large(subject) or subject.graph.inputs[0].shape[0] != 1:
            return subject, ""
        tried = list(_tried(complete, subject))
        smaller = next((each for each in tried if _shows(each) and _is_roomy(each)), None)
        smaller = smaller or next((each for each in reversed(tried) if _shows(each)), tried[0] if tried else None)
        if smaller is None:
            return subject, ""
        return smaller, f"drawn on {_sizes(smaller)}, smaller than -i: what is counted is counted there"
    refusals: list[ConvcalcError] = []
    chosen = next(_chosen(block, refusals), None)
    if chosen is None:
        raise refusals[0] if refusals else SpecError("no small input fits these layers: give one with -i")
    return chosen, f"drawn on {_sizes(chosen)} (-i gives another input)"


def _sizes(subject: Subject) -> str:
    """The sizes of the inputs as -i takes them."""
    rows = any(layer.kind.rows or subject.batch_axis for layer in subject.block.layers[:1])
    axis = subject.batch_axis
    shapes = [
        value.shape if rows and not axis else value.shape[:axis] + value.shape[axis + 1 :]
        for value in subject.graph.inputs
    ]
    return " and ".join(map(show, shapes))


def _is_roomy(subject: Subject) -> bool:
    """Whether the windows of a stack fit inside its input: those in the middle then read no padding."""
    graph = subject.graph
    spans = [
        max(window.span + 2 * window.stride for window in node.op.windows)
        for node in graph.nodes
        if isinstance(node.op, (Conv, Pool)) and node.op.windows
    ]
    return all(size >= max(spans, default=1) for size in graph.inputs[0].shape[2:])


def _chosen(block: Block, refusals: list[ConvcalcError]) -> Iterator[Subject]:
    """Inputs that fit, those first that show enough outputs and need no more settings."""
    for more in OTHERWISE:
        complete = block._replace(layers=_complete(block.layers, more))
        for least in (True, False):
            for subject in _candidates(complete, least=least, refusals=refusals):
                yield next(_shrunken(complete, subject), subject)


def _complete(layers: tuple[Layer, ...], more: dict[str, Any]) -> tuple[Layer, ...]:
    return tuple(layer._replace(arguments={**_missing(layer, more), **layer.arguments}) for layer in layers)


def _missing(layer: Layer, more: dict[str, Any]) -> dict[str, Any]:
    """Arguments that a layer needs and does not state, and more where it takes them."""
    channels = 2 * _groups(layer)
    needed = (argument for argument in layer.kind.arguments.values() if argument.required)
    usual = {
        argument.name: channels if argument.name == "out_channels" else USUAL.get(argument.name, 2)
        for argument in needed
        if argument.name not in layer.arguments
    }
    return usual | {name: value for name, value in more.items() if name in layer.kind.arguments}


def _groups(layer: Layer) -> int:
    """Into how many groups a layer parts its channels at most."""
    named = layer.kind.arguments
    values = [layer.arguments.get(name, named[name].default) for name in GROUPS if name in named]
    stated = [USUAL.get(name, 1) for name in GROUPS if name in named and named[name].required]
    return max((value for value in (*values, *stated) if isinstance(value, int)), default=1)


def _is_large(subject: Subject) -> bool:
    values = subject.graph.inputs
    axes = max((len(value.shape) - 2 for value in values), default=0)
    most = MOST.get(axes, 64)
    return any(size > most for value in values for size in value.shape[2:]) or any(
        value.shape[1] > MOST_CHANNELS for value in values if len(value.shape) > 2
    )


def _shows(subject: Subject) -> bool:
    """Whether there are enough outputs to tell how they lie."""
    value = subject.graph.outputs[0]
    least = LEAST.get(len(value.spatial), 1)
    return all(size >= least for size in value.spatial)


def _tried(block: Block, subject: Subject) -> Iterator[Subject]:
    """The same layers on inputs with fewer positions, the channels as they were."""
    shapes = [value.shape for value in subject.graph.inputs]
    rank = len(shapes[0]) - 2
    for size in POSITIONS.get(rank, ()):
        largest = max(shapes[0][2:], default=1)
        smaller = [(*shape[:2], *(max(1, each * size // largest) for each in shape[2:])) for shape in shapes]
        pairs = zip(block.inputs, smaller, strict=True)
        inputs = tuple(given._replace(sizes=(1, *sizes[1:])) for given, sizes in pairs)
        yield from _assembled(block._replace(inputs=inputs), [])


def _shrunken(block: Block, subject: Subject) -> Iterator[Subject]:
    """The same on fewer positions, where the output has more of them than the input: a small one shows it as well."""
    source, output = subject.graph.inputs[0], subject.graph.outputs[0]
    if len(source.shape) == len(output.shape) and all(
        a < b for a, b in zip(source.spatial, output.spatial, strict=True)
    ):
        for size in (2, 3) if source.spatial else ():
            shape = (*source.shape[:2], *(size,) * len(source.spatial))
            inputs = tuple(given._replace(sizes=shape) for given in subject.block.inputs)
            yield from (each for each in _assembled(block._replace(inputs=inputs), []) if _shows(each))


def _candidates(block: Block, *, least: bool, refusals: list[ConvcalcError]) -> Iterator[Subject]:
    """Inputs in turn, few channels and positions first; with `least` only those that show enough outputs."""
    first = block.layers[0]
    for shape in _shapes(block):
        count = 2 if first.kind.variadic else len(first.kind.inputs) - first.kind.optional
        dtype = "int64" if first.kind.layout and "F" not in first.kind.layout else ""
        text = "x".join(map(str, shape))
        spot = Spot(f"-i {text}", 3, 3 + len(text))  # never pointed at: the layers are what is wrong
        inputs = (Tensor(shape, text, spot, dtype=dtype),) * max(count, 1)
        named = tuple(
            given._replace(name=f"input_{n}" if n and first.kind.variadic else "") for n, given in enumerate(inputs)
        )
        for subject in _assembled(block._replace(inputs=named), refusals):
            if not least or _shows(subject):
                yield subject


def _shapes(block: Block) -> Iterator[tuple[int, ...]]:
    first = block.layers[0]
    stated = first.arguments.get(first.kind.channels or "in_channels")
    least = 2 * _groups(first)
    channels = (stated,) if isinstance(stated, int) else [count for count in CHANNELS if count >= min(least, 64)]
    if first.kind.rows:
        yield from ((5, count) for count in channels)
        return
    axes = named_axes(block.layers)
    if axes:
        yield from (tuple({"N": 1, "F": count}.get(axis, 5) for axis in axes) for count in channels)
        return
    rank, _ = spatial_rank(block.layers, ())
    if rank == 0 or first.kind.axis == -1:
        yield from ((1, count) for count in channels)
        return
    usual = 2 if rank is None else rank
    ranks = first.kind.ranks
    rank = usual if rank is not None or not ranks or usual in ranks else ranks[0]
    per_axis = [len(value) for value in first.arguments.values() if isinstance(value, PerAxis)]
    rank = per_axis[0] if per_axis else rank
    for count, size in product(channels, POSITIONS.get(rank, (4,))):
        yield (1, count, *(size,) * rank)


def _assembled(block: Block, refusals: list[ConvcalcError]) -> Iterator[Subject]:
    """The stack on these inputs, where it fits; why it does not is noted otherwise."""
    try:
        yield assemble(block)
    except ConvcalcError as error:
        refusals.append(error)
