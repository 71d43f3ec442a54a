"""What the builders have in common: from a config to rows of one set, shard by shard.

In: a `SetConfig`. Out: the rows that `cb_datasets.build_sets` would give, cached by `datasets`
under a key of everything they were made from.
"""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import datasets
from datasets.exceptions import DatasetGenerationError
from typing_extensions import Unpack

from cb_datasets.builders.config import (
    DEFAULT_CONFIG,
    VERSION,
    ConfigOptions,
    SetConfig,
    make_config,
    predefined_configs,
)
from cb_datasets.builders.inputs import (
    digest,
    input_files,
    option_files,
    read_scenarios,
    reader_code,
)
from cb_datasets.code_version import code_version
from cb_datasets.engines import load_engine, load_tokenizer
from cb_datasets.errors import BuildError, CBDatasetsError
from cb_datasets.judge.named import judge_code
from cb_datasets.models.tokenizer_state import TokenizerState, tokenizer_state
from cb_datasets.options import options_of, takes
from cb_datasets.records import Scenario
from cb_datasets.schema import record_features, stored_form
from cb_datasets.sets import BuildOptions, SetBuild, build_options
from cb_datasets.sets.build import is_mixed, rows_by_set, sample_all
from cb_datasets.sets.set_rows import SetRow
from cb_datasets.sources import find_source
from cb_datasets.transforms.generate import build_timestamp

if TYPE_CHECKING:
    from cb_datasets.engines import Engine

logger = logging.getLogger(__name__)

HOMEPAGE = "https://arxiv.org/abs/2406.04313"
_PAPER = "Zou et al.: Improving Alignment and Robustness with Circuit Breakers, arXiv:2406.04313"


_Cut = TypeVar("_Cut")


@takes(ConfigOptions)
class SetBuilder(datasets.GeneratorBasedBuilder):  # type: ignore[misc]  # datasets has no types
    """Builds one of the sets; a subclass says which.

    Args:
        cache_dir: Where built sets are kept; None is the cache of `datasets`.
        config_name: A source's name, or `custom`; None is `demo`, or `custom` with `sources`.
        data_files: A file, folder or glob, or several, of the config's source.
        dataset_name: What the folder in the cache is called; None takes the set's name.
        writer_batch_size: Rows held in memory before they are written.
        **options: What is read, what samples it, and the options of `build_sets`.

    A builder rests on its inputs as they are when it is made. One whose files or model change
    before it has read them refuses to go on; a new builder sees what is new. Rows that are in
    none of the sets are counted in the log, and listed by `build_sets`.

    Raises:
        SourceError: A source is unknown, or its files are not given or not there.
        EngineError: The model cannot be used.
        BuildError: There is no such config or option, or a value does not fit it.
    """

    BUILDER_CONFIG_CLASS = SetConfig
    BUILDER_CONFIGS = predefined_configs()
    DEFAULT_CONFIG_NAME = DEFAULT_CONFIG
    VERSION = VERSION

    SET: ClassVar[str]
    """The set's name in `cb_datasets.sets.Sets`."""
    RECORD: ClassVar[type]
    """The record that a row is."""
    SPLIT: ClassVar[str]
    TITLE: ClassVar[str]

    config: SetConfig

    def __init__(
        self,
        cache_dir: str | os.PathLike[str] | None = None,
        config_name: str | None = None,
        *,
        data_files: Any = None,
        dataset_name: str | None = None,
        writer_batch_size: int | None = None,
        **options: Unpack[ConfigOptions],
    ) -> None:
        config = make_config(config_name, data_files, options)
        self._files = input_files(config.sources, config.source_options)
        self._engine = _engine_of(config)
        self._tokenizer = _tokenizer_of(config, self._engine)
        changed = {**options, "sources": config.sources, "backend": config.backend}
        super().__init__(
            cache_dir=None if cache_dir is None else os.fspath(cache_dir),
            config_name=config.name,
            config_id=config.create_config_id({}),
            hash=self._key(config),
            dataset_name=dataset_name,
            writer_batch_size=writer_batch_size,
            **{name: getattr(config, name) for name in changed},
        )
        # `datasets` takes None for what is not given.
        self.config = config

    @staticmethod
    def takes(scenario: Scenario, held_out: bool) -> bool:
        """Whether a scenario can give rows of this set; it need not.

        Args:
            scenario: Its `group` and `attack`.
            held_out: It is in a group of the eval set.
        """
        raise NotImplementedError

    def _key(self, config: SetConfig) -> str:
        facts = {
            "set": self.SET,
            "sources": [name for name, _ in config.sources],
            "files": [asdict(file) for file in self._files],
            "option_files": option_files(config.source_options),
            "readers": [reader_code(name) for name, _ in config.sources],
            "engine": self._engine.fingerprint() if self._engine else None,
            "model": self._engine.model if self._engine else None,
            "tokenizer": self._tokenizer and asdict(self._tokenizer),
            "judge": judge_code(config.judge),
            "code": [code_version(), code_version("builders")],
            # The day is left out: a row is stamped with the day on which it was made.
            "epoch": os.environ.get("SOURCE_DATE_EPOCH"),
        }
        return digest(facts)

    def _info(self) -> datasets.DatasetInfo:
        sources = [find_source(name) for name, _ in self.config.sources]
        by = "recorded completions"
        if self._engine is not None:
            by = f"{self._engine.model} ({self._engine.revision}), {self._engine.name} backend"
        return datasets.DatasetInfo(
            description=f"{self.TITLE}\n\nSources: "
            + "; ".join(f"{source.name}: {source.title}" for source in sources)
            + f".\nCompletions: {by}.",
            citation="\n".join([_PAPER, *(s.citation for s in sources if s.citation)]),
            homepage=HOMEPAGE,
            license="; ".join(f"{source.name}: {source.licence}" for source in sources),
            features=record_features(self.RECORD),
            version=VERSION,
        )

    def _split_generators(self, dl_manager: Any) -> list[datasets.SplitGenerator]:
        scenarios = read_scenarios(self.config.sources, self._files, self.config.source_options)
        options = _options_of(self.config)
        build = SetBuild(
            scenarios,
            self._engine,
            options,
            tokenizer=self._tokenizer,
            judge=self.config.judge,
        )
        numbers = self._candidates(build)
        gen_kwargs: dict[str, Any] = {"shards": numbers, "build": build}
        if self.SET in ("dr", "pairs") and is_mixed(options):
            # Which rows of Dr stay, and pairs name, depends on all of them: they are made here.
            sample_all(build)
            rows = rows_by_set(build)
            made = [(self.SET, row) for row in getattr(rows, self.SET)]
            self._log(len(made), Counter(row["reason"] for row in rows.rejected))
            gen_kwargs = {"shards": made, "build": None}
        gen_kwargs["shards"] = _cut(gen_kwargs["shards"], self.config.num_shards)
        return [datasets.SplitGenerator(name=self.SPLIT, gen_kwargs=gen_kwargs)]

    def _generate_examples(
        self, shards: list[tuple[Any, ...]], build: SetBuild | None
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Rows of this set, keyed by their id.

        Args:
            shards: Scenarios by their number, in their order; each shard is gone through by
                itself, so that rows do not depend on which process has which shards. Without a
                build, rows, each with the name of its set.
            build: The build they are part of.
        """
        form = stored_form(record_features(self.RECORD))
        keys: set[str] = set()
        left_out: Counter[str] = Counter()
        for shard in shards:
            made: Iterable[SetRow] = shard
            if build is not None:
                made = build.rows(shard, pairs=self.SET == "pairs")
            for found in made:
                if found[0] == "rejected":
                    left_out[found[1]["reason"]] += 1
                elif found[0] == self.SET:
                    row = found[1]
                    if row["id"] in keys:
                        raise BuildError(f"two rows of {self.SET} have the id {row['id']!r}")
                    keys.add(row["id"])
                    yield row["id"], form(row)
        if build is not None:
            self._log(len(keys), left_out)

    def _log(self, rows: int, left_out: Counter[str]) -> None:
        logger.info("%s: %d rows; left out: %s", self.SET, rows, dict(left_out) or "none")

    def _candidates(self, build: SetBuild) -> list[int]:
        light: Iterable[Scenario] = build.scenarios.select_columns(["group", "attack", "set_aside"])
        found = []
        for number, scenario in enumerate(light):
            held_out = scenario["group"] in build.plan.held_out
            if scenario["set_aside"] is None and self.takes(scenario, held_out):
                found.append(number)
        return found

    def _as_dataset(self, split: Any = "train", in_memory: bool = False) -> datasets.Dataset:
        if any(info.num_examples for info in self.info.splits.values()):
            return super()._as_dataset(split=split, in_memory=in_memory)
        # `datasets` takes a split without rows for one that was never built.
        columns: dict[str, list[Any]] = {name: [] for name in self.info.features}
        return datasets.Dataset.from_dict(columns, features=self.info.features)

    def _prepare_split(
        self, split_generator: Any, *args: Any, num_proc: int | None = None, **kwargs: Any
    ) -> None:
        if num_proc is not None and num_proc > 1 and _on_accelerator(self._engine):
            # A process that was forked after CUDA was looked at cannot use it.
            logger.warning("num_proc is set to 1: one process feeds the accelerator")
            num_proc = 1
        self._parent = os.getpid()
        super()._prepare_split(split_generator, *args, num_proc=num_proc, **kwargs)

    def _prepare_split_single(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        if os.getpid() != self._parent and self._engine is not None:
            # The processes share the cores already, and OpenMP may wait for ever in a fork of a
            # process that had threads.
            import torch

            torch.set_num_threads(1)
        try:
            yield from super()._prepare_split_single(*args, **kwargs)
        except DatasetGenerationError as error:
            # Unwrapped here, in the worker: between processes an exception loses its cause.
            if isinstance(error.__cause__, CBDatasetsError):
                raise error.__cause__ from None
            raise


def _engine_of(config: SetConfig) -> Engine | None:
    if config.backend is None:
        return None
    return load_engine(config.backend, config.model, **dict(config.engine_options))


def _tokenizer_of(config: SetConfig, engine: Engine | None) -> TokenizerState | None:
    if config.tokenizer is not None:
        return tokenizer_state(load_tokenizer(config.tokenizer))
    return None if engine is None else tokenizer_state(engine.tokenizer)


def _options_of(config: SetConfig) -> BuildOptions:
    options = build_options({name: getattr(config, name) for name in options_of(BuildOptions)})
    # Taken once, or workers that end after midnight would stamp another day.
    return {**options, "timestamp": options["timestamp"] or build_timestamp()}


def _on_accelerator(engine: Engine | None) -> bool:
    placement = getattr(engine, "placement", None)
    return placement is not None and placement.device != "cpu"


def _cut(numbers: Sequence[_Cut], parts: int) -> list[tuple[_Cut, ...]]:
    """Numbers or rows in so many runs, in their order, as even as can be and none of them empty."""
    parts = min(parts, len(numbers))
    bounds = [len(numbers) * part // parts for part in range(parts + 1)] if parts else []
    return [tuple(numbers[a:b]) for a, b in pairwise(bounds)]
