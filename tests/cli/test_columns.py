"""Which columns tables have, and how quantities on the command line are read."""

from __future__ import annotations

from fractions import Fraction

import pytest

from convcalc.cli.views.profile import DETAILS, PAIR, ROOF, TIME
from convcalc.errors import SpecError
from convcalc.profiling.fields import columns
from convcalc.profiling.row import Row
from convcalc.spec.quantities import quantity


def test_every_column_is_described_and_each_with_a_heading_is_in_a_table() -> None:
    known = columns(Row)
    assert all(column.description for column in known.values())
    shown = {column.key for table in (TIME, ROOF, DETAILS, PAIR) for column in table}
    lead = {"name", "spec", "input", "variant", "status"}
    assert {tag for tag, column in known.items() if column.heading} == (shown | lead) - {"spread", "checked"}
    assert {tag for tag, column in known.items() if column.hidden} == {c.key for c in DETAILS} - {"checked"}


def test_quantities() -> None:
    assert quantity("300M", "--x") == 300 * 10**6 and quantity("1.5Gi", "--x") == Fraction(3, 2) * 2**30
    assert quantity("2e3", "--x") == 2000 and quantity("5K", "--x") == 5000 and quantity(".5T", "--x") == 5 * 10**11
    for text in ("", "x", "3x", "-1", "0", "3m", "1e9999", "M"):
        with pytest.raises(SpecError, match="--x"):
            quantity(text, "--x")
