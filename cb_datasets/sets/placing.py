"""What a scenario's completions turn out to be, and the place that each has in the sets.

In: scenarios that went through `FormatPrompt`. Out: their completions, sampled or recorded, judged,
and each with the row that became of it; nothing goes missing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from cb_datasets.judge.outcome import Judgement, right_behavior
from cb_datasets.records import (
    CircuitBreakerRow,
    CompletionColumns,
    JudgedSample,
    PromptedScenario,
    Sample,
)
from cb_datasets.schema import record_columns
from cb_datasets.sets.options import BuildOptions
from cb_datasets.sets.redaction import redact_attack
from cb_datasets.sets.repeats import SampleRepeats
from cb_datasets.sets.rows import circuit_breaker_row, rejected_row, retain_row, row_id
from cb_datasets.sets.selection import Decision, decide
from cb_datasets.sets.set_rows import SetRow
from cb_datasets.transforms import BatchGenerate, FormatPrompt, LabelOutcome, ParseToolCalls
from cb_datasets.transforms.batch import columns_of, rows_of

_COMPLETION = record_columns(CompletionColumns)


@dataclass(frozen=True, slots=True)
class Placed:
    """A judged completion, what was decided of it, and the row that became of it.

    The row may be one of `rejected` where the decision says Ds or Dr: it repeats another.
    """

    row: JudgedSample
    decision: Decision
    made: SetRow

    @property
    def is_right(self) -> bool:
        """Whether it does what is right, and says so beyond doubt."""
        return self.decision.set == "dr" and is_right(self.row)


def is_right(row: JudgedSample) -> bool:
    """Whether a completion is whole and the behaviour that was expected."""
    whole = row["end_token"] is not None and not row["parse_problems"]
    return whole and right_behavior(Judgement(row["outcome"], ""), row["expected"])


class Placing:
    """Completions of scenarios, sampled and judged as a build does it, and their places.

    Args:
        generate: Gives the completions.
        label: Judges them.
        twins: Ids of the scenarios that are the benign twin of an attacked one.
        options: Those of the build.
        format_prompt: Has the tokenizer of prompts that are redacted.
        goals_judged: See `decide`.
    """

    def __init__(
        self,
        generate: BatchGenerate,
        label: LabelOutcome,
        twins: Collection[str],
        options: BuildOptions,
        *,
        format_prompt: FormatPrompt,
        goals_judged: bool,
    ) -> None:
        self._generate, self._parse, self._label = generate, ParseToolCalls(), label
        self._twins = twins
        self._options = options
        self._format = format_prompt
        self._goals_judged = goals_judged

    def placed(self, scenarios: Sequence[PromptedScenario]) -> list[Placed]:
        """The completions of scenarios, and what becomes of each."""
        if not scenarios:
            return []
        batch = columns_of(scenarios, PromptedScenario)
        for stage in (self._generate, self._parse, self._label):
            batch = {**batch, **stage(batch)}
        repeats: dict[str, SampleRepeats] = {}
        found = []
        for row in rows_of(batch, JudgedSample):
            samples = repeats.setdefault(row["id"], SampleRepeats(self._options["near_duplicates"]))
            decision = decide(row, self._twins, goals_judged=self._goals_judged)
            found.append(Placed(row, decision, self._row(row, decision, samples)))
        return found

    def judged_here(self, scenario: JudgedSample, other: JudgedSample) -> JudgedSample:
        """The completion of another row as it is judged under the prompt of a scenario."""
        said: Any = {column.name: other.get(column.name) for column in _COMPLETION}
        batch = columns_of([{**scenario, **said}], Sample)
        for stage in (self._parse, self._label):
            batch = {**batch, **stage(batch)}
        return rows_of(batch, JudgedSample)[0]

    def _row(self, row: JudgedSample, decision: Decision, samples: SampleRepeats) -> SetRow:
        made = self._training_row(row, decision)
        if made is None and decision.set == "ds":
            words = "the injected text does not stand in the messages"
            decision = Decision("rejected", "not_redacted", words)
        if made is not None:
            repeat = samples.find(decision.set, row_id(row), row)
            if repeat is None:
                return made
            code = "near_duplicate" if repeat.near else "duplicate"
            how = "nearly the same" if repeat.near else "the same"
            decision = Decision("rejected", code, f"{how} completion as {repeat.kept}")
        return "rejected", rejected_row(row, decision)

    def _training_row(self, row: JudgedSample, decision: Decision) -> SetRow | None:
        if decision.set == "dr":
            return "dr", retain_row(row, str(decision.kind))
        if decision.set != "ds":
            return None
        made: CircuitBreakerRow | None = circuit_breaker_row(row)
        if made is not None and self._options["redact_harmful_prompt"]:
            made = redact_attack(made, self._format.tokenizer)
        return None if made is None else ("ds", made)
