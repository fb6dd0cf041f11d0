"""`run`: the parent of a child that measures: start it, hear its events, end it, and go on after one that died."""

from __future__ import annotations

import json
import os
import pickle
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Any

from convcalc import errors
from convcalc.profiling.environment import environment
from convcalc.profiling.fields import to_json
from convcalc.profiling.observation import NOT_REACHED, Observation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from convcalc.profiling.plan import Plan

CHILD = "convcalc.profiling.child.worker"
"""The module that measures: named, never imported here, since it loads torch."""
START = f"import json, sys; sys.path[:] = json.loads(sys.argv[1]); from {CHILD} import main; main()"

SLOW_START_S = 600.0
"""How long a child may take to import torch and to measure peaks."""
GRACE_S, GRACE_EACH_S, GRACE_TURNS = 1.0, 0.2, 0.5
"""How long past the plan's time a child is waited for, more for each row, and for rows in turns, which finish their
rounds, so much of the time itself: what takes longer ends with the child."""
TICK_S = 1.0
"""How often somebody who waits is told that nothing was."""
Event = dict[str, Any]


def run(plan: Plan, deadline: Deadline | None = None, waiting: Callable[[], None] = lambda: None) -> Iterator[Event]:
    """Carry out a plan in children and yield their events: `ready`, `peaks`, `begin`, `outside`, `inside`, `row`.

    A row whose child dies is a failed one, and a new child goes on with the next while there is time. Raises what the
    child refused, such as UnavailableError for a device that is not there. Closing the iterator ends the child.
    `deadline` is the plan's clock, for those who want to read it afterwards; `waiting` is called now and then while
    nothing is heard.
    """
    offset = 0
    deadline = deadline or Deadline(plan)
    while True:
        done = 0
        with _Child(plan) as child:
            for event in child.events(deadline, waiting):
                if event["event"] == "refused":
                    raise getattr(errors, event["kind"], errors.ConvcalcError)(event["message"])
                if event["event"] == "done":
                    return
                if event["event"] == "row":
                    done = event["group"] + 1
                yield {**event, "group": event["group"] + offset} if "group" in event else event
            died = child.reason(deadline)
        if not deadline.started:
            raise errors.ConvcalcError(f"the measuring process ended before its first row: {died}")
        lost = len(plan.groups) if deadline.seconds_left() == 0 else done + 1
        for number in range(done, lost):
            why = died if number == done else deadline.over()
            yield {
                "event": "row",
                "group": number + offset,
                "observations": [to_json(Observation(failure=why))] * len(plan.groups[number]),
            }
        offset += lost
        plan = replace(plan, groups=plan.groups[lost:], seconds=deadline.seconds_left(), peaks=())
        if not plan.groups:
            return
        deadline.pause()  # a new child's start is no measuring


class Deadline:
    """When the plan's time is over: it begins with the first row, and stands still while something is outside of it."""

    def __init__(self, plan: Plan) -> None:
        self.seconds = plan.seconds
        self.grace = GRACE_S + GRACE_EACH_S * len(plan.groups)
        if any(len(group) > 1 for group in plan.groups):
            self.grace += GRACE_TURNS * plan.seconds
        self.started = False
        self.end = 0.0
        self.paused: float | None = None

    def hear(self, event: Event) -> None:
        """Begin, pause and go on as a child's events say."""
        if event["event"] == "outside":
            self.pause()
        elif event["event"] in ("begin", "inside", "row"):
            self.go_on()

    def pause(self) -> None:
        """Stand still."""
        self.paused = self.paused or time.monotonic()

    def go_on(self) -> None:
        """Begin, or go on after a pause."""
        now = time.monotonic()
        if not self.started:
            self.started, self.end = True, now + self.seconds
        elif self.paused is not None:
            self.end += now - self.paused
        self.paused = None

    def seconds_left(self) -> float:
        """Return how many seconds of the plan's time are left."""
        return max(self.end - (self.paused or time.monotonic()), 0.0) if self.started else self.seconds

    def wait(self) -> float:
        """Return how long to wait for the next event."""
        if not self.started or self.paused is not None:
            return SLOW_START_S
        return self.seconds_left() + self.grace

    def over(self) -> str:
        """Return why a row was not timed."""
        return NOT_REACHED


class _Child:
    """A process that measures, in a session of its own (Ctrl-C is the parent's), and a thread that hears it."""

    def __init__(self, plan: Plan) -> None:
        self.errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  open until the end
        process_group: dict[str, Any] = {"start_new_session": True} if os.name == "posix" else {"creationflags": 0x200}
        self.process = subprocess.Popen[bytes](
            [sys.executable, "-P", "-c", START, json.dumps(sys.path)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
            env=environment(plan.threads, plan.cores, plan.allocator), **process_group,
        )  # fmt: skip
        self.heard: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self.late = False
        threading.Thread(target=self._hear, daemon=True).start()
        assert self.process.stdin is not None
        try:
            with suppress(BrokenPipeError):  # it has died already: its end says why
                pickle.dump(plan, self.process.stdin)
                self.process.stdin.flush()
        except BaseException:  # Ctrl-C, before anybody could end it
            self.__exit__()
            raise

    def __enter__(self) -> _Child:
        return self

    def __exit__(self, *_: object) -> None:
        """End it, with all it has started."""
        with suppress(OSError):
            if os.name == "posix":
                os.killpg(self.process.pid, signal.SIGKILL)
            else:
                self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.errors):
            if stream is not None:
                with suppress(OSError):
                    stream.close()

    def _hear(self) -> None:
        stream = self.process.stdout
        assert stream is not None
        with suppress(ValueError):  # closed by the parent
            for line in stream:
                self.heard.put(line)
        self.heard.put(b"")

    def events(self, deadline: Deadline, waiting: Callable[[], None] = lambda: None) -> Iterator[Event]:
        """Yield what it tells, until it ends or a call takes longer than there is time."""
        end = time.monotonic() + deadline.wait()
        while True:
            left = end - time.monotonic()
            try:
                line = self.heard.get(timeout=max(0.0, min(left, TICK_S)))
            except queue.Empty:
                if left <= TICK_S:
                    self.late = True
                    return
                waiting()
                continue
            if not line:
                return
            try:
                event: Event = json.loads(line)
            except ValueError:  # cut off when it died
                return
            deadline.hear(event)
            yield event
            end = time.monotonic() + deadline.wait()

    def reason(self, deadline: Deadline) -> str:
        """Return why there will be no more events."""
        if self.late:
            return deadline.over()
        code = self.process.wait()
        if code == -9:
            return "its process was killed: is there enough memory? (use a smaller input or batch)"
        if code < 0:
            with suppress(ValueError):
                return f"its process died of {signal.Signals(-code).name}"
        self.errors.seek(0)
        said = self.errors.read().decode("utf-8", errors="replace").strip().splitlines()
        return said[-1] if said else f"its process ended with code {code}"
