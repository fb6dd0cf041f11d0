"""What a row is worth: a status, the reasons for it, and advice that fits."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from convcalc.profiling.observation import Seen
    from convcalc.profiling.sampling import Measurement

OK, NOISY, CONTENDED, DRIFT, THROTTLED, MISTRUSTED, FAILED = (
    "ok", "noisy", "contended", "drift", "throttled", "mistrusted", "failed",
)  # fmt: skip
STATUSES = (FAILED, MISTRUSTED, THROTTLED, CONTENDED, DRIFT, NOISY, OK)
"""The gravest first: a row has the first that applies, and the reasons of all."""
DELAY = 0.02
"""Share of the time that threads may wait for a core; past it the scheduler's slices are what is measured."""
MOVED = 0.05
"""How far a matrix product may differ before and after a row."""
STOLEN = 0.02
FAULTS = 10.0
"""Page faults a call past which the allocator is part of what is measured."""


class Judgement(NamedTuple):
    """A status, why, and what to do about it."""

    status: str
    reasons: tuple[str, ...]
    advice: tuple[str, ...]


def judge(seen: Seen) -> Judgement:
    """Judge one row by what was seen."""
    if seen.hot is None:
        return Judgement(FAILED, (seen.failed,), ())
    found: list[tuple[str, str, str]] = []
    check, quiet = seen.check, seen.quiet
    if check is not None and check.verdict == "differs":
        off = f"{check.error:.2g}" if check.error is not None else "not a number"
        found.append(
            (MISTRUSTED, f"its output is off by {off} of {check.against} (at most {check.allowed:.2g})",
             "do not use this configuration: report it with the lines of --details")
        )  # fmt: skip
    if seen.throttled:
        found.append((THROTTLED, seen.throttled, "let the GPU cool, or lock its clocks"))
    if quiet is not None and (quiet.run_queue_delay or 0.0) > DELAY:
        share = f"{100 * (quiet.run_queue_delay or 0.0):.0f}%"
        found.append(
            (CONTENDED, f"its threads waited for a core {share} of the time",
             "stop what else runs here, or take fewer --threads")
        )  # fmt: skip
    if quiet is not None and (quiet.steal or 0.0) > STOLEN:
        found.append(
            (CONTENDED, f"another machine took {100 * (quiet.steal or 0.0):.0f}% of a core",
             "this virtual machine shares its cores: repeat, and compare only with --vs")
        )  # fmt: skip
    if seen.sentinel is not None and not 1 / (1 + MOVED) <= seen.sentinel <= 1 + MOVED:
        percent = 100 * abs(seen.sentinel - 1)
        way = "slower" if seen.sentinel > 1 else "faster"
        found.append(
            (DRIFT, f"the machine was {percent:.0f}% {way} after it than before",
             "repeat, and compare only with --vs, which takes turns")
        )  # fmt: skip
    if not seen.hot.settled:
        found.append((NOISY, _noise(seen.hot), "give more --time or --budget"))
    if seen.subnormals:
        found.append(
            (OK, f"{seen.subnormals} subnormal numbers are in its tensors, which can slow it many times",
             "leave out --keep-denormals")
        )  # fmt: skip
    if (seen.faults or 0.0) > FAULTS:
        found.append(
            (OK, f"each call has {seen.faults:.0f} page faults, as the system's allocator gives its pages back",
             "--allocator keep leaves them out")
        )  # fmt: skip
    reasons = tuple(reason for _, reason, _ in found)
    statuses = [status for status, _, _ in found]
    status = next((one for one in STATUSES if one in statuses), OK)
    return Judgement(status, reasons, tuple(dict.fromkeys(advice for _, _, advice in found)))


def _noise(hot: Measurement) -> str:
    low, high = hot.interval
    if hot.samples < 3:
        return f"only {hot.samples} sample{'s' if hot.samples > 1 else ''} in the time given"
    return f"its median is known to {50 * (high - low) / hot.median:.1f}% only"
