"""The handbook: pages that hold together, equations as MathML, and a search without a server."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from convcalc.cli.app import run
from convcalc.kinds import all_kinds
from convcalc.literature import literature, topics
from convcalc.profiling.progress import Silence
from convcalc.render.maths import equation_html
from convcalc.render.show.handbook import topic_html, write_handbook

NAMES = ("conv", "conv_transpose", "deformable", "inception_v1", "layer_norm", "relu")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("handbook")
    assert write_handbook(folder, NAMES, Silence()) == len(NAMES) + len(topics()) + 1
    return folder


def test_every_link_leads_to_a_page(site: Path) -> None:
    pages = [*site.rglob("*.html")]
    assert len(pages) == len(NAMES) + len(topics()) + 1
    for page in pages:
        text = page.read_text(encoding="utf-8")
        for link in re.findall(r'href="([^"]+)"', text):
            there = (page.parent / link).resolve()
            assert there.is_file() or there.stem in all_kinds()  # of the same family, not written here
        assert "http" not in text.replace("http://www.w3.org", "") or "src=" not in text


def test_a_page_has_equations_formulas_pictures_and_traps(site: Path) -> None:
    text = (site / "kinds" / "deformable.html").read_text(encoding="utf-8")
    assert text.count("<math>") > 10 and text.count("<svg") == 2 and "People say, and it is" in text
    assert "∑" in text and "<h2>Formulas</h2>" in text and "offset_groups" in text


@pytest.mark.parametrize("name", sorted(all_kinds()))
def test_every_equation_is_well_formed_and_loses_no_name(name: str) -> None:
    for line in literature(name).equations:
        html = equation_html(line)
        mathematics = html[: html.index("</math>") + len("</math>")]
        root = ElementTree.fromstring(mathematics)
        shown = "".join(root.itertext())
        for word in re.findall(r"[A-Za-z]{3,}", line.partition(", where ")[0]):
            known = word in shown or word in ("sum", "prod", "sqrt", "floor", "ceil", "abs")
            assert known or any(letter in shown for letter in "αβγδΔελμστφΦπ"), (word, shown)


def test_how_equations_read() -> None:
    assert "<mfrac><mi>a</mi><mrow><mi>b</mi><mo>+</mo><mn>1</mn></mrow></mfrac>" in equation_html("a/(b + 1)")
    assert "<msubsup><mi>W</mi><mi>i</mi><mi>Q</mi></msubsup>" in equation_html("W_i^Q")
    assert "<munder><mo>∑</mo>" in equation_html("sum_(t) w(t)") and "⌊" in equation_html("floor(a/b)")
    assert equation_html("y = x, where x < 3").endswith("</math>, where x &lt; 3")


def test_the_text_of_topics() -> None:
    html = topic_html("One `two`.\n\n* a\n  b\n* c\n\n| x | y |\n|---|---|\n| 1 | 2 |\n\n```sh\nls <\n```\n")
    assert "<p>One <code>two</code>.</p><ul><li>a b</li><li>c</li></ul>" in html
    assert "<th>x</th>" in html and "<td>2</td>" in html and "<pre>ls &lt;</pre>" in html


@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here: pages are not driven")
def test_the_search_needs_no_server(site: Path) -> None:
    playwright: Any = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tab = browser.new_page()
        requests: list[str] = []
        tab.on("request", lambda request: requests.append(request.url))
        tab.goto((site / "index.html").as_uri())
        assert tab.locator("li[data-words]:visible").count() == len(NAMES) + len(topics())
        tab.locator("input").fill("gridding")
        assert "Gridding" in tab.locator("li[data-words]:visible").first.inner_text()
        assert tab.locator("li[data-words]:visible").count() < 5
        tab.locator("li[data-words]:visible a").first.click()
        assert "M_i" in tab.locator("body").inner_text()
        assert all(url.startswith("file://") for url in requests)
        browser.close()


def test_all_of_it_needs_a_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "--all"]) == 2
    assert "name it with -o, such as -o handbook" in capsys.readouterr().err
