"""`convcalc checkerboard`: how unevenly transposed and strided layers spread."""

from __future__ import annotations

from convcalc.analyses.field.checkerboard import checkerboard, overlap_axes, verdict
from convcalc.analyses.field.overlap import Overlap
from convcalc.cli.options import Ascii, AsFormat, Format, InputLayout, Inputs, Layout, Out, Spec, emit
from convcalc.cli.subjects import hints, read_subject
from convcalc.kinds.even_layers import even_layers
from convcalc.render.table import Answer, Column, Picture, Table
from convcalc.shapes import show
from convcalc.units import count, short

MAX_COUNTS, MAX_PERIOD, MAP_WIDTH, MAP_HEIGHT = 24, 12, 39, 24


def _from_border(counts: tuple[int, ...]) -> str:
    large = max(counts) >= 1000
    limit = MAX_COUNTS // 3 if large else MAX_COUNTS
    return (", " if large else " ").join(map(short, counts[:limit])) + (" ..." if len(counts) > limit else "")


AXES = (
    Column("axis", "axis"),
    Column(
        "pattern", "period", lambda counts: " ".join(map(short, counts)) if len(counts) <= MAX_PERIOD else "no pattern"
    ),
    Column("counts", "counts from the edge", _from_border),
    Column("never", "never written", lambda places: str(len(places)) if places else "-", right=True),
)
REMEDIES = (
    Column("layer", "remedy"),
    Column("output", "output", lambda sizes: show(sizes[1:])),
    Column("verdict", "written"),
    Column("params", "params", count, right=True),
    Column("macs", "MACs", count, right=True),
)


def command(
    spec: Spec = None,
    inputs: Inputs = None,
    layout: Layout = InputLayout.chw,
    ascii_only: Ascii = False,
    form: AsFormat = Format.table,
    out: Out = None,
) -> int:
    """How unevenly transposed layers write their outputs, and what to do.

    Counts the ways from the inputs to each output (a checkerboard where they differ), and back, in the gradient.

    Exit code 1 where outputs away from the borders are written unevenly. For one transposed layer the remedies are
    listed with their cost.
    """
    subject = read_subject(spec, inputs, layout, "checkerboard takes one stack, not several blocks", any_channels=True)
    single = len(subject.block.layers) == 1
    report = checkerboard(subject, even_layers(subject.block.layers[0], subject) if single else [])
    forward, gradient = report.forward, report.gradient
    tables = [
        _table(forward, f"{subject.reading}; {verdict(forward)}", _picture(forward, ascii_only)),
        _table(gradient, f"back, in the gradient: {verdict(gradient)}", None),
    ]
    if report.remedies:
        rows = [remedy._asdict() for remedy in report.remedies]
        foot = ["a transposed layer of stride 1 behind it dampens the pattern without removing it"]
        tables.append(Table(columns=REMEDIES, rows=rows, head=["what writes evenly instead:"], foot=foot))
    answer = Answer("checkerboard", report.to_dict, tables, hints=hints([subject]), holds=report.holds)
    return emit(answer, form, out)


def _table(overlap: Overlap, title: str, picture: Picture | None) -> Table:
    return Table(columns=AXES, rows=overlap_axes(overlap), head=[title], picture=picture)


def _picture(overlap: Overlap, ascii_only: bool) -> Picture | None:
    """The corner of a map: a pattern of single positions is cut, not shrunk."""
    rank = len(overlap.sizes)
    if rank > 2:
        return None
    limits = (MAP_HEIGHT, MAP_WIDTH)[-rank:]
    corner = [min(size, limit) for size, limit in zip(overlap.sizes, limits, strict=True)]
    sizes, cut = " x ".join(map(str, overlap.sizes)), " x ".join(map(str, corner))
    title = "contributions" if cut == sizes else f"contributions (the first {cut} of {sizes})"
    return Picture(terms=overlap.ways.corner(corner), title=title, ascii_only=ascii_only)
