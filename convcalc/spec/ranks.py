"""`spatial_rank`, `named_axes`: how many spatial axes the layers of a stack ask of its input, and how they lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convcalc.errors import ShapeError
from convcalc.ops import RANK_OF_MODE
from convcalc.sizes import AXIS_NAMES, PerAxis, Shape
from convcalc.units import plural

if TYPE_CHECKING:
    from convcalc.subject import Layer, Tensor


def named_axes(layers: tuple[Layer, ...]) -> tuple[str, ...]:
    """Return the axes of the input by name, where the first layer that is no function of any shape names them."""
    layer = next((layer for layer in layers if not layer.kind.any_shape), layers[0])
    return layer.kind.axes(layer.arguments)


def spatial_rank(layers: tuple[Layer, ...], inputs: tuple[Tensor, ...]) -> tuple[int | None, str]:
    """Return the spatial rank the first layer that fixes one asks for, and that layer's text."""
    if len(inputs) == 1 and _of_features(layers, inputs[0].sizes):
        return 0, layers[0].text
    for number, layer in enumerate(layers):
        if layer.kind.flattens:
            break
        if layer.kind.spatial == 0 and not all(before.kind.any_shape for before in layers[:number]):
            break
        if layer.rank is not None:
            return layer.rank, layer.text
        if layer.kind.spatial is not None:
            return layer.kind.spatial, layer.text
        if layer.arguments.get("mode") in RANK_OF_MODE:
            return RANK_OF_MODE[layer.arguments["mode"]], layer.text
        for name, value in layer.arguments.items():
            if isinstance(value, PerAxis):
                if len(value) not in AXIS_NAMES:
                    raise ShapeError(
                        f"{name} has {plural(len(value), 'number')}, but layers have 1 to 3 axes", layer.spot
                    )
                return len(value), layer.text
    return None, ""


def _of_features(layers: tuple[Layer, ...], sizes: Shape) -> bool:
    """Whether two sizes are a batch of features: those of BatchNorm1d where no other layer has a spatial axis.

    A stated num_features that is only the first of them says otherwise.
    """
    norms = [layer for layer in layers if layer.kind.takes_features and layer.rank == 1]
    others = (layer.kind for layer in layers if layer not in norms)
    if not norms or len(sizes) != 2 or not all(kind.any_shape or kind.spatial == 0 for kind in others):
        return False
    return norms[0].arguments.get("num_features") in (None, sizes[1]) or sizes[0] == sizes[1]
