"""`write_parquet`: rows as a Parquet file, a batch at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convcalc.errors import UnavailableError
from convcalc.sweeps.grid import BYTES, COUNTED, FIELD

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from convcalc.sweeps.models import ModelSweep
    from convcalc.sweeps.rows import Rows
    from convcalc.sweeps.tables import SpecSweep


def write_parquet(batches: Iterable[Rows], sweep: SpecSweep | ModelSweep, out: str) -> int:
    """Write rows into a file and return how many; its columns are the same whatever the first rows hold.

    Counts are int64, fields and bytes double; a setting is what all its values are, else text. Raises UnavailableError
    without pyarrow.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise UnavailableError("pyarrow is not installed here, and Parquet needs it: pip install pyarrow") from None
    types = {int: pyarrow.int64(), float: pyarrow.float64(), bool: pyarrow.bool_(), str: pyarrow.string()}
    sorts = {name: _sort(name, sweep.values.get(name, [])) for name in sweep.columns}
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


def _sort(name: str, lists: Sequence[Sequence[Any]]) -> type:
    """What a column holds, of a setting by all lists of its values."""
    if name in COUNTED:
        return int
    if name in (*FIELD, *BYTES):
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
