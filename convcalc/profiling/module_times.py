"""`module_times`: the medians of a saved profile, laid on the modules of a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convcalc.errors import SpecError
from convcalc.profiling import store
from convcalc.units import exactly

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from convcalc.analyses.counts.modules import ModuleRow
    from convcalc.graph import Path as ModulePath


def module_times(file: Path, modules: Sequence[ModuleRow]) -> dict[ModulePath, float]:
    """Return the seconds of modules, parents before parts: the saved median, else the sum where every part has one.

    Raises SpecError for a file with several settings, or with rows of another network.
    """
    rows = [saved.row for saved in store.read(file) if not saved.row.whole]
    if len({row.identity.setup for row in rows}) > 1:
        raise SpecError(f"{file} holds times of several settings: save each in a file of its own")
    medians = {row.identity.name: row for row in rows if row.timing.median_s is not None}
    inside: dict[ModulePath, list[ModulePath]] = {}
    for module in modules:
        inside.setdefault(module.path[:-1], []).append(module.path)
    seconds: dict[ModulePath, float] = {}
    for module in reversed(modules):
        row, parts = medians.get(module.name), inside.get(module.path, [])
        if row is not None and row.timing.median_s is not None:
            if row.work.macs != module.macs:
                ours, theirs = exactly(module.macs), exactly(row.work.macs)
                raise SpecError(f"{file} times another {module.name}: of {theirs} multiply-adds, here it has {ours}")
            seconds[module.path] = row.timing.median_s
        elif parts and all(part in seconds for part in parts):
            seconds[module.path] = sum(seconds[part] for part in parts)
    if not seconds:
        raise SpecError(f"{file} has no times of these modules: save them with convcalc profile --save")
    return seconds
