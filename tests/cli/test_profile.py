"""`convcalc profile` as its users see it; the measuring is done in this process, on small layers."""

from __future__ import annotations

import csv
import io
import itertools
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from convcalc.cli.app import run
from convcalc.cli.exits import Terminated
from convcalc.profiling import noise, session
from convcalc.profiling.best import code
from convcalc.profiling.child.backends import Backend
from convcalc.profiling.fields import to_json
from convcalc.profiling.machine import cores
from convcalc.profiling.observation import NOT_REACHED, Observation
from convcalc.profiling.plan import Plan, Setup
from tests.profiling.samples import MACHINE, observation, row

CONV = ["-i", "2x3x16x16", "conv2d", "c=4", "k=3", "--threads", "1"]
QUICK = ["--time", "60ms"]
TWO = ["-i", "3x12x12", "conv2d", "c=4", "k=3", "relu", "--threads", "1", *QUICK]


@pytest.fixture(autouse=True)
def quick(in_process: list[Plan], monkeypatch: pytest.MonkeyPatch) -> list[Plan]:
    monkeypatch.setenv("COLUMNS", "250")
    calm = noise.SystemNoise(0.1, None, None, None, None)  # a row beside a busy neighbour would not be explained
    monkeypatch.setattr(noise, "between", lambda *_: calm)
    return in_process


def asked(capsys: pytest.CaptureFixture[str], *argv: str, code: int = 0) -> Any:
    assert run(["profile", *argv, "-f", "json"]) == code
    return json.loads(capsys.readouterr().out, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))


def test_what_json_holds(capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(capsys, *CONV, "relu", *QUICK)
    assert (found["schema_version"], found["command"], found["machine"]["threads"]) == (2, "profile", 1)
    assert {"layers", "total", "totals", "wholes", "peaks", "budget_s", "interrupted"} <= set(found)
    first, second = found["layers"]
    assert first["input"] == [2, 3, 16, 16] and first["output"] == [2, 4, 14, 14]
    assert first["macs"] == 2 * 14 * 14 * 4 * 27 and first["median_s"] > 0 and first["samples"] >= 3
    assert first["flops_per_s"] == pytest.approx(2 * first["macs"] / first["median_s"])
    assert first["attainable_flops_per_s"] == pytest.approx(
        min(found["peaks"][0]["flops_per_s"], first["intensity"] * found["peaks"][0]["bytes_per_s"])
    )
    assert second["flops_per_s"] is None and second["macs"] == 0
    assert first["p20_s"] <= first["median_s"] <= first["p80_s"] and first["first_s"] > 0
    (whole,) = found["wholes"]
    assert whole["whole"] and whole["macs"] == first["macs"] == found["total"]["macs"]
    assert found["total"]["layers_s"] == pytest.approx(first["median_s"] + second["median_s"])
    assert found["total"]["median_s"] == whole["median_s"] and found["total"]["failed"] == 0
    assert first["share"] + second["share"] == pytest.approx(1) and first["macs_share"] == 1
    assert first["explanation"] and first["implementation"]


def test_one_layer_is_its_own_whole(capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(capsys, *CONV, *QUICK)
    assert len(found["layers"]) == 1 and not found["wholes"]
    assert found["total"]["median_s"] == found["layers"][0]["median_s"]


def test_copies_count_as_often_as_they_stand(capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(capsys, "-i", "3x12x12", "conv2d", "c=3", "k=3", "p=1", "times=4", "relu", *QUICK)
    conv, relu = found["layers"]
    assert conv["times"] == 4 and found["total"]["macs"] == 4 * conv["macs"]
    assert conv["share"] == pytest.approx(4 * conv["median_s"] / (4 * conv["median_s"] + relu["median_s"]))


def test_variants_are_rows(capsys: pytest.CaptureFixture[str], quick: list[Plan]) -> None:
    argv = ["-i", "4x8x8", "conv2d", "c=4", "k=3", *QUICK]
    found = asked(capsys, *argv, "--layout", "nchw,channels_last,prepacked", "--dtype", "fp32,bf16", "--threads", "1")
    assert [row["variant"] for row in found["layers"]] == [
        "default", "channels_last", "prepacked", "bf16", "bf16, channels_last", "bf16, prepacked",
    ]  # fmt: skip
    assert len(found["totals"]) == 6 and {row["dtype"] for row in found["peaks"]} == {"fp32", "bf16"}
    found = asked(capsys, *argv, "--batch", "1:4:pow2", "--threads", "1")
    assert [row["input"][0] for row in found["layers"]] == [1, 2, 4]
    assert [row["variant"] for row in found["layers"]] == ["batch 1", "batch 2", "batch 4"]
    found = asked(capsys, *argv, "--pass", "forward,backward,both", "--threads", "1")
    assert [row["flops"] // row["macs"] for row in found["layers"]] == [2, 4, 6]
    before = len(quick)
    found = asked(capsys, *argv, "--threads", "1,2")
    assert [plan.threads for plan in quick[before:]] == [1, 2]  # a child for each
    assert [row["setup"]["threads"] for row in found["layers"]] == [1, 2]
    assert sum(plan.seconds for plan in quick[before:]) <= 60.0 + 30.0


def test_blocks_are_rows_of_one_table(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "two.txt").write_text("input 3x8x8\nconv2d c=4 k=3\ninput 4x6x6\nconv2d c=8 k=1 times=2\n")
    assert run(["profile", f"@{tmp_path}/two.txt", *QUICK]) == 0
    text = capsys.readouterr().out
    assert "3x8x8" in text and "4x6x6" in text and "the layers add up to" in text
    found = asked(capsys, f"@{tmp_path}/two.txt", *QUICK)
    assert [row["name"] for row in found["layers"]] == ["0", "1"] and not found["wholes"]
    assert found["total"]["macs"] == 36 * 4 * 27 + 2 * 36 * 8 * 4


def test_every_form(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["profile", *TWO, "-f", "jsonl"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["name"] for line in lines] == ["0", "1", "whole"] and all(
        line["command"] == "profile" for line in lines
    )
    assert run(["profile", *TWO, "-f", "csv", "--details"]) == 0
    rows = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert {row[0] for row in rows} == {"table", "time", "details"}
    assert run(["profile", *TWO, "-f", "markdown", "--roofline"]) == 0
    text = capsys.readouterr().out
    assert "| # | layer |" in text and "```\nGFLOP/s" in text


def test_tables_say_what_they_hold(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["profile", *TWO, "--details", "--explain"]) == 0
    out = capsys.readouterr().out
    for words in (
        "of roof",
        "FLOP/B",
        "the whole",
        "roofs measured here",
        "FLOPs = 2 x MACs",
        "first call",
        "MIOpenDriver",
    ):
        assert words in out
    assert "0 conv2d c=4 k=3: " in out


@pytest.mark.parametrize("columns", ["80", "200"])
def test_narrow_and_wide(columns: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert run(["profile", *TWO, "--roofline"]) == 0
    out = capsys.readouterr().out
    assert all(len(line) <= int(columns) for line in out.splitlines())


def test_roofs_by_hand_are_labelled(capsys: pytest.CaptureFixture[str], quick: list[Plan]) -> None:
    found = asked(capsys, *CONV, *QUICK, "--peak-flops", "1T", "--peak-bw", "100G")
    assert found["peaks"][0]["flops_from"] == found["peaks"][0]["bytes_from"] == "given" and quick[-1].peaks == ()
    found = asked(capsys, *CONV, *QUICK, "--peak-flops", "1T")
    assert (found["peaks"][0]["flops_from"], found["peaks"][0]["bytes_from"]) == ("given", "measured")
    assert run(["profile", *CONV, *QUICK, "--peak-bw", "100G"]) == 0
    assert "roofs compute measured, memory given" in capsys.readouterr().out


def test_a_row_that_fails_is_one_line_and_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["profile", "-i", "3x8x8", "conv2d", "c=4", "k=3", "relu", *QUICK, "--layout", "nchw,prepacked"]) == 2
    printed = capsys.readouterr()
    assert "1 relu failed: it has no convolution whose weights can be packed" in printed.err
    assert "failed" in printed.out and "conv2d c=4 k=3" in printed.out


def test_rows_are_saved_and_not_timed_again(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, quick: list[Plan]
) -> None:
    path = tmp_path / "rows.jsonl"
    first = asked(capsys, *TWO, "--save", str(path))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["name"] for line in lines] == ["0", "1", "whole"]
    assert lines[0]["median_s"] == first["layers"][0]["median_s"] and lines[0]["machine"]["torch"]
    count = len(quick)
    assert run(["profile", *TWO, "--save", str(path), "--resume", "-f", "json"]) == 0
    printed = capsys.readouterr()
    again = json.loads(printed.out)
    assert len(quick) == count and "3 rows taken from" in printed.err
    assert again["layers"][0]["median_s"] == first["layers"][0]["median_s"] and "machine" not in again["layers"][0]
    path.write_text("\n".join(path.read_text().splitlines()[:1]) + "\n")
    asked(capsys, *TWO, "--save", str(path), "--resume")
    assert [len(plan.groups) for plan in quick[count:]] == [2]
    other = asked(capsys, *TWO, "--save", str(path), "--resume", "--peak-flops", "1T", "--peak-bw", "1G")
    conv = other["layers"][0]
    assert conv["attainable_flops_per_s"] == pytest.approx(conv["intensity"] * 1e9) and conv["bound"] == "memory"
    assert "ridge of 1000: memory bounds it" in conv["explanation"][0]
    count = len(quick)
    asked(capsys, *TWO, "--save", str(path), "--resume", "--allocator", "system")
    assert [len(plan.groups) for plan in quick[count:]] == [3]  # other circumstances are other rows
    path.write_text(path.read_text().replace('"torch": "', '"torch": "0.'))
    assert run(["profile", *TWO, "--save", str(path), "--resume"]) == 2
    assert "holds rows of another run: torch is 0." in capsys.readouterr().err


def test_rows_of_several_children_each_keep_their_own_environment(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, quick: list[Plan]
) -> None:
    path = str(tmp_path / "rows.jsonl")
    argv = ["-i", "4x8x8", "relu", *QUICK, "--threads", f"1,{cores() + 1}", "--save", path]
    asked(capsys, *argv)
    count = len(quick)
    assert len(asked(capsys, *argv, "--resume")["layers"]) == 2 and len(quick) == count
    machines = [json.loads(line)["machine"] for line in Path(path).read_text().splitlines()]
    assert [one["threads"] for one in machines] == [1, cores() + 1]
    assert machines[0]["environment"]["OMP_NUM_THREADS"] == "1"
    assert machines[0]["environment"] != machines[1]["environment"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_loses_no_row_on_the_screen(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["profile", *TWO, "--save", "/dev/full"]) == 2
    printed = capsys.readouterr()
    assert printed.err.count("cannot be written: No space left") == 1 and "the whole" in printed.out


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--resume"], "--resume goes on with a file: name it with --save"),
        (
            ["--vs", "relu", "--best"],
            "--vs compares two stacks under one setup, in a table of its own: leave out --best",
        ),
        (["--vs", "relu", "--layout", "nchw,channels_last"], "leave out a list of variants"),
        (["--vs", "relu", "--plot", "x.svg"], "leave out --plot"),
        (
            ["--best", "--batch", "1,2"],
            "--best compares variants of each layer, in a table of its own: leave out a list",
        ),
        (["--best", "--explain"], "leave out --explain"),
        (
            ["--best", "--layout", "prepacked,nchw"],
            "--best compares with the first layout, which every layer must have",
        ),
        (["--allocator", "jemalloc"], "--allocator takes keep, system"),
        (["--peak-bw", "1e400"], "--peak-bw must be above 0 and below 1e30"),
        (["--best", "--pass", "forward,both"], "--best compares variants of one pass"),
        (["--best", "--layout", "channels_last"], "--best needs variants to choose from"),
        (["--plot", "x.gif"], "--plot takes a file that ends in .svg, .png, .pdf"),
        (["--plot", "/no/such/x.svg"], "there is no folder /no/such"),
        (["--save", "/no/such/x"], "there is no folder /no/such"),
        (["--budget", "soon"], "--budget is a time such as 2s"),
    ],
)
def test_what_cannot_be_asked_together(argv: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["profile", *CONV, *argv]) == 2
    err = capsys.readouterr().err
    assert message in err and err.count("convcalc:") == 1


def test_a_batch_is_that_of_both(capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(capsys, "-i", "3x12x12", "conv2d", "c=4", "k=3", "--vs", "conv2d c=4 k=3", "--batch", "8", *QUICK)
    assert [row["input"] for row in found["layers"]] == [[8, 3, 12, 12]] * 2


def test_a_picture_that_cannot_be_is_exit_2(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    path = str(tmp_path / "roof.svg")
    assert run(["profile", "-i", "3x12x12", "relu", *QUICK, "--plot", path]) == 2
    assert "no roofline: no row has multiply-adds" in capsys.readouterr().err
    assert run(["profile", *TWO, "--plot", path]) == 0 and Path(path).exists()
    assert run(["profile", *TWO, "--plot", path, "--dtype", "fp32,bf16"]) == 0
    assert "the rows of the first --dtype and --threads" in capsys.readouterr().err


def test_rows_without_multiply_adds_are_still_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["profile", "-i", "3x12x12", "max_pool", "k=2", *QUICK, "--roofline"]) == 0
    printed = capsys.readouterr()
    assert "max_pool k=2" in printed.out and "no roofline: no row has multiply-adds" in printed.err


def test_lower_precision_by_default_and_full_as_the_fastest(capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(capsys, "-i", "8x12x12", "avg_pool", "k=2", *QUICK, "--best", "--dtype", "bf16,fp32")
    assert [len(one["variants"]) for one in found["layers"]] == [4]


def test_batches_need_an_input_with_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["profile", "-i", "10x7", "gcn", "c=4", "edges=20", "--batch", "2"]) == 2
    assert "--batch: the input of gcn has no batch" in capsys.readouterr().err


def fixed(seconds: float) -> Any:
    """A block whose calls take this long, give or take a hundredth."""
    chance = random.Random(0)
    return lambda calls: calls * seconds * chance.uniform(0.99, 1.01)


def test_two_stacks_take_turns(
    capsys: pytest.CaptureFixture[str], quick: list[Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = itertools.cycle([2e-3, 5e-4])  # of a call of A, and of B; tests/bench asks the clock
    monkeypatch.setattr(Backend, "block", lambda self, call: fixed(next(seconds)))
    monkeypatch.setattr(Backend, "reference_matmul", lambda self, setup: lambda seconds: 1e-3)
    argv = ["-i", "16x24x24", "conv2d", "c=64", "k=5", "p=2", "--threads", "1", "--time", "150ms"]
    found = asked(capsys, *argv, "--vs", "depthwise k=3 p=1")
    assert [row["name"] for row in found["layers"]] == ["A", "B"] and found["verdict"] == "FASTER"
    assert found["time_ratio"] == pytest.approx(0.25, rel=0.02)
    low, high = found["time_ratio_interval"]
    assert low <= found["time_ratio"] <= high < 0.98
    assert "the multiply-adds of A" in found["explanation"][0]
    assert len(quick[-1].groups) == 1 and len(quick[-1].groups[0]) == 2  # in one process, in turns
    assert run(["profile", *argv, "--vs", "depthwise k=3 p=1"]) == 0
    out = capsys.readouterr().out
    assert "FASTER: B's time is" in out and "95% interval" in out
    assert run(["profile", *argv, "--vs", "@resnet50_layers"]) == 2
    assert "blocks" in capsys.readouterr().err


def test_the_fastest_variant_with_its_code(capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["-i", "8x12x12", "conv2d", "c=8", "k=3", "p=1", "conv_transpose", "c=4", "k=4", "s=2", *QUICK, "--best"]
    found = asked(capsys, *argv)
    conv, transposed, whole = found["layers"]
    assert [len(one["variants"]) for one in (conv, transposed, whole)] == [3, 2, 3]  # a transposed one is not packed
    assert conv["variants"][0]["time_ratio"] is None and conv["variants"][1]["time_ratio"] > 0
    assert run(["profile", *argv]) == 0
    assert "speed-up: default / fastest" in capsys.readouterr().out


@pytest.mark.parametrize("spec", ["spatially_separable c=8 k=5 p=2", "resnet_basic c=8"])
def test_a_block_of_several_steps_has_no_code_of_one_convolution(spec: str, capsys: pytest.CaptureFixture[str]) -> None:
    made = row(spec, "8x12x12")
    assert made.packing is None
    assert code(Setup(layout="prepacked"), made)[-1].startswith("# and each convolution in it packed")
    circular = row("conv2d c=8 k=3 p=1 padding_mode=circular", "8x12x12")
    plain = row("conv2d c=8 k=3 p=1", "8x12x12").packing
    assert circular.packing is None and plain is not None and plain["padding"] == [1, 1]
    asked(capsys, "-i", "8x12x12", *spec.split(), *QUICK, "--best", "--threads", "1")


def test_the_code_of_a_variant_runs() -> None:
    """The lines `--best` prints are Python that does what it says, on a layer and its input."""
    import torch

    spec, size = "conv2d c=8 k=3 p=1", "4x9x9"
    layer, x = torch.nn.Conv2d(4, 8, 3, padding="same"), torch.randn(1, 4, 9, 9)
    with torch.inference_mode():
        wanted = layer(x)
        scope = {"torch": torch, "layer": layer, "x": x}
        for line in code(Setup(layout="prepacked"), row(spec, size)):
            exec(line, scope)
        assert torch.allclose(scope["y"], wanted, atol=1e-5)  # type: ignore[arg-type]
    assert code(Setup(threads=1, mode="compile", dtype="bf16"), row(spec, size, setup={"threads": 2})) == [
        "torch.set_num_threads(1)",
        "layer, x = layer.to(torch.bfloat16), x.to(torch.bfloat16)",
        "layer = torch.compile(layer)",
    ]
    (back,) = code(Setup(), row(spec, size, setup={"layout": "channels_last"}))
    assert "torch.contiguous_format" in back
    assert code(Setup(dtype="fp32"), row(spec, size, setup={"dtype": "bf16"})) == [
        "layer, x = layer.to(torch.float32), x.to(torch.float32)"
    ]


@pytest.mark.parametrize(("stop", "code"), [(KeyboardInterrupt, 130), (Terminated, 143)])
def test_an_interrupt_prints_what_is_done(
    stop: type[BaseException], code: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stops(plan: Plan, *_: Any) -> Iterator[dict[str, Any]]:
        yield {"event": "ready", "machine": dict(MACHINE)}
        for number in range(2):
            yield {"event": "begin", "group": number, "seconds": 1.0}
            yield {"event": "row", "group": number, "observations": [to_json(observation())]}
        raise stop

    monkeypatch.setattr(session, "run", stops)
    assert run(["profile", *TWO]) == code
    printed = capsys.readouterr()
    assert "conv2d c=4 k=3" in printed.out and "interrupted: 2 rows of 3 done" in printed.err
    assert "the 2 layers that ran add up to" in printed.out and "together" not in printed.out
    total = asked(capsys, *TWO, code=code)["total"]
    assert total["layers_s"] > 0 and total["median_s"] is None and total["complete"] is False
    monkeypatch.setattr(session, "run", lambda *_: (_ for _ in ()).throw(stop))
    assert run(["profile", *TWO]) == code
    assert capsys.readouterr().out == ""


def test_rows_that_the_budget_did_not_reach_are_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(plan: Plan, *_: Any) -> Iterator[dict[str, Any]]:
        yield {"event": "ready", "machine": dict(MACHINE)}
        yield {"event": "row", "group": 0, "observations": [to_json(observation())]}
        for number in (1, 2):
            yield {"event": "row", "group": number, "observations": [to_json(Observation(failure=NOT_REACHED))]}

    monkeypatch.setattr(session, "run", late)
    assert run(["profile", *TWO]) == 2
    assert "not reached: 1, the whole: not measured: the budget ran out first" in capsys.readouterr().err


def test_compiling_is_told(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def told(plan: Plan, *_: Any) -> Iterator[dict[str, Any]]:
        yield {"event": "ready", "machine": dict(MACHINE)}
        for number in range(3):
            yield {"event": "row", "group": number, "observations": [to_json(observation(compile_s=1.5))]}

    monkeypatch.setattr(session, "run", told)
    assert run(["profile", *TWO, "--mode", "compile"]) == 0
    assert "compiling took 4.500 s, outside of --budget" in capsys.readouterr().out


def test_statuses_come_with_advice(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from convcalc.profiling.noise import SystemNoise

    def told(plan: Plan, *_: Any) -> Iterator[dict[str, Any]]:
        yield {"event": "ready", "machine": dict(MACHINE)}
        worried = observation(noise=SystemNoise(1.0, 0.3, 0, 0, 0.0))
        for number in range(3):
            yield {"event": "row", "group": number, "observations": [to_json(worried if number else observation())]}

    monkeypatch.setattr(session, "run", told)
    assert run(["profile", *TWO]) == 0
    out = capsys.readouterr().out
    reason = "other programs used the CPU: its threads waited for a core 30% of the time"
    assert f"1, the whole contended (the first: {reason})" in out
    assert "of the time): close them\n" in out and "--threads" not in out  # there is one thread
    assert "contended" in out and "ok" in out
