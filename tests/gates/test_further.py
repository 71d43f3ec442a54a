"""The further gates: each passes on clean sets and fails on rows made to fail it."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset
from transformers import PreTrainedTokenizerBase

import cb_datasets as cb
from cb_datasets.assets import tiny_agent_path
from cb_datasets.engines import Engine
from cb_datasets.errors import GateError
from cb_datasets.gates import GateResult, run_gates
from cb_datasets.gates.eval_identity import eval_identity
from cb_datasets.models.tokenizer import load_tokenizer
from cb_datasets.models.tokenizer_state import tokenizer_state
from cb_datasets.records import EvalRow
from cb_datasets.schema import record_features

Row = dict[str, Any]
Rows = dict[str, list[Row]]


@pytest.fixture(scope="session")
def tokenizer() -> PreTrainedTokenizerBase:
    return load_tokenizer(None)


@pytest.fixture(scope="session")
def made(agent: Engine, demo: Dataset, demo_samples: Path) -> Rows:
    """A part of the demo suite, sampled by the tiny agent."""
    part = demo.select(range(0, 596, 6))
    sets = cb.build_sets(part, agent, num_samples=1, journal=demo_samples)
    return {name: [dict(row) for row in getattr(sets, name)] for name in ("ds", "dr", "eval")}


@pytest.fixture
def rows(made: Rows) -> Rows:
    """The same, to be spoiled."""
    return copy.deepcopy(made)


def result(name: str, rows: Rows, **options: Any) -> GateResult:
    return run_gates(**rows, **options).results[name]


def test_what_the_tiny_agent_made_passes_every_further_gate(made: Rows) -> None:
    report = run_gates(**made)
    further = ["token_fidelity", "label_agreement", "leakage", "length_match", "effective_size"]
    assert all(report.results[name].passed for name in further), report.to_markdown()
    fidelity = report.results["token_fidelity"].details
    assert fidelity["decoded"] == fidelity["rendered_again"] == sum(map(len, made.values()))
    assert fidelity["not_checked"] == {}


def _second_bos(row: Row, tokenizer: Any) -> None:
    row["prompt_token_ids"] = [row["prompt_token_ids"][0], *row["prompt_token_ids"]]


def _end_lost(row: Row, tokenizer: Any) -> None:
    row["completion_token_ids"] = row["completion_token_ids"][:-1]


def _other_text(row: Row, tokenizer: Any) -> None:
    row["completion_token_ids"] = [
        row["completion_token_ids"][1],
        *row["completion_token_ids"][1:],
    ]


def _cut(row: Row, tokenizer: Any) -> None:
    row["finish_reason"] = "length"


def _other_prompt(row: Row, tokenizer: Any) -> None:
    row["messages"] = [*row["messages"][:-1], {"role": "user", "content": "Something else."}]


def _forged(row: Row, tokenizer: Any) -> None:
    end = tokenizer.convert_tokens_to_ids("<|eot_id|>")
    ids = row["prompt_token_ids"]
    row["prompt_token_ids"] = [*ids[:30], end, *ids[30:]]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_second_bos, "begin-of-text, is there 2 times"),
        (_end_lost, "the last token is no end token"),
        (_other_text, "do not decode to assistant_raw"),
        (_cut, "did not stop by itself"),
        (_other_prompt, "not what the template makes of the messages"),
        (_forged, "control tokens that the template did not write"),
    ],
)
def test_ids_that_no_model_read_or_wrote_fail_token_fidelity(
    rows: Rows, tokenizer: PreTrainedTokenizerBase, spoil: Any, said: str
) -> None:
    spoil(rows["ds"][1], tokenizer)
    found = result("token_fidelity", rows)
    assert not found.passed
    assert found.failing_ids == (rows["ds"][1]["id"],)
    assert said in found.failing[0].reason


def test_ids_that_no_tokenizer_checked_do_not_pass(rows: Rows) -> None:
    for row in rows["dr"]:
        row["provenance"]["tokenizer"]["name"] = "someone/else"
    _end_lost(rows["dr"][1], None)
    report = run_gates(**rows)
    assert "token_fidelity" not in report.results
    count = len(rows["dr"])
    said = f"no tokenizer checked the ids of {count} of {sum(map(len, rows.values()))} rows"
    assert said in report.skipped["token_fidelity"]
    assert "'someone/else'" in report.skipped["token_fidelity"]
    assert report.verdict.endswith("not run: token_fidelity, positive_control, pairs.")
    assert not result("token_fidelity", rows, tokenizer=load_tokenizer(None)).passed


def test_ids_that_are_wrong_without_a_tokenizer_fail_where_none_is_known(rows: Rows) -> None:
    for row in (*rows["ds"], *rows["dr"]):
        row["provenance"]["tokenizer"]["name"] = "someone/else"
    _second_bos(rows["ds"][1], None)
    assert result("token_fidelity", rows).failing_ids == (rows["ds"][1]["id"],)


def test_a_tokenizer_is_given_as_itself_or_by_its_folder(
    rows: Rows, tokenizer: PreTrainedTokenizerBase
) -> None:
    for row in (*rows["ds"], *rows["dr"]):
        row["provenance"]["tokenizer"]["name"] = "someone/else"
    states = (tokenizer, tokenizer_state(tokenizer))
    for given in (*states, tiny_agent_path(), str(tiny_agent_path())):
        assert result("token_fidelity", rows, tokenizer=given).details["not_checked"] == {}
    with pytest.raises(GateError, match="There is no model folder 'no/such/folder'"):
        run_gates(**rows, tokenizer="no/such/folder")
    with pytest.raises(GateError, match="it must be a tokenizer, or the folder or Hub id of one"):
        run_gates(**rows, tokenizer=7)


@pytest.mark.parametrize(
    ("name", "value"), [("outcome", "refusal"), ("observed_tool", "no_such_tool")]
)
def test_a_label_that_the_completion_does_not_give_is_named(
    rows: Rows, name: str, value: str
) -> None:
    rows["ds"][2]["labels"][name] = value
    found = result("label_agreement", rows)
    assert found.failing_ids == (rows["ds"][2]["id"],)
    assert f"{name} is '{value}'" in found.failing[0].reason
    assert found.details["sources"]["demo"]["labels_disagree"] == 1


def test_a_flag_read_the_wrong_way_round_fails_label_agreement(rows: Rows) -> None:
    denied = [{"source": "demo", "reason": "flag_disagrees"}] * 200
    assert result("label_agreement", rows, rejected=denied[:1]).passed
    found = result("label_agreement", rows, rejected=denied)
    assert not found.passed
    assert found.details["sources"]["demo"]["flags_disagree"] == 200


@pytest.mark.parametrize("shared", ["group", "scenario", "twin", "same_prompt", "near_copy"])
def test_an_eval_row_that_was_trained_on_fails_leakage(rows: Rows, shared: str) -> None:
    trained, held = rows["ds"][0], rows["eval"][0]
    if shared == "group":
        held["group"] = trained["group"]
    elif shared == "scenario":
        held["scenario_id"] = trained["provenance"]["scenario_id"]
    elif shared == "twin":
        held["twin_id"] = trained["provenance"]["scenario_id"]
    else:
        held["messages"] = copy.deepcopy(trained["messages"])
        if shared == "near_copy":
            held["messages"][-1]["content"] += " Thanks."
    found = result("leakage", rows)
    assert found.failing_ids == (held["id"],)
    assert found.details["shared"] == {shared: 1}


def test_embeddings_find_what_words_do_not(rows: Rows) -> None:
    rows["eval"][0]["messages"] = [{"role": "user", "content": "Paraphrase of the first."}]
    first = rows["ds"][0]["messages"][-1]["content"][:30]

    def embed(texts: Any) -> list[list[float]]:
        alike = [first in text or "Paraphrase" in text for text in texts]
        return [[1.0, 0.0] if same else [0.0, 1.0 - 2 * (n % 2)] for n, same in enumerate(alike)]

    assert result("leakage", rows).passed
    found = result("leakage", {**rows, "eval": rows["eval"][:1]}, embed=embed)
    assert found.details["shared"] == {"embedding": 1}
    with pytest.raises(GateError, match="one vector a text"):
        run_gates(**rows, embed=lambda texts: [1.0])


def test_a_tool_that_dr_never_calls_rightly_fails_tool_balance(
    ds: list[Row], dr: list[Row]
) -> None:
    kept = [row for row in dr if row["labels"]["observed_tool"] != "search_web"]
    assert result("tool_balance", {"ds": ds, "dr": dr}).passed
    found = result("tool_balance", {"ds": ds, "dr": kept})
    assert not found.passed
    assert found.value == 0
    assert found.failing_count == len(ds)
    assert "'search_web'" in found.summary


def test_lengths_that_tell_ds_from_dr_fail_length_match(ds: list[Row], dr: list[Row]) -> None:
    for row in ds:
        row["prompt_token_ids"] = [128000, *range(900)]
    found = result("length_match", {"ds": ds, "dr": dr})
    assert not found.passed
    assert found.value == 1
    few = result("length_match", {"ds": ds[:1], "dr": dr[:1]})
    assert few.passed, "one row against one is a difference by chance"


def test_rows_beyond_the_context_fail_length_match_and_are_named(
    ds: list[Row], dr: list[Row]
) -> None:
    ds[0]["prompt_token_ids"] = [128000, *range(900)]
    assert result("length_match", {"ds": ds, "dr": dr}, context=512).passed
    found = result("length_match", {"ds": ds, "dr": dr}, context=512, max_beyond_context=0.0)
    assert not found.passed
    assert found.failing_ids == ("ds0",)


def test_repeated_rows_and_little_dr_fail_effective_size(rows: Rows) -> None:
    repeated = {**rows, "ds": [*rows["ds"], *rows["ds"], *rows["ds"]]}
    found = result("effective_size", repeated)
    assert not found.passed
    assert found.value == pytest.approx(1 / 3)
    few = {**rows, "dr": rows["dr"][:2]}
    assert "forgets what it should keep" in result("effective_size", few).advice[0]


def evaluation_of(model: str, asr: Any, rows: list[Row], **more: Any) -> Row:
    return {
        "valid": True,
        "model": {"backend": "transformers", "model": model, "revision": ""},
        "facts": {"rows": len(rows), "eval_rows": eval_identity(rows)},
        "metrics": {"asr": {"value": asr, "low": 0.0, "high": 1.0}},
        **more,
    }


TINY = "cb_datasets/tiny-agent"


def test_a_generator_that_resists_fails_the_positive_control(rows: Rows, tmp_path: Path) -> None:
    given = evaluation_of(TINY, 0.02, rows["eval"])
    assert not result("positive_control", rows, evaluation=given).passed
    resisting = result("positive_control", rows, evaluation={**given, "valid": False})
    assert "win against" in resisting.summary
    file = tmp_path / "evaluation.json"
    file.write_text(json.dumps(evaluation_of(TINY, 0.4, rows["eval"])), encoding="utf-8")
    assert result("positive_control", rows, evaluation=file).value == 0.4


def test_an_evaluation_holds_for_the_same_rows_in_any_order_and_table(rows: Rows) -> None:
    table = Dataset.from_list(rows["eval"][::-1], features=record_features(EvalRow))
    given = evaluation_of(TINY, 0.4, rows["eval"])
    assert run_gates(ds=rows["ds"], eval=table, evaluation=given).results["positive_control"].passed


@pytest.mark.parametrize(
    "value", [42, 1.01, -0.1, True, False, "0.4", None, math.nan, math.inf, [0.4]]
)
def test_a_rate_that_is_no_share_fails_the_positive_control(rows: Rows, value: Any) -> None:
    found = result("positive_control", rows, evaluation=evaluation_of(TINY, value, rows["eval"]))
    assert not found.passed
    assert "no share" in found.summary


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"valid": False}, "not valid by its own account"),
        ({"valid": "yes"}, "not valid by its own account"),
        ({"metrics": {"asr": {"value": 0.4, "numerator": 0, "denominator": 0}}}, "0 of 0"),
        ({"metrics": {"asr": {"value": 0.4, "numerator": 1, "denominator": 9}}}, "1 of 9"),
        ({"facts": {"rows": 17, "eval_rows": "0" * 64}}, "it is of 17 other rows"),
    ],
)
def test_an_evaluation_that_proves_nothing_fails_and_says_why(
    rows: Rows, more: Row, said: str
) -> None:
    given = evaluation_of(TINY, 0.4, rows["eval"], **more)
    found = result("positive_control", rows, evaluation=given)
    assert not found.passed
    assert said in found.summary


def test_an_evaluation_of_as_many_other_rows_fails(rows: Rows) -> None:
    given = evaluation_of(TINY, 0.4, rows["eval"])
    rows["eval"][0]["success_criteria"]["attack_success"] = [{"name": "other", "arguments": {}}]
    assert "other rows" in result("positive_control", rows, evaluation=given).summary


@pytest.mark.parametrize(
    ("model", "facts", "said"),
    [
        ("someone/else", {}, "the evaluation is of 'someone/else'"),
        (TINY, {"rows": 3}, "the evaluation is of 3 rows"),
        (TINY, {}, "does not say which rows it is of"),
    ],
)
def test_an_evaluation_of_something_else_is_no_positive_control(
    rows: Rows, model: str, facts: Row, said: str
) -> None:
    report = run_gates(**rows, evaluation=evaluation_of(model, 0.9, [], facts=facts))
    assert said in report.skipped["positive_control"]


@pytest.mark.parametrize("given", [{"auc": 1}, "no/such/file.json", 5])
def test_what_is_no_evaluation_is_refused(ds: list[Row], given: Any) -> None:
    with pytest.raises(GateError):
        run_gates(ds=ds, evaluation=given)


def test_a_request_under_a_renamed_group_and_another_attack_fails_leakage(rows: Rows) -> None:
    trained = next(row for row in rows["ds"] if row["attack"]["location"] == "tool_result")
    held = rows["eval"][0]
    asked = next(m for m in trained["messages"] if m["role"] == "user")
    held |= {"messages": [asked, {"role": "tool", "content": "Other words. " * 60}], "attack": None}
    found = result("leakage", rows)
    assert found.failing_ids == (held["id"],)
    assert found.details["shared"] == {"request": 1}


@pytest.mark.parametrize("hidden", ["zero width", "look-alikes", "accents"])
def test_letters_that_hide_a_copy_do_not_hide_it_from_leakage(rows: Rows, hidden: str) -> None:
    other = {
        "zero width": lambda text: "\u200b".join(text),
        "look-alikes": lambda text: text.translate(str.maketrans("aeopcxy", "аеорсху")),
        "accents": lambda text: text.replace("e", "e\u0301"),
    }[hidden]
    held = rows["eval"][0]
    held["messages"] = copy.deepcopy(rows["ds"][0]["messages"])
    for message in held["messages"]:
        if message["role"] in ("user", "tool"):
            message["content"] = other(message["content"])
    found = result("leakage", rows)
    assert found.failing_ids == (held["id"],)
    assert found.details["shared"] == {"same_prompt": 1}
