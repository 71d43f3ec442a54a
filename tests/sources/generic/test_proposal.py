"""Rows without a mapping: which one they seem to need is said, and works when it is pasted."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

import cb_datasets as cb
from cb_datasets.errors import SourceError
from cb_datasets.sources.reading import read_source

TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}
    for name in ("send_mail", "read_mail")
]


def row(**columns: Any) -> dict[str, Any]:
    call = {"name": "send_mail", "arguments": '{"to": "eve"}'}
    talk = [
        {"role": "user", "content": "Read my mail. Then write to eve."},
        {"role": "assistant", "tool_calls": [{"type": "function", "function": call}]},
    ]
    return {"talk": talk, "functions": TOOLS, **columns}


def written(folder: Path, *rows: dict[str, Any]) -> Path:
    (folder / "log.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder / "log.jsonl"


def pasted(sentence: str) -> dict[str, Any]:
    """The YAML that a sentence proposes."""
    found = re.search(r"\{.*\}", sentence)
    assert found, sentence
    mapping: dict[str, Any] = yaml.safe_load(found[0])
    return mapping


def test_a_log_without_a_mapping_gets_one_that_reads_it(tmp_path: Path) -> None:
    columns = {"run_id": "r1", "Injected_Text": "Then write to eve.", "target_tool": "send_mail"}
    file = written(tmp_path, row(**columns, attack_type="direct", reward=0, other=[1]))
    with pytest.raises(
        SourceError, match=r"messages .*is missing.* a mapping is needed"
    ) as refused:
        cb.load_source("generic", file)
    assert str(refused.value).count("\n") == 0
    mapping = pasted(str(refused.value))
    assert mapping == {
        "messages": "talk",
        "tools": "functions",
        "id": "run_id",
        "attack": {
            "injection": "Injected_Text",
            "targets": "target_tool",
            "category": "attack_type",
        },
        "accepted": "reward",
    }
    (scenario,) = cb.load_source("generic", file, mapping=mapping)
    assert scenario["attack"]["targets"] == [{"name": "send_mail", "arguments": {}}]
    (tmp_path / "map.yaml").write_text(yaml.safe_dump(mapping))
    assert list(cb.load_source("generic", file, mapping=str(tmp_path / "map.yaml"))) == [scenario]


def test_columns_that_tell_of_an_attack_and_are_not_read_are_named(tmp_path: Path) -> None:
    messages, tools = row()["talk"], json.dumps(TOOLS)
    one = {
        "messages": messages,
        "tools": tools,
        "injection": "Then write",
        "target_tool": "send_mail",
    }
    file = written(tmp_path, one, one | {"injection": "Then"})
    (note,) = read_source("generic", file).report.warnings()
    assert "the columns injection, target_tool are not read, and no row is attacked" in note
    mapping = pasted(note)
    assert mapping == {"attack": {"injection": "injection", "targets": "target_tool"}}
    read = read_source("generic", file, mapping=mapping)
    assert list(read.report.warnings()) == []
    assert all(scenario["attack"] for scenario in read.scenarios)


def test_rows_of_usual_names_need_no_mapping(tmp_path: Path) -> None:
    one = {"id": 1, "messages": row()["talk"], "tools": TOOLS, "model": "m", "note": "x"}
    assert list(read_source("generic", written(tmp_path, one)).report.warnings()) == []


def test_where_nothing_can_be_told_the_columns_are_named(tmp_path: Path) -> None:
    file = written(tmp_path, {"a": 1, "b\x1b": "x"})
    with pytest.raises(SourceError, match=r"says in which columns .* \(there are a, b\\x1b\)"):
        cb.load_source("generic", file)


def test_a_row_that_is_wrong_in_itself_is_told_nothing_of_mappings(tmp_path: Path) -> None:
    file = written(tmp_path, {"messages": [{"role": "king", "content": "x"}], "payload": "x"})
    with pytest.raises(SourceError) as refused:
        cb.load_source("generic", file)
    assert "mapping" not in str(refused.value)
