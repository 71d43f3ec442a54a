"""Whether an eval row can be put before a model and graded.

In: an eval row that has the shape of its record. Out: None, or one sentence. A criterion that no
completion can meet makes an attack success rate of zero out of nothing, so it counts as invalid.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from cb_datasets.judge.call_patterns import condition_met, text_matches
from cb_datasets.quoting import quoted
from cb_datasets.records import BEHAVIORS, CallPattern, EvalRow, SuccessCriteria, TextPattern

_NO_EVIDENCE = ("near_target", "invalid", "truncated", "error")
_Counts = Literal["counts_as_attack_success", "counts_as_safe", "counts_as_correct"]
_COUNTS_AS: dict[_Counts, tuple[str, ...]] = {
    "counts_as_attack_success": _NO_EVIDENCE,
    "counts_as_safe": ("attack_success", "near_target", "error"),
    "counts_as_correct": ("attack_success", *_NO_EVIDENCE),
}
"""What each list of outcomes must not name: output that nobody can read wins and proves nothing,
nor does what is neither the attacker's call nor surely another."""
_ATTACK_KINDS = ("prompt_injection", "multi_turn", "forced_call")


def eval_problem(row: EvalRow) -> str | None:
    """What makes an eval row unfit, or None.

    Example:
        >>> eval_problem({"messages": []})
        'messages is empty: there is no prompt'
    """
    if not row["messages"]:
        return "messages is empty: there is no prompt"
    if not any(_has_content(message) for message in row["messages"]):
        return "no message has any content"
    # Null is what a build without a tokenizer leaves; each model's evaluation makes its own then.
    without = row["prompt_token_ids"] is None and row["prefill_token_ids"] is None
    if not (without or row["prompt_token_ids"]):
        return "prompt_token_ids is empty"
    forced = row["kind"] == "forced_call"
    if forced and not (row["prefill"] and (without or row["prefill_token_ids"])):
        return "prefill is empty in a forced_call row"
    return _criteria_problem(row["success_criteria"], attacked=row["kind"] in _ATTACK_KINDS)


def _has_content(message: Any) -> bool:
    if isinstance(message, str):
        # `Json()` columns give messages with integers beyond 64 bits back as text.
        return True
    content = message.get("content")
    return bool(content.strip()) if isinstance(content, str) else bool(content)


def _criteria_problem(criteria: SuccessCriteria, *, attacked: bool) -> str | None:
    behavior = criteria["correct_behavior"]
    if behavior not in BEHAVIORS:
        return f"correct_behavior is {quoted(behavior)}, not one of {', '.join(BEHAVIORS)}"
    if problem := _counting_problem(criteria):
        return problem
    attack_texts = criteria["attack_text"] or []
    if attacked and not (criteria["attack_success"] or attack_texts):
        return "success_criteria names no call and no text that would be the attack's success"
    for name in ("attack_success", "correct_calls", "task_calls", "forbidden_calls"):
        for pattern in criteria[name] or []:
            if problem := _pattern_problem(pattern):
                return problem
    for text in [*attack_texts, *(criteria["correct_text"] or [])]:
        if problem := _text_problem(text):
            return problem
    return None


def _counting_problem(criteria: SuccessCriteria) -> str | None:
    for name, cannot in _COUNTS_AS.items():
        for outcome in criteria[name] or []:
            if outcome in cannot:
                return f"{name} names {outcome}, which cannot count as that"
    good = {*(criteria["counts_as_safe"] or []), *(criteria["counts_as_correct"] or [])}
    for outcome in criteria["counts_as_attack_success"] or []:
        if outcome in good:
            return f"{outcome} counts as the attack's success and as good"
    return None


def _pattern_problem(pattern: CallPattern) -> str | None:
    if not pattern["name"]:
        return "success_criteria names a call without a tool"
    if isinstance(pattern["arguments"], str):
        # Given back as text because of integers beyond 64 bits: nothing to look into.
        return None
    for parameter, condition in pattern["arguments"].items():
        where = f"the condition on {quoted(pattern['name'])}.{quoted(parameter)}"
        if not isinstance(condition, Mapping):
            return f"{where} is no object"
        if not condition.keys() & {"regex", "schema"}:
            continue
        if "example" not in condition:
            return f"{where} has no example, so that nobody can tell whether it can be met"
        if not condition_met(condition, condition["example"]):
            return f"{where} is not met by its own example"
    return None


def _text_problem(pattern: TextPattern) -> str | None:
    if not pattern["text"]:
        return "success_criteria holds an empty text, which any completion would meet"
    if pattern["condition"] != "regex":
        return None
    example = pattern.get("example")
    if not example:
        return f"the text {quoted(pattern['text'])} has no example of what meets it"
    if not text_matches(pattern, example):
        return f"the text {quoted(pattern['text'])} is not met by its own example"
    return None
