"""A model as a tree of modules: rows by torch's own counter, folded copies, modules called by several parents."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from convcalc import analyze
from convcalc.analyses.counts.modules import module_rows
from convcalc.errors import SpecError
from convcalc.pytorch.trace import trace


class Block(nn.Module):
    def __init__(self, channels: int, shared: nn.Module | None = None) -> None:
        super().__init__()
        self.conv = shared or nn.Conv2d(channels, channels, 3, padding=1)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = torch.relu(self.norm(self.conv(x))) + x
        return result


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 2, 1)
        self.blocks = nn.Sequential(*(Block(8) for _ in range(3)))
        lent = nn.Conv2d(8, 8, 1)
        self.first, self.second = Block(8, lent), Block(8, lent)
        self.idle = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.second(self.second(self.first(self.blocks(self.stem(x)))))
        return result


def test_every_module_is_charged_where_it_is_called_as_torch_charges_it() -> None:
    model = Net().eval()
    counter = FlopCounterMode(display=False, depth=None)
    with torch.no_grad(), counter:
        model(torch.zeros(1, 3, 16, 16))
    theirs = {name: sum(ops.values()) // 2 for name, ops in counter.get_flop_counts().items()}
    rows = {row.name: row for row in module_rows(trace(model, (1, 3, 16, 16)))}
    for name in ("stem", "blocks", "blocks.0", "blocks.2.conv", "first", "second"):
        assert rows[name].macs == theirs[f"Net.{name}"], name
    assert rows["first"].macs == 64 * 64 and rows["second"].macs == 2 * 64 * 64
    assert rows["second.conv"].borrowed and not rows["first.conv"].borrowed
    assert rows["idle"].unused == 2 and not rows["idle"].outputs
    assert rows["blocks"].params.total == sum(parameter.numel() for parameter in model.blocks.parameters())


def test_copies_side_by_side_are_one_line_with_the_counts_of_all() -> None:
    text = str(analyze(Net().eval(), (1, 3, 16, 16)))
    (line,) = [line for line in text.splitlines() if "(0-2)" in line]
    assert "3 x Block" in line and "110,592" in line  # 3 * 64 positions * 8 * 8 * 9
    assert "Linear (not used)" in text and "Conv2d (shared weights)" in text


def test_the_table_takes_columns_and_an_order() -> None:
    report = analyze(Net().eval(), (1, 3, 16, 16))
    lines = report.table("output,macs", sort="macs", top=2).splitlines()
    assert lines[1].split() == ["module", "layer", "output", "MACs"]
    assert [line.split()[0] for line in lines[3:5]] == ["blocks.0.conv", "blocks.1.conv"]
    ascending = report.table("macs", sort="params:asc", top=1).splitlines()[3]
    assert ascending.split()[0] == "second.conv"  # its weights are those of first.conv
    with pytest.raises(SpecError, match="there is no column 'mac'; did you mean 'macs'"):
        report.table("mac")
    with pytest.raises(SpecError, match="--sort takes"):
        report.table(sort="field")


def test_a_row_for_every_module_in_the_document_parents_before_their_parts() -> None:
    document = analyze(Net().eval(), (1, 3, 16, 16)).to_dict()
    names = [row["name"] for row in document["layers"]]
    assert names.index("blocks") < names.index("blocks.0") < names.index("blocks.0.conv") < names.index("first")
    assert sum(row["macs"] for row in document["layers"] if row["depth"] == 1) == document["macs"]
    assert document["trainable"] == document["params"] == sum(p.numel() for p in Net().parameters())
    conv = document["layers"][names.index("blocks.0.conv")]
    assert conv["kernel_size"] == [3, 3] and conv["activation_bytes"] == 4 * 8 * 64


def test_layers_of_a_stack_are_a_tree_to_a_depth() -> None:
    document = analyze("resnet_basic c=16 conv2d c=8 k=3", "16x8x8", depth=2).to_dict()
    depths = [row["depth"] for row in document["layers"] if row["depth"] <= 2]
    assert depths[0] == 1 and 2 in depths
    assert [row["text"] for row in document["layers"] if row["depth"] == 1] == ["resnet_basic c=16", "conv2d c=8 k=3"]


def test_a_narrow_terminal_goes_without_columns_not_without_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = str(analyze(Net().eval(), (1, 3, 16, 16)))
    assert max(map(len, text.splitlines()[:-1])) <= 80
    assert "left out at this width: other" in text
