"""`convcalc hdc-check`: gridding of dilated convolutions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from convcalc.analyses.gridding import Gridding, check, ranges
from convcalc.cli.options import AsFormat, Format, InputLayout, Inputs, Out, emit
from convcalc.cli.read.lexer import normal
from convcalc.errors import SpecError, UnsupportedError
from convcalc.render.table import SCHEMA_VERSION, Answer, Column, Table

RUNS_SHOWN = 10
RATES_LIMIT = 10_000
GROUPS = (
    "a group is a run of stride-1 convolutions: strides, pools, resizes and merges end it, and what lies before them"
    " is not part of it (rf reads through everything)"
)
COLUMNS = (Column("rule", "rule"), Column("verdict", "verdict"), Column("numbers", "numbers"))


def command(
    rates: Annotated[
        list[str] | None,
        typer.Argument(metavar="RATES...", help="Dilation rates, 1,2,5 or 1 2 5, nearest the input first; or layers."),
    ] = None,
    kernel: Annotated[
        str | None,
        typer.Option("--kernel-size", "-k", metavar="K", help="Kernel size (default 3), or one per rate: 3,5,3."),
    ] = None,
    inputs: Inputs = None,
    form: AsFormat = Format.table,
    out: Out = None,
) -> int:
    """Do stacked dilated convolutions leave holes? The paper's three rules, and the exact answer.

    Exit code 1 when the exact check finds holes. The paper (arXiv:1702.08502) gives rules of thumb; which inputs
    are really reached is enumerated beside them. Example: convcalc hdc-check 1,2,5 -k 3
    """
    words = rates or []
    text = normal(",".join(words))
    if not words:
        raise SpecError("no rates given: name them, nearest the input first, such as hdc-check 1,2,5 -k 3")
    if re.fullmatch(r"[\d,\s]+", text):
        return emit(_of_rates(_numbers(text, "a rate"), kernel or "3"), form, out)
    if kernel is not None or re.fullmatch(r"[-+\d,.\s]+", text):
        raise SpecError(f"rates are whole numbers from 1, such as 1,2,5, not {text!r} (layers take no -k)")
    return emit(_of_layers(words, inputs or []), form, out)


def _numbers(text: str, what: str) -> list[int]:
    found = []
    for part in re.split(r"\s*,\s*|\s+", text.strip()):
        if not part.isdecimal() or len(part) > 9:
            raise SpecError(f"{what} is a whole number below a billion, not {part!r}")
        found.append(int(part))
    if len(found) > RATES_LIMIT:
        raise SpecError(f"{len(found):,} rates are no stack of layers (the limit is {RATES_LIMIT:,})")
    return found


def _of_rates(rates: list[int], kernel: str) -> Answer:
    kernels = _numbers(kernel, "a kernel")
    if len(kernels) not in (1, len(rates)):
        raise SpecError(f"{len(rates)} rates need one kernel size, or {len(rates)} of them, not {len(kernels)}")
    found = check(rates, kernels * len(rates) if len(kernels) == 1 else kernels)
    head = {"schema_version": SCHEMA_VERSION, "command": "hdc-check", "rates": rates}
    given = kernels[0] if len(kernels) == 1 else kernels
    title = f"rates {','.join(map(str, rates))}, kernel {','.join(map(str, kernels))}"
    return Answer(
        document={**head, "kernel_size": given, **_document(found)},
        tables=[_table(found, title)],
        holds=found.exact.full,
    )


def _document(found: Gridding) -> dict[str, Any]:
    exact = found.exact
    return {
        "m": found.m,
        "rules": {
            "no_common_divisor": {"holds": found.no_common_divisor, "divisor": found.divisor},
            "sawtooth": found.sawtooth,
            "m2_within_kernel": {
                "holds": found.m2_within_kernel,
                "m2": found.m[1] if len(found.m) > 1 else None,
            },
        },
        "exact": {
            "full": exact.full,
            "holes": exact.holes,
            "reached": exact.reached,
            "coverage": float(exact.coverage),
            "coverage_2d": float(exact.coverage**2),
            "receptive_field": exact.receptive_field,
        },
    }


def _verdict(holds: bool | None) -> str:
    return "n/a" if holds is None else "holds" if holds else "broken"


def _table(found: Gridding, title: str) -> Table:
    exact = found.exact
    m2 = "a single layer has no M_2" if len(found.m) < 2 else f"M_2 = {found.m[1]}"
    if len(set(found.kernels)) > 1:
        goal = f"{m2}, but the kernels differ: the rule names one K"
    elif len(found.m) < 2:
        goal = m2
    else:
        goal = f"{m2}, K = {found.kernels[0]}; M = {', '.join(map(str, found.m[:RUNS_SHOWN]))}"
        goal += ", ..." if len(found.m) > RUNS_SHOWN else ""
    size = exact.receptive_field
    flat = exact.coverage**2
    reached = f"{exact.reached:,} of {size:,} positions ({100 * float(exact.coverage):.1f}%)"
    square = f"{exact.reached**2:,} of {size**2:,} in 2-D ({100 * float(flat):.1f}%)"
    rows = [
        {
            "rule": "paper: no common divisor",
            "verdict": _verdict(found.no_common_divisor),
            "numbers": f"greatest common divisor {found.divisor}",
        },
        {"rule": "paper: sawtooth", "verdict": found.sawtooth, "numbers": ""},
        {"rule": "paper: M_2 <= K", "verdict": _verdict(found.m2_within_kernel), "numbers": goal},
        {
            "rule": "exact: every input reached",
            "verdict": "holds" if exact.full else "HOLES",
            "numbers": f"{reached}; {square}",
        },
    ]
    foot = [f"receptive field {size:,}"]
    if found.dropped:
        foot.append(f"{found.dropped} layers with a kernel of 1 read one position each and are left out")
    if exact.holes:
        runs = ranges(exact.holes)
        shown = ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in runs[:RUNS_SHOWN])
        more = f" and {len(runs) - RUNS_SHOWN} more" if len(runs) > RUNS_SHOWN else ""
        foot.append(f"never read, counted from 0: {shown}{more}")
    foot += _disagreement(found)
    return Table(columns=COLUMNS, rows=rows, head=[title], foot=foot)


def _disagreement(found: Gridding) -> list[str]:
    rule = found.m2_within_kernel
    if rule is True and not found.exact.full:
        return ["the paper's M_2 rule passes this stack although it has holes (it never looks at r_1); exact decides"]
    if rule is False and found.exact.full:
        return ["the paper's M_2 rule fails this stack although every input is reached; exact decides"]
    return []


def _of_layers(words: Sequence[str], inputs: Sequence[str]) -> Answer:
    from convcalc.analyses.dilated_groups import groups
    from convcalc.cli.report import stacks

    tables, documents, holds = [], [], True
    for stack in stacks(words, inputs, InputLayout.chw, needs_input=False):
        for group in groups(stack.graph):
            names = [".".join(path) for path in group.layers]
            found = group.gridding
            axis = f", {group.axis} axis" if group.axis else ""
            branch = "; one of parallel branches, so for information only" if group.parallel else ""
            title = f"layers {', '.join(names)}{axis}: rates {','.join(map(str, found.rates))}, kernels "
            title += ",".join(map(str, found.kernels)) + branch
            tables.append(_table(found, title))
            kernels = sorted(set(found.kernels))
            documents.append(
                {
                    "layers": names,
                    "axis": group.axis or None,
                    "parallel": group.parallel,
                    "rates": found.rates,
                    "kernel_size": kernels[0] if len(kernels) == 1 else found.kernels,
                    **_document(found),
                }
            )
            holds = holds and (group.parallel or found.exact.full)
    if not tables:
        raise UnsupportedError("there is no dilated convolution in these layers, so nothing to check")
    tables[-1] = tables[-1]._replace(foot=[*tables[-1].foot, GROUPS])
    document = {"schema_version": SCHEMA_VERSION, "command": "hdc-check", "groups": documents}
    return Answer(document=document, tables=tables, holds=holds)
