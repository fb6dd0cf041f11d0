"""Layers of Keras, TensorFlow and Caffe: the line after `write` runs, and gives the size that layer has there."""

from __future__ import annotations

import re

import pytest

from convcalc.analyses.counts.params import params
from convcalc.errors import SpecError
from convcalc.spec.assemble import assemble
from convcalc.spec.source import blocks
from convcalc.subject import Subject

SIZES = {1: (13,), 2: (13, 10), 3: (7, 6, 9)}


def translated(line: str, channels: int, sizes: tuple[int, ...]) -> tuple[str, Subject]:
    with pytest.raises(SpecError) as caught:
        blocks([line])
    text = str(caught.value).partition(": write ")[2]
    assert text, str(caught.value)
    return text, assemble(blocks([text], ["x".join(map(str, (1, channels, *sizes)))])[0])


def keras_size(size: int, kernel: int, stride: int, padding: str, dilation: int = 1) -> int:
    """keras.src.layers.convolutional: compute_conv_output_length."""
    span = dilation * (kernel - 1) + 1
    if padding in ("same", "causal"):
        return -(-size // stride)
    return (size - span) // stride + 1


def keras_transposed_size(
    size: int, kernel: int, stride: int, padding: str, extra: int | None, dilation: int = 1
) -> int:
    """keras.src.backend.common.backend_utils: the length of a transposed convolution."""
    span = dilation * (kernel - 1) + 1
    if extra is None:
        return size * stride + (max(span - stride, 0) if padding == "valid" else 0)
    return (size - 1) * stride + span - (2 * (span // 2) if padding == "same" else 0) + extra


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("kernel", "stride", "dilation"), [(3, 1, 1), (3, 2, 1), (2, 2, 1), (4, 3, 1), (3, 1, 2)])
def test_windows_of_keras_have_kerass_size(rank: int, padding: str, kernel: int, stride: int, dilation: int) -> None:
    sizes = SIZES[rank]
    walk = f"strides={stride}, padding='{padding}'"
    wanted = tuple(keras_size(size, kernel, stride, padding, dilation) for size in sizes)
    _, conv = translated(f"tf.keras.layers.Conv{rank}D(8, {kernel}, {walk}, dilation_rate={dilation})", 4, sizes)
    assert conv.graph.outputs[0].shape == (1, 8, *wanted)
    assert params(conv.graph).total == 8 * 4 * kernel**rank + 8
    plain = tuple(keras_size(size, kernel, stride, padding) for size in sizes)
    for name in ("MaxPooling", "AveragePooling"):
        _, pool = translated(f"layers.{name}{rank}D({kernel}, {walk})", 4, sizes)
        assert pool.graph.outputs[0].shape == (1, 4, *plain)
    for extra in (None, 0):
        shown = "" if extra is None else f", output_padding={extra}"
        line = f"Conv{rank}DTranspose(6, {kernel}, {walk}, dilation_rate={dilation}{shown})"
        _, transposed = translated(line, 4, sizes)
        back = tuple(keras_transposed_size(size, kernel, stride, padding, extra, dilation) for size in sizes)
        assert transposed.graph.outputs[0].shape == (1, 6, *back)


LINES = {
    "Conv1D(8, 3, padding='causal', dilation_rate=2)": ((4, 13), (1, 8, 13), 104),
    "Conv2D(8, (3, 5), activation='relu', use_bias=False, groups=2)": ((4, 13, 10), (1, 8, 11, 6), 8 * 2 * 15),
    "keras.layers.Conv2D(filters=8, kernel_size=3, activation=tf.nn.swish)": ((4, 5, 5), (1, 8, 3, 3), 296),
    "x = Conv2D(8, 3, padding='same')(x)": ((4, 5, 5), (1, 8, 5, 5), 296),
    "DepthwiseConv2D(3, padding='same', depth_multiplier=2)": ((4, 5, 6), (1, 8, 5, 6), 8 * 9 + 8),
    "SeparableConv2D(16, 3, strides=2, padding='same')": ((4, 5, 6), (1, 16, 3, 3), 4 * 9 + 64 + 16),
    "GlobalAveragePooling2D()": ((4, 5, 6), (1, 4), 0),
    "GlobalMaxPooling1D(keepdims=True)": ((4, 5), (1, 4, 1), 0),
    "UpSampling2D((2, 3), interpolation='bilinear')": ((4, 5, 6), (1, 4, 10, 18), 0),
    "UpSampling1D(3)": ((4, 5), (1, 4, 15), 0),
    "UpSampling3D(2)": ((4, 2, 3, 4), (1, 4, 4, 6, 8), 0),
    "ZeroPadding2D(((1, 2), (3, 4)))": ((4, 5, 6), (1, 4, 8, 13), 0),
    "ZeroPadding1D((1, 2))": ((4, 5), (1, 4, 8), 0),
    "Cropping2D(1)": ((4, 5, 6), (1, 4, 3, 4), 0),
    "SpatialDropout2D(0.3)": ((4, 5, 6), (1, 4, 5, 6), 0),
    "Dense(7, activation='softmax')": ((9,), (1, 7), 70),
    "BatchNormalization(epsilon=0.001)": ((4, 5, 6), (1, 4, 5, 6), 8),
    "tf.layers.conv2d(x, 8, 3, strides=2, padding='same')": ((4, 5, 6), (1, 8, 3, 3), 296),
    "tf.layers.conv2d_transpose(x, 8, 3, strides=2, padding='same')": ((4, 5, 6), (1, 8, 10, 12), 296),
    "tf.layers.dense(x, units=7)": ((9,), (1, 7), 70),
    "Convolution2D(8, 3, 3)": ((4, 5, 6), (1, 8, 3, 4), 296),  # Keras 1: rows and columns
    "L.Convolution(bottom, num_output=8, kernel_size=3, pad=1, stride=2, group=2)": ((4, 5, 6), (1, 8, 3, 3), 152),
    "Convolution(num_output=8, kernel_h=3, kernel_w=1, pad_h=1, pad_w=0)": ((4, 8, 8), (1, 8, 8, 8), 104),
    "L.Deconvolution(num_output=8, kernel_size=4, stride=2, pad=1, bias_term=False)": ((4, 5, 6), (1, 8, 10, 12), 512),
    "L.Pooling(kernel_size=3, stride=2)": ((4, 6, 7), (1, 4, 3, 3), 0),  # Caffe rounds up: (6 - 3) / 2 + 1
    "L.Pooling(kernel_h=3, kernel_w=2, stride=2)": ((4, 6, 7), (1, 4, 3, 4), 0),
    "L.InnerProduct(num_output=10)": ((4, 2, 2), (1, 10), 170),
    "L.LRN(local_size=5, alpha=0.0001, beta=0.75)": ((4, 5, 6), (1, 4, 5, 6), 0),
}  # fmt: skip


@pytest.mark.parametrize(("line", "wanted"), LINES.items())
def test_every_translation_runs_and_has_that_size(
    line: str, wanted: tuple[tuple[int, ...], tuple[int, ...], int]
) -> None:
    """Sizes and parameters by the definitions of Keras's and Caffe's documentation."""
    (channels, *sizes), output, total = wanted
    _, subject = translated(line, channels, tuple(sizes))
    assert subject.graph.outputs[0].shape == output
    assert params(subject.graph).total == total


KERAS = """Conv1D Conv2D Conv3D Conv2DTranspose MaxPooling2D AveragePooling1D DepthwiseConv2D SeparableConv2D
UpSampling2D ZeroPadding3D Dense BatchNormalization GlobalAveragePooling2D tf.keras.layers.Conv2D"""


@pytest.mark.parametrize("name", KERAS.split())
def test_a_bare_name_is_answered_with_a_line_that_runs(name: str) -> None:
    rank = int((re.findall(r"(\d)D", name) or ["2"])[0])
    text, _ = translated(name, 4, SIZES[rank] if name != "Dense" else ())
    assert not text.startswith("tf")


def test_settings_in_words_are_translated_too() -> None:
    with pytest.raises(SpecError) as caught:
        blocks(["Conv2D", "filters=8", "kernel_size=3x5", "padding=same"])
    line = "Conv2d(out_channels=8, kernel_size=(3, 5), padding='tf_same')"
    assert str(caught.value) == f"Conv2D is Keras's name: write {line}"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("keras.layers.MultiHeadAttention(8, 2)", "MultiHeadAttention is Keras's or TensorFlow's here"),
        ("tf.keras.layers.PReLU()", "PReLU is Keras's or TensorFlow's here"),
        ("nn.Conv2D(in_channels=3, out_channels=4, kernel_size=3)", "Conv2D with torch's arguments is Conv2d"),
        ("Conv2D(8, 3, padding='full')", "Keras's padding is valid, same or causal, not 'full'"),
        ("Conv2D(8, 3, activation='exponential')", "activation='exponential' has no layer here"),
        ("Conv2D(8)", "this layer lacks its kernel_size"),
        ("BatchNormalization(scale=False)", "Keras's scale=False with a shift has no counterpart in torch"),
    ],
)
def test_what_has_no_counterpart_is_said(line: str, message: str) -> None:
    with pytest.raises(SpecError, match=re.escape(message)):
        blocks([line])
