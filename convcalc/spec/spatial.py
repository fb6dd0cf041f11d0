"""`SpatialStack`: a block of layers that is written again on other spatial sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from convcalc.errors import ShapeError, SpecError, Spot
from convcalc.sizes import UNKNOWN
from convcalc.spec.assemble import assemble
from convcalc.subject import Block, Tensor
from convcalc.units import plural

if TYPE_CHECKING:
    from convcalc.graph import Graph
    from convcalc.sizes import Size


class SpatialStack(NamedTuple):
    """A block, how many spatial axes its input has, and its sizes (batch, channels, spatial) where they were given.

    `steps` is how many its graph has: what each size that is swept costs.
    """

    block: Block
    rank: int
    steps: int
    sizes: tuple[Size, ...] = ()

    @property
    def spatial(self) -> tuple[int, ...]:
        """The spatial sizes that were given; empty where none were."""
        return tuple(self.sizes[-self.rank :]) if self.sizes and self.rank else ()

    def build(self, spatial: tuple[Size, ...]) -> Graph:
        """Write the layers on these spatial sizes, one of which may be an array."""
        channels: Size = UNKNOWN
        batch: tuple[Size, ...] = ()
        if self.sizes:
            batch, channels = self.sizes[: -self.rank - 1], self.sizes[-self.rank - 1]
        first = self.block.layers[0]
        stated = first.arguments.get(first.kind.channels or "in_channels")
        channels = stated if stated is not None and not self.sizes else channels
        tensor = Tensor((*batch, channels, *spatial), "the input", Spot("", 0, 0))
        return assemble(self.block._replace(inputs=(tensor,)), any_channels=True).graph


def spatial_stack(block: Block, layout: str) -> SpatialStack:
    """Return a block whose one input can be swept. Raises SpecError for several inputs, ShapeError for odd sizes."""
    if len(block.inputs) > 1:
        raise SpecError("solve sweeps one input, not several")
    without = assemble(block._replace(inputs=()), needs_input=False, any_channels=True)
    rank, steps = len(without.graph.inputs[0].shape) - 2, len(without.graph.nodes)
    if not block.inputs:
        return SpatialStack(block, rank, steps)
    tensor = block.inputs[0]
    sizes = tensor.sizes if layout == "chw" else (*tensor.sizes[:-3], tensor.sizes[-1], *tensor.sizes[-3:-1])
    fixed = any(layer.rank is not None or layer.kind.spatial is not None for layer in block.layers)
    rank = rank if fixed else {2: 1, 3: 2, 4: 2, 5: 3}.get(len(sizes), rank)
    if len(sizes) not in (rank + 1, rank + 2):
        raise ShapeError(
            f"{tensor.text} has {plural(len(sizes), 'size')}: give channels and {plural(rank, 'spatial size')}",
            tensor.spot,
        )
    return SpatialStack(block, rank, steps, sizes)
