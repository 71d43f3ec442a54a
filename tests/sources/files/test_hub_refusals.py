"""What a user is told when the Hub refuses: one sentence, and never the rows of another state."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import cb_datasets as cb
from cb_datasets.errors import SourceError
from tests.sources.files.hub_repos import (
    AGENTHARM,
    B4_FILE,
    FUJITSU,
    agentharm_files,
    b4_row,
    fujitsu_files,
    jsonl,
)

if TYPE_CHECKING:
    from tests.hub_server import HubServer

WRONG = "hf_a_token_that_nobody_has"


def refused(data_files: object = FUJITSU, source: str = "fujitsu_b4", **options: str) -> str:
    """The sentence, which holds no secret, no path of this machine and no traceback."""
    with pytest.raises(SourceError) as caught:
        cb.load_source(source, data_files, **options)  # type: ignore[arg-type]
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert "Traceback" not in sentence
    assert "hf_" not in sentence.replace("hf_hub", "")
    assert "://" not in sentence
    assert str(Path.home()) not in sentence
    assert "/tmp" not in sentence
    return sentence


@pytest.fixture
def gated(hub: HubServer) -> HubServer:
    hub.add_dataset(FUJITSU, fujitsu_files([b4_row(1)]), gated=True)
    return hub


def test_gated_says_to_ask_for_access_and_log_in(gated: HubServer):
    for options in ({}, {"token": gated.other_token}):
        sentence = refused(**options)
        assert sentence.startswith(f"{FUJITSU}: the dataset is gated: ask for access on its page")
        assert "`hf auth login`" in sentence
    gated.grant(FUJITSU)
    assert cb.load_source("fujitsu_b4", FUJITSU, token=gated.other_token).num_rows == 2


def test_a_wrong_token_is_named_as_that_and_not_repeated(gated: HubServer):
    assert "the Hub refuses the login; log in with `hf auth login`" in refused(token=WRONG)


def test_a_private_repo_may_be_missing_for_all_that_a_stranger_knows(hub: HubServer):
    hub.add_dataset(FUJITSU, fujitsu_files([b4_row(1)]), private=True)
    for options in ({}, {"token": hub.other_token}):
        assert "no such dataset on the Hub that this login may see" in refused(**options)


@pytest.mark.parametrize("login", [False, True])
def test_a_mistyped_path_is_first_of_all_no_such_file(hub: HubServer, login: bool):
    sentence = refused("traces/b4", **({"token": hub.token} if login else {}))
    assert sentence.startswith("traces/b4: there is no such file or folder, and no such dataset")


def test_a_missing_revision_is_named(hub: HubServer):
    hub.add_dataset(FUJITSU, fujitsu_files([b4_row(1)]))
    assert "the dataset has no revision 'v9' on the Hub" in refused(revision="v9")


def test_a_missing_config_or_split_names_those_there_are(hub: HubServer):
    hub.add_dataset(FUJITSU, fujitsu_files([b4_row(1)]))
    hub.add_dataset(AGENTHARM, agentharm_files())
    known = "(known: B1_rag_text_poisoning, B3_direct_query, B4_orchestrator)"
    assert f"there is no config 'B9' {known}" in refused(config="B9")
    assert f"give the config to read {known}" in refused(source="fujitsu_b2")
    sentence = refused(split="test")
    assert "the config 'B4_orchestrator' has no split 'test' (known: train)" in sentence
    sentence = refused(AGENTHARM, "agentharm", config="chat", split="train")
    assert "no split 'train' (known: test_public, validation)" in sentence
    assert not hub.asked_for(rf"GET .*{B4_FILE}")


def test_a_hub_that_cannot_be_reached_is_one_sentence(hub: HubServer):
    hub.stop()
    sentence = refused()
    assert "there is no such file or folder, and the Hub cannot be reached" in sentence
    assert "give downloaded files" in sentence


def test_offline_the_hub_is_not_asked(hub: HubServer, monkeypatch: pytest.MonkeyPatch):
    from tests.hub_server.clients import go_offline

    hub.add_dataset(FUJITSU, fujitsu_files([b4_row(1)]))
    go_offline(monkeypatch)
    assert "because HF_HUB_OFFLINE is set; give downloaded files" in refused()
    assert not hub.asked


@pytest.mark.parametrize("status", [429, 503])
def test_a_hub_that_is_out_of_order_says_so(hub: HubServer, status: int):
    hub.add_dataset(FUJITSU, fujitsu_files([b4_row(1)]))
    hub.fail(times=None, status=status)
    assert f"the Hub answers with error {status}; try again later" in refused()


def test_a_hub_that_hangs_up_is_as_good_as_unreachable(hub: HubServer):
    hub.add_dataset(FUJITSU, fujitsu_files([b4_row(1)]))
    hub.fail(times=None)
    assert "the Hub cannot be reached" in refused()


def test_a_repo_without_data_is_one_sentence(hub: HubServer):
    hub.add_dataset("org/empty", {"README.md": b"# Nothing yet"})
    assert "org/empty: no data files of the dataset are found" in refused("org/empty", "generic")


def test_a_table_that_datasets_cannot_read_is_one_sentence_with_its_reason(hub: HubServer):
    hub.add_dataset("org/logs", {"log.csv": b'id,said\n1,"a\n2,3,4,5\n6'})
    sentence = refused("org/logs", "generic")
    assert "org/logs: the dataset cannot be read from the Hub (ParserError: " in sentence


def _stop(hub: HubServer, patch: pytest.MonkeyPatch) -> None:
    hub.stop()


def _offline(hub: HubServer, patch: pytest.MonkeyPatch) -> None:
    from tests.hub_server.clients import go_offline

    go_offline(patch)


def _out_of_order(hub: HubServer, patch: pytest.MonkeyPatch) -> None:
    hub.fail(times=None, status=503)


@pytest.mark.parametrize("trouble", [_stop, _offline, _out_of_order])
@pytest.mark.parametrize("revision", [None, "v9"])
def test_with_a_warm_cache_nothing_stale_is_served(
    hub: HubServer,
    monkeypatch: pytest.MonkeyPatch,
    trouble: Callable[[HubServer, pytest.MonkeyPatch], None],
    revision: str | None,
):
    from datasets import load_dataset

    hub.add_dataset(FUJITSU, fujitsu_files([b4_row(1)]))
    load_dataset(FUJITSU, "B4_orchestrator")
    cb.load_source("fujitsu_b4", FUJITSU)
    trouble(hub, monkeypatch)
    assert "the Hub" in refused(**({"revision": revision} if revision else {}))


def test_with_a_warm_cache_those_whom_the_hub_refuses_are_refused(gated: HubServer):
    from datasets import load_dataset

    load_dataset(FUJITSU, "B4_orchestrator", token=gated.token)
    cb.load_source("fujitsu_b4", FUJITSU, token=gated.token)
    for options in ({}, {"token": gated.other_token}):
        assert "the dataset is gated" in refused(**options)
    assert "refuses the login" in refused(token=WRONG)
    assert "has no revision 'v9'" in refused(revision="v9", token=gated.token)


def test_a_hub_that_fails_after_any_request_never_gives_the_rows_of_an_older_commit(
    hub: HubServer, caplog: pytest.LogCaptureFixture
):
    from datasets import load_dataset
    from huggingface_hub import HfApi

    hub.add_dataset(FUJITSU, fujitsu_files([b4_row(1)]))
    load_dataset(FUJITSU, "B4_orchestrator")
    newer = {"path_or_fileobj": jsonl([b4_row(2), b4_row(3), b4_row(4)])}
    HfApi(token=hub.token).upload_file(
        **newer, path_in_repo=f"B4/{B4_FILE}", repo_id=FUJITSU, repo_type="dataset"
    )
    caplog.set_level(logging.ERROR)
    refusals: list[str] = []
    served = 0
    while not served and len(refusals) < 60:
        hub.fail(at=len(refusals) + 1, times=None, status=503)
        try:
            served = cb.load_source("fujitsu_b4", FUJITSU).num_rows
        except SourceError as error:
            refusals.append(str(error))
    assert served == 6
    assert len(refusals) > 3
    assert {refusal.partition(": ")[2] for refusal in refusals} <= {
        "the Hub answers with error 503; try again later",
        "there is no such file or folder, and the Hub cannot be reached; give downloaded files",
        "no data files of the dataset are found on the Hub, or it failed to list them",
    }
