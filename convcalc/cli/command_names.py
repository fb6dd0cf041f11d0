"""`GROUPS`, `COMMANDS` and what other words mean: the names a user can type, and what others are called here."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Final

from convcalc.errors import ConvcalcError, nearest

GROUPS: Final[dict[str, dict[str, str]]] = {
    "Count": {
        "summary": "Shapes, parameters, multiply-adds and receptive field in one table.",
        "shape": "Output shape after each layer and at the end.",
        "params": "Weights, biases and norm parameters per layer.",
        "macs": "Multiply-adds per layer, and the other work beside them.",
        "memory": "Bytes of parameters and activations, in inference and in training.",
        "rf": "Receptive field: size, jump, start and centre per layer.",
    },
    "Design": {
        "hdc-check": "Do dilated convolutions leave holes? The paper's rules and the exact answer.",
        "hdc-design": "Dilation rates that reach a field without holes.",
        "checkerboard": "How unevenly transposed layers write their outputs, and what to do.",
        "solve": "Which layer turns size A into B, and which inputs fit a stack.",
        "lint": "What an expert would say about the layers, with a remedy for each.",
        "sweep": "Every combination of ranges of settings and sizes, and the best of them.",
        "fit": "The largest settings, or batch, that a budget allows.",
        "compare": "Several layers side by side, with ratios to the first.",
        "alt": "What the literature offers in a convolution's place, with the ratio of the work.",
        "separable": "Can a kernel be split into a column and a row, and does it pay?",
    },
    "Learn": {
        "explain": "What a kind is, its graph, and its formulas derived from its recipe.",
        "show": "How layers work: pictures, pages to play with, animations.",
        "kinds": "Every kind of layer, or one kind's arguments, defaults and source.",
        "matrix": "Small linear layers as the sparse matrix they are.",
        "examples": "The spec files that come with convcalc.",
    },
    "Measure": {
        "profile": "Run the layers here and time them.",
        "diff": "Two runs of profile, summaries, specs or models: faster, slower, changed.",
        "machine": "What this machine can do at most: FLOP/s, bytes/s, and the ridge between.",
        "verify": "Our numbers beside torch's own and fvcore's.",
        "reconcile": "From our number to fvcore's, torchinfo's, ptflops', thop's and others', term by term.",
    },
    "Help": {
        "help": "A command's help, or a page: counting, formats, json, spec, profiling and more.",
        "convert": "A network of darknet, benchdnn, MIOpenDriver or timm in convcalc's words.",
        "about": "Versions, devices, cache and zoos here, for a report of a bug.",
        "completion": "A completion script for your shell.",
    },
}
"""What each command answers, in the groups and the order of `--help`."""
COMMANDS: Final[dict[str, str]] = {name: text for group in GROUPS.values() for name, text in group.items()}
SYNONYMS: Final[dict[str, str]] = {
    **dict.fromkeys(("flops", "flop", "mac", "madds", "mult-adds", "gflops", "complexity", "count"), "macs"),
    **dict.fromkeys(("bench", "benchmark", "time", "timing", "speed", "latency", "run", "measure"), "profile"),
    **dict.fromkeys(("hdc", "gridding", "holes", "dilation", "dilations"), "hdc-check"),
    **dict.fromkeys(("receptive-field", "receptive_field", "receptive", "field", "fov"), "rf"),
    **dict.fromkeys(("info", "torchinfo", "stats", "table", "model", "analyze", "report"), "summary"),
    **dict.fromkeys(("list", "layers", "layer", "ops", "search", "find"), "kinds"),
    **dict.fromkeys(("rules", "rule"), "lint --rule"),
    **dict.fromkeys(("weights", "parameters", "param"), "params"),
    **dict.fromkeys(("size", "sizes", "output", "shapes"), "shape"),
    **dict.fromkeys(("ram", "mem", "activations"), "memory"),
    **dict.fromkeys(("formula", "formulas", "doc", "docs", "describe"), "explain"),
    **dict.fromkeys(("roof", "roofs", "roofline", "peak", "peaks", "gpu", "device"), "machine"),
    **dict.fromkeys(("alternatives", "alternative", "replace"), "alt"),
    **dict.fromkeys(("design", "rates"), "hdc-design"),
    **dict.fromkeys(("example", "samples"), "examples"),
    **dict.fromkeys(("version", "versions", "env"), "about"),
    **dict.fromkeys(("vs", "side-by-side"), "compare"),
    **dict.fromkeys(("check", "test"), "verify"),
    **dict.fromkeys(("draw", "picture", "visualize", "visualise", "plot", "animate", "see", "view"), "show"),
}
"""What people who know other tools type, and the command that answers it here."""
OPTION_SYNONYMS: Final[dict[str, str]] = {
    "--gpu": "--device cuda", "--cuda": "--device cuda", "--cpu": "--device cpu",
    **dict.fromkeys(("--runs", "--repeat", "--repeats", "--iterations", "--iters", "--warmup"), "--time SECONDS"),
    **dict.fromkeys(("--batch-size", "--bs", "--n"), "--batch N, or the first size of -i"),
    **dict.fromkeys(("--size", "--shape", "--input-size", "--input-shape", "--input_size"), "-i 3x224x224"),
    **dict.fromkeys(("--model", "--net", "--module"), "the model itself, such as my_model.py:Net"),
    **dict.fromkeys(("--rates", "--dilations", "--rate"), "the rates themselves, such as 1,2,5"),
    **dict.fromkeys(("--json", "--csv", "--md", "--markdown"), "-f json, csv or markdown"),
    **dict.fromkeys(("--limit", "--max", "--rows"), "--top N"),
    **dict.fromkeys(("--precision", "--half", "--fp16", "--bf16"), "--dtype fp16 or bf16"),
    **dict.fromkeys(("--verbose", "-v", "--all"), "--details or --depth N"),
    "--max-macs": "--assert 'macs<600M'", "--max-params": "--assert 'params<5M'",
    **dict.fromkeys(("--max-memory", "--budget-macs", "--fail-over"), "--assert CONDITION"),
}  # fmt: skip
"""What people try, and what the option is here, where the command has it."""


RENAMED: Final[dict[str, dict[str, str]]] = {
    "compare": {"--limit": "--time"},
    "alt": {"--limit": "--time"},
    "solve": {"--limit": "--top"},
    "hdc-design": {"--limit": "--top"},
    "lint": {"--explain": "--rule"},
    "matrix": {"--transpose": "--transposed"},
}
"""By command: what an option was called, and what it is called now."""
SWITCHED: Final = ("compare", "alt")
"""Commands whose `--time` was a switch, now `--timed`: seconds stand behind the new one."""


STEM, ALIKE = 3, 0.8
"""How many first letters two words share, in any order, or else how much of all, for one to be taken for the other."""


def meant_command(word: str) -> str:
    """Return what a word that is no command may have meant: layers, a model, another tool's word, or a typo."""
    from convcalc.spec.model_words import model_hint, model_words

    if word.startswith("@") or word == "-":
        return f"; for layers in a file: convcalc summary {word}"
    from convcalc.spec.examples import examples_folder

    if (examples_folder() / f"{word}.txt").is_file():
        return f"; for the example: convcalc summary @{word}"
    if synonym := SYNONYMS.get(word.lower()):
        return f"; did you mean convcalc {synonym}?"
    with suppress(ConvcalcError):
        if model_words([word]) is not None:
            return f"; for a model: convcalc summary {word}"
    from convcalc.kinds import find

    if Path(word).is_file() and not word.endswith(".py"):
        return f"; for the layers in that file: convcalc summary @{word}"
    if named := model_hint(word):
        return f"{named}; convcalc summary reads it" if ":" in named else named
    with suppress(ConvcalcError):
        find(word)
        return f"; for a kind of layer: convcalc explain {word}"
    return akin(word, COMMANDS)


def meant_option(word: str, options: list[str]) -> str:
    """Return what an option that is not there may have meant."""
    name = word.partition("=")[0]
    if name == "-V":
        return "; use convcalc --version"
    synonym = OPTION_SYNONYMS.get(name.lower())
    if synonym and (not synonym.startswith("-") or synonym.split(",", maxsplit=1)[0].split()[0] in options):
        return f"; use {synonym}"
    return akin(name, options)


def akin(word: str, known: list[str] | dict[str, str]) -> str:
    """Return the nearest of some words, where it begins as the typed one does, with a letter out of place at most.

    >>> akin("shap", ["shape", "rf"]), akin("list", ["lint"]), akin("--fromat", ["--format"])
    ("; did you mean 'shape'?", '', "; did you mean '--format'?")
    """
    from difflib import SequenceMatcher

    stem = word.lower().lstrip("-")
    likely = [
        other
        for other in known
        if sorted(other.lstrip("-")[:STEM]) == sorted(stem[:STEM])
        or (other.lstrip("-")[0] == stem[:1] and SequenceMatcher(None, other, word).ratio() > ALIKE)
    ]
    return nearest(word, likely)
