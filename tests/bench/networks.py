"""Read real networks and print one line for each figure that is not the expected one.

    python tests/bench/networks.py networks.json [--only REGEX] [--field]

The file holds {"networks": [{"id": ..., "factory": "package.module:name", "kwargs": {...}, "input": [shape, ...],
"expected": {"output": [shape, ...], "params": n, "trainable": n, "macs": n}}, ...]}; an input is a list of sizes, or an
object {"shape": [...], "dtype": "int64", "name": "input_ids"}. A figure that is not there is measured by torch: the sum
over the parameters, and FlopCounterMode's FLOPs / 2 on the meta device. "at least" and a time over two seconds are
differences as well. The packages of the networks are those of .ci/constraints-models.txt.
"""

from __future__ import annotations

import argparse
import importlib
import json
import re
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from convcalc.analyses.counts.macs import at_least, macs
from convcalc.analyses.counts.params import params
from convcalc.analyses.field.fields import fields
from convcalc.errors import ConvcalcError
from convcalc.pytorch.trace import ModelInput, trace

SECONDS = 2.0
SLOW = re.compile(r"lstm|sequencer")


def build(network: dict[str, Any]) -> nn.Module:
    """The network on the CPU, its weights left as they come."""
    module, _, name = network["factory"].partition(":")
    factory = getattr(importlib.import_module(module), name)
    before = {key: getattr(nn.init, key) for key in dir(nn.init) if key.endswith("_") and not key.startswith("_")}
    try:
        for key in before:
            setattr(nn.init, key, lambda tensor, *_, **__: tensor)
        model: nn.Module = factory(**network.get("kwargs", {}))
    finally:
        for key, function in before.items():
            setattr(nn.init, key, function)
    return model.train(network.get("train", False))


def inputs_of(network: dict[str, Any]) -> list[ModelInput]:
    given = []
    for item in network["input"]:
        about = item if isinstance(item, dict) else {"shape": item}
        dtype = getattr(torch, about.get("dtype", "float32"))
        given.append(ModelInput(tuple(about["shape"]), dtype, about.get("name", "")))
    return given


def measure(model: nn.Module, given: list[ModelInput]) -> dict[str, Any]:
    """What torch says: shapes and multiply-adds of the forward on meta tensors."""
    figures: dict[str, Any] = {
        "params": sum(parameter.numel() for parameter in model.parameters()),
        "trainable": sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad),
    }
    tensors = [torch.zeros(item.shape, dtype=item.dtype, device="meta") for item in given]
    positional = [tensor for item, tensor in zip(given, tensors, strict=True) if not item.name]
    keyword = {item.name: tensor for item, tensor in zip(given, tensors, strict=True) if item.name}
    try:
        with FlopCounterMode(display=False) as counter:
            result = model.to("meta")(*positional, **keyword)
    except Exception as error:
        print(f"  (torch's counter: {type(error).__name__} {str(error).splitlines()[0]})", file=sys.stderr)
        return figures
    return {**figures, "macs": counter.get_total_flops() // 2, "output": _shapes(result)}


def _shapes(result: Any) -> list[list[int]]:
    if isinstance(result, torch.Tensor):
        return [list(result.shape)]
    parts = result.values() if isinstance(result, dict) else result if isinstance(result, (tuple, list)) else ()
    return [shape for part in parts for shape in _shapes(part)]


def differences(network: dict[str, Any], *, with_field: bool) -> list[str]:
    torch.manual_seed(0)
    model = build(network)
    given = inputs_of(network)
    expected = dict(network.get("expected", {}))
    start = time.process_time()
    try:
        graph = trace(model, *given)
    except ConvcalcError as error:
        return [f"{type(error).__name__}: {error}"]
    counted = params(graph)
    figures = {
        "params": counted.total,
        "trainable": counted.trainable,
        "macs": macs(graph),
        "output": [list(value.shape) for value in graph.outputs],
    }
    seconds = time.process_time() - start
    lines = [f"at least: {', '.join(at_least(graph))}"] if at_least(graph) else []
    if seconds > SECONDS and not SLOW.search(network["id"]):
        lines.append(f"took {seconds:.1f} s")
    if with_field:
        start = time.process_time()
        fields(graph)
        if time.process_time() - start > SECONDS:
            lines.append(f"fields took {time.process_time() - start:.1f} s")
    missing = {"params", "trainable", "macs", "output"} - expected.keys()
    if missing:
        expected = {**measure(model, given), **expected}
    return lines + [
        f"{key} {figures[key]}, expected {expected[key]}" for key in expected if figures[key] != expected[key]
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--only", default="", help="networks whose id matches this regular expression")
    parser.add_argument("--field", action="store_true", help="compute receptive fields as well")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    networks = json.loads(options.file.read_text())["networks"]
    chosen = [network for network in networks if re.search(options.only, network["id"])]
    wrong = 0
    for network in chosen:
        lines = differences(network, with_field=options.field)
        wrong += bool(lines)
        for line in lines:
            print(f"{network['id']}: {line}", flush=True)
    print(f"{len(chosen) - wrong} of {len(chosen)} networks as expected")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
