"""`axis_letters`, `size_text`: kernels that are not square: a letter for each axis, and fields axis by axis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convcalc.analyses.symbolic.notation import shape
from convcalc.analyses.symbolic.symbols import letters, symbol
from convcalc.sizes import PerAxis

if TYPE_CHECKING:
    from convcalc.analyses.symbolic.extent import Extent
    from convcalc.registry import Kind


def is_uneven(name: str, value: Any) -> bool:
    """Return whether a kernel has other sizes along one axis than along another: each then has a letter of its own."""
    return "kernel" in name and isinstance(value, PerAxis) and len(set(value)) > 1


def axis_letters(kind: Kind, name: str, value: PerAxis) -> list[Any]:
    """Return a symbol for each axis of a kernel: k_h and k_w."""
    stem = letters(kind, {}).get(name, symbol("k")).name
    return [symbol(f"{stem}_{axis}") for axis in ("d", "h", "w")[-len(value) :]]


def size_text(extent: Extent) -> str | None:
    """Return the size of a field, that of each axis where they differ; None where it has no closed form."""
    if extent.axes:
        return shape(tuple(size for size, _ in extent.axes))
    return str(extent.size) if extent.local and extent.known else None


def jump_text(extent: Extent) -> str:
    """Return the jump, once where it is the same along every axis."""
    jumps = [str(jump) for _, jump in extent.axes] or [str(extent.jump)]
    return jumps[0] if len(set(jumps)) == 1 else " x ".join(jumps)
