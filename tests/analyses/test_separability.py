"""Ranks and factors against numpy and the oracle's rows; costs against torch's counter and the paper's formula."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convcalc.analyses.separability import cost, flatten, separate, separate_numbers
from convcalc.cli.app import run
from convcalc.errors import ShapeError
from convcalc.spec.named_kernels import FIXED, SIZED, by_name

ROWS = [
    row
    for row in json.loads((Path(__file__).parents[1] / "golden/oracle/basic.json").read_text())
    if row["kind"] == "kernel_separability"
]


def exact(kernel: list[list[int]]) -> Any:
    return tuple(tuple(map(Fraction, row)) for row in kernel)


@pytest.mark.parametrize("row", [row for row in ROWS if "rank" in row], ids=lambda row: row["id"])
def test_ranks_are_numpys(row: dict) -> None:
    found = separate(exact(row["params_kwargs"]["kernel"]))
    assert found.rank == row["rank"]
    assert found.singular_values == pytest.approx(row["singular_values"], abs=1e-5)


@pytest.mark.parametrize("row", [row for row in ROWS if "ratio" in row], ids=lambda row: row["id"])
def test_costs_are_what_torch_counts(row: dict) -> None:
    told = row["params_kwargs"]
    size, image = told["m"], told["N"]
    found = cost((size, size), 1, image)
    assert (found.separable, found.dense) == (row["macs"], row["macs_full"])
    assert float(found.ratio) == pytest.approx(row["ratio"])
    assert found.ratio == Fraction(2, size) + Fraction(size - 1, size * (image - size + 1))  # catalogue 2.4


def test_where_splitting_does_not_pay() -> None:
    assert cost((3, 3), 1, 3) == (9, 12)  # catalogue 2.4: 12 against 9, a tie at N = 4, never for m = 2
    assert cost((3, 3), 1, 4).ratio == 1
    assert cost((2, 2), 1, 10) == (324, 342)
    assert cost((3, 3), 1, 100, same=True).ratio == Fraction(2, 3)
    assert cost((1, 5), 1, 9).ratio > 1
    with pytest.raises(ShapeError, match="an image of 2 x 2 is smaller than the kernel of 3 x 3"):
        cost((3, 3), 1, 2)


# catalogue 2.4: rank 1, rank 2, rank 3
RANKS = {"sobel": 1, "sobel_y": 1, "prewitt": 1, "scharr": 1, "laplacian": 2, "laplacian8": 2, "sharpen": 2,
         "roberts": 2, "emboss": 3, "log": 3}  # fmt: skip


@pytest.mark.parametrize("name", [*FIXED, *SIZED])
def test_well_known_kernels(name: str) -> None:
    kernel = by_name(name)
    found = separate(kernel)
    assert found.rank == RANKS.get(name, 3 if name == "diagonal" else 1)
    assert rebuilt(found) == [list(row) for row in kernel]


def rebuilt(found: Any) -> list[list[Any]]:
    high, wide = found.shape
    return [
        [sum(one.scale * one.column[y] * one.row[x] for one in found.pairs) for x in range(wide)] for y in range(high)
    ]


@given(
    st.integers(1, 5).flatmap(
        lambda n: st.lists(st.lists(st.integers(-3, 3), min_size=n, max_size=n), min_size=1, max_size=5)
    )
)
@settings(max_examples=300)
def test_pairs_add_up_to_the_kernel_and_are_as_many_as_its_rank(kernel: list[list[int]]) -> None:
    found = separate(exact(kernel))
    assert rebuilt(found) == kernel
    assert found.rank == numpy.linalg.matrix_rank(numpy.array(kernel))
    matrix = numpy.array(kernel, dtype=float)
    left, values, right = numpy.linalg.svd(matrix, full_matrices=False)
    for count, error in enumerate(found.errors):
        best = (left[:, :count] * values[:count]) @ right[:count]
        whole = float((matrix**2).sum()) or 1.0
        assert error == pytest.approx((float(((matrix - best) ** 2).sum()) / whole) ** 0.5, abs=1e-7)


def test_numbers_from_a_file_go_by_their_singular_values() -> None:
    draw = numpy.random.default_rng(0)
    kernel = numpy.outer(draw.standard_normal(3), draw.standard_normal(5))
    found = separate_numbers(kernel)
    assert found.rank == 1 and not found.exact
    assert numpy.allclose(rebuilt(found), kernel)
    assert separate_numbers(draw.standard_normal((3, 3))).rank == 3


def test_a_filter_of_three_axes_is_flattened() -> None:
    draw = numpy.random.default_rng(1)
    product = numpy.einsum("c,h,w->chw", *(draw.standard_normal(n) for n in (4, 3, 5)))
    found = flatten(product)
    assert found.ranks == (1, 1, 1) and found.error == 0 and (found.weights, found.dense) == (12, 60)
    # two orthogonal products of weights 3 and 1: the best single one leaves the smaller, 1 of sqrt(10)
    two = numpy.zeros((2, 3, 3))
    two[0, 0, 0], two[1, 2, 1] = 3, 1
    assert flatten(two).ranks == (2, 2, 2)
    assert flatten(two).error == pytest.approx(1 / 10**0.5)


def asked(capsys: pytest.CaptureFixture[str], *argv: str) -> Any:
    assert run(["separable", *argv, "--format", "json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_command(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert asked(capsys, "-1 0 1; -2 0 2; -1 0 1")["pairs"] == [{"scale": 1, "column": [1, 2, 1], "row": [-1, 0, 1]}]
    assert asked(capsys, "-1", "0", "1;", "-2", "0", "2;", "-1", "0", "1", "--image", "3")["cost"]["ratio"] == 12 / 9
    assert asked(capsys, "1/9 1/9; 0.5 .5")["rank"] == 1
    assert asked(capsys, "gaussian", "5")["pairs"][0]["row"] == [1, 4, 6, 4, 1]
    assert asked(capsys, "box7")["shape"] == [7, 7]
    assert asked(capsys, "laplacian", "--rank", "1")["cost"]["pairs"] == 1
    (tmp_path / "k.csv").write_text("1,2,1\n2,4,2\n")
    assert asked(capsys, str(tmp_path / "k.csv"))["rank"] == 1
    numpy.save(tmp_path / "k.npy", numpy.array([[1, 2], [3, 4]]))
    assert asked(capsys, str(tmp_path / "k.npy"))["exact"] is True
    numpy.save(tmp_path / "k.npy", numpy.eye(3) * 0.1)
    assert asked(capsys, str(tmp_path / "k.npy"))["rank"] == 3
    numpy.save(tmp_path / "k.npy", numpy.full((2, 2), 1e200))
    assert asked(capsys, str(tmp_path / "k.npy"))["rank"] == 1
    numpy.save(tmp_path / "k.npy", numpy.ones((2, 3, 3)))
    assert asked(capsys, str(tmp_path / "k.npy"))["ranks"] == [1, 1, 1]
    assert run(["separable", str(tmp_path / "k.npy"), "--rank", "1"]) == 2
    assert "go with a kernel of two axes" in capsys.readouterr().err
    assert run(["separable", "laplacian", "--rank", "1"]) == 0
    text = capsys.readouterr().out
    assert "rank 2: not separable by one pair" in text and "6 in 1 pair (which leave 10.1%)" in text
    best = asked(capsys, "laplacian", "--rank", "1")
    (pair,) = best["pairs"]
    kernel = numpy.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]])
    left = kernel - pair["scale"] * numpy.outer(pair["column"], pair["row"])
    assert numpy.linalg.norm(left) / numpy.linalg.norm(kernel) == pytest.approx(best["errors"][1])
    assert asked(capsys, "1e-90 0; 0 1e-90", "--rank", "1")["errors"][1] == pytest.approx(0.5**0.5)
    assert run(["separable", "0 0; 0 0"]) == 0
    assert "rank 0: all zero" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "no kernel given"),
        (["sobal"], "there is no kernel 'sobal'; did you mean 'sobel'?"),
        (["sobel", "5"], "sobel is 3 x 3"),
        (["box", "900"], "a size is a whole number from 1 to 129, not 900"),
        (["1 2; 3"], "rows of a kernel are equally long, not 2, 1"),
        (["1 2;; 3 4"], "a row of the kernel is empty"),
        (["1 a; 3 4"], "'a' is not a number"),
        (["1e400 1; 1 1"], "'1e400' is not a number here"),
        (["gaussian", "abc"], "'gaussian abc' is not a kernel"),
        (["1" * 80 + " 1; 1 1"], "a number of 80 digits is past what is read"),
        (["1/0 1; 3 4"], "'1/0' is not a number"),
        (["--imag", "3", "sobel"], "no such option: --imag"),
        (["-z", "sobel"], "no such option: -z"),
        (["none.npy"], "none.npy cannot be read: No such file or directory"),
        (["sobel", "--rank", "4"], "--rank is a whole number from 1 to 3, not 4"),
        (["sobel", "--image", "2"], "an image of 2 x 2 is smaller than the kernel"),
    ],
)
def test_what_is_no_kernel(argv: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["separable", *argv]) == 2
    assert message in capsys.readouterr().err


def test_files_that_hold_no_kernel(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "k.npy"
    for values, message in (
        (numpy.ones(3), "holds 3 of float64: a kernel is kh x kw or C x kh x kw"),
        (numpy.array([["a"]]), "a kernel is kh x kw"),
        (numpy.array([[numpy.nan, 1.0]]), "values that are not finite"),
    ):
        numpy.save(path, values)
        assert run(["separable", str(path)]) == 2
        assert message in capsys.readouterr().err
    path.write_text("nonsense")
    assert run(["separable", str(path)]) == 2
    assert "it is not a .npy file of numbers" in capsys.readouterr().err
