"""Budgets: what must hold of a number, exit code 1 where it does not, and lines for a pull request."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from convcalc.cli.app import run
from convcalc.errors import SpecError
from convcalc.spec.conditions import condition

STACK = ["conv2d", "c=64", "k=3", "p=1", "-i", "3x32x32"]  # 1,792 parameters, 1,769,472 multiply-adds, a field of 3


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("macs<1.8M", True), ("macs<1769472", False), ("macs<=1769472", True), ("macs > 1.7M", True),
        ("params==1792", True), ("params!=1792", False), ("flops<3.6M", True), ("params<=1.75Ki", True),
    ],
)  # fmt: skip
def test_a_condition_holds_or_costs_exit_code_1(text: str, holds: bool, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["macs", *STACK, "--assert", text]) == (0 if holds else 1)
    assert ("--assert: " in capsys.readouterr().err) is not holds


def test_every_failure_is_said_with_by_how_much(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        run(["summary", *STACK, "--assert", "macs<1M", "--assert", "rf>=9", "--assert", "params<2k", "-f", "json"]) == 1
    )
    out, err = capsys.readouterr()
    assert "macs is 1,769,472, not <1M, off by 769,472 (76.95%)" in err
    assert "rf is 3, not >=9, off by 6 (66.67%)" in err
    assert [(part["assert"], part["holds"]) for part in json.loads(out)["assertions"]] == [
        ("macs<1M", False), ("rf>=9", False), ("params<2k", True),
    ]  # fmt: skip


def test_memory_has_its_own_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    """Weights 1,792 x 4 bytes, the input 12,288 and the output 262,144 bytes at once."""
    assert run(["memory", *STACK, "--assert", "peak_memory<=281600", "--assert", "peak_memory<275KiB"]) == 1
    err = capsys.readouterr().err
    assert err.count("--assert") == 1 and "<275KiB" in err


def test_the_field_of_a_global_pool_is_without_bound(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rf", *STACK[:4], "adaptive_avg_pool", "output_size=1", "-i", "3x32x32", "--assert", "rf>=1000"]) == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mac<3", "there is no 'mac' here; did you mean 'macs'"),
        ("macs", "takes a name, a sign and a number"),
        ("macs<three", "is a number with a suffix"),
        ("peak_memory<1M", "there is no 'peak_memory' here"),
    ],
)
def test_what_is_no_condition_is_refused(text: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["macs", *STACK, "--assert", text]) == 2
    assert message in capsys.readouterr().err


def test_a_lower_bound_is_no_proof(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "net.txt").write_text("Sequential(\n  (0): Conv2d(3, 8, kernel_size=(3, 3))\n  (1): Mystery(3)\n)\n")
    assert run(["params", f"@{tmp_path / 'net.txt'}", "--assert", "macs<1G"]) in (1, 2)


def test_zero_and_negative_bounds() -> None:
    asked = condition("macs_change<=-5k", ["macs_change"], "--assert")
    assert asked.holds(-5000) and not asked.holds(0)
    assert condition("macs_change<0", ["macs_change"], "--assert").failure(3) == "macs_change is 3, not <0, off by 3"
    with pytest.raises(SpecError):
        condition("macs<--3", ["macs"], "--assert")


def test_annotations_for_a_pull_request(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "net.txt"
    file.write_text("input 3x32x32\nconv2d c=64 k=3\nbatch_norm\n")
    assert run(["lint", f"@{file}", "-f", "github"]) == 1
    out = capsys.readouterr().out
    assert f"::warning file={file},line=2,title=convcalc CC106::0 (conv2d c=64 k=3): its bias (64" in out
    assert run(["macs", f"@{file}", "-f", "github", "--assert", "macs<1M"]) == 1
    assert capsys.readouterr().out.startswith(
        f"::error file={file},title=convcalc --assert::macs is 1,555,200, not <1M"
    )
    assert run(["shape", *STACK, "-f", "github"]) == 2
    assert "--format github is for lint, diff and --assert" in capsys.readouterr().err


def test_two_summaries_layer_by_layer(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, kernel in (("before", 3), ("after", 5)):
        words = f"conv2d c=8 k={kernel} p={kernel // 2} relu".split()
        assert run(["summary", *words, "-i", "3x8x8", "-f", "json", "-o", f"{name}.json"]) == 0
    assert run(["diff", "before.json", "after.json", "-f", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["params_before"], document["params_after"]) == (224, 608)
    assert document["macs_change"] == 64 * 8 * 3 * (25 - 9)
    assert [(row["name"], row["change"]) for row in document["layers"]] == [("0", "changed")]
    assert run(["diff", "before.json", "after.json", "--assert", "macs_change<=0", "-f", "markdown"]) == 1
    out = capsys.readouterr().out
    assert "| 0 | changed | 8x8x8 | 224 -&gt; 608 |" in out
    assert run(["diff", "before.json", "missing.json"]) == 2
    assert "missing.json is not a summary: there is no such file" in capsys.readouterr().err


def test_two_specs_each_on_its_own_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diff", "conv2d c=8 k=3 -i 3x8x8", "conv2d c=8 k=3 -i 3x16x16", "-f", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["params_change"] == 0 and document["output_after"] == [1, 8, 14, 14]
