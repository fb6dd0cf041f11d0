"""`executions`: oneDNN's verbose lines: which implementation ran, on which layouts, what the reorders took.

Source: oneDNN's developer guide, "Verbose Mode": comma-separated fields, of which the last is milliseconds.
"""

from __future__ import annotations

import re
import statistics
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

FLAGS = {
    "forward_training": "FWD_D",
    "forward_inference": "FWD_I",
    "forward": "FWD_D",
    "backward_data": "BWD_D",
    "backward_weights": "BWD_W",
}
DRIVERS = {"convolution": "conv", "deconvolution": "deconv", "matmul": "matmul", "inner_product": "ip"}
"""benchdnn's drivers by the name of the primitive."""
_TENSOR = re.compile(r"(?P<role>src|wei|bia|dst)\d*[_:](?P<dtype>[a-z0-9]+):(?P<rest>\S*)")


class Execution(NamedTuple):
    """One primitive that ran: its name, implementation, pass, tensors as (role, dtype, layout), problem and seconds."""

    primitive: str
    implementation: str
    direction: str
    tensors: tuple[tuple[str, str, str], ...]
    attributes: str
    algorithm: str
    problem: str
    seconds: float

    @property
    def is_reorder(self) -> bool:
        """Whether it only lays a tensor out anew."""
        return self.primitive == "reorder"

    def layout(self, role: str) -> str:
        """Return the layout of a tensor by its role (src, wei, dst), such as `aBcd16b`; empty where there is none."""
        return next((layout for name, _, layout in self.tensors if name == role), "")

    @property
    def layouts(self) -> str:
        """The layouts of all tensors, as in `src aBcd16b, wei ABcd16b16a, dst aBcd16b`."""
        return ", ".join(f"{role} {layout}" for role, _, layout in self.tensors if layout)


def executions(text: str) -> list[Execution]:
    """Return what ran, in order; lines that are none of oneDNN's, or cut off, are passed over.

    >>> line = "onednn_verbose,v1,primitive,exec,cpu,reorder,jit:uni,undef,src:f32::blocked:ab::f0,,,3x4,0.5"
    >>> executions(line)[0].seconds
    0.0005
    """
    primitives = []
    for line in text.splitlines():
        fields = line.strip().split(",")
        head = fields[:5]
        if not head[0].endswith("_verbose") or "exec" not in head or "graph" in head:
            continue
        rest = fields[fields.index("exec") + 1 :]
        if len(rest) < 9:
            continue
        _, primitive, implementation, direction, tensors, attributes, algorithm, problem, milliseconds = (
            *rest[:4], rest[4], rest[5], rest[6], ",".join(rest[7:-1]), rest[-1],
        )  # fmt: skip
        try:
            seconds = float(milliseconds) / 1e3
        except ValueError:
            continue
        primitives.append(
            Execution(
                primitive, implementation, direction, _tensors(tensors), attributes,
                algorithm.removeprefix("alg:"), problem, seconds,
            )
        )  # fmt: skip
    return primitives


def _tensors(text: str) -> tuple[tuple[str, str, str], ...]:
    """Each tensor's role, dtype and layout: `src:f32:a:blocked:aBcd16b::f0` has five colons, undefined ones no tag."""
    tensors = []
    for match in _TENSOR.finditer(text):
        parts = match["rest"].split(":")
        tag = parts[2] if len(parts) > 2 and "blocked" in parts[1] else ""
        if match["dtype"] != "undef":
            tensors.append((match["role"], match["dtype"], tag))
    return tuple(tensors)


def middle(primitives: Sequence[Execution], calls: int) -> list[Execution]:
    """Return what ran in one of several like calls, each primitive with the median of its seconds.

    Where the calls were not alike (a primitive is made anew now and then), the last call's share of the lines.
    """
    each = len(primitives) // calls
    runs = [primitives[start : start + each] for start in range(0, each * calls, max(each, 1))]
    if each * calls != len(primitives) or any(
        [primitive[:2] for primitive in run] != [primitive[:2] for primitive in runs[0]] for run in runs
    ):
        return list(primitives[-each:]) if each else list(primitives)
    return [
        primitive._replace(seconds=statistics.median(run[place].seconds for run in runs))
        for place, primitive in enumerate(runs[0] if runs else ())
    ]


def benchdnn(primitive: Execution) -> str | None:
    """Return the benchdnn command that runs the same primitive again; None where its drivers have none for it."""
    driver = DRIVERS.get(primitive.primitive)
    if driver is None:
        return None
    roles = [role for role, _, _ in primitive.tensors]
    dtypes = ":".join(dtype for role, dtype, _ in primitive.tensors if role != "bia")
    words = ["benchdnn", f"--{driver}", "--mode=P"]
    if driver != "matmul":
        direction = FLAGS.get(primitive.direction, "FWD_D")
        if "bia" in roles:
            direction = {"FWD_D": "FWD_B", "FWD_I": "FWD_B", "BWD_W": "BWD_WB"}.get(direction, direction)
        words.append(f"--dir={direction}")
    words.append(f"--dt={dtypes}")
    words += [f"--{role[0]}tag={primitive.layout(role)}" for role in ("src", "wei", "dst") if primitive.layout(role)]
    if "direct" in primitive.algorithm or "winograd" in primitive.algorithm:
        words.append(f"--alg={'wino' if 'winograd' in primitive.algorithm else 'direct'}")
    words += [f"--{part.replace(':', '=', 1)}" for part in primitive.attributes.split() if part.startswith("attr-")]
    return " ".join((*words, primitive.problem))
