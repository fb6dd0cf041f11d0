"""What docstrings of recipes claim can be typed, and what recipes may say of their kind is what a kind has."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any

import pytest

from convcalc.analyses.symbolic.symbols import input_shapes, letters
from convcalc.builder import Builder
from convcalc.errors import SpecError
from convcalc.graph import Value
from convcalc.kinds import all_kinds
from convcalc.registry import KINDS, Kind, KindOptions, kind
from convcalc.spec.source import blocks

SETTING = re.compile(r"\b[a-z]\w*=[^\s,;:()`]+")


def settings(recipe: Any) -> list[str]:
    """Every `word=value` of a docstring."""
    return [setting.rstrip(".") for setting in SETTING.findall(recipe.__doc__ or "")]


@pytest.mark.parametrize("name", [name for name in all_kinds() if settings(all_kinds()[name].recipe)])
def test_every_setting_a_docstring_offers_is_taken(name: str) -> None:
    for setting in settings(all_kinds()[name].recipe):
        ((layer,),) = (block.layers for block in blocks([name, setting], []))
        key, _, value = setting.partition("=")
        assert key in layer.arguments and str(layer.arguments[key]).lower().strip("()") == value.lower()


def test_a_setting_that_is_not_taken_is_seen() -> None:
    def recipe(b: Builder, x: Value) -> Value:
        """Keep the size with padding=half, as some say; `out_channels=8` is taken."""
        return x

    assert settings(recipe) == ["padding=half", "out_channels=8"]
    with pytest.raises(SpecError, match="padding"):
        blocks(["octave", "padding=half"], [])


@pytest.mark.parametrize("name", all_kinds())
def test_no_letter_of_a_kind_stands_for_two_sizes(name: str) -> None:
    found = all_kinds()[name]
    symbols = letters(found, {})
    assert len(set(symbols.values())) == len(symbols)
    rank = found.spatial or (2 if not found.ranks or 2 in found.ranks else found.ranks[0])
    sizes = {str(symbol) for shape in input_shapes(found, rank) for size in shape for symbol in size.free_symbols}
    assert not sizes & {str(symbol) for symbol in symbols.values()}


def test_what_a_recipe_may_say_of_its_kind_is_what_a_kind_has() -> None:
    assert set(KindOptions.__annotations__) == {field.name for field in fields(Kind)} - {"recipe", "source", "rank"}


def test_two_recipes_of_a_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convcalc.registry.KINDS", dict(KINDS))

    def conv(b: Builder, x: Value) -> Value:
        """Do nothing."""
        return x

    with pytest.raises(ValueError, match="two recipes are called conv"):
        kind(source="-")(conv)
