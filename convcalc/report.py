"""`Report`: what `analyze` answers, as an object, a table, HTML, a document or a data frame."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from convcalc.analyses.layer_answers import SummaryReport
from convcalc.errors import UnavailableError

if TYPE_CHECKING:
    from convcalc.analyses.counts.params import Params
    from convcalc.analyses.counts.report import CountedRow
    from convcalc.render.table import Answer
    from convcalc.sizes import Shape, Size


@dataclass(frozen=True, slots=True)
class Report:
    """Shapes, parameters, multiply-adds and receptive field of every layer, with totals.

    `str()` is a plain table; notebooks show it as HTML, and `rich.print` in colour.
    """

    summary: SummaryReport

    @property
    def params(self) -> Size:
        """Learned numbers, frozen ones included."""
        return self.parts.total

    @property
    def parts(self) -> Params:
        """Learned numbers by what they do: weights, biases, norm, other, trainable."""
        return self.summary.counts.params

    @property
    def macs(self) -> Size:
        """Multiply-adds, taps on padding included; FLOPs are twice as many."""
        return self.summary.counts.macs

    @property
    def output(self) -> Shape | list[Shape]:
        """The shape that comes out (batch, channels, *spatial); a list of several."""
        shapes = [value.shape for block in self.summary.counts.blocks for value in block.subject.graph.outputs]
        return shapes[0] if len(shapes) == 1 else shapes

    @property
    def rows(self) -> tuple[CountedRow, ...]:
        """Each layer with its `name`, `text`, `outputs`, `params`, `macs`, `other` and how often (`times`)."""
        return self.summary.counts.rows

    @property
    def at_least(self) -> list[str]:
        """The names of what could not be counted: with any, totals are lower bounds."""
        return self.summary.counts.at_least

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document of `convcalc summary` without its envelope."""
        return self.summary.to_dict()

    def table(self, columns: str | None = None, *, sort: str | None = None, top: int | None = None) -> str:
        """Return the modules as a plain table.

        `columns` is a list such as "output,kernel,params,macs,bytes", `sort` a column ("macs", "params:asc") and `top`
        how many of the sorted are shown. Raises SpecError for a column that is not there.
        """
        return self._text(self._answer(columns, sort, top))

    def to_pandas(self) -> Any:
        """Return a data frame with a row for every layer or module. Raises UnavailableError without pandas."""
        try:
            import pandas as pd
        except ImportError:
            raise UnavailableError("pandas is not installed here: pip install pandas") from None
        document = self.to_dict()
        rows = [row for block in document.get("blocks", [document]) for row in block["layers"]]
        return pd.DataFrame(rows)

    def _answer(self, columns: str | None = None, sort: str | None = None, top: int | None = None) -> Answer:
        from convcalc.cli.views.module_tree import columns as named
        from convcalc.cli.views.module_tree import order, tree_tables
        from convcalc.cli.views.summary import summary_tables
        from convcalc.render.table import Answer

        chosen, sorting = named(columns), order(sort, top)
        treed = columns is not None or sorting is not None
        summary = self.summary.treed() if treed else self.summary
        tables = tree_tables(summary, chosen, sorting) if summary.trees else summary_tables(summary)
        return Answer("summary", self.to_dict, tables)

    @staticmethod
    def _text(answer: Answer) -> str:
        from convcalc.render.terminal import print_answer

        stream = io.StringIO()
        print_answer(answer, stream)
        return stream.getvalue().rstrip("\n")

    def __str__(self) -> str:
        return self._text(self._answer())

    def _repr_html_(self) -> str:
        from convcalc.render.html import to_html

        return to_html(self._answer())

    def __rich__(self) -> Any:
        from convcalc.render.terminal import renderable

        return renderable(self._answer())
