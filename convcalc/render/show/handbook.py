"""`write_handbook`: kinds and topics as pages of a site that needs no server: text, formulas, pictures, numbers."""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING, Any, Final

from convcalc.analyses.steps import steps
from convcalc.analyses.symbolic.explain import explain, field_quantities, quantities
from convcalc.analyses.symbolic.notation import mathml
from convcalc.analyses.wiring.scene import Scene
from convcalc.errors import ConvcalcError
from convcalc.files import replacing
from convcalc.kinds import FAMILIES, all_kinds
from convcalc.literature import literature, topics
from convcalc.registry import LABELS
from convcalc.render.maths import equation_html
from convcalc.render.show.blocks import block_svg, boxes
from convcalc.render.show.frames import chosen_spots, frame
from convcalc.render.show.shapes import drawing
from convcalc.render.show.svg import animated_svg
from convcalc.spec.drawn import drawn
from convcalc.spec.source import blocks

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from convcalc.analyses.symbolic.explain import ExplainReport
    from convcalc.literature import Topic
    from convcalc.profiling.progress import Progress
    from convcalc.registry import Kind

STYLE: Final = """
:root{color-scheme:light dark;--ink:#222;--ground:#fff;--card:#f5f6f8;--faint:#666;--line:#ccc}
@media(prefers-color-scheme:dark){:root{--ink:#e4e4e4;--ground:#15181c;--card:#1c2025;--faint:#9aa0a6;--line:#444}}
body{max-width:60rem;margin:0 auto;padding:1rem;color:var(--ink);background:var(--ground);
font:16px/1.5 system-ui,sans-serif}
a{color:inherit}h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:1.6rem}
table{border-collapse:collapse}
td,th{text-align:left;padding:.25rem .8rem .25rem 0;border-bottom:1px solid var(--line);vertical-align:top}
pre{background:var(--card);padding:.6rem;overflow-x:auto}.scroll{overflow-x:auto}.faint{color:var(--faint)}
input{font:inherit;padding:.4rem;width:100%;box-sizing:border-box}ul{padding-left:1.2rem}math{font-size:1.05em}
"""
SEARCH: Final = """
const field = document.querySelector("input");
field.addEventListener("input", () => {
  const words = field.value.toLowerCase().split(/\\s+/);
  for (const entry of document.querySelectorAll("li[data-words]"))
    entry.hidden = !words.every((word) => entry.dataset.words.includes(word));
});
"""


def write_handbook(folder: Path, names: Iterable[str], progress: Progress) -> int:
    """Write the site into a folder and return how many pages it has; `progress` hears of each kind.

    Raises OSError where the folder cannot be written.
    """
    kinds = {name: all_kinds()[name] for name in names}
    pages = topics()
    for room in ("kinds", "topics"):
        (folder / room).mkdir(parents=True, exist_ok=True)
    for name, kind in kinds.items():
        progress.show(name)
        _write(folder / "kinds" / f"{name}.html", _kind_page(kind))
        progress.advance()
    for page in pages:
        _write(folder / "topics" / f"{page.name}.html", _topic_page(page))
    _write(folder / "index.html", _index(kinds, pages))
    return len(kinds) + len(pages) + 1


def _write(path: Path, text: str) -> None:
    with replacing(path) as beside:
        beside.write_text(text, encoding="utf-8")


def _page(title: str, body: str, *, script: str = "", home: str = "../index.html") -> str:
    back = f'<p class="faint"><a href="{home}">all kinds and topics</a></p>' if home else ""
    run = f"<script>{script}</script>" if script else ""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style></head><body>{back}<h1>{escape(title)}</h1>{body}{run}</body></html>\n"
    )


def _index(kinds: dict[str, Kind], pages: list[Topic]) -> str:
    parts = [
        '<p><input type="search" placeholder="search" aria-label="search kinds and topics"></p><h2>Topics</h2><ul>'
    ]
    for page in pages:
        words = escape(f"{page.title} {' '.join(page.also)} {page.text}".lower(), quote=True)
        parts.append(f'<li data-words="{words}"><a href="topics/{page.name}.html">{escape(page.title)}</a></li>')
    parts.append("</ul>")
    for family, names in FAMILIES.items():
        there = [name for name in names if name in kinds]
        if not there:
            continue
        parts.append(f"<h2>{escape(family.capitalize())}</h2><ul>")
        for name in there:
            words = escape(f"{name} {kinds[name].about} {' '.join(kinds[name].notes.values())}".lower(), quote=True)
            link = f'<a href="kinds/{name}.html">{escape(name)}</a>'
            parts.append(f'<li data-words="{words}">{link}: {escape(kinds[name].help)}</li>')
        parts.append("</ul>")
    return _page("convcalc: kinds of convolution, and the ideas behind them", "".join(parts), script=SEARCH, home="")


def _topic_page(page: Topic) -> str:
    return _page(page.title, topic_html(page.text.replace("$table\n", "")))


def topic_html(text: str) -> str:
    """Return the text of a topic as HTML: paragraphs, lists, tables, code."""
    parts: list[str] = []
    for block in re.split(r"\n\s*\n", text.strip()):
        lines = block.splitlines()
        if lines[0].startswith("```"):
            parts.append(f"<pre>{escape(chr(10).join(line for line in lines if not line.startswith('```')))}</pre>")
        elif lines[0].startswith("|"):
            rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if set(line) - set("|-: ")]
            parts.append(_table(rows[0], rows[1:]))
        elif lines[0].startswith("* "):
            items = re.sub(r"\n  ", " ", block).split("\n* ")
            parts.append("<ul>" + "".join(f"<li>{_inline(item.removeprefix('* '))}</li>" for item in items) + "</ul>")
        else:
            parts.append(f"<p>{_inline(' '.join(lines))}</p>")
    return "".join(parts)


def _inline(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _table(titles: Iterable[str], rows: Iterable[Iterable[str]], *, raw: bool = False) -> str:
    show = str if raw else escape
    head = "".join(f"<th>{escape(title)}</th>" for title in titles)
    body = "".join(f"<tr>{''.join(f'<td>{show(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _kind_page(kind: Kind) -> str:
    written = literature(kind.name)
    parts = [f'<p>{escape(kind.about)}</p><p class="faint">Source: {escape(kind.source)}</p>']
    parts.append("<h2>Equation</h2>" + "".join(f"<p>{equation_html(line)}</p>" for line in written.equations))
    notes = [(label.lower(), kind.notes[label]) for label in LABELS if label in kind.notes]
    if notes:
        parts.append("<h2>In words</h2>" + _table((), notes))
    if written.traps:
        parts.append("<h2>People say, and it is</h2>" + _table(("people say", "it is"), written.traps))
    parts.append(_picture(kind))
    (block,) = blocks([kind.name])
    try:
        report = explain(block.layers[0])
    except ConvcalcError as error:
        parts.append(f"<h2>Formulas</h2><p>They need a setting: {escape(str(error))}</p>")
    else:
        parts += [_case(report, place) for place in range(len(report.formulas))]
    settings = [
        (name, "needed" if argument.required else str(argument.default)) for name, argument in kind.arguments.items()
    ]
    parts.append("<h2>Settings</h2>" + _table(("setting", "default"), settings))
    family = next((names for names in FAMILIES.values() if kind.name in names), ())
    links = ", ".join(f'<a href="{name}.html">{name}</a>' for name in family if name != kind.name)
    parts.append(
        f"<h2>Of the same family</h2><p>{links}</p><pre>convcalc explain {kind.name}\nconvcalc show {kind.name}</pre>"
    )
    return _page(kind.name, "".join(parts))


def _picture(kind: Kind) -> str:
    """What the middle output reads, and the graph of what the kind is made of."""
    scene = Scene(*drawn(blocks([kind.name])[0]))
    places = chosen_spots(scene, None)
    picture = animated_svg([drawing(frame(scene, places[len(places) // 2]))], f"what an output of {kind.name} reads")
    sequence = steps(scene.subject.graph)
    graph = block_svg(boxes(scene.subject.graph, sequence), f"the graph of {kind.name}") if len(sequence) > 1 else ""
    body = "".join(f'<div class="scroll">{svg}</div>' for svg in (picture, graph) if svg)
    return f"<h2>What an output reads</h2>{body}"


def _case(report: ExplainReport, place: int) -> str:
    formula, kind = report.formulas[place], report.layer.kind
    rows = [(name, _formula(value)) for name, value in quantities(formula, kind)]
    rows += [
        (name, f"{_formula(extent.size)}, jump {_formula(jump)}")
        for name, extent, jump, _ in field_quantities(formula, kind)
        if extent.local and extent.known
    ]
    where = f", where {', '.join(formula.case)}" if formula.case else ""
    assumes = f'<p class="faint">assumes {escape(", ".join(formula.assumes))}</p>' if formula.assumes else ""
    escaped = [(escape(name), text) for name, text in rows]
    return f"<h2>Formulas{escape(where)}</h2>{_table(('quantity', 'formula'), escaped, raw=True)}{assumes}"


def _formula(value: Any) -> str:
    sizes = value if isinstance(value, tuple) else (value,)
    return " × ".join(mathml(size) for size in sizes)
