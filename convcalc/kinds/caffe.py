"""`CAFFE`: layers of Caffe as lines that convcalc reads. Source: caffe.proto; its pools round their size up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from convcalc.kinds.keras import Foreign, Settings, call, needs, unless


def _per_axis(settings: Settings, both: str, each: str, default: int) -> Any:
    """One number for both axes, or one for each where height and width are told apart."""
    usual = settings.get(both, default)
    height, width = (settings.get(f"{each}_{axis}", usual) for axis in "hw")
    return height if height == width else (height, width)


def _caffe_conv(torch_name: str) -> Callable[[Settings, int], str]:
    def write(settings: Settings, _rank: int) -> str:
        needs(settings, "num_output")
        return call(
            torch_name, out_channels=settings["num_output"],
            kernel_size=_per_axis(settings, "kernel_size", "kernel", 1),
            stride=unless(_per_axis(settings, "stride", "stride", 1), 1),
            padding=unless(_per_axis(settings, "pad", "pad", 0), 0),
            dilation=unless(settings.get("dilation", 1), 1), groups=unless(settings.get("group", 1), 1),
            bias=unless(settings.get("bias_term", True), True),
        )  # fmt: skip

    return write


def _caffe_pool(settings: Settings, _rank: int) -> str:
    """Caffe rounds the number of windows up."""
    average = str(settings.get("pool", 0)).upper().endswith(("AVE", "1"))
    name = "AvgPool2d" if average else "MaxPool2d"
    if settings.get("global_pooling"):
        return f"Adaptive{name}(1)"
    return call(
        name, kernel_size=_per_axis(settings, "kernel_size", "kernel", 2),
        stride=_per_axis(settings, "stride", "stride", 1), padding=unless(_per_axis(settings, "pad", "pad", 0), 0),
        ceil_mode=True,
    )  # fmt: skip


def _caffe_linear(settings: Settings, _rank: int) -> str:
    needs(settings, "num_output")
    bias = unless(settings.get("bias_term", True), True)
    return f"Flatten() {call('Linear', out_features=settings['num_output'], bias=bias)}"


def _caffe_lrn(settings: Settings, _rank: int) -> str:
    return call(
        "LocalResponseNorm", size=settings.get("local_size", 5), alpha=settings.get("alpha", 1.0),
        beta=unless(settings.get("beta", 0.75), 0.75), k=unless(settings.get("k", 1.0), 1.0),
    )  # fmt: skip


CAFFE_WORDS: Final = {
    "num_output",
    "pad",
    "bias_term",
    "group",
    "local_size",
    "kernel_h",
    "kernel_w",
    "pad_h",
    "stride_h",
    "pool",
    "global_pooling",
}
CAFFE: Final[dict[str, Foreign]] = {
    "InnerProduct": Foreign("Caffe", (), _caffe_linear, {"num_output": 10}),
    "Pooling": Foreign("Caffe", (), _caffe_pool, {"kernel_size": 2, "stride": 2}),
    "LRN": Foreign("Caffe", (), _caffe_lrn, {}),
    "Convolution": Foreign("Caffe", (), _caffe_conv("Conv2d"), {"num_output": 64, "kernel_size": 3}),
    "Deconvolution": Foreign("Caffe", (), _caffe_conv("ConvTranspose2d"), {"num_output": 64, "kernel_size": 3}),
}
