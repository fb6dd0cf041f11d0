"""`in_words`: what a model's own code raises, as one line with the file and line of that code."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from convcalc.errors import ConvcalcError, ShapeError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

OURS = str(Path(__file__).parent.parent)
CALLING = tuple(str(Path(__file__).with_name(f"{name}.py")) for name in ("reading", "constants", "dispatch"))
"""Files of ours that call torch's functions, which have no frames of their own."""
MISTAKE = "a reader of ours failed"
THEIRS = str(Path(torch.__file__).parent)


@contextmanager
def in_words(doing: str = "the model's forward") -> Iterator[None]:
    """Turn what a model's code raises into one line; a mistake of ours stays what it is.

    Raises ShapeError where torch refuses sizes, UnsupportedError for all else.
    """
    try:
        yield
    except ConvcalcError as error:
        where = place(error.__traceback__)
        raise type(error)(f"{error} ({where})" if where else str(error)) from None
    except Exception as error:
        file = _file(error.__traceback__)
        if MISTAKE in getattr(error, "__notes__", ()) or (file.startswith(OURS) and file not in CALLING):
            raise
        where = place(error.__traceback__)
        at = f" at {where}" if where else ""
        text = f"{type(error).__name__}: {first_line(error)}" if str(error) else type(error).__name__
        if isinstance(error, NotImplementedError):
            raise UnsupportedError(f"{doing} needs values, which sizes do not give{at}: {first_line(error)}") from error
        if isinstance(error, RuntimeError):
            raise ShapeError(f"{doing} failed on these sizes{at}: {first_line(error)}") from error
        raise UnsupportedError(f"{doing} failed{at}: {text}") from error


def place(trace: TracebackType | None) -> str:
    """Return file:line of the innermost line of the user's own code; nothing where there is none."""
    where = ""
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if not file.startswith((OURS, THEIRS, "<", sys.prefix, sys.base_prefix)):
            where = f"{_short(file)}:{trace.tb_lineno}"
        trace = trace.tb_next
    return where


def _file(trace: TracebackType | None) -> str:
    file = ""
    while trace is not None:
        file, trace = trace.tb_frame.f_code.co_filename, trace.tb_next
    return file


def _short(file: str) -> str:
    try:
        return str(Path(file).relative_to(Path.cwd()))
    except ValueError:
        return file


def first_line(error: BaseException) -> str:
    """Return what an exception says, without what follows its first line."""
    return str(error).strip().split("\n")[0]
