"""`app`: the program: commands loaded on demand, and the one place where errors become exit codes.

Typer's parser, help and completion are used as they are; only the group is ours, so that `convcalc shape` imports
one command and not all of them, and `--help` imports none.
"""

from __future__ import annotations

import importlib
import io
import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from convcalc.cli.command_names import COMMANDS, GROUPS, RENAMED, SWITCHED, meant_command
from convcalc.cli.error_messages import argument_spot, report_error
from convcalc.cli.exits import ANSWERED, COMPLETE, INTERRUPTED
from convcalc.cli.messages import say
from convcalc.cli.typer_private import Command
from convcalc.errors import SpecError
from convcalc.limits import MAX_COUNT_DIGITS
from convcalc.printable import printable

if TYPE_CHECKING:
    from convcalc.cli.typer_private import Context


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
        width = max(map(len, COMMANDS))
        for title, commands in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), text) for name, text in commands.items()])

    def resolve_command(self, ctx: Context, args: list[str]) -> Any:
        """Find the command a word names. Raises SpecError with the nearest one."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            raise SpecError(f"there is no command {args[0]!r}{meant_command(args[0])}", argument_spot(args[0], ctx.obj))
        return super().resolve_command(ctx, args)


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
    version: bool = typer.Option(False, "--version", "-V", help="Print the version.", callback=_version, is_eager=True),
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
    words, hints = _renamed(_without_debug(argv))
    for hint in hints:
        say(hint)
    try:
        result = app(args=words, prog_name="convcalc", standalone_mode=False, obj=argv)
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


def _without_debug(argv: Sequence[str]) -> list[str]:
    """The words without --debug, which may stand anywhere; what is behind -- is no option."""
    end = argv.index("--") if "--" in argv else len(argv)
    return [word for place, word in enumerate(argv) if word != "--debug" or place > end]


def _renamed(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the words with today's options, and a hint for each that was an old one."""
    command = next((word for word in argv if not word.startswith("-")), "")
    names = RENAMED.get(command, {})
    words: list[str] = []
    hints: list[str] = []
    for place, word in enumerate(argv):
        name, sign, value = word.partition("=")
        new = names.get(name, name)
        if command in SWITCHED and name == "--time" and not sign and not _is_time(argv[place + 1 : place + 2]):
            new = "--timed"
        if new != name:
            hints.append(f"{name} of {command} is now {new}: the old word goes with the next release")
        words.append(new + sign + value)
    return words, list(dict.fromkeys(hints))


def _is_time(words: Sequence[str]) -> bool:
    """Whether the word behind is a number of seconds."""
    return bool(words) and re.fullmatch(r"[\d.]+\s*(s|ms|m|min|h)?", words[0]) is not None


def _discard_output() -> None:
    """Send what is still to be written to standard output nowhere, so that the interpreter's end finds it open."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
