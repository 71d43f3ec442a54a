"""The mapping that rows without one seem to ask for, told from the columns that are seen.

In: a row. Out: a mapping to paste, as JSON, which is YAML too; it is proposed and never used, since
a guess would decide which rows are attacked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from cb_datasets.quoting import printable
from cb_datasets.records import Scenario
from cb_datasets.sources.files.nested_json import decode_nested, looks_like_json
from cb_datasets.sources.generic.mapping import DEFAULT_COLUMNS
from cb_datasets.sources.rows import ReadRow, RowPlace

_NAMES = {
    "attack.injection": r"inject(ed|ion)?(_?(text|prompt|string|content))?|payload|attack_?text",
    "attack.targets": r"(attack(er)?|target|malicious|inject(ed|ion)|harmful)_?(tools?|calls?)",
    "attack.category": r"(attack|injection|harm)_?(type|category|kind)|category",
    "attack.goal": r"(attack(er)?|injection|adversar(y|ial))_?(goal|objective)",
    "attack.clean": r"(clean|original)_?(prompt|query|message|content)",
    "expected.calls": r"(expected|right|correct|ground_?truth|gold)_?(tools?|calls?)",
    "accepted": r"reward|(task_?)?(success|passed|correct|solved|completed)|accepted|utility",
    "twin": r"(benign|twin|clean)_?id",
    "completion": r"completion|response|assistant(_?raw)?|model_?output|generated(_?text)?",
    "id": r"(run|row|sample|trace|conversation|record)_?(id|uuid)|uuid",
    "model": r"(model|llm)_?(name|id)|generator",
}
"""Names that columns have where one of these stands."""

_TELLING = ("attack.injection", "attack.targets", "expected.calls", "accepted")
"""What a mapping would have to say for a row to be taken for what it is."""


def proposed_mapping(row: Mapping[str, Any]) -> dict[str, Any]:
    """What a mapping of these columns would seem to be; what is found by default is left out.

    Example:
        >>> talk = [{"role": "user", "content": "Hi"}]
        >>> proposed_mapping({"id": 1, "log": talk, "injected_text": "x", "target_tool": "f"})
        {'messages': 'log', 'attack': {'injection': 'injected_text', 'targets': 'target_tool'}}
    """
    return _nested(_proposed(row))


def _proposed(row: Mapping[str, Any]) -> dict[str, str]:
    """Columns by the keys of a mapping."""
    talks = [name for name in row if _is_talk(row[name])]
    tools = [name for name in row if _are_tools(row[name])]
    found: dict[str, str] = {}
    if talks and not set(talks) & set(DEFAULT_COLUMNS["messages"]):
        found["messages"] = talks[0]
    if tools and not row.get("tools"):
        found["tools"] = tools[0]
    for key, names in _NAMES.items():
        there = any(default in row for default in DEFAULT_COLUMNS[key])
        named = [name for name in row if re.fullmatch(names, str(name), re.IGNORECASE)]
        if named and not there:
            found[key] = named[0]
    return found


def _nested(columns: Mapping[str, str]) -> dict[str, Any]:
    mapping: dict[str, Any] = {}
    for key, name in columns.items():
        section, dot, part = key.partition(".")
        if dot:
            mapping.setdefault(section, {})[part] = name
        else:
            mapping[key] = name
    return mapping


class Unmapped:
    """Reads rows by their usual names, and says what mapping they seem to ask for.

    Args:
        read: Reads a row by the defaults.

    Attributes:
        notes: What a user ought to hear of, once the rows are read.
    """

    def __init__(self, read: ReadRow) -> None:
        self._read = read
        self.notes: list[str] = []

    def __call__(self, row: dict[str, Any], place: RowPlace) -> Iterable[Scenario]:
        """The scenarios of a row.

        Raises:
            ValueError: If the row is malformed; it names the field, and a mapping.
        """
        try:
            found = list(self._read(row, place))
        except ValueError as error:
            if any(name in row for name in DEFAULT_COLUMNS["messages"]):
                raise
            raise ValueError(f"{error}; {_needed(row)}") from None
        if not self.notes and (note := _left_aside(row)):
            self.notes.append(note)
        return found


def _needed(row: Mapping[str, Any]) -> str:
    mapping = proposed_mapping(row)
    if not mapping:
        names = ", ".join(printable(name, 40) for name in list(row)[:20])
        return f"a mapping is needed that says in which columns things stand (there are {names})"
    return f"a mapping is needed (generic.mapping, YAML), perhaps {_pasted(mapping)}"


def _left_aside(row: Mapping[str, Any]) -> str | None:
    found = _proposed(row)
    said = [found[key] for key in _TELLING if key in found]
    columns = ", ".join(printable(name, 40) for name in said)
    if not said:
        return None
    return (
        f"generic: without a mapping the columns {columns} are not read, and no row is attacked; "
        f"perhaps generic.mapping should be this YAML: {_pasted(_nested(found))}"
    )


def _pasted(mapping: Mapping[str, Any]) -> str:
    return json.dumps(mapping, ensure_ascii=False)


def _is_talk(value: Any) -> bool:
    first = _first(value)
    return isinstance(first, Mapping) and bool({"role", "from"} & first.keys())


def _are_tools(value: Any) -> bool:
    first = _first(value)
    known = {"function", "parameters", "input_schema"}
    return isinstance(first, Mapping) and "role" not in first and bool(known & first.keys())


def _first(value: Any) -> Any:
    """The first of a list, or of a text that is the JSON of one."""
    if looks_like_json(value):
        try:
            value = decode_nested(value, "")
        except ValueError:
            return None
    return value[0] if isinstance(value, list) and value else None
