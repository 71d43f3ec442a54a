"""What a completion turned out to be: outcomes, call patterns, refusals.

In: a parsed completion and its scenario. Out: one of `records.OUTCOMES` and why. Nothing else in
the library decides an outcome.
"""

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
    "Judge",
    "Judgement",
    "ask",
    "first_target_call",
    "judge",
    "right_behavior",
    "safe_outcomes",
]
