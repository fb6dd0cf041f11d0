"""Hypothesis profiles: the default run is quick, `-m thorough` draws many more."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, settings
from jsonschema import Draft202012Validator

from convcalc.cli.schemas import schema, schema_names
from convcalc.profiling.environment import environment, recorded
from convcalc.profiling.machine import cores
from convcalc.profiling.plan import Plan
from convcalc.render.table import Answer

SCHEMAS = frozenset(schema_names())

quiet = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
same = bool(os.environ.get("CI"))  # the same examples on every CI run; new ones on a developer's machine
settings.register_profile(
    "default", max_examples=15, deadline=None, suppress_health_check=quiet, derandomize=same, database=None
)
settings.register_profile("thorough", parent=settings.get_profile("default"), max_examples=60)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

# Two workers with two threads each would wait for one another: tests run small tensors.
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def documents_fit_their_schemas(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every document that any test asks for is what its published schema says."""
    enveloped = Answer.enveloped

    def checked(answer: Answer, document: dict[str, Any]) -> dict[str, Any]:
        whole = enveloped(answer, document)
        if answer.command in SCHEMAS:
            _validator(answer.command).validate(whole)
        return whole

    monkeypatch.setattr(Answer, "enveloped", checked)


@cache
def _validator(command: str) -> Draft202012Validator:
    Draft202012Validator.check_schema(schema(command))
    return Draft202012Validator(schema(command))


@pytest.fixture(autouse=True)
def strict_readers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that fails is a failure here, and a step that cannot be read elsewhere."""
    monkeypatch.setattr("convcalc.pytorch.reading.STRICT_READERS", True)


@pytest.fixture(autouse=True)
def formulas_derived_afresh(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads formulas that were derived before, but the one that asks for the cache."""
    if "kept_formulas" not in request.fixturenames:
        monkeypatch.setattr("convcalc.cli.commands.explain.read", lambda *_: None)
        monkeypatch.setattr("convcalc.cli.commands.explain.write", lambda *_: "")


@pytest.fixture
def kept_formulas(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A cache of the test's own, in which formulas are kept."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "convcalc" / "explain"


@pytest.fixture
def toy_peaks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Roofs of toys, measured in no time and kept in a folder of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name, small in {"SIDES": (64,), "LEAST_BYTES": 2**20, "MOST_BYTES": 2**20, "SECONDS": 0.01}.items():
        monkeypatch.setattr(f"convcalc.profiling.child.peaks.{name}", small)
    monkeypatch.setattr("convcalc.profiling.child.backends.cpu.cache_bytes", lambda: 2**18)
    return tmp_path / "cache" / "convcalc" / "peaks.json"


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch, toy_peaks: Path) -> list[Plan]:
    """The child's work done here, where torch is there already, and on the CPU, whatever else is; the plans it got."""
    from convcalc.profiling.child import rows

    plans: list[Plan] = []

    def run(plan: Plan, *_: Any) -> Iterator[dict[str, Any]]:
        plans.append(pickle.loads(pickle.dumps(plan)))  # as it would travel
        told: list[dict[str, Any]] = []
        threads = torch.get_num_threads()
        try:
            rows.run(plans[-1], lambda event, **more: told.append(json.loads(json.dumps({"event": event, **more}))))
        finally:
            torch.set_num_threads(threads)
            torch.set_flush_denormal(False)
        for event in told:
            if event["event"] == "ready":
                event["machine"]["environment"] = recorded(environment(plan.threads, cores(), plan.allocator))
        yield from told

    monkeypatch.setattr("convcalc.profiling.session.run", run)
    monkeypatch.setattr("convcalc.profiling.child.devices.ACCELERATORS", ())
    monkeypatch.setattr("convcalc.profiling.child.prepare.cache_bytes", lambda: 2**18)
    monkeypatch.setattr("convcalc.profiling.child.timing.REFERENCE_S", 0.002)
    return plans
