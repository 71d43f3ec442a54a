"""Whether an eval row can be put before a model and graded.

In: an eval row that has the shape of its record. Out: None, or one sentence. A criterion that no
completion can meet makes an attack success rate of zero out of nothing, so it counts as invalid.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cb_datasets.gates.quoting import quoted

_ATTACK_KINDS = ("prompt_injection", "multi_turn", "forced_call")
_BEHAVIORS = ("call", "answer", "refusal")


def eval_problem(row: Mapping[str, Any]) -> str | None:
    """What makes an eval row unfit, or None.

    Example:
        >>> eval_problem({"messages": []})
        'messages is empty: there is no prompt'
    """
    if not row["messages"]:
        return "messages is empty: there is no prompt"
    if not any(_has_content(message) for message in row["messages"]):
        return "no message has any content"
    if not row["prompt_token_ids"]:
        return "prompt_token_ids is empty"
    if row["kind"] == "forced_call" and not row["prefill"]:
        return "prefill is empty in a forced_call row"
    return _criteria_problem(row["success_criteria"], attacked=row["kind"] in _ATTACK_KINDS)


def _has_content(message: Any) -> bool:
    if isinstance(message, str):
        # `Json()` columns give messages with integers beyond 64 bits back as text.
        return True
    content = message.get("content")
    return bool(content.strip()) if isinstance(content, str) else bool(content)


def _criteria_problem(criteria: Mapping[str, Any], *, attacked: bool) -> str | None:
    behavior = criteria["correct_behavior"]
    if behavior not in _BEHAVIORS:
        return f"correct_behavior is {quoted(behavior)}, not one of {', '.join(_BEHAVIORS)}"
    if attacked and not criteria["attack_success"]:
        return "success_criteria names no call that would be the attack's success"
    for pattern in [*criteria["attack_success"], *criteria["correct_calls"]]:
        if not pattern["name"]:
            return "success_criteria names a call without a tool"
        if isinstance(pattern["arguments"], str):
            # Given back as text because of integers beyond 64 bits: nothing to look into.
            continue
        for parameter, condition in pattern["arguments"].items():
            if not _can_be_met(condition):
                return (
                    f"the condition on {quoted(pattern['name'])}.{quoted(parameter)} is neither "
                    "{'equals': value} nor {'contains': text}"
                )
    return None


def _can_be_met(condition: Any) -> bool:
    if not isinstance(condition, Mapping) or len(condition) != 1:
        return False
    return "equals" in condition or isinstance(condition.get("contains"), str)
