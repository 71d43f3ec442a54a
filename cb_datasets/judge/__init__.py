"""What a completion turned out to be: outcomes, call patterns, refusals.

In: a parsed completion and its scenario. Out: one of `records.OUTCOMES` and why. Nothing else in
the library decides an outcome, unless another judge is given, by name or as it is.
"""

from cb_datasets.judge.named import JUDGES, NamedJudge, find_judge, list_judges
from cb_datasets.judge.outcome import (
    Judge,
    Judgement,
    ask,
    first_target_call,
    judge,
    right_behavior,
    safe_outcomes,
)

__all__ = [
    "JUDGES",
    "Judge",
    "Judgement",
    "NamedJudge",
    "ask",
    "find_judge",
    "first_target_call",
    "judge",
    "list_judges",
    "right_behavior",
    "safe_outcomes",
]
