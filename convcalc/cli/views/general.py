"""`general_answer`: layers with ranges, answered with a row for each combination, or with letters, by formulas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from convcalc.cli.options import Format
from convcalc.cli.ranges import ranged_blocks
from convcalc.cli.views.stack_formulas import block_with_letters, formulas_of
from convcalc.cli.views.sweeps import swept
from convcalc.errors import SpecError


def general_answer(
    command: str, spec: Sequence[str] | None, inputs: Sequence[str] | None, layout: str, form: Format, out: str | None,
    *, columns: Sequence[str], counts: Sequence[str] | None = None, numbers: str | None = None, latex: bool = False,
    dtype: str = "fp32", single: Mapping[str, object],
) -> int | None:  # fmt: skip
    """Answer a spec that is of many configurations, and return the exit code; None for a spec of one.

    `columns` are those of rows, `counts` those of formulas (None: the command has none); `single` are options that go
    with one configuration alone, with their values. Raises SpecError where one of these is given all the same.
    """
    ranged = ranged_blocks(spec, inputs)
    lettered = None if counts is None or ranged else block_with_letters(spec, inputs)
    if ranged or lettered is not None:
        for option, value in single.items():
            if value:
                what = "ranges" if ranged else "letters for sizes"
                raise SpecError(f"{option} goes with single numbers, not with {what}")
    if (numbers is not None or latex) and lettered is None:
        raise SpecError("--at and --latex go with letters for sizes, such as -i CxHxW out_channels=M")
    if ranged:
        return swept(ranged, layout, columns, form, out, dtype)
    if lettered is not None:
        return formulas_of(command, lettered, layout, counts or (), form, out, numbers=numbers, latex=latex)
    return None
