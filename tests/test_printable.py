"""Text on its way out: nothing steers a terminal, a spreadsheet or a browser, and files are whole or as they were."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convcalc.cli.app import run
from convcalc.digits import whole
from convcalc.documents import json_text, read_json
from convcalc.errors import SpecError
from convcalc.files import replacing
from convcalc.limits import LIMITS, MAX_MESSAGE_CHARACTERS, MAX_MESSAGE_WORD
from convcalc.printable import message_line, printable
from convcalc.render.html import to_html
from convcalc.render.table import Answer, Column, Table, to_csv, to_json, to_markdown
from convcalc.render.terminal import renderable

TEXT = st.text(st.characters(), max_size=50)


@given(TEXT)
def test_what_leaves_is_printable_and_says_the_same(text: str) -> None:
    assert printable(text).isprintable()
    assert printable(printable(text)) == printable(text)
    assert text.isprintable() == (printable(text) == text)


@given(TEXT)
def test_json_keeps_every_letter_and_holds_none_raw(text: str) -> None:
    written = json_text({"text": text}, indent=2)
    assert json.loads(written) == {"text": text}
    assert all(letter.isprintable() or letter == "\n" for letter in written)
    written.encode("utf-8")


@given(st.text(st.characters(), max_size=6000))
def test_a_message_is_one_line_of_short_words(text: str) -> None:
    line = message_line(text)
    assert "\n" not in line and len(line) <= MAX_MESSAGE_CHARACTERS
    assert all(len(word) <= MAX_MESSAGE_WORD for word in line.split(" "))


@given(st.text(st.characters(categories=("Nd", "Lu", "No")), max_size=25), st.integers(0, 5), st.integers(5, 10**18))
def test_whole_numbers_are_read_or_none(text: str, least: int, most: int) -> None:
    number = whole(text, least, most)
    if number is not None:
        assert least <= number <= most and int(text) == number


@pytest.mark.parametrize("text", ["", "[" * 100_000, "{" * 10, "nul", "9" * 5000, "\x00"])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match="this is not JSON"):
        read_json(text)


CELLS = {
    "=HYPERLINK(1)": "'=HYPERLINK(1)", "+1+cmd": "'+1+cmd", "-2+3": "'-2+3", "@SUM(A1)": "'@SUM(A1)", "-(1)": "'-(1)",
    "-": "-", "-1": "-1", "-1/2": "-1/2", "-1..1": "-1..1", "-1.5e-3": "-1.5e-3", "-3x-2": "-3x-2", "a=1": "a=1",
    "\x1b[31m": "\\x1b[31m", "-inf": "'-inf",
}  # fmt: skip


@pytest.mark.parametrize("text", CELLS)
def test_csv_cells_are_no_formulas(text: str) -> None:
    answer = Answer("x", {}, [Table((Column("a", "a"),), [{"a": text}])])
    assert to_csv(answer) == f"a\n{CELLS[text]}\n"


def test_no_form_of_a_table_holds_a_raw_character_or_markup() -> None:
    bad = "<script>\x1b[31m|\u202e"
    table = Table((Column("a", bad), Column("b", "b", right=True)), [{"a": bad, "b": bad}], head=[bad], foot=[bad])
    answer = Answer("x", {"a": bad}, [table])
    for text in (to_markdown(answer), to_html(answer), to_csv(answer), to_json(answer), str(renderable(answer))):
        assert "\x1b" not in text and "\u202e" not in text
    assert "<script>" not in to_markdown(answer) and "&lt;script&gt;" in to_markdown(answer)
    assert "<script>" not in to_html(answer)


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "answer.txt"
    path.write_text("old", encoding="utf-8")
    path.chmod(0o640)
    with pytest.raises(OSError, match="full"), replacing(path) as beside:
        beside.write_text("half", encoding="utf-8")
        raise OSError("the disk is full")
    assert path.read_text(encoding="utf-8") == "old" and list(tmp_path.iterdir()) == [path]
    with replacing(path) as beside:
        beside.write_text("new", encoding="utf-8")
        assert path.read_text(encoding="utf-8") == "old"
    assert path.read_text(encoding="utf-8") == "new" and stat.S_IMODE(path.stat().st_mode) == 0o640
    link = tmp_path / "link"
    link.symlink_to(path)
    with replacing(link) as beside:
        beside.write_text("through", encoding="utf-8")
    assert link.is_symlink() and path.read_text(encoding="utf-8") == "through"
    with replacing(Path(os.devnull)) as beside:
        assert beside == Path(os.devnull)


def test_every_limit_stands_in_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    from convcalc import limits

    named = {value for name, value in vars(limits).items() if name.startswith("MAX_")}
    assert named == {number for group in LIMITS.values() for number in group.values()}
    assert run(["help", "limits"]) == 0
    out = capsys.readouterr().out
    assert all(about in out and f"{number:,}" in out for group in LIMITS.values() for about, number in group.items())
