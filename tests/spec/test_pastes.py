"""What people paste beside prints: class bodies, cells, arithmetic, sizes, rates, other programs' files."""

from __future__ import annotations

import io
import json
import sys
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from convcalc.analyses.counts.report import CountReport, count
from convcalc.cli.app import run
from convcalc.errors import ConvcalcError, SpecError, UnsupportedError
from convcalc.spec.assemble import assemble
from convcalc.spec.importers import words_of
from convcalc.spec.source import blocks
from convcalc.spec.tensors import tensor


def typed(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


def counted(text: str, monkeypatch: pytest.MonkeyPatch) -> CountReport:
    typed(text, monkeypatch)
    return count([assemble(block, needs_input=False) for block in blocks(["-"], printed=True)])


def body(*lines: str, base: str = "nn.Module", arguments: str = "self") -> str:
    inner = "".join(f"        {line}\n" for line in lines)
    head = f"import torch.nn as nn\nclass Net({base}):\n    def __init__({arguments}):\n"
    return f"{head}        super().__init__()\n{inner}"


EXACT = {
    body("self.c = nn.Conv3d(3, 10, (6, 5, 4))", "self.r = nn.ReLU(inplace=True)")
    + "    def forward(self, x):\n        return self.r(self.c(x))\nnet = Net()\n"
    "print(net(torch.randn(1, 3, 16, 32, 32)))\n": 3610,
    body("self.s = nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8))"): 232,
    body("self.a = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 3)])"): 15,
    body("l = []", "l.append(nn.Linear(2, 3))", "l += [nn.Linear(3, 4)]", "self.l = nn.Sequential(*l)"): 25,
    body("self.c = nn.utils.weight_norm(nn.Conv2d(3, 8, 3))"): 232,
    body("self.c = spectral_norm(nn.Linear(4, 4)).to(device)"): 20,
    body("self.add_module('c', nn.Conv2d(3, 16*2, (3, 3), padding=(3-1)//2))"): 896,
    body("self.c: nn.Module = nn.Conv1d(3, 8, 3, dtype=torch.float32)")
    + "        for m in self.modules():\n            if isinstance(m, nn.Conv1d):\n"
    "                nn.init.kaiming_normal_(m.weight)\n": 80,
    "if __name__ == '__main__':\n    pass\nimport torch\nnet = nn.Sequential(nn.Linear(3, 4), nn.ReLU())\n": 16,
    ">>> import torch\n>>> net = nn.Sequential(\n...     nn.Conv2d(3, 8, 3),\n...     nn.ReLU())\n"
    ">>> print(net)\n": 224,
    "In [1]: import torch\nIn [2]: net = nn.Linear(3, 4)\n": 16,
    "%matplotlib inline\nimport torch\nnet = nn.Linear(3, 4)\nopt = torch.optim.Adam(net.parameters())\n"
    "loss = nn.MSELoss()\n": 16,
}  # fmt: skip


@pytest.mark.parametrize(("text", "total"), EXACT.items(), ids=range(len(EXACT)))
def test_lines_that_say_everything_are_counted(text: str, total: int, monkeypatch: pytest.MonkeyPatch) -> None:
    report = counted(text, monkeypatch)
    assert (report.params.total, report.at_least) == (total, [])


HIDDEN = {
    body("self.b = Foo(3)", "self.c = nn.Linear(2, 2)"): (6, "Foo"),
    body("self.c = nn.Linear(n, 2)", "self.d = nn.Linear(2, 2)", arguments="self, n"): (6, "Linear"),
    body("self.b = torchvision.models.resnet18()", "self.c = nn.Linear(2, 2)"): (6, "torchvision.models.resnet18"),
    body("self.l = nn.ModuleList([nn.Linear(2, 2) for _ in range(3)])", "self.c = nn.Linear(2, 2)"): (6, "Linear"),
    body("for i in range(3):", "    self.l.append(nn.Linear(2, 2))", "self.c = nn.Linear(2, 2)"): (6, "Linear"),
    body("if n:", "    self.a = nn.Linear(2, 2)", "self.c = nn.Linear(2, 2)"): (6, "Linear"),
    body("self.l = self._make_layer(64, 3)", "self.c = nn.Linear(2, 2)"): (6, "self._make_layer"),
    body("self.n = norm(2)", "self.c = nn.Linear(2, 2)", arguments="self, norm=nn.BatchNorm2d"): (6, "BatchNorm2d"),
    body("self.c = nn.Linear(2, 2)", base="ResNet"): (6, "ResNet"),
    body("self.c = nn.Linear(2, 2)", base="nn.Conv2d"): (6, "Conv2d"),
    body("self.p = nn.Parameter(torch.zeros(3))", "self.c = nn.Linear(2, 2)"): (6, "Parameter"),
    body("self.e = nn.Embedding.from_pretrained(w)", "self.c = nn.Linear(2, 2)"): (6, "nn.Embedding.from_pretrained"),
    body("conv = partial(nn.Conv2d, kernel_size=3)", "self.c = nn.Linear(2, 2)"): (6, "partial"),
    "import torch\nmodel = torch.load('m.pt')\nfc = nn.Linear(2, 2)\n": (6, "torch.load"),
    body("self.d = copy.deepcopy(other)", "self.c = nn.Linear(2, 2)"): (6, "copy.deepcopy"),
}


@pytest.mark.parametrize(("text", "wanted"), HIDDEN.items(), ids=range(len(HIDDEN)))
def test_lines_that_do_not_are_at_least_and_named(
    text: str, wanted: tuple[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    report = counted(text, monkeypatch)
    assert report.params.total == wanted[0]
    assert any(name.startswith(f"{wanted[1]} (line ") for name in report.at_least), report.at_least


def test_weights_that_could_be_fewer_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SpecError, match=r"self\.c is built here and on line 5: leave out the one that is replaced"):
        counted(body("self.c = nn.Linear(2, 2)", "self.c = nn.Linear(2, 3)"), monkeypatch)
    tied = body("self.e = nn.Embedding(9, 4)", "self.o = nn.Linear(4, 9, bias=False)", "self.o.weight = self.e.weight")
    with pytest.raises(SpecError, match="this line lets two layers share weights"):
        counted(tied, monkeypatch)


ORDERED = (
    body("self.c = nn.Conv2d(3, 8, 3)"),
    "import torch\na = nn.Conv2d(3, 8, 3)\nb = nn.MaxPool2d(2)\n",
    "import torch\nnet = nn.Conv2d(3, 8, 3)\ny = F.max_pool2d(net(x), 2)\nz = net(y)\n",
)


@pytest.mark.parametrize("text", ORDERED, ids=range(len(ORDERED)))
def test_no_shape_is_told_where_the_order_does_not_show(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    typed(text, monkeypatch)
    with pytest.raises(UnsupportedError, match=r"not in the order of forward\(\).*name it: file.py:Net"):
        blocks(["-"], ["3x8x8"])


def test_one_sequential_of_a_cell_is_a_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    typed("import torch\nnet = nn.Sequential(OrderedDict([('a', nn.Conv2d(3, 8, 3)), ('b', nn.ReLU())]))\nprint(net)\n",
          monkeypatch)  # fmt: skip
    assert assemble(blocks(["-"], ["3x8x8"])[0]).graph.outputs[0].shape == (1, 8, 6, 6)
    typed("import torch\nnet = nn.Sequential(nn.Conv2d(3, 8, 3), Foo(2))\n", monkeypatch)
    with pytest.raises(SpecError, match="there is no kind 'Foo'"):
        blocks(["-"], ["3x8x8"])


@pytest.mark.parametrize(
    ("call", "output"),
    [
        ("Conv2d(1, 16*2, (3, 3), padding=(3-1)//2)", (1, 32, 32, 32)),
        ("Conv2d(1, 2*(3+1), 7 % 4)", (1, 8, 30, 30)),
        ("Conv2d(1, 2**4, 3)", (1, 16, 30, 30)),
        ("Conv2d(in_channels=1, out_channels=int(64 * 0.5), kernel_size=max(1, 7 // 2))", (1, 32, 30, 30)),
        ("Conv2d(1, round(32 * 1.4), min(3, 5), padding=int((3 - 1) / 2))", (1, 45, 32, 32)),
        ("nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU()).to(device)", (1, 4, 30, 30)),
        ("weight_norm(nn.Conv2d(1, 4, 3))", (1, 4, 30, 30)),
        ("self.a: nn.Module = nn.Conv2d(1, 4, 3).eval()", (1, 4, 30, 30)),
        ("Sequential(OrderedDict([('c', Conv2d(1, 4, 3)), ('p', MaxPool2d(2))]))", (1, 4, 15, 15)),
    ],
)
def test_calls_with_arithmetic_and_around_layers(call: str, output: tuple[int, ...]) -> None:
    assert assemble(blocks([call], ["1x32x32"])[0]).graph.outputs[0].shape == output


@pytest.mark.parametrize(
    "call",
    [
        "Conv2d(1, 9**9**9, 3)",
        "Conv2d(1, 1//0, 3)",
        "Conv2d(1, 8<<90, 3)",
        "Conv2d(1, -(-8), 3)",
        "Conv2d(1, max(1), 3)",
        "Conv2d(1, (-8)**0.5, 3)",
        "Conv2d(1, 1e400-1e400, 3)",
        "Conv2d(1, int(1e400), 3)",
        "Conv2d(1, 2**64, 3)",
        "Conv2d(1, 0**-1, 3)",
        "Conv2d(1, int(2*'3'), 3)",
        "Conv2d(1, round(8, ndigits=1), 3)",
    ],
)
def test_arithmetic_has_an_end(call: str) -> None:
    try:
        graph = assemble(blocks([call], ["1x8x8"])[0]).graph
    except ConvcalcError:
        return
    assert call.endswith("-(-8), 3)") and graph.outputs[0].channels == 8


@pytest.mark.parametrize(
    "text",
    ["3x224x224", "3,224,224", "3, 224, 224", "(3, 224, 224)", "[3,224,224]", "torch.Size([3, 224, 224])",
     "3 x 224 x 224", "3×224×224", "3X224X224", "3 224 224", "(3,224,224,)"],
)  # fmt: skip
def test_sizes_as_people_write_them(text: str) -> None:
    assert tensor(text).sizes == (3, 224, 224)


@pytest.mark.parametrize("rates", ["[1, 2, 5]", "(1,2,5)", "1, 2, 5", "1 2 5", "[1,2,5]"])
def test_rates_as_the_texts_write_them(rates: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["hdc-check", rates, "-k", "3", "-f", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["rates"] == [1, 2, 5]


# other programs' files: what their layers give is worked out with torch ------------------------------------------

TINY = """
[net]
channels=3
height=32
width=32
[convolutional]
batch_normalize=1
filters=8
size=3
stride=2
pad=1
activation=leaky
[convolutional]
batch_normalize=1
filters=8
size=3
stride=1
pad=1
activation=mish
[shortcut]
from=-2
activation=linear
[maxpool]
size=2
stride=1
[route]
layers=-1
groups=2
group_id=1
[upsample]
stride=2
[route]
layers=-1
[convolutional]
filters=5
size=1
activation=logistic
"""


def darknet_by_hand() -> tuple[int, tuple[int, ...]]:
    a = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.LeakyReLU(0.1))
    b = nn.Sequential(nn.Conv2d(8, 8, 3, 1, 1, bias=False), nn.BatchNorm2d(8), nn.Mish())
    c = nn.Conv2d(4, 5, 1)
    first = a(torch.zeros(1, 3, 32, 32))
    pooled = F.max_pool2d(F.pad(first + b(first), (0, 1, 0, 1)), 2, 1)
    result = c(F.interpolate(pooled[:, 4:], scale_factor=2))
    return sum(p.numel() for net in (a, b, c) for p in net.parameters()), tuple(result.shape)


def test_a_darknet_file_is_what_its_layers_are_in_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    typed(TINY, monkeypatch)
    (block,) = blocks(["-"])
    report = count([assemble(block)])
    assert (report.params.total, report.blocks[0].subject.graph.outputs[0].shape) == darknet_by_hand()


@pytest.mark.parametrize(
    ("lines", "sizes", "params"),
    [
        ("benchdnn --conv --dir=FWD_B g1mb1ic3ih224iw224oc64oh112ow112kh7kw7sh2sw2ph3pw3dh0dw0",
         ["1x64x112x112"], [9472]),
        ("benchdnn --conv ic3ih8oc4oh6kh3ph0", ["2x4x6x6"], [112]),
        ("benchdnn --conv --dir=FWD_D ic3ih8oc4oh8kh3", ["2x4x8x8"], [108]),
        ("benchdnn --conv --mb=4 --dir=BWD_D mb1ic3ih8oc4oh6kh3ph0 ic4ih6oc8oh4kh3ph0",
         ["4x4x6x6", "4x8x4x4"], [108, 288]),
        ('mb1_ic3oc8_ih7oh5kh3ph0n"net:conv1"', ["1x8x5x5"], [224]),
        ("--reset --dir=FWD_D\n# the first\nmb1ic3ih8oc4oh6kh3ph0\n--mb=3 ic4ih6oc8oh4kh3ph0 # and the next\n"
         "--reset\nic4ih6oc8oh4kh3ph0\n--deconv --dir=FWD_I mb2ic8ih12oc4oh24kh3sh2ph1",
         ["1x4x6x6", "3x8x4x4", "2x8x4x4", "2x4x24x24"], [108, 288, 296, 288]),
        ("MIOpenDriver conv -n 1 -c 3", ["1x32x30x30"], [864]),
        ("MIOpenDriver conv -p 1 -q 1", ["100x32x32x32"], [864]),
        ("benchdnn --deconv --dir=FWD_D mb2ic8ih12oc4oh24kh3sh2ph1", ["2x4x24x24"], [288]),
        ("benchdnn --conv --dir=FWD_D ic4iw9oc6ow9kw3pw1dw0", ["2x6x9"], [72]),
        ("MIOpenDriver conv -n 1 -c 3 -H 224 -W 224 -k 64 -y 7 -x 7 -p 3 -q 3 -u 2 -v 2 -l 1 -j 1 -m conv -g 1 -F 1",
         ["1x64x112x112"], [9408]),
        ("MIOpenDriver convfp16 -n 2 -c 8 -H 4 -W 4 -k 16 -y 3 -x 3 -z same -g 2", ["2x16x4x4"], [576]),
        ("MIOpen(HIP): Command [LogCmdConvolution] ./bin/MIOpenDriver conv -n 1 -c 8 -H 4 -W 6 -k 4 -y 3 -x 1 -b 1",
         ["1x4x2x6"], [100]),
        ("MIOpenDriver conv -n 1 -c 4 --spatial_dim 3 --in_d 5 -H 6 -W 7 -k 4 --fil_d 3 -y 3 -x 3 --pad_d 1 -p 1 -q 1",
         ["1x4x5x6x7"], [432]),
    ],
)  # fmt: skip
def test_driver_lines_are_their_layers(
    lines: str, sizes: list[str], params: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The outputs stand in the lines of benchdnn; weights are out x in / groups x kernel."""
    for text in (lines, f"# a comment\n{lines}\n"):
        typed(text, monkeypatch)
        reports = [count([assemble(block)]) for block in blocks(["-"])]
        shapes = ["x".join(map(str, report.blocks[0].subject.graph.outputs[0].shape)) for report in reports]
        assert (shapes, [report.params.total for report in reports]) == (sizes, params)


def test_what_profile_prints_for_other_programs_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    from convcalc.profiling.plan import Setup
    from convcalc.profiling.repro import commands

    for spec, given in {
        "conv2d c=8 k=3x5 s=2x1 p=1x2 d=1x2 g=2": "2x4x17x19", "conv1d c=8 k=3 bias=false": "4x11",
        "conv3d c=4 k=3 p=1 bias=false": "4x5x6x7", "conv_transpose2d c=8 k=4 s=2 p=1": "4x5x6",
    }.items():  # fmt: skip
        before = assemble(blocks(spec.split(), [given])[0]).graph
        for tool, line in commands(before, Setup()).items():
            if tool == "cutlass":
                continue
            typed(line, monkeypatch)
            after = assemble(blocks(["-"])[0]).graph
            assert after.outputs[0].shape == before.outputs[0].shape, line
            assert after.inputs[0].shape == before.inputs[0].shape


class Block(nn.Module):
    """timm's inverted residual, its sum left out."""

    def __init__(self, reads: int, middle: int, makes: int, kernel: int, stride: int, *, dense: bool = False) -> None:
        super().__init__()
        walk = {"stride": stride, "padding": (kernel - 1) // 2, "bias": False}
        parts: list[nn.Module] = [nn.Conv2d(reads, middle, 1, bias=False), nn.BatchNorm2d(middle)]
        parts += [nn.Conv2d(middle, middle, kernel, groups=middle, **walk), nn.BatchNorm2d(middle)]
        if dense:
            parts = [nn.Conv2d(reads, middle, kernel, **walk), nn.BatchNorm2d(middle)]
        self.parts = nn.Sequential(*parts, nn.Conv2d(middle, makes, 1, bias=False), nn.BatchNorm2d(makes))


@pytest.mark.parametrize(
    ("text", "modules"),
    [
        ("ir_r2_k3_s2_e6_c24", [Block(16, 96, 24, 3, 2), Block(24, 144, 24, 3, 1)]),
        ("['ir_r1_k5_s1_e4_c16', 'ir_r1_k3_s1_e1_c16']", [Block(16, 64, 16, 5, 1), Block(16, 16, 16, 3, 1)]),
        ("ir_r1_k3_s1_e6_c12\nir_r1_k3_s1_e3_c20", [Block(16, 96, 12, 3, 1), Block(12, 40, 20, 3, 1)]),
        ("er_r1_k3_s2_e4_c24\ner_r1_k3_s1_e1_c32",
         [Block(16, 64, 24, 3, 2, dense=True), Block(24, 24, 32, 3, 1, dense=True)]),
        ("cn_r1_k1_s1_c96", [nn.Conv2d(16, 96, 1, bias=False), nn.BatchNorm2d(96)]),
    ],
)  # fmt: skip
def test_timms_block_strings_are_its_blocks(
    text: str, modules: list[nn.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The widths in the middle are multiples of 8, as timm's `make_divisible` rounds them."""
    typed(text, monkeypatch)
    report = count([assemble(blocks(["-"], ["16x32x32"])[0])])
    assert report.params.total == sum(p.numel() for module in modules for p in module.parameters())


@pytest.mark.parametrize(
    ("text", "form", "words"),
    [
        ('Model: "x"\n Layer (type)      Output Shape      Param #\n', "", "shows no kernel sizes or strides"),
        ('layer {\n  name: "conv1"\n  type: "Convolution"\n}\n', "", "a Caffe prototxt is not read"),
        ('{"layers": []}', "", "a JSON file is not read as layers"),
        ("[net]\nchannels=3\n[convolutional]\nfilters=8\n", "darknet", "[net] says channels, height and width"),
        ("[net]\nchannels=3\nheight=8\nwidth=8\n[lstm]\noutput=3\n", "darknet", "darknet's [lstm] has no layer here"),
        ("[net]\nchannels=3\nheight=8\nwidth=8\n[route]\nlayers=-3\n", "darknet", "which is not before it"),
        ("MIOpenDriver conv -n '1", "miopen", "this line cannot be read"),
        ("mb1ic3ih8oc4oh6kh3ph0 mb1zz3ih8", "benchdnn", "this is not a line of benchdnn"),
        ("--deconv", "benchdnn", "the file names no problem such as"),
        ("benchdnn --matmul 3x4:4x5", "benchdnn", "only --conv and --deconv"),
        ("benchdnn --conv --batch=shapes", "benchdnn", "give the problems themselves"),
        ("mqa_r1_k3_c8", "timm", "timm's block 'mqa' has no words here"),
        ("ir_r1_k3_e1_c8", "timm", "needs channels no text says"),
        ("nothing", "tim", "there is no format 'tim'; did you mean 'timm'?"),
    ],
)
def test_what_cannot_be_read_is_one_line(text: str, form: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConvcalcError) as caught:
        if form:
            words_of(text, "the file", form)
        else:
            typed(text, monkeypatch)
            blocks(["-"])
    assert words in str(caught.value)


def test_convert_prints_a_spec_that_is_read(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["convert", "--from", "darknet", "detector.cfg", "-f", "json"]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert document["from"] == "darknet"
    typed("\n".join(document["lines"]), monkeypatch)
    assert run(["shape", "-", "-f", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["output"] == [1, 18, 104, 104]
    assert run(["convert", "@resnet_stem"]) == 2
    assert "is of no format that is known here" in capsys.readouterr().err
