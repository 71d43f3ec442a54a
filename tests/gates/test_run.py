"""All gates together: what they take, what they report, what they refuse."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from datasets import Dataset, DatasetDict
from rich.console import Console

from cb_datasets.cli.gate_table import render_report
from cb_datasets.errors import CBDatasetsError, GateError
from cb_datasets.gates import run_gates
from cb_datasets.records import CircuitBreakerRow, EvalRow, RetainRow
from cb_datasets.schema import record_features
from tests.gates.five_gates import FIVE

Row = dict[str, Any]
FURTHER = [
    "label_agreement",
    "leakage",
    "tool_balance",
    "length_match",
    "effective_size",
]


def test_clean_sets_pass_every_gate(ds: list[Row], dr: list[Row], eval_rows: list[Row]) -> None:
    report = run_gates(ds=ds, dr=dr, eval=eval_rows)
    assert report.passed
    assert list(report.results) == [*FIVE, *FURTHER]
    # Their ids are made up, and no tokenizer is known.
    assert list(report.skipped) == ["token_fidelity", "positive_control", "pairs"]
    assert report.rows == {"ds": 40, "dr": 40, "eval": 20}
    assert all(not r.failing and not r.advice for r in report.results.values())
    assert report.advice == ()


@pytest.mark.parametrize("form", ["dataset", "iterable", "numpy", "splits"])
def test_datasets_of_every_form_give_the_same_report(
    ds: list[Row], dr: list[Row], eval_rows: list[Row], form: str
) -> None:
    def formed(rows: list[Row], record: type) -> Any:
        dataset = Dataset.from_list(rows, features=record_features(record))
        if form == "iterable":
            return dataset.to_iterable_dataset(num_shards=3)
        if form == "numpy":
            return dataset.with_format("numpy")
        if form == "splits":
            return DatasetDict(
                train=dataset.select(range(10)), test=dataset.select(range(10, len(rows)))
            )
        return dataset

    report = run_gates(
        ds=formed(ds, CircuitBreakerRow), dr=formed(dr, RetainRow), eval=formed(eval_rows, EvalRow)
    )
    assert report.to_dict() == run_gates(ds=ds, dr=dr, eval=eval_rows).to_dict()


def test_minimal_rows_read_back_from_jsonl_pass(
    minimal_ds: list[Row], minimal_dr: list[Row], tmp_path: Any
) -> None:
    file = tmp_path / "ds.jsonl"
    file.write_text("\n".join(map(json.dumps, minimal_ds)), encoding="utf-8")
    with file.open(encoding="utf-8") as lines:
        report = run_gates(ds=map(json.loads, lines), dr=minimal_dr)
    assert report.passed, report.to_markdown()
    # These rows hold too little for the further gates: the five decide alone.
    assert list(report.results) == FIVE
    assert report.skipped.keys() == {*FURTHER, "token_fidelity", "positive_control", "pairs"}


def test_rows_are_read_once_and_in_order(ds: list[Row]) -> None:
    read: list[str] = []

    def rows() -> Iterator[Row]:
        for row in ds:
            read.append(row["id"])
            yield row

    run_gates(ds=rows())
    assert read == [row["id"] for row in ds]


@pytest.mark.parametrize(
    "bad",
    [
        None,
        "a row",
        [],
        {},
        {"id": 3, "assistant_raw": 5, "labels": "none", "messages": 1},
        {"assistant_raw": "x", "expected": "call", "attack": [], "labels": None},
        {"assistant_raw": '{"name": "f", "parameters": {}}', "attack": {"targets": 7}},
        {"assistant_raw": '{"name": "f", "parameters": {}}', "attack": {"targets": ["f"]}},
        {"assistant_raw": '{"name": "f", "parameters": {}}', "expected": {"calls": ["f"]}},
        {"assistant_raw": '{"name": "f", "parameters": {}}', "expected": {"calls": 7}},
        {"id": "a\x1b[2J\n|<script>", "assistant_raw": "\ud800", "labels": {"harm_type": [1]}},
        {"success_criteria": {"attack_success": "x"}, "kind": []},
    ],
)
def test_a_row_of_wrong_types_fails_and_does_not_crash(
    ds: list[Row], dr: list[Row], eval_rows: list[Row], bad: Any
) -> None:
    report = run_gates(ds=[*ds, bad], dr=[*dr, bad], eval=[*eval_rows, bad])
    failing = report.results["format_validity"].failing
    assert [row.set for row in failing] == ["ds", "dr", "eval"]
    assert report.results["harmful_rate"].failing_count == 1
    json.dumps(report.to_dict()).encode()
    report.to_markdown().encode()


def test_a_deeply_nested_row_fails_and_does_not_crash(ds: list[Row]) -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    ds[0]["tool_calls_structured"] = deep
    ds[1]["tool_calls_structured"] = [{"name": "search_web", "arguments": {"query": deep}}]
    assert run_gates(ds=ds).results["format_validity"].failing_ids == ("ds0", "ds1")


def test_gates_whose_set_is_not_given_are_not_run_and_say_so(ds: list[Row]) -> None:
    report = run_gates(ds=ds)
    assert report.passed
    assert report.skipped["retain_coverage"] == "dr not given"
    assert report.skipped["leakage"] == "eval not given"
    assert report.skipped["tool_balance"] == "dr not given"
    assert "not run" in report.to_markdown()


def test_an_empty_eval_set_is_no_defect(ds: list[Row], dr: list[Row]) -> None:
    assert run_gates(ds=ds, dr=dr, eval=[]).passed


def test_empty_training_sets_fail() -> None:
    report = run_gates(ds=[], dr=[])
    assert not report.passed
    assert report.results["format_validity"].summary == "There are no rows."
    assert report.skipped["token_fidelity"] == "there are no rows"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"harmfull_rate": 0.5},
            "no option 'harmfull_rate', did you mean 'harmful_rate'. .known: max_listed, judge, "
            "format_validity, mixed_formats, ",
        ),
        ({"harmful_rate": 80}, "harmful_rate is 80; it must be between 0 and 1"),
        ({"harmful_rate": float("nan")}, "harmful_rate is nan; it must be between 0 and 1"),
        ({"min_tools": 1.5}, "min_tools is 1.5; it must be a whole number"),
        ({"context": -1}, "context is -1; it must be 0 or more"),
        ({"judge": 5}, "judge is 5; it must be the name of a judge, or a function"),
        ({"embed": 5}, "embed is 5; it must be a function"),
        ({"threat_model": ["override"]}, "threat_model"),
        ({"threat_model": {"override": 0}}, "threat_model"),
        ({"expected_categories": "override"}, "expected_categories"),
    ],
)
def test_options_that_make_no_sense_are_refused_before_reading(options: Row, said: str) -> None:
    with pytest.raises(CBDatasetsError, match=said):
        run_gates(ds=iter(()), **options)


@pytest.mark.parametrize("rows", ["ds.jsonl", 5])
def test_what_is_no_set_of_rows_is_refused(rows: Any) -> None:
    with pytest.raises(GateError, match="ds is a Dataset or an iterable of rows"):
        run_gates(ds=rows)


def test_no_set_at_all_is_refused() -> None:
    with pytest.raises(GateError, match="nothing to check"):
        run_gates()


def test_thresholds_move_the_verdict(ds: list[Row]) -> None:
    ds[0]["assistant_raw"] = "no end"
    assert run_gates(ds=ds).results["format_validity"].passed
    result = run_gates(ds=ds, format_validity=1.0).results["format_validity"]
    assert not result.passed
    assert result.threshold == 1.0


def test_all_failing_rows_are_counted_and_the_first_are_listed(ds: list[Row]) -> None:
    for row in ds:
        row["assistant_raw"] = "no end"
    report = run_gates(ds=ds, max_listed=12)
    result = report.results["format_validity"]
    assert result.failing_count == 40
    assert len(result.failing) == 12
    assert "and 30 more" in report.to_markdown()


def test_a_failed_report_names_rows_and_advice_in_markdown_and_on_a_terminal(
    ds: list[Row],
) -> None:
    ds[0] |= {"id": "[red]evil|<b>", "assistant_raw": "[TOOL_CALL] x"}
    report = run_gates(ds=ds)
    markdown = report.to_markdown()
    assert r"\[red\]evil\|&lt;b&gt;" in markdown
    assert "### synthetic_markers failed" in markdown
    assert "--dry-run" in markdown
    console = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(render_report(report))
    shown = console.export_text()
    assert "ds [red]evil|<b>: [TOOL_CALL] in assistant_raw" in shown
    assert "--dry-run" in shown


def test_importing_the_gates_stays_light() -> None:
    code = (
        "import sys, cb_datasets.gates as g; g.find_gates(); "
        "print([m for m in ('torch', 'transformers', 'datasets', 'rich') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
