"""`Subject`: what a question is about, a graph with how its inputs were read; `Block` and `Layer` as written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from convcalc.errors import Spot
    from convcalc.graph import Graph
    from convcalc.registry import Kind
    from convcalc.sizes import Shape


class Tensor(NamedTuple):
    """An input as written: its sizes, and a name and dtype where given; `shapes` are those of several alternatives."""

    sizes: Shape
    text: str
    spot: Spot
    name: str = ""
    dtype: str = ""
    shapes: tuple[Shape, ...] = ()


class Layer(NamedTuple):
    """One layer as written: its kind, the rank its name fixes, its arguments, and how (and where) it is wired.

    `same` names the layer whose weights it works with.
    """

    kind: Kind
    rank: int | None
    text: str
    spot: Spot
    arguments: dict[str, Any] = {}  # noqa: RUF012  never written into
    called: str = ""
    sources: tuple[str, ...] = ()
    repeat: int = 1
    times: int = 1
    wired: Spot | None = None
    same: str = ""


class Block(NamedTuple):
    """One stack of layers and its inputs; none where nothing in a text was a layer that is known.

    `hidden` names modules whose weights the text does not show, `notes` and `hint` are what its reader is told of the
    text, under the table and on stderr.
    """

    inputs: tuple[Tensor, ...]
    layers: tuple[Layer, ...]
    hidden: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    hint: str = ""


class Subject(NamedTuple):
    """A graph, the layers it was written from, how its input was read, and what the reader may want to know.

    `names` are what outputs of several are called (`high`), by the index of the value; `hidden` are modules whose
    weights do not show; `batch_axis` says where the batch is (a sequence may come first). Of a `model` it holds the
    module itself; `on` returns the same on inputs of other sizes.
    """

    graph: Graph
    block: Block
    reading: str
    hint: str = ""
    names: dict[int, str] = {}  # noqa: RUF012  never written into
    batch_axis: int = 0
    model: Any = None
    on: Callable[[tuple[Shape, ...]], Subject] | None = None

    @property
    def hidden(self) -> tuple[str, ...]:
        """Modules of a printed model whose weights do not show."""
        return self.block.hidden

    @property
    def layer_texts(self) -> tuple[str, ...]:
        """Each different layer as written, in order."""
        return tuple(dict.fromkeys(scope.text for scope in self.graph.scopes if scope.text))

    @property
    def input_names(self) -> tuple[str, ...]:
        """What each input is called."""
        return tuple(getattr(self.graph.nodes[value.index].op, "name", "") for value in self.graph.inputs)
