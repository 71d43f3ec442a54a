"""Parsed completions to outcomes."""

from __future__ import annotations

from typing import Any

from typing_extensions import NotRequired

from cb_datasets.code_version import code_version
from cb_datasets.formats.calls import ParsedCompletion, ToolCall
from cb_datasets.judge.named import another_judge, judge_code
from cb_datasets.judge.outcome import Judge, Judgement, ask
from cb_datasets.judge.outcome import judge as default_judge
from cb_datasets.records import Attack, Expected, LabelColumns, ParseColumns
from cb_datasets.schema import JsonObject, json_object
from cb_datasets.transforms.batch import (
    ROOMS,
    Batch,
    Configured,
    check_columns,
    columns_of,
    rows_of,
)

_READ = ("expected", "attack", "finish_reason", "error")


class _Said(ParseColumns):
    """What is read of a completion and its scenario."""

    expected: Expected
    attack: Attack | None
    finish_reason: str
    error: str | None
    tools: NotRequired[list[JsonObject]]
    messages: NotRequired[list[JsonObject]]


class LabelOutcome(Configured):
    """Judge parsed completions; adds the columns of `records.LabelColumns`.

    Where there are columns `tools` and `messages`, the judge is told them, if it takes them.

    Args:
        judge: Another judge, by its name or as it is: of the signature of
            `cb_datasets.judge.judge`, and picklable. An exception it raises becomes the outcome
            `error`.

    Raises:
        JudgeError: There is no judge of that name, or what was given is none.

    Example:
        >>> raw = '<|python_tag|>{"name": "f", "parameters": {}}<|eom_id|>'
        >>> from cb_datasets.transforms import ParseToolCalls
        >>> batch = {"assistant_raw": [raw], "finish_reason": ["stop"], "error": [None],
        ...          "attack": [None],
        ...          "expected": [{"behavior": "call", "calls": [{"name": "f", "arguments": {}}]}]}
        >>> LabelOutcome()({**batch, **ParseToolCalls()(batch)})["outcome"]
        ['correct_tool']
    """

    def __init__(self, judge: Judge | str | None = None) -> None:
        self._given = judge
        self._judge = another_judge(judge)

    def config(self) -> dict[str, Any]:
        """The judge, as it was given."""
        return {"judge": self._given}

    def version(self) -> str:
        """The version of the judge."""
        return code_version(*ROOMS, "judge") + judge_code(self._given)

    def __call__(self, batch: Batch) -> Batch:
        """The label columns of a batch."""
        check_columns(batch, "LabelOutcome", *_READ, *ParseColumns.__annotations__)
        return columns_of(list(map(self._labelled, rows_of(batch, _Said))), LabelColumns)

    def _labelled(self, row: _Said) -> LabelColumns:
        judgement = self._judgement(row)
        return {
            "outcome": judgement.outcome,
            "outcome_reason": judgement.reason,
            "observed_tool": judgement.observed_tool,
        }

    def _judgement(self, row: _Said) -> Judgement:
        parsed = _parsed(row)
        try:
            return ask(
                self._judge or default_judge,
                parsed,
                expected=row["expected"],
                attack=row["attack"],
                finish_reason=row["finish_reason"],
                error=row["error"],
                tools=row.get("tools"),
                messages=row.get("messages"),
            )
        except Exception as error:
            if self._judge is None:
                raise
            # A judge that fails is an error of its own, never a negative.
            return Judgement("error", f"the judge failed: {error!r}")


def _parsed(row: _Said) -> ParsedCompletion:
    return ParsedCompletion(
        content=row["content"],
        calls=tuple(
            ToolCall(call["name"], json_object(call["arguments"]) or {})
            for call in row["tool_calls_structured"]
        ),
        code=row["code"],
        end=row["end_token"],
        problems=tuple(row["parse_problems"]),
    )
