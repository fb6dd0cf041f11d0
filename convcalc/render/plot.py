"""`check_plot`, `saved_plot`: a figure of matplotlib that is in its file whole, or not at all."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convcalc.errors import ConvcalcError, SpecError, UnavailableError
from convcalc.files import replacing

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS = (".svg", ".png", ".pdf")


def check_plot(path: str) -> None:
    """Refuse a picture that cannot be made, before anything is timed. Raises SpecError and UnavailableError."""
    if Path(path).suffix.lower() not in KINDS:
        raise SpecError(f"--plot takes a file that ends in {', '.join(KINDS)}, not {path!r}")
    from importlib.util import find_spec

    if find_spec("matplotlib") is None:
        raise UnavailableError("--plot needs matplotlib: pip install 'convcalc[plot]' (--roofline draws as text)")


@contextmanager
def saved_plot(path: str, size: tuple[float, float]) -> Iterator[Any]:
    """Axes of a figure of so many inches, saved at the end. Raises ConvcalcError where it cannot be written."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    with mpl.rc_context({"font.family": "DejaVu Sans", "svg.fonttype": "none", "svg.hashsalt": "convcalc"}):
        figure, plane = pyplot.subplots(figsize=size, layout="constrained")
        try:
            yield plane
            with replacing(Path(path)) as beside:
                figure.savefig(beside, dpi=160, bbox_inches="tight")
        except OSError as error:
            raise ConvcalcError(f"{path} cannot be written: {error.strerror or error}") from None
        finally:
            pyplot.close(figure)
