"""`build`: a model from its class or factory: no weights are drawn, none are loaded, none take memory."""

from __future__ import annotations

import inspect
import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from convcalc.errors import SpecError, UnsupportedError, nearest
from convcalc.pytorch.forward_errors import in_words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LOADS: Final = ("weights", "pretrained")
"""How arguments begin that make a factory load weights."""


class Built(NamedTuple):
    """A model, where its parameters are, and the arguments that were turned off."""

    model: nn.Module
    on_meta: bool
    unloaded: tuple[str, ...] = ()


class Uninitialised(TorchFunctionMode):
    """Leaves the numbers of new parameters as they are: what `nn.init` and layers write into them is passed over."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run one call, unless it writes into a parameter in place."""
        name = getattr(func, "__name__", "")
        writes = name.endswith("_") and not name.startswith("__") and name != "requires_grad_"
        if writes and args and isinstance(args[0], nn.Parameter):
            return args[0]
        return func(*args, **(kwargs or {}))


def build(factory: Any, arguments: dict[str, Any], name: str, *, on_cpu: bool = False) -> Built:
    """Return what a class or factory makes, on the meta device where that works, else on the CPU.

    An argument that would load weights (`weights*`, `pretrained*`) is None or False. Raises SpecError for arguments
    that it does not take, UnsupportedError where it fails or makes no module.
    """
    if isinstance(factory, nn.Module):
        if arguments:
            raise SpecError(f"{name} is a model already: it takes no arguments")
        return Built(factory, on_meta=False)
    if not callable(factory):
        raise SpecError(f"{name} is not a model, class or function, but a {type(factory).__name__}")
    given = _check(factory, arguments, name)
    turned_off = tuple(f"{key}={value}" for key, value in given.items() if key not in arguments)
    with in_words(f"building {name}"), redirect_stdout(sys.stderr):  # standard output holds the answer alone
        if not on_cpu:
            try:
                with torch.device("meta"), Uninitialised():
                    return Built(_module(factory(**given), name), on_meta=True, unloaded=turned_off)
            except UnsupportedError:
                raise
            except Exception:
                pass  # some need values while they are built
        with Uninitialised():
            return Built(_module(factory(**given), name), on_meta=False, unloaded=turned_off)


def _module(result: Any, name: str) -> nn.Module:
    if not isinstance(result, nn.Module):
        raise UnsupportedError(f"{name} returns a {type(result).__name__}, not a torch.nn.Module")
    return result


def _check(factory: Callable[..., Any], arguments: dict[str, Any], name: str) -> dict[str, Any]:
    """The arguments, with those that load weights turned off. Raises SpecError for one that does not fit."""
    try:
        takes = inspect.signature(factory).parameters
    except (TypeError, ValueError):
        return arguments
    given = dict(arguments)
    for key, parameter in takes.items():
        if key.startswith(LOADS) and key not in given and parameter.default not in (None, False, parameter.empty):
            given[key] = False if isinstance(parameter.default, bool) else None
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in takes.values()):
        return given
    for key in arguments:
        if key not in takes:
            listed = ", ".join(takes) or "none"
            raise SpecError(f"{name} takes no argument {key!r}{nearest(key, takes)} (it takes {listed})")
    for key, parameter in takes.items():
        if parameter.kind is not parameter.VAR_POSITIONAL and parameter.default is parameter.empty and key not in given:
            raise SpecError(f"{name} needs {key}: give it as {key}=...")
    return given
