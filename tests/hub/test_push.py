"""Pushing versions to the Hub for tests, with the real client."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from datasets import load_dataset

import cb_datasets as cb
from cb_datasets.dataset import attach_report, read_folder
from cb_datasets.dataset.card_parts import read_card
from cb_datasets.dataset.manifest import file_facts, read_manifest, write_manifest
from cb_datasets.errors import CBDatasetsError, HubError
from cb_datasets.records import SET_RECORDS
from cb_datasets.schema import exact_rows, set_table

if TYPE_CHECKING:
    from tests.hub_server import HubServer

REPO = "org/breakers"
SETS = ("ds", "dr", "pairs", "eval")


def push(hub: HubServer, folder: Path, version: str = "1.0.0", **options: Any) -> Any:
    options.setdefault("token", hub.token)
    return cb.push_to_hub(folder, REPO, version, **options)


def ids(revision: str, config: str, **options: Any) -> list[str]:
    (rows,) = load_dataset(REPO, config, revision=revision, **options).values()
    return [row["id"] for row in rows]


def rehash(folder: Path, *paths: str) -> None:
    """Make the manifest agree with files that a test has changed."""
    manifest = read_manifest(folder)
    manifest["files"] |= {path: file_facts(folder / path) for path in paths}
    write_manifest(folder, manifest)


def refused(hub: HubServer, folder: Path, **options: Any) -> str:
    """The sentence a push is refused with; nothing was written on the Hub."""
    before = len(hub.asked)
    with pytest.raises(CBDatasetsError) as error:
        push(hub, folder, **options)
    said = str(error.value)
    assert "\n" not in said
    written = [a for a in hub.asked[before:] if a.method in ("POST", "PUT", "DELETE")]
    assert not [a for a in written if a.status == 200], said
    return said


def test_both_versions_load_with_their_own_rows_to_the_byte(
    hub: HubServer, built: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", hub.token)
    first = push(hub, built[0], "1.0.0", token=None)
    second = push(hub, built[1], "1.0.1", token=None)
    assert (first.created, second.created, second.change) == (True, False, "rows only")
    settings = hub.dataset(REPO).settings
    assert (settings["private"], settings["gated"]) == (True, "manual")
    for folder, tag in ((built[0], "v1.0.0"), (built[1], "v1.0.1")):
        sets = read_folder(folder)
        for config in SETS:
            assert ids(tag, config) == sets[config]["id"]
            assert ids(tag, config, streaming=True) == sets[config]["id"]
        for file in folder.rglob("*.parquet"):
            path = file.relative_to(folder).as_posix()
            assert hub.content(REPO, path, tag) == file.read_bytes()
        manifest = json.loads(hub.content(REPO, "manifest.json", tag))
        for path, facts in manifest["files"].items():
            content = hub.content(REPO, path, tag)
            assert facts["sha256"] == hashlib.sha256(content).hexdigest(), path
        metadata = json.loads(hub.content(REPO, "croissant.json", tag))
        assert (metadata["name"], f"v{metadata['version']}") == ("breakers", tag)
    # One commit a version.
    titles = [c.title for c in hub.dataset(REPO).history(hub.dataset(REPO).resolve("main"))]
    assert titles == ["Version 1.0.1", "Version 1.0.0", "initial commit"]


def test_gating_is_asked_for_before_any_file_is_there(
    hub: HubServer, built: tuple[Path, Path]
) -> None:
    push(hub, built[0])
    changes = [f"{a.method} {a.path}" for a in hub.asked if a.method != "GET"]
    assert changes[0] == "POST /api/repos/create"
    assert changes[1].endswith("/settings")
    assert changes[-2].endswith("/commit/main")
    assert "/tag/" in changes[-1]


def test_a_public_repo_without_gate_is_made_where_it_is_asked_for(
    hub: HubServer, built: tuple[Path, Path]
) -> None:
    pushed = push(hub, built[0], private=False, gated=False)
    settings = hub.dataset(REPO).settings
    assert (settings["private"], settings["gated"], pushed.private) == (False, False, False)


def test_a_dry_run_says_what_would_be_done_and_does_nothing(
    hub: HubServer, built: tuple[Path, Path]
) -> None:
    said = push(hub, built[0], dry_run=True)
    assert said.commit is None
    assert set(said.uploaded) == set(read_manifest(built[0])["files"]) | {"manifest.json"}
    assert not hub.dataset(REPO).exists


def test_the_card_on_the_hub_keeps_what_people_wrote_there(
    hub: HubServer, built: tuple[Path, Path]
) -> None:
    push(hub, built[0], "1.0.0")
    text = hub.content(REPO, "README.md").decode()
    mine = text.replace("license: other", "license: cc-by-4.0  # agreed with the lawyers")
    mine = mine.replace("# Circuit breaker dataset", "# Breakers of ours\n\nAsk Ada for access.")
    from huggingface_hub import HfApi

    HfApi(token=hub.token).upload_file(
        path_or_fileobj=(mine + "\n## Contact\n\nAda.\n").encode(),
        path_in_repo="README.md",
        repo_id=REPO,
        repo_type="dataset",
    )
    push(hub, built[1], "1.0.1")
    card = read_card(hub.content(REPO, "README.md", "v1.0.1").decode())
    assert card.own == ["# Breakers of ours", "Ask Ada for access.", "## Contact", "Ada."]
    assert card.data["license"] == "cc-by-4.0"
    rows = {i["config_name"]: i["splits"][0]["num_examples"] for i in card.data["dataset_info"]}
    assert rows["ds"] == len(read_folder(built[1])["ds"])
    assert "## Version 1.0.1" in card.parts["version"]
    assert "Version 1.0.0" not in card.text


def test_an_existing_version_is_refused_even_with_the_same_files(
    hub: HubServer, built: tuple[Path, Path]
) -> None:
    push(hub, built[0])
    assert "has version 1.0.0 already" in refused(hub, built[0])
    assert "has version 1.0.0 already" in refused(hub, built[1], force_reason="I insist")
    assert "nothing has changed since version 1.0.0" in refused(hub, built[0], version="1.0.1")


@pytest.mark.parametrize(
    ("version", "sentence"),
    [
        ("1.2", "is no version"),
        ("1.0.0-rc1", "is no version"),
        ("0.9.0", "is not above the last one, 1.0.0"),
    ],
)
def test_versions_that_do_not_follow_are_refused(
    hub: HubServer, built: tuple[Path, Path], version: str, sentence: str
) -> None:
    push(hub, built[0])
    assert sentence in refused(hub, built[1], version=version)


@pytest.mark.parametrize(
    ("change", "too_small", "enough", "named"),
    [
        ("add", "1.0.1", "1.1.0", "ds.note added"),
        ("remove", "1.1.0", "2.0.0", "ds.twin_id removed"),
        ("rename", "1.1.0", "2.0.0", "ds.twin_id removed"),
        ("retype", "1.1.0", "2.0.0", "ds.group removed or of another type"),
        ("empty", "1.1.0", "2.0.0", "eval removed"),
    ],
)
def test_the_version_says_what_happened_to_the_columns(
    hub: HubServer, folder: Path, change: str, too_small: str, enough: str, named: str
) -> None:
    from datasets import Value

    push(hub, folder)
    path = "ds/train-00000-of-00001.parquet"
    ds = read_folder(folder)["ds"]
    if change == "add":
        ds = ds.add_column("note", ["x"] * len(ds))
    elif change == "remove":
        ds = ds.remove_columns("twin_id")
    elif change == "rename":
        ds = ds.rename_column("twin_id", "benign_twin")
    elif change == "retype":
        ds = ds.cast_column("group", Value("large_string"))
    if change == "empty":
        shutil.rmtree(folder / "eval")
        manifest = read_manifest(folder)
        del manifest["files"]["eval/test-00000-of-00001.parquet"]
        write_manifest(folder, {**manifest, "rows": {**manifest["rows"], "eval": 0}})
    else:
        ds.to_parquet(folder / path)
        rehash(folder, path)
    # The gates want the columns, and the sets, that there were.
    why = "an experiment with the columns"
    said = refused(hub, folder, version=too_small, force_reason=why)
    assert named in said
    assert f"{enough} or above was expected" in said
    push(hub, folder, enough, force_reason=why)
    assert list(hub.dataset(REPO).refs("tags")) == ["v1.0.0", f"v{enough}"]
    if change == "empty":
        files = hub.dataset(REPO).resolve("main").files  # type: ignore[union-attr]
        assert not [file for file in files if file.startswith("eval/")]


def test_failed_gates_stop_a_push_whatever_gates_json_says(hub: HubServer, folder: Path) -> None:
    dr = read_folder(folder)["dr"]
    path = "dr/train-00000-of-00001.parquet"
    kept = [row for row in exact_rows(dr) if not row["labels"]["is_refusal"]]
    set_table(kept, SET_RECORDS["dr"]).to_parquet(folder / path)
    rehash(folder, path)
    manifest = read_manifest(folder)
    manifest["rows"]["dr"] = len(read_folder(folder)["dr"])
    write_manifest(folder, manifest)
    assert json.loads((folder / "gates.json").read_text())["passed"] is True
    assert "the gate retain_coverage fails" in refused(hub, folder)
    push(hub, folder, force_reason="an <ablation> without refusals")
    card = hub.content(REPO, "README.md", "v1.0.0").decode()
    assert "**Pushed although the gate retain_coverage fails.**" in card
    assert "an &lt;ablation&gt; without refusals" in card
    assert json.loads(hub.content(REPO, "gates.json"))["passed"] is False
    assert json.loads(hub.content(REPO, "manifest.json"))["forced"] == (
        "an <ablation> without refusals"
    )


def test_a_folder_that_is_not_what_its_manifest_says_is_refused(
    hub: HubServer, folder: Path
) -> None:
    gates = (folder / "gates.json").read_text()
    (folder / "gates.json").write_text(gates + " ")
    assert "gates.json is not what the manifest of" in refused(hub, folder)
    (folder / "gates.json").write_text(gates)
    (folder / "notes.txt").write_text("mine")
    assert "notes.txt is no file of the dataset" in refused(hub, folder, force_reason="because")
    (folder / "notes.txt").unlink()
    (folder / "ds" / "more.parquet").symlink_to("/etc/hostname")
    assert "more.parquet is a link" in refused(hub, folder, force_reason="because")
    (folder / "ds" / "more.parquet").unlink()
    (folder / "ds/train-00000-of-00001.parquet").unlink()
    assert "train-00000-of-00001.parquet is missing" in refused(hub, folder, force_reason="because")
    assert "there is no manifest.json" in refused(hub, folder.parent)
    assert "there is no such folder" in refused(hub, folder / "nowhere")
    assert "the reason to force a push is empty" in refused(hub, folder, force_reason=" ")


def test_who_may_not_push_is_told_so_without_the_token(
    hub: HubServer, built: tuple[Path, Path]
) -> None:
    wrong = "hf_wrong_and_long_enough"
    said = [refused(hub, built[0], token=token) for token in (wrong, hub.other_token, None)]
    assert "the Hub refuses the login" in said[0]
    assert "this login may not write to it" in said[1]
    assert "nobody is logged in" in said[2]
    push(hub, built[0])
    said += [refused(hub, built[1], token=token, version="1.0.1") for token in (wrong,)]
    assert wrong not in "".join(said)
    assert hub.endpoint not in "".join(said)


def test_rows_of_a_source_that_stays_private_are_not_published(
    hub: HubServer, folder: Path
) -> None:
    rejected = read_folder(folder)["rejected"]
    # One row that was left out is enough: it is in the folder.
    named = ["agentharm", *rejected["source"][1:]]
    path = "rejected/train-00000-of-00001.parquet"
    changed = rejected.remove_columns("source").add_column("source", named)
    changed.select_columns(rejected.column_names).to_parquet(folder / path)
    rehash(folder, path)
    said = refused(hub, folder, private=False)
    assert "rows of the source agentharm may not be published: it carries a canary" in said
    assert "agentharm" in refused(hub, folder, private=False, force_reason="I insist")
    push(hub, folder)
    assert hub.dataset(REPO).settings["private"]
    write_manifest(folder, {**read_manifest(folder), "inputs": [{"source": "somebodys"}]})
    rejected.to_parquet(folder / path)
    rehash(folder, path)
    said = refused(hub, folder, private=False, version="1.0.1")
    assert "no source of that name is known here" in said


def test_rows_that_name_a_canary_are_not_published(hub: HubServer, folder: Path) -> None:
    path = "rejected/train-00000-of-00001.parquet"
    rejected = read_folder(folder)["rejected"]
    told = [f"canary GUID {n}" if n == 3 else text for n, text in enumerate(rejected["detail"])]
    changed = rejected.remove_columns("detail").add_column("detail", told)
    changed.select_columns(rejected.column_names).to_parquet(folder / path)
    rehash(folder, path)
    assert "they name a canary" in refused(hub, folder, private=False)


def test_a_push_neither_publishes_nor_hides_what_is_there(
    hub: HubServer, built: tuple[Path, Path]
) -> None:
    push(hub, built[0])
    said = refused(hub, built[1], version="1.0.1", private=False)
    assert "is private on the Hub" in said
    hub.dataset(REPO).change_settings(private=False)
    assert "is public on the Hub" in refused(hub, built[1], version="1.0.1")


@pytest.mark.parametrize("where", ["manifest", "report", "card", "rows"])
def test_tokens_and_places_of_this_machine_stay_here(
    hub: HubServer, folder: Path, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "build-box-17")
    secret = "kept4Reasons0fState"
    monkeypatch.setenv("SOME_API_KEY", secret)
    again = folder.with_name("again")
    told = [hub.token, str(again), "build-box-17", secret, "/home/ada/models", "hf_" + "aB3" * 12]
    for text in told:
        shutil.rmtree(again, ignore_errors=True)
        shutil.copytree(folder, again)
        if where == "manifest":
            write_manifest(again, {**read_manifest(again), "engine": {"model": text}})
        elif where == "report":
            attach_report(again, "probe", {"model": text}, "AUC")
        elif where == "card":
            card = again / "README.md"
            card.write_text(f"{card.read_text()}\n{text}\n")
        elif text in ("build-box-17", "/home/ada/models"):
            continue  # In rows, that may be data of upstream.
        else:
            path = "rejected/train-00000-of-00001.parquet"
            rejected = read_folder(again)["rejected"]
            said = [f"so {text}.", *rejected["detail"][1:]]
            changed = rejected.remove_columns("detail").add_column("detail", said)
            changed.select_columns(rejected.column_names).to_parquet(again / path)
            rehash(again, path)
        sentence = refused(hub, again, force_reason="I insist")
        assert "; take it out" in sentence, text
        assert sentence.endswith("nothing was pushed")
        assert text not in sentence
    assert not hub.dataset(REPO).exists


def test_what_only_looks_like_a_secret_is_accepted_by_its_name(
    hub: HubServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SORT_KEY", "evil_tool")
    monkeypatch.setenv("HOME", "/home/user")
    path = "rejected/train-00000-of-00001.parquet"
    rejected = read_folder(folder)["rejected"]
    example = "AKIA" + "IOSFODNN7EXAMPLE"
    said = ["call evil_tool", "cat /home/user/a.txt", example, *rejected["detail"][3:]]
    changed = rejected.remove_columns("detail").add_column("detail", said)
    changed.select_columns(rejected.column_names).to_parquet(folder / path)
    rehash(folder, path)
    sentence = refused(hub, folder, force_reason="I insist")
    name = f"{path}:aws-access-key"
    assert sentence.startswith(f"{path}, row 2, column detail, holds a secret (aws-access-key);")
    assert f"--allow-secret {name}" in sentence
    assert example not in sentence
    pushed = push(hub, folder, allow_secrets=[name])
    assert len(pushed.warnings) == 1
    assert pushed.warnings[0].startswith(f"{path}, row 1, column detail, holds a path of somebody")
    manifest = json.loads(hub.content(REPO, "manifest.json", "v1.0.0"))
    assert manifest["allowed_secrets"] == [name]


def test_somebody_else_pushing_meanwhile_is_noticed(
    hub: HubServer, built: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import HfApi

    push(hub, built[0])
    real = HfApi.create_commit

    def late(self: HfApi, *arguments: Any, **options: Any) -> Any:
        monkeypatch.setattr(HfApi, "create_commit", real)
        other = {"path_or_fileobj": b"theirs", "path_in_repo": "LICENSE", "repo_id": REPO}
        self.upload_file(**other, repo_type="dataset")
        return real(self, *arguments, **options)

    monkeypatch.setattr(HfApi, "create_commit", late)
    with pytest.raises(HubError, match="somebody else"):
        push(hub, built[1], "1.0.1")
    assert list(hub.dataset(REPO).refs("tags")) == ["v1.0.0"]
    push(hub, built[1], "1.0.1")
    assert hub.content(REPO, "LICENSE", "v1.0.1") == b"theirs"
