"""`record`: one forward as other counters see it: every call of a module and of a torch function, with its shapes."""

from __future__ import annotations

import dis
import sys
from typing import TYPE_CHECKING, Any, Final

from torch import Tensor, nn

from convcalc.analyses.conventions.record import ForwardRecord, FunctionCall, ModuleCall, Operand
from convcalc.analyses.counts.training import needs_gradient
from convcalc.pytorch.calls import about
from convcalc.pytorch.constants import tensors_of
from convcalc.pytorch.reading import Reading
from convcalc.pytorch.tensor_values import mapped
from convcalc.pytorch.trace import run

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import FrameType

    from convcalc.pytorch.trace import ModelInput
    from convcalc.sizes import Shape

SETTINGS: Final = (
    "kernel_size", "stride", "padding", "dilation", "groups", "in_channels", "out_channels", "in_features",
    "out_features", "num_features", "affine", "elementwise_affine", "normalized_shape", "training", "p", "dim", "mode",
    "num_heads", "embed_dim", "batch_first", "bias", "weight", "in_proj_bias", "in_proj_weight", "norm_first",
)  # fmt: skip
"""Attributes of modules that some counter's rule asks for; tensors are only there or not."""


_BINARY: Final = dis.opmap["BINARY_OP"]


def record(model: nn.Module, *inputs: Shape | ModelInput) -> ForwardRecord:
    """Return the calls of a forward. Raises as `trace` does."""
    reading = _Recording(model)
    outputs = run(reading, model, inputs)
    graph = reading.b.graph(*outputs)
    batch = graph.inputs[0].shape[0] if graph.inputs and graph.inputs[0].shape else 1
    trained = frozenset(needs_gradient(graph))
    return ForwardRecord(tuple(reading.modules), tuple(reading.functions), frozenset(graph.needed()), batch, trained)


class _Recording(Reading):
    """Writes down every call besides its steps."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__(model)
        self.functions: list[FunctionCall] = []
        self.modules: list[ModuleCall] = []
        self.tensors.scopes.leaving = self._module

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Read one call and note it."""
        start = len(self.b.nodes)
        home = "operator" if _is_operator(sys._getframe(1)) else _home(func)
        result = super().__torch_function__(func, types, args, kwargs)
        call = about(func)
        if not (call.metadata or call.attribute):
            name = call.reading if not call.name.startswith("__") else call.name
            self.functions.append(
                FunctionCall(
                    name=name,
                    home=home,
                    path=self.b.path,
                    arguments=mapped(_operand, tuple(args)),
                    keywords=mapped(_operand, dict(kwargs or {})),
                    outputs=tuple(map(_operand, tensors_of(result))),
                    nodes=tuple(self.b.nodes[start:]),
                )
            )
        return result

    def _module(self, module: nn.Module, args: Any, output: Any) -> None:
        """Note a call of a module that ends."""
        scopes = self.tensors.scopes
        children = any(True for _ in module.children())
        self.modules.append(
            ModuleCall(
                path=self.b.path,
                bases=tuple(f"{base.__module__}.{base.__qualname__}" for base in type(module).__mro__),
                leaf=not children,
                inputs=tuple(_operand(part) if isinstance(part, Tensor) else None for part in args),
                outputs=tuple(map(_operand, tensors_of(output))),
                settings=_settings(module),
                parameters=tuple((name, parameter.numel()) for name, parameter in module.named_parameters()),
                names=len(scopes.more.get(id(module), (None,))),
            )
        )


def _settings(module: nn.Module) -> dict[str, Any]:
    settings = {}
    for name in SETTINGS:
        value = getattr(module, name, None)
        settings[name] = value is not None if isinstance(value, Tensor) else value
    if isinstance(module, nn.TransformerEncoderLayer):
        attention = module.self_attn
        settings["fast"] = (
            attention.batch_first and attention.num_heads % 2 == 0 and bool(module.activation_relu_or_gelu)
        )
    return settings


def _operand(tensor: Tensor) -> Operand:
    return Operand(tuple(tensor.shape))


def _is_operator(frame: FrameType) -> bool:
    """Whether a line of code asked for a call by a sign, `x + y`: torch hands both spellings over as one method."""
    return frame.f_code.co_code[frame.f_lasti] == _BINARY


def _home(func: Any) -> str:
    """Where a function lives: torch.nn.functional, torch, or a method or operator of Tensor."""
    if getattr(func, "__objclass__", None) is not None or "Tensor" in getattr(func, "__qualname__", ""):
        return "Tensor"
    module = getattr(func, "__module__", None) or ""
    return "F" if module in ("torch.nn.functional", "torch._C._nn") else "torch"
