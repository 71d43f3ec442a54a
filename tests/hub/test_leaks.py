"""Anyone's secrets are found in files and rows, named by file, place and rule, and never told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cb_datasets.errors import HubError
from cb_datasets.hub.leaks import Leak, LeakFinder, check_leaks, looks_secret
from cb_datasets.hub.secret_rules import secrets_in

# Put together here, so that scanners of the repository do not take them for real ones.
SECRETS = {
    "hugging-face-token": "hf_" + "aB3dE" * 7,
    "github-token": "github_pat_" + "11ABCDEFG0" * 8,
    "aws-access-key": "AKIA" + "Q4T7XZ2LMN5RSV3P",
    "private-key": "-----BEGIN " + "OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA",
    "openai-token": "sk-proj-" + "a1B2c3D4e5" * 2 + "T3Blbk" + "FJ" + "z9Y8x7W6v5" * 2,
    "sk-key": "sk-ant-api03-" + "a1B2c3D4e5" * 4,
    "google-api-key": "AIza" + "SyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6q"[:35],
    "slack-token": "xoxb-" + "123456789012-1234567890123-" + "AbCdEfGhIjKlMnOpQrStUvWx",
    "basic-auth-credentials": "https://ada:" + "lovelace1815" + "@db.example.com/rows",
    "json-web-token": ".".join(
        ("eyJhbGciOiJIUzI1NiJ9", "eyJzdWIiOiJhZGEifQ", "c2lnbmF0dXJlLWhlcmU")
    ),
}
HARMLESS = (
    "The task-force-of-two-hundred-people met in the risk-assessment-committee-room.",
    "Pay to the IBAN US133000000121212121212, reference A1B2C3D4E5F6.",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "Set SORT_KEY=evil_tool and read /home/user/notes.txt, then mail ada@example.com.",
    'function sk-learn: see https://scikit-learn.org/stable/modules/tree.html#tree "key"',
    "hf_hub_download and hf_transfer are functions.",
)


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_TOKEN", "SORT_KEY"):
        monkeypatch.delenv(name, raising=False)


def rows(tmp_path: Path, texts: list[str], name: str = "detail") -> Path:
    """A parquet file in which texts stand deep in a column."""
    nested = [{"id": str(n), name: [{"content": text}]} for n, text in enumerate(texts)]
    pq.write_table(pa.Table.from_pylist(nested), tmp_path / "rows.parquet", row_group_size=2)
    return tmp_path / "rows.parquet"


@pytest.mark.parametrize("rule", SECRETS)
def test_a_secret_is_found_wherever_it_stands_and_is_never_told(rule: str, tmp_path: Path) -> None:
    text = f"Here it is: {SECRETS[rule]} (keep it)."
    finder = LeakFinder(tmp_path, None)
    (in_text,) = finder.in_text("README.md", f"# Card\n\n{text}\n")
    (in_rows,) = finder.in_rows("ds/a.parquet", rows(tmp_path, ["a", "b", "c", text, "d", text]))
    assert in_text == Leak("README.md", "line 3", rule)
    assert in_rows == Leak("ds/a.parquet", "row 3, column detail.content", rule)
    with pytest.raises(HubError) as refused:
        check_leaks([in_text, in_rows], ())
    said = str(refused.value)
    assert said == (
        f"README.md, line 3, holds a secret ({rule}) (and 1 more were found); take it out, or "
        f"accept it with --allow-secret README.md:{rule} --allow-secret ds/a.parquet:{rule}, "
        "nothing was pushed"
    )
    assert SECRETS[rule] not in said


def test_what_data_are_made_of_is_no_secret(tmp_path: Path) -> None:
    assert [secrets_in(text) for text in HARMLESS] == [[]] * len(HARMLESS)
    assert LeakFinder(tmp_path, None).in_rows("a", rows(tmp_path, list(HARMLESS))) == []


def test_a_secret_in_a_very_long_line_is_found(tmp_path: Path) -> None:
    padding = "word " * 50_000
    assert secrets_in(f"{padding}{SECRETS['aws-access-key']} {padding}") == ["aws-access-key"]


@pytest.mark.parametrize(
    ("value", "secret"),
    [
        ("evil_tool", False),
        ("user_task_10/injection_task_3", False),
        ("gpt-4o-2024-08-06", False),
        ("/home/user/.ssh/id_rsa", False),
        ("correct horse battery staple", False),
        ("InternationalizationOfThings", False),
        ("9f86d081884c7d659a2f", True),
        ("hunter2hunter2", True),
        ("kVbQzXwTnRmLpJhGfDsA", True),
        (SECRETS["hugging-face-token"], True),
    ],
)
def test_values_of_the_environment_are_secrets_where_they_look_it(
    value: str, secret: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SORT_KEY", value)
    assert looks_secret(value) is secret
    found = LeakFinder(tmp_path, None).in_rows("a", rows(tmp_path, [f"the key is {value}."]))
    assert ("environment" in [leak.rule for leak in found]) is secret


def test_a_home_in_rows_is_a_warning_and_in_texts_a_leak(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/user")
    finder = LeakFinder(tmp_path, None)
    told = ["cat /home/user/notes.txt", "ls /home/ada", "/home/username"]
    in_rows = finder.in_rows("ds/a.parquet", rows(tmp_path, told))
    assert [(leak.place, leak.rule) for leak in in_rows] == [
        ("row 0, column detail.content", "home-path")
    ]
    assert check_leaks(in_rows, ()) == in_rows
    assert check_leaks(in_rows, ["ds/*:home-path"]) == []
    (in_text,) = finder.in_text("manifest.json", '{"model": "/home/ada/models"}')
    with pytest.raises(HubError, match=r"manifest.json, line 1, holds a path of somebody's home"):
        check_leaks([in_text], ["ds/*:home-path"])
    assert check_leaks([in_text], ["manifest.json:home-path"]) == []


def test_only_what_is_named_is_accepted_and_the_login_never(tmp_path: Path) -> None:
    text = f"{SECRETS['aws-access-key']} {SECRETS['slack-token']} a-login-of-mine"
    leaks = LeakFinder(tmp_path, "a-login-of-mine").in_text("README.md", text)
    assert {leak.rule for leak in leaks} == {"aws-access-key", "slack-token", "token-in-use"}
    allowed = ["README.md:aws-access-key", "README.md:slack-token"]
    with pytest.raises(HubError, match="holds the access token in use; take it out, nothing was"):
        check_leaks(leaks, allowed)
    with pytest.raises(HubError, match=r"accept it with --allow-secret README.md:slack-token,"):
        check_leaks([leak for leak in leaks if leak.rule != "token-in-use"], allowed[:1])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("aws-access-key", "PATH:RULE was expected"),
        ("README.md:aws-acess-key", "there is no rule 'aws-acess-key', did you mean 'aws-access"),
        ("README.md:token-in-use", "there is no rule 'token-in-use'"),
    ],
)
def test_a_find_that_cannot_be_is_not_accepted_in_silence(given: str, said: str) -> None:
    with pytest.raises(HubError, match=said):
        check_leaks([], [given])


def test_texts_are_found_in_every_kind_of_column(tmp_path: Path) -> None:
    secret = SECRETS["aws-access-key"]
    columns: dict[str, Any] = {
        "plain": pa.array([secret]),
        "large": pa.array([secret], pa.large_string()),
        "coded": pa.array([secret]).dictionary_encode(),
        "mapped": pa.array([[("key", secret)]], pa.map_(pa.string(), pa.string())),
        "listed": pa.array([[[secret]]]),
        "nested.name": pa.array([{"a": {"b": secret}}]),
        "number": pa.array([1]),
    }
    pq.write_table(pa.table(columns), tmp_path / "rows.parquet")
    found = LeakFinder(tmp_path, None).in_rows("rows.parquet", tmp_path / "rows.parquet")
    assert [leak.place.removeprefix("row 0, column ") for leak in found] == [
        *("plain", "large", "coded", "mapped", "listed", "nested.name.a.b")
    ]
