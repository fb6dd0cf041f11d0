"""`setups`: variants of a run as people write them: `--dtype fp32,bf16`, `--threads 1,all`, `--batch 1:64:pow2`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import product

from convcalc.digits import whole
from convcalc.errors import SpecError, nearest
from convcalc.limits import MAX_BATCH, MAX_THREADS, MAX_VARIANTS
from convcalc.profiling.machine import cores
from convcalc.profiling.plan import DEVICES, LAYOUTS, MODES, PASSES, TIMED_DTYPES, Setup

UNITS = {"": 1.0, "s": 1.0, "ms": 1e-3, "m": 60.0, "min": 60.0, "h": 3600.0}
MAKERS = {
    **dict.fromkeys(("gpu", "nvidia", "amd", "rocm"), "cuda"),
    **dict.fromkeys(("metal", "apple", "m1"), "mps"),
}
"""What people call a device, and its name in torch."""
_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*([a-z]*)")


def choices(text: str, allowed: Sequence[str], option: str) -> list[str]:
    """Return the words of a comma list, each once. Raises SpecError naming the nearest one allowed."""
    parts = [part.strip() for part in text.split(",")]
    for part in parts:
        if part not in allowed:
            raise SpecError(
                f"{option} takes {', '.join(allowed)}, joined by commas, not {part!r}{nearest(part, allowed)}"
            )
    return list(dict.fromkeys(parts))


def duration(text: str, option: str) -> float:
    """Return seconds from `2s`, `500ms`, `1.5m` or a bare number. Raises SpecError.

    >>> duration("2s", "--budget"), duration("500ms", "--time"), duration("1.5m", "--budget")
    (2.0, 0.5, 90.0)
    """
    match = _DURATION.fullmatch(text.strip().lower())
    if match is None or match[2] not in UNITS:
        raise SpecError(f"{option} is a time such as 2s, 500ms or 5m, not {text!r}")
    seconds = float(match[1]) * UNITS[match[2]]
    if not 0.01 <= seconds <= 86400:
        raise SpecError(f"{option} is a time from 10ms to 24h, not {text}")
    return seconds


def threads(text: str) -> list[int]:
    """Return numbers of threads; `all` and 0 are the cores there are. Raises SpecError."""
    counts = []
    for part in text.split(","):
        word = part.strip()
        if word in ("all", "0"):
            counts.append(cores())
        elif (count := whole(word, 1, MAX_THREADS)) is not None:
            counts.append(count)
        else:
            raise SpecError(f"--threads takes numbers from 1 to {MAX_THREADS}, or all, joined by commas, not {word!r}")
    return list(dict.fromkeys(counts))


def batches(text: str) -> list[int]:
    """Return batch sizes from `8`, `1,8,32`, `1:8`, `1:64:pow2`, `8:64:8`. Raises SpecError.

    >>> batches("1:64:pow2"), batches("1,8"), batches("8:32:8")
    ([1, 2, 4, 8, 16, 32, 64], [1, 8], [8, 16, 24, 32])
    """
    numbers: list[int] = []
    for part in text.split(","):
        parts = part.strip().split(":")
        ends = [whole(word, 1, MAX_BATCH) for word in parts[:2]]
        doubles = parts[2:] == ["pow2"]
        step = 1 if doubles or len(parts) < 3 else whole(parts[2], 1)
        size, last = ends[0], ends[-1]
        if len(parts) > 3 or size is None or last is None or step is None:
            raise SpecError(f"--batch takes sizes such as 8, 1,8,32, 8:64:8 or 1:64:pow2, not {part.strip()!r}")
        while size <= last:
            numbers.append(size)
            if len(numbers) > MAX_VARIANTS:
                raise SpecError(f"--batch {text} is over {MAX_VARIANTS} sizes")
            size = size * 2 if doubles else size + step
    if not numbers:
        raise SpecError(f"--batch {text} holds no size")
    return list(dict.fromkeys(numbers))


def setups(device: str, dtype: str, layout: str, mode: str, direction: str, counts: Sequence[int]) -> list[Setup]:
    """Return every combination of the lists, the first words first. Raises SpecError for a word that is none."""
    if device not in DEVICES:
        meant = f"; did you mean {MAKERS[device.lower()]!r}?" if device.lower() in MAKERS else nearest(device, DEVICES)
        raise SpecError(f"--device takes {', '.join(DEVICES)}, not {device!r}{meant}")
    lists = (
        counts,
        choices(direction, tuple(PASSES), "--pass"),
        choices(dtype, TIMED_DTYPES, "--dtype"),
        choices(mode, MODES, "--mode"),
        choices(layout, LAYOUTS, "--layout"),
    )
    return [
        Setup(device=device, threads=count, direction=pass_, dtype=numbers, mode=how, layout=lies)
        for count, pass_, numbers, how, lies in product(*lists)
    ]
