"""`convcalc solve`: the inverse questions about sizes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from convcalc.analyses.inverse import Bounds, Solution, solutions, transposed_solutions
from convcalc.cli.fitting import answer as fitted
from convcalc.cli.options import AsFormat, Format, InputLayout, Inputs, Layout, Out, Spec, emit
from convcalc.errors import SpecError
from convcalc.render.table import Answer, Column, Table
from convcalc.shapes import show
from convcalc.units import plural

COLUMNS = (
    Column("layer", "layer"),
    Column("lost", "lost", lambda lost: "x".join(map(str, lost)) if any(lost) else "-", right=True),
)
TRANSPOSED = (
    Column("layer", "layer"),
    Column("even", "overlap", lambda even: "even" if even else "uneven"),
    Column("direct", "the same as"),
)


def command(
    spec: Spec = None,
    inputs: Inputs = None,
    layout: Layout = InputLayout.chw,
    size_in: Annotated[str | None, typer.Option("--in", metavar="A", help="Input size, 56 or 56x28.")] = None,
    size_out: Annotated[
        str | None, typer.Option("--out", metavar="B", help="Output size; with layers: which inputs give it.")
    ] = None,
    transposed: Annotated[bool, typer.Option("--transposed", help="Search transposed convolutions.")] = False,
    kernel: Annotated[int | None, typer.Option("--kernel-size", "-k", min=1, help="Only this kernel size.")] = None,
    stride: Annotated[int | None, typer.Option("--stride", "-s", min=1, help="Only this stride.")] = None,
    padding: Annotated[int | None, typer.Option("--padding", "-p", min=0, help="Only this padding.")] = None,
    dilation: Annotated[int | None, typer.Option("--dilation", "-d", min=1, help="Only this dilation.")] = None,
    max_kernel: Annotated[
        int | None, typer.Option("--max-kernel", min=1, max=99, help="Largest kernel searched (7).")
    ] = None,
    max_stride: Annotated[
        int | None, typer.Option("--max-stride", min=1, max=99, help="Largest stride searched (8).")
    ] = None,
    max_dilation: Annotated[
        int | None, typer.Option("--max-dilation", min=1, max=99, help="Largest dilation searched (1).")
    ] = None,
    max_size: Annotated[
        int | None,
        typer.Option("--max-size", min=1, max=2**16, help="With layers: largest input size searched (2048)."),
    ] = None,
    shown: Annotated[int | None, typer.Option("--limit", min=1, help="How many solutions a table shows (12).")] = None,
    form: AsFormat = Format.table,
    out: Out = None,
) -> int:
    """Which layer turns size A into B, plain or transposed; or, with layers, which inputs fit them.

    With layers: the smallest input and the layer that collapses below it, the inputs that give --out, the positions
    that floor drops, and torch's 'same' beside TensorFlow's. Example: convcalc solve --in 56 --out 112 --transposed
    """
    searched = (kernel, stride, padding, dilation, max_kernel, max_stride, max_dilation, shown)
    if spec:
        if size_in is not None or transposed or any(value is not None for value in searched):
            raise SpecError("with layers solve takes -i, --out and --max-size; the other options search for a layer")
        goal = None if size_out is None else _sizes(size_out, "--out")
        return emit(fitted(spec, inputs, layout, goal, max_size or 2048), form, out)
    if size_in is None or size_out is None:
        raise SpecError("give --in and --out, such as solve --in 56 --out 112 --transposed, or layers")
    if inputs or max_size is not None:
        raise SpecError("-i and --max-size go with layers: give the sizes with --in and --out")
    bounds = Bounds(
        kernels=range(1, (max_kernel or 7) + 1) if kernel is None else [kernel],
        strides=range(1, (max_stride or 8) + 1) if stride is None else [stride],
        dilations=range(1, (max_dilation or 1) + 1) if dilation is None else [dilation],
        padding=padding,
    )
    sizes, outputs = _sizes(size_in, "--in"), _sizes(size_out, "--out")
    return emit(_searched(sizes, outputs, bounds, transposed, shown or 12), form, out)


def _sizes(text: str, option: str) -> tuple[int, ...]:
    parts = re.split(r"[x×]", text.strip())
    if not all(part.isdecimal() and len(part) < 10 and int(part) for part in parts) or len(parts) > 3:
        raise SpecError(f"{option} is a size, or one per axis joined by x, such as 56 or 56x28, not {text!r}")
    return tuple(map(int, parts))


def _searched(sizes: tuple[int, ...], outputs: tuple[int, ...], bounds: Bounds, transposed: bool, shown: int) -> Answer:
    search = transposed_solutions if transposed else solutions
    found = search(sizes, outputs, bounds)
    rows = [_row(one, sizes) for one in found]
    kind = "transposed convolution" if transposed else "convolution"
    turns = "turns" if len(found) == 1 else "turn"
    title = f"{plural(len(found), kind)} {turns} {show(sizes)} into {show(outputs)}"
    foot = [_searched_for(bounds)]
    if len(found) > shown:
        foot.insert(0, f"{len(found) - shown} more: --limit {len(found)} or --format json lists them")
    if not found:
        larger = not transposed and any(out > size for size, out in zip(sizes, outputs, strict=True))
        foot.insert(0, "none within these bounds: widen them, or leave a value open")
        if larger:
            foot.insert(1, "the output is larger than the input: --transposed searches transposed convolutions")
    columns = TRANSPOSED if transposed else COLUMNS
    document = {
        "in": sizes,
        "out": outputs,
        "transposed": transposed,
        "solutions": rows,
    }
    return Answer(
        "solve", document=document, tables=[Table(columns=columns, rows=rows[:shown], head=[title], foot=foot)]
    )


def _searched_for(bounds: Bounds) -> str:
    """The bounds in words: within them the list is complete."""
    named = (("kernel", bounds.kernels), ("stride", bounds.strides), ("dilation", bounds.dilations))
    words = [f"{name} {v[0]}" if len(v) == 1 else f"{name} {v[0]} to {v[-1]}" for name, v in named]
    pads = str(bounds.padding)
    if bounds.padding is None:
        pads = "up to the effective kernel less one on a side, alike on both or one more at the end"
    return f"complete for {', '.join(words)}, padding {pads}"


def words(one: Solution) -> str:
    """Return a solution as a layer that can be typed, without its channels."""
    w = one.window
    parts = ["conv_transpose" if one.transposed else "conv", f"k={w.kernel}"]
    parts += [f"s={w.stride}"] if w.stride > 1 else []
    if w.before or w.after:
        parts.append(f"p={w.before}" if one.symmetric else f"p={w.before}+{w.after}")
    parts += [f"d={w.dilation}"] if w.dilation > 1 else []
    parts += [f"output_padding={one.output_padding}"] if one.output_padding else []
    return " ".join(parts)


def _row(one: Solution, sizes: Sequence[int]) -> dict[str, Any]:
    w = one.window
    row: dict[str, Any] = {
        "layer": words(one),
        "kernel_size": w.kernel,
        "stride": w.stride,
        "padding": w.before if one.symmetric else [w.before, w.after],
        "dilation": w.dilation,
    }
    if not one.transposed:
        return {**row, "lost": one.lost}
    same = one.direct
    return {
        **row,
        "output_padding": one.output_padding,
        "even": one.even,
        "direct": same.said(sizes[0], w),
        "relationship": same.relationship,
    }
