"""`EXAMPLES`, `OPTION_GROUPS`: what stands below each command's options, and under which heading an option does."""

from __future__ import annotations

from typing import Final

EXAMPLES: Final[dict[str, tuple[str, ...]]] = {
    "summary": ("@resnet_stem", "-i 64x56x56 ghost c=128 k=3 se reduction=8", "my_model.py:Net -i 3x224x224 --depth 2"),
    "shape": (
        "-i 3x224x224 conv2d c=64 k=7 s=2 p=3", '-i 3x224x224 "Conv2d(3, 64, 7, stride=2, padding=3)"',
        "@unet -o shapes.csv",
    ),
    "params": ('"Conv3d(3, 10, (6, 5, 4))"', "dbb in_channels=64 c=64", "@unet --depth 2"),
    "macs": ("-i 3x32x32 depthwise_separable c=64 k=3 p=1", "@aspp_v3 --useful", "@resnet_stem --backward"),
    "memory": ("@unet", "@unet --dtype fp16", "@resnet_stem --assert 'peak_memory<8MiB'"),
    "rf": ("@resnet_stem", "conv2d k=3 s=2 conv2d k=3 d=2", "@tcn --paths"),
    "hdc-check": ("1,2,5", "2,2,2 --suggest", "@hdc_resnet"),
    "hdc-design": ("--rf 33 -k 3", "--rf 100 -k 3 --layers 6", "--rf 64 -k 2 --top 5"),
    "checkerboard": (
        "conv_transpose k=3 s=2 -i 1x16x16", "conv_transpose c=64 k=4 s=2 p=1 -i 128x16x16", "@unet --ascii",
    ),
    "solve": ("--in 224 --out 112", "--in 56 --out 112 --transposed", "conv2d c=8 k=3 s=2 max_pool k=2 --out 31"),
    "lint": ("@unet", "@resnet_stem --object 8", "--rule CC101"),
    "sweep": (
        "conv2d c=8:64:8 k=3,5 p=same -i 3x32x32 --keep 'macs < 5M'",
        '"conv2d c=8:64:8 k=3" "ghost c=8:64:8" -i 8x9x9 --pareto macs',
        "depthwise_separable c=32:512:32 k=3,5,7 -i 32x56x56 -o rows.csv",
    ),
    "fit": (
        "conv2d k=3 -i 64x56x56 --vary c=8:2048:8 --max macs=300M",
        "@resnet_stem --vary batch=1:512 --max peak_memory=1GiB",
        "ghost -i 8x9x9 --vary c=8:64:8 --vary k=3,5 --max params=2K",
    ),
    "compare": (
        '"conv2d c=128 k=3 p=1" "ghost c=128 k=3" -i 64x56x56', "@resnet_stem @tcn -o compare.md",
        '"conv2d c=32 k=3 p=1" "octave c=32" -i 16x32x32 --timed',
    ),
    "alt": (
        '"conv2d c=128 k=3 p=1" -i 64x56x56', '"conv1d c=64 k=9 p=4" -i 64x1000',
        '"conv2d c=64 k=3" -i 64x28x28 --timed',
    ),
    "separable": ("sobel", '"-1 0 1; -2 0 2; -1 0 1"', "laplacian --rank 1"),
    "explain": ("involution", "depthwise_separable -i 3x12x12 c=256 k=5", "dense_block --format latex"),
    "kinds": ("", "attention", "depthwise_separable"),
    "show": (
        "conv2d k=3 s=2 p=1", "conv_transpose2d k=3 s=2 -i 1x3x3 --unit 2,2 --numbers", "dilated k=3 d=2 -o page.html",
    ),
    "matrix": ("conv2d c=1 k=3 -i 1x4x4", "conv2d c=1 k=3 -i 1x4x4 --transposed", "channel_shuffle groups=3 -i 6x1x1"),
    "examples": ("", "resnet_stem", "unet"),
    "profile": (
        "@resnet_stem", "-i 64x56x56 conv2d c=64 k=3 p=1 --explain",
        '-i 64x56x56 "conv2d c=64 k=3 p=1" --vs "ghost c=64 k=3"',
    ),
    "diff": ("before.jsonl after.jsonl", "before.json after.json", '"conv2d c=64 k=3" "ghost c=64" -i 64x56x56'),
    "machine": ("", "--threads 1", "--refresh"),
    "verify": ("@resnet_stem", '-i 8x14x14 "Conv2d(8, 16, 3)"', "my_model.py:Net -i 3x224x224"),
    "reconcile": (
        "torchvision:resnet18", "my_model.py:Net -i 3x224x224 --to fvcore,thop", "my_model.py:Net -i 3x224x224 --run",
    ),
    "help": ("", "counting", "profile"),
    "convert": ("detector.cfg", "--from darknet detector.cfg", "detector.cfg -o detector.txt"),
    "about": ("", "-f json", "-f markdown"),
    "completion": ("bash >> ~/.bashrc", "zsh > ~/.zfunc/_convcalc", "fish > ~/.config/fish/completions/convcalc.fish"),
}  # fmt: skip
"""Words after each command's name; nothing is the command alone."""
OPTION_GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "What is read": ("--input", "--input-layout", "--train", "--depth", "--batch", "--from", "--layer"),
    "How it is run": (
        "--device", "--dtype", "--threads", "--layout", "--mode", "--pass", "--allocator", "--keep-denormals", "--cold",
    ),
    "How long": ("--time", "--budget", "--timed"),
    "What is compared": ("--vs", "--best", "--to", "--run", "--convention", "--peak-flops", "--peak-bw", "--refresh"),
    "What is shown": (
        "--details", "--explain", "--roofline", "--picture", "--ascii", "--columns", "--sort", "--top", "--flat",
        "--times", "--useful", "--backward", "--paths", "--unit", "--plot",
    ),
    "Where it goes": ("--format", "--output", "--save", "--resume", "--assert"),
}  # fmt: skip
"""Headings of options, in order, and the options below each; others stand under Options."""
MANY: Final = 10
"""So many options of a command stand in groups."""


def option_group(names: list[str]) -> str:
    """Return the heading an option stands under.

    >>> option_group(["--input", "-i"]), option_group(["--kernel-size"])
    ('What is read', 'Options')
    """
    return next((title for title, members in OPTION_GROUPS.items() if set(names) & set(members)), "Options")
