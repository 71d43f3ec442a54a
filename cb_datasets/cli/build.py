"""`cb-datasets build`: from sources to a gated dataset folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from cb_datasets.cli.console import FAILED, OUT, progress, quiet_libraries
from cb_datasets.errors import BuildError, SourceError

_DEFAULT_OUTPUT = Path("demo-dataset")


def build(
    folder: Annotated[
        Optional[Path],  # noqa: UP045 - typer reads the annotation at run time on Python 3.10
        typer.Argument(help="Folder to write. Default: demo-dataset", show_default=False),
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
            help="NAME or NAME=PATH (a file, folder or glob); may be repeated. Default: demo",
        ),
    ] = None,
    backend: Annotated[str, typer.Option(help="Engine for scenarios to sample.")] = "transformers",
    model: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Model folder or Hub id. Default: the bundled tiny agent"),
    ] = None,
    revision: Annotated[Optional[str], typer.Option(help="Revision of a Hub model.")] = None,  # noqa: UP045
    num_samples: Annotated[int, typer.Option(min=1, help="Samples a scenario.")] = 5,
    temperature: Annotated[float, typer.Option(min=0.0, help="Sampling temperature.")] = 0.7,
    top_p: Annotated[float, typer.Option(help="Nucleus sampling; 1 is off.")] = 1.0,
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Limit of a completion.")] = 256,
    seed: Annotated[int, typer.Option(help="Decides samples and split.")] = 0,
    eval_fraction: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of the groups held out for eval.")
    ] = 0.2,
    include_forced_calls: Annotated[
        bool, typer.Option(help="Add forced function calling rows to eval.")
    ] = True,
    redact_harmful_prompt: Annotated[
        bool, typer.Option("--redact-harmful-prompt", help="Take the injection out of Ds prompts.")
    ] = False,
    load_in_8bit: Annotated[
        bool, typer.Option("--load-in-8bit", help="Quantise with bitsandbytes.")
    ] = False,
    load_in_4bit: Annotated[
        bool, typer.Option("--load-in-4bit", help="Quantise with bitsandbytes.")
    ] = False,
    dtype: Annotated[str, typer.Option(help="auto, float32, bfloat16, ...")] = "auto",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps.")] = "auto",
    batch_size: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(min=1, help="Samples generated at a time; does not change them."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the statistics, write nothing.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a folder that is there.")
    ] = False,
) -> None:
    """Build Ds, Dr and eval, run the gates and write a folder that load_dataset reads.

    Without options: the demo suite and the bundled tiny agent, offline.
    """
    if folder is not None and output is not None and folder != output:
        raise BuildError(f"the output is given twice: {folder} and {output}")
    target = folder or output or _DEFAULT_OUTPUT
    wanted = [_named_source(text) for text in source or ["demo"]]
    options: dict[str, Any] = {"revision": revision, "dtype": dtype, "device": device}
    options |= {"load_in_8bit": load_in_8bit, "load_in_4bit": load_in_4bit}
    if batch_size is not None:
        options["batch_size"] = batch_size

    from cb_datasets.hub.whole import check_free

    if not dry_run:
        check_free(target, overwrite=overwrite)

    import datasets

    from cb_datasets.engines import load_engine
    from cb_datasets.gates import run_gates
    from cb_datasets.gates.table import render_report
    from cb_datasets.hub.folder import write_folder
    from cb_datasets.sets import build_sets
    from cb_datasets.sources import read_source

    quiet_libraries()
    reads = [read_source(name, files) for name, files in wanted]
    scenarios = datasets.concatenate_datasets([read.scenarios for read in reads])
    engine = load_engine(backend, model, **options)
    with progress("scenarios", len(scenarios)) as done:
        sets = build_sets(
            scenarios,
            engine,
            num_samples=num_samples,
            temperature=temperature,
            top_p=top_p,
            max_new_tokens=max_new_tokens,
            seed=seed,
            redact_harmful_prompt=redact_harmful_prompt,
            include_forced_calls=include_forced_calls,
            eval_fraction=eval_fraction,
            progress=done,
        )
    inputs = [read.report.to_dict() for read in reads]
    report = run_gates(ds=sets.ds, dr=sets.dr, eval=sets.eval)
    _print_stats(inputs, sets.stats())
    OUT.print(render_report(report))
    if dry_run:
        OUT.print("dry run: nothing was written")
    else:
        write_folder(sets, target, inputs=inputs, gates=report, overwrite=overwrite)
        OUT.print(f"written: {target}", markup=False, highlight=False)
    if not report.passed:
        raise typer.Exit(FAILED)


def _named_source(text: str) -> tuple[str, str | None]:
    name, equals, path = text.partition("=")
    if equals and not path:
        raise SourceError(f"--source {text}: a path was expected behind the =")
    return name, path or None


def _print_stats(inputs: list[dict[str, Any]], stats: dict[str, Any]) -> None:
    for report in inputs:
        OUT.print(
            f"{report['source']}: {report['lines']} lines read, {report['rows']} records, "
            f"{report['scenarios']} scenarios, {sum(report['skipped'].values())} rows skipped, "
            f"{len(report['malformed'])} malformed",
            markup=False,
            highlight=False,
        )
    for name in ("ds", "dr", "eval", "rejected"):
        counts = stats[name]
        key = {"ds": "by_category", "dr": "by_kind", "eval": "by_kind", "rejected": "by_reason"}
        shown = ", ".join(f"{what} {count}" for what, count in counts[key[name]].items())
        OUT.print(f"{name}: {counts['rows']} rows  ({shown})", markup=False, highlight=False)
