"""`convcalc completion SHELL`: what to source for completion."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from convcalc.cli.exits import COMPLETE
from convcalc.cli.typer_private import completion_script


class Shell(StrEnum):
    """The shells Typer can complete in."""

    bash = "bash"
    zsh = "zsh"
    fish = "fish"
    powershell = "powershell"


def command(shell: Annotated[Shell, typer.Argument(help="Your shell.")]) -> int:
    """A completion script for your shell."""
    print(completion_script(shell.value, "convcalc", COMPLETE))
    return 0
