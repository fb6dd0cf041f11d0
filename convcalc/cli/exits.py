"""The exit codes of the program, and `stop_code`: that of a run which a signal ended."""

from typing import Final

ANSWERED: Final = 0
FAILED: Final = 1
"""Something asked to hold does not."""
MISUSED: Final = 2
"""The caller can put it right."""
UNAVAILABLE: Final = 3
"""A device or a package is missing."""
BUG: Final = 70
INTERRUPTED: Final = 130
TERMINATED: Final = 143


class Terminated(KeyboardInterrupt):
    """SIGTERM arrived: what is done is printed, as after Ctrl-C."""


def stop_code(stop: KeyboardInterrupt) -> int:
    """Return the exit code of a run that was stopped from outside."""
    return TERMINATED if isinstance(stop, Terminated) else INTERRUPTED


COMPLETE = "_CONVCALC_COMPLETE"
"""The environment variable a shell sets when it asks for completions; then exit codes are Typer's."""
