"""`replacing`: a file that is written whole or not at all: beside its place, and then renamed."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give the path to write to, and put what was written in the place of `path` once it is complete.

    What is no regular file (a pipe, a terminal, /dev/null), or lies in a folder without permission for another file,
    is written directly. A link stays one, and a file keeps its permissions. Raises OSError as writing does.
    """
    target, mode = Path(os.path.realpath(path)), None
    with suppress(FileNotFoundError):
        mode = path.stat().st_mode
    if (mode is not None and not stat.S_ISREG(mode)) or not os.access(target.parent, os.W_OK):
        yield path
        return
    beside = target.with_name(f".{target.stem[:100]}.{os.urandom(4).hex()}{target.suffix}")
    try:
        yield beside
        if mode is not None:
            beside.chmod(stat.S_IMODE(mode))
        beside.replace(target)
    except BaseException:
        with suppress(OSError):
            beside.unlink()
        raise
