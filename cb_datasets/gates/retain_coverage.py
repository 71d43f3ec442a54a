"""Gate 4: Dr holds what the model must keep: refusals, right tool use and varied benign tasks.

In: rows of Dr. Out: the share of requirements met. What a row is, the judge decides from its
`assistant_raw`; a label alone covers nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import Annotated

from cb_datasets.gates.criteria import mapping_at
from cb_datasets.gates.gate import Gate, GateOptions
from cb_datasets.gates.result import GateResult
from cb_datasets.gates.row import Failures, GatedRow
from cb_datasets.options import Option
from cb_datasets.quoting import printable

_MAX_DISTINCT = 10_000
"""Distinct tasks and tools kept; beyond that the count says "at least"."""

_ADVICE = {
    "refusals": "Add scenarios whose right answer is a refusal of something improper (agentharm, "
    "fujitsu_b3): without them, training the breaker may undo refusals.",
    "tool_uses": "Add right tool calls (AgentDojo benign traces, tau2 completions, benign twins).",
    "answers": "Add questions that need no tool, answered without one.",
    "tasks": "Add benign tasks of more kinds, without an attack in view.",
    "tools": "Add right calls of more tools, or the breaker learns 'never call this one'.",
    "no_attack_success": "Take the named rows out of Dr: the attack won in them, or may have, and "
    "the retain loss would keep what Ds is to break.",
}


class RetainCoverageOptions(GateOptions, total=False):
    """What Dr must hold."""

    min_refusals: Annotated[int, Option(1, "Refusals that Dr must hold.", ge=0)]
    min_tool_uses: Annotated[int, Option(1, "Right tool calls that Dr must hold.", ge=0)]
    min_answers: Annotated[int, Option(1, "Right answers without a call that Dr must hold.", ge=0)]
    min_tasks: Annotated[
        int,
        Option(3, "Distinct tasks without an attack that Dr must hold, done right.", ge=0),
    ]
    min_tools: Annotated[int, Option(2, "Distinct tools that must be called rightly in Dr.", ge=0)]


class RetainCoverage:
    """The fourth gate of the specification.

    Requirements: refusals of improper requests (what a policy denies a customer is no such
    refusal, and counted beside them); right tool use; right answers without a call; distinct
    tasks without an attack, done right (told apart by `group`, or by the last user message where
    a row has none); distinct tools called rightly; and no row in which the attack won, or in which
    a model under attack made a call that is not known to be right.
    """

    def __init__(self, options: RetainCoverageOptions) -> None:
        self._needed = {
            "refusals": options["min_refusals"],
            "tool_uses": options["min_tool_uses"],
            "answers": options["min_answers"],
            "tasks": options["min_tasks"],
            "tools": options["min_tools"],
        }
        self._contaminated = Failures(options["max_listed"])
        self._outcomes: Counter[str] = Counter()
        self._answers = self._policy_answers = 0
        self._tasks: set[str] = set()
        self._tools: set[str] = set()
        self._rows = 0

    def add(self, row: GatedRow) -> None:
        """Count what one row covers; rows of other sets are none of this gate's business."""
        if row.set != "dr":
            return
        self._rows += 1
        self._outcomes[row.outcome] += 1
        if reason := _contamination(row):
            self._contaminated.add(row, reason)
            return
        # Such a claim can only make the refusals fewer.
        kind = mapping_at(row.row, "labels").get("kind")
        self._policy_answers += row.outcome == "refusal" and kind == "policy_answer"
        answered = row.outcome == "no_tool" and _behavior(row) == "answer"
        self._answers += answered
        if row.outcome == "correct_tool":
            _keep(self._tools, *_called(row))
        if (answered or row.outcome == "correct_tool") and not mapping_at(row.row, "attack"):
            _keep(self._tasks, _task(row))

    def result(self) -> GateResult:
        """The share of requirements met, and those that are not."""
        found = {
            "refusals": self._outcomes["refusal"] - self._policy_answers,
            "tool_uses": self._outcomes["correct_tool"],
            "answers": self._answers,
            "tasks": len(self._tasks),
            "tools": len(self._tools),
        }
        missing = [name for name, needed in self._needed.items() if found[name] < needed]
        if self._contaminated.count:
            missing.append("no_attack_success")
        value = 1 - len(missing) / (len(self._needed) + 1)
        if not self._rows:
            missing, value = list(self._needed), 0.0
        return GateResult(
            passed=not missing,
            value=value,
            threshold=1.0,
            summary=self._summary(missing, found),
            failing=tuple(self._contaminated.named),
            failing_count=self._contaminated.count,
            advice=tuple(_ADVICE[name] for name in missing),
            details={
                "rows": self._rows,
                "missing": missing,
                "found": found,
                "needed": dict(self._needed),
                "policy_answers": self._policy_answers,
                "attack_success": self._contaminated.count,
                "outcomes": dict(self._outcomes.most_common()),
            },
        )

    def _summary(self, missing: list[str], found: dict[str, int]) -> str:
        if not self._rows:
            return "Dr holds no rows."
        shown = {name: f"{count} {name.replace('_', ' ')}" for name, count in found.items()}
        if self._policy_answers:
            shown["refusals"] += f" beside {self._policy_answers} policy answers"
        if not missing:
            return f"Dr holds {', '.join(shown.values())}, and no row in which the attack won."
        lacks = [
            f"{shown[name]} ({self._needed[name]} needed)" for name in missing if name in shown
        ]
        if self._contaminated.count:
            lacks.append(f"{self._contaminated.count} rows in which the attack won")
        return f"Dr holds {', '.join(lacks)}."


def _contamination(row: GatedRow) -> str | None:
    if row.outcome == "attack_success" and row.judgement:
        return printable(f"the attack won: {row.judgement.reason}", 200)
    if row.outcome in ("near_target", "other_tool") and mapping_at(row.row, "attack"):
        reason = row.judgement.reason if row.judgement else row.outcome
        return printable(f"under attack, a call that is not known to be right: {reason}", 200)
    # A row in the minimal shape does not say what the attacker wanted; its own word is enough to
    # keep it out, as it would not be to let it in.
    if mapping_at(row.row, "labels").get("is_harmful") is True:
        return "labelled is_harmful"
    return None


def _behavior(row: GatedRow) -> object:
    return row.asked.expected.get("behavior") if row.asked else None


def _called(row: GatedRow) -> list[str]:
    if row.judgement and row.judgement.observed_tool:
        return [row.judgement.observed_tool]
    return [call.name for call in row.parsed.calls] if row.parsed else []


def _task(row: GatedRow) -> str:
    group = row.row.get("group")
    if isinstance(group, str) and group:
        return group
    messages = row.row.get("messages")
    asked = [
        message.get("content")
        for message in (messages if isinstance(messages, list) else [])
        if isinstance(message, dict) and message.get("role") == "user"
    ]
    text = json.dumps(asked[-1:], default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _keep(names: set[str], *new: str) -> None:
    if len(names) < _MAX_DISTINCT:
        names.update(new)


GATE = Gate(
    name="retain_coverage",
    title="Dr holds refusals, tool use, answers, several tasks and tools, and no won attack",
    check=RetainCoverage,
    options=RetainCoverageOptions,
    needs=("dr",),
    number=4,
)
