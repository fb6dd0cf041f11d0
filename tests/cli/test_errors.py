"""Bad input: one clear line, a caret under the piece where there is one, exit 2; nothing is ever evaluated."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from convcalc.cli.app import run
from convcalc.profiling.plan import Plan

I3 = ["-i", "3x8x8"]
C = ["conv2d", "c=4", "k=3"]

BAD: list[tuple[list[str], str]] = [
    # options, commands, kinds, arguments
    (["shape", *I3, *C, "-bias"], "no such option: -b (in '-bias')"),
    (["shape", *I3, *C, "--fromat", "json"], "no such option: --fromat; did you mean '--format'?"),
    (["shape", *I3, *C, "--format", "jsn"], "invalid value for '--format' / '-f': 'jsn' is not one of"),
    (["shap", *I3, *C], "there is no command 'shap'; did you mean 'shape'?"),
    (["shape", *I3, "cnov2d", "c=4", "k=3"], "there is no kind 'cnov2d'; did you mean 'conv2d'?"),
    (["shape", *I3, *C, "dilaton=2"], "conv has no argument 'dilaton'; did you mean 'dilation'?"),
    (["shape", *I3, "Conv2d(3, 4, 3, bais=True)"], "conv has no argument 'bais'; did you mean 'bias'?"),
    (["kinds", "cnov"], "there is no kind 'cnov'; did you mean 'conv', "),
    (["profile", *I3, *C, "--dtype", "fp8"], "--dtype takes fp32, bf16, fp16, joined by commas, not 'fp8'"),
    (
        ["profile", *I3, *C, "--threads", "two"],
        "--threads takes numbers from 1 to 1024, or all, joined by commas, not 'two'",
    ),
    # arity and sorts
    (["shape", *I3, "Conv2d(3, 4)"], "conv needs kernel_size"),
    (["shape", *I3, "Conv2d(1, 2, 3, 4, 5, 6, 7, 8, 9, 10)"], "Conv2d takes 9 positional values"),
    (["shape", *I3, "Conv2d(3, 4, 3, kernel_size=3)"], "is given kernel_size twice"),
    (["shape", *I3, "conv2d", "c=four", "k=3"], "out_channels takes a whole number, not 'four'"),
    (["shape", *I3, "conv2d", "c=4", "k=2.5"], "kernel_size takes a whole number or one per axis, not '2.5'"),
    (
        ["shape", *I3, "conv2d", "c=4", "k=3", "k=5"],
        "kernel_size is given twice to conv (for several values write k=3,5)",
    ),
    (["shape", *I3, "conv2d", "c=4", "k=3", "bias=maybe"], "bias takes true or false, not 'maybe'"),
    (["shape", *I3, "conv2d", "c=4", "k=3", "padding_mode=zero"], "did you mean 'zeros'?"),
    (["shape", *I3, "conv2d", "c=4", "k="], "k= has no value (an unset shell variable?)"),
    (["shape", *I3, "conv2d", "c=4", "k=3", ""], "this word is empty (an unset shell variable?)"),
    (["shape", *I3, "k=3"], "k= comes before any layer"),
    (["shape", *I3, "3x8x8"], "'3x8x8' is not a layer; an input's size is given with -i 3x8x8"),
    (["shape", *I3, "relu", "repeat=0"], "repeat takes a whole number from 1 to 10,000, not '0'"),
    (["shape", *I3, "relu", "as=last"], "'last' already means something: choose another name"),
    (["shape", *I3, "repeat"], "'repeat' is a key: write repeat=..."),
    (["shape", *I3], "no layers given"),
    (["shape", *C], "the input's size is missing: give it with -i"),
    # sizes
    (["shape", *I3, "conv2d", "c=0", "k=3"], "out_channels (0) must be at least 1"),
    (["shape", *I3, "conv2d", "c=-4", "k=3"], "out_channels (-4) must be at least 1"),
    (["shape", *I3, "conv2d", "c=4", "k=0"], "kernel_size (0) must be at least 1"),
    (["shape", *I3, "conv2d", "c=4", "k=3", "g=2"], "in_channels (3) must be divisible by groups (2)"),
    (
        ["shape", *I3, "conv2d", "c=4", "k=9"],
        "layer 0 (conv2d c=4 k=9) on 3x8x8 from the input: the kernel reaches over 9 positions, but the input has 8",
    ),
    (
        ["shape", *I3, *C, "max_pool", "k=2", "max_pool", "k=2", "max_pool", "k=2"],
        "layer 3 (max_pool k=2) on 4x1x1 from layer 2 (max_pool k=2): the pool reaches over 2 positions",
    ),
    (
        ["shape", *I3, *C, "conv2d", "in_channels=5", "c=4", "k=3"],
        "on 4x6x6 from layer 0 (conv2d c=4 k=3): in_channels is 5, but the input has 4",
    ),
    (["shape", "-i", "3x50", "Conv2d(3, 4, 3)"], "Conv2d(3, 4, 3) takes CxHxW or NxCxHxW, but 3x50 has 2 sizes"),
    (["shape", *I3, "conv2d", "c=4", "k=3x3x3"], "kernel_size (3, 3, 3) has 3 numbers, but the input has 2"),
    (["shape", "-i", "3x0x8", *C], "an input size must be at least 1, not 0"),
    (["shape", "-i", "3,,8", *C], "an input is sizes joined by x, such as 3x224x224, not '3,,8'"),
    (
        ["summary", "-i", "3x8x8,3x9x9", *C],
        "-i 3x8x8,3x9x9 is several values: shape, params, macs, rf, memory and sweep",
    ),
    (["shape", "-i", "3xax8", *C], "an input is sizes joined by x, such as 3x224x224, not '3xax8'"),
    (["shape", "-i", "1x2x3x4x5x6", "relu"], "an input of 6 sizes cannot be read"),
    (["shape", "-i", "3x8x8:float31", *C], "'float31' is not a dtype"),
    (["shape", *I3, *C, "linear", "in_features=5", "out_features=2"], "in_features is 5, but the input has 6"),
    # branches
    (
        ["shape", *I3, *C, "as=a", "add", "from=a,b"],
        "no layer before this one is called 'b' (there are input, a, last)",
    ),
    (["shape", *I3, *C, "as=a", *C, "as=a"], "two layers are called 'a'"),
    (["shape", *I3, "add"], "this joins two or more branches: name them with from=a,b"),
    (["shape", *I3, *C, "as=a", "add", "from=input,a"], "1x3x8x8 and 1x4x6x6 differ"),
    (["shape", *I3, "-i", "3x8x8", *C], "conv takes 1 input, but 2 arrive: choose with from="),
    # several values, and symbols
    (["summary", *I3, "conv2d", "c=4", "k=3,5"], "kernel_size=3,5 is several values"),
    (["summary", *I3, "conv2d", "c=32:512:32", "k=3"], "out_channels=32:512:32 is several values"),
    (
        ["summary", *I3, "conv2d", "c=C_out", "k=3"],
        "C_out: shape, params, macs, rf and compare answer with formulas",
    ),
    (["memory", *I3, "Conv2d(3, M, 3)"], "M: shape, params, macs, rf and compare answer with formulas"),
    (["summary", "-i", "CxHxW", "conv2d", "c=4", "k=3"], "C, H, W: shape, params, macs, rf and compare answer"),
    # names of others
    (["shape", *I3, "Conv2D(64, 7)"], "Conv2D is Keras's name: write Conv2d"),
    (["shape", *I3, "DeformConv2d(3, 4, 3)"], "use the kind `deformable`"),
    # syntax, and code instead of literals
    (["shape", *I3, "Conv2d(3, 4, 3"], "this '(' is never closed"),
    (["shape", *I3, "Conv2d(3, 4, 3))"], "this ')' closes nothing"),
    (["shape", *I3, "Conv2d(3, 4, 3]"], "this ']' closes a '('"),
    (["shape", *I3, "Conv2d(3, 4, 3,, 5)"], "this call cannot be read"),
    (["shape", *I3, "Conv2d(3, 4, __import__('os').getpid())"], "is code: only numbers, words"),
    (["shape", *I3, "Conv2d(3, 4, 2<<2)"], "'2<<2' is code: only numbers, words, tuples and names are read here"),
    (["shape", *I3, "Conv2d(3, 4, 1//0)"], "'1//0' is not a number"),
    (["shape", *I3, "Conv2d(3, 4, 999999999*999999999*999)"], "is past any tensor"),
    (["shape", *I3, "Conv2d(3, 4, [k for k in (1,)])"], "is code"),
    (["shape", *I3, "Conv2d(3, 4, 3, **{})"], "** cannot be read here"),
    (["shape", *I3, "Conv2d(3, 4, " + "-" * 6000 + "3)"], "a run of signs is not a number"),
    (["shape", *I3, "Conv2d(" + "(" * 200 + ")" * 200 + ")"], "brackets are over 32 deep"),
    (["shape", *I3, "relu" * 20000], "a word of 80,000 characters is not a layer"),
    (["shape", *I3, "conv2d", "c=" + "9" * 4000, "k=3"], "has 4000 digits"),
    (["shape", *I3, "Conv2d(3, 4, 3, stride=2, stride=3)"], "stride is given twice"),
    (["shape", *I3, "Sequential(relu(), relu())", "repeat=2"], "a Sequential takes no settings"),
    (["shape", *I3, "input=3x8x8", "relu"], "'input' is a name for from=, not a key"),
    (["shape", *I3, "conv2d", "c=4", "k=3x"], "not '3x'"),
    (["shape", *I3, "Conv2d(3, 4, " + "9" * 5000 + ")"], "a number of 5000 digits is past any tensor"),
    (["shape", *I3, "upsample", "scale_factor=1e400"], "scale_factor takes a factor"),
    (["summary", *I3, "upsample", "scale_factor=1e300"], "is past any tensor"),
    (["shape", *I3, "slice", "axis=9"], "axis 9 is not one of 4"),
    (["shape", *I3, "concat", "from=input,input", "axis=7"], "axis 7 is not one of 4"),
    (["shape", *I3, "CELU(0)"], "alpha must not be 0"),
    (["shape", *I3, "Hardtanh(3, -2)"], "max_val (-2) must be greater than min_val (3)"),
    (["shape", "-i", "8x1x1", "instance_norm"], "statistics need more than 1 value"),
    (["summary", "-i", "3x32:64:8x8", "relu"], "32:64:8 is several values"),
    (["shape", "-i", "last=3x8x8", "relu"], "'last' means the layer before"),
    (["shape", *I3, "relu", "input"], "an input line gives its sizes"),
    (["shape", *I3, "keras.layers.Conv2D(3, 4)"], "Conv2D is Keras's name: write Conv2d"),
    (["shape", *I3, "Conv2DTranspose(3, 4)"], "write ConvTranspose2d"),
    (["shape", *I3, "Dense(2)"], "Dense is Keras's name: write Linear(out_features=2)"),
    (["shape", *I3, "conv2d", "c=3", "k=3", "repeat=4"], "on 3x2x2 from copy 3 of 4: the kernel reaches over 3"),
    (["profile", "-i", "3x8x8:int64", "relu"], "layers run on real numbers"),
    (["profile", *I3, "relu", "--time", "nan"], "--time is a time such as 2s, 500ms or 5m, not 'nan'"),
    (["profile", *I3, "relu", "-o", "/no/such/file"], "there is no folder /no/such"),
    (["shape", *I3, "relu", "-o", ""], "the output cannot be written: it names no file"),
    (["completion"], "missing argument 'shell'. Choose from: bash, zsh, fish, powershell"),
    # hdc-check
    (["hdc-check", "1,,2"], "a rate is a whole number below a billion, not ''"),
    (["hdc-check", "a,b", "-k", "3"], "rates are whole numbers from 1 with commas between, such as 1,2,5, not 'a,b'"),
    (["hdc-check"], "no rates given"),
    (["hdc-check", "0,1"], "a dilation rate must be at least 1, not 0"),
    (["hdc-check", "1,2.5"], "rates are whole numbers from 1"),
    (["hdc-check", "1,2", "-k", "3,3,3"], "2 rates need one kernel size, or 2 of them, not 3"),
    (["hdc-check", "1,2", "-k", "x"], "a kernel is a whole number below a billion, not 'x'"),
    (["hdc-check", "conv", "c=4", "k=3"], "there is no dilated convolution in these layers"),
    (["hdc-check", "conv", "c=4", "k=3", "d=2", "-k", "3"], "rates are whole numbers from 1"),
    # files
    (["shape", "@nowhere.txt"], "there is no file 'nowhere.txt'"),
    (["shape", "@resnet_stm"], "did you mean 'resnet_stem'?"),
    (["shape", "@"], "@ is followed by the name of a file"),
]


@pytest.mark.parametrize(("argv", "message"), BAD, ids=[f"{i}-{message[:30]}" for i, (_, message) in enumerate(BAD)])
def test_bad_input_is_one_clear_line_and_exit_2(
    argv: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(argv) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    said, *caret = printed.err.rstrip("\n").split("\n")
    assert said.startswith("convcalc: ")
    assert message in said
    assert len(caret) in (0, 2)
    if caret:
        assert set(caret[1]) <= {" ", "^"} and "^" in caret[1]
        assert len(caret[0]) <= 110


@pytest.mark.parametrize(
    ("argv", "under"),
    [
        (["shape", *I3, *C, "dilaton=2"], "dilaton=2"),
        (["shape", *I3, "conv2d", "c=four", "k=3"], "four"),
        (["shape", *I3, "Conv2d(3, 4, 2<<2)"], "2<<2"),
        (["shape", *I3, "relu", "Conv2d(3, 4, 3"], "("),
        (["shape", "-i", "3x0x8", *C], "3x0x8"),
        (["shap", *I3], "shap"),
        (["shape", *I3, *C, "--fromat", "x"], "--fromat"),
        (["shape", *I3, *C, "add", "from=last,nobody"], "nobody"),
        (["shape", *I3, "relu", "as=a", "relu", "from=b"], "b"),
        (["shape", *I3, *C, "as=a", *C, "as=a"], "as=a"),
        (["shape", *I3, "Conv2d(3, 4, 3, bais=True)"], "bais=True"),
        (["shape", *I3, 'Conv2d(3, "four", 3)'], '"four"'),
        (["shape", *I3, "relu", "Sequential(ReLU(), Linear(1, 2, 3, 4))"], "Linear(1, 2, 3, 4)"),
        (["shape", "--format", "json", "--fo", "relu"], "--fo"),
    ],
)
def test_the_caret_stands_under_the_very_piece(argv: list[str], under: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(argv) == 2
    _, line, caret = capsys.readouterr().err.rstrip("\n").split("\n")
    start, end = caret.index("^"), len(caret)
    assert line[start:end] == under


def test_files_that_are_no_list_of_layers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cases = {
        "empty.txt": (b"  \n", "is empty"),
        "comment.txt": (b"# only a comment\n", "holds no layers"),
        "binary.txt": (b"relu\0\0", "is a binary file"),
        "latin.txt": ("conv caf\xe9".encode("latin-1"), "is not text in UTF-8"),
        "huge.txt": (b"relu " * 300_000, "is over 1 MiB"),
        "many.txt": (b"relu " * 10_001, "has over 10,000 words"),
        "hang.txt": (b"input 3x8x8\n", "no layers follow this input"),
        "bad.txt": (b"input 3x8x8\nrelu\nconv2d c=4 k=99\n", "line 3: layer 1 (conv2d c=4 k=99)"),
    }
    for name, (content, message) in cases.items():
        path = tmp_path / name
        path.write_bytes(content)
        assert run(["shape", f"@{path}"]) == 2
        said = capsys.readouterr().err
        assert message in said and "Traceback" not in said, name
    assert run(["shape", f"@{tmp_path}"]) == 2
    assert "is a folder" in capsys.readouterr().err


def test_an_output_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for out in (tmp_path / "no" / "such.json", tmp_path):
        assert run(["shape", *I3, *C, "-o", str(out)]) == 2
        assert "cannot be written" in capsys.readouterr().err
    if Path("/dev/full").exists():
        assert run(["shape", *I3, *C, "-o", "/dev/full"]) == 2
        assert "/dev/full cannot be written: No space left on device" in capsys.readouterr().err


def spawned(*argv: str, **more: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "convcalc", *argv], capture_output=True, text=True, check=False, **more
    )  # type: ignore[call-overload, no-any-return]


def test_a_terminal_is_no_stdin_and_a_closed_pipe_is_no_error() -> None:
    master, slave = os.openpty()
    done = spawned("shape", "-", stdin=slave)
    os.close(master)
    os.close(slave)
    assert done.returncode == 2 and "that is a terminal" in done.stderr
    piped = subprocess.run(
        f"{sys.executable} -m convcalc kinds | head -1; echo ${{PIPESTATUS[0]}}",
        shell=True, executable="/bin/bash", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert piped.stdout.split()[-1] == "0" and piped.stderr == ""


def test_an_unavailable_device_is_exit_3(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, in_process: list[Plan]
) -> None:
    monkeypatch.setattr("convcalc.profiling.child.devices.ACCELERATORS", ())
    assert run(["profile", *I3, *C, "--device", "cuda"]) == 3
    assert "there is no CUDA device here" in capsys.readouterr().err


def test_our_own_bug_is_exit_70_and_debug_shows_where(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from convcalc.cli.commands import shape

    def breaks(*_: object, **__: object) -> object:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(shape, "read_subjects", breaks)
    assert run(["shape", *I3, *C]) == 70
    said = capsys.readouterr().err
    assert "this is a bug in convcalc: ZeroDivisionError: oops" in said and "Traceback" not in said
    assert run(["--debug", "shape", *I3, *C]) == 70
    assert "Traceback" in capsys.readouterr().err


def test_an_interrupt_is_exit_130(monkeypatch: pytest.MonkeyPatch) -> None:
    from convcalc.cli.commands import shape

    def interrupted(*_: object, **__: object) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr(shape, "read_subjects", interrupted)
    assert run(["shape", *I3, *C]) == 130
