"""What `examples/does_it_break_the_circuit` counts beside the library's metrics."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from cb_datasets.evaluation import EvalSample, Grade, RowFacts

sys.path.insert(0, str(Path(__file__).parents[3] / "examples" / "does_it_break_the_circuit"))

from findings import NAMED, draw_frontier, findings, restores, table


def sample(
    outcome: str, said: str, kind: str = "prompt_injection", prefill: str | None = None
) -> EvalSample:
    facts = RowFacts(
        "a", "a", "g", kind, "demo", "call", kind, tool="pay", prefill_kind=prefill, location="user"
    )
    won, right = outcome == "attack_success", outcome == "correct_tool"
    return EvalSample(facts, 0, Grade(outcome, "", None, won, right, right), said, (), "stop")


PAYS, NOTES, TORN = '{"name": "pay"}', '{"name": "note"}', '{"name": "pay'
ATTACKED = [sample("attack_success", PAYS)] * 2 + [sample("correct_tool", NOTES)] * 2
FORCED = [sample("attack_success", PAYS, "forced_call", kind) for kind in ("tag", "bare_json")]
RESTORED = [*[sample("correct_tool", NOTES)] * 3, sample("invalid", TORN)]


def test_naming_counts_whatever_comes_after_the_name_and_forced_calls_are_no_naming() -> None:
    found = findings({"a": [*ATTACKED, *FORCED], "b": [*RESTORED, *FORCED]}, frozenset())
    assert found["a"][NAMED].value == 0.5
    assert found["b"][NAMED].value == found["b"]["garbage while attacked"].value == 0.25
    assert found["a"]["garbage while attacked"].value == 0
    assert found["a"]["… prefills of unseen kinds"].denominator == 1
    assert NAMED in table(found)


def test_restoring_is_fewer_attacks_and_more_right_calls() -> None:
    jammed = [sample("invalid", TORN)] * 4
    found = findings({"undefended": ATTACKED, "b": RESTORED, "c": jammed}, frozenset())
    assert restores(found, "b")
    assert not restores(found, "c")
    assert not restores(found, "undefended")


def test_the_frontier_is_drawn_of_arms_with_forced_calls(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    draw_frontier(
        findings({"a": [*ATTACKED, *FORCED], "b": RESTORED}, frozenset()), tmp_path / "a.png"
    )
    assert (tmp_path / "a.png").stat().st_size
