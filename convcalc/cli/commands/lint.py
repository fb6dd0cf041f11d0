"""`convcalc lint`: what an expert would say about the layers."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import cleandoc
from typing import Annotated, Any

import typer

from convcalc.analyses.lint.rules import RULES, SIZED, lint
from convcalc.analyses.lint.subject import Finding
from convcalc.cli.options import AsFormat, Format, InputLayout, Inputs, Layout, Out, Spec, emit
from convcalc.cli.report import hints, stacks
from convcalc.errors import SpecError, nearest
from convcalc.render.table import Answer, Column, Table
from convcalc.spec.assemble import Stack

COLUMNS = (
    Column("code", "code"),
    Column("layers", "layer", ", ".join),
    Column("text", "finding"),
    Column("remedy", "instead"),
)


def command(
    spec: Spec = None,
    inputs: Inputs = None,
    layout: Layout = InputLayout.chw,
    smallest: Annotated[
        int | None, typer.Option("--object", metavar="PX", min=1, help="The smallest object to be kept, in pixels.")
    ] = None,
    ridge: Annotated[
        float | None, typer.Option("--ridge", metavar="N", min=0.001, help="FLOPs per byte of another machine's ridge.")
    ] = None,
    select: Annotated[
        list[str] | None, typer.Option("--select", metavar="CODES", help="Only these codes or prefixes: CC101,CC11.")
    ] = None,
    ignore: Annotated[
        list[str] | None, typer.Option("--ignore", metavar="CODES", help="Not these codes or prefixes.")
    ] = None,
    explain: Annotated[
        str | None, typer.Option("--explain", metavar="CODE", help="Say what a code means, and where it is from.")
    ] = None,
    exit_zero: Annotated[bool, typer.Option("--exit-zero", help="Exit with 0 in spite of findings.")] = False,
    form: AsFormat = Format.table,
    out: Out = None,
) -> int:
    """What an expert would say: gridding, checkerboards, dropped pixels, odd channels, biases before norms, and more.

    Each finding has a code, a sentence with its numbers, and a remedy; exit code 1 where there are any (CC113, which
    needs this machine's roofs, counts only with --ridge or --select CC113). Example:
    convcalc lint @unet --ignore CC104
    """
    if explain is not None:
        if spec or inputs:
            raise SpecError("--explain says what a code means: it takes no layers")
        return emit(_explained(_code(explain)), form, out)
    wanted = [code for code in RULES if _named(code, select, default=True) and not _named(code, ignore, default=False)]
    asked = ridge is not None or any("CC113" in text.upper() for text in select or ())
    if ridge is None and "CC113" in wanted:
        ridge = _measured_ridge()
    found = stacks(spec, inputs, layout, needs_input=False)
    rows = [
        {**({"block": number} if len(found) > 1 else {}), **_row(one, stack)}
        for number, stack in enumerate(found)
        for one in _joined(lint(stack.graph, wanted, smallest=smallest, ridge=ridge))
    ]
    several = (Column("block", "block", right=True),) if len(found) > 1 else ()
    count = len(rows)
    head = [stack.reading for stack in found]
    foot = [
        f"{count} finding{'s' if count != 1 else ''} (convcalc lint --explain CODE says more)"
        if rows
        else "no findings"
    ]
    unsized = [code for code in SIZED if code in wanted]
    if unsized and any(not stack.block.inputs for stack in found):
        foot.append(f"{', '.join(unsized)} need the input's size: give it with -i")
    if ridge is None and "CC113" in wanted:
        foot.append("CC113 needs this machine's roofs (convcalc machine measures them once) or --ridge")
    document = {
        "checked": wanted,
        "findings": rows,
    }
    table = Table(columns=(*several, *COLUMNS), rows=rows, head=head, foot=foot)
    return emit(
        Answer(
            "lint",
            document,
            [table],
            hints=hints(found),
            holds=exit_zero or not [row for row in rows if asked or row["code"] != "CC113"],
        ),
        form,
        out,
    )


def _measured_ridge() -> float | None:
    """The ridge of this machine with all its cores in fp32, where `convcalc machine` or a run has measured it."""
    from convcalc.profiling.machine import cores, cpu_name, torch_version
    from convcalc.profiling.roofline import kept

    found = kept(cpu_name(), torch_version(), cores(), "fp32")
    return None if found is None else found.ridge


def _code(text: str) -> str:
    code = text.upper()
    if code not in RULES:
        raise SpecError(f"there is no code {text!r}{nearest(code, RULES)} (there are {', '.join(RULES)})")
    return code


def _named(code: str, given: Sequence[str] | None, *, default: bool) -> bool:
    """Whether a code is among those given, each a code or the beginning of some. Raises SpecError for others."""
    if not given:
        return default
    parts = [part.strip().upper() for text in given for part in text.split(",")]
    for part in parts:
        if not part or not any(known.startswith(part) for known in RULES):
            raise SpecError(f"there is no code {part!r}{nearest(part, RULES)} (there are {', '.join(RULES)})")
    return any(code.startswith(part) for part in parts)


def _joined(found: Sequence[Finding]) -> list[Finding]:
    """Put findings together that say the same of several layers."""
    same: dict[tuple[str, str, str], Finding] = {}
    for one in found:
        key = (one.code, one.text, one.remedy)
        before = same.get(key)
        same[key] = one if before is None else before._replace(where=(*before.where, *one.where))
    return list(same.values())


def _row(one: Finding, stack: Stack) -> dict[str, Any]:
    texts = {scope.path: scope.text for scope in stack.graph.scopes if scope.text}
    names = list(dict.fromkeys(_named_layer(path, texts) for path in one.where))
    return {"code": one.code, "layers": names, "text": one.text, "remedy": one.remedy, "numbers": one.numbers}


def _named_layer(path: tuple[str, ...], texts: dict[tuple[str, ...], str]) -> str:
    """A layer by its number and words, and the part of it where it has several."""
    text = texts.get(path[:1], "")
    inner = ".".join(path[1:-1])
    return f"{path[0] if path else ''} ({text}{': ' + inner if inner else ''})"


def _explained(code: str) -> Answer:
    first, _, rest = cleandoc(RULES[code].__doc__ or "").partition("\n")
    text = " ".join(rest.split())
    document = {"code": code, "name": first, "about": text}
    return Answer("lint", document=document, tables=[Table(columns=(), rows=(), head=[f"{code}: {first}", text])])
