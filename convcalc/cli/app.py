"""`app`: the program: commands loaded on demand, and the one place where errors become exit codes.

Typer's parser, help and completion are used as they are; only the group is ours, so that `convcalc shape` imports
one command and not all of them, and `--help` imports none.
"""

from __future__ import annotations

import importlib
import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer
from typer.core import TyperGroup

from convcalc.cli.error_messages import argument_spot, report_error
from convcalc.cli.exits import ANSWERED, COMPLETE, INTERRUPTED
from convcalc.cli.typer_private import Command
from convcalc.errors import ConvcalcError, SpecError, nearest
from convcalc.limits import MAX_COUNT_DIGITS
from convcalc.printable import printable

if TYPE_CHECKING:
    from convcalc.cli.typer_private import Context

COMMANDS: Final[dict[str, str]] = {
    "shape": "Output shape after each layer and at the end.",
    "params": "Weights, biases and norm parameters per layer.",
    "macs": "Multiply-adds per layer, and the other work beside them.",
    "memory": "Bytes of parameters and activations, in inference and in training.",
    "rf": "Receptive field: size, jump, start and centre per layer.",
    "hdc-check": "Do dilated convolutions leave holes? The paper's rules and the exact answer.",
    "hdc-design": "Dilation rates that reach a field without holes.",
    "checkerboard": "How unevenly transposed layers write their outputs, and what to do.",
    "solve": "Which layer turns size A into B, and which inputs fit a stack.",
    "separable": "Can a kernel be split into a column and a row, and does it pay?",
    "matrix": "A small convolution as the sparse matrix it is.",
    "lint": "What an expert would say about the layers, with a remedy for each.",
    "summary": "Shapes, parameters, multiply-adds and receptive field in one table.",
    "profile": "Run the layers here and time them.",
    "diff": "Two saved runs of profile, row by row: faster, slower, or the same.",
    "machine": "What this machine can do at most: FLOP/s, bytes/s, and the ridge between.",
    "compare": "Several layers side by side, with ratios to the first.",
    "alt": "What the literature offers in a convolution's place, with the ratio of the work.",
    "verify": "Our numbers beside torch's own and fvcore's.",
    "reconcile": "From our number to fvcore's, torchinfo's, ptflops', thop's and others', term by term.",
    "kinds": "Every kind of layer, or one kind's arguments, defaults and source.",
    "explain": "What a kind is, its graph, and its formulas derived from its recipe.",
    "convert": "A network of darknet, benchdnn, MIOpenDriver or timm in convcalc's words.",
    "examples": "The spec files that come with convcalc.",
    "about": "Versions, devices, cache and zoos here, for a report of a bug.",
    "completion": "A completion script for your shell.",
    "help": "A command's help, how layers are written (spec), or what is refused (limits).",
}


class CommandGroup(TyperGroup):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: Context) -> list[str]:
        """Return the names in the order of the table above."""
        return list(COMMANDS)

    def get_command(self, ctx: Context, cmd_name: str) -> Any:
        """Import one command and return it."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"convcalc.cli.commands.{cmd_name.replace('-', '_')}")
        single = typer.Typer(add_completion=False, rich_markup_mode=None)
        context = {"help_option_names": ["-h", "--help"]}
        single.command(cmd_name, cls=Command, context_settings=context)(module.command)
        return typer.main.get_command(single)

    def format_commands(self, ctx: Context, formatter: Any) -> None:
        """List the commands in `--help` without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(self, ctx: Context, args: list[str]) -> Any:
        """Find the command a word names. Raises SpecError with the nearest one."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            raise SpecError(f"there is no command {args[0]!r}{_meant(args[0])}", argument_spot(args[0], ctx.obj))
        return super().resolve_command(ctx, args)


def _meant(word: str) -> str:
    """What a word that is no command may have meant: a model, or a command with a typo."""
    from convcalc.spec.model_words import model_hint, model_words

    with suppress(ConvcalcError):
        if model_words([word]) is not None:
            return f"; for a model: convcalc summary {word}"
    hint = model_hint(word)
    return f"{hint}: convcalc summary ..." if hint and ":" in hint else hint or nearest(word, COMMANDS)


app = typer.Typer(
    cls=CommandGroup,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Start with: convcalc summary @resnet_stem    (convcalc COMMAND -h says more)",
)


def _version(is_set: bool) -> None:
    if is_set:
        from importlib.metadata import version

        print(f"convcalc {version('convcalc')}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def program(
    ctx: typer.Context,
    version: bool = typer.Option(False, "--version", help="Print the version.", callback=_version, is_eager=True),
    debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error."),
) -> None:
    """Convolution arithmetic you can check, and kernels you can time.

    A layer is a PyTorch call, "Conv2d(3, 64, 7, stride=2)", or words: conv2d out_channels=64 k=7 s=2. Layers
    follow one another; @FILE reads them from a file, - from standard input; -i 3x224x224 is the input.
    """
    if ctx.invoked_subcommand is None:
        print(ctx.get_help())


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    sys.exit(run(sys.argv[1:] if argv is None else argv))


def run(argv: Sequence[str]) -> int:
    """Run the command line and return the exit code; every error is one line, with a caret where it has a place."""
    argv = list(argv)
    sys.set_int_max_str_digits(MAX_COUNT_DIGITS + 300)  # whatever the environment says
    for stream in ("stdout", "stderr"):
        if getattr(sys, stream) is None:  # closed by the caller
            setattr(sys, stream, Path(os.devnull).open("w"))  # noqa: SIM115  open until the end
        elif isinstance(getattr(sys, stream), io.TextIOWrapper):  # a sign that the locale lacks is printed as ?
            getattr(sys, stream).reconfigure(errors="replace")
    if COMPLETE in os.environ:
        from convcalc.cli.typer_private import start_completion

        start_completion()
    try:
        result = app(args=argv, prog_name="convcalc", standalone_mode=False, obj=argv)
        sys.stdout.flush()
        return result if isinstance(result, int) else ANSWERED
    except (BrokenPipeError, SystemExit) as stop:
        # Typer and Rich turn a closed pipe into exit 1; the reader has had what it wanted.
        if isinstance(stop, SystemExit) and COMPLETE in os.environ:
            return int(stop.code or 0)
        _discard_output()
        return ANSWERED
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        if "--debug" in argv:
            import traceback

            lines = traceback.format_exc().splitlines()
            print("\n".join(map(printable, lines)), file=sys.stderr)
        if isinstance(error, OSError):  # what is left in the buffer cannot be written either
            _discard_output()
        return report_error(error, argv)


def _discard_output() -> None:
    """Send what is still to be written to standard output nowhere, so that the interpreter's end finds it open."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
