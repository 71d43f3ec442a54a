"""Raw output to prose and tool calls."""

from __future__ import annotations

from typing import Any

from cb_datasets.code_version import code_version
from cb_datasets.formats.parse import parse_completion
from cb_datasets.records import ParseColumns
from cb_datasets.schema import JsonObject
from cb_datasets.transforms.batch import ROOMS, Batch, Configured, check_columns, columns_of


class ParseToolCalls(Configured):
    """Read `assistant_raw`; adds the columns of `records.ParseColumns`.

    Where there is a column `tools`, only those are called (see `parse_completion`); the column
    `format` tells how to read.

    Example:
        >>> raw = '<|python_tag|>{"name": "f", "parameters": {}}<|eom_id|>'
        >>> ParseToolCalls()({"assistant_raw": [raw]})["tool_calls_structured"]
        [[{'name': 'f', 'arguments': {}}]]
    """

    def config(self) -> dict[str, Any]:
        """No options."""
        return {}

    def version(self) -> str:
        """The version of the parser."""
        return code_version(*ROOMS)

    def __call__(self, batch: Batch) -> Batch:
        """The parse columns of a batch."""
        check_columns(batch, "ParseToolCalls", "assistant_raw")
        raws = batch["assistant_raw"]
        offered = batch.get("tools") or [None] * len(raws)
        formats = batch.get("format") or [None] * len(raws)
        rows = list(map(_parsed, raws, offered, formats))
        return columns_of(rows, ParseColumns)


def _parsed(raw: str | None, tools: list[JsonObject] | None, format: str | None) -> ParseColumns:
    parsed = parse_completion(raw or "", tools=tools, format=format)
    return {
        "content": parsed.content,
        "tool_calls_structured": [
            {"name": call.name, "arguments": call.arguments} for call in parsed.calls
        ],
        "code": parsed.code,
        "end_token": parsed.end,
        "parse_problems": list(parsed.problems),
    }
