"""The formulas the papers print, typed from them (catalogue), against those derived from the recipes."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
import sympy
from sympy.parsing.sympy_parser import convert_xor, implicit_multiplication, parse_expr, standard_transformations

from convcalc.analyses.separability import cost
from convcalc.analyses.symbolic.formula import formulas
from convcalc.analyses.symbolic.layer_fit import Formula
from convcalc.kinds import FAMILIES, all_kinds
from convcalc.kinds.substitutes import OCTAVE, SUBSTITUTES

N = sympy.Symbol


def named(expression: Any) -> Any:
    """The same expression over plain symbols, so that it compares with a typed one."""
    expression = sympy.sympify(expression)
    return expression.subs({one: N(one.name) for one in expression.free_symbols}, simultaneous=True)


def typed(text: str) -> Any:
    """A formula as a paper prints it, with ^ for powers."""
    names = "B C_in C_out C_mid H W H_out W_out H_1 W_1 N E F F_out L K P G C_g"
    names += " V E T D o_1 o_3 o_5 o_p r_3 r_5 k s p d g m n r q t b f"
    space = {name: N(name) for name in names.split()}
    return sympy.sympify(
        text.replace("^", "**"), locals={**space, "ceil": sympy.ceiling, "floor": sympy.floor, "Max": sympy.Max}
    )


def derived(name: str, case: int = 0, **chosen: Any) -> Formula:
    kind = all_kinds()[name]
    rank = kind.spatial or 2
    return formulas(kind, rank, chosen)[case]


PAPERS: list[tuple[str, dict[str, Any], int, str, str]] = [
    # kind, structure, case, weights, MACs
    ("conv", {}, 0, "C_out*C_in/g*k^2", "B*H_out*W_out*C_out*C_in/g*k^2"),
    ("conv_transpose", {}, 0, "C_in*C_out/g*k^2", "B*H*W*C_in*C_out/g*k^2"),
    ("pointwise", {"groups": 1, "stride": 1, "padding": 0}, 0, "C_in*C_out", "B*H*W*C_in*C_out"),
    ("depthwise", {}, 0, "m*C_in*k^2", "B*H_out*W_out*m*C_in*k^2"),
    ("depthwise_separable", {}, 0, "m*C_in*k^2 + m*C_in*C_out", "B*H_out*W_out*m*C_in*(k^2 + C_out)"),
    ("spatially_separable", {"padding": "same", "stride": 1}, 0, "k*C_in*C_mid + k*C_mid*C_out",
     "B*H*W*k*C_mid*(C_in + C_out)"),
    ("flattened", {"num_layers": 1, "padding": "same"}, 0, "C_out*(C_in + 2*k)", "B*H*W*C_out*(C_in + 2*k)"),
    ("stacked", {}, 0, "k^2*C_out*(C_in + (L-1)*C_out)", "B*H*W*k^2*C_out*(C_in + (L-1)*C_out)"),
    ("spatial_cross_channel", {"arrangement": "extreme", "out_channels": None}, 0, "C_in*C_mid + k^2*C_mid",
     "B*H*W*C_mid*(C_in + k^2)"),
    ("bottleneck", {"stride": 1}, 0, "C_in*C_mid + k^2*C_mid^2 + C_mid*C_out",
     "B*H*W*(C_in*C_mid + k^2*C_mid^2 + C_mid*C_out)"),
    ("pointwise_grouped", {"stride": 1, "padding": 0}, 0, "C_in*C_out/g", "B*H*W*C_in*C_out/g"),
    ("shuffled_grouped", {"padding": "same"}, 0, "C_in*C_mid*k^2/g + C_mid*C_out*k^2/g",
     "B*H*W*(C_in*C_mid*k^2/g + C_mid*C_out*k^2/g)"),
    ("shufflenet_unit_a", {"kernel_size": 3}, 0, "2*C_in*C_mid + 9*C_mid", "B*H*W*(2*C_in*C_mid + 9*C_mid)"),
    ("shufflenet_unit_b", {"kernel_size": 3}, 0, "2*C_in*C_mid/g + 9*C_mid", "B*H*W*(2*C_in*C_mid/g + 9*C_mid)"),
    ("shufflenet_unit_c", {"kernel_size": 3, "stride": 2}, 0, "C_in*C_mid/g + 9*C_mid + C_mid*(C_out - C_in)/g",
     "B*(H*W*C_in*C_mid/g + H_out*W_out*(9*C_mid + C_mid*(C_out - C_in)/g))"),
    ("deformable", {}, 0, "C_out*C_in/g*k^2 + 2*G*k^2*C_in*k^2",
     "B*H_out*W_out*(C_out*C_in/g*k^2 + 2*G*k^2*C_in*k^2)"),
    ("deformable_v2", {}, 0, "C_out*C_in/g*k^2 + 3*G*k^2*C_in*k^2",
     "B*H_out*W_out*(C_out*C_in/g*k^2 + 3*G*k^2*C_in*k^2)"),
    ("conv_offset", {"kernel_size": 3}, 0, "18*C_in^2", "B*H*W*18*C_in^2"),
    ("inception_v1_naive", {}, 0, "C_in*(o_1 + 9*o_3 + 25*o_5)", "B*H*W*C_in*(o_1 + 9*o_3 + 25*o_5)"),
    ("inception_v1", {}, 0, "C_in*(o_1 + r_3 + r_5 + o_p) + 9*r_3*o_3 + 25*r_5*o_5",
     "B*H*W*(C_in*(o_1 + r_3 + r_5 + o_p) + 9*r_3*o_3 + 25*r_5*o_5)"),
    ("inception_v2", {}, 0, "C_in*(o_1 + r_3 + r_5 + o_p) + 9*(r_3*o_3 + r_5*o_5 + o_5^2)",
     "B*H*W*(C_in*(o_1 + r_3 + r_5 + o_p) + 9*(r_3*o_3 + r_5*o_5 + o_5^2))"),
    ("inception_v3_a", {}, 0, "C_in*(176 + o_p) + 215040", "B*H*W*(C_in*(176 + o_p) + 215040)"),
    ("inception_v3_b", {}, 0, "3520*C_in + 138240", "B*(H*W*(64*C_in + 55296) + H_out*W_out*(3456*C_in + 82944))"),
    ("inception_v3_c", {}, 0, "C_in*(384 + 2*C_mid) + 28*C_mid^2 + 2688*C_mid",
     "B*H*W*(C_in*(384 + 2*C_mid) + 28*C_mid^2 + 2688*C_mid)"),
    ("inception_v3_d", {}, 0, "384*C_in + 1400832", "B*(H*W*(384*C_in + 516096) + H_out*W_out*884736)"),
    ("inception_v3_e", {}, 0, "1344*C_in + 3317760", "B*H*W*(1344*C_in + 3317760)"),
    ("inception_v4_a", {}, 0, "320*C_in + 193536", "B*H*W*(320*C_in + 193536)"),
    ("inception_v4_b", {}, 0, "896*C_in + 2014208", "B*H*W*(896*C_in + 2014208)"),
    ("inception_v4_c", {}, 0, "1280*C_in + 2580480", "B*H*W*(1280*C_in + 2580480)"),
    ("inception_v4_reduction_b", {}, 0, "448*C_in + 2285568", "B*(H*W*(448*C_in + 1032192) + H_out*W_out*1253376)"),
    ("inception_v4_stem_3a", {}, 0, "864*C_in", "B*H_out*W_out*864*C_in"),
    ("inception_v4_stem_4a", {}, 0, "128*C_in + 167936", "B*(H*W*(128*C_in + 57344) + H_out*W_out*110592)"),
    ("inception_resnet_block35", {}, 0, "224*C_in + 50688 + 0*C_in", "B*H*W*(224*C_in + 50688)"),
    ("resnet_basic", {"shortcut": "projection"}, 0, "9*C_in*C_out + 9*C_out^2 + C_in*C_out",
     "B*H_out*W_out*(9*C_in*C_out + 9*C_out^2 + C_in*C_out)"),
    ("resnet_bottleneck", {"base_width": 64, "expansion": 4, "groups": 1, "dilation": 1, "stride": 1,
                           "shortcut": "identity"}, 0, "2*C_in*(C_in/4) + 9*(C_in/4)^2",
     "B*H*W*(2*C_in*(C_in/4) + 9*(C_in/4)^2)"),
    ("inverted_residual", {"stride": 1}, -1, "t*C_in*(C_in + k^2 + C_out)", "B*H*W*t*C_in*(C_in + k^2 + C_out)"),
    ("dense_layer", {}, 0, "b*k*C_in + 9*b*k^2", "B*H*W*(b*k*C_in + 9*b*k^2)"),
    ("dense_block", {}, 0, "(L*C_in + k*L*(L-1)/2)*b*k + 9*L*b*k^2",
     "B*H*W*((L*C_in + k*L*(L-1)/2)*b*k + 9*L*b*k^2)"),
    ("dense_block", {"bottleneck": False}, 0, "(L*C_in + k*L*(L-1)/2)*9*k", "B*H*W*9*k*(L*C_in + k*L*(L-1)/2)"),
    ("dense_transition", {}, 0, "C_in*C_out", "B*H*W*C_in*C_out"),
    ("se", {}, 0, "2*C_in*floor(C_in/r)", "B*2*C_in*floor(C_in/r)"),
    ("gcn", {"loops": 0}, 0, "F*C_out", "N*F*C_out + (E + N)*C_out"),
    ("gcn", {"loops": 0, "order": "ax_first"}, 0, "F*C_out", "N*F*C_out + (E + N)*F"),
    ("cheb", {}, 0, "K*F*C_out", "K*N*F*C_out + (K-1)*(E + N)*F"),
    ("acb", {"padding": 1, "kernel_size": 3, "stride": 1}, 0, "C_in/g*C_out*(9 + 6)", "B*H*W*C_in/g*C_out*(9 + 6)"),
    ("dbb", {"mid_channels": None}, -1, "C_in/g*C_out*k^2 + 2*C_in/g*C_out + C_in*C_in/g + C_in/g*C_out*k^2",
     "B*(H_out*W_out*(2*C_in/g*C_out*k^2 + C_in/g*C_out) + H*W*(C_in/g*C_out + C_in*C_in/g))"),
    ("do_conv", {"multiplier": None}, -1, "C_in/g*C_out*k^2 + C_in*k^2*k^2",
     "B*H_out*W_out*C_in/g*C_out*k^2 + C_in*C_out/g*k^2*k^2"),
    ("mixconv", {"kernel_size": (3,), "out_channels": None, "stride": 1}, 0, "9*C_in", "B*H*W*9*C_in"),
    ("hetconv", {"stride": 1}, 1, "C_out*(k^2*C_in/P + C_in - C_in/P)", "B*H*W*C_out*(k^2*C_in/P + C_in - C_in/P)"),
    ("hetconv", {"stride": 1, "variant": "dense_1x1"}, 0, "C_in*C_out*(k^2/P + 1)", "B*H*W*C_in*C_out*(k^2/P + 1)"),
    ("ghost", {}, 0, "ceil(C_out/q)*C_in*k^2 + ceil(C_out/q)*(q-1)*d^2",
     "B*H_out*W_out*(ceil(C_out/q)*C_in*k^2 + ceil(C_out/q)*(q-1)*d^2)"),
    ("condconv", {}, 0, "n*C_out*C_in/g*k^2 + C_in*n",
     "B*(C_out*C_in/g*k^2*H_out*W_out + n*C_out*C_in/g*k^2 + n*C_out + C_in*n)"),
    ("dynamic", {"attention": "paper"}, 0, "n*C_out*C_in/g*k^2 + C_in*floor(C_in/4) + floor(C_in/4)*n",
     "B*(C_out*C_in/g*k^2*H_out*W_out + n*C_out*C_in/g*k^2 + n*C_out + C_in*floor(C_in/4) + floor(C_in/4)*n)"),
    ("involution", {"stride": 1, "out_channels": None}, 0, "(C_in^2 + k^2*C_in/C_g*C_in)/r",
     "B*H*W*((C_in^2 + k^2*C_in/C_g*C_in)/r + k^2*C_in)"),
    ("grouped", {}, 0, "C_out*C_in/g*k^2", "B*H_out*W_out*C_out*C_in/g*k^2"),
    ("dilated", {"groups": 1}, 0, "C_out*C_in*k^2", "B*H_out*W_out*C_out*C_in*k^2"),
    ("inception_v2_reduction", {}, 0, "C_in*(r_3 + r_5) + 9*(r_3*o_3 + r_5*o_5 + o_5^2)",
     "B*(H*W*(C_in*(r_3 + r_5) + 9*r_5*o_5) + H/2*W/2*9*(r_3*o_3 + o_5^2))"),
    ("inception_v4_reduction_a", {}, 0, "9*C_in*384 + C_in*192 + 9*192*224 + 9*224*256",
     "B*(H*W*(192*C_in + 9*192*224) + H_out*W_out*(9*C_in*384 + 9*224*256))"),
    ("inception_v4_stem_5a", {}, 0, "1728*C_in", "B*H_out*W_out*1728*C_in"),
    ("inception_resnet_block17", {}, 0, "704*C_in + 358400", "B*H*W*(704*C_in + 358400)"),
    ("inception_resnet_block8", {}, 0, "832*C_in + 301056", "B*H*W*(832*C_in + 301056)"),
    ("inception_resnet_reduction_a", {}, 0, "9*C_in*384 + C_in*256 + 9*256*256 + 9*256*384",
     "B*(H*W*(256*C_in + 9*256*256) + H_out*W_out*(9*C_in*384 + 9*256*384))"),
    ("inception_resnet_reduction_b", {}, 0, "768*C_in + 9*(256*384 + 256*288 + 256*288 + 288*320)",
     "B*(H*W*(768*C_in + 9*256*288) + H_out*W_out*9*(256*384 + 256*288 + 288*320))"),
    ("se_resnet_bottleneck", {"base_width": 64, "expansion": 4, "groups": 1, "stride": 1, "shortcut": "identity"}, 0,
     "2*C_in*(C_in/4) + 9*(C_in/4)^2 + 2*C_in*floor(C_in/r)",
     "B*(H*W*(2*C_in*(C_in/4) + 9*(C_in/4)^2) + 2*C_in*floor(C_in/r))"),
    ("multi_kernel", {"kernel_size": (3, 5), "groups": (1, 4), "stride": 1}, 0, "(9 + 25/4)*C_in*C_out/2",
     "B*H*W*(9 + 25/4)*C_in*C_out/2"),
    ("nin_mlpconv", {"stride": 1, "padding": 2, "kernel_size": 5}, 0, "25*C_in*192 + 192*160 + 160*96",
     "B*H*W*(25*C_in*192 + 192*160 + 160*96)"),
    ("ghost_bottleneck", {"stride": 1, "kernel_size": 3}, 0,
     "ceil(C_mid/2)*(C_in + 9) + ceil(C_in/2)*(C_mid + 9)",
     "B*H*W*(ceil(C_mid/2)*(C_in + 9) + ceil(C_in/2)*(C_mid + 9))"),
    ("resnest_bottleneck", {"base_width": 64, "expansion": 4, "cardinality": 1, "stride": 1, "dilation": 1}, 0,
     "2*C_in*(C_in/4) + 9*(C_in/4)^2 + 3*(C_in/4)*Max(32, floor(C_in/8))",
     "B*(H*W*(2*C_in*(C_in/4) + 9*(C_in/4)^2) + 3*(C_in/4)*Max(32, floor(C_in/8)))"),
    ("sk", {"stride": 1}, 0, "18*C_in^2/g + 3*C_in*Max(L, floor(C_in/r))",
     "B*(H*W*18*C_in^2/g + 3*C_in*Max(L, floor(C_in/r)))"),
    ("scbottleneck", {"base_width": 32, "expansion": 4, "cardinality": 1, "stride": 1, "pooling_ratio": 1,
                      "dilation": 1}, 0,
     "4*C_in*floor(C_in/8) + 36*floor(C_in/8)^2", "B*H*W*(4*C_in*floor(C_in/8) + 36*floor(C_in/8)^2)"),
    ("resize_conv", {}, 0, "C_in*C_out*k^2", "B*f^2*H*W*C_in*C_out*k^2"),
    ("subpixel", {}, 0, "C_in*C_out*r^2*k^2", "B*H*W*C_in*C_out*r^2*k^2"),
    ("fused_mbconv", {"stride": 1}, -1, "t*C_in^2*k^2 + t*C_in*C_out", "B*H*W*(t*C_in^2*k^2 + t*C_in*C_out)"),
    ("embedding", {}, 0, "V*E", "0"),
    ("embedding_bag", {}, 0, "V*E", "0"),
    ("rnn", {"num_layers": 1}, 0, "n*(F + n)", "T*B*n*(F + n)"),
    ("lstm", {"num_layers": 2}, 0, "4*n*(F + n) + 4*n*2*n", "T*B*(4*n*(F + n) + 4*n*2*n)"),
    ("gru", {"num_layers": 1, "bidirectional": True}, 0, "2*3*n*(F + n)", "T*B*2*3*n*(F + n)"),
    ("rnn_cell", {}, 0, "n*(F + n)", "B*n*(F + n)"),
    ("lstm_cell", {}, 0, "4*n*(F + n)", "B*4*n*(F + n)"),
    ("gru_cell", {}, 0, "3*n*(F + n)", "B*3*n*(F + n)"),
    ("multihead_attention", {}, 0, "4*F^2", "B*T*4*F^2 + 2*B*T^2*F"),
    ("transformer_encoder_layer", {}, 0, "4*F^2 + 2*F*D", "B*T*(4*F^2 + 2*F*D) + 2*B*T^2*F"),
    ("scconv", {"stride": 1, "pooling_ratio": 1, "dilation": 1}, 0, "9*C_in^2/g", "B*H*W*9*C_in^2/g"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "chosen", "case", "weights", "macs"), PAPERS, ids=[f"{row[0]}-{n}" for n, row in enumerate(PAPERS)]
)
def test_the_derived_formula_is_the_papers(
    name: str, chosen: dict[str, Any], case: int, weights: str, macs: str
) -> None:
    formula = derived(name, case, **chosen)
    assert sympy.expand(named(formula.weights) - typed(weights)) == 0
    assert sympy.expand(named(formula.macs) - typed(macs)) == 0


def test_every_kind_of_the_catalogue_has_its_papers_formula() -> None:
    without = {"splat", "octave"}  # below
    families = set(FAMILIES) - {"pooling", "norms", "activations", "shaping", "pairs"}
    wanted = {name for family in families for name in FAMILIES[family]}
    assert wanted - {row[0] for row in PAPERS} == without


def test_octave_is_the_papers_for_even_widths() -> None:
    c, h, w = (sympy.Symbol(name, positive=True, integer=True) for name in "chw")
    formula = derived("octave", alpha_out=0.5)
    half = {one.name: one for part in (formula.macs, formula.weights) for one in part.free_symbols}
    put = {half["C_h"]: c, half["C_l"]: c, half["C_out"]: 2 * c, half["H"]: h, half["W"]: w, half["B"]: 1}
    plain = (2 * c) * (2 * c) * half["k"] ** 2
    assert sympy.expand(formula.weights.subs(put) - plain) == 0
    ratio = sympy.simplify(formula.macs.subs(put) / (plain * h * w))
    alpha = sympy.Rational(1, 2)
    assert ratio == 1 - sympy.Rational(3, 4) * alpha * (2 - alpha)


def test_split_attention_costs_one_grouped_convolution_whatever_the_radix() -> None:
    for radix in (1, 2, 4):
        formula = derived("splat", radix=radix, padding="same", stride=1, reduction=4)
        kernel = [term for term in formula.weights.args if term.has(N("k").name) or "k" in map(str, term.free_symbols)]
        assert [sympy.expand(named(term) - typed("C_in*C_out/K*k^2")) for term in kernel] == [0]


def per_dense(formula: Formula) -> Any:
    """A formula's multiply-adds over a plain convolution's at the same output."""
    return sympy.simplify(named(formula.macs) / typed("B*H_out*W_out*C_in*C_out*k^2"))


def test_the_limits_of_the_ratios_are_those_the_papers_give() -> None:
    k, m, c_out = N("k"), N("m"), N("C_out")
    separable = per_dense(derived("depthwise_separable")).subs(m, 1)
    assert separable == 1 / c_out + 1 / k**2  # Howard et al., arXiv:1704.04861, section 3.1
    assert sympy.limit(separable, c_out, sympy.oo) == 1 / k**2
    parts = {p: per_dense(derived("hetconv", part=p)) for p in (1, 2, 4, 8, 64)}
    assert all(  # Singh et al., arXiv:1903.04120: 1/P + (1 - 1/P)/K^2, which goes to 1/K^2
        sympy.simplify(ratio - (sympy.Rational(1, p) + (1 - sympy.Rational(1, p)) / k**2)) == 0
        for p, ratio in parts.items()
    )


@pytest.mark.parametrize("m", [2, 3, 5, 11])
def test_a_separable_kernel_costs_two_over_its_size_on_large_images(m: int) -> None:
    """On an n x n image without padding: 2/m + (m-1)/(m(n-m+1)) of the dense kernel, which goes to 2/m."""
    for n in (m, m + 1, 32, 10**6):
        assert cost((m, m), 1, n).ratio == Fraction(2, m) + Fraction(m - 1, m * (n - m + 1))


LETTERS = {"q": 2, "P": 4, "r": 4, "g": 4, "a": sympy.Rational(1, 2)}
PRINTED = (*standard_transformations, convert_xor, implicit_multiplication)
"""How a paper writes a product: a space between factors, and ^ for powers."""


@pytest.mark.parametrize("substitute", [*SUBSTITUTES, OCTAVE], ids=lambda one: one.name)
@pytest.mark.parametrize("kernel", [3, 5])
def test_the_ratio_beside_a_substitute_is_the_ratio_of_the_macs(substitute: Any, kernel: int, capsys: Any) -> None:
    import json

    from convcalc.cli.app import run

    spec = f"conv2d c=64 k={kernel} p={kernel // 2} bias=false"
    assert run(["alt", spec, "-i", "64x32x32", "-f", "json"]) == 0
    found = {row["name"]: row for row in json.loads(capsys.readouterr().out)["specs"]}
    if substitute.name not in found:
        pytest.skip("does not fit this convolution")
    ratio, *where = substitute.ratio.split(", ")
    numbers = {
        name: sympy.sympify(number) for name, number in {"C_in": 64, "C_out": 64, "k": kernel, **LETTERS}.items()
    }
    for definition in where:
        name, _, text = definition.partition(" = ")
        numbers[name] = parse_expr(text, numbers, PRINTED)
    value = parse_expr(ratio, numbers, PRINTED)
    assert float(value) == pytest.approx(found[substitute.name]["macs_ratio"], rel=1e-12)
