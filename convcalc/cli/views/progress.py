"""`bar`: a progress bar on stderr, drawn when something happens and not by a clock, which takes time from kernels."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from convcalc.printable import printable

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

LABEL_WIDTH = 40


class Bar:
    """A Rich bar as the profiler sees it."""

    def __init__(self, bar: RichProgress) -> None:
        self.bar = bar
        self.task = bar.add_task("starting", total=None)
        bar.refresh()

    def begin(self, groups: int) -> None:
        """Say how many groups there are."""
        self.bar.update(self.task, total=groups)
        self.bar.refresh()

    def show(self, text: str) -> None:
        """Say what is being done now."""
        self.bar.update(self.task, description=printable(text[:LABEL_WIDTH]))
        self.bar.refresh()

    def advance(self) -> None:
        """Count one group as done."""
        self.bar.advance(self.task)
        self.bar.refresh()


@contextmanager
def bar() -> Iterator[Bar]:
    """Show a bar where stderr is a terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from convcalc.render.terminal import console

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    piped = not sys.stderr.isatty()
    with Progress(*columns, console=console(sys.stderr), transient=True, disable=piped, auto_refresh=False) as progress:
        yield Bar(progress)
