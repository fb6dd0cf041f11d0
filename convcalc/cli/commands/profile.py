"""`convcalc profile`: real timings on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Final

import typer

from convcalc.cli.completions import complete_dtypes, complete_layouts, complete_modes, complete_passes
from convcalc.cli.exits import MISUSED, stop_code
from convcalc.cli.options import (
    AsFormat,
    Depth,
    DeviceName,
    Format,
    InputLayout,
    Inputs,
    Layout,
    Out,
    PeakBandwidth,
    PeakFlops,
    Spec,
    Train,
    check_output,
    emit,
    once_interrupted,
    terminable,
)
from convcalc.cli.profile_options import ProfileOptions
from convcalc.cli.subjects import at_batch, check_runnable, hints, read_subjects, whole_subject
from convcalc.cli.variants import batches, choices, duration, setups, threads
from convcalc.cli.views.best import best_table, code_lines
from convcalc.cli.views.comparison import verdict_text
from convcalc.cli.views.profile import row_tables
from convcalc.cli.views.profile_notes import compile_notes, failures, notes, roof_notes, status_notes
from convcalc.cli.views.progress import bar
from convcalc.errors import ConvcalcError, SpecError
from convcalc.profiling.best import find_best, gpu_setups, layouts
from convcalc.profiling.compare import compare_pair
from convcalc.profiling.environment import ALLOCATORS
from convcalc.profiling.plan import Job
from convcalc.profiling.report import ProfileReport, profile
from convcalc.profiling.roofline import TF32
from convcalc.profiling.run import Limits
from convcalc.profiling.store import RowStore
from convcalc.render.table import Answer, Table
from convcalc.spec.quantities import per_second
from convcalc.subject import Subject
from convcalc.units import giga, plural

MAX_READINGS: Final = 3
"""More inputs than these stand in a column of their own."""


def command(
    spec: Spec = None,
    inputs: Inputs = None,
    input_layout: Layout = InputLayout.chw,
    train: Train = False,
    depth: Depth = 1,
    direction: Annotated[
        str,
        typer.Option(
            "--pass",
            metavar="LIST",
            help="forward, backward, both; a list makes a row of each.",
            autocompletion=complete_passes,
        ),
    ] = "forward",
    device: DeviceName = "auto",
    dtype: Annotated[
        str, typer.Option(metavar="LIST", help="fp32, bf16, fp16.", autocompletion=complete_dtypes)
    ] = "fp32",
    thread_counts: Annotated[
        str, typer.Option("--threads", metavar="LIST", help="CPU threads, such as 1,all; all is every core.")
    ] = "all",
    layout: Annotated[
        str, typer.Option(metavar="LIST", help="nchw, channels_last, prepacked.", autocompletion=complete_layouts)
    ] = "nchw",
    mode: Annotated[
        str,
        typer.Option(
            metavar="LIST",
            help="eager, compile (torch.compile), search (cuDNN's algorithms).",
            autocompletion=complete_modes,
        ),
    ] = "eager",
    batch: Annotated[
        str | None, typer.Option(metavar="LIST", help="Batch sizes in place of the input's: 1,8 or 1:64:pow2.")
    ] = None,
    time: Annotated[str, typer.Option(metavar="SECONDS", help="At most this long for the samples of a row.")] = "3s",
    budget: Annotated[
        str | None,
        typer.Option(metavar="SECONDS", help="At most this long for all measuring [default: 10s to 60s, by the rows]."),
    ] = None,
    cold: Annotated[bool, typer.Option("--cold/--no-cold", help="Time with weights out of cache too.")] = True,
    vs: Annotated[
        str | None, typer.Option("--vs", metavar="SPEC", help="Another stack, in quotes or @FILE: take turns with it.")
    ] = None,
    fastest: Annotated[bool, typer.Option("--best", help="Which layout and mode is fastest for each layer.")] = False,
    details: Annotated[bool, typer.Option("--details", help="All that was recorded, and repro lines.")] = False,
    why: Annotated[bool, typer.Option("--explain", help="Say why each layer takes its time.")] = False,
    roofline: Annotated[bool, typer.Option("--roofline", help="Draw the rows under the machine's roofs.")] = False,
    plot: Annotated[
        str | None, typer.Option("--plot", metavar="FILE", help="Draw the roofline into FILE.svg, .png or .pdf.")
    ] = None,
    save: Annotated[
        str | None, typer.Option("--save", metavar="FILE", help="Append each row to FILE (JSON lines) when it is done.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Skip the rows that --save's file has.")] = False,
    flops: PeakFlops = None,
    bandwidth: PeakBandwidth = None,
    refresh: Annotated[bool, typer.Option("--refresh", help="Measure the machine's roofs again.")] = False,
    allocator: Annotated[
        str, typer.Option(metavar="NAME", help="keep freed pages, or leave them to the system's allocator.")
    ] = "keep",
    keep_denormals: Annotated[bool, typer.Option("--keep-denormals", help="Do not flush subnormals to zero.")] = False,
    form: AsFormat = Format.table,
    out: Out = None,
) -> int:
    """Run the layers here and time each, and the whole: median, kernel, GFLOP/s, and how near the machine's roofs.

    The batch is the first size of -i (8x3x224x224). A process of its own measures, with threads and environment
    fixed; lists make variants. Ctrl-C prints what is done.
    """
    limits = Limits(
        budget=duration(budget, "--budget") if budget else None,
        row=duration(time, "--time"),
        cold=cold and vs is None and not fastest,
        refresh=refresh,
        flops=per_second(flops, "--peak-flops"),
        bandwidth=per_second(bandwidth, "--peak-bw"),
    )
    counts, sizes = threads(thread_counts), batches(batch) if batch else [None]
    for file in (out, save, plot):
        check_output(file)
    if resume and not save:
        raise SpecError("--resume goes on with a file: name it with --save")
    if plot is not None:
        from convcalc.render.plot import check_plot

        check_plot(plot)
    process = choices(allocator, ALLOCATORS, "--allocator")[-1]
    lists = setups(device, dtype, layouts(layout) if fastest else layout, mode, direction, counts)
    if fastest and mode == "eager" and (len(lists) > 1 or device == "cuda"):
        lists = gpu_setups(lists)
    options = ProfileOptions(
        setups=[replace(setup, allocator=process, keep_denormals=keep_denormals) for setup in lists],
        batches=sizes, depth=depth, limits=limits, vs=vs, best=fastest, details=details, explain=why,
        roofline=roofline, plot=plot, save=save, resume=resume, form=form, out=out,
    )  # fmt: skip
    subjects = read_subjects(spec, inputs, input_layout, trains=train)
    check_runnable(subjects)
    options.check_exclusions()
    others = [whole_subject(vs, inputs, input_layout, command="--vs")] if vs is not None else []
    check_runnable(others)
    if vs is not None:
        return _pair(at_batch(subjects, sizes[0]), at_batch(others, sizes[0]), options)
    if fastest:
        return _best(at_batch(subjects, sizes[0]), options)
    return _rows({size: at_batch(subjects, size) for size in sizes}, options)


def _rows(by_batch: dict[int | None, list[Subject]], options: ProfileOptions) -> int:
    """Time every layer and whole under every setup and batch, and print what was seen; return the exit code."""
    store = RowStore(options.save, resume=options.resume)
    graphs = {size: [stack.graph for stack in group] for size, group in by_batch.items()}
    with terminable(), bar() as progress:
        report = profile(graphs, options.setups, options.limits, depth=options.depth, store=store, progress=progress)
    rows, run, first = report.rows, report.run, next(iter(by_batch.values()))
    readings = list(dict.fromkeys(stack.reading for stack in first))
    head = [
        run.headline(options.setups[0]),
        *(readings if len(readings) <= MAX_READINGS and len(by_batch) == 1 else []),
    ]
    foot = notes(report)
    if options.explain or len(rows) == 1:
        foot += [f"{row.title}: {' '.join(row.explanation)}" for row in rows if row.explanation]
    tables = row_tables(rows, head, foot, details=options.details)
    undrawn = _draw(tables, report, head[0], options)
    messages = [*hints(first), *run.hints, *undrawn, *failures(rows)]
    messages += [report.store_failure] if report.store_failure else []
    if run.interrupted:
        messages.append(f"interrupted: {plural(len(rows), 'row')} of {report.row_count} done")
    with once_interrupted(run.interrupted):
        code = emit(Answer("profile", report.to_dict, tables, hints=messages), options.form, options.out)
    if run.interruption is not None:
        return stop_code(run.interruption)
    misused = report.store_failure or (undrawn and options.plot) or any(row.failed for row in rows)
    return MISUSED if misused else code


def _draw(tables: list[Table], report: ProfileReport, title: str, options: ProfileOptions) -> list[str]:
    """Draw the rows of the first row's roofs under them, and return what stands in the way."""
    if not options.roofline and options.plot is None:
        return []
    from convcalc.render import roofline

    rows, run = report.rows, report.run
    peaks = run.roofs(rows[0].identity.setup)
    drawn = [row for row in rows if run.roofs(row.identity.setup) is peaks]
    points = roofline.points(drawn)
    if peaks is None or not points:
        return ["no roofline: " + ("there are no roofs" if points else "no row has multiply-adds")]
    if any(row.roofline.roof_numbers == TF32 for row in drawn):
        run.hints.append(f"the roofline's compute roof is TF32's; fp32's is {giga(peaks.flops_per_s)} GFLOP/s")
        peaks = peaks.of(TF32)
    failures: list[str] = []
    if len(drawn) < len(rows):
        run.hints.append("the roofline shows the rows of the first --dtype and --threads")
    if options.plot is not None:
        try:
            roofline.save(options.plot, points, peaks, title)
        except ConvcalcError as error:
            failures.append(str(error))
    if options.roofline:
        tables[-1] = tables[-1]._replace(lines=roofline.drawing(points, peaks))
    return failures


def _pair(first: Sequence[Subject], second: Sequence[Subject], options: ProfileOptions) -> int:
    """Time two stacks in turns and print both, the ratio, the verdict, and why they differ as they do."""
    if len(first) > 1:
        raise SpecError(f"the first has {len(first)} blocks: --vs compares one stack with one")
    setup, both = options.setups[0], (first[0], second[0])
    jobs = [
        Job(name=letter, text=_text(stack), graph=stack.graph, setup=setup)
        for letter, stack in zip("AB", both, strict=True)
    ]
    with terminable(), bar() as progress:
        report = compare_pair(jobs[0], jobs[1], options.limits, progress)
    rows, run = report.rows, report.run
    head = [run.headline(setup), *dict.fromkeys(stack.reading for stack in both)]
    foot = [
        verdict_text(rows[1]),
        *report.explanation,
        *compile_notes(rows),
        *status_notes(rows),
        *roof_notes(run.peaks),
    ]
    answer = Answer(
        "profile",
        report.to_dict,
        row_tables(rows, head, foot, details=False, pair=True),
        hints=[*hints(both), *run.hints, *failures(rows)],
    )
    code = emit(answer, options.form, options.out)
    return MISUSED if any(row.failed for row in rows) else code


def _text(stack: Subject) -> str:
    return "  ".join(stack.layer_texts) or "the whole"


def _best(blocks: Sequence[Subject], options: ProfileOptions) -> int:
    """Time every variant of each layer in turns, and print the fastest with its gain over the first."""
    with terminable(), bar() as progress:
        report = find_best([stack.graph for stack in blocks], options.setups, options.depth, options.limits, progress)
    run, rows = report.run, report.rows
    variants = "; ".join(dict.fromkeys(row.variant or "" for row in rows))
    head = [
        f"{run.machine.get('name', '')}, default: {report.default.describe()}; tried in turns: {variants}",
        *dict.fromkeys(stack.reading for stack in blocks),
    ]
    foot = [
        *code_lines(report.layers),
        *compile_notes(rows),
        *status_notes(rows),
        "speed-up: default / fastest, with its 95% interval; a gain within 2% is none",
    ]
    failed = [row for row in rows if row.failed]
    notes = [*hints(blocks), *run.hints, *report.left_out, *failures(failed)]
    if run.interrupted:
        notes.append(f"interrupted: {plural(len(report.layers), 'row')} of {report.layer_count} done")
    with once_interrupted(run.interrupted):
        table = best_table(report.layers, head, foot)
        code = emit(Answer("profile", report.to_dict, [table], hints=notes), options.form, options.out)
    if run.interruption is not None:
        return stop_code(run.interruption)
    return MISUSED if failed else code
