"""`bar`: progress on stderr, drawn when something happens and not by a clock, which takes time from kernels."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from convcalc.cli.messages import say
from convcalc.printable import printable

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

LABEL_WIDTH = 40
QUIET_S, EVERY_S = 2.0, 3.0
"""How long a run without a terminal says nothing, and how often it then prints a line."""
CELLS = 20


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

    def wait(self) -> None:
        """Let the elapsed time go on."""
        self.bar.refresh()

    def announce(self, text: str) -> None:
        """Print a line above the bar."""
        self.bar.console.print(printable(f"convcalc: {text}"))


class BarLines:
    """The same for a pipe or a log: a line with a bar now and then, once a run has taken a moment."""

    def __init__(self) -> None:
        self.start, self.printed = time.monotonic(), -EVERY_S
        self.groups = self.done = 0
        self.text = "starting"

    def begin(self, groups: int) -> None:
        """Say how many groups there are."""
        self.groups = groups

    def show(self, text: str) -> None:
        """Say what is being done now."""
        self.text = text
        self.wait()

    def wait(self) -> None:
        """Print where the run is, unless a line was printed just before."""
        now = time.monotonic()
        if now - self.start < QUIET_S or now - self.printed < EVERY_S:
            return
        self.printed = now
        filled = CELLS * self.done // max(self.groups, 1)
        line = f"[{'#' * filled}{'.' * (CELLS - filled)}] {self.done}/{self.groups} {now - self.start:.0f} s  "
        print(line + printable(self.text[:LABEL_WIDTH]), file=sys.stderr, flush=True)

    def advance(self) -> None:
        """Count one group as done."""
        self.done += 1

    def announce(self, text: str) -> None:
        """Print a line."""
        say(text)


@contextmanager
def bar() -> Iterator[Bar | BarLines]:
    """Show a bar where stderr is a terminal, else lines."""
    if not sys.stderr.isatty():
        yield BarLines()
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from convcalc.render.terminal import console

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console(sys.stderr), transient=True, auto_refresh=False) as progress:
        yield Bar(progress)
