"""`plain_answer`, `answer_of`: an answer as plain data, and back: what takes long to derive is worked out once."""

from __future__ import annotations

from typing import Any

from convcalc.render.table import Answer, Column, Table, cells


def plain_answer(answer: Answer) -> dict[str, Any]:
    """Return an answer as JSON can hold it: its document, and its tables as texts."""
    tables = [
        {
            "columns": [[column.key, column.title, column.right] for column in table.columns],
            "rows": [cells(table, row) for row in table.rows],
            "head": list(table.head),
            "foot": list(table.foot),
        }
        for table in answer.tables
    ]
    return {"command": answer.command, "document": answer.json_document(), "tables": tables}


def answer_of(data: dict[str, Any]) -> Answer:
    """Return the answer that plain data were made of. Raises KeyError, TypeError or ValueError for anything else."""
    tables = []
    for table in data["tables"]:
        columns = [Column(key, title, right=bool(right)) for key, title, right in table["columns"]]
        rows = [dict(zip((column.key for column in columns), row, strict=True)) for row in table["rows"]]
        tables.append(Table(columns, rows, head=list(table["head"]), foot=list(table["foot"])))
    return Answer(str(data["command"]), dict(data["document"]), tables)
