"""Parsed completions to outcomes."""

from __future__ import annotations

from typing import Any

from cb_datasets.code_version import code_version
from cb_datasets.judge.outcome import Judge, ask
from cb_datasets.judge.outcome import judge as default_judge
from cb_datasets.llama31.calls import ParsedCompletion
from cb_datasets.records import LabelColumns, ToolCall
from cb_datasets.schema import json_object
from cb_datasets.transforms.batch import ROOMS, Batch, Configured, typed


class LabelOutcome(Configured):
    """Judge parsed completions; adds the columns of `records.LabelColumns`.

    Where there are columns `tools` and `messages`, the judge is told them, if it takes them.

    Args:
        judge: Another judge with the signature of `cb_datasets.judge.judge`; it must be
            picklable. An exception it raises becomes the outcome `error`.

    Example:
        >>> raw = '<|python_tag|>{"name": "f", "parameters": {}}<|eom_id|>'
        >>> from cb_datasets.transforms import ParseToolCalls
        >>> batch = {"assistant_raw": [raw], "finish_reason": ["stop"], "error": [None],
        ...          "attack": [None],
        ...          "expected": [{"behavior": "call", "calls": [{"name": "f", "arguments": {}}]}]}
        >>> LabelOutcome()({**batch, **ParseToolCalls()(batch)})["outcome"]
        ['correct_tool']
    """

    def __init__(self, judge: Judge | None = None) -> None:
        self._judge = judge

    def config(self) -> dict[str, Any]:
        """The judge."""
        return {"judge": self._judge}

    def version(self) -> str:
        """The version of the judge."""
        return code_version(*ROOMS, "judge")

    def __call__(self, batch: Batch) -> Batch:
        """The label columns of a batch."""
        decide = self._judge or default_judge
        columns: Batch = {"outcome": [], "outcome_reason": [], "observed_tool": []}
        size = len(batch["assistant_raw"])
        known = {name: batch.get(name) or [None] * size for name in ("tools", "messages")}
        for number in range(size):
            parsed = ParsedCompletion(
                content=batch["content"][number],
                calls=tuple(
                    ToolCall(call["name"], json_object(call["arguments"]) or {})
                    for call in batch["tool_calls_structured"][number]
                ),
                code=batch["code"][number],
                end=batch["end_token"][number],
                problems=tuple(batch["parse_problems"][number]),
            )
            try:
                judgement = ask(
                    decide,
                    parsed,
                    expected=batch["expected"][number],
                    attack=batch["attack"][number],
                    finish_reason=batch["finish_reason"][number],
                    error=batch["error"][number],
                    **{name: values[number] for name, values in known.items()},
                )
                outcome, reason = judgement.outcome, judgement.reason
                observed = judgement.observed_tool
            except Exception as error:
                if self._judge is None:
                    raise
                # A judge that fails is an error of its own, never a negative.
                outcome, reason, observed = "error", f"the judge failed: {error!r}", None
            columns["outcome"].append(outcome)
            columns["outcome_reason"].append(reason)
            columns["observed_tool"].append(observed)
        return typed(columns, LabelColumns)
