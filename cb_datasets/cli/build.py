"""`cb-datasets build`: from sources to a gated dataset folder."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from cb_datasets.cli.console import FAILED, Shown, progress, quiet_libraries, say, warn
from cb_datasets.cli.engine_options import (
    AdapterOption,
    BackendOption,
    BaseURLOption,
    BatchSizeOption,
    DeviceOption,
    DistributedOption,
    DtypeOption,
    EngineOptions,
    In4BitOption,
    In8BitOption,
    WorkersOption,
    engine_of,
)
from cb_datasets.cli.kept_samples import checked_resume, journal_of, said_how_to_go_on
from cb_datasets.cli.option_texts import (
    named_source,
    numbers_by_kind,
    source_options,
)
from cb_datasets.cli.result import check_only, finish
from cb_datasets.cli.sampling_log import SamplingLog, json_line
from cb_datasets.errors import BuildError

_DEFAULT_OUTPUT = Path("demo-dataset")


def build(
    folder: Annotated[
        Optional[Path],  # noqa: UP045 - typer reads the annotation at run time on Python 3.10
        typer.Argument(
            help="Folder to write; with --only a file. Default: demo-dataset, or SET.jsonl",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--output", "-o", help="The same, as an option."),
    ] = None,
    source: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(
            "--source",
            "-s",
            help="NAME, NAME=PATH (a file, folder or glob) or NAME=OWNER/REPO; may be repeated. "
            "Default: demo",
        ),
    ] = None,
    source_option: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(
            "--source-option",
            "-O",
            help="NAME.OPTION=VALUE, such as tau2.turns=first, generic.mapping=map.yaml or "
            "fujitsu_b4.revision=v1; may be repeated.",
        ),
    ] = None,
    max_malformed: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, help="Share of malformed lines that stops the build."),
    ] = 0.5,
    backend: BackendOption = "transformers",
    model: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Model folder or Hub id. Default: the bundled tiny agent"),
    ] = None,
    revision: Annotated[Optional[str], typer.Option(help="Revision of a Hub model.")] = None,  # noqa: UP045
    num_samples: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(min=1, help="Samples a scenario. Default: 5", show_default=False),
    ] = None,
    min_successes: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(
            min=1,
            help="In the place of --num-samples: sample a scenario until the attack has won so "
            "often, or without an attack so many samples are right.",
        ),
    ] = None,
    max_samples: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(
            min=1,
            help="With --min-successes, the most samples of a scenario. Default: 8",
            show_default=False,
        ),
    ] = None,
    temperature: Annotated[float, typer.Option(min=0.0, help="Sampling temperature.")] = 0.7,
    top_p: Annotated[float, typer.Option(help="Nucleus sampling; 1 is off.")] = 1.0,
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Limit of a completion.")] = 256,
    seed: Annotated[int, typer.Option(help="Decides samples and split.")] = 0,
    eval_fraction: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of the groups held out for eval.")
    ] = 0.2,
    hold_out: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(
            "--hold-out",
            help="Kept out of training: source=NAME, category=NAME or template=NAME; may be "
            "repeated.",
        ),
    ] = None,
    near_duplicates: Annotated[
        float,
        typer.Option(
            min=0.0, max=1.0, help="Similarity from which one of two is left out; 0 is off."
        ),
    ] = 0.9,
    dr_per_ds: Annotated[
        float, typer.Option(min=0.0, help="Rows of Dr there should be for each of Ds.")
    ] = 4.0,
    retain_quota: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option("--retain-quota", help="KIND=N: at most N rows of a kind; may be repeated."),
    ] = None,
    retain_weight: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option("--retain-weight", help="KIND=W: share of a kind of Dr; may be repeated."),
    ] = None,
    include_forced_calls: Annotated[
        bool, typer.Option(help="Add forced function calling rows to eval.")
    ] = True,
    redact_harmful_prompt: Annotated[
        bool, typer.Option("--redact-harmful-prompt", help="Take the injection out of Ds prompts.")
    ] = False,
    load_in_8bit: In8BitOption = False,
    load_in_4bit: In4BitOption = False,
    dtype: DtypeOption = "auto",
    device: DeviceOption = "auto",
    batch_size: BatchSizeOption = None,
    adapter: AdapterOption = None,
    base_url: BaseURLOption = None,
    engine_option: EngineOptions = None,
    distributed: DistributedOption = None,
    workers: WorkersOption = None,
    journal: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            help="Folder or fsspec URL that keeps every finished sample, and is kept. Default: a "
            "folder in the cache, removed when the output is written."
        ),
    ] = None,
    resume: Annotated[
        str, typer.Option(help="Take samples from the journal: auto, always or never.")
    ] = "auto",
    shard: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            help="i/n, such as 0/2: sample this part only and write a shard, for `merge`."
        ),
    ] = None,
    log_json: Annotated[
        bool,
        typer.Option("--log-json", help="Tell the state of sampling as JSON lines on stderr."),
    ] = False,
    log_interval: Annotated[
        float, typer.Option(min=0.1, help="Seconds from one such line to the next.")
    ] = 10.0,
    only: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            help="ds, dr or eval: write this set alone, as JSON Lines, to a file NAME.jsonl."
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the statistics, write nothing.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a folder or file that is there.")
    ] = False,
) -> None:
    """Build Ds, Dr and eval, run the gates and write a folder that load_dataset reads.

    Without options: the demo suite and the bundled tiny agent, offline.
    """
    if folder is not None and output is not None and folder != output:
        raise BuildError(f"the output is given twice: {folder} and {output}")
    target = folder or output or (Path(f"{only}.jsonl") if only else _DEFAULT_OUTPUT)
    if only is not None:
        check_only(only, target)
    wanted = [named_source(text) for text in source or ["demo"]]
    of_sources = source_options(source_option or [], [name for name, _ in wanted])
    quotas = {kind: int(n) for kind, n in numbers_by_kind("--retain-quota", retain_quota).items()}
    weights = numbers_by_kind("--retain-weight", retain_weight)

    if min_successes is not None and num_samples is not None:
        raise BuildError("give either --num-samples or --min-successes")
    if min_successes is None and max_samples is not None:
        raise BuildError("--max-samples needs --min-successes")
    counts = {"num_samples": num_samples, "min_successes": min_successes}
    counts |= {"max_samples": max_samples}
    samples = {name: number for name, number in counts.items() if number is not None}

    from cb_datasets.dataset.whole import check_free, check_free_file

    if not dry_run:
        (check_free if only is None else check_free_file)(target, overwrite=overwrite)

    import datasets

    from cb_datasets.sets import build_sets
    from cb_datasets.sets.shards import build_shard, parse_shard
    from cb_datasets.sources import read_source

    going_on = checked_resume(resume)
    if shard is not None and dry_run:
        raise BuildError("--shard is there to write a shard; leave out --dry-run")
    if shard is not None and only is not None:
        raise BuildError("a shard is a part of all sets; leave out --only")
    if shard is not None:
        parse_shard(shard)
    quiet_libraries()
    reads = []
    for name, files in wanted:
        given = dict(of_sources.get(name, {}))
        if files is not None:
            given.setdefault("max_malformed", max_malformed)
        reads.append(read_source(name, files, **given))
        for warning in reads[-1].report.warnings():
            warn(warning)
    scenarios = datasets.concatenate_datasets([read.scenarios for read in reads])
    engine = engine_of(
        backend,
        model,
        revision=revision,
        dtype=dtype,
        device=device,
        batch_size=batch_size,
        load_in_8bit=load_in_8bit,
        load_in_4bit=load_in_4bit,
        adapter=adapter,
        base_url=base_url,
        engine_option=engine_option,
        distributed=distributed,
        workers=workers,
    )
    own_journal = journal_of("build", target)
    kept = journal or (None if dry_run else own_journal)
    inputs = [read.report.to_dict() for read in reads]
    log = SamplingLog()
    with (
        closing(engine),
        said_how_to_go_on(kept),
        progress("scenarios", len(scenarios)) as done,
        _told(log, done, as_json=log_json, every=log_interval),
    ):
        options: dict[str, Any] = {
            **samples,
            "temperature": temperature,
            "top_p": top_p,
            "max_new_tokens": max_new_tokens,
            "seed": seed,
            "redact_harmful_prompt": redact_harmful_prompt,
            "include_forced_calls": include_forced_calls,
            "eval_fraction": eval_fraction,
            "hold_out": hold_out,
            "near_duplicates": near_duplicates or None,
            "dr_per_ds": dr_per_ds,
            "retain_quotas": quotas,
            "retain_weights": weights,
            "journal": kept,
            "resume": going_on,
            "progress": done,
            # To know outcomes early costs a judgement more a sample.
            "watch": log.sample if log_json or sys.stderr.isatty() else None,
        }
        if shard is not None:
            options |= {"inputs": inputs, "overwrite": overwrite}
            made = build_shard(scenarios, engine, target, shard, **options)
        else:
            sets = build_sets(scenarios, engine, **options)
    passed = True
    if shard is not None:
        say(f"written: {target}, shard {shard} with {made} samples")
    else:
        written = None if dry_run else target
        passed = finish(
            sets, inputs, written, tokenizer=engine.tokenizer, overwrite=overwrite, only=only
        )
    if not dry_run:
        shutil.rmtree(own_journal, ignore_errors=True)
    if not passed:
        raise typer.Exit(FAILED)


@contextmanager
def _told(log: SamplingLog, shown: Shown, *, as_json: bool, every: float) -> Iterator[None]:
    """Have the state of sampling told: as JSON lines, and behind the bar."""

    def write(log: SamplingLog) -> None:
        if as_json:
            print(json_line(log), file=sys.stderr, flush=True)
        else:
            shown.note(log.words())

    with log.every(every if as_json else 1.0, write):
        yield
