"""Files of a graph and of weights: the same numbers as the model they were written from, and nothing in them is run."""

from __future__ import annotations

import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from convcalc.analyses.counts.macs import at_least, macs, other
from convcalc.analyses.counts.params import params
from convcalc.cli.app import run
from convcalc.errors import ConvcalcError
from convcalc.pytorch.graph_files import GRAPHS, read_graph, read_safetensors
from convcalc.pytorch.module import GraphModule
from convcalc.pytorch.trace import trace
from convcalc.spec.tensors import tensor


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2))
        self.up = nn.ConvTranspose2d(8, 4, 2, 2)
        self.head = nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        y = self.up(self.stem(x))
        y = nn.functional.interpolate(y, scale_factor=2.0, mode="bilinear")
        result: Tensor = self.head(torch.cat([y, y * 2], 1).mean((2, 3))[:, :4])
        return result


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("graphs") / "net.pt2"
    torch.export.save(torch.export.export(Net().eval(), (torch.zeros(1, 3, 32, 32),)), path)
    return path


@pytest.mark.filterwarnings("ignore")
def test_an_exported_graph_has_the_numbers_of_its_model(exported: Path) -> None:
    model, read = Net().eval(), read_graph(str(exported), ())
    graph = trace(model, (1, 3, 32, 32))
    assert macs(read.graph) == macs(graph) and not at_least(read.graph)
    assert params(read.graph).total == sum(parameter.numel() for parameter in model.parameters())
    assert [value.shape for value in read.graph.outputs] == [(1, 5)]
    assert {scope.path for scope in read.graph.scopes} >= {("stem", "0"), ("up",), ("head",)}


@pytest.mark.filterwarnings("ignore")
def test_nothing_but_the_graph_of_an_archive_is_opened(exported: Path, tmp_path: Path) -> None:
    """Weights and samples replaced by a pickle that would leave a mark."""

    class Mark:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "mark",)

    spoiled = tmp_path / "net.pt2"
    with zipfile.ZipFile(exported) as before, zipfile.ZipFile(spoiled, "w") as after:
        for info in before.infolist():
            keeps = info.filename.endswith(GRAPHS)
            after.writestr(info.filename, before.read(info) if keeps else pickle.dumps(Mark()))
    assert macs(read_graph(str(spoiled), ()).graph) > 0
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize("content", [b"", b"PK", b"\x80\x02.", b'{"a": 1}', b"\xff" * 64])
@pytest.mark.parametrize("suffix", ["pt2", "onnx", "safetensors"])
def test_other_files_are_refused_in_one_line(suffix: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"net.{suffix}"
    path.write_bytes(content)
    read = read_safetensors if suffix == "safetensors" else lambda file: read_graph(file, ())
    with pytest.raises(ConvcalcError):
        read(str(path))


def test_weights_are_counted_from_their_header(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shapes = {name: list(value.shape) for name, value in Net().state_dict().items()}
    header = json.dumps(
        {name: {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]} for name, shape in shapes.items()}
    )
    path = tmp_path / "net.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header.encode())
    assert run(["params", str(path), "-f", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["params"] == sum(p.numel() for p in Net().parameters())
    assert run(["shape", str(path)]) == 2
    assert "holds weights, not a network" in capsys.readouterr().err


def onnx_file(path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    helper, F = onnx.helper, onnx.TensorProto.FLOAT
    sizes = {"w": (8, 3, 3, 3), "b": (8,), "t": (8, 4, 2, 2), "f": (5, 4), "g": (5,)}
    stored = [helper.make_tensor(name, F, shape, [0.0] * torch.Size(shape).numel()) for name, shape in sizes.items()]
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"], "/stem/0/Conv", strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"], "/stem/1/Relu"),
        helper.make_node("MaxPool", ["r"], ["m"], "/stem/2/MaxPool", kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("ConvTranspose", ["m", "t"], ["u"], "/up/ConvTranspose", strides=[2, 2]),
        helper.make_node("Concat", ["u", "u"], ["k"], "/Concat", axis=1),
        helper.make_node("GlobalAveragePool", ["u"], ["p"], "/Pool"),
        helper.make_node("Flatten", ["p"], ["q"], "/Flatten"),
        helper.make_node("Gemm", ["q", "f", "g"], ["y"], "/head/Gemm", transB=1),
    ]
    x = helper.make_tensor_value_info("x", F, ["batch", 3, "height", "width"])
    y = helper.make_tensor_value_info("y", F, ["batch", 5])
    onnx.save(helper.make_model(helper.make_graph(nodes, "net", [x], [y], stored)), str(path))


def test_an_onnx_graph_is_counted_on_the_sizes_given(tmp_path: Path) -> None:
    """By hand: 3x3 on 16x16 outputs, 2x2 transposed on 8x8 inputs, 4 to 5 features."""
    path = tmp_path / "net.onnx"
    onnx_file(path)
    read = read_graph(str(path), (tensor("3x32x32"),))
    assert macs(read.graph) == 256 * 8 * 27 + 64 * 8 * 4 * 4 + 20 and not at_least(read.graph)
    assert params(read.graph).total == 216 + 8 + 128 + 20 + 5
    assert other(read.graph)["relu"] == 8 * 256 and other(read.graph)["max_pool"] == 8 * 64 * 4
    assert [value.shape for value in read.graph.outputs] == [(1, 5)]
    with pytest.raises(ConvcalcError, match="the size of input x is open: give it with -i"):
        read_graph(str(path), ())


def test_an_onnx_graph_keeps_the_numbers_of_its_clips_and_powers(tmp_path: Path) -> None:
    """Run again as steps it gives what torch gives: bounds from attributes, initializers and constants."""
    onnx = pytest.importorskip("onnx")
    helper, F = onnx.helper, onnx.TensorProto.FLOAT
    stored = [helper.make_tensor("least", F, (), [-1.0]), helper.make_tensor("cube", F, (), [3.0])]
    nodes = [
        helper.make_node("Clip", ["x", "least"], ["a"], "/a"),
        helper.make_node("Constant", [], ["most"], "/c", value=helper.make_tensor("most", F, (), [2.0])),
        helper.make_node("Clip", ["a", "", "most"], ["b"], "/b"),
        helper.make_node("Pow", ["b", "cube"], ["y"], "/y"),
    ]
    x, y = (helper.make_tensor_value_info(name, F, [1, 3, 4, 4]) for name in "xy")
    path = tmp_path / "net.onnx"
    onnx.save(helper.make_model(helper.make_graph(nodes, "net", [x], [y], stored)), str(path))
    image = 3 * torch.randn(1, 3, 4, 4)
    ran = GraphModule(read_graph(str(path), ()).graph)(image)
    assert isinstance(ran, Tensor) and torch.allclose(ran, image.clamp(-1, 2) ** 3)
