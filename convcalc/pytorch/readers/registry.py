"""`reads`: the table of readers by the names of torch's functions, methods and operators, and what calls are like."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

from convcalc.graph import Value
from convcalc.sizes import PerAxis

if TYPE_CHECKING:
    import torch

Reader: TypeAlias = Callable[..., Any]
R = TypeVar("R", bound=Reader)
READERS: dict[str, Reader] = {}
NEEDS_VALUES = frozenset(
    {
        *("item", "tolist", "numpy", "nonzero", "argwhere", "masked_select", "unique", "unique_consecutive", "nms"),
        *("__bool__", "__int__", "__float__", "__index__", "__contains__", "__array__", "equal", "allclose"),
    }
)
"""Functions that ask for the values of a tensor, which sizes do not give."""
METADATA = frozenset(
    {
        *("size", "dim", "numel", "is_floating_point", "__len__", "stride", "is_contiguous", "nelement", "is_complex"),
        *("element_size", "storage_offset", "ndimension", "is_tensor", "result_type", "is_same_size"),
    }
)
"""Functions that ask for what a meta tensor knows."""
VIEWS = frozenset(
    {
        *("__getitem__", "view", "narrow", "chunk", "split", "transpose", "permute", "squeeze", "unsqueeze"),
        *("flatten", "reshape", "unflatten", "t", "expand", "select", "unbind", "tensor_split", "movedim", "view_as"),
        *("swapaxes", "swapdims", "moveaxis", "expand_as", "diagonal", "split_with_sizes", "reshape_as"),
    }
)
"""Functions whose results share memory with their first argument: writing into one writes into the other."""
FACTORIES = frozenset(
    {
        *("zeros", "ones", "full", "empty", "rand", "randn", "randint", "normal"),
        *("arange", "linspace", "logspace", "eye", "tensor", "as_tensor", "tril_indices", "triu_indices", "randperm"),
        *("hann_window", "hamming_window", "blackman_window", "kaiser_window", "bartlett_window", "scalar_tensor"),
    }
)
"""Functions that make a tensor of no other."""
LIKES = frozenset(
    {
        *("zeros_like", "ones_like", "full_like", "empty_like", "rand_like", "randn_like", "randint_like"),
        *("new_zeros", "new_ones", "new_full", "new_empty", "new_tensor"),
    }
)
"""Methods and functions that make a tensor of the kind of another, of whose values they know nothing."""


CONTRACTIONS = frozenset(
    {
        *("mm", "bmm", "matmul", "__matmul__", "mv", "dot", "addmm", "baddbmm", "einsum", "linear", "bilinear"),
        *(f"conv{kind}{rank}d" for kind in ("", "_transpose") for rank in (1, 2, 3)),
        *("scaled_dot_product_attention", "multi_head_attention_forward"),
    }
)
"""Functions that multiply and sum: they work in each forward, even where no input decides what they make."""


class Typed(NamedTuple):
    """A value whose tensors are of another dtype than what it was made of."""

    value: Value
    dtype: torch.dtype


def values_of(answer: Any) -> list[Value]:
    """Return the values in what a reader gives, in order."""
    if isinstance(answer, Value):
        return [answer]
    if isinstance(answer, (tuple, list)):  # a Typed is a tuple as well
        return [value for part in answer for value in values_of(part)]
    return []


def reads(*names: str) -> Callable[[R], R]:
    """Register a reader under the names torch's functions, methods and operators carry.

    Raises ValueError where another reader has one of them.
    """

    def register(reader: R) -> R:
        for name in names:
            if name in READERS:
                raise ValueError(f"two readers are called {name}")
            READERS[name] = reader
        return reader

    return register


def axes_of(value: Any, rank: int) -> Any:
    """Return torch's int, list or tuple as one value per axis."""
    if isinstance(value, (list, tuple)):
        return PerAxis(value if len(value) > 1 else tuple(value) * rank)
    return value
