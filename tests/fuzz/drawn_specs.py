"""`draw`: stacks of layers as torch.nn calls, mostly sensible; `judged`: what torch makes of one."""

from __future__ import annotations

import warnings
from random import Random
from typing import Any, NamedTuple

import torch
from torch import nn

POSITIONS = 200_000
"""The most numbers of a tensor that is held."""


class Drawn(NamedTuple):
    """Calls and the sizes of their input, batch first; `huge` ones are run on the meta device."""

    calls: tuple[str, ...]
    sizes: tuple[int, ...]
    huge: bool = False

    @property
    def words(self) -> list[str]:
        """The command line's words after the command."""
        return ["-i", "x".join(map(str, self.sizes)), *self.calls]


class Verdict(NamedTuple):
    """What torch says: the output's shape, parameters and multiply-adds, or why it refuses."""

    shape: tuple[int, ...] = ()
    params: int = 0
    macs: int = 0
    refusal: str = ""


def draw(random: Random) -> Drawn:
    """Draw one to four layers of one rank, 8% of the numbers wild."""
    rank = random.choice((1, 2, 2, 2, 3))
    huge = random.random() < 0.05
    most = {1: 40, 2: 14, 3: 7}[rank]
    spatial = [random.randint(1, most) for _ in range(rank)]
    if huge:
        spatial[random.randrange(rank)] = random.choice((2**31, 2**31 - 1, 10**7, 123_457))
    channels = random.choice((1, 2, 3, 4, 6, 8, 12))
    sizes = (random.randint(1, 3), channels, *spatial)
    calls, here = (["MaxPool1d(1)"] if rank == 1 else []), channels  # three sizes alone would be an image's
    for _ in range(random.choice((1, 1, 1, 2, 3, 4))):
        call, here = _layer(random, rank, here)
        calls.append(call)
    return Drawn(tuple(calls), sizes, huge)


def _layer(random: Random, rank: int, channels: int) -> tuple[str, int]:
    """One call, and the channels it leaves where it says."""
    number = lambda *usual: _number(random, *usual)  # noqa: E731  one line each below
    axes = lambda *usual: _axes(random, rank, *usual)  # noqa: E731
    optional = lambda **texts: _some(random, texts)  # noqa: E731
    kernel, stride = axes(1, 2, 3, 3, 5), axes(1, 1, 2, 3)
    match random.randrange(18):
        case 0 | 1 | 2 | 3:
            out, groups = random.choice((1, 2, 4, 6, 8)), random.choice(("1", "1", "2", str(channels)))
            more = optional(
                stride=stride, padding=random.choice((axes(0, 1, 2), "'same'", "'valid'")), dilation=axes(1, 1, 2, 3),
                groups=groups, bias=random.choice(("True", "False")),
                padding_mode=random.choice(("'zeros'", "'reflect'", "'circular'", "'replicate'")),
            )  # fmt: skip
            return f"Conv{rank}d({number(channels)}, {out}, {kernel}{more})", out
        case 4 | 5:
            out = random.choice((1, 2, 4, 6))
            more = optional(
                stride=stride, padding=axes(0, 1), output_padding=axes(0, 0, 1), groups=random.choice(("1", "2")),
                dilation=axes(1, 1, 2), bias=random.choice(("True", "False")),
            )  # fmt: skip
            return f"ConvTranspose{rank}d({channels}, {out}, {kernel}{more})", out
        case 6:
            more = optional(
                stride=stride, padding=axes(0, 1), dilation=axes(1, 2), ceil_mode=random.choice(("True", "False"))
            )
            return f"MaxPool{rank}d({kernel}{more})", channels
        case 7:
            more = optional(
                stride=stride, padding=axes(0, 1), ceil_mode=random.choice(("True", "False")),
                count_include_pad=random.choice(("True", "False")),
            )  # fmt: skip
            return f"AvgPool{rank}d({kernel}{more})", channels
        case 8:
            return f"Adaptive{random.choice(('Max', 'Avg'))}Pool{rank}d({axes(1, 2, 3, 5)})", channels
        case 9:
            flags = ("True", "False")
            more = optional(affine=random.choice(flags), track_running_stats=random.choice(flags))
            return f"{random.choice(('Batch', 'Instance'))}Norm{rank}d({number(channels)}{more})", channels
        case 10:
            more = optional(affine=random.choice(("True", "False")))
            return f"GroupNorm({random.choice((1, 2, channels))}, {number(channels)}{more})", channels
        case 11:
            size = random.choice((f"size={axes(1, 4, 9)}", f"scale_factor={random.choice((2, 3, 0.5, 1.7))}"))
            mode = random.choice(("", ", mode='nearest'", ", mode='bilinear'", ", mode='linear', align_corners=True"))
            return f"Upsample({size}{mode})", channels
        case 12:
            pad = random.choice(("Zero", "Reflection", "Replication", "Circular"))
            sides = str(random.randint(0, 2)) if random.random() < 0.5 else _tuple(_numbers(random, 2 * rank, 0, 1, 2))
            return f"{pad}Pad{rank}d({sides})", channels
        case 13:
            return random.choice(("ReLU()", "GELU()", "Sigmoid()", "Tanh()", "Dropout(0.3)", "Identity()")), channels
        case 14:
            return f"PixelShuffle({random.choice((1, 2))})", channels
        case 15:
            return f"ChannelShuffle({random.choice((1, 2, 3))})", channels
        case 16:
            return f"Flatten({random.choice(('', '1', '2', '1, 2', '0, 1'))})", channels
        case _:
            out = random.choice((1, 5, 10))
            return f"Linear({number(1, 2, 3, 4, 6)}, {out}{optional(bias='False')})", channels


def _number(random: Random, *usual: Any) -> str:
    if random.random() < 0.08:
        return str(random.choice((0, -1, 2.5, None, True, "'x'", "(2,)", 1000, "1e3", 7)))
    return str(random.choice(usual))


def _numbers(random: Random, count: int, *usual: int) -> list[str]:
    return [_number(random, *usual) for _ in range(count)]


def _tuple(numbers: list[str]) -> str:
    return f"({', '.join(numbers)}{',' if len(numbers) == 1 else ''})"


def _axes(random: Random, rank: int, *usual: int) -> str:
    return _number(random, *usual) if random.random() < 0.6 else _tuple(_numbers(random, rank, *usual))


def _some(random: Random, texts: dict[str, str]) -> str:
    return "".join(f", {name}={text}" for name, text in texts.items() if random.random() < 0.4)


def _macs(module: nn.Module, read: torch.Tensor, made: torch.Tensor) -> int:
    """The weight's multiply-adds: once for each position of the output, of a transposed layer's input, or each row."""
    if isinstance(module, nn.Linear):
        return read.numel() // module.in_features * module.weight.numel()
    if not isinstance(module, nn.modules.conv._ConvNd):
        return 0
    maps = read if isinstance(module, nn.modules.conv._ConvTransposeNd) else made
    return maps.numel() // maps.shape[1] * module.weight.numel()


def _numbers_held(drawn: Drawn) -> int:
    """How many numbers the largest tensor of a run would have, on the meta device, which holds none."""
    most = 0
    try:
        with torch.device("meta"), torch.no_grad():
            x = torch.zeros(drawn.sizes)
            for call in drawn.calls:
                module = eval(f"nn.{call}", {"nn": nn}).eval()
                most = max([most, *(parameter.numel() for parameter in module.parameters())])
                x = module(x)
                most = max(most, x.numel())
    except Exception:  # what torch says of it is asked again with numbers
        return most
    return most


def judged(drawn: Drawn) -> Verdict | None:
    """Run the calls in torch, or on the meta device; None where the map is too large to be run."""
    device = "meta" if drawn.huge else "cpu"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if _numbers_held(drawn) > POSITIONS and not drawn.huge:
                return None
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            with torch.device(device):
                stack = nn.Sequential(*(eval(f"nn.{call}", {"nn": nn}) for call in drawn.calls)).eval()
            x = torch.zeros(drawn.sizes, device=device)
            macs = 0
            for module in stack:
                read, x = x, module(x)
                macs += _macs(module, read, x)
        params = sum(parameter.numel() for parameter in stack.parameters())
        return Verdict(tuple(x.shape), params, macs)
    except (MemoryError, AssertionError, NotImplementedError):
        return None
    except Exception as error:
        if "allocate memory" in str(error):
            return None
        return Verdict(refusal=f"{type(error).__name__}: {error}")
