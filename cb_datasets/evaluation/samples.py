"""A graded completion, with what of its row the metrics are counted and sliced by."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from cb_datasets.evaluation.grading import Grade, correct_is_known, is_attacked
from cb_datasets.records import EvalRow


@dataclass(frozen=True, slots=True)
class RowFacts:
    """An eval row, as far as metrics are concerned.

    Attributes:
        attack_kind: The row's kind, where the row is attacked; None elsewhere.
        tool: The attacker's tool where there is one, else the right one, else None.
        tools_offered: "with tools" or "without tools".
        correct_is_known: Whether the row says what is right.
    """

    row_id: str
    scenario_id: str
    group: str
    kind: str
    source: str
    behavior: str
    attack_kind: str | None = None
    category: str | None = None
    location: str | None = None
    template: str | None = None
    tool: str | None = None
    prefill_kind: str | None = None
    tools_offered: str = "with tools"
    correct_is_known: bool = True


SLICES = (
    "source",
    "category",
    "attack_kind",
    "tool",
    "prefill_kind",
    "location",
    "template",
    "kind",
    "behavior",
    "tools_offered",
)
"""By what a report can be divided."""


@dataclass(frozen=True, slots=True)
class EvalSample:
    """One completion of one row, graded."""

    facts: RowFacts
    sample_index: int
    grade: Grade
    assistant_raw: str
    completion_token_ids: tuple[int, ...]
    finish_reason: str

    def to_dict(self) -> dict[str, Any]:
        """The sample in plain types, as it stands in `completions.jsonl`."""
        return {
            "id": self.facts.row_id,
            "kind": self.facts.kind,
            "sample_index": self.sample_index,
            "assistant_raw": self.assistant_raw,
            "completion_token_ids": list(self.completion_token_ids),
            "finish_reason": self.finish_reason,
            **asdict(self.grade),
        }


def row_facts(row: EvalRow) -> RowFacts:
    """What metrics need of an eval row."""
    criteria, attack = row["success_criteria"], row["attack"]
    calls = criteria["attack_success"] or criteria["correct_calls"]
    return RowFacts(
        row_id=row["id"],
        scenario_id=row["scenario_id"],
        group=row["group"],
        kind=row["kind"],
        source=row["source"],
        behavior=criteria["correct_behavior"],
        attack_kind=row["kind"] if is_attacked(row) else None,
        category=attack["category"] if attack else None,
        location=attack["location"] if attack else None,
        template=attack["template"] if attack else None,
        tool=calls[0]["name"] if calls else None,
        prefill_kind=row["prefill_kind"],
        tools_offered="with tools" if row["tools"] else "without tools",
        correct_is_known=correct_is_known(row),
    )
