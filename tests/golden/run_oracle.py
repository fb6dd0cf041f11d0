"""Run the rows of an oracle record file: `python tests/golden/run_oracle.py FILE.json` prints one line per row.

A row names a kind and its arguments as the recorded implementation calls them; names.toml says what they are called
here. Shape, parameters and MACs must equal the row's. Exit code 1 where any differs.
"""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

from convcalc.analyses.counts.macs import macs
from convcalc.analyses.counts.params import params
from convcalc.kinds import find
from convcalc.registry import Kind
from convcalc.sizes import PerAxis

HERE = Path(__file__).parent
NAMES: dict[str, Any] = tomllib.loads((HERE / "names.toml").read_text(encoding="utf-8"))
DECLINED: dict[str, str] = NAMES.pop("declined_rows")
IGNORED: set[str] = set(NAMES.pop("ignored")["keys"])


class Answer(NamedTuple):
    """What we say of a row: nothing but a reason where it is declined."""

    output: Any = None
    params: int = 0
    macs: int = 0
    declined: str = ""


def answer(row: dict[str, Any]) -> Answer:
    """Return our shape, parameters and MACs for a row, or why it is not run."""
    entry = _entry(row)
    declined = DECLINED.get(row["id"], entry.get("decline", "")) or _other_layer(row)
    if declined:
        return Answer(declined=declined)
    kind = _kind(entry.get("kind", row["kind"]))
    told = arguments(row, entry, kind)
    shapes = _shapes(row)
    graph = kind.build(*shapes, **told)
    outputs = [list(value.shape) for value in graph.outputs]
    return Answer(outputs[0] if len(outputs) == 1 else outputs, params(graph).total, macs(graph))


def _other_layer(row: dict[str, Any]) -> str:
    """Why a row is another layer than the paper's, where its arguments say so."""
    kwargs = row.get("params_kwargs") or {}
    if "4uiiurz1" in row["id"] and kwargs.get("kernel_size", 3) != 3:
        return "its offset convolution is 3x3 whatever the kernel: not the paper's"
    ports_groups = row["kind"] == "octave" and "channels" not in kwargs and kwargs.get("groups", 1) > 1
    if ports_groups and kwargs["groups"] != kwargs.get("in_channels"):
        return "the port splits the groups between the paths; officially every path has all of them"
    return ""


def expected(row: dict[str, Any]) -> Answer:
    """Return what the row says: where a counter missed real products, the figure that includes them."""
    output = row["output"]
    if output and isinstance(output[0], list):
        output = [shape for shape in output if shape]
        output = output[0] if len(output) == 1 else output
    return Answer(output, row["params"], row.get("macs_with_products", row["macs"]))


def _kind(name: str) -> Kind:
    return find(name)[0]


def _entry(row: dict[str, Any]) -> dict[str, Any]:
    found = NAMES.get(row["kind"], {})
    tables = found if isinstance(found, list) else [found]
    keys = set(row.get("params_kwargs") or {})
    return next((table for table in tables if set(table.get("needs", ())) <= keys), {})


def _shapes(row: dict[str, Any]) -> list[tuple[int, ...]]:
    given = row["input"]
    if not isinstance(given[0], list):
        return [tuple(given)]
    return [tuple(shape) for shape in given if shape]


def arguments(row: dict[str, Any], entry: dict[str, Any], kind: Kind) -> dict[str, Any]:
    """Return a row's arguments by our names."""
    told: dict[str, Any] = dict(entry.get("set", {}))
    for key, value in (row.get("params_kwargs") or {}).items():
        name = entry.get("keys", {}).get(key, key)
        translated = entry.get("values", {}).get(key, {}).get(str(value), value)
        if translated == "" or name == "" or (key in IGNORED and name == key and key not in kind.arguments):
            continue
        if key in entry.get("times", {}):
            name, factor = entry["times"][key]
            told[name] = translated * factor
        elif isinstance(name, list) and isinstance(name[1], int):
            _place(told, kind, name[0], name[1], translated)
        elif isinstance(name, list):
            values = translated if isinstance(translated, list) else [translated] * len(name)
            told.update({one: part for one, part in zip(name, values, strict=True) if one})
        elif key == "form":
            told["form"] = {"deploy": "folded", "bn_fused": "folded"}.get(translated, translated)
        else:
            told[name] = translated
    _special(row, told)
    return {name: _value(kind, name, value) for name, value in told.items() if value is not None}


def _place(told: dict[str, Any], kind: Kind, name: str, place: int, value: int) -> None:
    widths = list(told.get(name, kind.arguments[name].default))
    widths[place] = value
    told[name] = widths


def _special(row: dict[str, Any], told: dict[str, Any]) -> None:
    """What a name alone does not say: values computed by the recorded implementation."""
    kwargs = row.get("params_kwargs") or {}
    match row["kind"]:
        case "flattened":
            told["kernel_size"] = [told.pop("kernel_height"), told.pop("kernel_width")]
        case "spatially_separable" if told.get("sharing", "full") != "full":
            told.pop("mid_channels", None)
            if told["sharing"] == "per_pair":
                told.setdefault("padding", "same")
        case "octave" if "channels" in kwargs:
            high, low = kwargs["channels"]
            low = max(low, 0)
            told.update(out_channels=high + low, alpha_out=low / (high + low))
        case "octave":
            if "alpha" in kwargs:
                told["alpha_out"] = kwargs["alpha"] if len(_as_list(row["output"])) > 1 else 0
            if "convbn" in row["id"]:
                told["norm"] = True
        case "condconv" if "cvhuber" in row["id"]:
            told.update(shared_bias=True)
        case "condconv":
            told.setdefault("bias", False)
            step, spread = kwargs.get("stride", 1), kwargs.get("dilation", 1)
            padding = [(step - 1 + spread * (k - 1)) // 2 for k in _as_pair(told.get("kernel_size", 3))]
            told.setdefault("padding", padding)
            if told["padding"] == "same" and step != 1:
                told["padding"] = "tf_same"
        case "ghost_bottleneck" if kwargs.get("use_se"):
            told["squeeze_channels"] = kwargs["hidden_dim"] // 4
        case "spatial_cross_channel" if "tower_mid" not in kwargs:
            told["arrangement"] = "merged"
        case "sk_conv_ppp":
            told["kernel_size"] = [3 + 2 * n for n in range(kwargs["M"])]
        case "sk_conv":
            told.setdefault("split_input", True)
            told.setdefault("groups", 1)
            wide = kwargs.get("out_channels") or kwargs["in_channels"]
            divisor = kwargs.get("rd_divisor", 8)
            told.setdefault("mid_channels", _rounded(wide * kwargs.get("rd_ratio", 1 / 16), divisor, least=0.9))
        case "se_block_timm":
            wide = kwargs["channels"] * kwargs.get("rd_ratio", 1 / 16)
            told.setdefault("squeeze_channels", _rounded(wide, kwargs.get("rd_divisor", 8)))
        case "gcn" if kwargs.get("normalize") is False:
            told["self_loops"] = False
        case "deform_v1" | "deform_v2" if "inc" in kwargs:
            told.setdefault("padding", 1)
            told.setdefault("bias", False)
        case "resnet_bottleneck" | "reference" if row["id"].endswith(".v1") or "caffe" in row.get("source_repo", ""):
            told.setdefault("stride_at", "1x1")
        case "involution_xmu":
            told.setdefault("reduction", 4)


def _rounded(value: float, divisor: int, least: float = 0.0) -> int:
    """timm's make_divisible: never below `least` of the value."""
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < least * value else rounded


def _as_list(output: Any) -> list[Any]:
    return [shape for shape in output if shape] if isinstance(output[0], list) else [output]


def _as_pair(value: Any) -> list[int]:
    return value if isinstance(value, list) else [value, value]


def _value(kind: Kind, name: str, value: Any) -> Any:
    if not isinstance(value, list):
        return value
    argument = kind.arguments.get(name)
    return tuple(value) if argument and "tuple" in argument.takes else PerAxis(value)


def main(path: str) -> int:
    """Print one line per row and a total; return 1 where any row differs."""
    rows = json.loads(Path(path).read_text(encoding="utf-8"))
    counts = {"equal": 0, "declined": 0, "DIFFERS": 0}
    for row in rows:
        try:
            ours = answer(row)
        except Exception as error:
            ours = Answer(output=f"{type(error).__name__}: {error}")
        theirs = expected(row) if not ours.declined else ours
        verdict = "declined" if ours.declined else "equal" if ours == theirs else "DIFFERS"
        counts[verdict] += 1
        said = ours.declined if ours.declined else f"{ours[:3]}" + ("" if ours == theirs else f" not {theirs[:3]}")
        print(f"{verdict:8} {row['id']} ({row['kind']}): {said}")
    print(", ".join(f"{count} {verdict}" for verdict, count in counts.items()))
    return 1 if counts["DIFFERS"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
