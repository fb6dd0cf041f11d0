"""`page_text`, `page_lines`: the pages of `convcalc help`, written in markdown, as lines for a terminal."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from convcalc.kinds import all_kinds
from convcalc.render.table import Answer, Column, Table, to_markdown

if TYPE_CHECKING:
    from convcalc.literature import Topic

STEPS: Final = ("Split", "Transform", "Merge")
FOLDER = Path(__file__).parents[2] / "pages"


def page_text(name: str) -> str:
    """Return a page as it is written."""
    return (FOLDER / f"{name}.md").read_text(encoding="utf-8")


def page_lines(text: str) -> list[str]:
    """Return the paragraphs of a text, each a line; code as it is, rows of tables as `a: b`, no marks of markdown.

    >>> page_lines("# A\\n\\nOne\\ntwo.\\n\\n| `x` | means |\\n|---|---|\\n| `y` | no |\\n")
    ['A', '', 'One two.', '', 'x: means', 'y: no']
    """
    lines: list[str] = []
    is_code = False
    for raw in text.splitlines():
        line = raw.rstrip()
        if line.startswith("```"):
            is_code = not is_code
            lines.append("")
        elif is_code:
            lines.append(f"  {line}" if line else "")
        elif set(line) <= set("|-: ") and line.startswith("|"):
            continue
        elif line.startswith("|"):
            lines.append(": ".join(_plain(cell.strip()) for cell in line.strip("|").split(" | ") if cell.strip()))
        elif line.startswith("#"):
            lines.append(_plain(line.lstrip("# ")))
        elif not line or line.startswith("* ") or not lines or not lines[-1] or lines[-1].startswith("  "):
            lines.append(_plain(line))
        else:
            lines[-1] += f" {_plain(line.strip())}"
    single = [line for place, line in enumerate(lines) if line or (place and lines[place - 1])]
    return single[:-1] if single and not single[-1] else single


def topic_answer(page: Topic) -> Answer:
    """Return a topic as an answer: its text in lines, and the table of all kinds where it asks for that."""
    lead, mark, rest = page.text.partition("$table\n")
    tables = [Table((), [], head=[page.title, "", *page_lines(lead)])]
    text = f"# {page.title}\n\n{page.text}"
    if mark:
        columns = (Column("kind", "kind"), *(Column(step, step.lower()) for step in STEPS))
        split = Table(columns, _by_steps())
        tables += [split, Table((), [], head=page_lines(rest))]
        text = text.replace("$table\n", to_markdown(Answer("help", {}, [split])))
    return Answer("help", {"topic": page.name, "text": text}, tables)


def _by_steps() -> list[dict[str, str]]:
    """Every kind that says what it does in each step."""
    kinds = ((name, kind.notes) for name, kind in all_kinds().items())
    return [
        {"kind": name, **{step: notes[step] for step in STEPS}} for name, notes in kinds if set(STEPS) <= set(notes)
    ]


def _plain(text: str) -> str:
    """A line without the marks of emphasis, code and links."""
    text = re.sub(r"\*\*(.+?)\*\*", r"\1", text)
    text = re.sub(r"(?<![*\w])\*(\w+)\*(?![*\w])", r"\1", text)
    text = re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", text)
    return text.replace("`", "").replace("\\|", "|")
