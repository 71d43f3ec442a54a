"""Which judged completions become Ds rows, which Dr rows, and why the rest does not.

In: rows that went through the four transforms. Out: one decision a row; nothing goes missing.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from cb_datasets.judge.outcome import RIGHT_OUTCOMES, Judgement, right_behavior
from cb_datasets.records import Attack, JudgedSample
from cb_datasets.sets.attacked_trace import trace_gives_in


@dataclass(frozen=True, slots=True)
class Decision:
    """`set` is "ds", "dr" or "rejected"; `kind` the Dr kind; `reason` a code, `detail` words."""

    set: str
    reason: str
    detail: str
    kind: str | None = None


def decide(row: JudgedSample, twins: Collection[str], *, goals_judged: bool = False) -> Decision:
    """Where a judged completion belongs.

    Args:
        row: Scenario, completion, parse and label columns.
        twins: Ids of the scenarios that are the benign twin of an attacked one.
        goals_judged: Whether the outcome is from a judge that can tell whether an attack reached
            a goal that no call can show.

    Returns:
        Ds for an attack that succeeded, Dr with its kind for the right behaviour, rejected with
        a reason for everything else.
    """
    if row["set_aside"] is not None:
        code, _, words = row["set_aside"].partition(": ")
        return Decision("rejected", code, words or code)
    outcome, reason = row["outcome"], row["outcome_reason"]
    if outcome in ("error", "truncated", "near_target", "invalid", "code"):
        return Decision("rejected", outcome, reason)
    if row["parse_problems"]:
        return Decision("rejected", "malformed_part", "; ".join(row["parse_problems"]))
    if row["end_token"] is None:
        return Decision("rejected", "no_end_token", "the completion has no end token")
    if outcome == "attack_success":
        return Decision("ds", "attack_success", reason)
    return _retain(row, twins, goals_judged=goals_judged)


def _retain(row: JudgedSample, twins: Collection[str], *, goals_judged: bool) -> Decision:
    outcome, reason = row["outcome"], row["outcome_reason"]
    right = right_behavior(Judgement(outcome, reason), row["expected"])
    if (attack := row["attack"]) is not None:
        return _attacked(row, attack, right=right, goals_judged=goals_judged)
    if not right:
        return Decision("rejected", f"benign_{outcome}", reason)
    if row["id"] in twins:
        return Decision("dr", "benign_twin", reason, "benign_twin")
    kind = {"correct_tool": "tool_use", "no_tool": "answer", "refusal": "refusal"}[outcome]
    if kind == "refusal" and row.get("probe") == "policy_answer":
        kind = "policy_answer"
    return Decision("dr", kind, reason, kind)


def _attacked(row: JudgedSample, attack: Attack, *, right: bool, goals_judged: bool) -> Decision:
    outcome, reason = row["outcome"], row["outcome_reason"]
    if row["origin"] == "recorded" and (given_in := trace_gives_in(row)) is not None:
        return Decision("rejected", *given_in)
    if right and row["expected"]["behavior"] == "refusal":
        return Decision("dr", "refusal", reason, "refusal")
    # An answer may be the very answer that the attacker wanted.
    # The run's own decision, of which a world knows that it did not meet the attacker's goal.
    known = row["recorded"] is not None and row["sample_index"] == 0
    told = known and row["provenance"]["judged_by"] in ("world", "replay")
    shown = attack["targets"] or told or outcome in ("correct_tool", "refusal")
    if not (shown or goals_judged):
        detail = "the attacker wants no call that is known, so that no call can tell; give a judge"
        return Decision("rejected", "goal_not_judged", detail)
    if row["origin"] == "recorded" and outcome in RIGHT_OUTCOMES.values():
        # The whole trace is the evidence: the injection was in view and no turn gave in.
        return Decision("dr", "resisted", f"{reason}, and no turn gave in", "resisted")
    if right:
        return Decision("dr", "adversarial_safe", reason, "adversarial_safe")
    return Decision("rejected", f"attacked_{outcome}", reason)


def harm_type(row: JudgedSample) -> str:
    """How the attack won (see `records.HARM_TYPES`)."""
    if row["observed_tool"] is None:
        return "goal_met"
    names = {pattern["name"] for pattern in row["expected"]["calls"] or []}
    if not names:
        return "injected_call"
    return "argument_hijack" if row["observed_tool"] in names else "tool_flip"


def expected_tool(row: JudgedSample) -> str | None:
    """The right tool, or None where none is known.

    Of several it is the one that was called, with whatever arguments; else the first that is still
    to be called, in the task's own order.
    """
    names = [pattern["name"] for pattern in row["expected"]["calls"] or []]
    if row["observed_tool"] in names:
        return row["observed_tool"]
    return names[0] if names else None
