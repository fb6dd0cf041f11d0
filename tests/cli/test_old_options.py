"""Options that were called otherwise still answer, with a word about it; other tools' words lead to ours."""

from __future__ import annotations

import pytest

from convcalc.cli.app import _renamed as renamed
from convcalc.cli.app import run
from convcalc.cli.command_names import COMMANDS, GROUPS, OPTION_SYNONYMS, RENAMED, SYNONYMS


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("solve --in 56 --out 28 --limit 2", "solve --in 56 --out 28 --top 2"),
        ("hdc-design --rf 20 -k 3 --layers 4 --limit=2", "hdc-design --rf 20 -k 3 --layers 4 --top=2"),
        ("lint --explain CC101", "lint --rule CC101"),
        ("matrix conv1d c=1 k=2 -i 1x3 --transpose", "matrix conv1d c=1 k=2 -i 1x3 --transposed"),
    ],
)
def test_old_words_give_the_same_answer_and_a_hint(old: str, new: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(new.split()) == 0
    answer = capsys.readouterr()
    assert run(old.split()) == 0
    printed = capsys.readouterr()
    assert printed.out == answer.out and "is now --" in printed.err and "is now --" not in answer.err


def test_the_switch_that_became_seconds() -> None:
    words, hints = renamed(["compare", "relu", "gelu", "-i", "3x8x8", "--time", "--limit", "0.1"])
    assert words == ["compare", "relu", "gelu", "-i", "3x8x8", "--timed", "--time", "0.1"]
    assert hints == [
        "--time of compare is now --timed: the old word goes with the next release",
        "--limit of compare is now --time: the old word goes with the next release",
    ]
    today = ["compare", "relu", "gelu", "--timed", "--time", "0.1s"]
    assert renamed(today) == (today, [])
    assert renamed(["profile", "--time", "2s"]) == (["profile", "--time", "2s"], [])
    assert renamed([]) == ([], [])


def test_old_words_are_of_commands_that_have_the_new(capsys: pytest.CaptureFixture[str]) -> None:
    for command, names in RENAMED.items():
        assert run([command, "-h"]) == 0
        page = capsys.readouterr().out
        assert all(new in page and old not in page.split() for old, new in names.items())


@pytest.mark.parametrize(
    ("argv", "answer"),
    [
        ("flops", "there is no command 'flops'; did you mean convcalc macs?"),
        ("bench", "did you mean convcalc profile?"),
        ("time", "did you mean convcalc profile?"),
        ("hdc", "did you mean convcalc hdc-check?"),
        ("rules", "did you mean convcalc lint --rule?"),
        ("list", "did you mean convcalc kinds?"),
        ("receptive-field", "did you mean convcalc rf?"),
        ("@resnet_stem", "for layers in a file: convcalc summary @resnet_stem"),
        ("resnet_stem", "for the example: convcalc summary @resnet_stem"),
        ("shap", "did you mean 'shape'?"),
        ("profile --gpu relu -i 3x8x8", "no such option: --gpu; use --device cuda"),
        ("profile --runs 3", "use --time SECONDS"),
        ("summary --model m.py", "use the model itself, such as my_model.py:Net"),
        ("hdc-check --rates 1 2 5", "use the rates themselves, such as 1,2,5"),
        ("shape --fromat json", "did you mean '--format'?"),
    ],
)
def test_what_others_call_it_leads_to_what_it_is_here(
    argv: str, answer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(argv.split()) == 2
    assert answer in capsys.readouterr().err


@pytest.mark.parametrize("argv", ["foo", "xyzzy", "profile --qqq relu", "shape --unlike"])
def test_no_guess_that_shares_no_stem(argv: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(argv.split()) == 2
    err = capsys.readouterr().err
    assert "did you mean" not in err and "Possible options" not in err and "use -" not in err


def test_synonyms_lead_to_commands_and_none_hides_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert {target.split()[0] for target in SYNONYMS.values()} <= set(COMMANDS)
    assert not set(SYNONYMS) & set(COMMANDS)
    assert sum(map(len, GROUPS.values())) == len(COMMANDS)
    assert all(name.startswith("-") for name in OPTION_SYNONYMS)
    for word in ("-V", "--version"):
        assert run([word]) == 0 and capsys.readouterr().out.startswith("convcalc 0")


def test_debug_stands_anywhere(capsys: pytest.CaptureFixture[str]) -> None:
    for argv in (["--debug", "shape", "foo"], ["shape", "foo", "--debug"], ["shape", "--debug", "foo"]):
        assert run(argv) == 2
        err = capsys.readouterr().err
        assert "Traceback" in err and "there is no kind 'foo'" in err


def test_a_caret_stands_under_wide_letters(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["shape", "-i", "3x8x8", "卷积", "输出=4"]) == 2
    *_, line, caret = capsys.readouterr().err.splitlines()
    assert line == "  卷积 输出=4" and caret == "       ^^^^^^"
