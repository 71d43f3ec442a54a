"""Arguments that upstream keeps as JSON text hide what a file's own check cannot see."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cb_datasets.sources import read_source
from tests.sources.files.row_writing import lines


def agentdojo_trace(arguments: str) -> dict[str, Any]:
    call = {"id": "", "function": {"name": "get_webpage", "arguments": arguments}}
    metadata = {"suite_name": "slack", "user_task_id": "user_task_0", "success": True}
    said = [{"role": "user", "content": "Read it."}, {"role": "assistant", "tool_calls": [call]}]
    return {"messages": said, "metadata": metadata | {"security": True}}


def tau_run(arguments: str) -> dict[str, Any]:
    messages = [*agentdojo_trace(arguments)["messages"], {"role": "user", "content": "###STOP###"}]
    return {"task_id": len(arguments), "trial": 0, "reward": 1.0, "traj": messages}


def log(arguments: str) -> dict[str, Any]:
    return {"messages": agentdojo_trace(arguments)["messages"]}


@pytest.mark.parametrize(
    "arguments",
    [
        '{"x": NaN}',
        '{"x": 1e999}',
        '{"x": 18446744073709551616}',
        '{"x": "\\ud800"}',
        '{"\\u0000": 1}',
        '{"x": ' + "[" * 600 + "]" * 600 + "}",
        '{"x": ' + "[" * 99_999 + "]" * 99_999 + "}",
    ],
    ids=lambda text: text[:16],
)
@pytest.mark.parametrize(
    ("source", "row"), [("agentdojo", agentdojo_trace), ("tau2", tau_run), ("generic", log)]
)
def test_what_hides_in_the_text_of_arguments_costs_its_row_alone(
    tmp_path: Path, source: str, row: Any, arguments: str
):
    told = [row('{"x": 1}'), row(arguments)]
    path = lines(tmp_path, [json.dumps(each).encode() for each in told])
    found = read_source(source, path)
    assert [line.line for line in found.report.malformed] == [2]
    assert found.scenarios.num_rows == 1
