"""`Answer`, `Table`: a result as rows and columns, and the text forms that need no terminal: CSV, markdown, JSON."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from convcalc.documents import envelope, json_text, plain
from convcalc.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FORMULA_SIGNS: Final = ("=", "+", "-", "@")
"""How a cell begins that a spreadsheet works out."""
JUDGED: Final = ("hdc-check", "checkerboard", "lint", "verify", "diff")
"""Commands whose exit code 1 says that what was asked does not hold."""
_NUMBER = r"[-+]?\d+(\.\d+)?([eE][-+]?\d+)?"
NUMBERS: Final = rf"-|{_NUMBER}((\.\.|[/x ]|, ){_NUMBER})*"
"""Numbers, fractions, ranges, one per axis; and the sign for none."""
LISTS = ("layers", "groups", "kinds", "findings", "solutions")
"""Keys under which an answer holds a list of like things: JSON lines have one line for each."""


class Column(NamedTuple):
    """One column: the key of its value in a row, its heading, and how the value reads in a table."""

    key: str
    title: str
    show: Callable[[Any], str] = str
    right: bool = False


class Shown(str):
    """A text that reads otherwise in a table for people: as `shown`."""

    __slots__ = ("shown",)
    shown: str

    @classmethod
    def of(cls, text: str, shown: str) -> Shown:
        """Return a text with what a table shows in its place."""
        value = cls(text)
        value.shown = shown
        return value


def shown(text: object) -> str:
    """Return a text as a table shows it."""
    return str(getattr(text, "shown", text))


class Verdict(NamedTuple):
    """The answer to a yes-or-no question in one line, and whether it is the good one."""

    text: str
    holds: bool


class Picture(NamedTuple):
    """Counts on a line or a map: a sum of products of one vector per axis; `title` says what is counted."""

    terms: Sequence[tuple[Sequence[int], ...]]
    title: str
    ascii_only: bool = False


class Table(NamedTuple):
    """Rows under columns, with lines above and below; `total` is a last row set apart.

    A `verdict` is the first line, and the last below a picture. A `name` tells its rows from those of other tables in a
    CSV. `lines` are a drawing in characters. `droppable` are
    keys of columns that a narrow terminal goes without, the first first, before any text is folded to less than
    `folded` characters; `elsewhere` says where to see them. `halves` are the keys of two tables into which a terminal
    too narrow for one splits it; `lead` are those that stand in front of every part of a table that is still too wide.
    """

    columns: Sequence[Column]
    rows: Sequence[dict[str, Any]]
    total: dict[str, Any] | None = None
    head: Sequence[str] = ()
    foot: Sequence[str] = ()
    picture: Picture | None = None
    verdict: Verdict | None = None
    name: str = ""
    lines: Sequence[str] = ()
    droppable: Sequence[str] = ()
    folded: int = 1000
    elsewhere: str = "--columns chooses"
    halves: tuple[Sequence[str], ...] = ()
    lead: Sequence[str] = ()

    @property
    def titles(self) -> list[str]:
        """The headings of its columns, as they may be shown."""
        return [printable(column.title) for column in self.columns]

    @property
    def above(self) -> list[str]:
        """The lines above, as they may be shown, the verdict first."""
        answer = [self.verdict.text] if self.verdict is not None else []
        return [printable(line) for line in (*answer, *self.head)]

    @property
    def below(self) -> list[str]:
        """The lines below, as they may be shown."""
        return [printable(line) for line in self.foot]


class Annotation(NamedTuple):
    """A line for a pull request: how grave it is, what it says, and of which file and line it speaks."""

    level: str
    message: str
    title: str = ""
    file: str = ""
    line: int = 0


class Answer(NamedTuple):
    """What a command answers: its JSON object, tables, hints for stderr, and whether what was asked holds.

    The document may be a function that makes it: for a table it is not called. `annotations` are lines for a pull
    request; None where a command has none.
    """

    command: str
    document: dict[str, Any] | Callable[[], dict[str, Any]]
    tables: Sequence[Table]
    hints: Sequence[str] = ()
    holds: bool = True
    annotations: Sequence[Annotation] | None = None

    def json_document(self) -> dict[str, Any]:
        """Return the object as JSON holds it."""
        document: dict[str, Any] = plain(self.document() if callable(self.document) else self.document)
        return document

    def enveloped(self, document: dict[str, Any]) -> dict[str, Any]:
        """Return it under its version and command, with `ok` where the answer to a yes-or-no question is in it."""
        judged = self.command in JUDGED or "assertions" in document
        return envelope(self.command, {**({"ok": self.holds} if judged else {}), **document})


def cells(table: Table, row: dict[str, Any]) -> list[str]:
    """Return one row as text that may be shown; a value that is missing is an empty cell."""
    return [printable(column.show(row[column.key])) if column.key in row else "" for column in table.columns]


def to_json(answer: Answer) -> str:
    """Return the document, indented, with lists of plain values on one line."""
    # Lists of plain values go on one line; the text of a JSON string holds no line break, so none is cut.
    text = json_text(answer.enveloped(answer.json_document()), indent=2)
    lists = re.compile(r"\[\n\s+([^\[\]{}\"]*?)\n\s+\]")
    return lists.sub(lambda match: "[" + re.sub(r"\s*\n\s*", " ", match[1]) + "]", text) + "\n"


def to_jsonl(answer: Answer) -> str:
    """Return one object per line: the layers where there are some, else the whole document."""
    document = answer.json_document()
    lines = []
    for number, part in enumerate(document.get("blocks", [document])):
        block = {"block": number} if "blocks" in document else {}
        rows = next((part[key] for key in LISTS if key in part), [part])
        rows = [*rows, *part.get("wholes", ())]
        lines += [json_text(envelope(answer.command, {**block, **row})) + "\n" for row in rows]
    return "".join(lines)


def to_csv(answer: Answer) -> str:
    """Return every table's rows under its keys, with exact numbers and no totals; tables with names say which.

    The numbers are those of JSON: of one copy of a row that stands `times` times, whose table shows all and whose
    `each` has the others; where there are several blocks, `block` numbers them.
    """
    import csv
    import io

    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    header: list[str] = []
    tables = [table for table in answer.tables if table.columns]
    copied = any(row.get("times", 1) > 1 for table in tables for row in table.rows if "each" in row)
    several = sum(bool(table.rows) and "each" in table.rows[0] for table in tables) > 1
    lead = [*(["block"] if several else []), *(["times"] if copied else [])]
    for number, table in enumerate(tables):
        named = ["table"] if table.name else []
        keys = [*named, *lead, *(column.key for column in table.columns if column.key not in lead)]
        if keys != header:
            writer.writerow(keys)
            header = keys
        for row in table.rows:
            values = {"table": table.name, "block": number, **row, **row.get("each", {})}
            writer.writerow([harmless(_flat(plain(values.get(key, "")))) for key in keys])
    return out.getvalue()


def to_github(answer: Answer) -> str:
    """Return one workflow command for each annotation: GitHub shows them beside the files of a pull request.

    Source: docs.github.com, "Workflow commands for GitHub Actions".
    """

    def escaped(text: str, *, is_property: bool = False) -> str:
        text = printable(text).replace("%", "%25")
        return text.replace(":", "%3A").replace(",", "%2C") if is_property else text

    lines = []
    for note in answer.annotations or ():
        pairs = {"file": note.file, "line": str(note.line or ""), "title": note.title}
        given = ",".join(f"{key}={escaped(value, is_property=True)}" for key, value in pairs.items() if value)
        lines.append(f"::{note.level}{' ' if given else ''}{given}::{escaped(note.message)}\n")
    return "".join(lines)


def harmless(value: Any) -> Any:
    """Text that no spreadsheet takes for a formula: behind a ' where it begins like one and is no number."""
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if text.startswith(FORMULA_SIGNS) and not re.fullmatch(NUMBERS, text) else text


def _flat(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "x".join("?" if part is None else str(part) for part in value)
    if isinstance(value, dict):
        return " ".join(f"{key}={part}" for key, part in value.items())
    return "" if value is None else value


def to_markdown(answer: Answer) -> str:
    """Return every table as a markdown table, its lines above and below as paragraphs; HTML in them is text."""
    from convcalc.render.heat import heat

    parts = []
    for table in answer.tables:
        rows = [cells(table, row) for row in table.rows]
        if table.total is not None:
            rows.append([f"**{cell}**" if cell else "" for cell in cells(table, table.total)])
        rules = ["---:" if column.right else "---" for column in table.columns]
        lines = [table.titles, rules, *rows]
        body = "\n".join("| " + " | ".join(_text(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)
        lined = list(heat(table.picture)) if table.picture is not None else list(table.lines)
        drawn = ["```", *lined, "```"] if lined else []
        above, below = ("  \n".join(map(_text, text)) for text in (table.above, table.below))
        parts += [above, body if table.columns else "", below, "\n".join(drawn)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _text(text: str) -> str:
    """Text that markdown does not take for HTML."""
    import html

    return html.escape(text, quote=False)
