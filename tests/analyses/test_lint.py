"""Each rule of lint on a stack that breaks it and on the nearest one that does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from convcalc.analyses.lint.facts import Finding
from convcalc.analyses.lint.rules import RULES, lint
from convcalc.cli.app import run
from convcalc.profiling import cache
from convcalc.profiling.fields import to_json
from convcalc.profiling.machine import cores, cpu_name, torch_version
from convcalc.profiling.roofline import key
from convcalc.spec.assemble import assemble
from convcalc.spec.source import blocks
from tests.profiling.samples import PEAKS

RIDGE = 5.0


@pytest.fixture(autouse=True)
def no_roofs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def found(code: str, spec: str, size: str | None = "8x32x32", smallest: int | None = None) -> list[Finding]:
    block = blocks(spec.split(), (size,) if size else ())[0]
    stack = assemble(block, needs_input=False)
    return [one for one in lint(stack.graph, smallest=smallest, ridge=RIDGE) if one.code == code]


DILATED = "conv c=8 k=3 d={} p={} conv c=8 k=3 d={} p={} conv c=8 k=3 d={} p={}"
BREAKS = {
    "CC101": (DILATED.format(2, 2, 2, 2, 2, 2), DILATED.format(1, 1, 2, 2, 5, 5)),
    "CC102": ("conv_transpose c=8 k=3 s=2", "conv_transpose c=8 k=4 s=2 p=1"),
    "CC103": ("conv c=8 k=3 s=3", "conv c=8 k=4 s=4"),
    "CC104": ("conv c=12 k=3 conv c=8 k=3", "conv c=16 k=3 conv c=10 k=3"),
    "CC105": ("conv c=8 k=4 padding=same", "conv c=8 k=2 p=1+0"),
    "CC106": ("conv c=8 k=3 batch_norm", "conv c=8 k=3 group_norm num_groups=2"),
    "CC107": ("conv c=8 k=3 p=1 repeat=20", "conv c=8 k=3 p=1 repeat=15"),
    "CC108": (
        "conv c=16 k=3 g=2 relu depthwise k=3 conv c=16 k=1 g=2",
        "conv c=16 k=3 g=2 channel_shuffle groups=2 conv c=16 k=1 g=2",
    ),
    "CC110": ("conv c=8 k=3 d=18 p=18", "conv c=8 k=3 d=6 p=6"),
    "CC111": ("conv c=8 k=1 s=2", "conv c=8 k=2 s=2"),
    "CC112": ("identity as=x conv c=8 k=3 conv c=8 k=5 from=x", "conv c=8 k=3 conv c=8 k=5"),
    "CC113": ("depthwise k=3 p=1", "conv c=64 k=3 p=1"),
}  # fmt: skip


@pytest.mark.parametrize("code", BREAKS)
def test_a_rule_speaks_where_it_is_broken_and_not_otherwise(code: str) -> None:
    broken, kept = BREAKS[code]
    assert found(code, broken)
    assert not found(code, kept)


def test_every_rule_is_tested_and_explained(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "500")
    assert set(BREAKS) | {"CC109"} == set(RULES)
    for code in RULES:
        assert run(["lint", "--explain", code.lower()]) == 0
        text = capsys.readouterr().out
        assert text.startswith(f"{code}: ") and len(text.splitlines()[1]) > 60


def test_numbers_and_remedies() -> None:
    (holes,) = found("CC101", BREAKS["CC101"][0])
    assert (
        holes.numbers == {"rates": (2, 2, 2), "reached": 49, "field": 169} and "rates 1,2,3 leave none" in holes.remedy
    )
    (uneven,) = found("CC102", BREAKS["CC102"][0])
    assert uneven.remedy.startswith("kernel 4")
    (cut,) = found("CC103", BREAKS["CC103"][0])
    assert cut.numbers["lost"] == (2, 2)  # 32 = 3 + 3 * 9 + 2
    assert [one.numbers for one in found("CC104", BREAKS["CC104"][0])] == [
        {"channels_out": 12, "groups": 1},
        {"channels_in": 12, "groups": 1},
    ]
    (late,) = found("CC107", BREAKS["CC107"][0])
    # after n convolutions of 3x3 the field is 1 + 2n: 33 after 16, so 4 of the 20 have inputs that see all of 32
    assert late.numbers["layers"] == 4 and late.numbers["field"] == [33, 33]
    (padded,) = found("CC110", BREAKS["CC110"][0])
    assert padded.numbers["macs_useful"] / padded.numbers["macs"] == pytest.approx((32 + 2 * 14) ** 2 / 96**2)


def test_objects_are_compared_with_the_jump_only_when_asked_for() -> None:
    spec = "conv c=8 k=3 s=2 conv c=8 k=3 s=2 conv c=8 k=3 s=2"
    assert not found("CC109", spec)
    assert found("CC109", spec, smallest=7)[0].numbers == {"jump": 8, "object": 7}
    assert not found("CC109", spec, smallest=8)


def test_depthwise_class_and_image_channels_are_not_judged() -> None:
    assert not found("CC104", "conv c=16 k=3 depthwise k=3 conv c=5 k=1", size="3x32x32")
    assert found("CC104", "conv c=20 k=3 g=2 conv c=8 k=1")[0].numbers["groups"] == 2


def test_what_an_expert_would_not_say() -> None:
    assert not found(
        "CC103", "zero_pad p=3 conv c=64 k=7 s=2 bias=false zero_pad p=1 max_pool k=3 s=2", size="3x224x224"
    )
    assert not found("CC103", "conv c=8 k=1 s=2")  # the stride skips positions: CC111 says so
    assert not found("CC104", "zero_pad p=1 batch_norm conv c=16 k=3 conv c=8 k=1", size="3x32x32")
    assert not found("CC104", "conv c=64 k=3 se reduction=16 conv c=8 k=1")
    assert "32 out" in found("CC104", "conv c=16 k=1 g=4 conv c=16 k=1", size="16x8x8")[0].remedy
    assert found("CC112", "conv c=8 k=3 as=a flatten linear out_features=8 relu from=a")[0].where[0][0] == "1"


def test_a_linear_bias_before_a_norm_is_found_and_a_shared_value_is_not() -> None:
    assert found("CC106", "flatten linear out_features=10 batch_norm", size="8x2x2")
    assert not found("CC106", "conv c=8 k=3 as=x batch_norm add from=x,last")
    assert not found("CC106", "conv c=8 k=3 bias=false batch_norm")


def test_without_a_size_the_rest_is_still_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lint", "conv", "in_channels=8", "c=8", "k=3", "batch_norm"]) == 1
    text = capsys.readouterr().out
    assert "CC106" in text and "CC103, CC107, CC110, CC113 need the input's size" in " ".join(text.split())


def asked(capsys: pytest.CaptureFixture[str], *argv: str, code: int) -> Any:
    assert run(["lint", *argv, "--format", "json"]) == code
    return json.loads(capsys.readouterr().out)


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "conv",
        "c=12",
        "k=3",
        "batch_norm",
        "conv",
        "c=12",
        "k=3",
        "batch_norm",
        "conv",
        "c=8",
        "k=3",
        "-i",
        "8x32x32",
    ]
    every = asked(capsys, *words, code=1)
    assert [one["code"] for one in every["findings"]] == ["CC104", "CC104", "CC104", "CC106"]
    bias = every["findings"][-1]
    assert [(layer["index"], layer["text"]) for layer in bias["layers"]] == [(0, "conv c=12 k=3"), (2, "conv c=12 k=3")]
    assert bias["numbers"] == {"bias": 12}
    assert [one["code"] for one in asked(capsys, *words, "--select", "CC106", code=1)["findings"]] == ["CC106"]
    assert asked(capsys, *words, "--ignore", "CC10", code=0)["findings"] == []
    assert asked(capsys, *words, "--ignore", "CC104,CC106", code=0)["checked"][-1] == "CC113"
    assert asked(capsys, *words, "--exit-zero", code=0)["findings"]
    assert run(["lint", "@resnet_stem"]) == 0
    assert "no findings" in capsys.readouterr().out
    assert asked(capsys, "@mobilenet_layers", "--exit-zero", code=0)["findings"] == []


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--explain", "CC999"], "there is no code 'CC999'"),
        (["--select", "XX", "relu"], "there is no code 'XX'"),
        ([], "no layers"),
    ],
)
def test_what_is_misspelt(argv: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lint", *argv]) == 2
    assert message in capsys.readouterr().err


def test_the_ridge_is_the_measured_one_or_given(capsys: pytest.CaptureFixture[str]) -> None:
    """Depthwise 3x3 on 8x32x32 in fp32: 2 x 73,728 MACs over 4 (8192 + 72 + 8192) bytes and 8 biases."""
    words = ["depthwise", "k=3", "p=1", "-i", "8x32x32"]
    assert run(["lint", *words]) == 0
    assert "CC113 needs this machine's roofs" in capsys.readouterr().out
    (one,) = asked(capsys, *words, "--ridge", "2.5", code=1)["findings"]
    assert one["numbers"] == {"intensity": pytest.approx(2 * 73_728 / (4 * (2 * 8192 + 72 + 8))), "ridge": 2.5}
    assert asked(capsys, *words, "--ridge", "2", code=0)["findings"] == []
    name = key(cpu_name(), torch_version(), cores(), "fp32")
    assert cache.write("peaks.json", name, to_json(PEAKS)) == ""
    assert asked(capsys, *words, code=0)["findings"] == []  # the same on every machine, unless it is asked for
    assert run(["lint", *words]) == 0
    assert "CC113 compares with a machine: --select CC113 for this one, or --ridge" in capsys.readouterr().out
    (one,) = asked(capsys, *words, "--select", "CC113", code=1)["findings"]
    assert one["code"] == "CC113" and one["numbers"]["ridge"] == PEAKS.ridge
