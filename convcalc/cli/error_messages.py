"""`report_error`: the one place where an error becomes a line and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress

import typer

from convcalc.cli.command_names import meant_option
from convcalc.cli.exits import BUG, MISUSED, UNAVAILABLE
from convcalc.cli.messages import INDENT, columns_of, say, width_of
from convcalc.errors import ConvcalcError, ShapeError, SpecError, Spot, UnavailableError

CARET_WIDTH = 100
DEPENDENCIES = ("torch", "numpy", "fvcore", "sympy")
"""Packages that some commands need and others work without."""
REWORDED = {
    "is not a valid int range": "is not a whole number",
    "is not a valid int": "is not a whole number",
    "is not a valid float range": "is not a number",
}
"""Typer's words and ours, the longer ones first."""


def report_error(error: Exception, argv: Sequence[str]) -> int:
    """Print an error as one line on stderr, with a caret where it has a place, and return its exit code."""
    if isinstance(error, ConvcalcError):
        spot = error.spot if isinstance(error, (SpecError, ShapeError)) else None
        _say(str(error), spot)
        return UNAVAILABLE if isinstance(error, UnavailableError) else MISUSED
    if isinstance(error, typer.TyperException):
        option = getattr(error, "option_name", None) or ""
        message = _reworded(" ".join(getattr(error, "format_message", error.__str__)().split()))
        if hasattr(error, "possibilities"):
            message = f"no such option: {option}{meant_option(option, _options(error))}"
        spot = argument_spot(option, argv)
        typed = spot.line[spot.start : spot.end] if spot else option
        where = f" (in {typed!r})" if typed not in (option, f"{option}=") and not typed.startswith("--") else ""
        _say(message[:1].lower() + message[1:].rstrip(".") + where, spot)
        return MISUSED
    if isinstance(error, OSError):
        _say(f"{error.filename or 'the output'} cannot be written: {error.strerror or error}")
        return MISUSED
    if isinstance(error, ModuleNotFoundError) and (missing := (error.name or "").partition(".")[0]) in DEPENDENCIES:
        _say(f"{missing} is not installed here, and this needs it: pip install {missing}")
        return UNAVAILABLE
    _say(f"this is a bug in convcalc: {type(error).__name__}: {error} (run again with --debug and report it)")
    return BUG


def _options(error: typer.TyperException) -> list[str]:
    """The options of the command that an error is of."""
    context = getattr(error, "ctx", None)
    parameters = context.command.params if context is not None else ()
    return [name for parameter in parameters for name in (*parameter.opts, *parameter.secondary_opts)]


def _reworded(message: str) -> str:
    """Typer's message without Python's names of types."""
    for theirs, ours in REWORDED.items():
        message = message.replace(theirs, ours)
    return message


def argument_spot(word: str, argv: Sequence[str]) -> Spot | None:
    """Return the place of a word on the command line, or of the short options that begin with it."""
    short = word.startswith("-") and not word.startswith("--")
    spot, start = None, 0
    for item in argv:
        if word and (item == word or item.startswith(f"{word}=") or (short and item.startswith(word))):
            spot = Spot(" ".join(argv), start, start + len(item))
        start += len(item) + 1
    return spot


def _say(message: str, spot: Spot | None = None) -> None:
    with suppress(OSError):
        _print(message, spot)


def _print(message: str, spot: Spot | None) -> None:
    where = f"{spot.origin}: " if spot and spot.origin else ""
    say(where + message)
    if spot and spot.line.strip() and "\n" not in spot.line:
        most = min(CARET_WIDTH, (width_of(sys.stderr) or CARET_WIDTH) - len(INDENT))
        start = max(0, min(spot.start, spot.end - 1) - most // 2) if columns_of(spot.line) > most else 0
        piece = ""
        for letter in spot.line[start : start + most]:
            shown = letter if letter.isprintable() else " "
            if columns_of(piece + shown) > most:
                break
            piece += shown
        before, marked = piece[: spot.start - start], piece[spot.start - start : spot.end - start]
        marks = " " * columns_of(before) + "^" * max(1, columns_of(marked))
        print(f"{INDENT}{piece}\n{INDENT}{marks}", file=sys.stderr)
