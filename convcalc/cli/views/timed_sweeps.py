"""`time_sweep`: the kept rows of a sweep timed, written as they are done, and what predicts their time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from convcalc.cli.exits import UNAVAILABLE, stop_code
from convcalc.cli.messages import say
from convcalc.cli.options import Format, emit, once_interrupted, terminable
from convcalc.cli.views.progress import bar
from convcalc.cli.views.sweeps import column_of, dropped_lines
from convcalc.errors import SpecError, UnavailableError
from convcalc.profiling.run import Limits, Run
from convcalc.profiling.store import RowStore
from convcalc.render.table import Answer, Column, Table
from convcalc.sweeps.grid import PLACE, SPEC
from convcalc.sweeps.measure import TIMES, measure_far, measure_rows, predictors, with_times
from convcalc.sweeps.parquet import check_parquet, write_parquet
from convcalc.sweeps.rows import Rows, joined
from convcalc.units import plural, seconds

if TYPE_CHECKING:
    from convcalc.profiling.plan import Setup
    from convcalc.profiling.progress import Progress
    from convcalc.profiling.row import Row
    from convcalc.sweeps.measure import Predictor
    from convcalc.sweeps.selection import Selection
    from convcalc.sweeps.tables import SpecSweep

ROW_S = 0.8
"""What a row has where no budget is given."""
PREDICTORS = (
    Column("count", "time from"),
    Column("r_squared", "R2", lambda value: f"{value:.3f}", right=True),
    Column("constant_s", "constant", lambda value: f"-{seconds(-value)}" if value < 0 else seconds(value), right=True),
    Column("worst", "worst row"),
    Column("off", "its time over the fitted", right=True),
)


@dataclass(slots=True)
class Timing:
    """How a sweep is timed: the setup, seconds for all rows (None: by their number), the file that keeps them.

    `failure` is what ended it early.
    """

    setup: Setup
    budget: float | None = None
    save: str | None = None
    resume: bool = False
    predict: bool = False
    failure: str = ""


def time_sweep(sweep: SpecSweep, selection: Selection, timing: Timing, form: Format, out: str | None) -> int:
    """Time what a selection keeps and write it; what is done is written where it is interrupted."""
    parquet = out is not None and out.lower().endswith(".parquet")
    if parquet:
        check_parquet()
    written = sweep.columns
    which = [SPEC] if len(sweep.grids) > 1 and SPEC not in written else []
    sweep.columns, sweep.wanted = (*written, *which, PLACE), (*sweep.wanted, PLACE)
    chosen = joined(list(sweep.selected(selection)))
    if not chosen.count:
        raise SpecError("nothing is kept, so there is nothing to time")
    budget = timing.budget if timing.budget is not None else max(ROW_S * chosen.count, 1.0)
    limits = Limits(budget=budget, cold=False)
    store = RowStore(timing.save, resume=timing.resume)
    machines: dict[int, str] = {}
    with terminable(), bar() as progress:
        if sweep.cluster is not None:
            run, timed, machines = _far(sweep, chosen, timing, limits, store, progress)
        else:
            run, timed = measure_rows(sweep, chosen, timing.setup, limits, store, progress)
    if run.interruption is not None and not timed:
        raise run.interruption
    rows = with_times(chosen, timed, machines)
    columns = [*written, *TIMES, *(["machine"] if machines else [])]
    fits = predictors(timed, run) if timing.predict else []
    with once_interrupted(run.interrupted):
        if parquet:
            lines = plural(write_parquet([rows.only(columns)], columns, sweep.values, str(out)), "row")
            for hint in (*dropped_lines(sweep.dropped), *run.hints, f"{lines} in {out}"):
                say(hint)
            code = 0
        else:
            code = emit(_answer(sweep, timing, rows.only(columns), run, fits, timed), form, out)
    if timing.failure:
        say(timing.failure)
        return UNAVAILABLE
    return stop_code(run.interruption) if run.interruption is not None else code


def _far(
    sweep: SpecSweep, chosen: Rows, timing: Timing, limits: Limits, store: RowStore, progress: Progress
) -> tuple[Run, dict[int, Row], dict[int, str]]:
    """Time rows on a cluster; what is done is kept where it goes away, and why is said after it."""
    assert sweep.cluster is not None
    timed: dict[int, Row] = {}
    machines: dict[int, str] = {}
    run = Run()
    each = replace(limits, budget=(limits.budget or 1.0) / max(chosen.count, 1) * max(len(sweep.cluster.workers), 1))
    try:
        for number, row, machine in measure_far(sweep, chosen, timing.setup, each, store, progress, sweep.cluster):
            timed[number], machines[number] = row, machine
    except UnavailableError as error:
        if not timed:
            raise
        timing.failure = str(error)
    except KeyboardInterrupt as stop:
        run.interruption = stop
    return run, timed, machines


def _answer(
    sweep: SpecSweep, timing: Timing, rows: Rows, run: Run, fits: list[Predictor], timed: dict[int, Row]
) -> Answer:
    texts = list(rows.records(text=True))
    where = "a cluster" if sweep.cluster is not None else run.headline(timing.setup)
    head, foot = [where], [plural(rows.count, "row")]
    tables = [Table([_column(name, texts) for name in rows.columns], texts, head=head, foot=foot)]
    if fits:
        worst = [{"worst": timed[fit.worst].identity.spec, "off": _off_text(fit.off)} for fit in fits]
        lines = [{**_fit_json(fit), **words} for fit, words in zip(fits, worst, strict=True)]
        title = "the time fitted as a constant and so much for each:"
        tables.append(Table(PREDICTORS, lines, head=["", title], name="predictors"))
    document: dict[str, Any] = {
        "columns": list(rows.columns),
        "count": rows.count,
        "dropped": dict(sweep.dropped),
        "machine": run.machine,
        "rows": list(rows.records(text=False)),
        **({"predictors": [_fit_json(fit) for fit in fits]} if fits else {}),
    }
    return Answer("sweep", document, tables, hints=[*dropped_lines(sweep.dropped), *run.hints])


def _off_text(off: float) -> str:
    """How far a time is from what was predicted, in words."""
    return f"{off:.2f} times" if off >= 1 else f"1/{1 / off:.2f} of it"


def _fit_json(fit: Predictor) -> dict[str, Any]:
    return {
        "count": fit.count, "r_squared": fit.r_squared, "constant_s": fit.constant_s, "each_s": fit.each_s,
        "worst": fit.worst, "off": fit.off,
    }  # fmt: skip


def _column(name: str, rows: list[dict[str, Any]]) -> Column:
    if name in ("median_s", "interval_low_s", "interval_high_s"):
        title = {"median_s": "median", "interval_low_s": "at least", "interval_high_s": "at most"}[name]
        return Column(name, title, lambda value: "-" if value is None else seconds(value), right=True)
    return column_of(name, rows)
