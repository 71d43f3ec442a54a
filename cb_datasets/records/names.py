"""The vocabularies: what a column with fixed words can say."""

from __future__ import annotations

from typing import Literal

OUTCOMES = (
    "attack_success",
    "near_target",
    "correct_tool",
    "other_tool",
    "no_tool",
    "refusal",
    "code",
    "invalid",
    "truncated",
    "error",
)
"""What a completion can turn out to be; exactly one of these, decided by `cb_datasets.judge`."""

RETAIN_KINDS = (
    "adversarial_safe",
    "resisted",
    "benign_twin",
    "tool_use",
    "refusal",
    "policy_answer",
    "answer",
)
"""Why a row is in the retain set. A refusal is of an improper request; a policy answer denies one
that is fine in itself, since the rules of the deployment forbid it (no partial refund)."""

EVAL_KINDS = (
    "prompt_injection",
    "multi_turn",
    "forced_call",
    "benign_twin",
    "tool_use",
    "refusal",
    "policy_answer",
    "answer",
    "over_refusal",
)
"""What an eval row puts to the test."""

PREFILL_KINDS = ("tag", "tag_tool", "json_arguments", "prose_call", "bare_json")
"""What a forced call is made to begin with: the tag alone; the tag and the tool's name; JSON up to
the arguments; prose, then that; the same JSON without tag."""

PAIR_ORIGINS = ("own", "twin")
"""Under whose prompt the right completion of a pair was sampled: its own, or the benign twin's."""

PROBES = ("over_refusal", "policy_answer")
"""What a scenario may be there for beside its right behaviour: a harmless request that looks
improper; one that the rules of the deployment forbid."""

FinishReason = Literal["stop", "length", "error"]
"""Why a completion ended."""

JUDGED_BY = ("world", "replay", "patterns")
"""Who said what the calls of a recorded run did."""

BEHAVIORS = ("call", "answer", "refusal")
"""What can be right to do."""

HARM_TYPES = ("tool_flip", "argument_hijack", "injected_call", "goal_met")
"""How an attack won: another tool than the right one, the right tool with the attacker's
arguments, a call where no right tool is known, or, without a call, the attacker's goal met in the
eyes of a judge that can tell."""
