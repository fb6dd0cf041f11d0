"""`compare`: our numbers beside torch's own and fvcore's: equal, different for a stated reason, or not seen by them."""

from __future__ import annotations

import inspect
import logging
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from convcalc.analyses.counts.macs import at_least, macs
from convcalc.errors import ShapeError
from convcalc.pytorch.counters import Prediction, fvcore_counts, torch_counts
from convcalc.sizes import PerAxis, Shape

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from convcalc.graph import Node
    from convcalc.registry import Kind

FVCORE_CONTRACTIONS = frozenset({"conv", "linear", "matmul", "addmm", "bmm", "baddbmm", "einsum"})
"""fvcore's operators that are multiply-adds; its totals also hold norms, pools and interpolation."""
DIFFERS_BECAUSE = "differs because "
NO_CONTRACTION = "no multiply-adds"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleCall:
    """What running a module showed: output shapes, parameters, MACs by torch and by fvcore, what fvcore lacks.

    `worded` are the outputs of convolutions that ran as torch's own with a padding in words, `attended` those of
    products that ran inside its attention, `dropped` those of steps that no result needs.
    """

    shapes: tuple[Shape, ...]
    params: int
    torch_macs: int
    fvcore_macs: int | None
    fvcore_blind: tuple[str, ...]
    run_as: str
    worded: frozenset[int] = frozenset()
    attended: frozenset[int] = frozenset()
    dropped: frozenset[int] = frozenset()


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

    @property
    def reason(self) -> str:
        """Why it differs, where that is known."""
        return self.text.removeprefix(DIFFERS_BECAUSE) if self.text.startswith(DIFFERS_BECAUSE) else ""


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
        or settings.get("padding") in ("tf_same", *(() if kind.torch == "Conv" else ("valid",)))
        or (kind.layout and "F" not in kind.layout)  # whole numbers go in
        or not _called_alone(getattr(nn, name))
        or sided
        or _pair(arguments.get("padding"))
    ):
        return None
    has_bias = "bias" in inspect.signature(getattr(nn, name)).parameters  # torch's norms since 2.13
    if not has_bias and settings.pop("bias", True) is not True:
        return None
    modules = []
    channels = shape[kind.axis]
    for _ in range(repeat):
        stated = {kind.channels: channels} if kind.channels else {}
        modules.append(getattr(nn, name)(**stated, **settings))
        channels = settings.get("out_channels", settings.get("out_features", channels))
    return nn.Sequential(*modules) if repeat > 1 else modules[0]


def _called_alone(module: type[nn.Module]) -> bool:
    """Whether forward() takes one tensor and needs no more."""
    needed = [p for p in inspect.signature(module.forward).parameters.values() if p.default is p.empty]
    return sum(parameter.kind is parameter.POSITIONAL_OR_KEYWORD for parameter in needed) <= 2


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, PerAxis) else value


def _pair(value: Any) -> bool:
    return isinstance(value, tuple) and not isinstance(value, PerAxis)


@contextmanager
def unfused() -> Iterator[None]:
    """Run attention step by step: no counter sees inside of torch's fused path."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def observe(
    module: nn.Module,
    inputs: Sequence[Shape],
    run_as: str,
    worded: frozenset[int] = frozenset(),
    attended: frozenset[int] = frozenset(),
) -> ModuleCall:
    """Run a module on the CPU with real data in eval mode and return what three counters saw."""
    module = module.eval()
    data = tuple(torch.randn(tuple(shape)) for shape in inputs)
    counter = FlopCounterMode(display=False)
    with warnings.catch_warnings(), torch.no_grad(), unfused(), counter:
        warnings.simplefilter("ignore")
        try:
            result = module(*data)
        except (RuntimeError, ValueError, ArithmeticError) as error:
            raise ShapeError(f"torch refuses {run_as}: {str(error).splitlines()[0]}") from None
    parts = [part for part in ([result] if isinstance(result, Tensor) else result) if isinstance(part, Tensor)]
    with unfused():
        macs, blind = fvcore_count(module, data)
    return ModuleCall(
        shapes=tuple(tuple(part.shape) for part in parts),
        params=sum(parameter.numel() for parameter in module.parameters()),
        torch_macs=counter.get_total_flops() // 2,
        fvcore_macs=macs,
        fvcore_blind=blind,
        run_as=run_as,
        worded=worded,
        attended=attended,
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


def compare(shapes: Sequence[Shape], params: int, nodes: Sequence[Node], call: ModuleCall) -> dict[str, Verdict]:
    """Return a verdict for each figure: shape, params, macs by torch, macs by fvcore. `nodes` are what ran."""
    ours, work, unread = tuple(tuple(shape) for shape in shapes), macs(nodes), at_least(nodes)
    torch_side, fvcore_side = torch_counts(nodes), fvcore_counts(nodes, call.worded, call.attended, call.dropped)
    if call.fvcore_macs is None:
        by_fvcore = f"cannot see: {call.fvcore_blind[0]}"
    else:
        by_fvcore = _verdict(work, call.fvcore_macs, fvcore_side, unread)
    return {
        "shape": Verdict(ours, call.shapes, "agrees" if ours == call.shapes[: len(ours)] else "DIFFERS"),
        "params": Verdict(params, call.params, "agrees" if params == call.params else "DIFFERS"),
        "macs_torch": Verdict(work, call.torch_macs, _verdict(work, call.torch_macs, torch_side, unread)),
        "macs_fvcore": Verdict(work, call.fvcore_macs, by_fvcore),
    }


def _verdict(ours: int, theirs: int, predicted: Prediction, unread: Sequence[str]) -> str:
    """Agrees, or differs for reasons whose arithmetic gives the very number that came."""
    if ours == theirs:
        return "agrees" if ours else NO_CONTRACTION
    if predicted.reasons and predicted.macs == theirs:
        return DIFFERS_BECAUSE + " and ".join(predicted.reasons)
    if theirs > ours and unread:
        return f"{DIFFERS_BECAUSE}we cannot read {', '.join(unread)}"
    return "DIFFERS"
