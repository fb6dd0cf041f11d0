"""`read_subjects`: the words of a command line as subjects, and which of them can be run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from convcalc.cli.options import InputLayout, immediate_interrupts
from convcalc.errors import SpecError, UnsupportedError
from convcalc.spec.assemble import assemble
from convcalc.spec.model_words import ModelWords, model_words
from convcalc.spec.source import blocks
from convcalc.spec.tensors import tensor
from convcalc.subject import Subject, Tensor

_INPUT = re.compile(r"(?:^|\s)(-i|--input)[=\s]\s*(\S+)")
"""An input inside a spec in quotes."""


def read_subjects(
    spec: Sequence[str] | None,
    inputs: Sequence[str] | None,
    layout: InputLayout,
    *,
    needs_input: bool = True,
    printed: bool = False,
    trains: bool = False,
    any_channels: bool = False,
) -> list[Subject]:
    """Read a model, or a spec and write each of its blocks as a graph. Raises SpecError and ShapeError.

    `trains` runs a model's forward in training mode; layers are always written for inference. With `any_channels`
    output channels may be left out, for what does not depend on them.
    """
    words = model_words(spec or ())
    if words is not None:
        given = [tensor(text) for text in inputs or ()]
        return [_load(words, given, trains=trains, weights_only=printed)]
    if trains:
        raise SpecError("--train is for a model (such as torchvision:resnet18): layers are written for inference")
    return [
        assemble(block, layout=layout.value, needs_input=needs_input, any_channels=any_channels)
        for block in blocks(spec or (), inputs or (), printed=printed)
    ]


def _load(words: ModelWords, given: list[Tensor], *, trains: bool, weights_only: bool) -> Subject:
    with immediate_interrupts():
        from convcalc.pytorch.load import load
    return load(words, given, trains=trains, weights_only=weights_only)


def read_subject(
    spec: Sequence[str] | None, inputs: Sequence[str] | None, layout: InputLayout, refusal: str,
    *, any_channels: bool = False,
) -> Subject:  # fmt: skip
    """Read a spec of one block. Raises SpecError with `refusal` for several."""
    subject, *more = read_subjects(spec, inputs, layout, any_channels=any_channels)
    if more:
        raise SpecError(refusal)
    return subject


def drawn_subject(spec: Sequence[str] | None, inputs: Sequence[str] | None, layout: InputLayout) -> tuple[Subject, str]:
    """Read a model, or a spec of one block on an input that can be drawn, and what is said of that input.

    Raises SpecError and ShapeError as `read_subject` does.
    """
    if model_words(spec or ()) is not None:
        return read_subjects(spec, inputs, layout)[0], ""
    block, *more = blocks(spec or (), inputs or ())
    if more:
        raise SpecError("show draws one stack, not several blocks")
    from convcalc.spec.drawn import drawn

    return drawn(block, layout=layout.value)


def whole_subject(
    spec: str, inputs: Sequence[str] | None, layout: InputLayout, *, command: str, needs_input: bool = True
) -> Subject:
    """Read one whole spec in quotes, in which -i may stand as well. Raises SpecError for several blocks."""
    words, own = _with_inputs(spec)
    try:
        subject, *more = read_subjects([words], own or inputs, layout, needs_input=needs_input)
    except SpecError as error:
        each = "; or give each spec its own -i, inside its quotes" if len(own or inputs or ()) > 1 and not own else ""
        raise SpecError(f"{error}{each}" if error.spot else f"{spec}: {error}{each}", error.spot) from None
    if more:
        raise SpecError(f"{spec} has {len(more) + 1} blocks: {command} takes one stack for each spec")
    return subject


def _with_inputs(spec: str) -> tuple[str, list[str]]:
    """A spec without its -i, and what they say."""
    inputs = [given for _, given in _INPUT.findall(spec)]
    return _INPUT.sub("", spec).strip(), inputs


def layer_words(subject: Subject, name: str | None) -> tuple[str, str]:
    """Return one layer of a model as its own words, and the sizes of what it reads. Raises SpecError for others."""
    from convcalc.pytorch.load import layer_text

    return layer_text(subject, name)


def place_of(spec: Sequence[str] | None) -> str:
    """Return the file that words name: of layers, or of a model's code; nothing where they name none."""
    words = model_words(spec or ())
    if words is not None:
        return words.where if words.is_code_file or not words.name else ""
    files = [word[1:] for word in spec or () if word.startswith("@")]
    return files[0] if len(files) == 1 else ""


def quoted(words: Sequence[str]) -> list[str]:
    """Return words that lack their quotes as the specs they were meant to be: settings belong to the word before."""
    specs: list[str] = []
    for word in words:
        if "=" in word and " " not in word and specs and ":" not in specs[-1].split()[0]:
            specs[-1] += f" {word}"
        else:
            specs.append(word)
    return [spec if spec.startswith("@") and " " not in spec else f'"{spec}"' for spec in specs]


def check_runnable(subjects: Sequence[Subject]) -> None:
    """Raise UnsupportedError for a stack that cannot be run: hidden layers, inputs that are no real numbers."""
    for subject in subjects:
        if subject.hidden:
            raise UnsupportedError(f"{', '.join(subject.hidden)} cannot be run: its layers are not shown")
        layout = subject.block.layers[0].kind.layout if subject.block.layers else ()
        for given in subject.block.inputs:
            if layout and "F" not in layout and given.dtype.startswith("int"):
                continue
            if given.dtype not in ("", "float32"):
                raise UnsupportedError(f"-i {given.text}: layers run on real numbers (--dtype says which)")


def at_batch(subjects: Sequence[Subject], size: int | None) -> list[Subject]:
    """Return the stacks on inputs of another batch, or as they are. Raises UnsupportedError for inputs without one."""
    if size is None:
        return list(subjects)
    batched = []
    for subject in subjects:
        if subject.on is not None:
            batched.append(subject.on(tuple((size, *value.shape[1:]) for value in subject.graph.inputs)))
            continue
        first, graph = subject.block.layers[0].kind, subject.graph
        if first.rows or any(len(value.shape) < 2 for value in graph.inputs):
            raise UnsupportedError(f"--batch: the input of {first.name} has no batch")
        pairs = zip(subject.block.inputs, graph.inputs, strict=True)
        inputs = tuple(given._replace(sizes=(size, *value.shape[1:])) for given, value in pairs)
        batched.append(assemble(subject.block._replace(inputs=inputs)))
    return batched


def hints(subjects: Iterable[Subject]) -> list[str]:
    """Return what the reader of each stack may want to know, for stderr."""
    return [subject.hint for subject in subjects if subject.hint]
