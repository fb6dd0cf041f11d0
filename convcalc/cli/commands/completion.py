"""`convcalc completion SHELL`: what to source for completion."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class Shell(StrEnum):
    """The shells Typer can complete in."""

    bash = "bash"
    zsh = "zsh"
    fish = "fish"
    powershell = "powershell"


def command(shell: Annotated[Shell, typer.Argument(help="Your shell.")]) -> int:
    """A completion script for your shell. Example: convcalc completion bash >> ~/.bashrc."""
    from typer._completion_shared import get_completion_script

    print(get_completion_script(prog_name="convcalc", complete_var="_CONVCALC_COMPLETE", shell=shell.value))
    return 0
