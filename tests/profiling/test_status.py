"""What a row is worth."""

from __future__ import annotations

from typing import Any

import pytest

from convcalc.profiling.fields import from_json, to_json
from convcalc.profiling.noise import SystemNoise
from convcalc.profiling.observation import Check, Observation
from convcalc.profiling.plan import Setup
from convcalc.profiling.status import status_of
from tests.profiling.samples import hot, observation


@pytest.mark.parametrize(
    ("more", "status", "reason"),
    [
        ({}, "ok", None),
        ({"warm_cache": hot(spread=0.5, settled=False)}, "noisy", "its median is known to"),
        ({"warm_cache": hot(samples=1, settled=False)}, "cut_short", "only 1 sample in the time given, 5 are"),
        ({"warm_cache": hot(samples=4, settled=False)}, "cut_short", "only 4 samples"),
        ({"warm_cache": hot(samples=5, spread=0.5, settled=False)}, "noisy", "its median is known to"),
        ({"noise": SystemNoise(1.0, 0.03, 0, 0, 0.0)}, "contended", "waited for a core 3% of the time"),
        ({"noise": SystemNoise(1.0, 0.019, 0, 0, 0.0)}, "ok", None),
        ({"noise": SystemNoise(1.0, None, None, None, None)}, "ok", None),
        ({"noise": SystemNoise(1.0, 0.0, 0, 0, 0.2)}, "contended", "another machine took 20% of a core"),
        ({"drift_ratio": 1.2}, "drift", "the machine was 20% slower after it than before"),
        ({"drift_ratio": 0.8}, "drift", "the machine was 20% faster after it than before"),
        ({"drift_ratio": 1.04}, "ok", None),
        ({"throttling": "its clock is 900 MHz of 1980"}, "throttled", "900 MHz"),
        ({"check": Check("differs", "float64's root mean square", 0.5, 2e-4)}, "mistrusted", "off by 0.5"),
        ({"check": Check("differs", "float64's root mean square", None, 2e-4)}, "mistrusted", "not a number"),
        ({"subnormals": 7}, "ok", "7 subnormal numbers"),
    ],
)  # fmt: skip
def test_each_status(more: dict[str, Any], status: str, reason: str | None) -> None:
    found = status_of(observation(**more), Setup())
    assert found.status == status
    assert (reason is None and not found.reasons) or (reason is not None and reason in found.reasons[0])
    assert bool(found.advice) == bool(found.reasons)


def test_the_gravest_is_the_status_and_all_reasons_are_told() -> None:
    found = status_of(
        observation(drift_ratio=1.2, noise=SystemNoise(1.0, 0.5, 0, 0, 0.0), check=Check("differs", "x", 1.0, 0.1)),
        Setup(),
    )
    assert found.status == "mistrusted" and len(found.reasons) == 3
    failed = status_of(Observation(failure="it does not fit into memory"), Setup())
    assert failed == ("failed", ("it does not fit into memory",), ())


def test_a_hosts_waiting_threads_say_nothing_of_a_devices_own_times() -> None:
    waiting = observation(noise=SystemNoise(1.0, 0.5, 0, 0, 0.2), page_faults=100.0, subnormals=3)
    assert status_of(waiting, Setup(device="cuda")) == ("ok", (), ())
    assert status_of(waiting, Setup(device="cpu")).status == "contended"


def test_advice_fits_the_setting() -> None:
    waiting = observation(noise=SystemNoise(1.0, 0.5, 0, 0, 0.0))
    assert status_of(waiting, Setup(threads=1)).advice == ("close them",)
    assert status_of(waiting, Setup(threads=2)).advice == ("close them, or lower --threads",)


def test_what_a_child_sends_arrives_whole() -> None:
    import json

    for one in (
        observation(),
        Observation(failure="x"),
        observation(cold_cache=hot(0.002), device_state=(("clocks.sm", 1410.0),), compile_s=2.5),
    ):
        assert from_json(Observation, json.loads(json.dumps(to_json(one)))) == one
