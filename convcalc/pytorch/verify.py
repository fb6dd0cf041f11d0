"""`compare`: our numbers beside torch's own and fvcore's: equal, different for a stated reason, or not seen by them."""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from convcalc.errors import ShapeError
from convcalc.sizes import PerAxis, Shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convcalc.registry import Kind

FVCORE_CONTRACTIONS = frozenset({"conv", "linear", "matmul", "addmm", "bmm", "baddbmm", "einsum"})
"""fvcore's operators that are multiply-adds; its totals also hold norms, pools and interpolation."""
NO_CONTRACTION = "no multiply-adds"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleCall:
    """What running a module showed: output shapes, parameters, MACs by torch and by fvcore, what fvcore lacks."""

    shapes: tuple[Shape, ...]
    params: int
    torch_macs: int
    fvcore_macs: int | None
    fvcore_blind: tuple[str, ...]
    run_as: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """One figure of ours beside theirs: `agrees`, `differs because ...`, `cannot see ...`, or `DIFFERS`."""

    ours: Any
    theirs: Any
    text: str

    @property
    def holds(self) -> bool:
        """Whether it agrees or differs for a reason."""
        return self.text != "DIFFERS"


def layer_module(
    kind: Kind, rank: int | None, arguments: dict[str, Any], shape: Shape, repeat: int
) -> nn.Module | None:
    """Return torch.nn's own module for a layer on an input of this shape, or None where torch has no such layer."""
    name = kind.torch_class(len(shape) - 2 if rank is None else rank)
    settings = {key: _plain(value) for key, value in arguments.items() if key not in ("in_channels", kind.channels)}
    sided = any(isinstance(part, tuple) for value in settings.values() if isinstance(value, tuple) for part in value)
    if (
        not name
        or not hasattr(nn, name)
        or settings.get("padding") == "tf_same"
        or sided
        or _pair(arguments.get("padding"))
    ):
        return None
    modules = []
    channels = shape[kind.axis]
    for _ in range(repeat):
        stated = {kind.channels: channels} if kind.channels else {}
        modules.append(getattr(nn, name)(**stated, **settings))
        channels = settings.get("out_channels", settings.get("out_features", channels))
    return nn.Sequential(*modules) if repeat > 1 else modules[0]


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, PerAxis) else value


def _pair(value: Any) -> bool:
    return isinstance(value, tuple) and not isinstance(value, PerAxis)


def observe(module: nn.Module, inputs: Sequence[Shape], run_as: str) -> ModuleCall:
    """Run a module on the CPU with real data in eval mode and return what three counters saw."""
    module = module.eval()
    data = tuple(torch.randn(tuple(shape)) for shape in inputs)
    counter = FlopCounterMode(display=False)
    with warnings.catch_warnings(), torch.no_grad(), counter:
        warnings.simplefilter("ignore")
        try:
            result = module(*data)
        except (RuntimeError, ValueError, ArithmeticError) as error:
            raise ShapeError(f"torch refuses {run_as}: {str(error).splitlines()[0]}") from None
    parts = [result] if isinstance(result, Tensor) else list(result)
    macs, blind = fvcore_count(module, data)
    return ModuleCall(
        shapes=tuple(tuple(part.shape) for part in parts),
        params=sum(parameter.numel() for parameter in module.parameters()),
        torch_macs=counter.get_total_flops() // 2,
        fvcore_macs=macs,
        fvcore_blind=blind,
        run_as=run_as,
    )


def fvcore_count(module: nn.Module, data: tuple[Tensor, ...]) -> tuple[int | None, tuple[str, ...]]:
    """Return fvcore's multiply-adds of contractions (None where it fails) and the operators it has no rule for."""
    logging.getLogger("fvcore").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from fvcore.nn import FlopCountAnalysis

        try:
            analysis = FlopCountAnalysis(module, data).unsupported_ops_warnings(False).uncalled_modules_warnings(False)
            analysis = analysis.tracer_warnings("none")
            counts = analysis.by_operator()
            return int(sum(counts[name] for name in FVCORE_CONTRACTIONS)), tuple(sorted(analysis.unsupported_ops()))
        except Exception as error:
            return None, (f"{type(error).__name__} while tracing",)


def compare(
    shapes: Sequence[Shape], params: int, macs: int, unread: Sequence[str], call: ModuleCall
) -> dict[str, Verdict]:
    """Return a verdict for each figure: shape, params, macs by torch, macs by fvcore."""
    ours = tuple(tuple(shape) for shape in shapes)
    return {
        "shape": Verdict(ours, call.shapes, "agrees" if ours == call.shapes[: len(ours)] else "DIFFERS"),
        "params": Verdict(params, call.params, "agrees" if params == call.params else "DIFFERS"),
        "macs_torch": Verdict(macs, call.torch_macs, _counted(macs, call.torch_macs, unread)),
        "macs_fvcore": Verdict(macs, call.fvcore_macs, _by_fvcore(macs, call)),
    }


def _counted(ours: int, theirs: int, unread: Sequence[str]) -> str:
    if ours == theirs:
        return "agrees" if ours else NO_CONTRACTION
    if theirs > ours and unread:
        return f"differs because we cannot read {', '.join(unread)}"
    return "DIFFERS"


def _by_fvcore(ours: int, call: ModuleCall) -> str:
    theirs = call.fvcore_macs
    if theirs is None:
        return f"cannot see: {call.fvcore_blind[0]}"
    if ours == theirs:
        return "agrees" if ours else NO_CONTRACTION
    blind = [name for name in call.fvcore_blind if "conv" in name or "mm" in name or "attention" in name]
    if theirs < ours and "aten::_convolution_mode" in blind:
        return "differs because fvcore counts 0 for padding='same' or 'valid' (aten::_convolution_mode)"
    if theirs < ours and blind:
        return f"cannot see {', '.join(blind)}"
    return "DIFFERS"
