"""The configuration that the three builders share: what is read, what samples it, how rows are cut.

In: a config name, `data_files` and the fields a user gave. Out: one complete, checked `SetConfig`.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, cast

from datasets import BuilderConfig, Features, Version

from cb_datasets.builders.inputs import SourceOptions, Sources, digest
from cb_datasets.engines.backend import DEFAULT_BACKEND
from cb_datasets.errors import BuildError, SourceError
from cb_datasets.sets.hold_out import hold_outs
from cb_datasets.sources import find_source, list_sources
from cb_datasets.version import __version__

DEFAULT_CONFIG = "demo"
CUSTOM_CONFIG = "custom"

_RELEASE = re.match(r"\d+\.\d+\.\d+", __version__)
VERSION = Version(_RELEASE[0] if _RELEASE else "0.0.0")
"""The library's version, as `datasets` writes versions: without a pre-release suffix."""

_NO_CHANGE_OF_ROWS = ("name", "version", "data_dir", "data_files", "description", "num_shards")
# Their content is in the cache key; where it lies on this machine changes no row.
# A secret, and a name for the commit that is in the cache key already.
_ACCESS = ("token", "revision")
_LOCATIONS = ("sources", "model", "tokenizer", "engine_options")


def _about(text: str, default: Any) -> Any:
    return field(default=default, metadata={"doc": text})


@dataclass
class SetConfig(BuilderConfig):  # type: ignore[misc]  # datasets has no types
    """What decides the rows of a built set.

    Example:
        >>> make_config("demo", None, {"num_samples": 2}).num_samples
        2
    """

    version: Version = VERSION
    sources: Sources = _about("What is read.", ())
    source_options: SourceOptions = _about("Options of sources, by their names.", ())
    backend: str | None = _about("Engine backend; None takes recorded completions only.", None)
    model: str | None = _about("Model folder or Hub id; None is the bundled tiny agent.", None)
    engine_options: tuple[tuple[str, Any], ...] = _about("Options of the backend.", ())
    tokenizer: str | None = _about("The target's, where it is not the engine's.", None)
    num_samples: int = _about("Samples a scenario.", 5)
    temperature: float = _about("Sampling temperature.", 0.7)
    top_p: float = _about("Nucleus sampling.", 1.0)
    max_new_tokens: int = _about("Limit of a completion.", 256)
    seed: int = _about("Decides samples and split.", 0)
    eval_fraction: float = _about("Share of the groups held out for eval.", 0.2)
    hold_out: tuple[str, ...] = _about("What is kept out of training: `category=NAME`, ...", ())
    near_duplicates: float | None = _about("Similarity from which one of two is left out.", 0.9)
    redact_harmful_prompt: bool = _about("Take injections out of the messages of Ds.", False)
    include_forced_calls: bool = _about("Add forced function calling rows to eval.", True)
    timestamp: str | None = _about("ISO 8601 stamp of generated rows; None is the day.", None)
    num_shards: int = _about("Parts that can be built in parallel; changes no row.", 16)

    def create_config_id(
        self, config_kwargs: dict[str, Any], custom_features: Features | None = None
    ) -> str:
        """The name with a digest of every field that changes rows.

        Paths and shards are no part of it, so that moved files are still found in the cache; the
        content of files and models is in the builder's `hash`.
        """
        return f"{self.name}-{digest(self.decisive_fields())}"

    def decisive_fields(self) -> dict[str, Any]:
        """The fields whose own value, and not what lies behind it, changes rows."""
        left_out = (*_NO_CHANGE_OF_ROWS, *_LOCATIONS)
        found = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in left_out}
        found["source_options"] = [
            (name, [(key, value) for key, value in own if key not in _ACCESS])
            for name, own in self.source_options
        ]
        return found


def predefined_configs() -> list[SetConfig]:
    """One config a source, and `custom` for any choice of sources.

    Example:
        >>> [config.name for config in predefined_configs()][:2]
        ['agentdojo', 'agentharm']
    """
    configs = [SetConfig(name=CUSTOM_CONFIG, description="Sources of your choice: give `sources`.")]
    for name in list_sources():
        source = find_source(name)
        # A source without recorded completions needs someone to act in it.
        backend = None if source.recorded else "transformers"
        configs.append(
            SetConfig(name=name, description=source.title, sources=((name, None),), backend=backend)
        )
    return sorted(configs, key=lambda config: config.name)


def make_config(name: str | None, data_files: Any, given: Mapping[str, Any]) -> SetConfig:
    """The config that a builder is asked for, complete and checked.

    Args:
        name: A predefined config; None is `custom` where sources are given, else `demo`.
        data_files: Files of the one source of the config that reads files.
        given: Fields that differ from the predefined config's; None leaves a field as it is.

    Raises:
        SourceError: A source is unknown, or its files are not given.
        BuildError: There is no such config or field, or a value does not fit its field.

    Example:
        >>> make_config("demo", None, {"num_sample": 2})
        Traceback (most recent call last):
        ...
        cb_datasets.errors.BuildError: there is no config field 'num_sample', did you mean \
'num_samples'? (known: sources, ...
    """
    given = {key: value for key, value in given.items() if value is not None}
    own = [f.name for f in fields(SetConfig) if f.metadata]
    for key in given:
        if key not in own:
            raise BuildError(f"there is no config field {key!r}{_known(key, own)}")
    if name is None:
        name = CUSTOM_CONFIG if "sources" in given else DEFAULT_CONFIG
    predefined = {config.name: config for config in predefined_configs()}
    if name not in predefined:
        raise BuildError(f"there is no config {name!r}{_known(name, list(predefined))}")
    values = {key: _fitting(key, value) for key, value in given.items()}
    if "sources" in values:
        values["sources"] = _source_pairs(values["sources"])
    if "engine_options" in values:
        values["engine_options"] = tuple(sorted(dict(values["engine_options"]).items()))
    if "source_options" in values:
        values["source_options"] = _option_pairs(values["source_options"])
    if "hold_out" in values:
        values["hold_out"] = hold_outs(values["hold_out"])
    if "model" in values:
        values.setdefault("backend", predefined[name].backend or DEFAULT_BACKEND)
    config = replace(predefined[name], **values)
    config.sources = _with_files(config.sources, data_files)
    if not config.sources:
        raise SourceError("the config 'custom' needs sources={'agentdojo': 'traces/'} or the like")
    if config.num_shards < 1:
        raise BuildError(f"num_shards is {config.num_shards}; it must be 1 or more")
    return config


def _known(wanted: str, names: list[str]) -> str:
    close = difflib.get_close_matches(wanted, names, n=1)
    hint = f", did you mean {close[0]!r}?" if close else ""
    return f"{hint} (known: {', '.join(names)})"


_KINDS: dict[str, tuple[Any, str]] = {
    "int": (int, "a whole number"),
    "float": ((int, float), "a number"),
    "bool": (bool, "true or false"),
    "float | None": ((int, float), "a number"),
    "str | None": ((str, os.PathLike), "text"),
}


def _fitting(name: str, value: Any) -> Any:
    """The value, if it is of the type of its field."""
    annotation = next(str(f.type) for f in fields(SetConfig) if f.name == name)
    if annotation not in _KINDS:
        return value
    kind, words = _KINDS[annotation]
    if not isinstance(value, kind) or (isinstance(value, bool) and annotation != "bool"):
        raise BuildError(f"{name} is {value!r}; it must be {words}")
    if annotation == "float":
        return float(value)
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def _source_pairs(sources: Any) -> Sources:
    if isinstance(sources, str):
        sources = [sources]
    items = sources.items() if isinstance(sources, Mapping) else sources
    pairs = [(item, None) if isinstance(item, str) else tuple(item) for item in items]
    if not all(len(pair) == 2 for pair in pairs):
        raise BuildError(f"sources is {sources!r}; expected names, or a mapping of names to files")
    return tuple((find_source(name).name, _paths(files)) for name, files in pairs)


def _option_pairs(given: Any) -> SourceOptions:
    if not isinstance(given, (Mapping, tuple)):
        raise BuildError(f"source_options is {given!r}; expected {{'tau2': {{'turns': 'first'}}}}")
    return tuple((name, tuple(sorted(dict(own).items()))) for name, own in dict(given).items())


def _paths(files: Any) -> tuple[str, ...] | None:
    if files is None:
        return None
    given = list(files) if isinstance(files, (list, tuple)) else [files]
    if wrong := [item for item in given if not isinstance(item, (str, os.PathLike))]:
        raise SourceError(f"data_files holds {wrong[0]!r}, expected a path as text")
    return tuple(cast(str, os.fspath(item)) for item in given)


def _with_files(sources: Sources, data_files: Any) -> Sources:
    """The sources, with `data_files` given to the one that is still without its files."""
    if isinstance(data_files, Mapping):
        raise SourceError("data_files is a mapping; give files of several sources as sources={...}")
    reading = [name for name, files in sources if find_source(name).needs_files]
    if data_files is not None:
        if len(reading) != 1:
            names = ", ".join(reading) or "none"
            raise SourceError(
                f"data_files are of one source, and {names} of this config's sources read files; "
                "name a config (e.g. 'agentdojo') or give sources={...}"
            )
        paths = _paths(data_files)
        sources = tuple((name, paths if name in reading else files) for name, files in sources)
    for name, files in sources:
        if files is None and name in reading:
            raise SourceError(f"the source {name!r} needs data_files: a file, folder or glob")
        if files is not None and name not in reading:
            raise SourceError(f"the source {name!r} is built in and takes no data_files")
    return sources
