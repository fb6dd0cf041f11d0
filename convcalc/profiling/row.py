"""`Row`: one timed layer, its fields the keys of JSON and of saved lines, and the columns of tables."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from convcalc.analyses.counts.stack_layers import STACK, layer_json, single_shape
from convcalc.errors import SpecError
from convcalc.profiling.fields import column, from_json, inline, to_json
from convcalc.profiling.intervals import Interval
from convcalc.profiling.observation import Check, Kernel
from convcalc.profiling.plan import Setup
from convcalc.profiling.roofline import Peaks, RooflinePoint, point
from convcalc.profiling.status import FAILED
from convcalc.shapes import show

if TYPE_CHECKING:
    from collections.abc import Iterable

TENSORS = ("input", "output")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What tells one row from all others."""

    name: str = column("number or name of the layer", heading="#")
    kind: str = column("its kind; stack for layers that run as one", optional=True, default=STACK)
    spec: str = column("its words", heading="layer")
    graph: str = column("digest of its steps, shapes and wiring")
    input: tuple[tuple[int, ...], ...] = column("shapes that go in", heading="input")
    setup: Setup = column("device, dtype, threads, layout, mode, pass, allocator, keep_denormals")
    block: int = column("which of several blocks", optional=True, default=0)

    @property
    def key(self) -> str:
        """What a saved row is looked up by."""
        parts = [getattr(self, name) for name in ("name", "spec", "graph", "input", "setup")]
        return json.dumps([*map(to_json, parts), self.block or None], sort_keys=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Seconds of one call over samples of `calls` calls; None where the row failed or nothing was measured."""

    median_s: float | None = column("median of the samples", "s", "median")
    interval_s: tuple[float, float] | None = column("its 95% interval", "s")
    p20_s: float | None = column("20th percentile", "s", "p20", hidden=True)
    p80_s: float | None = column("80th percentile", "s", "p80", hidden=True)
    min_s: float | None = column("least sample", "s", "least", hidden=True)
    iqr_s: float | None = column("distance between the quartiles", "s", positive=False)
    samples: int = column("blocks of calls that were timed", "count", "samples", hidden=True)
    calls: int = column("calls of a sample", "count", "calls each", hidden=True)
    outliers: int = column("samples far from the rest", "count", "outliers", hidden=True)
    settled: bool = column("whether the median is known to 1%")
    first_s: float | None = column("the first call", "s", "first call", hidden=True)
    cold_median_s: float | None = column("median with weights in no cache", "s", "cold")
    cold_interval_s: tuple[float, float] | None = column("its 95% interval", "s")
    cold_note: str | None = column("why there is no cold time")
    cold_fraction: float | None = column(
        "part of the roof from memory that the cold call reaches", "share", "cold of roof", hidden=True, optional=True
    )
    compile_s: float | None = column("what compiling took", "s")

    @property
    def interval(self) -> Interval | None:
        """The median with its interval; None where the row failed."""
        if self.median_s is None or self.interval_s is None:
            return None
        return Interval(self.median_s, *self.interval_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Operations and compulsory bytes of one call."""

    macs: int = column("multiply-adds of the forward", "count", "MACs")
    macs_useful: int | None = column("those on real input; null where a step cannot say", "count")
    flops: int = column("2 x MACs of the pass that was timed", "count", "FLOPs", hidden=True)
    useful_flops_per_s: float | None = column(
        "operations on real input a second", "FLOP/s", "useful GFLOP/s", hidden=True
    )
    bytes: int = column("input, weights and output, each moved once", "B", "bytes", hidden=True)
    bytes_per_s: float | None = column("those bytes a second", "B/s", "GB/s", optional=True)
    images_per_s: float | None = column("samples of the batch a second", "1/s", "images/s", optional=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernels:
    """What ran in a call."""

    kernels: tuple[Kernel, ...] = column("name, implementation, layouts, seconds, reorder and repro of each")
    reorder_share: float | None = column(
        "part of their time that only lays tensors out", "share", "layouts", hidden=True
    )
    kernel_share: float | None = column("their time over the call's", "share", "kernels", hidden=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """What disturbed the measurement; None where the platform does not tell."""

    page_faults_per_call: float | None = column("page faults of a call", "number", "page faults", hidden=True)
    run_queue_delay: float | None = column(
        "part of the time that threads waited for a core", "share", "waited for CPU", hidden=True
    )
    preemptions: int | None = column("times another process took the core", "count", "preempted", hidden=True)
    steal: float | None = column("part of a core that another machine took", "share", "taken by other VMs", hidden=True)
    yardstick_s: float | None = column("a matrix product before the row", "s")
    yardstick_after_over_before: float | None = column(
        "its time after the row over before", "number", "drift", hidden=True
    )
    retried: bool = column("whether it was timed twice, as the machine moved")
    subnormals: int = column("subnormal numbers in its tensors", "count")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """A row's part of its variant's layers, all copies counted; None of a whole."""

    share: float | None = column("part of the time of all layers", "share", "share")
    macs_share: float | None = column("part of the multiply-adds of all layers", "share", "of MACs", hidden=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The time over the first variant's, which it took turns with."""

    time_ratio: float | None = column("its time over the first's", "ratio", "of A")
    time_ratio_interval: tuple[float, float] | None = column("its 95% interval", "ratio")
    verdict: str | None = column("FASTER, SLOWER, SAME or AMBIGUOUS", heading="B is")

    @property
    def interval(self) -> Interval | None:
        """The ratio with its interval; None for the first, and beside a row that failed."""
        if self.time_ratio is None or self.time_ratio_interval is None:
            return None
        return Interval(self.time_ratio, *self.time_ratio_interval)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One timed layer: seconds, operations and bytes in base units; what was not measured is None."""

    identity: Identity = inline()
    output: tuple[tuple[int, ...], ...] = column("shapes that come out")
    whole: bool = column("whether it is a whole stack")
    other_layouts: tuple[str, ...] = column("layouts it could have and has not")
    packing: dict[str, Any] | None = column("padding, stride, dilation and groups with which one convolution is packed")
    times: int = column("how often it stands in the network", "count", positive=True)
    status: str = column("ok, noisy, drift, contended, throttled, cut_short, mistrusted or failed", heading="status")
    reasons: tuple[str, ...] = column("why it is not ok")
    advice: tuple[str, ...] = column("what to do about it")
    implementation: str | None = column("the kernel that took longest", heading="kernel")
    backend: str | None = column("torch's name for the way to it")
    timing: Timing = inline()
    work: Work = inline()
    kernels: Kernels = inline()
    noise: Noise = inline()
    check: Check | None = column("verdict, against what, error and allowed error of the output")
    device_state: dict[str, Any] | None = column("readings of the device")
    repro: dict[str, Any] = column("commands that run the same convolution in benchdnn, miopen, cutlass")
    roofline: RooflinePoint = inline()
    variant: str | None = column("how its setup differs from the first", heading="variant", optional=True)
    shares: Shares | None = inline(optional=True)
    explanation: tuple[str, ...] | None = column("why it takes the time it takes", optional=True)
    comparison: Comparison | None = inline(optional=True)

    @property
    def failed(self) -> bool:
        """Whether it was not timed at all."""
        return self.status == FAILED

    @property
    def label(self) -> str:
        """Its name, with the block's number where that does not say it; nothing for a whole."""
        identity = self.identity
        name = "" if self.whole else identity.name
        return f"{identity.block}:{name}" if identity.block and name != str(identity.block) else name

    @property
    def title(self) -> str:
        """Its name and words."""
        return f"{self.label} {self.identity.spec}".strip()

    def to_json(self) -> dict[str, Any]:
        """Return the row by the keys of its columns; of one tensor that goes in or comes out, its shape itself."""
        document: dict[str, Any] = to_json(self)
        return {**document, **{key: single_shape(document[key]) for key in TENSORS}}

    def to_dict(self, index: int) -> dict[str, Any]:
        """Return the row of a document: its layer as every command writes it, and its columns."""
        row, identity = self.to_json(), self.identity
        layer = layer_json(index, identity.name, identity.kind, identity.spec, *(row[key] for key in TENSORS))
        return {**layer, **row}

    @staticmethod
    def from_json(document: Any) -> Row:
        """Return what `to_json` wrote. Raises SpecError naming what does not fit."""
        row = from_json(Row, {**document, **_listed(document)} if isinstance(document, dict) else document)
        if (row.timing.interval_s is None) != (row.timing.median_s is None):
            raise SpecError("interval_s and median_s go together")
        return row

    def on_roofs(self, peaks: Peaks | None) -> Row:
        """Return the row under other roofs."""
        work = self.work
        return replace(
            self,
            roofline=point(
                float(work.flops), float(work.bytes), self.timing.median_s, peaks, self.roofline.roof_numbers
            ),
        )


def _listed(document: dict[str, Any]) -> dict[str, Any]:
    """The shapes of a row as lists of shapes: before version 2 a single one was written so."""
    shapes = {key: document[key] for key in TENSORS if isinstance(document.get(key), list)}
    return {key: shape if all(isinstance(part, list) for part in shape) else [shape] for key, shape in shapes.items()}


def documents(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Return rows as the `layers` of a document."""
    return [row.to_dict(index) for index, row in enumerate(rows)]


def shape_text(row: Row) -> str:
    """Return a row's input without its batch, as tables show it."""
    return " + ".join(show(shape[1:]) for shape in row.identity.input)
