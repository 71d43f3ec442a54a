"""`cb-datasets rollout`: episodes played live in tool environments, written as trajectories."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from cb_datasets.cli.console import OUT, quiet_libraries
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
from cb_datasets.errors import EpisodeError

_LISTS = ("attacks", "user_tasks", "injection_tasks")
_NUMBERS = ("rollouts",)


def rollout(
    folder: Annotated[Path, typer.Argument(help="Folder to write the trajectories to.")],
    env: Annotated[str, typer.Option("--env", help="Episodes: agentdojo or demo.")] = "demo",
    env_option: Annotated[
        Optional[list[str]],  # noqa: UP045 - typer reads the annotation at run time on Python 3.10
        typer.Option(
            "--env-option",
            "-O",
            help="NAME=VALUE, such as suite=banking, attacks=direct,important_instructions, "
            "user_tasks=user_task_0, model_name=Llama or rollouts=4; may be repeated.",
        ),
    ] = None,
    backend: BackendOption = "transformers",
    model: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Model folder or Hub id. Default: the bundled tiny agent"),
    ] = None,
    revision: Annotated[Optional[str], typer.Option(help="Revision of a Hub model.")] = None,  # noqa: UP045
    max_turns: Annotated[int, typer.Option(min=1, help="Decisions of an episode.")] = 15,
    temperature: Annotated[float, typer.Option(min=0.0, help="Sampling temperature.")] = 0.7,
    top_p: Annotated[float, typer.Option(help="Nucleus sampling; 1 is off.")] = 1.0,
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Limit of a completion.")] = 256,
    seed: Annotated[int, typer.Option(help="Decides the samples.")] = 0,
    trajectories: Annotated[int, typer.Option(min=1, help="Episodes under way at once.")] = 64,
    call_timeout: Annotated[float, typer.Option(help="Seconds that a tool may take.")] = 30.0,
    dtype: DtypeOption = "auto",
    device: DeviceOption = "auto",
    batch_size: BatchSizeOption = None,
    load_in_8bit: In8BitOption = False,
    load_in_4bit: In4BitOption = False,
    adapter: AdapterOption = None,
    base_url: BaseURLOption = None,
    engine_option: EngineOptions = None,
    distributed: DistributedOption = None,
    workers: WorkersOption = None,
    journal: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Folder or URL that keeps every sample and observation at once."),
    ] = None,
    resume: Annotated[str, typer.Option(help="auto, always or never.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print the account as JSON.")] = False,
) -> None:
    """Play episodes with a model and keep every decision; build reads them as `rollouts=FOLDER`.

    Without --model: the bundled tiny agent in the demo environment, offline.
    """
    from cb_datasets.rollouts import rollout as play

    options = _env_options(env_option or [])
    quiet_libraries()
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
    kept = journal or str(journal_of("rollout", folder, env, model))
    with said_how_to_go_on(kept):
        report = play(
            env,
            engine,
            folder,
            max_turns=max_turns,
            temperature=temperature,
            top_p=top_p,
            max_new_tokens=max_new_tokens,
            seed=seed,
            trajectories=trajectories,
            call_timeout=call_timeout,
            journal=kept,
            resume=checked_resume(resume),
            **options,
        )
    made = report.to_dict()
    if as_json:
        OUT.print_json(json.dumps(made))
        return
    for name, value in made.items():
        counts = value.items() if isinstance(value, dict) else ()
        shown = ", ".join(f"{what} {count}" for what, count in counts) or value
        OUT.print(f"{name.replace('_', ' ')}: {shown}", markup=False, highlight=False)
    OUT.print(f"written: {folder}", markup=False, highlight=False)


def _env_options(given: list[str]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise EpisodeError(f"--env-option {text}: expected NAME=VALUE")
        if name in _LISTS:
            options[name] = [part for part in value.split(",") if part]
        elif name in _NUMBERS:
            options[name] = _number(name, value)
        else:
            options[name] = value
    return options


def _number(name: str, value: str) -> int:
    if not value.isdecimal() or int(value) < 1:
        raise EpisodeError(f"{name} is {value!r}; it must be 1 or more")
    return int(value)
