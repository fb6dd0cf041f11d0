"""`main`: the child that measures: reads a plan, runs its rows, and tells what it sees, one JSON object a line.

It alone imports torch, in an environment made for it, in a session of its own; it ends when its parent does.
"""

from __future__ import annotations

import json
import os
import pickle
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from convcalc.profiling.plan import Plan


def main() -> None:
    """Take a plan from standard input, and answer on what was standard output."""
    events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)  # whatever torch and its libraries print is none of the answer

    def send(event: str, **more: Any) -> None:
        events.write(json.dumps({"event": event, **more}) + "\n")
        events.flush()

    source = sys.stdin.buffer
    plan: Plan = pickle.load(source)
    threading.Thread(target=_end_with_parent, args=(source,), daemon=True).start()
    try:
        import torch

        from convcalc.errors import ConvcalcError
        from convcalc.profiling.child import rows

        torch.set_num_interop_threads(1)

        try:
            rows.run(plan, send)
        except ConvcalcError as error:
            send("refused", kind=type(error).__name__, message=str(error))
    except ImportError as error:
        send("refused", kind="UnavailableError", message=f"torch cannot be imported: {error}")
    send("done", at=time.time())
    events.flush()
    os._exit(0)  # torch's own end takes a tenth of a second


def _end_with_parent(source: BinaryIO) -> None:
    """The parent keeps our standard input open as long as it lives."""
    source.read()
    os._exit(1)
