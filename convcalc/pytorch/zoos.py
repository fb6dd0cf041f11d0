"""`entry`: packages of networks: how a name becomes a factory, and which input each network takes by default."""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any, NamedTuple

from convcalc.errors import SpecError, Spot, UnavailableError, nearest
from convcalc.pytorch.forward_errors import first_line
from convcalc.subject import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

FRAMES, TOKENS = 16, 128
"""How long a video and a text are, where a network does not say."""


class Entry(NamedTuple):
    """A network of a zoo: what builds it, and what it is given where nothing is said."""

    factory: Callable[..., Any]
    default_inputs: Callable[[Any], tuple[Tensor, ...]]


def entry(zoo: str, name: str) -> Entry:
    """Return a network of a package. Raises SpecError for a name it does not have, UnavailableError without it."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # no download is ever tried
    try:
        importlib.import_module(zoo)
    except ModuleNotFoundError as error:
        raise UnavailableError(f"{error.name} is not installed here: pip install {error.name}") from None
    except Exception as error:  # built for another torch
        raise UnavailableError(f"{zoo} cannot be imported here: {first_line(error)}") from None
    return {"torchvision": _torchvision, "timm": _timm, "transformers": _transformers, "pytorchcv": _pytorchcv}[zoo](
        name
    )


def sizes(*numbers: int, name: str = "", dtype: str = "") -> Tensor:
    """Return an input of a tensor's own sizes."""
    text = "x".join(map(str, numbers))
    return Tensor(numbers, text, Spot(text, 0, len(text)), name, dtype)


def _unknown(zoo: str, name: str, known: list[str]) -> SpecError:
    return SpecError(f"{zoo} has no network {name!r}{nearest(name, known, several=True)}")


def _torchvision(name: str) -> Entry:
    from torchvision import models

    known = models.list_models()
    if name not in known:
        raise _unknown("torchvision", name, known)
    return Entry(models.get_model_builder(name), lambda _: _torchvision_inputs(name))


def _torchvision_inputs(name: str) -> tuple[Tensor, ...]:
    """What the transforms of its weights make of an image: torchvision's own evaluation size."""
    from torchvision import models

    weights = next(iter(models.get_model_weights(name)))
    transforms = weights.transforms()
    if name.startswith("raft"):
        return sizes(1, 3, 520, 960), sizes(1, 3, 520, 960)
    side = getattr(transforms, "crop_size", None) or getattr(transforms, "resize_size", None)
    if not side:
        return ()
    height, width = (side[0], side[-1]) if isinstance(side, (list, tuple)) else (side, side)
    if type(transforms).__name__ == "VideoClassification":
        return (sizes(1, 3, FRAMES, height, width),)
    return (sizes(1, 3, height, width),)


def _timm(name: str) -> Entry:
    import timm

    if not timm.is_model(name):
        raise _unknown("timm", name, timm.list_models())

    def factory(**arguments: Any) -> nn.Module:
        model: nn.Module = timm.create_model(name, **{**arguments, "pretrained": False})
        return model

    def inputs(model: Any) -> tuple[Tensor, ...]:
        config = getattr(model, "pretrained_cfg", None) or getattr(model, "default_cfg", None) or {}
        return (sizes(1, *(config.get("input_size") or (3, 224, 224))),)

    return Entry(factory, inputs)


def _transformers(name: str) -> Entry:
    import transformers

    model_class = getattr(transformers, name, None)
    config_class = getattr(model_class, "config_class", None)
    if model_class is None or config_class is None:
        known = [key for key in dir(transformers) if key.endswith("Model") or "For" in key]
        raise _unknown("transformers", name, known)
    return Entry(lambda **arguments: model_class(config_class(**arguments)), _transformers_inputs)


def _transformers_inputs(model: Any) -> tuple[Tensor, ...]:
    config, name = model.config, getattr(model, "main_input_name", "input_ids")
    if name == "pixel_values":
        side = getattr(config, "image_size", None) or 224
        height, width = side if isinstance(side, (list, tuple)) else (side, side)
        return (sizes(1, getattr(config, "num_channels", 3), height, width, name=name),)
    if name == "input_ids":
        return (sizes(1, TOKENS, name=name, dtype="int64"),)
    return ()


def _pytorchcv(name: str) -> Entry:
    from pytorchcv import model_provider

    known = list(model_provider._models)
    if name not in known:
        raise _unknown("pytorchcv", name, known)

    def inputs(model: Any) -> tuple[Tensor, ...]:
        side = getattr(model, "in_size", None) or (224, 224)
        return (sizes(1, getattr(model, "in_channels", 3), *side),)

    return Entry(lambda **arguments: model_provider.get_model(name, **{**arguments, "pretrained": False}), inputs)
