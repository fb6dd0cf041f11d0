"""Real children: what they tell, how they end, and what a parent makes of one that dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from convcalc.errors import ConvcalcError, UnavailableError
from convcalc.profiling import session
from convcalc.profiling.fields import from_json, to_json
from convcalc.profiling.observation import Observation
from convcalc.profiling.plan import Job, Plan, Setup, Task
from tests.profiling.samples import graph

QUICK = Task(warmup_s=0.0, min_s=0.0, max_s=0.05, samples=3)


def job(name: str = "0", spec: str = "conv2d c=4 k=3", size: str = "3x8x8", **setup: str) -> Job:
    return Job(name=name, text=spec, graph=graph(spec, size), setup=Setup(**setup))  # type: ignore[arg-type]


def plan(*jobs: Job, **more: object) -> Plan:
    made = Plan(device="cpu", threads=1, groups=tuple((one,) for one in jobs), task=QUICK, seconds=5.0, cold=False)
    return replace(made, **more)  # type: ignore[arg-type]


def test_a_child_tells_of_its_machine_and_each_row() -> None:
    events = list(session.run(plan(job(), job("1", "relu"))))
    each = ["begin", *["outside", "inside"] * 2, "row"]
    assert [event["event"] for event in events] == ["ready", *each, *each]
    machine = events[0]["machine"]
    assert machine["threads"] == 1 and machine["torch"] and machine["environment"]["OMP_NUM_THREADS"] == "1"
    seen = [from_json(Observation, event["observations"][0]) for event in events if event["event"] == "row"]
    assert all(one.warm_cache is not None and one.warm_cache.median > 0 and not one.failure for one in seen)


def test_a_row_that_cannot_be_leaves_the_others() -> None:
    huge = job("1", "conv2d c=64 k=3", "4096x3x4000x4000")
    odd = job("2", "conv2d c=4 k=3", layout="prepacked", direction="backward")
    rows = [
        event["observations"][0]["failure"]
        for event in session.run(plan(job(), huge, odd, job("3")))
        if event["event"] == "row"
    ]
    assert rows[0] == rows[3] == ""
    assert "needs about" in rows[1] and "free" in rows[1]
    assert "gradients and compilers take plain ones" in rows[2]


def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(UnavailableError, match="there is no XPU device here"):
        list(session.run(plan(job(), device="xpu")))


def fake(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """A child that runs this code in place of ours; `send` prints an event, `groups` is how many it was given."""
    head = (
        "import json, os, pickle, signal, sys, time; sys.path[:] = json.loads(sys.argv[1])\n"
        "plan = pickle.load(sys.stdin.buffer); groups = len(plan.groups)\n"
        "def send(**event): print(json.dumps(event), flush=True)\n"
        f"row = json.loads({json.dumps(to_json(Observation(failure='told')))!r})\n"
    )
    monkeypatch.setattr(session, "START", head + code)


def failures(found: list[session.Event]) -> list[tuple[int, str]]:
    return [(event["group"], event["observations"][0]["failure"]) for event in found if event["event"] == "row"]


def test_a_child_that_is_killed_costs_its_row_and_a_new_one_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    fake(
        monkeypatch,
        "send(event='begin', group=0, seconds=1)\n"
        "if groups == 2: os.kill(os.getpid(), signal.SIGKILL)\n"
        "for n in range(groups):\n"
        "    send(event='begin', group=n, seconds=1); send(event='row', group=n, observations=[row])\n"
        "send(event='done')",
    )
    found = failures(list(session.run(plan(job(), job("1")))))
    assert found[0][0] == 0 and "killed: is there enough memory?" in found[0][1]
    assert found[1] == (1, "told")


def test_a_crash_is_told_by_its_signal_or_last_line(monkeypatch: pytest.MonkeyPatch) -> None:
    fake(monkeypatch, "send(event='begin', group=0, seconds=1); os.kill(os.getpid(), signal.SIGSEGV)")
    assert failures(list(session.run(plan(job())))) == [(0, "its process died of SIGSEGV")]
    fake(monkeypatch, "send(event='begin', group=0, seconds=1); raise RuntimeError('boom')")
    assert failures(list(session.run(plan(job())))) == [(0, "RuntimeError: boom")]


def test_a_child_that_cannot_begin_stops_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    fake(monkeypatch, "raise SystemExit('no libtorch')")
    with pytest.raises(ConvcalcError, match="ended before its first row: no libtorch"):
        list(session.run(plan(job())))


def test_a_call_that_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "GRACE_S", 0.2)
    fake(monkeypatch, "send(event='begin', group=0, seconds=1); time.sleep(60)")
    start = time.monotonic()
    ((_, reason),) = failures(list(session.run(plan(job(), seconds=0.3))))
    assert reason == "not measured: the budget ran out first (raise --budget)"
    assert time.monotonic() - start < 10


def test_when_time_is_over_no_other_child_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "GRACE_S", 0.1)
    monkeypatch.setattr(session, "GRACE_EACH_S", 0.0)
    fake(monkeypatch, "send(event='begin', group=0, seconds=1); time.sleep(60)")
    start = time.monotonic()
    found = failures(list(session.run(plan(job(), job("1"), job("2"), seconds=0.3))))
    assert [number for number, _ in found] == [0, 1, 2] and len({reason for _, reason in found}) == 1
    assert time.monotonic() - start < 10


def test_roofs_and_a_new_childs_start_take_nothing_of_the_time() -> None:
    clock = session.Deadline(plan(job(), job("1"), seconds=5.0))
    for event in ("ready", "outside", "peaks"):
        clock.hear({"event": event})
        assert not clock.started and clock.seconds_left() == 5.0
    clock.hear({"event": "begin"})
    assert clock.started and clock.wait() < 7.0
    clock.pause()
    before = clock.seconds_left()
    assert clock.wait() == session.SLOW_START_S
    time.sleep(0.05)
    assert clock.seconds_left() == before
    clock.hear({"event": "begin"})
    assert before - 0.04 < clock.seconds_left() <= before


def test_what_is_outside_of_the_plans_time_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "GRACE_S", 0.2)
    fake(
        monkeypatch,
        "send(event='begin', group=0, seconds=1); send(event='outside', what='compiling'); time.sleep(1.5)\n"
        "send(event='inside'); send(event='row', group=0, observations=[row]); send(event='done')",
    )
    assert failures(list(session.run(plan(job(), seconds=0.3)))) == [(0, "told")]


@pytest.mark.skipif(os.name != "posix", reason="sessions are POSIX")
def test_closing_ends_the_child(monkeypatch: pytest.MonkeyPatch) -> None:
    fake(monkeypatch, "send(event='ready', machine={'pid': os.getpid()}); time.sleep(60)")
    events = session.run(plan(job()))
    pid = next(events)["machine"]["pid"]
    assert os.getsid(pid) == pid  # a session of its own: Ctrl-C in the terminal is not sent to it
    events.close()  # type: ignore[attr-defined]
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")
def test_a_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    code = (
        "import os\nfrom tests.profiling.test_session import job, plan\nfrom convcalc.profiling import session\n"
        "from convcalc.profiling.plan import Task\n"
        "slow = plan(job(), task=Task(max_s=60.0, min_s=60.0), seconds=120.0)\n"
        "for event in session.run(slow):\n"
        "    if event['event'] == 'begin':\n"
        "        print(open('/proc/%d/task/%d/children' % (os.getpid(), os.getpid())).read(), flush=True)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    )
    assert parent.stdout is not None
    children = [int(word) for word in parent.stdout.readline().split()]
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    assert children
    for _ in range(100):
        if not any(Path(f"/proc/{pid}/cmdline").exists() and _alive(pid) for pid in children):
            return
        time.sleep(0.1)
    pytest.fail("the child outlives its parent")


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_the_parent_imports_no_torch() -> None:
    code = (
        "import sys, json\nfrom convcalc.cli.app import run\n"
        "code = run(['profile', '-i', '3x8x8', 'conv2d', 'c=4', 'k=3', '--threads', '1', '--budget', '200ms',\n"
        "            '--peak-flops', '1T', '--peak-bw', '1T', '-f', 'json'])\n"
        "print(json.dumps([code, 'torch' in sys.modules, 'numpy' in sys.modules]), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stderr.splitlines()[-1]) == [0, False, False]
    assert json.loads(done.stdout)["layers"][0]["median_s"] > 0
