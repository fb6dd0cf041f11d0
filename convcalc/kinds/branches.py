"""Branches of several kernel sizes side by side: what the Inception blocks are written with."""

from typing import NamedTuple

from convcalc.builder import Builder
from convcalc.errors import ShapeError
from convcalc.graph import Value
from convcalc.kinds.parts import Form, conv_norm
from convcalc.sizes import Size, axes


class Step(NamedTuple):
    """One convolution of a branch: its width, kernel and stride; padding k//2 unless it is valid."""

    width: Size
    height: int = 1
    across: int = 1
    stride: int = 1
    valid: bool = False


class Style(NamedTuple):
    """What every convolution of a block has: bias, norm, and whether the norm is folded."""

    bias: bool = False
    norm: bool = True
    form: Form = "train"


def chain(b: Builder, x: Value, steps: tuple[Step, ...], style: Style) -> Value:
    """Write convolutions one after another, each with norm and ReLU."""
    for step in steps:
        padding = (0, 0) if step.valid else (step.height // 2, step.across // 2)
        x = conv_norm(
            b, x, step.width, axes(step.height, step.across), stride=step.stride, padding=axes(*padding),
            bias=style.bias, norm=style.norm, form=style.form,
        )  # fmt: skip
    return x


def branches(b: Builder, x: Value, chains: tuple[tuple[Step, ...], ...], style: Style) -> list[Value]:
    """Write branches side by side."""
    outputs = []
    for steps in chains:
        with b.scope("branch"):
            outputs.append(chain(b, x, steps, style))
    return outputs


def pooled(b: Builder, x: Value, function: str, steps: tuple[Step, ...], style: Style) -> Value:
    """Write the branch that pools 3x3 at stride 1 and projects."""
    with b.scope("pool"):
        return chain(b, b.pool(function, x, 3, stride=1, padding=1), steps, style)


def forked(b: Builder, x: Value, width: Size, style: Style) -> list[Value]:
    """Write the 1x3 and the 3x1 that end a branch side by side."""
    return branches(b, x, ((Step(width, 1, 3),), (Step(width, 3, 1),)), style)


def widths_of(widths: tuple[int, ...], count: int, name: str) -> tuple[int, ...]:
    """Return the inner widths. Raises ShapeError where there are too many or too few."""
    numbers = tuple(widths)
    if len(numbers) != count:
        raise ShapeError(f"{name} takes {count} widths, not {len(numbers)}")
    return numbers


def shrunk(b: Builder, x: Value) -> Value:
    """Write the max pool 3x3 at stride 2 without padding."""
    with b.scope("pool"):
        return b.pool("max", x, 3, stride=2)
