"""`cb-datasets doctor`: what is installed, what would run, what is missing and how to get it."""

from __future__ import annotations

import platform
from importlib import metadata, util

import typer
from rich.table import Table
from rich.text import Text

from cb_datasets.cli.console import FAILED, say, show
from cb_datasets.errors import CBDatasetsError
from cb_datasets.extras import install, install_command
from cb_datasets.terminal import shown
from cb_datasets.version import __version__

_BASE = ("datasets", "transformers", "torch", "huggingface_hub", "jsonschema", "accelerate")
_EXTRAS = {
    "bitsandbytes": ("quant", "8-bit and 4-bit loading"),
    "scikit-learn": ("probe", "the probe of hidden states"),
    "matplotlib": ("plot", "pictures of reports"),
    "inspect_ai": ("inspect", "the eval set as a task of inspect_ai"),
    "agentdojo": ("agentdojo", "AgentDojo's environments, for replays and rollouts"),
    "ray": ("ray", "Ray, to sample on many machines"),
    "trl": ("trl", "TRL's trainers, which open the exports"),
}
_MODULES = {"scikit-learn": "sklearn"}


def doctor() -> None:
    """Say what is installed, what would run, and how to get what is missing."""
    table = Table(box=None, pad_edge=False, show_header=False)
    # Below the table, which would break a command into several lines.
    missing: dict[str, str] = {}
    fine = True
    table.add_row("cb_datasets", __version__, f"Python {platform.python_version()}")
    for name in _BASE:
        version = _version(name)
        fine &= version is not None
        table.add_row(name, _version_text(version), "")
        if version is None:
            missing[name] = f'{install()} "{name}"'
    for name, (extra, what) in _EXTRAS.items():
        version = _version(name)
        table.add_row(name, _version_text(version, optional=True), shown(what))
        if version is None:
            missing[name] = install_command(extra)
    fine &= _add_backends(table, missing)
    show(table)
    if missing:
        say("to get what is missing:")
    for name, command in missing.items():
        say(f"  {name}: {command}")
    say(f"device: {_device()}")
    fine &= _agent_runs()
    if not fine:
        raise typer.Exit(FAILED)


def _add_backends(table: Table, missing: dict[str, str]) -> bool:
    """A line a backend, and how to get what it is missing; whether all could be loaded."""
    from cb_datasets.engines import find_backend, list_backends

    fine = True
    for name in list_backends():
        try:
            backend = find_backend(name)
        except CBDatasetsError as error:
            fine = False
            table.add_row(f"backend {name}", shown("broken", "bold red"), shown(str(error)))
            continue
        if backend.missing:
            missing[f"backend {name}"] = backend.install
        ready = _version_text(None if backend.missing else "ready", optional=True)
        table.add_row(f"backend {name}", ready, shown(backend.title))
    return fine


def _version(name: str) -> str | None:
    if util.find_spec(_MODULES.get(name, name)) is None:
        return None
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "installed"


def _version_text(version: str | None, *, optional: bool = False) -> Text:
    if version:
        return shown(version, "green")
    return shown("not installed", "dim" if optional else "bold red")


def _device() -> str:
    import torch

    if torch.cuda.is_available():
        return f"cuda ({torch.cuda.get_device_name()})"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _agent_runs() -> bool:
    """Generate one completion with the bundled agent: the shortest real run there is."""
    from cb_datasets.cli.console import quiet_libraries
    from cb_datasets.engines import GenerationRequest, SamplingParams, load_engine
    from cb_datasets.formats import render_prompt

    quiet_libraries()
    try:
        engine = load_engine("transformers")
        prompt = render_prompt([{"role": "user", "content": "Hello"}], tokenizer=engine.tokenizer)
        request = GenerationRequest("doctor", prompt.token_ids, seed=0)
        (generation,) = engine.generate([request], SamplingParams(max_new_tokens=16))
    except CBDatasetsError as error:
        say(f"bundled tiny agent: {error}")
        return False
    say(f"bundled tiny agent: runs ({len(generation.token_ids)} tokens)")
    return True
