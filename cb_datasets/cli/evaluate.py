"""`cb-datasets evaluate`: an eval set before a model, or before two."""

from __future__ import annotations

import json
import shutil
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typing_extensions import TypedDict

from cb_datasets.cli.console import quiet_libraries, warn
from cb_datasets.cli.engine_options import EngineOptions, engine_of
from cb_datasets.cli.episode_options import LiveOptions
from cb_datasets.cli.evaluate_episodes import check_asked, evaluate_live
from cb_datasets.cli.flags import with_flags
from cb_datasets.cli.kept_samples import journal_of, said_how_to_go_on
from cb_datasets.cli.output_options import JSONOptions, OverwriteOptions
from cb_datasets.cli.progress import progress
from cb_datasets.cli.shown_report import show_report, write_report
from cb_datasets.errors import EvalError
from cb_datasets.evaluation.options import (
    EpisodeEvalOptions,
    EvalOptions,
    EvalSamplingOptions,
    FloorOptions,
)
from cb_datasets.extras import install_command
from cb_datasets.judge.named import JudgeOptions
from cb_datasets.options import Option, part_of
from cb_datasets.rollouts.options import EpisodeBounds

if TYPE_CHECKING:
    from cb_datasets.evaluation import EvalReport


class CompareOptions(TypedDict, total=False):
    """The defended model."""

    compare: Annotated[
        str | None, Option(None, "The defended model, put to the same test: folder or Hub id.")
    ]
    compare_revision: Annotated[
        str | None,
        Option(None, "Its revision, if it is on the Hub; without `compare`, of --model."),
    ]
    compare_adapter: Annotated[
        str | None, Option(None, "Its LoRA adapter; without `compare`, of --model.")
    ]
    compare_base_url: Annotated[
        str | None, Option(None, "Address of its server. Default: --base-url")
    ]
    train: Annotated[
        Path | None,
        Option(None, "Dataset folder that it was trained on. Default: the folder itself"),
    ]


class ReportOptions(OverwriteOptions, JSONOptions, total=False):
    """Where to write."""

    output: Annotated[
        Path | None,
        Option(None, "Folder for report, pictures and completions.", flag="--output -o"),
    ]
    attach: Annotated[bool, Option(False, "Put the report into the dataset folder and its card.")]


@with_flags(EvalError)
def evaluate(
    folder: Annotated[
        Path | None,
        typer.Argument(
            help="A dataset folder, or OWNER/NAME or OWNER/NAME@REVISION on the Hub: its eval set."
        ),
    ] = None,
    *,
    live: LiveOptions,
    bounds: EpisodeBounds,
    engine: EngineOptions,
    compared: CompareOptions,
    sampling: EvalSamplingOptions,
    judging: JudgeOptions,
    floors: FloorOptions,
    write: ReportOptions,
) -> None:
    """Measure attack success, capability and refusals; exit 1 if the report proves nothing.

    --model is the undefended model; without it: the bundled tiny agent, offline. With --env it
    plays episodes in tool environments, in the place of answering the rows of a folder.

    Without --journal finished samples are kept in the cache until the report is there.
    """
    check_asked(
        folder,
        live["env"],
        (LiveOptions, live),
        (EpisodeBounds, bounds),
        (EvalSamplingOptions, sampling),
        (JudgeOptions, judging),
        (FloorOptions, floors),
        (CompareOptions, compared),
        (ReportOptions, write),
    )
    if folder is None:
        evaluate_live(
            live,
            engine,
            _defended(engine, compared),
            part_of(EpisodeEvalOptions, {**sampling, **bounds, **floors}),
            output=write["output"],
            overwrite=write["overwrite"],
            as_json=write["as_json"],
        )
        return
    from cb_datasets import evaluation
    from cb_datasets.dataset.folder import read_folder
    from cb_datasets.dataset.reports import attach_report
    from cb_datasets.dataset.whole import check_free, reserved
    from cb_datasets.hub.place import dataset_folder

    quiet_libraries()
    output, train = write["output"], compared["train"]
    place = dataset_folder(folder)
    if write["attach"]:
        if place != folder:
            raise EvalError(f"{folder} is on the Hub; --attach needs a folder on this machine")
        check_free(place, overwrite=True)
    with nullcontext() if output is None else reserved(output, overwrite=write["overwrite"]):
        sets = read_folder(place)
        trained = sets if train is None else read_folder(dataset_folder(train))
        train_rows = {name: trained[name] for name in ("ds", "dr") if len(trained[name])}
        undefended = engine_of(engine)
        defended = _defended(engine, compared)
        other = None if defended is None else engine_of(defended)
        total = len(sets["eval"]) * sampling["num_samples"] * (1 if other is None else 2)
        own_journal = journal_of("evaluate", folder, output, engine["model"], compared["compare"])
        kept = sampling["journal"] or own_journal
        options: EvalOptions = {**sampling, **floors, "journal": kept}
        with said_how_to_go_on(kept):
            with progress("samples", total) as done:
                report = evaluation.evaluate(
                    undefended,
                    sets["eval"],
                    compare=other,
                    train=train_rows or None,
                    progress=done,
                    **judging,
                    **options,
                )
            if output is not None:
                _write(report, output, overwrite=write["overwrite"])
            if write["attach"]:
                data, words = report.to_dict(), report.summary_markdown()
                attach_report(place, "evaluation", data, words, _drawn(report))
        shutil.rmtree(own_journal, ignore_errors=True)
    show_report(report, output, as_json=write["as_json"])


def _defended(engine: EngineOptions, compared: CompareOptions) -> EngineOptions | None:
    """The options of the engine of the defended model, where there is one."""
    asked = {name: value for name, value in compared.items() if name != "train"}
    if not any(asked.values()):
        return None
    revision = compared["compare_revision"] or (None if compared["compare"] else engine["revision"])
    return {
        **engine,
        "model": compared["compare"] or engine["model"],
        "revision": revision,
        "adapter": compared["compare_adapter"],
        "base_url": compared["compare_base_url"] or engine["base_url"],
    }


def _write(report: EvalReport, output: Path, *, overwrite: bool) -> None:
    from cb_datasets.dataset.whole import whole_folder

    with whole_folder(output, overwrite=overwrite) as unfinished:
        write_report(report, unfinished)
        reports = {"completions": report, "completions_compared": report.compared}
        for name, one in reports.items():
            if one is not None:
                lines = (json.dumps(s.to_dict(), ensure_ascii=False) for s in one.samples)
                (unfinished / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        for name, content in _drawn(report).items():
            (unfinished / name).write_bytes(content)


def _drawn(report: EvalReport) -> dict[str, bytes]:
    from cb_datasets.evaluation.pictures import can_draw, pictures

    if can_draw():
        return pictures(report)
    warn(f"no pictures without matplotlib: {install_command('plot')}")
    return {}
