"""`convcalc alt`: what could stand in a convolution's place."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from convcalc.analyses.comparison import compare
from convcalc.cli.commands.compare import Seconds, Timed
from convcalc.cli.options import AsFormat, Format, InputLayout, Inputs, Layout, Out, emit
from convcalc.cli.subjects import hints, quoted
from convcalc.cli.variants import duration
from convcalc.cli.views.stacks import COLUMNS, TIMES, stack_rows, time_failures, time_keys, time_stacks, timed_on
from convcalc.errors import SpecError
from convcalc.kinds.alternatives import Alternatives, alternatives
from convcalc.kinds.substitutes import OCTAVE
from convcalc.profiling.row import Row
from convcalc.render.table import Answer, Column, Table
from convcalc.spec.assemble import assemble
from convcalc.spec.source import blocks

ALTERNATIVE_COLUMNS = (
    *COLUMNS[:5],
    Column("ratio", "MACs by the literature", lambda text: text or ""),
    *COLUMNS[6:],
)


def command(
    specs: Annotated[
        list[str] | None, typer.Argument(metavar="SPEC", help="One convolution, in quotes or as @FILE.")
    ] = None,
    inputs: Inputs = None,
    layout: Layout = InputLayout.chw,
    timed: Timed = False,
    time: Seconds = None,
    form: AsFormat = Format.table,
    out: Out = None,
) -> int:
    """Substitutes the literature offers for a convolution, at the same output shape, with the ratio of the MACs.

    The formula is the paper's, the number is counted; it holds at stride 1 with same padding where sizes enter.
    """
    if len(specs or ()) != 1:
        written = quoted(specs or ()) or ['"conv2d c=128 k=3 p=1"']
        raise SpecError(f"alt takes one convolution in quotes: alt {written[0]} -i 64x56x56")
    spec = (specs or [""])[0]
    block, *more = blocks([spec], inputs or ())
    if more or len(block.layers) > 1:
        spot = block.layers[min(1, len(block.layers) - 1)].spot
        raise SpecError("alt takes one convolution, not a stack: compare sets stacks side by side", spot)
    subject = assemble(block, layout=layout.value)
    answer = alternatives(subject)
    subjects = [(spec, subject), *((alternative.name, alternative.subject) for alternative in answer.offered)]
    rows: list[Row] = []
    where: dict[str, Any] = {}
    is_timed = timed or time is not None
    if is_timed:
        rows, where = time_stacks(subjects, duration(time or "1s", "--time"))
    keys = _keys(answer)
    extras = [{**ratios, **times} for ratios, times in zip(keys, time_keys(rows) or [{}] * len(keys), strict=True)]
    report = compare(subjects, extras, where)
    document = report.to_dict()
    sources = [None, *(alternative.source for alternative in answer.offered)]
    document["specs"] = [
        {**alternative, "source": source} for alternative, source in zip(document["specs"], sources, strict=True)
    ]
    document["left_out"] = [alternative._asdict() for alternative in answer.left_out]
    columns = (*ALTERNATIVE_COLUMNS, *(TIMES if is_timed else ()))
    head = [subject.reading, *([timed_on(where)] if is_timed else [])]
    table = Table(columns=columns, rows=stack_rows(report, rows), head=head, foot=_feet(answer))
    return emit(Answer("alt", document, [table], hints=[*hints([subject]), *time_failures(rows)]), form, out)


def _keys(answer: Alternatives) -> list[dict[str, Any]]:
    """What alt adds to each stack's JSON object: the paper's ratio, and words that run."""
    return [
        {"ratio": None, "layers": None},
        *({"ratio": alternative.ratio, "layers": alternative.words} for alternative in answer.offered),
    ]


def _feet(answer: Alternatives) -> list[str]:
    foot = [f"{alternative.name}: {alternative.words}" for alternative in answer.offered]
    if any(alternative.name == OCTAVE.name for alternative in answer.offered):
        foot.append(f"{OCTAVE.name}: its input and output are the same maps, split into two resolutions")
    if not answer.convolution.keeps:
        foot.append("the literature's ratios hold at stride 1 with same padding: here the counted ones are right")
    return foot + [f"left out: {alternative.name}: {alternative.reason}" for alternative in answer.left_out]
