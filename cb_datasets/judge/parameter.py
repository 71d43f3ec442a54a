"""A parameter of a tool, as its JSON Schema describes it.

In: the schema of a tool's arguments. Out: of each parameter its name, the types it takes, its
default, and the schemas of what lies in it. A schema that says nothing, or nonsense, allows
anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cb_datasets.formats.tool_names import name_words

_MAX_DEPTH = 32
_SET_LIKE = frozenset(
    (
        *("recipients", "participants", "attendees", "invitees", "guests", "members", "users"),
        *("addressees", "emails", "addresses", "contacts", "cc", "bcc", "to", "tags", "labels"),
        *("keywords", "categories", "reviewers", "assignees", "collaborators"),
    )
)
_OF_ENUM = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter, or a value within one.

    Attributes:
        name: Its name; that of the list, for an item.
        schema: Its schema; empty where nothing is known.
        root: The schema that `$ref`s are looked up in.
        required: Whether a call without it is refused.
    """

    name: str = ""
    schema: Mapping[str, Any] = field(default_factory=dict)
    root: Mapping[str, Any] = field(default_factory=dict)
    required: bool = True

    @property
    def types(self) -> frozenset[str]:
        """The JSON types it takes; empty where the schema does not say."""
        found: set[str] = set()
        for option in self._options():
            kinds = option.get("type")
            kinds = kinds if isinstance(kinds, list) else [kinds]
            found.update(kind for kind in kinds if isinstance(kind, str))
            values = option.get("enum") or ([option["const"]] if "const" in option else [])
            if kinds == [None] and isinstance(values, list):
                found.update(_OF_ENUM.get(type(value), "object") for value in values)
        return frozenset(found)

    @property
    def takes_numbers_only(self) -> bool:
        """Whether it takes numbers, and no text."""
        return bool(self.types & {"integer", "number"}) and "string" not in self.types

    @property
    def has_default(self) -> bool:
        """Whether a tool that is called without it takes a value that is known."""
        return "default" in self.schema or self.takes_null_for_nothing

    @property
    def default(self) -> Any:
        """The value that a call without it has."""
        return self.schema.get("default")

    @property
    def takes_null_for_nothing(self) -> bool:
        """Whether null is the same as leaving it out."""
        if self.required or self.schema.get("default") is not None:
            return False
        return "default" in self.schema or "null" in self.types

    @property
    def is_set(self) -> bool:
        """Whether the order of its items says nothing."""
        unique = any(option.get("uniqueItems") is True for option in self._options())
        return unique or bool(_SET_LIKE.intersection(name_words(self.name)[-1:]))

    @property
    def choices(self) -> list[str]:
        """The texts that it is one of, if it is an enum."""
        values = [option.get("enum") for option in self._options()]
        return [text for v in values if isinstance(v, list) for text in v if isinstance(text, str)]

    @property
    def formats(self) -> frozenset[str]:
        """Its formats, such as `date`."""
        return frozenset(f for o in self._options() if isinstance(f := o.get("format"), str))

    def member(self, name: str) -> Parameter:
        """A member of an object."""
        for option in self._options():
            properties = option.get("properties")
            if isinstance(properties, Mapping) and isinstance(properties.get(name), Mapping):
                required = option.get("required")
                needed = isinstance(required, list) and name in required
                return Parameter(name, self._resolved(properties[name]), self.root, needed)
        return Parameter(name, {}, self.root)

    def item(self) -> Parameter:
        """An item of a list."""
        for option in self._options():
            if isinstance(option.get("items"), Mapping):
                return Parameter(self.name, self._resolved(option["items"]), self.root)
        return Parameter(self.name, {}, self.root)

    def _options(self) -> Iterator[Mapping[str, Any]]:
        waiting, seen = [self.schema], 0
        while waiting and seen < _MAX_DEPTH:
            option = self._resolved(waiting.pop(0))
            seen += 1
            yield option
            for key in ("anyOf", "oneOf", "allOf"):
                choices = option.get(key)
                if isinstance(choices, list):
                    waiting += [choice for choice in choices if isinstance(choice, Mapping)]

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        for _ in range(_MAX_DEPTH):
            place = schema.get("$ref")
            if not (isinstance(place, str) and place.startswith("#/")):
                break
            target: Any = self.root
            for part in place[2:].split("/"):
                target = target.get(part) if isinstance(target, Mapping) else None
            if not isinstance(target, Mapping):
                break
            schema = {**target, **{k: v for k, v in schema.items() if k != "$ref"}}
        return schema


ANYTHING = Parameter()
"""A parameter of which nothing is known."""


def parameter_of(arguments: Mapping[str, Any] | None, name: str) -> Parameter:
    """A parameter of a tool.

    Args:
        arguments: The schema of the tool's arguments; None where the tool is not known.
        name: The parameter's name.

    Example:
        >>> schema = {"properties": {"n": {"type": "integer", "default": 5}}}
        >>> n = parameter_of(schema, "n")
        >>> n.takes_numbers_only, n.has_default, n.default
        (True, True, 5)
    """
    if not arguments:
        return Parameter(name)
    return Parameter(schema=arguments, root=arguments).member(name)
