"""A mapping says in which columns of a user's own rows the parts of a scenario stand.

In: a dict, or a JSON or YAML file such as

    messages: conversation          # a column
    id: meta.run_id                 # a path into one; text that is JSON is looked into
    model: {value: my-agent-v2}     # a constant, the same for every row
    attack:
      injection: injected_text
      targets: attacker_tool        # a name, names, or [{name, arguments}]
      category: {value: indirect}
    accepted: reward                # true, 1, 1.0, "success": the run did what was asked

Out: a `RowMapping`, checked; `row_values` looks the values of a row up by it. Keys left out have
the defaults of `DEFAULT_COLUMNS`; a key that is null has no column at all.
"""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from cb_datasets.errors import SourceError
from cb_datasets.quoting import reason_of

DEFAULT_COLUMNS: dict[str, tuple[str, ...]] = {
    "messages": ("messages", "conversations"),
    "system": ("system",),
    "tools": ("tools",),
    "id": ("id",),
    "group": (),
    "twin": (),
    "model": ("model", "metadata.model"),
    "temperature": ("temperature",),
    "timestamp": ("timestamp", "sent_at"),
    "completion": (),
    "attack.injection": (),
    "attack.targets": (),
    "attack.goal": (),
    "attack.category": (),
    "attack.template": (),
    "attack.clean": (),
    "expected.behavior": (),
    "expected.calls": (),
    "expected.task_calls": (),
    "accepted": (),
}
"""The keys of a mapping, and the columns that are tried in turn for one that is left out.

`messages`: the conversation. `system`: a system prompt that stands beside it. `tools`: OpenAI
schemas. `id`, `group`: identity of the row, and what must not cross a split. `twin`: the id of the
benign row of the same query, in the same file. `model`, `temperature`, `timestamp`: of the recorded
completion. `completion`: the recorded completion, where it stands beside the messages. `attack`:
the injected text, the calls the attacker wants, how to slice by them, and (`attack.clean`) the
attacked message without the attack, "" where nothing is left of it. `expected`: "call", "answer" or
"refusal", the right calls, and further calls that belong to the user's task. `accepted`:
whether the run did what was asked."""

_SECTIONS = ("attack", "expected")


@dataclass(frozen=True, slots=True)
class Column:
    """A value of the row: the first of these paths that leads to one.

    Attributes:
        paths: Names of columns, with dots for what lies in them.
        named: Whether the user named it; a default column may be missing or hold anything.
    """

    paths: tuple[str, ...]
    named: bool


@dataclass(frozen=True, slots=True)
class Constant:
    """The same value for every row."""

    value: Any


@dataclass(frozen=True, slots=True)
class RowMapping:
    """A mapping, checked.

    Attributes:
        places: Where each key of `DEFAULT_COLUMNS` stands.
    """

    places: dict[str, Column | Constant]

    def is_named(self, key: str) -> bool:
        """Whether the user gave the key a column or a constant."""
        place = self.places[key]
        return isinstance(place, Constant) or (place.named and bool(place.paths))

    def is_column(self, key: str) -> bool:
        """Whether the key differs from row to row."""
        place = self.places[key]
        return isinstance(place, Column) and bool(place.paths)

    def label(self, key: str) -> str:
        """The key and where it stands, for messages to the user.

        Example:
            >>> read_mapping({"messages": "log"}).label("messages")
            "messages (column 'log')"
        """
        place = self.places[key]
        if isinstance(place, Constant) or not place.paths or place.paths == (key,):
            return key
        return f"{key} (column {' or '.join(map(repr, place.paths))})"

    def columns(self) -> set[str]:
        """Names of the columns that some key stands in."""
        places = self.places.values()
        paths = [path for place in places if isinstance(place, Column) for path in place.paths]
        return {path.partition(".")[0] for path in paths}


_DEFAULTS: dict[str, Column | Constant] = {
    key: Column(paths, named=False) for key, paths in DEFAULT_COLUMNS.items()
}

DEFAULT_MAPPING = RowMapping(_DEFAULTS)
"""The mapping of rows whose columns have usual names."""

MappingLike: TypeAlias = "Mapping[str, Any] | str | os.PathLike[str] | RowMapping | None"


def read_mapping(mapping: MappingLike) -> RowMapping:
    """A mapping from a dict or a file.

    Args:
        mapping: A dict, the path of a JSON or YAML file (`.json`, else YAML), a mapping that was
            read before, or None for the defaults.

    Raises:
        SourceError: If the file cannot be read, or a key or a value is wrong; it names them.

    Example:
        >>> read_mapping({"mesages": "log"})
        Traceback (most recent call last):
        ...
        cb_datasets.errors.SourceError: the mapping has no key 'mesages', did you mean 'messages'?
    """
    if isinstance(mapping, RowMapping):
        return mapping
    if mapping is None:
        return DEFAULT_MAPPING
    if isinstance(mapping, Mapping):
        return _parsed(mapping, None)
    if not isinstance(mapping, (str, os.PathLike)):
        found = type(mapping).__name__
        raise SourceError(f"the mapping is {found}, expected an object or the path of a file")
    path = Path(mapping)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise SourceError("there is no such mapping file", file=str(path)) from error
    except OSError as error:
        raise SourceError("the mapping file cannot be read", file=str(path)) from error
    except ValueError as error:
        raise _unreadable(path, error) from error
    return _parsed(_decoded(text, path), str(path))


def _decoded(text: str, path: Path) -> Any:
    import yaml

    try:
        raw = json.loads(text) if path.suffix.lower() == ".json" else yaml.safe_load(text)
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise _unreadable(path, error) from error
    return {} if raw is None else raw


def _unreadable(path: Path, error: Exception) -> SourceError:
    words = f"the mapping is neither JSON nor YAML ({reason_of(error)})"
    return SourceError(words, file=str(path))


def _parsed(raw: Any, file: str | None) -> RowMapping:
    if not isinstance(raw, Mapping):
        raise SourceError(f"the mapping is {type(raw).__name__}, expected an object", file=file)
    places = dict(_DEFAULTS)
    for key, value in _flat(raw, file):
        if key not in DEFAULT_COLUMNS:
            raise SourceError(f"the mapping has no key {key!r}{_hint(key)}", file=file)
        places[key] = _place(key, value, file)
    return RowMapping(places)


def _flat(raw: Mapping[str, Any], file: str | None) -> Iterator[tuple[str, Any]]:
    for key, value in raw.items():
        if key not in _SECTIONS:
            yield key, value
        elif isinstance(value, Mapping):
            yield from ((f"{key}.{name}", item) for name, item in value.items())
        else:
            known = ", ".join(name for name in DEFAULT_COLUMNS if name.startswith(key))
            raise SourceError(
                f"{key} of the mapping is {type(value).__name__}, expected an object ({known})",
                file=file,
            )


def _place(key: str, value: Any, file: str | None) -> Column | Constant:
    if value is None:
        return Column((), named=True)
    if isinstance(value, str) and value.strip():
        return Column((value,), named=True)
    if isinstance(value, Mapping) and list(value) == ["value"]:
        return Constant(value["value"])
    raise SourceError(
        f"{key} of the mapping is {json.dumps(value, default=str)[:60]}, expected the name of a "
        'column, {"value": ...} for a constant, or null for none',
        file=file,
    )


def _hint(key: Any) -> str:
    known = [*DEFAULT_COLUMNS, *_SECTIONS]
    close = difflib.get_close_matches(str(key), known, n=1)
    return f", did you mean {close[0]!r}?" if close else f" (known: {', '.join(DEFAULT_COLUMNS)})"
