"""`draw`: questions about large sizes, deep stacks and branches; `measured`: one asked in a process with limits."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import NamedTuple

SECONDS, BYTES = 5.0, 10**9
"""Of CPU time and of memory that one answer may take."""
START = """
import sys
from convcalc.cli.app import run
code = run(sys.argv[1:])
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
open("peak", "w").write(peak.split()[1])
sys.exit(code)
"""
"""The program, and then the most memory it had: what wait4 says includes the process that started it."""


class Cost(NamedTuple):
    """What an answer cost, its exit code, and the last line on stderr."""

    code: int
    seconds: float
    bytes: int
    message: str

    def fault(self) -> str:
        """Why this is no answer within the limits; nothing where it is one."""
        if self.code not in (0, 1, 2):
            return f"exit {self.code}: {self.message}"
        if self.seconds > SECONDS or self.bytes > BYTES:
            return f"{self.seconds:.1f} s, {self.bytes / 2**20:.0f} MiB"
        return ""


def measured(argv: list[str], folder: Path, stdin: str = "") -> Cost:
    """Ask in a process of its own, with four times the limits, and say what it cost."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (int(4 * SECONDS), int(4 * SECONDS) + 1))
        resource.setrlimit(resource.RLIMIT_AS, (4 * BYTES, 4 * BYTES))

    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root), "OPENBLAS_NUM_THREADS": "1", "COLUMNS": "120"}
    before = folder / "stdin"
    before.write_text(stdin, encoding="utf-8")
    with before.open() as read, (folder / "stderr").open("w+") as err:
        child = subprocess.Popen(
            [sys.executable, "-c", START, *argv], stdin=read, stdout=subprocess.DEVNULL, stderr=err,
            env=environment, cwd=folder, preexec_fn=limit,
        )  # fmt: skip
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        err.seek(0)
        lines = err.read().splitlines() or [""]
    peak = folder / "peak"
    most = int(peak.read_text(encoding="ascii")) * 1024 if peak.exists() else 0
    peak.unlink(missing_ok=True)
    return Cost(child.returncode, usage.ru_utime + usage.ru_stime, most, lines[0][:200])


def draw(random: Random) -> tuple[list[str], str]:
    """Draw a command line and its standard input."""
    big = lambda: random.choice((999, 4_096, 65_537, 300_000, 1_000_003, 2**31, 2**40, 10**12, 10**18))  # noqa: E731
    some = lambda *usual: random.choice((*usual, big()))  # noqa: E731
    transposed = f"conv_transpose1d c=1 k={some(3, 4)} s={some(2, 3)} d={some(1, 1, 2)} p={some(0, 1)}"
    plain = f"conv1d c=1 k={some(3, 5)} s={some(1, 2)} d={some(1, 2, 8)} p={some(0, 1)}"
    match random.randrange(12):
        case 0:
            return ["rf", "-i", f"1x{big()}", *plain.split(), "--unit", str(some(0, 7))], ""
        case 1:
            return ["checkerboard", *transposed.split(), "-i", f"1x{some(16, 100)}"], ""
        case 2:
            return ["macs", "--useful", "-i", f"1x{some(10, 100)}", *plain.split()], ""
        case 3:
            more = random.choice(([], ["--transposed"]))
            flags = [f for key in "ksd" if random.random() < 0.5 for f in (f"-{key}", str(some(1, 2, 3)))]
            return ["solve", "--in", str(some(5, 56)), "--out", str(some(5, 28)), *more, *flags], ""
        case 4:
            return ["matrix", *random.choice((plain, transposed)).split(), "-i", f"1x{some(16, 100)}", "-f", "json"], ""
        case 5:
            rates = [random.choice((1, 2, 3, 5, 9, some(4))) for _ in range(random.choice((3, 60, 500, 5_000, 10_000)))]
            return [
                "hdc-check",
                ",".join(str(min(rate, 10**9)) for rate in rates),
                *random.choice(([], ["--suggest"])),
            ], ""
        case 6 | 7:
            command = random.choice(("shape", "rf", "lint", "params", "summary", "checkerboard", "hdc-check", "memory"))
            layer = random.choice(
                ("conv2d c=3 k=3 p=1", "relu", "Conv2d(3, 3, 3, padding=2, dilation=2)", "batchnorm2d")
            )
            lines = [layer] * random.choice((100, 2_000, 4_900))
            if random.random() < 0.5:
                lines = [f"{layer} repeat={random.choice((100, 5_000, 10_000))}" if "(" not in layer else layer]
            words = [] if command == "hdc-check" and random.random() < 0.3 else ["-i", "3x16x16"]
            return [command, "-", *words], "\n".join(lines)
        case 8 | 9:
            command = random.choice(("checkerboard", "rf", "rf --unit 5,5", "hdc-check", "lint", "shape", "rf --paths"))
            return [*command.split(), "-", "-i", "4x24x24"], _diamonds(random)
        case 10:
            return [
                random.choice(("rf", "shape", "checkerboard")),
                "-i",
                f"3x{some(64)}x{some(64)}",
                *_layers(random, some),
            ], ""
        case _:
            layers = [word for _ in range(random.randint(1, 3)) for word in _layers(random, some)]
            command = random.choice(("shape", "params", "macs", "memory", "rf", "summary", "lint", "solve"))
            return [command, "-i", f"3x{some(32)}x{some(32)}", *layers], ""


def _layers(random: Random, some: object) -> list[str]:
    pick: object = some
    number = pick(1, 2, 3)  # type: ignore[operator]
    return random.choice(
        (
            ["upsample", f"scale_factor={number}"], ["adaptive_avg_pool2d", f"output_size={number}"],
            ["conv2d", "c=3", f"k={number}", f"p={number}"], ["conv_transpose2d", "c=3", "k=3", f"s={number}"],
            ["maxpool2d", f"k={number}", "s=2"], ["dense_block", f"num_layers={number}"], ["zero_pad2d", f"p={number}"],
            ["conv2d", f"c={number}", "k=3", f"d={number}"], ["involution", f"k={number}"],
        )
    )  # fmt: skip


def _diamonds(random: Random) -> str:
    """Branches that part and meet again, with arms alike or not, each reading the last or all before."""
    lines = ["identity as=x0"]
    for n in range(random.choice((3, 12, 40, 100))):
        source = f"x{n}" if random.random() < 0.8 else f"x{random.randint(0, n)}"
        arms = [f"conv c=4 k={k} d={d} p={d * (k // 2)}" for k, d in ((3, 1), (5, 1), (3, random.choice((1, 2, 3))))]
        chosen = random.sample(arms, random.choice((1, 2, 2, 3)))
        names = []
        for place, arm in enumerate(chosen):
            names.append(f"a{n}_{place}")
            lines.append(f"{arm} from={source} as={names[-1]}")
        merge = random.choice(("add", "add", "concat"))
        lines.append(f"{merge} from={','.join([*names, source])} as=m{n}")
        lines.append(f"conv c=4 k=1 as=x{n + 1}")
    return "\n".join(lines)
