"""`convcalc hdc-check`: gridding of dilated convolutions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from convcalc.analyses.dilated_groups import AXES, Group, groups
from convcalc.analyses.gridding import Gridding, check
from convcalc.cli.gridding import beside, beside_document, document, judged, names
from convcalc.cli.options import Ascii, AsFormat, Drawn, Format, InputLayout, Inputs, Out, emit
from convcalc.cli.report import hints, stacks
from convcalc.errors import SpecError, UnsupportedError
from convcalc.render.table import Answer, Table
from convcalc.spec.lexer import normal

RATES_LIMIT = 10_000
GROUPS = (
    "a group is a run of stride-1 convolutions on one path: strides, pools, resizes and merges end it, a residual"
    " addition does not (rf reads through everything)"
)
RATES = r"\d+(x\d+)*"


def command(
    rates: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RATES...",
            help="Dilation rates, 1,2,5 or 1 2 5, nearest the input first (per axis: 1x2); or layers.",
        ),
    ] = None,
    kernel: Annotated[
        str | None,
        typer.Option("--kernel-size", "-k", metavar="K", help="Kernel size (default 3), or one per rate: 3,5,3."),
    ] = None,
    inputs: Inputs = None,
    strict: Annotated[bool, typer.Option("--strict", help="Parallel branches with holes fail as well.")] = False,
    suggest: Annotated[bool, typer.Option("--suggest", help="Print the nearest rates that leave no hole.")] = False,
    picture: Drawn = True,
    ascii_only: Ascii = False,
    form: AsFormat = Format.table,
    out: Out = None,
) -> int:
    """Do stacked dilated convolutions leave holes? The paper's three rules, and the exact answer.

    Exit code 1 when the exact check finds holes. The paper (arXiv:1702.08502) gives rules of thumb; which inputs
    are really reached, and by how many ways, is worked out beside them. Example: convcalc hdc-check 1,2,5 -k 3
    """
    words = rates or []
    text = normal(",".join(words))
    if not words:
        raise SpecError("no rates given: name them, nearest the input first, such as hdc-check 1,2,5 -k 3")
    shown = _Shown(suggest, picture and form in (Format.table, Format.markdown), ascii_only)
    if re.fullmatch(r"[\dx,\s]+", text):
        if inputs or strict:
            raise SpecError("rates take no -i and no --strict: those go with layers")
        return emit(_of_rates(text, "3" if kernel is None else kernel, shown), form, out)
    if kernel is not None or re.match(r"[-+\d]", text):
        raise SpecError(f"rates are whole numbers from 1, such as 1,2,5, not {text!r} (layers take no -k)")
    return emit(_of_layers(words, inputs or [], shown, strict=strict), form, out)


class _Shown:
    """What is printed beside the verdicts."""

    def __init__(self, suggest: bool, picture: bool, ascii_only: bool) -> None:
        self.suggest = suggest
        self.drawn = {"picture": picture, "ascii_only": ascii_only}


def _numbers(text: str, what: str) -> list[tuple[int, ...]]:
    """Read numbers, each with one value or one per axis."""
    found = []
    for part in re.split(r"\s*,\s*|\s+", text.strip()):
        if not re.fullmatch(RATES, part) or any(len(number) > 9 for number in part.split("x")):
            raise SpecError(f"{what} is a whole number below a billion, not {part!r} (per axis: 1x2)")
        found.append(tuple(map(int, part.split("x"))))
    if len(found) > RATES_LIMIT:
        raise SpecError(f"{len(found):,} rates are no stack of layers (the limit is {RATES_LIMIT:,})")
    return found


def _per_axis(values: list[tuple[int, ...]], rank: int, what: str) -> list[list[int]]:
    """Return the values of each axis; one number stands for all axes. Raises SpecError where axes do not match."""
    for value in values:
        if len(value) not in (1, rank):
            raise SpecError(f"{what} {'x'.join(map(str, value))} names {len(value)} axes where others name {rank}")
    return [[value[axis] if len(value) > 1 else value[0] for value in values] for axis in range(rank)]


def _of_rates(text: str, kernel: str, shown: _Shown) -> Answer:
    rates, kernels = _numbers(text, "a rate"), _numbers(normal(kernel), "a kernel")
    if len(kernels) not in (1, len(rates)):
        raise SpecError(f"{len(rates)} rates need one kernel size, or {len(rates)} of them, not {len(kernels)}")
    every = kernels * len(rates) if len(kernels) == 1 else kernels
    rank = max(map(len, (*rates, *kernels)))
    if rank > len(AXES):
        raise SpecError(f"{rank} axes are more than a convolution has: give up to {len(AXES)}, such as 1x2")
    pairs = zip(_per_axis(rates, rank, "the rate"), _per_axis(every, rank, "the kernel"), strict=True)
    axes = [check(some, theirs) for some, theirs in pairs]
    title = f"rates {_written(rates)}, kernel {_written(kernels)}"
    both = axes * 2 if rank == 1 else axes  # rates that name no axis hold for both axes of an image
    tables = judged(both, title, suggest=shown.suggest, **shown.drawn)
    holds = all(one.exact.full for one in axes)
    if rank == 1:
        given = kernels[0][0] if len(kernels) == 1 else [value[0] for value in kernels]
        keys = {"rates": [value[0] for value in rates], "kernel_size": given}
        return Answer("hdc-check", {**keys, **document(axes[0], both, suggest=shown.suggest)}, tables, holds=holds)
    found = [{"axis": name, **_stack(one, axes, shown)} for name, one in zip(AXES[rank], axes, strict=True)]
    return Answer("hdc-check", {"groups": found}, tables, holds=holds)


def _written(values: list[tuple[int, ...]]) -> str:
    texts = ["x".join(map(str, value)) for value in values]
    return ",".join(texts) if len(texts) <= 12 else f"{','.join(texts[:12])},... ({len(texts)} in all)"


def _stack(found: Gridding, axes: Sequence[Gridding], shown: _Shown) -> dict[str, Any]:
    kernels = sorted(set(found.kernels))
    size = kernels[0] if len(kernels) == 1 else found.kernels
    return {"rates": found.rates, "kernel_size": size, **document(found, axes, suggest=shown.suggest)}


def _of_layers(words: Sequence[str], inputs: Sequence[str], shown: _Shown, *, strict: bool) -> Answer:
    tables: list[Table] = []
    documents: list[dict[str, Any]] = []
    holds = True
    found = stacks(words, inputs, InputLayout.chw, needs_input=False)
    for stack in found:
        for group in groups(stack.graph):
            some, parts = _beside(group, shown) if group.parallel else _in_turn(group, shown)
            tables += some
            documents += parts
            reached, size = group.positions()
            holds = holds and (reached == size or (group.parallel and not strict))
    if not tables:
        raise UnsupportedError("there is no dilated convolution in these layers, so nothing to check")
    tables[-1] = tables[-1]._replace(foot=[*tables[-1].foot, GROUPS])
    return Answer("hdc-check", {"groups": documents}, tables, hints=hints(found), holds=holds)


def _in_turn(group: Group, shown: _Shown) -> tuple[list[Table], list[dict[str, Any]]]:
    axes = [group.gridding(axis) for axis in range(group.rank)]
    layers = names(group.branches[0].walking)
    same = all(one == axes[0] for one in axes)
    told = f": rates {_written([(r,) for r in axes[0].rates])}, kernels {_written([(k,) for k in axes[0].kernels])}"
    title = f"layers {layers}{told if same else ''}{_jump(group, axes)}"
    common = {"layers": layers.split(", "), "parallel": False, "jump": group.jump}
    parts = [
        {**common, "axis": None if same else name, **_stack(one, axes, shown)}
        for name, one in zip(AXES[group.rank], axes, strict=True)
    ]
    return judged(axes, title, suggest=shown.suggest, **shown.drawn), parts[:1] if same else parts


def _jump(group: Group, axes: Sequence[Gridding]) -> str:
    """What the rates are in input pixels, where one step of the group is more than one of them."""
    jump = group.jump[0]
    if jump is None or jump == 1 or len(set(group.jump)) > 1:
        return ""
    return f"; one step is {jump} input pixels, so the rates are {_listed(axes[0].rates, jump)} pixels there"


def _listed(rates: Sequence[int], jump: Any) -> str:
    return _written([(rate * jump,) for rate in rates])


def _beside(group: Group, shown: _Shown) -> tuple[list[Table], list[dict[str, Any]]]:
    layers = [names(chain.steps) for chain in group.branches]
    title = f"branches side by side: {' | '.join(one or 'as it is' for one in layers)}"
    common = {"layers": [one.split(", ") if one else [] for one in layers], "parallel": True, "jump": group.jump}
    parts = beside_document(group)
    marks = [None] if len(parts) == 1 else AXES[group.rank]
    made = [{**common, "axis": axis, **part} for axis, part in zip(marks, parts, strict=True)]
    return [beside(group, title, **shown.drawn)], made
