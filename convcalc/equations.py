"""`letter_sizes`: the equations of Einsum steps: a letter per axis, `bi,oi->bo`."""

from __future__ import annotations

import string
from collections.abc import Callable

from convcalc.sizes import Shape, Size, equal, known

Require = Callable[..., None]


def letter_sizes(equation: str, inputs: tuple[Shape, ...], require: Require) -> dict[str, Size]:
    """Return the size of each letter of an equation such as `bi,oi->bo`."""
    sizes: dict[str, Size] = {}
    for letters, shape in zip(equation.split("->", maxsplit=1)[0].split(","), inputs, strict=True):
        for letter, size in zip(letters, shape, strict=True):
            if letter in sizes:
                require(
                    equal(sizes[letter], size),
                    "this multiplies {a} features by a weight made for {b}",
                    a=sizes[letter],
                    b=size,
                )
            if known(size):
                sizes[letter] = size
            else:
                sizes.setdefault(letter, size)
    return sizes


def linear_equation(rank: int) -> str:
    """Return the equation of a linear layer on a tensor with `rank` axes: the last one is summed."""
    free = string.ascii_lowercase[: rank - 1].replace("i", "I").replace("o", "O")
    return f"{free}i,oi->{free}o"
