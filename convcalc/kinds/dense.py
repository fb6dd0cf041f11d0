"""DenseNet: every layer reads what all layers before it made."""

from convcalc.builder import Builder
from convcalc.graph import Value
from convcalc.kinds.parts import Form, conv_norm, layers_in
from convcalc.registry import kind
from convcalc.sizes import Size


def _layer(b: Builder, x: Value, growth_rate: Size, bn_size: Size, bottleneck: bool, form: Form) -> Value:
    y = b.relu(b.batch_norm(x))
    if bottleneck:
        y = conv_norm(b, y, growth_rate * bn_size, 1, form=form)
    return b.conv(y, growth_rate, 3, padding=1)


@kind(source="arXiv:1608.06993 (torchvision)")
def dense_layer(
    b: Builder,
    x: Value,
    *,
    growth_rate: Size = 32,
    bn_size: Size = 4,
    bottleneck: bool = True,
    join: bool = False,
    form: Form = "train",
) -> Value:
    """Make growth_rate new channels: norm, ReLU, 1x1 to bn_size times as many, norm, ReLU, 3x3.

    It returns the new channels only, as torchvision's layer does; join=true returns input and new channels together.
    bottleneck=false leaves out the 1x1. Only the second norm can be folded: the first comes before its convolution.

    Used for: DenseNet.
    Gains: few new channels per layer, since all earlier ones stay readable.
    Costs: the input of each layer is a growing concatenation: memory traffic grows with the square of the depth.
    Split: none. Transform: 1x1, 3x3. Merge: concatenation with the input.
    """
    y = _layer(b, x, growth_rate, bn_size, bottleneck, form)
    return b.concat(x, y) if join else y


@kind(source="arXiv:1608.06993 (torchvision)")
def dense_block(
    b: Builder,
    x: Value,
    *,
    num_layers: int = 6,
    growth_rate: Size = 32,
    bn_size: Size = 4,
    bottleneck: bool = True,
    form: Form = "train",
) -> Value:
    """Chain dense layers, each reading the input and everything made before it: L(L+1)/2 connections.

    The input widths sum to T = L C + k L(L-1)/2; the output has C + L k channels.

    Used for: DenseNet-121 (6, 12, 24, 16 layers).
    Gains: short ways from every layer to the loss; fewer parameters than a ResNet of the same accuracy.
    Costs: L concatenations; activations grow with L^2 unless recomputed.
    Split: none. Transform: L dense layers. Merge: concatenation of all.
    Paths: L(L+1)/2 direct connections where a plain chain has L.
    Limit: a plain block (no 1x1) costs 9k T per position, a bottleneck one b k T + 9 b k^2 L.
    """
    for _ in layers_in("num_layers", num_layers):
        with b.scope("layer"):
            x = b.concat(x, _layer(b, x, growth_rate, bn_size, bottleneck, form))
    return x


@kind(source="arXiv:1608.06993 (torchvision)", spatial=2)
def dense_transition(b: Builder, x: Value, *, out_channels: Size | None = None, form: Form = "train") -> Value:
    """Norm, ReLU, 1x1 to half the channels, average pool 2x2: between two dense blocks.

    out_channels defaults to floor(C/2). The convolution runs before the pool, at full size; its norm comes before it
    and cannot be folded, so that form=folded changes nothing.

    Used for: compressing channels and halving the map between dense blocks.
    Gains: keeps the next block's concatenations small.
    Costs: the 1x1 at full resolution: four times the MACs of pooling first.
    Split: none. Transform: 1x1. Merge: average of 2x2.
    """
    outer: Size = x.channels // 2 if out_channels is None else out_channels
    y = b.conv(b.relu(b.batch_norm(x)), outer, 1)
    return b.pool("avg", y, 2)
