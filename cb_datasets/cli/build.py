"""`cb-datasets build`: from sources to a gated dataset folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from cb_datasets.cli.build_options import (
    KeptOptions,
    ReadOptions,
    TokenizerOptions,
    WriteOptions,
)
from cb_datasets.cli.console import FAILED, quiet_libraries, say, warn
from cb_datasets.cli.engine_for import engine_for
from cb_datasets.cli.engine_options import EngineOptions
from cb_datasets.cli.flags import as_flags, with_flags
from cb_datasets.cli.kept_samples import is_there, said_how_to_go_on, samples_of
from cb_datasets.cli.option_texts import named_source, source_options
from cb_datasets.cli.progress import progress, waiting
from cb_datasets.cli.result import Asked, check_jsonl, finish
from cb_datasets.cli.sampling_log import SamplingLog, json_line
from cb_datasets.errors import BuildError
from cb_datasets.judge.named import JudgeOptions
from cb_datasets.options import part_of
from cb_datasets.sets.options import BuildOptions, SelectionOptions, SplitOptions
from cb_datasets.transforms.options import CountOptions, SamplingOptions, is_adaptive

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase

    from cb_datasets.engines import Engine
    from cb_datasets.sources.reading import SourceRead

_DEFAULT_OUTPUT = Path("demo-dataset")


@with_flags(BuildError)
def build(
    folder: Annotated[
        Optional[Path],  # noqa: UP045 - typer reads the annotation at run time on Python 3.10
        typer.Argument(
            help="Folder to write; with --only a file. Default: demo-dataset, or SET.jsonl",
            show_default=False,
        ),
    ] = None,
    *,
    read: ReadOptions,
    sampling: SamplingOptions,
    keep: KeptOptions,
    tokenizer: TokenizerOptions,
    engine: EngineOptions,
    judging: JudgeOptions,
    split: SplitOptions,
    selection: SelectionOptions,
    write: WriteOptions,
) -> None:
    """Build Ds, Dr and eval, run the gates and write a folder that load_dataset reads.

    Without options: the demo suite and the bundled tiny agent, offline. Recorded completions need
    no model; name a tokenizer to have their token ids.

    Finished samples are kept in the cache: a dry run's are the build's.
    """
    target = _target(folder, write)
    if keep["without_journal"] and sampling["journal"] is not None:
        raise BuildError("give either --journal or --no-journal")
    named = _sources(read)
    with _reserved(target, write):
        import datasets

        from cb_datasets.sources.limit import some_groups

        quiet_libraries()
        reads = [_read(*source) for source in named]
        limit = read["limit"]
        tried = [some_groups(found.scenarios, limit) for found in reads]
        scenarios = datasets.concatenate_datasets(tried)
        inputs = [_input(*found) for found in zip(reads, tried, strict=True)]
        sampler = engine_for(scenarios, engine)
        kept = sampling["journal"]
        if kept is None and sampler is not None and not keep["without_journal"]:
            kept = samples_of(((name, files) for name, files, _ in named), sampler)
        options: BuildOptions = {**sampling, **split, **selection, "journal": kept}
        given: dict[str, Any] = {**judging, **tokenizer, **options}
        with nullcontext() if sampler is None else closing(sampler), said_how_to_go_on(kept):
            asked = Asked(
                as_flags(EngineOptions, engine),
                [
                    *as_flags(ReadOptions, read),
                    *as_flags(KeptOptions, keep),
                    *as_flags(TokenizerOptions, tokenizer),
                    *as_flags(BuildOptions, {**sampling, **split, **selection}),
                    *as_flags(JudgeOptions, judging),
                ],
            )
            passed = _made(scenarios, sampler, inputs, target, write, given, asked)
    if not passed:
        raise typer.Exit(FAILED)


def _made(
    scenarios: Dataset,
    sampler: Engine | None,
    inputs: list[dict[str, Any]],
    target: Path,
    write: WriteOptions,
    given: dict[str, Any],
    asked: Asked,
) -> bool:
    """Sample, write what was asked for, and return whether the gates passed."""
    from cb_datasets.sets import build_sets
    from cb_datasets.sets.shards import build_shard

    shard, overwrite = write["shard"], write["overwrite"]
    each = None if is_adaptive(part_of(CountOptions, given)) else given["num_samples"]
    log = SamplingLog(a_scenario=each)
    judged = given["judge"] is not None
    with _shown(len(scenarios), write, log, judged=judged) as shown:
        if shard is None:
            sets = build_sets(scenarios, sampler, **shown, **given)
        else:
            given = {**given, "inputs": inputs, "overwrite": overwrite}
            made = build_shard(scenarios, sampler, target, shard, **shown, **given)
    if shard is not None:
        say(f"written: {target}, shard {shard} with {made} samples")
        _say_where(given["journal"])
        return True
    passed = finish(
        sets,
        inputs,
        target,
        tokenizer=_tokenizer_of(sampler, given["tokenizer"]),
        overwrite=overwrite,
        only=write["only"],
        dry_run=write["dry_run"],
        from_journal=log.from_journal,
        asked=asked,
    )
    _say_where(given["journal"])
    return passed


def _say_where(journal: str | os.PathLike[str] | None) -> None:
    if journal is not None and is_there(journal):
        say(f"samples are kept in {journal}, where the same sources and model find them")


def _input(read: SourceRead, tried: Dataset) -> dict[str, Any]:
    """What was read, and how much of it was taken."""
    found = read.report.to_dict()
    if len(tried) < len(read.scenarios):
        found["limited_to"] = len(tried)
    return found


def _tokenizer_of(sampler: Engine | None, named: str | None) -> PreTrainedTokenizerBase | None:
    from cb_datasets.models.tokenizer import load_tokenizer

    if named is not None:
        return load_tokenizer(named)
    return None if sampler is None else sampler.tokenizer


@contextmanager
def _shown(
    scenarios: int, write: WriteOptions, log: SamplingLog, *, judged: bool
) -> Iterator[dict[str, Any]]:
    """How far sampling is, shown as it is wished; gives what is to be told of it."""
    as_json = write["log_json"]
    # To know outcomes early costs a judgement more a sample, which of another judge may be dear.
    watched = not judged or as_json or sys.stderr.isatty()
    with (
        progress("scenarios", scenarios, log, told=not as_json) as done,
        log.every(write["log_interval"], _tell) if as_json else nullcontext(),
    ):
        yield {"progress": done, "watch": log.sample if watched else None}


def _tell(log: SamplingLog) -> None:
    print(json_line(log), file=sys.stderr, flush=True)


def _target(folder: Path | None, write: WriteOptions) -> Path:
    output, only = write["output"], write["only"]
    if folder is not None and output is not None and folder != output:
        raise BuildError(f"the output is given twice: {folder} and {output}")
    target = folder or output or (Path(f"{only}.jsonl") if only else _DEFAULT_OUTPUT)
    if only is not None:
        check_jsonl(target)
    return target


@contextmanager
def _reserved(target: Path, write: WriteOptions) -> Iterator[None]:
    """Keep the output for this build, from its beginning on."""
    from cb_datasets.dataset.whole import reserved

    if write["dry_run"]:
        yield
        return
    with reserved(target, overwrite=write["overwrite"], file=write["only"] is not None):
        yield


def _sources(read: ReadOptions) -> list[tuple[str, str | None, dict[str, Any]]]:
    """Each source with its files and its options."""
    named = [named_source(text) for text in read["source"]]
    given = source_options(list(read["source_option"]), [name for name, _ in named])
    sources = []
    for name, files in named:
        shared = {} if files is None else {"max_malformed": read["max_malformed"]}
        sources.append((name, files, {**shared, **given.get(name, {})}))
    return sources


def _read(name: str, files: str | None, options: dict[str, Any]) -> SourceRead:
    from cb_datasets.sources import read_source

    with waiting(f"reading {name}" if files is None else f"reading {name}: {files}"):
        read = read_source(name, files, **options)
    for warning in read.report.warnings():
        warn(warning)
    return read
