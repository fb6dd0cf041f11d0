"""The page of `show` in a real browser: what is lit, what the sliders redraw, against the arithmetic of Python."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from convcalc.analyses.counts.macs import macs
from convcalc.analyses.counts.params import params
from convcalc.analyses.wiring.matrix import matrix
from convcalc.analyses.wiring.scene import Scene
from convcalc.cli.app import run
from convcalc.errors import ConvcalcError
from convcalc.graph import Graph
from convcalc.kinds import all_kinds
from convcalc.render.show.page import page
from convcalc.spec.drawn import drawn
from convcalc.spec.source import blocks
from convcalc.subject import Block, Subject

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pages are not driven")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here: pages are not driven")
LARGEST = 300 * 1024
DRIVEN = ("conv", "conv_transpose", "depthwise", "avg_pool", "inception_v1", "octave", "involution", "gcn", "lstm")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as tool:
        started = tool.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def open_page(browser: Any, tmp_path: Path) -> Iterator[Any]:
    opened = []

    def open_one(*words: str, **settings: Any) -> Any:
        path = tmp_path / "page.html"
        assert run(["show", *words, "-o", str(path)]) == 0
        tab = browser.new_page(**settings)
        errors: list[str] = []
        requests: list[str] = []
        tab.on("pageerror", lambda error: errors.append(str(error)))
        tab.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        tab.on("request", lambda request: requests.append(request.url))
        tab.goto(path.as_uri())
        opened.append((tab, errors, requests))
        return tab

    yield open_one
    for tab, errors, requests in opened:
        assert errors == []
        assert all(url.startswith("file://") for url in requests) and len(requests) == 1
        tab.close()


@pytest.mark.parametrize("name", sorted(all_kinds()))
def test_the_page_of_every_kind_is_one_small_file_without_addresses(name: str) -> None:
    text = page(Scene(*drawn(blocks([name])[0])))
    assert len(text.encode()) < LARGEST
    assert not re.search(r"(src|href)\s*=", text) and "@import" not in text and "url(" not in text


@needs_browser
@pytest.mark.parametrize("name", DRIVEN)
def test_a_page_lights_what_is_read(name: str, open_page: Any) -> None:
    tab = open_page(name)
    assert tab.locator(".cell.unit").count() == 1
    reading = tab.locator("#selection").inner_text()
    assert re.search(r"reads [1-9]\d* element", reading)
    lit = tab.locator(".cell.lit[data-role=input]").count()
    assert lit > 0


@needs_browser
def test_hovering_lights_both_ways(open_page: Any) -> None:
    tab = open_page("conv2d", "k=3", "s=2", "p=1", "-i", "2x5x5", "c=2")
    graph = all_kinds()["conv"].build((1, 2, 5, 5), out_channels=2, kernel_size=3, stride=2, padding=1)
    entries = matrix(graph).entries
    for output in (0, 4, 8, 17):
        tab.locator(f".cell[data-role=output][data-key='{output}']").hover()
        lit = {
            int(key)
            for key in tab.eval_on_selector_all(".cell.lit[data-role=input]", "all => all.map(c => c.dataset.key)")
        }
        assert lit == {entry.column for entry in entries if entry.row == output}
    for element in (0, 12, 49):
        tab.locator(f".cell[data-role=input][data-key='{element}']").hover()
        lit = {
            int(key)
            for key in tab.eval_on_selector_all(".cell.lit[data-role=output]", "all => all.map(c => c.dataset.key)")
        }
        assert lit == {entry.row for entry in entries if entry.column == element}
    for weight in (0, 4, 35):
        tab.locator(f".cell[data-role=weight][data-key='{weight}']").hover()
        served = {(o, i) for o, i, _ in json.loads(tab.locator("#selection").get_attribute("data-pairs"))}
        assert served == {(entry.row, entry.column) for entry in entries if entry.weight == weight}


def table_of_settings() -> list[tuple[bool, dict[str, int]]]:
    """Fifty settings of either direction, good and refused ones."""
    names = ("size", "channels", "out", "kernel", "groups", "stride", "padding", "dilation", "output_padding")
    return [
        (
            n % 2 == 1,
            dict(
                zip(
                    names,
                    (1 + n % 7, 1 + n % 4, 1 + n * 3 % 5, 1 + n * 7 % 4, 1 + n % 3 % 2, 1 + n * 5 % 3, n * 11 % 3,
                     1 + n * 13 % 3, n * 17 % 3),
                    strict=True,
                )
            ),
        )
        for n in range(50)
    ]  # fmt: skip


def python_answer(*, transposed: bool, told: dict[str, int]) -> dict[str, Any] | None:
    arguments = {name: told[name] for name in ("stride", "padding", "dilation", "groups")}
    arguments |= {"out_channels": told["out"], "kernel_size": told["kernel"]}
    if transposed:
        arguments["output_padding"] = told["output_padding"]
    kind = all_kinds()["conv_transpose" if transposed else "conv"]
    try:
        graph: Graph = kind.build((1, told["channels"], told["size"], told["size"]), **arguments)
    except ConvcalcError:
        return None
    scene = Scene(Subject(graph, Block((), ()), ""))
    value = graph.outputs[0]
    count = value.shape[1] * value.shape[2] * value.shape[3]
    reads = [sorted((read.element, read.weight) for read in found) for found in scene.reads(0, list(range(count)))]
    return {
        "sizes": list(value.spatial),
        "params": params(graph).total,
        "macs": macs(graph),
        "reads": [[list(pair) for pair in pairs] for pairs in reads],
    }


ASK = """values => {
  const s = convcalc.settingsOf(values);
  if (convcalc.refusal(s)) return null;
  const l = convcalc.layer(s), reads = [];
  for (let o = 0; o < l.out; o++) for (let y = 0; y < l.sizes[0]; y++) for (let x = 0; x < l.sizes[1]; x++)
    reads.push(l.reads(o, [y, x]).map(([i, w]) => [i, w]).sort((a, b) => a[0] - b[0] || a[1] - b[1]));
  return {sizes: l.sizes, params: l.params, macs: l.macs, reads};
}"""


@needs_browser
@pytest.mark.parametrize("transposed", [False, True])
def test_fifty_settings_are_what_python_computes(transposed: bool, open_page: Any) -> None:
    tab = open_page("conv_transpose2d" if transposed else "conv2d", "k=3", "-i", "2x4x4", "c=2")
    answers = [
        (told, tab.evaluate(ASK, told), python_answer(transposed=transposed, told=told))
        for way, told in table_of_settings()
        if way == transposed
    ]
    for told, page_says, python_says in answers:
        assert page_says == python_says, told
    assert sum(want is None for _, _, want in answers) >= 3 and sum(want is not None for _, _, want in answers) >= 10


@needs_browser
def test_sliders_redraw_and_refuse(open_page: Any) -> None:
    tab = open_page("conv2d", "k=3", "-i", "2x5x5", "c=2")
    slide = "(field, value) => {field.value = value; field.dispatchEvent(new Event('input', {bubbles: true}));}"
    tab.locator("input[name=stride]").evaluate(slide, "2")
    assert tab.locator("#maps .map").last.locator(".grid").first.locator(".cell").count() == 4
    assert "floor((5 + 0 - 1*(3 - 1) - 1)/2) + 1 = 2" in tab.locator("#formulas").inner_text()
    tab.locator("input[name=kernel]").evaluate(slide, "7")
    assert "the kernel reaches over 7 positions" in tab.locator("#refusal").inner_text()
    tab.locator("input[name=padding]").evaluate(slide, "1")
    assert tab.locator("#refusal").inner_text() == ""


@needs_browser
def test_keys_move_and_a_block_changes_with_its_arguments(open_page: Any) -> None:
    tab = open_page("conv2d", "k=3", "-i", "1x5x5", "c=1")
    tab.locator(".cell[data-role=output][data-key='0']").focus()
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("ArrowDown")
    assert tab.locator(".cell.unit").get_attribute("data-key") == "4"
    assert "output channel 0 at 1,1 reads 9 elements" in tab.locator("#selection").inner_text()
    block = open_page("inception_v1", color_scheme="dark", viewport={"width": 400, "height": 800})
    before = block.locator("#formulas").inner_text()
    block.locator("select[name=b1x1]").select_option("128")
    after = block.locator("#formulas").inner_text()
    graph = all_kinds()["inception_v1"].build((1, 2, 5, 5), b1x1=128)
    assert before != after and f"{macs(graph):,}" in after
    edges = block.eval_on_selector_all("path.edge", "all => all.map(e => [e.dataset.from, e.dataset.to])")
    assert ["input", "branch_1.conv"] in edges and ["branch_1.conv", "branch_1.conv_1"] in edges


@needs_browser
@pytest.mark.parametrize("words", [("k=3", "s=2"), ("k=4", "s=2", "p=1"), ("k=5", "s=3")])
def test_lines_are_counted_as_checkerboard_counts(
    words: tuple[str, ...], open_page: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    tab = open_page("conv_transpose1d", *words, "-i", "1x8", "c=1")
    capsys.readouterr()
    run(["checkerboard", "conv_transpose1d", *words, "-i", "1x8", "c=1", "-f", "json"])
    (axis,) = json.loads(capsys.readouterr().out)["forward"]["axes"]
    assert tab.locator("#lines").get_attribute("data-counts") == " ".join(map(str, axis["counts"]))


@needs_browser
def test_the_maps_of_a_block_follow_its_arguments(open_page: Any) -> None:
    tab = open_page("ghost", "k=3", "c=4", "-i", "4x7x7")
    for kernel, reads in ((1, 9), (3, 25)):  # a cheap 3x3 on top of the primary one: 3x3, then 5x5 in the middle
        tab.locator("select[name=kernel_size]").select_option(str(kernel))
        tab.locator(".cell[data-role=output][data-key='0:122']").hover()  # channel 2 at 3,3
        lit = tab.locator(".cell.lit[data-role=input]").count()
        assert lit == 4 * reads
