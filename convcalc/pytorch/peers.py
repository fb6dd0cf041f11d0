"""`PEERS`: other counters, run on a copy of a model where they are installed; what they change of torch is put back."""

from __future__ import annotations

import copy
import io
import logging
import warnings
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Any, Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convcalc.pytorch.constants import tensors_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from convcalc.pytorch.trace import ModelInput


def run_peer(name: str, model: nn.Module, inputs: list[ModelInput]) -> int | str:
    """Return what a counter says of a model on zeros of these shapes, or in a word why it says nothing."""
    with _put_back():
        try:
            return int(PEERS[name](model, inputs))
        except ModuleNotFoundError as error:
            return f"{error.name} is not installed"
        except Exception as error:
            return (
                f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else 'no word why'}"
            )


def materialised(model: nn.Module) -> nn.Module:
    """Return a copy of a model in eval mode with memory for its weights on the CPU."""
    parameters = [*model.parameters(), *model.buffers()]
    if any(tensor.device.type == "meta" for tensor in parameters):
        run = copy.deepcopy(model).to_empty(device="cpu").eval()
        for tensor in (*run.parameters(), *run.buffers()):  # what lies in memory is no index
            tensor.data.zero_()
        return run
    return copy.deepcopy(model).eval()


@contextmanager
def _put_back() -> Iterator[None]:
    """Keep counters quiet, and put back what they put in the place of torch's functions."""
    spaces: list[Any] = [F, torch, Tensor]
    before = [dict(vars(space)) for space in spaces]
    level = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
        for space, attributes in zip(spaces, before, strict=True):
            for name, value in vars(space).copy().items():
                if name in attributes and attributes[name] is not value and not name.startswith("__"):
                    setattr(space, name, attributes[name])


def zeros(inputs: list[ModelInput], device: str = "cpu") -> tuple[list[Tensor], dict[str, Tensor]]:
    """Return zeros of these shapes, those in order and those by name."""
    tensors = [torch.zeros(given.shape, dtype=given.dtype, device=device) for given in inputs]
    pairs = list(zip(inputs, tensors, strict=True))
    return [t for given, t in pairs if not given.name], {given.name: t for given, t in pairs if given.name}


def _torch(model: nn.Module, inputs: list[ModelInput], *, grad: bool = True, device: str = "cpu") -> int:
    from torch.utils.flop_counter import FlopCounterMode

    run = materialised(model) if device == "cpu" else copy.deepcopy(model).to(device).eval()
    positional, keyword = zeros(inputs, device)
    with FlopCounterMode(display=False) as counter, torch.set_grad_enabled(grad):
        run(*positional, **keyword)
    return int(counter.get_total_flops())


def _torch_training(model: nn.Module, inputs: list[ModelInput]) -> int:
    from torch.utils.flop_counter import FlopCounterMode

    run = materialised(model)
    positional, keyword = zeros(inputs)
    with FlopCounterMode(display=False) as counter:
        results = [part for part in tensors_of(run(*positional, **keyword)) if part.requires_grad]
        torch.stack([part.sum() for part in results]).sum().backward()  # type: ignore[no-untyped-call]
    return int(counter.get_total_flops())


def _fvcore(model: nn.Module, inputs: list[ModelInput]) -> int:
    from fvcore.nn import FlopCountAnalysis

    positional, _ = zeros(inputs)
    analysis = FlopCountAnalysis(materialised(model), tuple(positional)).unsupported_ops_warnings(False)
    return int(analysis.uncalled_modules_warnings(False).tracer_warnings("none").total())


def _torchinfo(model: nn.Module, inputs: list[ModelInput]) -> int:
    import torchinfo

    positional, keyword = zeros(inputs)
    return int(torchinfo.summary(materialised(model), input_data=[*positional], verbose=0, **keyword).total_mult_adds)


def _ptflops(model: nn.Module, inputs: list[ModelInput], backend: str) -> int:
    from ptflops import get_model_complexity_info

    shape = tuple(inputs[0].shape)
    macs, _ = get_model_complexity_info(
        materialised(model), shape[1:], as_strings=False, print_per_layer_stat=False, verbose=False, backend=backend
    )
    if macs is None:
        raise RuntimeError("it could not run the model")
    return int(macs)


def _thop(model: nn.Module, inputs: list[ModelInput]) -> int:
    from thop import profile

    positional, _ = zeros(inputs)
    return int(profile(materialised(model), inputs=tuple(positional), verbose=False)[0])


def _calflops(model: nn.Module, inputs: list[ModelInput], place: int) -> int:
    from calflops import calculate_flops

    counts = calculate_flops(
        materialised(model), input_shape=tuple(inputs[0].shape), print_results=False, print_detailed=False,
        output_as_string=False,
    )  # fmt: skip
    return int(counts[place])


def _torchscan(model: nn.Module, inputs: list[ModelInput], metric: str) -> int:
    from torchscan import crawl_module

    layers = crawl_module(materialised(model), tuple(inputs[0].shape[1:]))["layers"]
    values = (layer["metrics"].get(metric) for layer in layers)
    return sum(int(value["known_value"]) for value in values if value and value.get("known_value") is not None)


PEERS: Final[dict[str, Callable[[nn.Module, list[ModelInput]], int]]] = {
    "fvcore": _fvcore,
    "torch": _torch,
    "torch-no-grad": lambda model, inputs: _torch(model, inputs, grad=False),
    "torch-training": _torch_training,
    "torch-meta": lambda model, inputs: _torch(model, inputs, device="meta"),
    "torchinfo": _torchinfo,
    "ptflops": lambda model, inputs: _ptflops(model, inputs, "pytorch"),
    "ptflops-aten": lambda model, inputs: _ptflops(model, inputs, "aten"),
    "thop": _thop,
    "calflops": lambda model, inputs: _calflops(model, inputs, 1),
    "calflops-flops": lambda model, inputs: _calflops(model, inputs, 0),
    "torchscan": lambda model, inputs: _torchscan(model, inputs, "macs"),
    "torchscan-flops": lambda model, inputs: _torchscan(model, inputs, "module_flops"),
}
"""Each counter by the name of its convention."""
