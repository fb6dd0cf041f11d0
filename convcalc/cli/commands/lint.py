"""`convcalc lint`: what an expert would say about the layers."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import cleandoc
from typing import Annotated

import typer

from convcalc.analyses.lint.report import RIDGE_RULE, LintReport, lint_subjects
from convcalc.analyses.lint.rules import RULES
from convcalc.cli.completions import complete_rules
from convcalc.cli.options import AsFormat, Format, InputLayout, Inputs, Layout, Out, Spec, Train, emit
from convcalc.cli.subjects import hints, place_of, read_subjects
from convcalc.errors import SpecError, nearest
from convcalc.limits import MAX_IMAGE_SIDE
from convcalc.render.table import Annotation, Answer, Column, Table
from convcalc.spec.quantities import per_second

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
    train: Train = False,
    smallest: Annotated[
        int | None,
        typer.Option(
            "--object", metavar="PX", min=1, max=MAX_IMAGE_SIDE, help="The smallest object to be kept, in pixels."
        ),
    ] = None,
    ridge: Annotated[
        str | None, typer.Option("--ridge", metavar="N", help="FLOPs per byte of another machine's ridge.")
    ] = None,
    select: Annotated[
        list[str] | None, typer.Option("--select", metavar="CODES", help="Only these codes or prefixes: CC101,CC11.")
    ] = None,
    ignore: Annotated[
        list[str] | None, typer.Option("--ignore", metavar="CODES", help="Not these codes or prefixes.")
    ] = None,
    explain: Annotated[
        str | None,
        typer.Option(
            "--rule", metavar="CODE", help="Say what a code means, and where it is from.", autocompletion=complete_rules
        ),
    ] = None,
    exit_zero: Annotated[bool, typer.Option("--exit-zero", help="Exit with 0 in spite of findings.")] = False,
    form: AsFormat = Format.table,
    out: Out = None,
) -> int:
    """What an expert would say: gridding, checkerboards, dropped pixels, odd channels, biases before norms, and more.

    Each finding has a code, a sentence with its numbers, and a remedy; exit code 1 where there are any (CC113
    compares with a machine: with --ridge, or --select CC113 for this one).
    """
    if explain is not None:
        if spec or inputs:
            raise SpecError("--rule says what a code means: it takes no layers")
        return emit(_explained(_code(explain)), form, out)
    codes = [code for code in RULES if _named(code, select, default=True) and not _named(code, ignore, default=False)]
    selected = any(RIDGE_RULE in text.upper() for text in select or ())
    flops_per_byte = per_second(ridge, "--ridge")
    if ridge is None and selected and RIDGE_RULE in codes:
        flops_per_byte = _measured_ridge()
    subjects = read_subjects(spec, inputs, layout, needs_input=False, trains=train)
    report = lint_subjects(subjects, codes, smallest=smallest, ridge=flops_per_byte)
    several = (Column("block", "block", right=True),) if len(subjects) > 1 else ()
    head = [subject.reading for subject in subjects]
    rows = [{**row, "layers": list(finding.names)} for row, finding in zip(report.rows(), report.findings, strict=True)]
    table = Table(columns=(*several, *COLUMNS), rows=rows, head=head, foot=_feet(report, selected=selected))
    holds = exit_zero or not report.findings
    answer = Answer(
        "lint", report.to_dict, [table], hints=hints(subjects), holds=holds, annotations=_annotations(report, spec)
    )
    return emit(answer, form, out)


def _annotations(report: LintReport, spec: Sequence[str] | None) -> list[Annotation]:
    """Each finding at the line of its layer, or with the name of a model's module."""
    notes = []
    for block, _, names, finding in report.findings:
        layers = report.subjects[block].block.layers
        place = finding.where[0][0] if finding.where and finding.where[0] else ""
        spot = layers[int(place)].spot if place.isdecimal() and int(place) < len(layers) else None
        file, _, line = spot.origin.rpartition(", line ") if spot else ("", "", "")
        message = f"{', '.join(names)}: {finding.text}; instead: {finding.remedy}"
        title = f"convcalc {finding.code}"
        number = int(line) if line.isdecimal() else 0
        notes.append(Annotation("warning", message, title, file or place_of(spec), number))
    return notes


def _feet(report: LintReport, *, selected: bool) -> list[str]:
    count = len(report.findings)
    foot = [f"{count} finding{'s' if count != 1 else ''} (convcalc lint --rule CODE says more)"]
    foot = foot if count else ["no findings"]
    if report.unsized:
        foot.append(f"{', '.join(report.unsized)} need the input's size: give it with -i")
    if report.ridge is None and RIDGE_RULE in report.codes and not selected and _measured_ridge() is not None:
        foot.append(f"{RIDGE_RULE} compares with a machine: --select {RIDGE_RULE} for this one, or --ridge")
    elif report.ridge is None and RIDGE_RULE in report.codes:
        foot.append(f"{RIDGE_RULE} needs this machine's roofs (convcalc machine measures them once) or --ridge")
    return foot


def _measured_ridge() -> float | None:
    """The ridge of this machine with all its cores in fp32, where `convcalc machine` or a run has measured it."""
    from convcalc.profiling.machine import cores, cpu_name, torch_version
    from convcalc.profiling.roofline import stored_peaks

    peaks = stored_peaks(cpu_name(), torch_version(), cores(), "fp32")
    return None if peaks is None else peaks.ridge


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


def _explained(code: str) -> Answer:
    first, _, rest = cleandoc(RULES[code].__doc__ or "").partition("\n")
    text = " ".join(rest.split())
    document = {"code": code, "name": first, "about": text}
    return Answer("lint", document=document, tables=[Table(columns=(), rows=(), head=[f"{code}: {first}", text])])
