"""`cb-datasets push` as a person uses it, against the Hub for tests."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import cb_datasets as cb
from cb_datasets.dataset.card_parts import read_card
from tests.cli.command import run

if TYPE_CHECKING:
    from tests.hub_server import HubServer


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two scenarios: small, and most gates fail."""
    target = tmp_path_factory.mktemp("built") / "demo"
    cb.build_sets(cb.load_source("demo").select(range(2)), cb.load_engine(), num_samples=1).save(
        target
    )
    return target


def test_a_push_a_dry_run_and_what_is_refused(
    hub: HubServer,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HF_TOKEN", hub.token)
    asked = ("push", str(folder), "org/rows", "--version", "1.0.0")
    code, _, err = run(capsys, *asked)
    assert code == 2
    assert err.count("\n") == 1
    assert "the gate" in err
    assert "--force-reason" in err
    forced = (*asked, "--force-reason", "to see how it looks", "--gated", "auto")
    code, out, _ = run(capsys, *forced, "--dry-run")
    assert code == 0
    assert "dry run: nothing was pushed" in out
    assert not hub.dataset("org/rows").exists
    code, out, err = run(capsys, *forced)
    assert code == 0, err
    assert "org/rows v1.0.0: private, access auto; the first version" in out
    assert hub.dataset("org/rows").settings["gated"] == "auto"
    card = read_card(hub.content("org/rows", "README.md", "v1.0.0").decode())
    assert "to see how it looks" in card.parts["version"]
    code, out, err = run(capsys, *forced)
    assert (code, out) == (2, "")
    assert "has version 1.0.0 already" in err
    assert hub.token not in out + err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--version", "one"], "'one' is no version"),
        (["--version", "1.0.0", "REPO=rows"], "OWNER/NAME was expected"),
        (["--version", "1.0.0", "REPO=org/ro ws"], "OWNER/NAME was expected"),
        (["--version", "1.0.0", "--gated", "maybe"], "expected one of manual, auto, off"),
        (["--version", "1.0.0", "--token", "hf_wrong"], "the Hub refuses the login"),
    ],
)
def test_wrong_input_is_one_sentence_and_exit_code_2(
    hub: HubServer,
    folder: Path,
    arguments: list[str],
    sentence: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HF_TOKEN", hub.token)
    why = ("--force-reason", "a test")
    repo = arguments.pop().removeprefix("REPO=") if "REPO=" in arguments[-1] else "org/rows"
    code, out, err = run(capsys, "push", str(folder), repo, *why, *arguments)
    assert (code, out) == (2, "")
    assert sentence in err
    assert err.count("\n") == 1
    assert not hub.dataset("org/rows").exists
