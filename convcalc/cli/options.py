"""`emit`: the options that commands share, said once, and how an answer leaves the program."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TextIO, TypeAlias

import typer

from convcalc.cli.completions import complete_devices, complete_layers
from convcalc.cli.exits import INTERRUPTED, TERMINATED, Terminated
from convcalc.cli.messages import say
from convcalc.errors import ConvcalcError, SpecError
from convcalc.files import replacing
from convcalc.limits import MAX_DEPTH
from convcalc.render.html import to_html
from convcalc.render.table import Answer, to_csv, to_github, to_json, to_jsonl, to_markdown


class Format(StrEnum):
    """How an answer is written."""

    table = "table"
    json = "json"
    jsonl = "jsonl"
    csv = "csv"
    markdown = "markdown"
    html = "html"
    github = "github"


class InputLayout(StrEnum):
    """The order of an image's sizes in -i."""

    chw = "chw"
    hwc = "hwc"


Spec: TypeAlias = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="LAYERS...",
        help="Layers: calls, kinds with key=value words, @FILE, or - for stdin.",
        autocompletion=complete_layers,
    ),
]
Inputs: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--input", "-i", metavar="SIZES", help="Input sizes joined by x, such as 3x224x224; repeatable."),
]
Layout: TypeAlias = Annotated[InputLayout, typer.Option("--input-layout", help="Order of the sizes given with -i.")]
Train: TypeAlias = Annotated[
    bool,
    typer.Option("--train", help="Run a model's forward in training mode (batch norms take the batch's statistics)."),
]
Convention: TypeAlias = Annotated[
    str | None,
    typer.Option("--convention", metavar="NAME", help="Say what fvcore, torch, torchinfo, thop, ... counts, and why."),
]
AsFormat: TypeAlias = Annotated[
    Format, typer.Option("--format", "-f", help="How to write the answer; -o FILE.json, .csv, .md say it as well.")
]
Out: TypeAlias = Annotated[
    str | None, typer.Option("--output", "-o", metavar="FILE", help="Write the answer to FILE instead.")
]
Depth: TypeAlias = Annotated[
    int, typer.Option("--depth", min=1, max=MAX_DEPTH, help="How deep into the parts of a layer rows go.")
]
DeviceName: TypeAlias = Annotated[
    str,
    typer.Option(
        "--device",
        metavar="NAME",
        help="auto, cpu, cuda, mps or xpu; auto takes a GPU if there is one.",
        autocompletion=complete_devices,
    ),
]
PeakFlops: TypeAlias = Annotated[
    str | None, typer.Option("--peak-flops", metavar="N", help="Compute roof by hand, FLOP/s, such as 989T.")
]
PeakBandwidth: TypeAlias = Annotated[
    str | None, typer.Option("--peak-bw", metavar="N", help="Memory roof by hand, bytes/s, such as 3.35T.")
]
At: TypeAlias = Annotated[
    str | None,
    typer.Option("--at", metavar="NUMBERS", help="Of formulas (-i CxHxW c=M): numbers for letters, C=64,H=56."),
]
Latex: TypeAlias = Annotated[bool, typer.Option("--latex", help="Write formulas as LaTeX.")]
Ascii: TypeAlias = Annotated[bool, typer.Option("--ascii", help="Draw with ASCII characters only.")]
Drawn: TypeAlias = Annotated[bool, typer.Option("--picture/--no-picture", help="Draw the map below the table.")]

WRITERS = {
    Format.json: to_json, Format.jsonl: to_jsonl, Format.csv: to_csv, Format.markdown: to_markdown,
    Format.html: to_html, Format.github: to_github,
}  # fmt: skip


SUFFIXES = {
    ".json": Format.json, ".jsonl": Format.jsonl, ".csv": Format.csv, ".md": Format.markdown, ".html": Format.html,
}  # fmt: skip
"""What a file is written as by the end of its name, where no format is given."""


def emit(answer: Answer, form: Format, out: str | None) -> int:
    """Write an answer where it was asked for and return the exit code: 1 where what was asked does not hold."""
    check_output(out)
    if out is not None and form is Format.table:
        form = SUFFIXES.get(Path(out).suffix.lower(), form)
    if form is Format.github and answer.annotations is None:
        raise SpecError("--format github is for lint, diff and --assert: nothing else speaks of a pull request")
    if out is not None and Path(out).suffix.lower() == ".svg":
        _draw(answer, out)
    else:
        with opened(out) as stream:
            _write(answer, form, stream)
    for hint in answer.hints:
        say(hint)
    return 0 if answer.holds else 1


def write_text(text: str, out: str | None) -> int:
    """Write a text where it was asked for, as it is, and return exit code 0."""
    check_output(out)
    with opened(out) as stream:
        stream.write(text)
    return 0


@contextmanager
def opened(out: str | None) -> Iterator[TextIO]:
    """Standard output, or a file that is there once it is whole. Raises ConvcalcError where it cannot be written."""
    if out is None:
        yield sys.stdout
        return
    try:
        with replacing(Path(out)) as path, path.open("w", encoding="utf-8", errors="replace") as file:
            yield file
    except OSError as error:
        raise ConvcalcError(f"{out} cannot be written: {error.strerror or error}") from None


def _draw(answer: Answer, out: str) -> None:
    """Write the map of an answer into a file. Raises SpecError where it has none."""
    from convcalc.render.map_svg import map_svg

    if all(table.picture is None for table in answer.tables):
        raise SpecError(f"{out}: this answer has no map to draw (hdc-check and checkerboard draw theirs)")
    with replacing(Path(out)) as path:
        path.write_text(map_svg(answer.tables), encoding="utf-8")


def check_output(out: str | None, *, rows: bool = False) -> None:
    """Refuse a file that cannot be written before any work is done; Parquet is for rows. Raises ConvcalcError."""
    if out is None:
        return
    path = Path(out)
    if not rows and path.suffix.lower() == ".parquet":
        raise SpecError(f"{out} cannot be written: Parquet is for the rows of sweep, fit and ranges")
    reason = ""
    if not out or path.is_dir():
        reason = "it names no file" if not out else "it is a folder"
    elif not path.absolute().parent.is_dir():
        reason = f"there is no folder {path.parent}"
    elif not os.access(path if path.exists() else path.absolute().parent, os.W_OK):
        reason = "permission denied"
    if reason:
        raise ConvcalcError(f"{out or 'the output'} cannot be written: {reason}")


@contextmanager
def immediate_interrupts() -> Iterator[None]:
    """Let Ctrl-C end the program at once while torch loads: its own start-up can swallow the exception."""
    with _signals({signal.SIGINT: lambda *_: os._exit(INTERRUPTED)}):
        yield


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM end what runs as Ctrl-C does, so that what is done is printed; with nothing done it is an exit."""

    def stop(*_: object) -> None:
        raise Terminated

    try:
        with _signals({signal.SIGTERM: stop}):
            yield
    except Terminated:
        raise typer.Exit(TERMINATED) from None


@contextmanager
def once_interrupted(interrupted: bool) -> Iterator[None]:
    """Let what is done be printed to its end: a second signal while it is printed is the same as the first."""
    with _signals(dict.fromkeys((signal.SIGINT, signal.SIGTERM), signal.SIG_IGN) if interrupted else {}):
        yield


@contextmanager
def _signals(handlers: Mapping[signal.Signals, Any]) -> Iterator[None]:
    """Handle some signals in another way for a while; outside of the main thread nobody can."""
    before = {}
    with suppress(ValueError):
        before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _write(answer: Answer, form: Format, stream: TextIO) -> None:
    if form in WRITERS:
        stream.write(WRITERS[form](answer))
        return
    from convcalc.render.terminal import print_answer

    print_answer(answer, stream)
