"""Layers of two tensors: a bilinear form, and how alike two tensors are."""

from convcalc.builder import Builder
from convcalc.errors import ShapeError
from convcalc.graph import Value
from convcalc.registry import kind
from convcalc.shapes import axis_in, show
from convcalc.sizes import Size, equal


@kind(
    source="torch.nn.Bilinear",
    channels="in1_features",
    torch="Bilinear",
    spatial=0,
    axis=-1,
    layout=("N", "F"),
    letters={"out_features": "F_out", "in2_features": "F_y"},
    unlike_channels=True,
)
def bilinear(b: Builder, x: Value, y: Value, *, in2_features: Size, out_features: Size, bias: bool = True) -> Value:
    """x' W_o y for each output o: out_features x in1 x in2 weights, x times W first."""
    if len(x.shape) != len(y.shape) or len(x.shape) < 2:
        raise ShapeError(f"bilinear takes two tensors of as many axes, not {show(x.shape)} and {show(y.shape)}")
    b.require(
        equal(y.shape[-1], in2_features), "in2_features is {n}, but the second input has {have}",
        n=in2_features, have=y.shape[-1],
    )  # fmt: skip
    b.require(out_features >= 1, "out_features ({o}) must be at least 1", o=out_features)
    rows = "abcdefgh"[: len(x.shape) - 1]
    with b.scope("bilinear"):
        weight = b.parameter("weight", (out_features, x.shape[-1], in2_features))
        forms = b.contract(f"{rows}i,oij->{rows}oj", x, weight)
        result = b.contract(f"{rows}oj,{rows}j->{rows}o", forms, y)
        return b.elementwise("add_bias", result, b.parameter("bias", (out_features,), "bias")) if bias else result


@kind(source="torch.nn.CosineSimilarity", channels="", torch="CosineSimilarity")
def cosine_similarity(b: Builder, x: Value, y: Value, *, dim: int = 1, eps: float = 1e-8) -> Value:
    """The cosine of the angle between two tensors along an axis; lengths below eps are not looked after."""
    axis = axis_in(dim, len(x.shape))

    def product(left: Value, right: Value) -> Value:
        return b.reduce("sum", b.multiply(left, right), (axis,))

    lengths = b.multiply(*(b.elementwise("sqrt", product(tensor, tensor)) for tensor in (x, y)))
    return b.elementwise("divide", product(x, y), lengths)
