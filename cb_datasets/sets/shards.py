"""A build in shards: processes that know nothing of each other sample a part each.

What goes where is decided over all scenarios, so that no shard can decide it. A shard therefore
keeps what it sampled and its part of the scenarios; merging is the same build once more, over all
of them, with the shards in the place of the engine.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typing_extensions import Unpack

from cb_datasets.code_version import code_version
from cb_datasets.dataset.sets import Sets
from cb_datasets.engines.protocol import Engine, Generation, GenerationRequest, SamplingParams
from cb_datasets.engines.specification import engine_facts
from cb_datasets.errors import BuildError
from cb_datasets.judge.outcome import Judge
from cb_datasets.options import takes
from cb_datasets.sets.build import collect
from cb_datasets.sets.options import BuildOptions, build_options, options_facts
from cb_datasets.sets.set_build import Progress, Sampled, SetBuild
from cb_datasets.transforms.generate import build_timestamp
from cb_datasets.version import __version__

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase

    from cb_datasets.dataset.shard_folder import Shard


def parse_shard(text: str) -> tuple[int, int]:
    """Number and count of a shard written `i/n`; numbers begin with 0.

    Raises:
        BuildError: It is none.

    Example:
        >>> parse_shard("0/2")
        (0, 2)
    """
    index, _, count = text.partition("/")
    if index.isdecimal() and count.isdecimal() and int(index) < int(count):
        return int(index), int(count)
    raise BuildError(f"shard {text!r}: expected i/n with i from 0 to n - 1, such as 0/2")


@takes(BuildOptions)
def build_shard(
    scenarios: Dataset,
    engine: Engine | None,
    folder: str | Path,
    shard: str,
    *,
    inputs: Iterable[Mapping[str, Any]] = (),
    tokenizer: PreTrainedTokenizerBase | str | None = None,
    judge: Judge | str | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    watch: Callable[[Sampled], None] | None = None,
    **options: Unpack[BuildOptions],
) -> int:
    """Sample a shard's part of a build's scenarios and write it, for `merge_shards`.

    Every n-th of the scenarios that need sampling is the shard's, by their order, so that the
    shards have equally much to do whatever the sources are.

    Args:
        scenarios: All scenarios of the build; the same in every shard.
        engine: See `build_sets`.
        folder: Where the shard is written.
        shard: `i/n`, with i from 0.
        inputs: What was read, from `ReadReport.to_dict()`.
        tokenizer: See `build_sets`.
        judge: See `build_sets`.
        overwrite: Replace a folder that is there.
        progress: See `build_sets`.
        watch: See `build_sets`.
        **options: Those of `build_sets`; shards may share a journal.

    Returns:
        The number of samples.

    Raises:
        BuildError: An option is out of range, or the folder is there or cannot be written.

    Example:
        >>> for shard in ("0/2", "1/2"):  # on two machines                  # doctest: +SKIP
        ...     cb.build_shard(scenarios, engine, f"shards/{shard[0]}", shard)
        >>> cb.merge_shards(["shards/0", "shards/1"]).save("out")             # doctest: +SKIP
    """
    from cb_datasets.dataset.shard_folder import write_shard
    from cb_datasets.dataset.whole import reserved

    index, count = parse_shard(shard)
    chosen = build_options(options)
    with reserved(Path(folder), overwrite=overwrite):
        build = SetBuild(scenarios, engine, chosen, tokenizer=tokenizer, judge=judge)
        numbers = build.to_sample()[index::count]
        made = build.sample(numbers, progress=progress, watch=watch)
        samples = sorted(made, key=_place_of(scenarios))
        write_shard(
            Path(folder),
            index=index,
            count=count,
            build=_build_facts(build, engine, inputs),
            sampled=chosen["timestamp"] or build_timestamp(),
            scenarios=scenarios.select(range(index, len(scenarios), count)),
            samples=samples,
            tokenizer=build.tokenizer,
            overwrite=overwrite,
        )
    return len(samples)


def merge_shards(shards: Sequence[str | Path], *, judge: Judge | str | None = None) -> Sets:
    """The sets that an unsharded build would have made, from all the shards of a build.

    Args:
        shards: Folders that `build_shard` or `cb-datasets build --shard` wrote, in any order.
        judge: See `build_sets`; None takes that of the shards, if it has a name.

    Raises:
        BuildError: A folder is no shard, a shard is missing, there twice, changed, of another
            build, or of another version of the code.
    """
    return merge(checked_shards(shards), judge=judge)


def checked_shards(folders: Sequence[str | Path]) -> list[Shard]:
    """All shards of one build, in their order.

    Raises:
        BuildError: See `merge_shards`.
    """
    from cb_datasets.dataset.shard_folder import read_shard

    if not folders:
        raise BuildError("no shards were given to be merged")
    shards = [read_shard(folder) for folder in folders]
    first, by_index = shards[0], dict[int, "Shard"]()
    for shard in shards:
        for name, value in {"count": first.count, **first.build}.items():
            if {"count": shard.count, **shard.build}.get(name) != value:
                raise BuildError(
                    f"{shard.folder} is of another build than {first.folder}: they differ in "
                    f"{_difference(name, first.build, shard.build)}"
                )
        if (twice := by_index.setdefault(shard.index, shard)) is not shard:
            raise BuildError(f"{twice.folder} and {shard.folder} are both {shard}")
    if missing := [str(number) for number in range(first.count) if number not in by_index]:
        raise BuildError(f"of {first.count} shards, number {', '.join(missing)} is missing")
    if first.build["code"] != code_version():
        raise BuildError(
            f"{first.folder} was made by other code (cb_datasets {first.build['cb_datasets']}) "
            f"than this (cb_datasets {__version__}); merge with the code that made it"
        )
    return [by_index[number] for number in range(first.count)]


def merge(shards: Sequence[Shard], *, judge: Judge | str | None = None) -> Sets:
    """The sets of shards that `checked_shards` gave; see `merge_shards`."""
    from datasets import concatenate_datasets

    from cb_datasets.dataset.gate_inputs import recorded_judge

    facts, count = shards[0].build, len(shards)
    parts = [shard.scenarios() for shard in shards]
    first = [sum(map(len, parts[:index])) for index in range(count)]
    total = sum(map(len, parts))
    order = [first[number % count] + number // count for number in range(total)]
    recorded = facts["judge"]
    if judge is None and recorded is not None:
        judge = recorded_judge(facts).get("judge")
        if judge is None:
            raise BuildError(f"the shards were judged by {recorded}; give it to the merge (judge=)")
    options = {**facts["options"], "timestamp": max(shard.sampled for shard in shards)}
    build = SetBuild(
        concatenate_datasets(parts).select(order),
        _Sampled(shards) if facts["engine"] else None,
        build_options(options),
        tokenizer=shards[0].tokenizer(),
        judge=judge,
    )
    return collect(build)


class _Sampled:
    """The engine that sampled the shards, as far as a merge asks for it."""

    def __init__(self, shards: Sequence[Shard]) -> None:
        engine = shards[0].build["engine"]
        self.name, self.model, self.revision = (
            str(engine[fact]) for fact in ("backend", "model", "revision")
        )
        self.trust_remote_code = bool(engine["trust_remote_code"])
        self._fingerprint = str(engine["fingerprint"])
        tokenizer = shards[0].tokenizer()
        assert tokenizer is not None  # an engine has one
        self._tokenizer = tokenizer
        self._samples = {sample.key: sample for shard in shards for sample in shard.samples()}

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        return self._tokenizer.restore()

    def fingerprint(self) -> str:
        return self._fingerprint

    def generate(
        self, requests: Iterable[GenerationRequest | None], sampling: SamplingParams
    ) -> Iterator[Generation]:
        for request in filter(None, requests):
            if request.key not in self._samples:
                raise BuildError(f"the sample {request.key} is in none of the shards")
            yield self._samples[request.key]

    def close(self) -> None:
        self._samples.clear()


def _build_facts(
    build: SetBuild, engine: Engine | None, inputs: Iterable[Mapping[str, Any]]
) -> dict[str, Any]:
    """What all shards of a build have in common, as plain JSON data."""
    from cb_datasets.dataset.shard_folder import tokenizer_text

    digest = hashlib.sha256()
    for batch in build.scenarios.iter(batch_size=1000):
        digest.update(json.dumps(batch, sort_keys=True).encode())
    return {
        "cb_datasets": __version__,
        "code": code_version(),
        "engine": engine and {**engine_facts(engine), "fingerprint": engine.fingerprint()},
        "tokenizer": build.tokenizer
        and hashlib.sha256(tokenizer_text(build.tokenizer).encode()).hexdigest(),
        "options": options_facts(build.options),
        "judge": build.judge,
        "scenarios": {"count": len(build.scenarios), "sha256": digest.hexdigest()},
        "inputs": [dict(report) for report in inputs],
    }


def _place_of(scenarios: Dataset) -> Any:
    places = {name: place for place, name in enumerate(scenarios["id"][:])}

    def place(sample: Generation) -> tuple[int, int]:
        scenario_id, _, number = sample.key.rpartition("#sample")
        return places[scenario_id], int(number)

    return place


def _difference(name: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """The first thing in which two builds differ, as a person would name it."""
    if name == "count":
        return "the number of shards"
    if not (isinstance(one[name], dict) and isinstance(other[name], dict)):
        return name
    keys = [key for key in one[name] if one[name][key] != other[name].get(key)]
    return f"{name}: {keys[0]} is {one[name][keys[0]]!r} and {other[name].get(keys[0])!r}"
