"""`ask`, `readings`: what nvidia-smi tells of a GPU: readings, and no settings."""

from __future__ import annotations

import subprocess

SMI = ("clocks.sm", "clocks.max.sm", "clocks.mem", "temperature.gpu", "power.draw", "clocks_throttle_reasons.active")
"""What nvidia-smi is asked, all readings and no settings."""


def ask(index: str) -> dict[str, float]:
    """Return readings of one GPU as numbers; nothing where nvidia-smi is not there."""
    query = ["nvidia-smi", f"--query-gpu={','.join(SMI)}", "--format=csv,noheader,nounits", "-i", index]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return {}
    return readings(done.stdout)


def readings(line: str) -> dict[str, float]:
    """Return nvidia-smi's line as numbers; what it does not tell is left out, the reasons are a bit mask.

    >>> readings("1410, 1410, 1593, 34, 61.2, 0x0000000000000001")["clocks.sm"]
    1410.0
    """
    values = {}
    for name, word in zip(SMI, line.strip().split(","), strict=False):
        text = word.strip()
        try:
            values[name] = float(int(text, 16)) if text.startswith("0x") else float(text)
        except ValueError:
            continue
    return values
