"""`status_of`: what a row is worth, by small rules; a status, the reasons for it, and advice that fits."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from convcalc.units import plural

if TYPE_CHECKING:
    from convcalc.profiling.observation import Observation
    from convcalc.profiling.plan import Setup


class Status(StrEnum):
    """What a row is worth, the gravest first: a row has the first that applies, and the reasons of all."""

    FAILED = "failed"
    MISTRUSTED = "mistrusted"
    CUT_SHORT = "cut_short"
    THROTTLED = "throttled"
    CONTENDED = "contended"
    DRIFT = "drift"
    NOISY = "noisy"
    OK = "ok"


FAILED, OK, MISTRUSTED = Status.FAILED, Status.OK, Status.MISTRUSTED
MAX_RUN_QUEUE_DELAY: Final = 0.02
"""Share of the time that threads may wait for a core; past it the scheduler's slices are what is measured."""
MAX_DRIFT: Final = 0.05
"""How far a matrix product may differ before and after a row."""
MAX_STEAL: Final = 0.02
MIN_SAMPLES: Final = 5
"""With fewer a median says nothing."""
MAX_PAGE_FAULTS: Final = 10.0
"""Page faults a call past which the allocator is part of what is measured."""


class Reason(NamedTuple):
    """One thing that is wrong with a row: the status it gives, a sentence with its numbers, and what to do."""

    status: Status
    text: str
    advice: str


class Judgement(NamedTuple):
    """A status, everything that is wrong, and what to do about the gravest."""

    status: Status
    reasons: tuple[str, ...]
    advice: tuple[str, ...]


def status_of(observation: Observation, setup: Setup) -> Judgement:
    """Judge one row of a setup by what was seen.

    What keeps a host's threads waiting says nothing of times that an accelerator's own events tell.
    """
    if observation.warm_cache is None:
        return Judgement(Status.FAILED, (observation.failure,), ())
    rules = RULES if setup.device in ("cpu", "auto") else [rule for rule in RULES if rule not in HOST_RULES]
    reasons = [reason for rule in rules if (reason := rule(observation, setup)) is not None]
    statuses = {reason.status for reason in reasons}
    status = next((status for status in Status if status in statuses), Status.OK)
    advice = tuple(dict.fromkeys(reason.advice for reason in reasons if reason.status in (status, Status.OK)))
    return Judgement(status, tuple(reason.text for reason in reasons), advice)


def wrong_output(observation: Observation, setup: Setup) -> Reason | None:
    """The output is not that of double precision."""
    check = observation.check
    if check is None or check.verdict != "differs":
        return None
    off = f"{check.error:.2g}" if check.error is not None else "not a number"
    return Reason(
        Status.MISTRUSTED,
        f"its output is off by {off} of {check.against} (at most {check.allowed:.2g})",
        "do not use this configuration: report it with the lines of --details",
    )


def low_clocks(observation: Observation, setup: Setup) -> Reason | None:
    """A GPU's clocks stayed low."""
    if not observation.throttling:
        return None
    return Reason(Status.THROTTLED, observation.throttling, "let the GPU cool, or lock its clocks")


def waiting_threads(observation: Observation, setup: Setup) -> Reason | None:
    """Threads were ready and had no core."""
    delay = observation.noise.run_queue_delay if observation.noise else None
    if (delay or 0.0) <= MAX_RUN_QUEUE_DELAY:
        return None
    return Reason(
        Status.CONTENDED,
        f"other programs used the CPU: its threads waited for a core {100 * (delay or 0.0):.0f}% of the time",
        "close them" + (", or lower --threads" if setup.threads > 1 else ""),
    )


def stolen_cores(observation: Observation, setup: Setup) -> Reason | None:
    """A hypervisor gave the core to another machine."""
    steal = observation.noise.steal if observation.noise else None
    if (steal or 0.0) <= MAX_STEAL:
        return None
    return Reason(
        Status.CONTENDED,
        f"another machine took {100 * (steal or 0.0):.0f}% of a core",
        "this virtual machine shares its cores: repeat, and compare only with --vs",
    )


def drift(observation: Observation, setup: Setup) -> Reason | None:
    """The machine was faster or slower after the row than before."""
    ratio = observation.drift_ratio
    if ratio is None or 1 / (1 + MAX_DRIFT) <= ratio <= 1 + MAX_DRIFT:
        return None
    way = "slower" if ratio > 1 else "faster"
    return Reason(
        Status.DRIFT,
        f"the machine was {100 * abs(ratio - 1):.0f}% {way} after it than before",
        "repeat, and compare only with --vs, which takes turns",
    )


def wide_interval(observation: Observation, setup: Setup) -> Reason | None:
    """The median is not known well enough."""
    timing = observation.warm_cache
    if timing is None or timing.settled or timing.samples < MIN_SAMPLES:
        return None
    low, high = timing.interval
    text = f"its median is known to ±{50 * (high - low) / timing.median:.1f}% only"
    return Reason(Status.NOISY, text, "raise --time or --budget")


def few_samples(observation: Observation, setup: Setup) -> Reason | None:
    """There was no time for as many samples as a median needs."""
    timing = observation.warm_cache
    if timing is None or timing.samples >= MIN_SAMPLES:
        return None
    text = f"only {plural(timing.samples, 'sample')} in the time given, {MIN_SAMPLES} are the least"
    return Reason(Status.CUT_SHORT, text, "raise --time or --budget")


def subnormal_numbers(observation: Observation, setup: Setup) -> Reason | None:
    """Its tensors hold subnormal numbers, which many processors compute slowly."""
    if not observation.subnormals:
        return None
    return Reason(
        Status.OK,
        f"{observation.subnormals} subnormal numbers are in its tensors, which can slow it many times",
        "leave out --keep-denormals",
    )


def page_faults(observation: Observation, setup: Setup) -> Reason | None:
    """The system's allocator gives pages back and takes them again."""
    if (observation.page_faults or 0.0) <= MAX_PAGE_FAULTS:
        return None
    return Reason(
        Status.OK,
        f"each call has {observation.page_faults:.0f} page faults, as the system's allocator gives its pages back",
        "--allocator keep leaves them out",
    )


Rule = Callable[["Observation", "Setup"], Reason | None]
RULES: Final[tuple[Rule, ...]] = (
    wrong_output, few_samples, low_clocks, waiting_threads, stolen_cores, drift, wide_interval, subnormal_numbers,
    page_faults,
)  # fmt: skip
"""Each says what is wrong with a row, or nothing; reasons are told in this order."""
HOST_RULES: Final[tuple[Rule, ...]] = (waiting_threads, stolen_cores, subnormal_numbers, page_faults)
"""Those that speak of the processor the calls are made on."""
