"""`Command`, `completion_script`: what Typer does not offer in public and we use: its parser, context, completion.

Everything of Typer's that a minor release may move is imported here and nowhere else; a test names each.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeAlias

from typer.core import TyperCommand

from convcalc.cli.help_text import EXAMPLES, MANY, OPTION_GROUPS, option_group

if TYPE_CHECKING:
    from typer._click import Context as _Context

    Context: TypeAlias = _Context

MANY_DIGITS = r"\d{5,}"


class Command(TyperCommand):
    """A command whose words may begin with a minus: only one that a letter or a minus follows is an option's.

    Its help has many options in groups, and three examples below.
    """

    def format_options(self, ctx: Context, formatter: Any) -> None:
        """Write arguments, then options under their headings."""
        groups: dict[str, list[tuple[str, str]]] = {
            "Arguments": [],
            **{title: [] for title in OPTION_GROUPS},
            "Options": [],
        }
        parameters = [parameter for parameter in self.get_params(ctx) if parameter.get_help_record(ctx) is not None]
        grouped = sum(parameter.param_type_name == "option" for parameter in parameters) >= MANY
        for parameter in parameters:
            title = "Options"
            if parameter.param_type_name == "argument":
                title = "Arguments"
            elif grouped:
                title = option_group(parameter.opts)
            groups[title].append(_plainly(*(parameter.get_help_record(ctx) or ("", ""))))
        for title, records in groups.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)

    def format_epilog(self, ctx: Context, formatter: Any) -> None:
        """Write the examples, each a line as it is typed."""
        formatter.write_paragraph()
        formatter.write("Examples:\n")
        for words in EXAMPLES.get(ctx.info_name or "", ()):
            formatter.write(f"  convcalc {ctx.info_name} {words}".rstrip() + "\n")

    def make_parser(self, ctx: Context) -> Any:
        """Return Click's parser, which is asked for options alone: `-1 0 1` is a word."""
        parser = super().make_parser(ctx)
        options = parser._process_opts

        def process(word: str, state: Any) -> None:
            if re.match(r"-[A-Za-z-]", word):
                options(word, state)
            else:
                state.largs.append(word)

        parser._process_opts = process  # type: ignore[assignment, method-assign]
        return parser


def _plainly(names: str, text: str) -> tuple[str, str]:
    """A line of help without the names of Python's types, and without limits that nobody meets."""
    names = re.sub(r"<(int|float)( range)?>", "N", names)
    return names, re.sub(r" *\[\]", "", re.sub(rf"(\d+<=)?x<={MANY_DIGITS}(; )?", "", text))


def completion_script(shell: str, program: str, variable: str) -> str:
    """Return what a shell sources; when it asks for completions it sets the variable and runs the program."""
    from typer._completion_shared import get_completion_script

    return get_completion_script(prog_name=program, complete_var=variable, shell=shell)


def start_completion() -> None:
    """Teach Click the shells Typer completes in."""
    from typer._completion_classes import completion_init

    completion_init()
