"""A dataset folder to the Hub, as a version: one commit with all its files, then the tag.

What dies half way leaves no version: the tag is made last. Pushing again goes on where it ended.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cb_datasets.dataset.card_parts import read_card, renewed_card, with_part
from cb_datasets.dataset.croissant import CROISSANT_NAME, with_version
from cb_datasets.dataset.folder import CONFIGS
from cb_datasets.dataset.manifest import MANIFEST_NAME, parse_manifest
from cb_datasets.errors import HubError
from cb_datasets.hub.fit import CARD_NAME, FitFolder, check_publishable, fit_folder
from cb_datasets.hub.leaks import LeakFinder, check_leaks
from cb_datasets.hub.remote import BRANCH, RemoteRepo, card_features, remote_repo, remote_text
from cb_datasets.hub.versions import Change, Version, change_between, check_step, read_version
from cb_datasets.hub_refusals import LOGIN, hub_sentences
from cb_datasets.markdown import heading, inline

if TYPE_CHECKING:
    from huggingface_hub import HfApi

Gated = Literal["manual", "auto", False]

_OURS = (*(f"{name}/" for name in CONFIGS), "reports/", "plots/")


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a push did, or a dry run would do.

    Attributes:
        repo_id: The dataset on the Hub.
        version: The version, without the v.
        tag: Its tag, for `load_dataset(..., revision=tag)`.
        commit: The commit it stands for; None in a dry run.
        created: Whether the repo is new.
        private: Whether only its owners see it.
        gated: How access is given: "manual", "auto" or False.
        uploaded: Files that are new or changed, by path.
        deleted: Files of earlier versions that this one has not.
        change: What has changed since the last version, in words.
        warnings: What a person should know of the rows: paths as this machine has them.
    """

    repo_id: str
    version: str
    tag: str
    commit: str | None
    created: bool
    private: bool
    gated: Gated
    uploaded: tuple[str, ...]
    deleted: tuple[str, ...]
    change: str
    warnings: tuple[str, ...] = ()


def push_to_hub(
    folder: str | Path,
    repo_id: str,
    version: str,
    private: bool = True,
    *,
    gated: Gated = "manual",
    force_reason: str | None = None,
    allow_secrets: Sequence[str] = (),
    token: str | None = None,
    dry_run: bool = False,
) -> Pushed:
    """Push a dataset folder to the Hub as a version.

    Args:
        folder: The dataset folder, as a build left it.
        repo_id: OWNER/NAME on the Hub; made if it is not there.
        version: Three numbers, "1.2.0". Since the last version, rows alone ask for a patch, new
            columns or configs for a minor, removed, renamed or retyped ones for a major version.
        private: Only owners see a new repo. An existing one must be as this says: nothing that is
            private is made public by a push.
        gated: How others get access: each by hand, all who ask, or False without asking.
        force_reason: Why a folder is pushed whose gates fail, or whose files are not what its
            manifest says; the card says so.
        allow_secrets: What looks like a secret or a path of this machine and is none, each by the
            name that the refusal gave, `PATH:RULE` (wildcards in the path); the manifest says so.
        token: Access token; None takes that of this machine's login.
        dry_run: Check everything, change nothing.

    Returns:
        What was pushed. `load_dataset(repo_id, "ds", revision=pushed.tag)` gives its rows.

    Raises:
        HubError: The folder is not fit, the version is there or does not suit the change, a
            source's licence forbids to publish, or the Hub refuses. Nothing was pushed then, or
            what was has no tag and the next push goes on from it.
        BuildError: It is no dataset folder.

    Example:
        >>> pushed = push_to_hub("out", "org/tool-breakers", "1.0.0")  # doctest: +SKIP
        >>> datasets.load_dataset("org/tool-breakers", "ds", revision=pushed.tag)  # doctest: +SKIP
    """
    from huggingface_hub import HfApi, get_token

    wanted = read_version(version)
    if repo_id.count("/") != 1:
        raise HubError(f"{repo_id!r} is no name of a dataset on the Hub; OWNER/NAME was expected")
    if gated not in ("manual", "auto", False):
        raise HubError(f"gated is {gated!r}; 'manual', 'auto' or False was expected")
    if force_reason is not None and not force_reason.strip():
        raise HubError("the reason to force a push is empty; say why, the card repeats it")
    token = token or get_token()
    if token is None:
        raise HubError(f"{repo_id}: nobody is logged in; {LOGIN}")
    leaks = LeakFinder(Path(folder), token)
    fit = fit_folder(Path(folder), force_reason=force_reason, leaks=leaks, allowed=allow_secrets)
    if not private:
        check_publishable(fit)
    api = HfApi(token=token)
    with hub_sentences(repo_id, HubError, token=token):
        remote = remote_repo(api, repo_id)
        if remote is not None and remote.private != private:
            is_, say = ("private", "without") if remote.private else ("public", "with")
            raise HubError(
                f"{repo_id} is {is_} on the Hub; push {say} --public, or change it on its page"
            )
        change = _change(api, remote, wanted, fit)
        said = {"forced": force_reason, "allowed_secrets": list(allow_secrets)}
        contents = _contents(api, repo_id, remote, wanted, fit, said, change)
        for path in (CARD_NAME, MANIFEST_NAME):
            check_leaks(leaks.in_text(path, contents[path].decode()), allow_secrets)
        there = remote.hashes if remote is not None else {}
        paths = sorted({*fit.files, *contents})
        uploaded = tuple(p for p in paths if not _is_there(there.get(p), p, fit, contents.get(p)))
        deleted = tuple(sorted(p for p in there if p.startswith(_OURS) and p not in paths))
        commit = None
        if not dry_run:
            if remote is None:
                api.create_repo(repo_id, repo_type="dataset", private=private)
            if remote is None or (remote.gated or False) != gated:
                api.update_repo_settings(repo_id, repo_type="dataset", gated=gated)
            commit = _commit(api, repo_id, remote, wanted, fit, contents, uploaded, deleted)
            _tag(api, repo_id, wanted, commit)
    return Pushed(
        repo_id=repo_id,
        version=str(wanted),
        tag=wanted.tag,
        commit=commit,
        created=remote is None,
        private=private,
        gated=gated,
        uploaded=uploaded,
        deleted=deleted,
        change=str(change) if change is not None else "the first version",
        warnings=fit.warnings,
    )


def _change(
    api: HfApi, remote: RemoteRepo | None, wanted: Version, fit: FitFolder
) -> Change | None:
    """What has changed since the last version; None if there is none."""
    if remote is None or not remote.versions:
        return None
    if wanted in remote.versions:
        raise HubError(
            f"{remote.repo_id} has version {wanted} already, and a version never changes; "
            "give the next one"
        )
    last = remote.versions[-1]
    card = remote_text(api, remote.repo_id, CARD_NAME, last.tag)
    old = card_features(card or "")
    new = {name: table.features for name, table in fit.configs.items()}
    change = change_between(old, new)
    check_step(wanted, last, change)
    manifest = remote_text(api, remote.repo_id, MANIFEST_NAME, last.tag)
    if manifest is not None and _same_files(parse_manifest(manifest, last.tag), fit):
        raise HubError(f"nothing has changed since version {last} of {remote.repo_id}")
    return change


def _same_files(manifest: dict[str, Any], fit: FitFolder) -> bool:
    before = {path: facts["sha256"] for path, facts in manifest["files"].items()}
    now = {path: facts["sha256"] for path, facts in fit.files.items()}
    return all(
        before.get(path) == now.get(path) for path in {*before, *now} if path.startswith(_OURS)
    )


def _contents(
    api: HfApi,
    repo_id: str,
    remote: RemoteRepo | None,
    wanted: Version,
    fit: FitFolder,
    said: Mapping[str, Any],
    change: Change | None,
) -> dict[str, bytes]:
    """The files that a version has of its own: gate report, card, metadata and manifest."""
    card = read_card((fit.folder / CARD_NAME).read_text(encoding="utf-8"))
    card = with_part(card, "version", _version_text(wanted, fit, said["forced"], change))
    if remote is not None:
        existing = remote_text(api, remote.repo_id, CARD_NAME, remote.head)
        if existing is not None:
            card = renewed_card(read_card(existing), card)
    contents = {
        CARD_NAME: card.text.encode(),
        "gates.json": _json(fit.gates.to_dict()),
    }
    if CROISSANT_NAME in fit.files:
        text = (fit.folder / CROISSANT_NAME).read_text(encoding="utf-8")
        contents[CROISSANT_NAME] = with_version(text, str(wanted), repo_id, fit.files).encode()
    own = {
        path: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for path, content in contents.items()
    }
    manifest = {**fit.manifest, "version": str(wanted), "files": {**fit.files, **own}}
    manifest |= {name: value for name, value in said.items() if value}
    contents[MANIFEST_NAME] = _json(manifest)
    return contents


def _version_text(
    wanted: Version, fit: FitFolder, force_reason: str | None, change: Change | None
) -> str:
    failed = [name for name, result in fit.gates.results.items() if not result.passed]
    since = f"Since the last version: {change}." if change else "The first version."
    if failed or fit.changed:
        why = [f"the gate {inline(name)} fails" for name in failed]
        why += [f"{inline(path)} is not as it was built" for path in fit.changed]
        reason = inline(" ".join((force_reason or "").split()))
        checked = f"\n**Pushed although {' and '.join(why)}.** The reason given: {reason}"
    else:
        checked = f"All {len(fit.gates.results)} gates were run again and passed."
    return f"{heading(2, f'Version {wanted}')}\n\n{inline(since)}\n{checked}"


def _is_there(hub_hash: str | None, path: str, fit: FitFolder, content: bytes | None) -> bool:
    """Whether the Hub has a file as it is: it names small ones by the hash that git gives them."""
    if hub_hash is None:
        return False
    if len(hub_hash) == 64:
        known = (
            fit.files[path]["sha256"] if content is None else hashlib.sha256(content).hexdigest()
        )
        return bool(hub_hash == known)
    content = (fit.folder / path).read_bytes() if content is None else content
    git = hashlib.sha1(b"blob %d\x00" % len(content) + content, usedforsecurity=False)
    return hub_hash == git.hexdigest()


def _commit(
    api: HfApi,
    repo_id: str,
    remote: RemoteRepo | None,
    wanted: Version,
    fit: FitFolder,
    contents: dict[str, bytes],
    uploaded: tuple[str, ...],
    deleted: tuple[str, ...],
) -> str:
    """Make the commit, unless an earlier push has."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    if remote is not None and not uploaded and not deleted:
        return remote.head
    added = []
    for path in uploaded:
        add = CommitOperationAdd(path, contents.get(path, fit.folder / path))
        if path not in contents and add.upload_info.sha256.hex() != fit.files[path]["sha256"]:
            raise HubError(f"{path} changed while it was being pushed; nothing was pushed")
        added.append(add)
    done = api.create_commit(
        repo_id,
        [*added, *map(CommitOperationDelete, deleted)],
        commit_message=f"Version {wanted}",
        repo_type="dataset",
        revision=BRANCH,
        parent_commit=remote.head if remote is not None else None,
    )
    return str(done.oid)


def _tag(api: HfApi, repo_id: str, wanted: Version, commit: str) -> None:
    try:
        api.create_tag(repo_id, tag=wanted.tag, revision=commit, repo_type="dataset")
    except Exception:
        # The answer may have been lost, and the tag be there.
        try:
            tags = api.list_repo_refs(repo_id, repo_type="dataset").tags
        except Exception:
            tags = []
        if not any(tag.name == wanted.tag and tag.target_commit == commit for tag in tags):
            raise


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()
