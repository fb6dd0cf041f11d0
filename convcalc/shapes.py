"""`output_shape`: the shape rule of each op, and what its inputs must satisfy.

`require` is the builder's: it refuses an int that breaks a rule, masks rows of a sweep, records what symbols assume.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from convcalc import ops
from convcalc.equations import Require, letter_sizes
from convcalc.errors import ShapeError
from convcalc.limits import MAX_SIZE
from convcalc.sizes import (
    UNKNOWN,
    Shape,
    Size,
    ceil_div,
    divides,
    equal,
    exact,
    known,
    largest,
    product,
    smallest,
    total,
)

if TYPE_CHECKING:
    from convcalc.ops import Op
    from convcalc.window import Window

READS = "the kernel reads {reads} channels, but the input has {have}"


def output_shape(op: Op, inputs: tuple[Shape, ...], require: Require) -> Shape:
    """Return the shape a step makes from the shapes it reads. Raises ShapeError through `require`."""
    match op:
        case ops.Input() | ops.Parameter() | ops.Constant() | ops.Opaque() | ops.Sample():
            return op.shape
        case ops.Conv():
            return _conv(op, inputs, require)
        case ops.ConvTranspose():
            return _conv_transpose(op, inputs, require)
        case ops.Pool():
            return _pool(op, inputs[0], require)
        case ops.Unfold():
            sizes = _walk(op.windows, inputs[0], require)
            return (*inputs[0][:2], *(window.kernel for window in op.windows), *sizes)
        case ops.Fold():
            return _fold(op, inputs[0], require)
        case ops.Recurrent():
            return (*inputs[0][:2], op.features * op.directions)
        case ops.Einsum():
            return _einsum(op, inputs, require)
        case ops.Resample():
            for size in op.size:
                require(size >= 1, "the resized map would be {size} wide", size=size)
                require(size <= MAX_SIZE, "a map {size} wide is past any tensor", size=size)
            return (*inputs[0][:2], *op.size)
        case ops.Pad():
            return _pad(op, inputs[0], require)
        case ops.Reduce():
            axes = enumerate(inputs[0])
            if op.keep:
                return tuple(1 if axis in op.axes else size for axis, size in axes)
            return tuple(size for axis, size in axes if axis not in op.axes)
        case ops.Concat():
            return _concat(op, inputs, require)
        case ops.Slice():
            return _slice(op, inputs[0], require)
        case ops.Rearrange():
            return _rearrange(op, inputs[0], require)
        case ops.Elementwise():
            return inputs[0] if op.about.shape_of_first else broadcast(inputs, require)
    assert_never(op)


def axis_in(axis: int, rank: int) -> int:
    """Return an axis counted from the front. Raises ShapeError where a tensor of `rank` axes has no such axis."""
    if not -rank <= axis < rank:
        raise ShapeError(f"axis {axis} is not one of {rank}")
    return axis % rank


def show(shape: Shape) -> str:
    """Return a shape as it is written on the command line, 1x3x224x224."""
    return "x".join(map(str, shape))


def _check_windows(windows: tuple[Window, ...], x: Shape, require: Require) -> None:
    if len(x) != len(windows) + 2:
        have = show(x[1:])
        raise ShapeError(f"this layer walks {len(windows)} spatial axes, but its input {have} has {max(len(x) - 2, 0)}")
    for window in windows:
        require(window.kernel >= 1, "kernel_size ({k}) must be at least 1", k=window.kernel)
        require(window.stride >= 1, "stride ({s}) must be at least 1", s=window.stride)
        require(window.dilation >= 1, "dilation ({d}) must be at least 1", d=window.dilation)
        require(window.before >= 0, "padding ({p}) must not be negative", p=window.before)
        require(window.after >= 0, "padding ({p}) must not be negative", p=window.after)


def _walk(windows: tuple[Window, ...], x: Shape, require: Require) -> Shape:
    _check_windows(windows, x, require)
    for size, window in zip(x[2:], windows, strict=True):
        padded = size + window.before + window.after
        require(
            padded >= window.span,
            "the kernel reaches over {span} positions, but the input has {size}{with_padding}",
            span=window.span,
            size=size,
            with_padding=f" ({padded} with padding)" if padded is not size and known(padded) else "",
        )
    return tuple(window.size_out(size) for size, window in zip(x[2:], windows, strict=True))


def _check_kernel(
    windows: tuple[Window, ...], weight: Shape, bias: tuple[Shape, ...], makes: Size, require: Require
) -> None:
    for shape in bias:
        require(equal(shape[0], makes), "a bias of {b} for {o} channels", b=shape[0], o=makes)
    for walk, kernel in zip(windows, weight[2:], strict=True):
        require(equal(walk.kernel, kernel), "a kernel of {w} walks as one of {k}", w=kernel, k=walk.kernel)


def _conv(op: ops.Conv, inputs: tuple[Shape, ...], require: Require) -> Shape:
    x, weight, *bias = inputs
    sizes = _walk(op.windows, x, require)
    _check_kernel(op.windows, weight, tuple(bias), weight[0], require)
    require(equal(weight[1] * op.groups, x[1]), READS, reads=weight[1] * op.groups, have=x[1])
    require(
        equal(weight[0] % op.groups, 0),
        "out_channels ({o}) must be divisible by groups ({g})",
        o=weight[0],
        g=op.groups,
    )
    return (x[0], weight[0], *sizes)


def _conv_transpose(op: ops.ConvTranspose, inputs: tuple[Shape, ...], require: Require) -> Shape:
    x, weight, *bias = inputs
    _check_windows(op.windows, x, require)
    _check_kernel(op.windows, weight, tuple(bias), weight[1] * op.groups, require)
    require(equal(weight[0], x[1]), READS, reads=weight[0], have=x[1])
    extra = op.output_padding or (0,) * len(op.windows)
    sizes = []
    for size, window, more in zip(x[2:], op.windows, extra, strict=True):
        require(more >= 0, "output_padding ({a}) must not be negative", a=more)
        limit = largest(window.stride, window.dilation)
        require(
            more < limit,
            "output_padding ({a}) must be smaller than the stride ({s}) or the dilation ({d})",
            a=more,
            s=window.stride,
            d=window.dilation,
        )
        out = window.size_in(size) + more
        require(out >= 1, "the output would have {out} positions: padding removes them all", out=out)
        sizes.append(out)
    return (x[0], weight[1] * op.groups, *sizes)


def _pool(op: ops.Pool, x: Shape, require: Require) -> Shape:
    if op.output_size:
        if len(op.output_size) != len(x) - 2:
            raise ShapeError(f"output_size names {len(op.output_size)} axes, but the input has {len(x) - 2}")
        for size in op.output_size:
            require(size >= 1, "output_size ({o}) must be at least 1", o=size)
        message = "{o} windows of {k} at random places need {n} positions, but the input has {size}"
        for size, window, out in zip(x[2:], op.windows, op.output_size, strict=False):
            least = out + window.kernel - (1 if len(op.windows) < 3 else 0)  # torch is stricter in 3-D
            require(least <= size, message, o=out, k=window.kernel, n=least, size=size)
        return (*x[:2], *op.output_size)
    _check_windows(op.windows, x, require)
    sizes = []
    for size, window in zip(x[2:], op.windows, strict=True):
        widest = largest(window.before, window.after)
        require(widest < window.span, "a pool over {k} positions sees only padding of {p}", k=window.span, p=widest)
        out = window.pooled_size(size, ceil_mode=op.ceil_mode)
        require(
            out >= 1,
            "the pool reaches over {span} positions, but the input has {size}",
            span=window.span,
            size=size,
        )
        sizes.append(out)
    return (*x[:2], *sizes)


def _fold(op: ops.Fold, columns: Shape, require: Require) -> Shape:
    rank = len(op.windows)
    places = _walk(op.windows, (*columns[:2], *op.size), require)
    message = "windows over {size} have {n} places, but {have} arrive"
    for have, place in zip(columns[2 + rank :], places, strict=True):
        require(equal(have, place), message, size=show(op.size), n=place, have=have)
    return (*columns[:2], *op.size)


def _einsum(op: ops.Einsum, inputs: tuple[Shape, ...], require: Require) -> Shape:
    sizes = letter_sizes(op.equation, inputs, require)
    return tuple(sizes[letter] for letter in op.equation.split("->")[1])


def _pad(op: ops.Pad, x: Shape, require: Require) -> Shape:
    sizes = []
    for axis, (size, before, after) in enumerate(zip(x, op.before, op.after, strict=True)):
        out = size + before + after
        length = size
        if op.mode in ("constant", "circular"):
            length = size + smallest(before, 0) + smallest(after, 0)
            require(length >= 0, "cropping {size} positions leaves {n} on axis {axis}", size=size, n=length, axis=axis)
        require(out >= 1, "padding leaves {out} positions of {size} on axis {axis}", out=out, size=size, axis=axis)
        if op.mode in ("reflect", "circular"):
            limit = length if op.mode == "circular" else size - 1
            require(
                largest(before, after) <= limit,
                "{mode} padding of {p} needs a larger input than {size}",
                mode=op.mode,
                p=largest(before, after),
                size=size,
            )
        sizes.append(out)
    return tuple(sizes)


def _concat(op: ops.Concat, inputs: tuple[Shape, ...], require: Require) -> Shape:
    first = inputs[0]
    for shape in inputs[1:]:
        if len(shape) != len(first):
            raise ShapeError(f"cannot join {show(first)} and {show(shape)}: they have different numbers of axes")
        for axis, (a, b) in enumerate(zip(first, shape, strict=True)):
            if axis != op.axis:
                require(
                    equal(a, b),
                    "cannot join {a} and {b}: they differ on axis {axis}",
                    a=show(first),
                    b=show(shape),
                    axis=axis,
                )
    joined = total(shape[op.axis] for shape in inputs)
    return (*first[: op.axis], joined, *first[op.axis + 1 :])


def _slice(op: ops.Slice, x: Shape, require: Require) -> Shape:
    size = x[op.axis]
    require(op.step >= 1, "the step ({step}) must be at least 1", step=op.step)
    require(op.start >= 0, "a slice starts at {start}, before the first position", start=op.start)
    require(
        op.stop <= size,
        "a slice ends at {stop}, but axis {axis} has {size}",
        stop=op.stop,
        axis=op.axis,
        size=size,
    )
    single = isinstance(op.step, int) and op.step == 1
    length = op.stop - op.start if single else ceil_div(op.stop - op.start, op.step)
    require(length >= 1, "a slice from {start} to {stop} is empty", start=op.start, stop=op.stop)
    return (*x[: op.axis], length, *x[op.axis + 1 :])


def _rearrange(op: ops.Rearrange, x: Shape, require: Require) -> Shape:
    for axis, (size, factors) in enumerate(zip(x, op.split, strict=True)):
        require(
            equal(size, product(factors)),
            "axis {axis} has {size}, which is not {factors}",
            axis=axis,
            size=size,
            factors=show(factors),
        )
    factors = tuple(factor for axis in op.split for factor in axis)
    ordered = iter(factors[place] for place in op.order)
    return tuple(product(next(ordered) for _ in range(count)) for count in op.merge)


def broadcast(inputs: tuple[Shape, ...], require: Require) -> Shape:
    """Return the common shape: aligned at the last axis, and only a literal 1 stretches."""
    rank = max(map(len, inputs))
    shapes = [(1,) * (rank - len(shape)) + shape for shape in inputs]
    out = []
    for axis, sizes in enumerate(zip(*shapes, strict=True)):
        wide = [size for size in sizes if not (isinstance(size, int) and size == 1)]
        for size in wide[1:]:
            first, last = show(inputs[0]), show(inputs[-1])
            require(equal(wide[0], size), "{a} and {b} differ on axis {axis}", a=first, b=last, axis=axis)
        out.append(next((size for size in wide if size is not UNKNOWN), wide[0]) if wide else 1)
    return tuple(out)


def divided(size: Size, parts: Size, require: Require, name: str, by: str) -> Size:
    """Return size / parts, requiring that it comes out even."""
    require(parts >= 1, "{by} ({parts}) must be at least 1", by=by, parts=parts)
    message = "{name} ({size}) must be divisible by {by} ({parts})"
    require(divides(parts, size), message, name=name, size=size, by=by, parts=parts)
    return exact(size, parts)
