"""`completion_script`: what Typer does not offer in public and we use: vendored Click's context, and completion.

Everything of Typer's that a minor release may move is imported here and nowhere else; a test names each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from typer._click import Context as _Context

    Context: TypeAlias = _Context


def completion_script(shell: str, program: str, variable: str) -> str:
    """Return what a shell sources; when it asks for completions it sets the variable and runs the program."""
    from typer._completion_shared import get_completion_script

    return get_completion_script(prog_name=program, complete_var=variable, shell=shell)


def start_completion() -> None:
    """Teach Click the shells Typer completes in."""
    from typer._completion_classes import completion_init

    completion_init()
