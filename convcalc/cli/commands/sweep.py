"""`convcalc sweep`: every combination of ranges of settings and sizes, and which of them are worth keeping."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convcalc.cli.completions import complete_layers
from convcalc.cli.messages import say
from convcalc.cli.options import (
    AsFormat,
    DeviceName,
    Format,
    InputLayout,
    Inputs,
    Layout,
    Out,
    check_output,
    immediate_interrupts,
)
from convcalc.cli.ranges import Dtype, range_hints, sweep_blocks
from convcalc.errors import SpecError, nearest
from convcalc.spec.model_words import ModelWords, model_words
from convcalc.spec.tensors import tensor
from convcalc.units import ITEMSIZES

if TYPE_CHECKING:
    from convcalc.sweeps.cluster import Cluster

ENGINES = ("process", "dask")


def command(
    spec: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="LAYERS...",
            help="Layers with ranges, c=32:512:32 k=3,5; or several specs, each in quotes or as @FILE.",
            autocompletion=complete_layers,
        ),
    ] = None,
    inputs: Inputs = None,
    layout: Layout = InputLayout.chw,
    keep: Annotated[
        str | None, typer.Option("--keep", metavar="CONDITION", help="Only these rows: 'macs < 300e6 and rf >= 31'.")
    ] = None,
    sort: Annotated[
        str | None, typer.Option("--sort", metavar="COLUMN", help="In this order, the largest first (macs:asc).")
    ] = None,
    top: Annotated[int | None, typer.Option("--top", metavar="N", min=1, help="Only the first N rows.")] = None,
    pareto: Annotated[
        str | None,
        typer.Option(
            "--pareto",
            metavar="COLUMNS",
            help="Only rows that no other beats in all: macs,params,rf:max (less is better).",
        ),
    ] = None,
    columns: Annotated[
        str | None, typer.Option("--columns", metavar="LIST", help="Which columns, such as out_channels,macs,rf.")
    ] = None,
    dtype: Annotated[Dtype, typer.Option("--dtype", help="Element type of memory and times.")] = Dtype.fp32,
    timed: Annotated[bool, typer.Option("--profile", help="Time each row that is kept, as profile does.")] = False,
    predict: Annotated[
        bool, typer.Option("--model-of-time", help="With --profile: how well MACs, bytes and the roofline predict it.")
    ] = False,
    device: DeviceName = "auto",
    thread_count: Annotated[
        str, typer.Option("--threads", metavar="N", help="CPU threads; all is every core.")
    ] = "all",
    budget: Annotated[
        str | None,
        typer.Option("--budget", metavar="SECONDS", help="At most this long for all measuring [0.8s a row]."),
    ] = None,
    save: Annotated[
        str | None, typer.Option("--save", metavar="FILE", help="Append each timed row to FILE when it is done.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Skip the rows that --save's file has.")] = False,
    draw: Annotated[
        str | None,
        typer.Option(
            "--draw", metavar="X,Y", help="Draw two columns of the rows below them, the front of both marked."
        ),
    ] = None,
    plot: Annotated[
        str | None, typer.Option("--plot", metavar="FILE", help="Draw them into FILE.svg, .png or .pdf.")
    ] = None,
    engine: Annotated[
        str, typer.Option("--engine", metavar="NAME", help="process (this one), or dask: the workers of a cluster.")
    ] = "process",
    scheduler: Annotated[
        str | None, typer.Option("--scheduler", metavar="ADDRESS", help="Of dask: tcp://HOST:8786.")
    ] = None,
    form: AsFormat = Format.table,
    out: Out = None,
) -> int:
    """A row for every valid combination of ranges: the settings, input and output, parameters, MACs, field and memory.

    A range is 32:512:32 (both ends), 8:64:pow2, or a list 1,3,5; a list of inputs is 3x224x224,3x256x256. What is no
    configuration is dropped and counted by reason. CSV and JSON lines are written as they come, however many rows.
    """
    check_output(out, rows=True)
    chosen = list(dict.fromkeys(name.strip() for name in columns.split(","))) if columns else None
    options: dict[str, Any] = {"keep": keep, "sort": sort, "top": top, "pareto": pareto}
    _check_together(
        timed=timed,
        drawn=bool(draw or plot),
        streamed=form in (Format.csv, Format.jsonl) or str(out).lower().endswith((".csv", ".jsonl", ".parquet")),
        of_timing={
            "--model-of-time": predict, "--budget": budget, "--save": save, "--resume": resume,
            "--device": device != "auto", "--threads": thread_count != "all",
        },
    )  # fmt: skip
    if (words := model_words(spec or ())) is not None:
        if timed or draw or plot or engine != "process" or scheduler or layout is not InputLayout.chw:
            raise SpecError("a model's sweep takes no --profile, --draw, --plot, --engine, --scheduler, --input-layout")
        return _models(words, list(spec or ()), inputs or [], chosen, options, dtype, form, out)
    blocks = sweep_blocks(spec, inputs)
    with immediate_interrupts():
        from convcalc.cli.views.sweeps import read_drawing, watched, write_sweep
        from convcalc.sweeps.grid import grid_of
        from convcalc.sweeps.selection import read_selection
        from convcalc.sweeps.tables import USUAL, known_columns, sweep_specs

    known = known_columns({name: grid_of(block, layout.value) for name, block in blocks.items()})
    selection = read_selection(known, **options)
    drawn = [name.partition(":")[0].strip() for name in draw.split(",")] if draw else []
    settings = known[: known.index("input")]
    if chosen is not None and drawn:  # a curve over a setting is of the others' values
        apart = settings if drawn[0] in settings else [name for name in settings if name == "spec"]
        chosen = list(dict.fromkeys([*apart, *chosen, *drawn]))
    sweep = sweep_specs(blocks, chosen, USUAL, selection.columns | {*drawn}, layout.value)
    sweep.dtype, sweep.itemsize = dtype.value, ITEMSIZES[dtype.value]
    for hint in range_hints(blocks):
        say(hint)
    with _cluster(engine, scheduler) as sweep.cluster:
        if timed:
            check_output(save)
            where, kept = (device, dtype.value, thread_count), (budget, save)
            return _timed(sweep, selection, where, kept, (resume, predict), form, out)
        drawing = read_drawing(draw, plot, known) if draw or plot else None
        with watched(sweep.rows) as done:
            return write_sweep(sweep.selected(selection, done), sweep, form, out, drawing=drawing)


def _check_together(*, timed: bool, drawn: bool, streamed: bool, of_timing: dict[str, Any]) -> None:
    """Raise SpecError for options of which one would be passed over."""
    alone = [name for name, value in of_timing.items() if value]
    if alone and not timed:
        verb = "goes" if len(alone) == 1 else "go"
        raise SpecError(f"{', '.join(alone)} {verb} with --profile")
    if drawn and timed:
        raise SpecError("--draw and --plot draw what is counted: leave --profile out")
    if drawn and streamed:
        raise SpecError("--draw and --plot go with a table or a JSON document, not with rows written as they come")


def _cluster(engine: str, scheduler: str | None) -> AbstractContextManager[Cluster | None]:
    """The workers of a scheduler, or nobody. Raises SpecError for an engine that is not there."""
    if engine not in ENGINES:
        raise SpecError(f"--engine is one of {', '.join(ENGINES)}, not {engine!r}{nearest(engine, ENGINES)}")
    if engine == "process":
        if scheduler is not None:
            raise SpecError("--scheduler goes with --engine dask")
        return nullcontext()
    if scheduler is None:
        raise SpecError("--engine dask needs the address of its scheduler: --scheduler tcp://HOST:8786")
    from convcalc.sweeps.cluster import Cluster

    return Cluster(scheduler)


def _models(
    words: ModelWords, texts: list[str], inputs: list[str], chosen: list[str] | None, options: dict[str, Any],
    dtype: Dtype, form: Format, out: str | None,
) -> int:  # fmt: skip
    """A row for each combination of a model's arguments and inputs."""
    given = [tensor(text) for text in inputs]
    with immediate_interrupts():
        from convcalc.cli.views.sweeps import watched, write_sweep
        from convcalc.pytorch.load import load
        from convcalc.sweeps.models import ModelSweep, input_alternatives, model_axes
        from convcalc.sweeps.selection import read_selection
        from convcalc.sweeps.tables import USUAL, check_columns

    each = texts[0].split() if len(texts) == 1 else texts
    sweep = ModelSweep(words, model_axes(words, each[1:]), input_alternatives(given), load)
    selection = read_selection(sweep.every, **options)
    check_columns(chosen, sweep.every)
    usual = [name for name in sweep.every if name in (*sweep.arguments, "input", "output", *USUAL, *selection.columns)]
    sweep.columns, sweep.dtype, sweep.itemsize = tuple(chosen or usual), dtype.value, ITEMSIZES[dtype.value]
    with watched(sweep.rows) as done:
        return write_sweep(sweep.selected(selection, done), sweep, form, out)


def _timed(
    sweep: Any, selection: Any, where: tuple[str, str, str], kept: tuple[str | None, str | None],
    flags: tuple[bool, bool], form: Format, out: str | None,
) -> int:  # fmt: skip
    """Time what is kept."""
    from convcalc.cli.variants import duration, setups, threads
    from convcalc.cli.views.timed_sweeps import Timing, time_sweep

    device, dtype, count = where
    budget, save = kept
    resume, predict = flags
    if resume and not save:
        raise SpecError("--resume goes on with a file: name it with --save")
    (setup, *more) = setups(device, dtype, "nchw", "eager", "forward", threads(count))
    if more:
        raise SpecError("sweep --profile takes one number of --threads")
    seconds = duration(budget, "--budget") if budget else None
    return time_sweep(sweep, selection, Timing(setup, seconds, save, resume, predict), form, out)
