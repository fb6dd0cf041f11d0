"""What `import convcalc` offers: loaded when it is used, and the same answers as the command line's."""

from __future__ import annotations

import ast
import inspect
import io
import json
import pkgutil
import re
import subprocess
import sys
from typing import Any

import numpy
import pytest
import torch
from torch import nn

import convcalc
from convcalc.cli.app import run
from convcalc.errors import ShapeError, SpecError, UnsupportedError

FUNCTIONS = (
    "analyze", "trace", "parse", "hdc_check", "receptive_field", "profile", "to_module", "find", "list_kinds", "kind",
)  # fmt: skip


def document(capsys: pytest.CaptureFixture[str], *argv: str) -> dict[str, Any]:
    run([*argv, "-f", "json"])
    found = json.loads(capsys.readouterr().out)
    assert found.pop("schema_version") == 2 and found.pop("command") == argv[0]
    found.pop("ok", None)  # the exit code's own word
    return dict(found)


def loaded(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_importing_convcalc_loads_nothing_heavy() -> None:
    assert not loaded("import convcalc") & {"torch", "numpy", "sympy", "fvcore", "rich", "typer"}
    light = "import convcalc; convcalc.analyze('conv2d c=4 k=3', '3x8x8').params; convcalc.hdc_check([1, 2, 5])"
    assert not loaded(light) & {"torch", "numpy", "sympy", "fvcore", "rich", "typer", "convcalc.cli.app"}


def test_profiling_needs_no_command_line() -> None:
    modules = loaded("import convcalc.profiling.report, convcalc.profiling.compare, convcalc.profiling.best")
    assert not [name for name in modules if name.startswith(("convcalc.cli", "convcalc.render"))]
    assert not modules & {"torch", "typer", "rich"}


def test_every_public_name_is_there_and_is_not_a_packages() -> None:
    assert set(FUNCTIONS) <= set(convcalc.__all__) <= set(dir(convcalc))
    packages = {module.name for module in pkgutil.iter_modules(convcalc.__path__) if module.ispkg}
    assert not packages & set(convcalc.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        convcalc.nonsense  # noqa: B018


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_public_function_says_what_it_takes_gives_and_raises(name: str) -> None:
    about = inspect.getdoc(getattr(convcalc, name)) or ""
    assert len(about.splitlines()) >= 1 and re.search(r"Rais|raise|Return|Register", about)
    if name not in ("kind", "find"):
        assert ">>>" in about


def test_a_report_is_what_summary_prints(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """3 to 64 channels, 3x3, on 224x224: 64 (27 + 1) numbers, 27 x 64 x 224^2 multiply-adds."""
    monkeypatch.delenv("COLUMNS", raising=False)
    report = convcalc.analyze("conv2d c=64 k=3 p=1", "3x224x224")
    assert (report.params, report.macs, report.output) == (64 * 28, 27 * 64 * 224**2, (1, 64, 224, 224))
    (row,) = report.rows
    assert (row.name, row.text, row.macs, row.times) == ("0", "conv2d c=64 k=3 p=1", report.macs, 1)
    argv = ["summary", "conv2d c=64 k=3 p=1", "-i", "3x224x224"]
    assert report.to_dict() == document(capsys, *argv)
    run(argv)
    assert str(report) == capsys.readouterr().out.rstrip("\n")
    html = report._repr_html_()
    assert "<table>" in html and "1,792" in html and html.count("<tr>") == 3
    from rich.console import Console

    console = Console(width=120, record=True, file=io.StringIO())
    console.print(report)
    assert "conv2d c=64 k=3 p=1" in console.export_text()


@pytest.mark.parametrize(
    "inputs", ["3x8x8", (3, 8, 8), (1, 3, 8, 8), ["3x8x8"], [(3, 8, 8)], {"input": "3x8x8"}, {"x": (3, 8, 8)}]
)
def test_inputs_may_be_written_in_many_ways(inputs: Any) -> None:
    assert convcalc.analyze("conv2d c=4 k=3", inputs).output == (1, 4, 6, 6)


def test_several_inputs_and_blocks() -> None:
    octave = convcalc.analyze("octave c=64", {"low": "32x16x16", "high": "32x32x32"})
    assert octave.output == [(1, 32, 32, 32), (1, 32, 16, 16)]
    many = convcalc.analyze("@mobilenet_layers")
    assert many.params == sum(row.params.total * row.times for row in many.rows) and "blocks" in many.to_dict()
    with pytest.raises(SpecError, match="parse takes one stack"):
        convcalc.parse("@mobilenet_layers")


def test_a_model_is_counted_as_it_is() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 4, 1, bias=False))
    report = convcalc.analyze(model, "3x16x16")
    assert report.params == sum(p.numel() for p in model.parameters())
    assert report.macs == 14 * 14 * (27 * 8 + 8 * 4) and report.output == (1, 4, 14, 14)
    assert convcalc.analyze(convcalc.trace(model, (1, 3, 16, 16))).macs == report.macs
    with pytest.raises(SpecError, match="the input's size is missing"):
        convcalc.analyze(model)
    with pytest.raises(SpecError, match="layers are words, a graph or a torch module, not int"):
        convcalc.analyze(3)  # type: ignore[arg-type]


@pytest.mark.parametrize("rates", [[1, 2, 5], [2, 4, 8], [(1, 2), (2, 1), (3, 5)]])
def test_hdc_check_is_the_commands(rates: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    words = ",".join("x".join(map(str, rate)) if isinstance(rate, tuple) else str(rate) for rate in rates)
    report = convcalc.hdc_check(rates, kernel_size=3)
    assert isinstance(report, convcalc.HdcReport) and report.to_dict() == document(capsys, "hdc-check", words)
    assert report.holds() == (rates != [2, 4, 8])


def test_rates_that_do_not_match_are_refused() -> None:
    with pytest.raises(SpecError, match="2 rates need one kernel size, or 2 of them, not 3"):
        convcalc.hdc_check([1, 2], [3, 3, 3])
    with pytest.raises(SpecError, match="names 2 axes where others name 3"):
        convcalc.hdc_check([(1, 2), (1, 2, 3)])
    with pytest.raises(ShapeError, match="a dilation rate must be at least 1"):
        convcalc.hdc_check([0])


def test_receptive_field_is_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    spec = "conv2d in_channels=3 c=8 k=7 s=2 maxpool2d k=3 s=2"
    report = convcalc.receptive_field(spec, "3x64x64", unit=(0, 0), paths=True)
    assert report.to_dict() == document(capsys, "rf", *spec.split(), "-i", "3x64x64", "--unit", "0,0", "--paths")


def test_profile_is_the_commands(in_process: list[Any]) -> None:
    report = convcalc.profile("conv2d c=4 k=3 relu", "3x12x12", budget_s=2, row_s=0.02, threads=1, dtype="bf16")
    assert [row.identity.name for row in report.rows] == ["0", "1", "whole"]
    assert report.rows[0].timing.median_s and report.rows[0].identity.setup.dtype == "bf16"
    found = report.to_dict()
    assert json.loads(json.dumps(found)) == found
    assert {"machine", "peaks", "layers", "wholes", "total"} <= set(found)
    with pytest.raises(SpecError, match="dtype is fp32, bf16, fp16, not 'fp33'; did you mean 'fp32'"):
        convcalc.profile("relu", "3x4x4", dtype="fp33")
    with pytest.raises(SpecError, match="a setup has no 'dtyp'; did you mean 'dtype'"):
        convcalc.profile("relu", "3x4x4", dtyp="fp32")


def test_a_module_of_words_computes_what_torch_does() -> None:
    module = convcalc.to_module("conv2d c=4 k=3 relu", "3x8x8")
    assert module(torch.zeros(2, 3, 8, 8)).shape == (2, 4, 6, 6)
    with pytest.raises(UnsupportedError):
        convcalc.trace(_Asks(), (1, 3, 4, 4))


class _Asks(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x if x.sum() > 0 else -x


def test_kinds_are_listed_found_and_swept() -> None:
    names = [kind.name for kind in convcalc.list_kinds()]
    assert len(names) == len(set(names)) and {"conv", "octave", "involution"} <= set(names)
    kind, rank = convcalc.find("Conv2d")
    assert (kind.name, rank) == ("conv", 2)
    kernels = numpy.array([1, 3, 5])
    graph = kind.build((1, 3, 32, 32), out_channels=8, kernel_size=kernels)
    assert graph.outputs[0].shape[2].tolist() == [32, 30, 28]


def test_a_recipe_of_ones_own_is_a_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    from convcalc.registry import KINDS

    monkeypatch.setattr("convcalc.registry.KINDS", dict(KINDS))

    @convcalc.kind(source="this test")
    def twice(b: Any, x: Any, *, out_channels: int) -> Any:
        """Convolve 3x3 two times."""
        return b.conv(b.conv(x, out_channels, 3, padding=1), out_channels, 3, padding=1)

    from convcalc import registry

    graph = registry.KINDS["twice"].build((1, 4, 8, 8), out_channels=8)
    assert convcalc.analyze(graph).params == 4 * 8 * 9 + 8 * 8 * 9


def test_the_all_of_the_package_and_what_mypy_sees_are_the_same() -> None:
    tree = ast.parse(inspect.getsource(convcalc))
    typed = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("convcalc")
        for alias in node.names
    }
    assert typed == set(convcalc.__all__)


def test_a_model_is_analysed_as_on_the_command_line_and_left_as_it_was() -> None:
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8)).train()
    report = convcalc.analyze(model, (1, 3, 32, 32))
    assert (report.params, report.macs, report.output) == (240, 30 * 30 * 8 * 27, (1, 8, 30, 30))
    assert convcalc.analyze(model, "3x32x32").macs == report.macs and model.training
    graph = convcalc.trace(model, torch.zeros(2, 3, 16, 16))
    assert graph.outputs[0].shape == (2, 8, 14, 14)
    assert "<table>" in report._repr_html_() and "Conv2d" in report.table("output,macs")


def test_a_report_is_a_data_frame_where_pandas_is_there() -> None:
    report = convcalc.analyze("conv2d c=8 k=3", "3x8x8")
    try:
        import pandas  # noqa: F401
    except ImportError:
        with pytest.raises(convcalc.UnavailableError, match="pip install pandas"):
            report.to_pandas()
        return
    assert report.to_pandas()["macs"].sum() == report.macs


def test_a_reader_of_an_operator_of_another_library() -> None:
    from convcalc.pytorch.readers.registry import READERS

    @torch.library.custom_op("convcalc_test::mixed", mutates_args=())
    def mixed(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return x @ weight

    @mixed.register_fake
    def _(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return x.new_empty(x.shape[0], weight.shape[1])

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(6, 5))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            result: torch.Tensor = mixed(x, self.weight)
            return result

    before = convcalc.analyze(Net(), (4, 6))
    assert before.macs == 0 and before.at_least == ["mixed"]
    try:

        @convcalc.reads(mixed)
        def read(b: Any, x: Any, weight: Any) -> Any:
            return b.contract("nk,km->nm", x, weight)

        after = convcalc.analyze(Net(), (4, 6))
        assert after.macs == 4 * 6 * 5 and not after.at_least
    finally:
        READERS.pop("mixed", None)


def test_kinds_of_other_packages_come_by_their_entry_points(monkeypatch: pytest.MonkeyPatch) -> None:
    from convcalc import kinds
    from convcalc.registry import KINDS

    class Point:
        def load(self) -> None:
            @convcalc.kind(source="a test")
            def twice_as_wide(b: Any, x: Any) -> Any:
                """Stand a map beside itself."""
                return b.concat(x, x)

    kinds._load_entry_points.cache_clear()
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [Point()] if group == "convcalc.kinds" else [])
    try:
        assert convcalc.analyze("twice_as_wide", "4x8x8").output == (1, 8, 8, 8)
    finally:
        KINDS.pop("twice_as_wide", None)
        kinds._load_entry_points.cache_clear()
        kinds.find.cache_clear()
