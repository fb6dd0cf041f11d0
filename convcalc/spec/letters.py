"""`size_symbol`, `symbols_of`: a size that is a letter (`C`, `H`, `C_out`): a positive whole number without a value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convcalc.errors import UnsupportedError
from convcalc.sizes import PerAxis, is_symbol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convcalc.subject import Block


def size_symbol(name: str) -> Any:
    """Return the symbol of a name."""
    import sympy

    return sympy.Symbol(name, integer=True, positive=True)


def symbols_of(block: Block) -> list[Any]:
    """Return the symbols that stand in a block's settings and sizes, each once, in order."""
    return list(dict.fromkeys(symbol for value in _values(block) for symbol in _free(value)))


def refuse_symbols(block: Block) -> None:
    """Raise UnsupportedError where a number is a symbol."""
    if symbols := symbols_of(block):
        names = ", ".join(map(str, symbols))
        raise UnsupportedError(
            f"{names}: shape, params, macs, rf and compare answer with formulas, others need numbers"
        )


def _values(block: Block) -> Iterator[Any]:
    for given in block.inputs:
        yield from given.sizes
    for layer in block.layers:
        yield from layer.arguments.values()


def _free(value: Any) -> list[Any]:
    if isinstance(value, (tuple, PerAxis)):
        return [symbol for part in value for symbol in _free(part)]
    return sorted(value.free_symbols, key=str) if is_symbol(value) else []
