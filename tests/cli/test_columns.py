"""Which columns tables have, and how quantities on the command line are read."""

from __future__ import annotations

from fractions import Fraction

import pytest

from convcalc.cli.views.profile import DETAILS, PAIR, ROOFS, TIME, kernel_cell, row_tables
from convcalc.errors import SpecError
from convcalc.profiling.fields import columns
from convcalc.profiling.observation import Kernel
from convcalc.profiling.row import Row
from convcalc.spec.quantities import quantity
from tests.profiling.samples import row


def test_every_column_is_described_and_each_with_a_heading_is_in_a_table() -> None:
    known = columns(Row)
    assert all(column.description for column in known.values())
    shown = {tag for tags in (TIME, ROOFS, DETAILS, PAIR) for tag in tags}
    others = {"name", "spec", "input", "variant", "status", "share", "images_per_s"}
    assert {tag for tag, column in known.items() if column.heading} == (shown | others) - {"spread"}
    assert {tag for tag, column in known.items() if column.hidden} == set(DETAILS)


def test_headings_have_units_and_times_of_a_table_one() -> None:
    def headings(*medians: float) -> list[str]:
        (table,) = row_tables([row(median=median) for median in medians], [], [], details=False)
        return [column.title for column in table.columns]

    assert headings(0.0001, 2.0)[3:5] == ["median µs", "± %"] and headings(0.05)[3] == "median ms"
    assert headings(3.0)[3:6] == ["median s", "± %", "cold s"]
    assert {"GFLOP/s", "GB/s", "of roof %", "share %"} <= set(headings(0.001))


def test_a_kernels_cell_tells_its_part_and_that_of_layouts() -> None:
    """The shares of an fp32 convolution of records/h200.json: a convolution between two changes of layout."""
    kernels = (
        Kernel("a", "cudnn implicit_gemm tf32 nhwc 128x64x32", "", 60e-6),
        Kernel("b", "cudnn nchwToNhwc", "", 30e-6, reorder=True),
        Kernel("c", "memset", "", 1e-6), Kernel("d", "at::native add", "", 9e-6),
    )  # fmt: skip
    assert kernel_cell(row(kernels=kernels)) == "cudnn implicit_gemm tf32 nhwc 128x64x32 60%, layouts 30%, rest 10%"
    assert kernel_cell(row(kernels=kernels[:1])) == "cudnn implicit_gemm tf32 nhwc 128x64x32"
    assert kernel_cell(row(kernels=())) == "-"


def test_quantities() -> None:
    assert quantity("300M", "--x") == 300 * 10**6 and quantity("1.5Gi", "--x") == Fraction(3, 2) * 2**30
    assert quantity("2e3", "--x") == 2000 and quantity("5K", "--x") == 5000 and quantity(".5T", "--x") == 5 * 10**11
    for text in ("", "x", "3x", "-1", "0", "3m", "1e9999", "M"):
        with pytest.raises(SpecError, match="--x"):
            quantity(text, "--x")
