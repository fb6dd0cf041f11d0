"""`fitted`: a table that fits a terminal: columns dropped, layers shortened, sentences folded, then several parts.

No word is broken and no row becomes a paragraph while a column beside the names fits at all.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len, chop_cells

from convcalc.render.table import cells
from convcalc.spec.layers import SHORT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convcalc.render.table import Column, Table

GAP: Final = 2
"""Blanks beside each column."""
WIDE: Final = 120
"""A terminal of fewer characters shows a table of two halves as two."""
LAYERS: Final = ("layer", "spec", "module")
"""Headings of columns whose cells are shortened in the middle; other texts fold between words."""
HUGE: Final = 8
"""A text of so many times the width is cut before it is shortened."""
LEAST_LAYER, LEAST_SENTENCE, LONGEST_WORD = 20, 22, 34
SHORT_KEYS: Final = {setting: key for key, setting in SHORT.items()}
_CALL: Final = re.compile(r"(\w+\()(.*)(\)[^()]*)")
_KEY: Final = re.compile(rf"\b({'|'.join(SHORT_KEYS)})=")


def texts_of(table: Table) -> list[list[str]]:
    """Return each column's cells as they are shown, the total's last."""
    rows = [cells(table, row) for row in (*table.rows, *([table.total] if table.total is not None else []))]
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in table.columns]


def widths_of(table: Table, texts: Sequence[Sequence[str]] | None = None) -> list[int]:
    """Return how wide each column is where nothing folds."""
    texts = texts_of(table) if texts is None else texts
    return [max(map(cell_len, (title, *column))) for title, column in zip(table.titles, texts, strict=True)]


def is_layer(column: Column) -> bool:
    """Whether a column's cells are shortened, not folded."""
    return not column.right and column.title in LAYERS


def folding(table: Table, texts: Sequence[Sequence[str]] | None = None) -> set[int]:
    """Return the columns of sentences, which may fold between their words."""
    texts = texts_of(table) if texts is None else texts
    sentences = {n for n, column in enumerate(table.columns) if not column.right and not is_layer(column)}
    return {n for n in sentences if any(" " in text for text in texts[n])}


def least_widths(table: Table, widths: Sequence[int], texts: Sequence[Sequence[str]] | None = None) -> list[int]:
    """Return how narrow each column may get."""
    texts = texts_of(table) if texts is None else texts
    sentences = folding(table, texts)
    least = []
    for number, (column, wide) in enumerate(zip(table.columns, widths, strict=True)):
        if is_layer(column):
            least.append(min(wide, LEAST_LAYER))
        elif number in sentences and wide > LEAST_SENTENCE:
            words = {word for text in texts[number] for word in text.split()}
            longest = min(max(map(len, words), default=0), LONGEST_WORD)
            least.append(min(wide, max(LEAST_SENTENCE, longest)))
        else:
            least.append(wide)
    return least


def fitted(table: Table, width: int) -> list[Table]:
    """Return tables that fit a width one below the other: the table itself, or parts of it."""
    if table.halves and width < WIDE:
        return [part for half in _halves(table) for part in fitted(half, width)]
    texts = texts_of(table)
    widths = widths_of(table, texts)
    if _room(widths, width) >= 0 or not table.columns:
        return [table]
    table = _without_least(table, width, texts)
    texts = texts_of(table)
    widths = widths_of(table, texts)
    if _room(widths, width) >= 0:
        return [table]
    least = least_widths(table, widths, texts)
    if _room(least, width) >= 0:
        return [_shortened(table, widths, least, width)]
    return _parts(table, widths, least, width)


def shortened(text: str, width: int) -> str:
    """Return a layer's text in so many columns: short keys first, then its last settings left out.

    >>> shortened("conv2d out_channels=64 kernel_size=3", 15), shortened("Conv2d(3, 64, 7, stride=2, padding=3)", 25)
    ('conv2d c=64 k=3', 'Conv2d(3, 64, 7, s=2, …)')
    """
    if len(text) > HUGE * width:
        text = f"{text[: HUGE * width]} …"  # no more of it is looked at
    if cell_len(text) <= width:
        return text
    text = _KEY.sub(lambda match: f"{SHORT_KEYS[match[1]]}=", text)
    if cell_len(text) <= width:
        return text
    call = _CALL.fullmatch(text)
    start, inside, end = call.groups() if call else ("", text, "")
    sign = ", " if call else " "
    settings = inside.split(sign)
    for kept in range(len(settings) - 1, 0, -1):
        candidate = f"{start}{sign.join((*settings[:kept], '…'))}{end}"
        if cell_len(candidate) <= width:
            return candidate
    tail = text[len(text) - (width - 1) // 3 :]
    return f"{chop_cells(text, max(1, width - 1 - cell_len(tail)))[0]}…{tail}"


def _room(widths: Sequence[int], width: int) -> int:
    return width - sum(widths) - GAP * len(widths)


def _halves(table: Table) -> list[Table]:
    """A table as two, the lines above with the first and those below with the second."""
    first, second = (
        table._replace(columns=[column for column in table.columns if column.key in keys], halves=())
        for keys in table.halves
    )
    return [first._replace(foot=(), lines=(), picture=None), second._replace(head=[""], verdict=None)]


def _without_least(table: Table, width: int, texts: Sequence[Sequence[str]]) -> Table:
    """A table without as many of its droppable columns as it takes to fit, and a line that names them."""
    widths = widths_of(table, texts)
    least = least_widths(table, widths, texts)
    room = {
        column.key: max(short, min(wide, table.folded))
        for column, short, wide in zip(table.columns, least, widths, strict=True)
    }
    titles = {column.key: column.title for column in table.columns}
    gone: list[str] = []
    for key in table.droppable:
        if _room(list(room.values()), width) >= 0:
            break
        if key in room:
            del room[key]
            gone.append(titles[key])
    if not gone:
        return table
    line = f"left out at this width: {', '.join(gone)} ({table.elsewhere})"
    columns = [column for column in table.columns if column.key in room]
    return table._replace(columns=columns, foot=[*table.foot, line])


def _shortened(table: Table, widths: Sequence[int], least: Sequence[int], width: int) -> Table:
    """The table with its layers' texts cut to what the others leave, sentences folded to share it."""
    room = _room(least, width)
    layers = [n for n, column in enumerate(table.columns) if is_layer(column)]
    greedy = len(layers) + sum(widths[n] > least[n] for n in folding(table))
    columns = list(table.columns)
    for number in layers:
        most = min(widths[number], least[number] + room // max(greedy, 1))
        room -= most - least[number]
        greedy -= 1
        columns[number] = _cut(columns[number], most)
    return table._replace(columns=columns)


def _cut(column: Column, most: int) -> Column:
    show = column.show
    return column._replace(show=lambda value: shortened(show(value), most))


def _parts(table: Table, widths: Sequence[int], least: Sequence[int], width: int) -> list[Table]:
    """Several tables with as many columns each as fit, the rows' names in front of all."""
    numbered = len(table.columns) > 1 and table.columns[0].title == "#"
    lead = [0, 1] if numbered else [0]
    groups: list[list[int]] = [list(lead)]
    for number in range(len(lead), len(table.columns)):
        if _room([least[n] for n in (*groups[-1], number)], width) < 0 and len(groups[-1]) > 1:
            groups.append([n for n, column in enumerate(table.columns) if column.key in table.lead] or [0])
        groups[-1].append(number)
    parts: list[Table] = []
    for group in groups:
        part = table._replace(
            columns=[table.columns[n] for n in group], head=[], foot=[], lines=(), picture=None, verdict=None
        )
        if table.total is not None and parts and part.columns[0].key not in table.total:
            part = part._replace(
                total={**table.total, part.columns[0].key: "total"}
            )  # elsewhere it is under the layers
        parts.append(_shortened(part, [widths[n] for n in group], [least[n] for n in group], width))
    first = parts[0]._replace(head=table.head, verdict=table.verdict)
    rest = [part._replace(head=[""]) for part in parts[1:]]
    *before, last = [first, *rest]
    return [*before, last._replace(foot=table.foot, lines=table.lines, picture=table.picture)]
