"""`assemble`: a block of layers as a graph: ranks and batches decided, branches wired, errors under their layer."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from convcalc.builder import Builder
from convcalc.errors import MixedRowsError, ShapeError, SpecError, Spot, UnknownSizeError, UnsupportedError, nearest
from convcalc.ops import STORED
from convcalc.shapes import show
from convcalc.sizes import UNKNOWN, Shape, known
from convcalc.spec.letters import refuse_symbols
from convcalc.spec.ranges import refuse_several
from convcalc.spec.ranks import named_axes, spatial_rank
from convcalc.spec.tensors import batched, laid_out, looks_channels_last
from convcalc.subject import Subject, Tensor
from convcalc.units import plural

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convcalc.graph import Node, Value
    from convcalc.registry import Kind
    from convcalc.subject import Block, Layer


CHANNELS_LAST = "the last size looks like channels: --input-layout hwc reads it so"
CHANNELS = ("out_channels", "mid_channels", "part")
"""Arguments that say how many channels there are, and nothing of where they are read."""


def assemble(
    block: Block,
    *,
    layout: str = "chw",
    needs_input: bool = True,
    any_channels: bool = False,
    builder: Builder | None = None,
) -> Subject:
    """Write a block's layers one after another and return the stack.

    Without an input its sizes are Unknown but for the channels the first layer states; with `any_channels` so are
    output channels that a layer needs and does not state. Symbols are for who hands in the `builder`. Raises
    SpecError and ShapeError with the layer's name and place.
    """
    if not block.layers:
        return Subject(Builder().graph(), block, "no layer of this text is known", block.hint)
    refuse_several(block)
    if builder is None:
        refuse_symbols(block)
    block = block._replace(layers=_sharing(block.layers))
    if any_channels:
        block = block._replace(layers=tuple(map(_of_any_channels, block.layers)))
    if not block.inputs and needs_input:
        raise SpecError("the input's size is missing: give it with -i, such as -i 3x224x224 (or an `input` line)")
    rank, decided_by = spatial_rank(block.layers, block.inputs)
    b = builder or Builder()
    values: dict[str, tuple[Value, ...]] = {}
    readings = []
    first = block.layers[0].kind
    called, axes = _called(first, block.inputs), named_axes(block.layers)
    for place, given in enumerate(block.inputs):
        if axes:
            shape, reading = laid_out(given, axes, decided_by)
        else:
            input_rank = dict(first.input_ranks).get(called[place], rank)
            shape, reading = batched(given, input_rank, decided_by, layout)
        if first.rows:
            reading = f"{show(shape[1:])} features for each of {shape[0]} {first.rows}"
        name = given.name or ("input" if place == 0 else f"input_{place}")
        if name in values:
            raise SpecError(f"two inputs are called {name!r}", given.spot)
        values[name] = (b.input(shape, name),)
        readings.append(f"input {reading}")
    if not block.inputs:
        shape = _unknown(block.layers[0], rank)
        values["input"] = (b.input(shape, "input"),)
        for place in range(1, len(first.inputs) - first.optional):
            values[f"input_{place}"] = (b.input((UNKNOWN,) * len(shape), f"input_{place}"),)
        readings.append(f"no input size given: {'2-D' if rank is None else f'{rank}-D'}, sizes print as ?")
    values_read = _ordered(block.layers, block.inputs, [value[0] for value in values.values()])
    values["input"] = values_read
    channels_last = layout == "chw" and any(looks_channels_last(given) for given in block.inputs)
    try:
        outputs, names = _write(b, block.layers, values, values_read)
    except (ShapeError, SpecError) as error:
        hinted = type(error)(f"{error}; {CHANNELS_LAST}" if channels_last else str(error), error.spot)
        if isinstance(hinted, ShapeError) and isinstance(error, ShapeError):
            hinted.rule = error.rule
        raise hinted from None
    graph = b.graph(*outputs)
    hints = [block.hint, *graph.notes]
    if channels_last:
        hints.append(CHANNELS_LAST)
    parts = {index: name.rpartition(".")[2] for index, name in names.items()}
    batch_axis = axes.index("N") if axes and block.inputs else 0
    return Subject(graph, block, "; ".join(readings), "; ".join(filter(None, hints)), parts, batch_axis)


def _of_any_channels(layer: Layer) -> Layer:
    """A layer whose channels are Unknown where it needs them and does not state them."""
    known = layer.kind.arguments
    missing = [name for name in CHANNELS if name in known and known[name].required and name not in layer.arguments]
    return layer._replace(arguments={**layer.arguments, **dict.fromkeys(missing, UNKNOWN)})


def _called(kind: Kind, given: tuple[Tensor, ...]) -> list[str]:
    """Which of the first layer's inputs each tensor is: those called by name, the rest in order."""
    names = () if kind.variadic else kind.inputs
    free = [name for name in names if name not in {source.name for source in given}]
    return [
        source.name if source.name in names else free.pop(0) if free and not source.name else "" for source in given
    ]


def _ordered(layers: tuple[Layer, ...], given: tuple[Tensor, ...], values: list[Value]) -> tuple[Value, ...]:
    """Return the inputs in the order the first layer takes them: -i low=... -i high=... as well.

    Raises SpecError for a name that neither it nor any from= knows, and where one it needs is missing.
    """
    kind = layers[0].kind
    if kind.variadic or len(kind.inputs) < 2 or not given:
        return tuple(values)
    wired = {source for layer in layers for source in layer.sources}
    for item in given:
        if item.name and item.name not in kind.inputs and item.name not in wired:
            listed = ", ".join(kind.inputs)
            raise SpecError(
                f"{kind.name} has no input {item.name!r}{nearest(item.name, kind.inputs)} ({listed})", item.spot
            )
    called = _called(kind, given)
    bound = dict(zip(called, values, strict=True))
    for name in kind.inputs[: len(kind.inputs) - kind.optional]:
        if name not in bound and any(called):
            raise SpecError(f"{kind.name} lacks its input {name}: give it with -i {name}=...", layers[0].spot)
    rest = [value for name, value in zip(called, values, strict=True) if name not in kind.inputs]
    return (*(bound[name] for name in kind.inputs if name in bound), *rest)


def _unknown(first: Layer, rank: int | None) -> Shape:
    """The input of a stack whose sizes were not given: only the channels its first layer states are known."""
    stated = first.arguments.get(first.kind.channels or "in_channels")
    stated = UNKNOWN if stated is None else stated
    if first.kind.axis == -1 or rank == 0:
        return (*(UNKNOWN,) * (len(first.kind.layout) - 1), stated) if first.kind.layout else (UNKNOWN, stated)
    return (UNKNOWN, stated, *(UNKNOWN,) * (2 if rank is None else rank))


def _write(
    b: Builder, layers: tuple[Layer, ...], values: dict[str, tuple[Value, ...]], last: tuple[Value, ...]
) -> tuple[tuple[Value, ...], dict[int, str]]:
    makers: dict[int, str] = {}
    names: dict[int, str] = {}
    weights: dict[str, tuple[Node, ...]] = {}
    for number, layer in enumerate(layers):
        lent = weights.get(layer.same, ())
        start = len(b.nodes)
        inputs = _inputs(layer, values, last, names)
        from_text = _made_by(inputs, makers)
        with b.scope(str(number), kind=layer.kind.name, text=layer.text, times=layer.times):
            for turn in range(layer.repeat):
                with _located(layer, number, inputs, from_text if turn == 0 else f"copy {turn} of {layer.repeat}"):
                    _check_rank(layer, inputs)
                    with b.lending(lent) if layer.same else nullcontext():
                        if layer.repeat == 1:
                            last = layer.kind.write(b, *inputs, **layer.arguments)
                        else:
                            with b.scope(str(turn), kind=layer.kind.name):
                                last = layer.kind.write(b, *inputs, **layer.arguments)
                inputs = last
        for value in last:
            makers[value.index] = f"layer {number} ({layer.text})"
        if layer.called:
            if layer.called in values:
                raise SpecError(f"two layers are called {layer.called!r}", layer.wired)
            values[layer.called] = last
            stored = (node for node in b.nodes[start:] if isinstance(node.op, STORED))
            weights[layer.called] = lent or tuple(stored)
        if len(last) == len(layer.kind.outputs):
            for name, value in zip(layer.kind.outputs, last, strict=True):
                called = layer.called or str(number)
                names[value.index] = f"{called}.{name}"
                if layer.called:
                    values[f"{called}.{name}"] = (value,)
    return last, names


def _sharing(layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
    """The layers, those that share weights with the settings of their owner where they leave them out.

    Raises SpecError for a name that is none, and for an owner of another kind or of several copies.
    """
    owners: dict[str, Layer] = {}
    resolved = []
    for layer in layers:
        spot = layer.wired or layer.spot
        if layer.same and layer.same not in owners:
            listed = f" (there are {', '.join(owners)})" if owners else ": name it with as="
            message = f"no layer before this one is called {layer.same!r}{nearest(layer.same, owners)}{listed}"
            raise SpecError(message, spot)
        settled = layer
        if layer.same:
            owner = owners[layer.same]
            if owner.kind.name != layer.kind.name:
                raise SpecError(f"same={layer.same}: that is {owner.kind.name}, this is {layer.kind.name}", spot)
            if owner.repeat > 1:
                raise SpecError(
                    f"same={layer.same}: that layer stands there {owner.repeat} times, with weights each", spot
                )
            settled = layer._replace(arguments={**owner.arguments, **layer.arguments})
        if layer.called:
            owners[layer.called] = settled
        resolved.append(settled)
    return tuple(resolved)


def _check_rank(layer: Layer, inputs: tuple[Value, ...]) -> None:
    """A name such as Conv2d takes exactly that many spatial axes (BatchNorm1d also takes none)."""
    rank = layer.rank
    if rank is None or (layer.kind.takes_features and rank == 1 and len(inputs[0].shape) == 2):
        return
    if len(inputs[0].shape) - 2 != rank:
        raise ShapeError(f"it walks {rank} spatial axes, but the input has {max(len(inputs[0].shape) - 2, 0)}")


def _inputs(
    layer: Layer, values: dict[str, tuple[Value, ...]], last: tuple[Value, ...], called: dict[int, str]
) -> tuple[Value, ...]:
    """Return what a layer reads. Raises SpecError where a name or a number of inputs does not fit."""
    kind_inputs = layer.kind.inputs
    if layer.sources:
        inputs = tuple(value for name in layer.sources for value in _named(name, layer, values, last))
    else:
        inputs = last
    if layer.kind.variadic:
        return inputs
    if len(inputs) > len(kind_inputs):
        names = ", ".join(values)
        outputs = [called[value.index] for value in inputs if value.index in called]
        if outputs and not any(name in values for name in outputs):  # the layer before has several outputs, and no name
            names = " or ".join(f"NAME.{name.rpartition('.')[2]}" for name in outputs)
            names = f"call the layer before as=NAME, then from={names}"
        raise SpecError(
            f"{layer.kind.name} takes {plural(len(kind_inputs), 'input')}, but {len(inputs)} arrive:"
            f" choose with from= ({names})",
            layer.spot,
        )
    return inputs


def _named(name: str, layer: Layer, values: dict[str, tuple[Value, ...]], last: tuple[Value, ...]) -> tuple[Value, ...]:
    if name == "last":
        return last
    if name in values:
        return values[name]
    wired = layer.wired or layer.spot
    at = wired.line.find(name, wired.start + len("from="))
    spot = Spot(wired.line, at, at + len(name), wired.origin) if at >= 0 and name else wired
    listed = ", ".join(dict.fromkeys([*values, "last"]))
    raise SpecError(f"no layer before this one is called {name!r}{nearest(name, values)} (there are {listed})", spot)


def _made_by(inputs: tuple[Value, ...], makers: dict[int, str]) -> str:
    places = [makers.get(value.index, "the input") for value in inputs]
    return " and ".join(dict.fromkeys(places))


@contextmanager
def _located(layer: Layer, number: int, inputs: tuple[Value, ...], made_by: str) -> Iterator[None]:
    """Say under which layer, on what, an error happened."""
    try:
        yield
    except MixedRowsError:
        raise
    except (ShapeError, SpecError, UnsupportedError) as error:
        rule = getattr(error, "rule", "") or str(error)
        sizes = " and ".join(show(value.shape[1:]) for value in inputs if known(*value.shape[1:]))
        on = f" on {sizes}" if sizes else ""
        unstated = [name for name, value in layer.arguments.items() if value is UNKNOWN]
        if unstated and isinstance(error, UnknownSizeError):
            needed = " and ".join([*unstated, *([] if sizes else ["the input's size (-i)"])])
            error = ShapeError(f"what {layer.kind.name} is made of depends on its channels: give {needed}")
        message = f"layer {number} ({layer.text}){on} from {made_by}: {error}"
        if isinstance(error, UnsupportedError):
            raise UnsupportedError(message) from None
        located = type(error)(message, layer.spot)
        if isinstance(located, ShapeError):
            located.rule = rule
        raise located from None
