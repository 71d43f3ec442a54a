"""How a record is defined: a `TypedDict` whose annotations say what its columns are."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Annotated, Any, Literal, TypeAlias, TypeVar, Union

from typing_extensions import NotRequired

Record = TypeVar("Record", bound=Mapping[str, Any])
"""A record: the type of the rows that have its columns."""

JsonObject: TypeAlias = dict[str, Any]
"""A JSON object of any shape: `Json()` in Features, `{"type": "object"}` in JSON Schema."""


@dataclass(frozen=True, slots=True)
class Doc:
    """What an annotation says of a column beside its type; see `doc`."""

    text: str = ""
    choices: tuple[str, ...] | None = None
    json_schema: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a record.

    Attributes:
        name: Its name.
        kind: Its type, without `None`.
        nullable: Whether a row may hold a null there.
        required: Whether who makes a row has to say what it holds; what is left out is null.
        doc: What is said of it.
    """

    name: str
    kind: Any
    nullable: bool
    required: bool
    doc: Doc

    def values(self, rows: Iterable[Mapping[str, Any]]) -> list[Any]:
        """What rows hold there; where they leave it out, and may, null."""
        if self.required:
            return [row[self.name] for row in rows]
        return [row.get(self.name) for row in rows]


def doc(
    text: str,
    *,
    choices: Sequence[str] | None = None,
    json_schema: dict[str, Any] | None = None,
) -> Doc:
    """The one-line description of a column, and its vocabulary where that is fixed.

    It stands in the annotation: `name: Annotated[str, doc("Name of the tool.")]`. All go into the
    JSON Schema; the description also into the card. `json_schema` says more of a JSON object than
    its type.
    """
    return Doc(text, None if choices is None else tuple(choices), json_schema or {})


@cache
def record_columns(record: type) -> tuple[Column, ...]:
    """The columns of a record, those of the records it rests on first.

    Example:
        >>> from cb_datasets.records import Scenario
        >>> [column.name for column in record_columns(Scenario) if not column.required]
        ['attack', 'twin_id', 'recorded', 'set_aside', 'probe']
    """
    hints = typing.get_type_hints(record, include_extras=True)
    return tuple(_column(name, hint) for name, hint in hints.items())


def _column(name: str, hint: Any) -> Column:
    required, said = True, Doc()
    while (origin := typing.get_origin(hint)) in (NotRequired, Annotated):
        if origin is NotRequired:
            required = False
        else:
            said = next((item for item in hint.__metadata__ if isinstance(item, Doc)), said)
        hint = typing.get_args(hint)[0]
    kind, nullable = _without_none(hint)
    if typing.get_origin(kind) is Literal:
        # A text with a vocabulary, which the annotation need not say twice.
        kind, said = str, replace(said, choices=typing.get_args(kind))
    return Column(name, kind, nullable, required, said)


def _without_none(hint: Any) -> tuple[Any, bool]:
    if typing.get_origin(hint) in (Union, types.UnionType):
        inner = [arg for arg in typing.get_args(hint) if arg is not type(None)]
        if len(inner) != 1:
            raise TypeError(f"{hint} is a union of several types; a column has one")
        return inner[0], True
    return hint, False
