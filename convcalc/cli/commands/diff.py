"""`convcalc diff`: two saved runs, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convcalc.analyses.counts.report import count
from convcalc.analyses.layer_answers import summarise
from convcalc.analyses.summary_diff import diff_summaries
from convcalc.cli.assertions import Asserts, with_assertions
from convcalc.cli.options import AsFormat, Format, InputLayout, Inputs, Out, check_output, emit
from convcalc.cli.subjects import place_of, whole_subject
from convcalc.cli.views.comparison import ratio_text
from convcalc.cli.views.profile import optional_seconds
from convcalc.cli.views.summary_diff import diff_table
from convcalc.documents import envelope, plain, read_json
from convcalc.errors import SpecError
from convcalc.limits import MAX_SAVE_BYTES
from convcalc.profiling.intervals import AMBIGUOUS, FASTER, SAME, SLOWER
from convcalc.profiling.row import shape_text
from convcalc.profiling.run_diff import diff_runs
from convcalc.profiling.status import FAILED
from convcalc.render.table import Annotation, Answer, Column, Table
from convcalc.spec.model_words import model_words
from convcalc.units import plural

if TYPE_CHECKING:
    from convcalc.profiling.row import Row

MAX_ROWS_NAMED = 5
File = Annotated[
    str,
    typer.Argument(metavar="FILE", help="What profile --save or summary -f json wrote; or a spec or model in quotes."),
]
COLUMNS = (
    Column("name", "#"),
    Column("spec", "layer"),
    Column("input", "input"),
    Column("variant", "setup"),
    Column("before_s", "before", optional_seconds, right=True),
    Column("after_s", "after", optional_seconds, right=True),
    Column("shown", "after / before"),
    Column("verdict", "is"),
    Column("status", "status"),
)


def command(
    before: File,
    after: File,
    force: Annotated[bool, typer.Option("--force", help="Compare runs of unlike machines or versions too.")] = False,
    inputs: Inputs = None,
    asserts: Asserts = None,
    form: AsFormat = Format.table,
    out: Out = None,
) -> int:
    """Compare two saved runs of profile, two saved summaries (summary -f json -o FILE), or two specs or models.

    Of runs: the ratio of the medians with an interval, and a verdict. Of summaries: what has changed, layer by layer;
    exit code 1 only with --assert.

    The two were not timed in turns: where a matrix product took longer in one than in the other, the interval is
    widened by as much. Exit code 1 where a row is slower, or failed.
    """
    check_output(out)
    documents = [_summary(text, inputs) for text in (before, after)]
    if documents[0] is not None and documents[1] is not None:
        changes = diff_summaries(documents[0], documents[1])
        table = diff_table(changes, (before, after))
        answer = Answer("diff", changes.to_dict, [table], annotations=[])
        return emit(with_assertions(answer, asserts, changes.figures, changes.at_least, place_of([after])), form, out)
    if documents[0] is not None or documents[1] is not None:
        odd = before if documents[0] is None else after
        raise SpecError(
            f"{odd} is not a summary: {'it holds something else' if Path(odd).is_file() else 'there is no such file'}"
        )
    if asserts or inputs:
        raise SpecError("--assert and -i go with two summaries, specs or models, not with saved runs")
    diff = diff_runs(before, after, force=force)
    rows = [
        {**row.to_dict(index), "input": shape_text(row.before), "shown": ratio_text(row.ratio)}
        for index, row in enumerate(diff.rows)
    ]
    counts = [
        f"{sum(row.verdict == word for row in diff.rows)} {word}" for word in (FASTER, SLOWER, SAME, AMBIGUOUS, FAILED)
    ]
    foot = [
        f"{', '.join(counts)} of {plural(len(rows), 'row')}; within 5% is the same, as the runs were not in turns",
        *(f"only in {before}: {_names(diff.only_before)}" for _ in diff.only_before[:1]),
        *(f"only in {after}: {_names(diff.only_after)}" for _ in diff.only_after[:1]),
        *(f"forced: {text}" for text in diff.differences[:MAX_ROWS_NAMED]),
    ]
    several = len({row["variant"] for row in rows}) > 1
    needless = {*([] if several else ["variant"]), *([] if len({row["input"] for row in rows}) > 1 else ["input"])}
    columns = [column for column in COLUMNS if column.key not in needless]
    table = Table(columns, rows, foot=foot)
    slower = [row for row in diff.rows if row.verdict in (SLOWER, FAILED)]
    notes = [Annotation("error", f"{row.before.title}: {row.verdict}", "convcalc diff") for row in slower]
    return emit(Answer("diff", diff.to_dict, [table], holds=diff.holds, annotations=notes), form, out)


def _summary(text: str, inputs: Sequence[str] | None) -> dict[str, Any] | None:
    """The document of a saved summary, or of layers or a model; None for a saved run of profile.

    Raises SpecError for a file that is neither.
    """
    path = Path(text)
    if not path.is_file() or path.suffix in (".py", ".onnx", ".pt2"):
        single = len(text.split()) == 1 and not text.startswith("@") and model_words([text]) is None
        if single and (path.suffix or path.name != text):
            return None  # the reader of runs says that it is not there
        subject = whole_subject(text, inputs, InputLayout.chw, command="diff")
        return envelope("summary", plain(summarise(count([subject])).to_dict()))
    with path.open("rb") as file:
        start = file.read(MAX_SAVE_BYTES + 1)
    if len(start) > MAX_SAVE_BYTES or not start.lstrip().startswith(b"{\n"):
        return None
    document: dict[str, Any] = read_json(start.decode("utf-8", "replace"))
    return document


def _names(rows: Sequence[Row]) -> str:
    more = len(rows) - MAX_ROWS_NAMED
    return ", ".join(row.title for row in rows[:MAX_ROWS_NAMED]) + (f" and {more} more" if more > 0 else "")
