"""`diff_summaries`: two summaries, layer by layer: what a change does to shapes, parameters and multiply-adds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from convcalc.errors import SpecError

FIGURES = ("params", "macs")


class LayerDiff(NamedTuple):
    """One layer in both summaries, or in one of them (None in the other)."""

    name: str
    text: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None

    @property
    def change(self) -> str:
        """`added`, `removed`, `changed` or `same`."""
        if self.before is None or self.after is None:
            return "added" if self.before is None else "removed"
        keys = ("text", "output", *FIGURES)
        return "same" if all(self.before.get(key) == self.after.get(key) for key in keys) else "changed"

    def to_dict(self) -> dict[str, Any]:
        """Return the layer as JSON holds it."""
        sides = {"before": self.before, "after": self.after}
        figures = {
            f"{key}_{side}": None if layer is None else layer.get(key)
            for key in ("output", *FIGURES)
            for side, layer in sides.items()
        }
        layer = self.after or self.before or {}
        shared = {key: layer.get(key) for key in ("kind", "text", "input", "output")}
        return {"name": self.name, **shared, "change": self.change, **figures}


@dataclass(frozen=True, slots=True)
class SummaryDiff:
    """Two summaries: their totals, and every layer that is not the same in both."""

    before: Mapping[str, Any]
    after: Mapping[str, Any]
    layers: tuple[LayerDiff, ...]

    @property
    def figures(self) -> dict[str, float]:
        """The numbers of the second, and by how much they have changed."""
        numbers = {key: self.after.get(key) for key in ("params", "trainable", "macs", "flops")}
        changes = {f"{key}_change": self._change(key) for key in FIGURES}
        return {key: value for key, value in {**numbers, **changes}.items() if isinstance(value, (int, float))}

    def _change(self, key: str) -> int | None:
        before, after = self.before.get(key), self.after.get(key)
        return after - before if isinstance(before, int) and isinstance(after, int) else None

    @property
    def at_least(self) -> list[str]:
        """What could not be counted in the second."""
        return list(self.after.get("at_least", ()))

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document without its envelope."""
        sides = {"before": self.before, "after": self.after}
        totals = {f"{key}_{side}": whole.get(key) for key in ("output", *FIGURES) for side, whole in sides.items()}
        changes = {f"{key}_change": self._change(key) for key in FIGURES}
        return {
            **totals,
            **changes,
            "layers": [{"index": index, **layer.to_dict()} for index, layer in enumerate(self.layers)],
        }


def diff_summaries(before: Mapping[str, Any], after: Mapping[str, Any]) -> SummaryDiff:
    """Compare two documents of `summary`. Raises SpecError for one that is none."""
    first, second = _layers(before), _layers(after)
    names = list(dict.fromkeys([*second, *first]))
    pairs = [(name, first.get(name), second.get(name)) for name in names]
    layers = [LayerDiff(name, str((new or old or {}).get("text") or ""), old, new) for name, old, new in pairs]
    return SummaryDiff(before, after, tuple(layer for layer in layers if layer.change != "same"))


def _layers(document: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The layers of a summary by name; those of several blocks by block and name."""
    if document.get("command") != "summary":
        raise SpecError("diff compares two documents of `convcalc summary -f json`, or two runs of profile --save")
    blocks = document.get("blocks", [document])
    try:
        return {
            str(row["name"]) if len(blocks) == 1 else f"{number}:{row['name']}": row
            for number, block in enumerate(blocks)
            for row in block["layers"]
        }
    except (KeyError, TypeError):
        raise SpecError("this summary lacks its layers: it was not written by `convcalc summary -f json`") from None
