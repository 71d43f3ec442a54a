"""`cb-datasets push`: a dataset folder to the Hub, as a version."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal, Optional

import typer

from cb_datasets.cli.console import quiet_libraries, say, warn
from cb_datasets.errors import HubError

_GATED: dict[str, Literal["manual", "auto", False]] = {
    "manual": "manual",
    "auto": "auto",
    "off": False,
}


def push(
    folder: Annotated[Path, typer.Argument(help="A dataset folder.")],
    repo: Annotated[str, typer.Argument(help="OWNER/NAME on the Hub; made if it is not there.")],
    version: Annotated[str, typer.Option(help="Three numbers: 1.2.0.")],
    public: Annotated[
        bool, typer.Option("--public", help="Let everybody see a new repo. Default: private.")
    ] = False,
    gated: Annotated[
        str, typer.Option(help="Who may read: manual (each is let in by hand), auto, or off.")
    ] = "manual",
    force_reason: Annotated[
        Optional[str],  # noqa: UP045 - typer reads the annotation at run time on Python 3.10
        typer.Option(help="Push in spite of failed gates or changed files; the card says why."),
    ] = None,
    allow_secret: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(
            metavar="PATH:RULE",
            help="Push in spite of what looks like a secret, by the name that the refusal gives; "
            "the manifest says so. May be repeated.",
        ),
    ] = None,
    token: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Access token. Default: HF_TOKEN, or this machine's login."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, change nothing.")
    ] = False,
) -> None:
    """Push a folder as a version: one commit, then the tag v1.2.0.

    Since the last version, rows alone ask for a patch, added columns for a minor, removed or
    renamed ones for a major version.
    """
    from huggingface_hub.utils import disable_progress_bars  # type: ignore[attr-defined]

    from cb_datasets.hub.push import push_to_hub

    if gated not in _GATED:
        raise HubError(f"--gated {gated}: expected one of {', '.join(_GATED)}")
    quiet_libraries()
    if not sys.stderr.isatty():
        disable_progress_bars()
    done = push_to_hub(
        folder,
        repo,
        version,
        private=not public,
        gated=_GATED[gated],
        force_reason=force_reason,
        allow_secrets=allow_secret or (),
        token=token,
        dry_run=dry_run,
    )
    for warning in done.warnings:
        warn(warning)
    seen = "private" if done.private else "public"
    access = f"access {done.gated}" if done.gated else "access without asking"
    say(f"{done.repo_id} {done.tag}: {seen}, {access}; {done.change}")
    for path in done.uploaded:
        say(f"  + {path}")
    for path in done.deleted:
        say(f"  - {path}")
    if done.commit is None:
        say("dry run: nothing was pushed")
        return
    say(f'load_dataset("{done.repo_id}", "ds", revision="{done.tag}")')
