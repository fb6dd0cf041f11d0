"""Lists of variants and times as people write them."""

from __future__ import annotations

import pytest

from convcalc.cli import variants
from convcalc.cli.variants import batches, choices, duration, setups, threads
from convcalc.errors import SpecError
from convcalc.profiling.plan import LAYOUTS


def test_times() -> None:
    found = [duration(text, "--x") for text in ("2s", "500ms", "1.5m", "90", " 2S ", "1h", ".5s", "2min")]
    assert found == [2.0, 0.5, 90.0, 90.0, 2.0, 3600.0, 0.5, 120.0]
    for text in ("", "fast", "0", "-1s", "1ms", "2d", "nan", "inf", "1e3", "99999999h", "2 s x"):
        with pytest.raises(SpecError, match="--x is a time"):
            duration(text, "--x")


def test_words_are_checked_each_once() -> None:
    assert choices("nchw, channels_last,nchw", LAYOUTS, "--layout") == ["nchw", "channels_last"]
    with pytest.raises(SpecError, match=r"not 'chanels_last'; did you mean 'channels_last'\?"):
        choices("nchw,chanels_last", LAYOUTS, "--layout")
    with pytest.raises(SpecError, match="not ''"):
        choices("", LAYOUTS, "--layout")


def test_threads_by_number_or_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variants, "cores", lambda: 6)
    assert threads("1,all") == [1, 6] and threads("0,6") == [6] and threads("3") == [3]
    for text in ("", "two", "-1", "1.5", "1025", "1,,2", "99999999999999999999"):
        with pytest.raises(SpecError, match="--threads takes numbers from 1 to 1024, or all"):
            threads(text)


def test_batches() -> None:
    assert batches("1:64:pow2") == [1, 2, 4, 8, 16, 32, 64] and batches("3:40:pow2") == [3, 6, 12, 24]
    assert batches("1,8,8,32") == [1, 8, 32] and batches("8:32:8") == [8, 16, 24, 32] and batches("2:4") == [2, 3, 4]
    for text in ("", "0", "x", "1:0x", "1:8:pow3", "1:8:0", "1:2:3:4", "-1", "1::2"):
        with pytest.raises(SpecError, match="--batch"):
            batches(text)
    for text in ("8:1", "1:100000"):
        with pytest.raises(SpecError, match="--batch"):
            batches(text)


def test_every_combination_the_first_words_first() -> None:
    found = setups("cpu", "fp32,bf16", "nchw,channels_last", "eager", "forward", [1, 2])
    assert len(found) == 8 and (found[0].dtype, found[0].layout, found[0].threads) == ("fp32", "nchw", 1)
    assert [one.threads for one in found] == [1] * 4 + [2] * 4
    with pytest.raises(SpecError, match="--device takes auto, cpu"):
        setups("gpu", "fp32", "nchw", "eager", "forward", [1])
