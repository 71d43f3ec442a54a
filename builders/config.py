"""The configuration that the builders share: what is read, what samples it, how rows are cut.

In: a config name, `data_files` and the fields a user gave. Out: one complete, checked `SetConfig`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, TypeVar, cast

from datasets import BuilderConfig, Features, Version
from typing_extensions import TypedDict

from cb_datasets.builders.inputs import SourceOptions, Sources, digest
from cb_datasets.engines.backend import DEFAULT_BACKEND
from cb_datasets.errors import BuildError, SourceError
from cb_datasets.judge.named import JudgeOptions
from cb_datasets.options import Option, checked, hint_at, kinds_of, options_of
from cb_datasets.sets.options import BuildOptions
from cb_datasets.sources import find_source, list_sources
from cb_datasets.version import __version__

DEFAULT_CONFIG = "demo"
CUSTOM_CONFIG = "custom"

_RELEASE = re.match(r"\d+\.\d+\.\d+", __version__)
VERSION = Version(_RELEASE[0] if _RELEASE else "0.0.0")
"""The library's version, as `datasets` writes versions: without a pre-release suffix."""

# A secret, and a name for the commit that is in the cache key already.
_ACCESS = ("token", "revision")

_Config = TypeVar("_Config", bound=type)


def _source_pairs(given: Any) -> Sources:
    items = given.items() if isinstance(given, Mapping) else given
    if isinstance(given, str) or not isinstance(given, Iterable):
        items = [given]
    pairs = [(item, None) if isinstance(item, str) else item for item in items]
    if not all(isinstance(pair, (tuple, list)) and len(pair) == 2 for pair in pairs):
        raise ValueError("it must be names, or a mapping of names to files")
    return tuple((find_source(name).name, _paths(files)) for name, files in pairs)


def _source_option_pairs(given: Any) -> SourceOptions:
    if not isinstance(given, (Mapping, tuple)):
        raise ValueError("it must be a mapping such as {'tau2': {'turns': 'first'}}")
    return tuple((name, _pairs(options)) for name, options in dict(given).items())


def _pairs(given: Any) -> tuple[tuple[str, Any], ...]:
    if not isinstance(given, (Mapping, tuple)):
        raise ValueError("it must be a mapping of options to values")
    return tuple(sorted(dict(given).items()))


def _path_text(given: Any) -> Any:
    return os.fspath(given) if isinstance(given, os.PathLike) else given


class InputOptions(TypedDict, total=False):
    """What is read, and what samples it."""

    # Of sources, model and tokenizer the content is in the builder's cache key, of the backend's
    # options what they come to: where something lies on this machine changes no row.
    sources: Annotated[
        str | Sequence[Any] | Mapping[str, Any],
        Option((), "What is read.", check=_source_pairs, decides_rows=False),
    ]
    source_options: Annotated[
        Sequence[Any] | Mapping[str, Mapping[str, Any]],
        Option((), "Options of sources, by their names.", check=_source_option_pairs),
    ]
    backend: Annotated[
        str | None, Option(None, "Engine backend; None takes recorded completions only.")
    ]
    model: Annotated[
        str | os.PathLike[str] | None,
        Option(
            None,
            "Model folder or Hub id; None is the bundled tiny agent.",
            check=_path_text,
            decides_rows=False,
        ),
    ]
    engine_options: Annotated[
        Sequence[Any] | Mapping[str, Any],
        Option((), "Options of the backend.", check=_pairs, decides_rows=False),
    ]
    tokenizer: Annotated[
        str | os.PathLike[str] | None,
        Option(
            None,
            "The target's: model folder or Hub id; None takes the engine's, and without an engine "
            "makes no token ids.",
            check=_path_text,
            decides_rows=False,
        ),
    ]
    num_shards: Annotated[
        int, Option(16, "Parts that can be built in parallel.", ge=1, decides_rows=False)
    ]


class ConfigOptions(InputOptions, JudgeOptions, BuildOptions, total=False):
    """What a set is built from, and how."""


def _with_fields(config: _Config) -> _Config:
    """A field for each option, for `dataclass` to find."""
    for name, found in options_of(ConfigOptions).items():
        config.__annotations__[name] = found.type
        setattr(
            config, name, field(default=found.option.default, metadata={"doc": found.option.doc})
        )
    return config


@dataclass
@_with_fields
class SetConfig(BuilderConfig):  # type: ignore[misc]  # datasets has no types
    """What a set is built from, and how: a field for each of `ConfigOptions`.

    Example:
        >>> make_config("demo", None, {"num_samples": 2}).num_samples
        2
    """

    version: Version = VERSION

    def create_config_id(
        self, config_kwargs: dict[str, Any], custom_features: Features | None = None
    ) -> str:
        """The name with a digest of every field that changes rows.

        Where things lie, shards and journals are no part of it, so that moved files are still
        found in the cache; the content of files and models is in the builder's `hash`.
        """
        return f"{self.name}-{digest(self.decisive_fields())}"

    def decisive_fields(self) -> dict[str, Any]:
        """The fields whose own value, and not what lies behind it, changes rows."""
        options = options_of(ConfigOptions).values()
        decisive = [found.name for found in options if found.option.decides_rows]
        found = {name: getattr(self, name) for name in decisive}
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
        given: Options that differ from the predefined config's; None leaves one as it is.

    Raises:
        SourceError: A source is unknown, or its files are not given.
        BuildError: There is no such config or option, or a value does not fit it.

    Example:
        >>> make_config("demo", None, {"num_sample": 2})  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        cb_datasets.errors.BuildError: there is no option 'num_sample', did you mean \
'num_samples'? (known: sources, ...
    """
    given = {key: value for key, value in given.items() if not _leaves_as_is(key, value)}
    complete = checked(ConfigOptions, given, BuildError)
    values = {key: value for key, value in complete.items() if key in given}
    if name is None:
        name = CUSTOM_CONFIG if "sources" in given else DEFAULT_CONFIG
    predefined = {config.name: config for config in predefined_configs()}
    if name not in predefined:
        raise BuildError(f"there is no config {name!r}{hint_at(name, predefined)}")
    if "model" in values:
        values.setdefault("backend", predefined[name].backend or DEFAULT_BACKEND)
    config = replace(predefined[name], **values)
    config.sources = _with_files(config.sources, data_files)
    if not config.sources:
        raise SourceError("the config 'custom' needs sources={'agentdojo': 'traces/'} or the like")
    return config


def _leaves_as_is(name: str, value: Any) -> bool:
    """None does, unless it is a value of its own, as of `near_duplicates`."""
    known = options_of(ConfigOptions)
    if value is not None or name not in known:
        return False
    found = known[name]
    return found.option.default is None or type(None) not in kinds_of(found.type)


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
