"""`write_parquet`: rows as a Parquet file, a batch at a time."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from convcalc.errors import UnavailableError
from convcalc.sweeps.grid import BYTES, COUNTED, FIELD

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from convcalc.sweeps.rows import Rows

SECONDS = ("median_s", "interval_low_s", "interval_high_s")


def write_parquet(
    batches: Iterable[Rows], columns: Sequence[str], values: dict[str, list[Sequence[Any]]], out: str
) -> int:
    """Write rows into a file and return how many; its columns are the same whatever the first rows hold.

    Counts are int64; fields, bytes and seconds double; a setting is what all its `values` are, else text. Raises
    UnavailableError without pyarrow.
    """
    check_parquet()
    import pyarrow
    from pyarrow import parquet

    types = {int: pyarrow.int64(), float: pyarrow.float64(), bool: pyarrow.bool_(), str: pyarrow.string()}
    sorts = {name: _sort(name, values.get(name, [])) for name in columns}
    schema = pyarrow.schema([(name, types[sort]) for name, sort in sorts.items()])
    written = 0
    with parquet.ParquetWriter(out, schema) as writer:
        for rows in batches:
            records = [
                {name: _as(value, sorts[name]) for name, value in row.items()} for row in rows.records(text=True)
            ]
            writer.write_table(pyarrow.Table.from_pylist(records, schema))
            written += rows.count
    return written


def check_parquet() -> None:
    """Raise UnavailableError where Parquet cannot be written."""
    if find_spec("pyarrow") is None:
        raise UnavailableError("pyarrow is not installed here, and Parquet needs it: pip install pyarrow")


def _sort(name: str, lists: Sequence[Sequence[Any]]) -> type:
    """What a column holds, of a setting by all lists of its values."""
    if name in COUNTED:
        return int
    if name in (*FIELD, *BYTES, *SECONDS):
        return float
    sorts = {type(value) for values in lists for value in (values[:1] if isinstance(values, range) else values)}
    if sorts == {int, float}:
        return float
    return sorts.pop() if len(sorts) == 1 and sorts <= {int, float, bool} else str


def _as(value: Any, sort: type) -> Any:
    """A value as its column holds it."""
    if value is None or isinstance(value, sort):
        return value
    return str(value).lower() if isinstance(value, bool) else sort(value)
