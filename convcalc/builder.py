"""`Builder`: every step is checked as it is written. Recipes and readers of torch models write with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from convcalc import ops
from convcalc.arranger import Arranger, rank_of
from convcalc.equations import linear_equation
from convcalc.errors import ShapeError, UnsupportedError, nearest
from convcalc.functions import FUNCTIONS
from convcalc.padding import Padding, torch_pools, transposed_windows, windows
from convcalc.shapes import axis_in, divided, output_shape
from convcalc.sizes import Shape, Size, Sizes, is_array, per_axis
from convcalc.window import Window

if TYPE_CHECKING:
    from convcalc.functions import Scalar
    from convcalc.graph import Value


class Builder(Arranger):
    """Writes layers: with weights of their own, and without weights."""

    # -- layers with weights -----------------------------------------------------------------------------------

    def conv(
        self,
        x: Value,
        out_channels: Size,
        kernel_size: Sizes,
        *,
        stride: Sizes = 1,
        padding: Padding = 0,
        dilation: Sizes = 1,
        groups: Size = 1,
        bias: bool = False,
        padding_mode: str = "zeros",
    ) -> Value:
        """Convolve x (B, Cin, *S) with a weight (out_channels, Cin/groups, *kernel_size) of its own."""
        rank_of(x)
        walks = windows(x.spatial, kernel_size, stride, padding, dilation)
        with self.scope("conv"):
            weights = self.kernel(x, out_channels, kernel_size, groups=groups, bias=bias)
            if padding_mode != "zeros":
                x, walks = self._padded(x, walks, padding_mode)
            return self.convolve(x, *weights, walks=walks, groups=groups)

    def kernel(
        self, x: Value, out_channels: Size, kernel_size: Sizes, *, groups: Size = 1, bias: bool = False
    ) -> tuple[Value, ...]:
        """Write the weight (out_channels, Cin/groups, *kernel_size), and bias, of a convolution of x."""
        self.require(out_channels >= 1, "out_channels ({o}) must be at least 1", o=out_channels)
        reads = divided(x.channels, groups, self.require, "in_channels", "groups")
        divided(out_channels, groups, self.require, "out_channels", "groups")
        weight = self.parameter("weight", (out_channels, reads, *per_axis(kernel_size, rank_of(x), "kernel_size")))
        return (weight, self.parameter("bias", (out_channels,), "bias")) if bias else (weight,)

    def convolve(self, x: Value, weight: Value, *bias: Value, walks: tuple[Window, ...], groups: Size = 1) -> Value:
        """Convolve x with a weight that is any value: learned, generated, folded, shared."""
        return self.write(ops.Conv(walks, groups), x, weight, *bias)

    def _padded(self, x: Value, walks: tuple[Window, ...], mode: str) -> tuple[Value, tuple[Window, ...]]:
        sides = [(walk.before, walk.after) for walk in walks]
        windows = tuple(Window(kernel=walk.kernel, stride=walk.stride, dilation=walk.dilation) for walk in walks)
        return self.pad(x, sides, mode=mode), windows

    def conv_transpose(
        self,
        x: Value,
        out_channels: Size,
        kernel_size: Sizes,
        *,
        stride: Sizes = 1,
        padding: Padding = 0,
        output_padding: Sizes = 0,
        groups: Size = 1,
        bias: bool = False,
        dilation: Sizes = 1,
    ) -> Value:
        """Transposed convolution of x with a weight (Cin, out_channels/groups, *kernel_size) of its own."""
        self.require(out_channels >= 1, "out_channels ({o}) must be at least 1", o=out_channels)
        rank = rank_of(x)
        extra = per_axis(output_padding, rank, "output_padding")
        if isinstance(padding, str):
            for size in extra:
                self.require(size == 0, f"padding={padding!r} says the output's size itself: leave output_padding out")
            walks, extra = transposed_windows(x.spatial, kernel_size, stride, padding, dilation)
            self.note(f"torch has no transposed convolution with padding={padding!r}: it is cropped, or output_padding")
        else:
            walks = windows(x.spatial, kernel_size, stride, padding, dilation)
        with self.scope("conv"):
            divided(x.channels, groups, self.require, "in_channels", "groups")
            makes = divided(out_channels, groups, self.require, "out_channels", "groups")
            kernel = per_axis(kernel_size, rank, "kernel_size")
            weight = self.parameter("weight", (x.channels, makes, *kernel))
            biases = (self.parameter("bias", (out_channels,), "bias"),) if bias else ()
            return self.write(ops.ConvTranspose(walks, groups, extra), x, weight, *biases)

    def depthwise(
        self,
        x: Value,
        kernel_size: Sizes,
        *,
        multiplier: Size = 1,
        stride: Sizes = 1,
        padding: Padding = 0,
        dilation: Sizes = 1,
        bias: bool = False,
    ) -> Value:
        """Convolve each channel by itself with `multiplier` kernels: groups = Cin, Cout = multiplier * Cin."""
        self.require(multiplier >= 1, "multiplier ({m}) must be at least 1", m=multiplier)
        return self.conv(
            x,
            x.channels * multiplier,
            kernel_size,
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=x.channels,
            bias=bias,
        )

    def linear(self, x: Value, out_features: Size, *, bias: bool = True) -> Value:
        """Multiply the last axis of x (..., in) by a weight (out_features, in) of its own."""
        self.require(out_features >= 1, "out_features ({o}) must be at least 1", o=out_features)
        with self.scope("linear"):
            weight = self.parameter("weight", (out_features, x.shape[-1]))
            y = self.write(ops.Einsum(linear_equation(len(x.shape))), x, weight)
            if not bias:
                return y
            return self.elementwise("add_bias", y, self.parameter("bias", (out_features,), "bias"))

    def norm(
        self,
        function: str,
        x: Value,
        features: Shape,
        *,
        affine: bool = True,
        bias: bool = True,
        axes: tuple[int, ...] = (),
        running: bool = False,
        **settings: Scalar,
    ) -> Value:
        """Normalise x; `features` is the shape of the scale and shift, `axes` are those the statistics span."""
        with self.scope("norm"):
            statistics: tuple[Value, ...] = ()
            if running:
                statistics = (
                    self.constant("running_mean", features),
                    self.constant("running_var", features, 1.0),
                )
            learned: tuple[Value, ...] = ()
            if affine:
                learned = (self.parameter("weight", features, "norm"),)
                if bias:
                    learned += (self.parameter("bias", features, "norm"),)
            settings.update(running=running, affine=affine)
            return self.elementwise(function, x, *statistics, *learned, axes=axes, **settings)

    def batch_norm(self, x: Value, *, affine: bool = True, bias: bool = True, eps: float = 1e-5) -> Value:
        """Batch normalisation with running statistics, as in inference: a scale and a shift per channel."""
        return self.norm("batch_norm", x, (x.channels,), affine=affine, bias=bias, running=True, eps=eps)

    def contract(self, equation: str, left: Value, right: Value) -> Value:
        """Multiply two tensors and sum the letters that the result lacks."""
        return self.write(ops.Einsum(equation), left, right)

    def columns_by_weight(self, columns: Value, weight: Value, groups: Size) -> Value:
        """Multiply columns (B, C, k1, k2, H, W) by a weight (out, C/groups, k1, k2), as a convolution does."""
        reads, makes = weight.shape[1], divided(weight.shape[0], groups, self.require, "out_channels", "groups")
        parted = self.rearrange(columns, "b (g i) k1 k2 h w -> b g (i k1 k2) h w", g=groups, i=reads)
        rows = self.rearrange(weight, "(g o) i k1 k2 -> g o (i k1 k2)", g=groups, o=makes)
        return self.rearrange(self.contract("bgihw,goi->bgohw", parted, rows), "b g o h w -> b (g o) h w")

    # -- layers without weights --------------------------------------------------------------------------------

    def elementwise(self, function: str, *values: Value, axes: tuple[int, ...] = (), **settings: Scalar) -> Value:
        """Apply one of `FUNCTIONS` position by position; sizes must be equal but for a literal 1.

        Raises UnsupportedError for a function that is not in the table.
        """
        if function not in FUNCTIONS:
            raise UnsupportedError(f"there is no elementwise function {function!r}{nearest(function, FUNCTIONS)}")
        return self.write(ops.Elementwise(function=function, axes=axes, settings=tuple(settings.items())), *values)

    def relu(self, x: Value) -> Value:
        """max(x, 0)."""
        return self.elementwise("relu", x)

    def pool(
        self,
        function: str,
        x: Value,
        kernel_size: Sizes,
        *,
        stride: Sizes | None = None,
        padding: Padding = 0,
        dilation: Sizes = 1,
        ceil_mode: bool = False,
        count_padding: bool = True,
    ) -> Value:
        """Pool by windows, `max` or `avg`; the stride is the kernel where none is given.

        `tf_same` and uneven sides, which torch's pools do not have, are a pad with -inf of a maximum; of an average
        `tf_same` leaves its padding out of the divisor. Other sides are bound as torch binds them.
        """
        if padding == "same":
            raise ShapeError("torch's pools have no padding='same': give a number, or tf_same, which is TensorFlow's")
        walks = windows(x.spatial, kernel_size, kernel_size if stride is None else stride, padding, dilation)
        if isinstance(padding, str):
            count_padding = count_padding and padding == "valid"
        else:
            self._check_torch_pool(function, x, walks)
        if not all(is_array(walk.before) or torch_pools(walk) for walk in walks):
            filler = "padded with -inf" if function == "max" else "a sum over a count"
            self.note(f"torch has no {function} pool with this padding: it is {filler}")
        op = ops.Pool(function=cast("Any", function), windows=walks, ceil_mode=ceil_mode, count_padding=count_padding)
        return self.write(op, x)

    def _check_torch_pool(self, function: str, x: Value, walks: tuple[Window, ...]) -> None:
        """Raise ShapeError where torch takes no such padding on both sides, or no 3-D average on a map this small."""
        for size, walk in zip(x.spatial, walks, strict=True):
            if walk.symmetric:
                message = "padding ({p}) must be at most half of the kernel ({k})"
                self.require(walk.before * 2 <= walk.kernel, message, p=walk.before, k=walk.kernel)
                if function == "avg" and len(walks) == 3:
                    message = "torch averages in 3-D only where the kernel ({k}) fits the input without padding ({n})"
                    self.require(size >= walk.kernel, message, k=walk.kernel, n=size)

    def adaptive_pool(self, function: str, x: Value, output_size: Sizes) -> Value:
        """Pool to a given size over windows that tile the input; None keeps an axis as it is."""
        targets = per_axis(output_size, rank_of(x), "output_size")
        if targets == (None,):
            raise ShapeError("output_size must be a number where there is one axis: torch takes no None there")
        sizes = tuple(have if want is None else want for want, have in zip(targets, x.spatial, strict=True))
        return self.write(ops.Pool(function=cast("Any", function), output_size=sizes), x)

    def unfold(self, x: Value, walks: tuple[Window, ...]) -> Value:
        """Lay out what each window reads: (B, C, *S) -> (B, C, *kernel, *out)."""
        return self.write(ops.Unfold(walks), x)

    def sample(self, x: Value, offsets: Value, *mask: Value, walks: tuple[Window, ...], groups: Size = 1) -> Value:
        """Read what each window would, moved by its offsets: (B, C, *S) -> (B, C, *kernel, *out)."""
        columns = output_shape(ops.Unfold(walks), (x.shape,), self.require)
        return self.write(ops.Sample(shape=columns, windows=walks, groups=groups), x, offsets, *mask)

    def resize(
        self,
        x: Value,
        size: Shape,
        mode: str,
        scale: tuple[float, ...] | None = None,
        align_corners: bool = False,
    ) -> Value:
        """Interpolate the spatial axes to `size`."""
        return self.write(ops.Resample(size=size, mode=mode, scale=scale, align_corners=align_corners), x)

    def add(self, *values: Value) -> Value:
        """Add tensors of the same shape."""
        return self._merge("add", values)

    def multiply(self, *values: Value) -> Value:
        """Multiply tensors of the same shape, or a gate by a map."""
        return self._merge("multiply", values)

    def _merge(self, function: str, values: tuple[Value, ...]) -> Value:
        result = values[0]
        for value in values[1:]:
            result = self.elementwise(function, result, value)
        return result

    def reduce(self, function: str, x: Value, axes: tuple[int, ...], *, keep: bool = False) -> Value:
        """Reduce whole axes by sum, mean, max or min."""
        places = tuple(sorted(axis_in(axis, len(x.shape)) for axis in axes))
        if len(set(places)) < len(places):
            raise ShapeError(f"axis {axes} is named twice")
        return self.write(ops.Reduce(axes=places, function=function, keep=keep), x)

    def add_bias(self, x: Value, bias: Value) -> Value:
        """Add a bias (C) to every position of x (B, C, *S)."""
        column = self.rearrange(bias, f"c -> c{' 1' * len(x.spatial)}")
        return self.elementwise("add_bias", x, column)
