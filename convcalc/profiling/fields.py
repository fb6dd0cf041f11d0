"""`column`, `to_json` and `from_json`: a dataclass field declared once is a key of JSON and a column of tables.

A group, a dataclass declared with `inline()`, has its keys among those of the dataclass it is in.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, get_args, get_origin

from convcalc.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")
LARGEST = 10**30
"""Numbers from here on were never measured or counted."""


class Column(NamedTuple):
    """How a field is written: key, heading in tables, unit (s, B, count, share, ...), and what it is.

    An `optional` key is left out of JSON where it has no value, and read as its default; `positive` says that 0 is
    refused; a `hidden` column is in no table but that of --details.
    """

    tag: str
    heading: str = ""
    unit: str = ""
    description: str = ""
    hidden: bool = False
    optional: bool = False
    positive: bool = False
    default: Any = None


def column(
    description: str, unit: str = "", heading: str = "", *, key: str = "", hidden: bool = False,
    optional: bool = False, positive: bool | None = None, default: Any = dataclasses.MISSING,
) -> Any:  # fmt: skip
    """Return a dataclass field with its column; seconds are positive unless it says otherwise."""
    if optional and default is dataclasses.MISSING:
        default = None
    above_zero = unit == "s" if positive is None else positive
    declaration = Column(key, heading, unit, description, hidden, optional, above_zero, default)
    return dataclasses.field(default=default, metadata={"column": declaration})


def inline(*, optional: bool = False) -> Any:
    """Return a dataclass field that holds a group: its keys stand beside the others. None where it is left out."""
    metadata = {"inline": True, "optional": optional}
    if optional:
        return dataclasses.field(default=None, metadata=metadata)
    return dataclasses.field(metadata=metadata)


class _Field(NamedTuple):
    name: str
    annotation: Any
    column: Column
    is_group: bool


@cache
def _fields(cls: Any) -> tuple[_Field, ...]:
    hints = typing.get_type_hints(cls)
    fields = []
    for field in dataclasses.fields(cls):
        declaration: Column = field.metadata.get("column", Column(""))
        declaration = declaration._replace(tag=declaration.tag or field.name)
        fields.append(_Field(field.name, hints[field.name], declaration, field.metadata.get("inline", False)))
    return tuple(fields)


def _group(annotation: Any) -> type:
    """The dataclass of a group that may be None."""
    return next(part for part in (annotation, *get_args(annotation)) if dataclasses.is_dataclass(part))  # type: ignore[return-value]


@cache
def columns(cls: type) -> dict[str, Column]:
    """Return the columns of a dataclass by tag, its groups' among them, in the order of JSON."""
    return {declaration.tag: declaration for declaration in _columns(cls)}


def _columns(cls: type) -> Iterator[Column]:
    for field in _fields(cls):
        if field.is_group:
            yield from _columns(_group(field.annotation))
        else:
            yield field.column


def to_json(value: Any) -> Any:
    """Return a value as JSON holds it: dataclasses and named tuples by key, tuples as lists."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        document: dict[str, Any] = {}
        for field in _fields(type(value)):
            part = getattr(value, field.name)
            if field.is_group:
                document |= {} if part is None else to_json(part)
            elif part not in (None, 0) or not field.column.optional:
                document[field.column.tag] = to_json(part)
        return document
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {key: to_json(part) for key, part in value._asdict().items()}
    if isinstance(value, (list, tuple)):
        return [to_json(part) for part in value]
    if isinstance(value, dict):
        return {key: to_json(part) for key, part in value.items()}
    return value


def from_json(cls: Callable[..., T], document: Any) -> T:
    """Return what `to_json` wrote of a dataclass. Raises SpecError naming the key that does not fit, or is missing."""
    if not isinstance(document, dict):
        raise SpecError("this is not an object")
    values: dict[str, Any] = {}
    for field in _fields(cls):
        if field.is_group:
            kind = _group(field.annotation)
            there = kind is field.annotation or any(declaration.tag in document for declaration in _columns(kind))
            values[field.name] = from_json(kind, document) if there else None
        elif field.column.tag in document:
            values[field.name] = _value(field.annotation, document[field.column.tag], field.column)
        elif field.column.optional:
            values[field.name] = field.column.default
        else:
            raise SpecError(f"{field.column.tag} is missing")
    return cls(**values)


def _value(annotation: Any, value: Any, declaration: Column) -> Any:
    """Return a value of JSON as its annotation has it. Raises SpecError for one of another type."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin in (types.UnionType, typing.Union):
        if value is None and type(None) in parts:
            return None
        (annotation,) = (part for part in parts if part is not type(None))
        return _value(annotation, value, declaration)
    if annotation is Any:
        return value
    if origin is tuple:
        listed = _of_type(list, value, declaration)
        kinds = [parts[0]] * len(listed) if parts[-1] is Ellipsis else list(parts)
        if len(kinds) != len(listed):
            raise SpecError(f"{declaration.tag} has {len(listed)} entries, not {len(kinds)}")
        return tuple(_value(kind, part, declaration) for kind, part in zip(kinds, listed, strict=True))
    if origin is dict or annotation is dict:
        return _of_type(dict, value, declaration)
    if dataclasses.is_dataclass(annotation):
        return from_json(annotation, value)  # type: ignore[arg-type]
    if isinstance(annotation, type) and hasattr(annotation, "_fields"):
        return _named_tuple(annotation, value, declaration)
    return _scalar(annotation, value, declaration)


def _named_tuple(cls: Any, value: Any, declaration: Column) -> Any:
    document = _of_type(dict, value, declaration)
    hints = typing.get_type_hints(cls)
    if missing := [name for name in cls._fields if name not in document and name not in cls._field_defaults]:
        raise SpecError(f"{declaration.tag} has no {missing[0]}")
    return cls(**{name: _value(hints[name], document[name], Column(name)) for name in cls._fields if name in document})


def _scalar(kind: type, value: Any, declaration: Column) -> Any:
    """Return text, a flag, a count from 0 on, or a finite number. Raises SpecError for anything else."""
    if kind in (int, float):
        right = isinstance(value, (int, float) if kind is float else int) and not isinstance(value, bool)
        if not right or not abs(value) < LARGEST or (kind is int and value < 0):
            raise SpecError(f"{declaration.tag} is not a {'number' if kind is float else 'count'}")
        if declaration.positive and value <= 0:
            raise SpecError(f"{declaration.tag} is not above 0")
        return value
    return kind(_of_type(str if issubclass(kind, str) else kind, value, declaration))


def _of_type(kind: type, value: Any, declaration: Column) -> Any:
    if not isinstance(value, kind):
        raise SpecError(f"{declaration.tag} is not a {kind.__name__}")
    return value
