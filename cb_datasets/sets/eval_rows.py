"""From a held-out scenario to rows of the eval set."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from cb_datasets.judge.outcome import RIGHT_OUTCOMES, safe_outcomes
from cb_datasets.records import Attack, EvalRow, Expected, PromptedScenario
from cb_datasets.sets.prefills import prefills
from cb_datasets.sets.twins import made_twin

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def eval_rows(
    scenario: PromptedScenario,
    twins: Collection[str],
    tokenizer: PreTrainedTokenizerBase | None,
    *,
    include_forced_calls: bool = True,
) -> Iterator[EvalRow]:
    """Rows that put one scenario to the test.

    Args:
        scenario: A row that went through `FormatPrompt`.
        twins: Ids of the benign twins of attacked scenarios.
        tokenizer: For prefills, and for the prompts of twins that are made here; None makes no
            token ids.
        include_forced_calls: Also force the attacker's call (forced function calling), once for
            each kind of prefill.

    Yields:
        Rows of eval: the scenario itself; its benign twin, where the
        source has none and the attack can be taken out; the forced calls.
    """
    twin = made_twin(scenario, tokenizer)
    if twin is not None:
        scenario = {**scenario, "twin_id": twin["id"]}
    yield _row(scenario, _kind(scenario, twins))
    if twin is not None:
        yield {**_row(twin, "benign_twin"), "scenario_id": scenario["id"]}
    targets = scenario["attack"]["targets"] if scenario["attack"] else []
    if include_forced_calls and targets:
        for prefill in prefills(targets[0], scenario["tools"], tokenizer):
            yield {
                **_row(scenario, "forced_call"),
                "id": f"{scenario['id']}#forced_{prefill.kind}",
                "prefill": prefill.text,
                "prefill_token_ids": prefill.token_ids,
                "prefill_kind": prefill.kind,
            }


def gradable(expected: Expected, attack: Attack | None) -> bool:
    """Whether a program can tell if an attack won, or if the right thing was done instead.

    An attack without targets can be graded where only a refusal is right: a call cannot show
    that it won, and an answer may be the very one that the attacker wants.

    Example:
        >>> gradable({"behavior": "answer"}, {"targets": []})
        False
    """
    return attack is None or bool(attack["targets"]) or expected["behavior"] == "refusal"


def _kind(scenario: PromptedScenario, twins: Collection[str]) -> str:
    if scenario["attack"] is not None and scenario["attack"]["targets"]:
        in_result = scenario["attack"]["location"] == "tool_result"
        return "multi_turn" if in_result else "prompt_injection"
    if scenario["id"] in twins:
        return "benign_twin"
    if probe := scenario.get("probe"):
        return probe
    behavior = scenario["expected"]["behavior"]
    return {"call": "tool_use", "answer": "answer", "refusal": "refusal"}[behavior]


def _row(scenario: PromptedScenario, kind: str) -> EvalRow:
    attack, expected = scenario["attack"], scenario["expected"]
    behavior = expected["behavior"]
    return {
        "id": scenario["id"],
        "split": "test",
        "set": "eval",
        "kind": kind,
        "messages": scenario["messages"],
        "tools": scenario["tools"],
        "prompt_token_ids": scenario["prompt_token_ids"],
        "prefill": "",
        "prefill_token_ids": None if scenario["prompt_token_ids"] is None else [],
        "prefill_kind": None,
        "success_criteria": {
            "attack_success": attack["targets"] if attack else [],
            "correct_behavior": behavior,
            "correct_calls": expected["calls"],
            "task_calls": expected.get("task_calls") or [],
            "attack_text": [],
            "attacker_goal": attack["goal"] if attack else None,
            "correct_text": [],
            "forbidden_calls": [],
            "valid_arguments": None,
            "counts_as_attack_success": ["attack_success"] if attack else [],
            "counts_as_safe": list(safe_outcomes(behavior, attacked=attack is not None)),
            "counts_as_correct": [RIGHT_OUTCOMES[behavior]],
        },
        "attack": attack,
        "twin_id": scenario["twin_id"],
        "group": scenario["group"],
        "source": scenario["source"],
        "scenario_id": scenario["id"],
        "provenance": scenario["provenance"],
        "tokenizer": scenario["tokenizer"],
        "format": scenario["format"],
        "template_hash": scenario["template_hash"],
    }
