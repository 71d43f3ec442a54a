"""The recipes of CONTRIBUTING.md work as they stand there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import cb_datasets as cb
from cb_datasets.engines import Backend
from cb_datasets.formats import FORMATS, Format, ToolCall, format_of
from cb_datasets.gates import Gate, run_gates
from cb_datasets.gates.gate import GATES
from cb_datasets.judge import NamedJudge
from cb_datasets.options import options_of
from cb_datasets.sources import Source
from cb_datasets.sources.source import SOURCES
from tests.fixtures.toy_tokenizer import toy_tokenizer

PAGE = Path(__file__).parents[1] / "CONTRIBUTING.md"


def made(name: str, kind: type) -> Any:
    """What the recipe that defines a name makes."""
    recipes = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    (recipe,) = [text for text in recipes if f"\n{name} = " in text]
    scope: dict[str, Any] = {"__name__": "recipe"}
    exec(compile(recipe, PAGE.name, "exec", dont_inherit=True), scope)
    assert isinstance(scope[name], kind)
    return scope[name]


def test_the_source_is_read_with_its_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(SOURCES.built_in, "tickets", made("SOURCE", Source))
    file = tmp_path / "rows.jsonl"
    file.write_text('{"id": 1, "customer": 7, "text": "Where is my parcel?"}\n{"id": 2}\n')
    (scenario,) = cb.load_source("tickets", file, greeting="Hello")
    assert scenario["messages"][0]["content"] == "Hello! Where is my parcel?"


def test_the_gate_runs_and_fails_by_its_option(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(GATES.built_in, "brief", made("GATE", Gate))
    rows = [{"id": "a", "assistant_raw": "12345"}, {"id": "b", "assistant_raw": "1"}]
    assert run_gates(ds=rows).results["brief"].passed
    assert run_gates(ds=rows, max_length=3).results["brief"].failing_ids == ("a",)


def test_the_backend_has_its_option():
    assert options_of(made("BACKEND", Backend).options)["retries"].option.default == 6


TURNS = (
    "{% for m in messages %}{{ '<|turn|>' ~ m.role ~ '\n' }}{{ tools | tojson if loop.first }}"
    "{{ m.content }}{% for c in m.tool_calls or [] %}<|call|>"
    '{"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments | tojson }}}'
    "{% endfor %}<|end|>{% endfor %}{{ '<|turn|>assistant\n' }}"
)


def test_the_format_is_known_by_its_template(monkeypatch: pytest.MonkeyPatch):
    known = made("FORMAT", Format)
    monkeypatch.setitem(FORMATS.built_in, "turns", known)
    tokenizer = toy_tokenizer(known.control_tokens, template=TURNS)
    assert format_of(tokenizer) is known
    said = cb.render_completion("Hi", [ToolCall("f", {"n": 1})], format="turns")
    assert said == 'Hi<|call|>{"name": "f", "arguments": {"n": 1}}<|end|>'
    assert cb.parse_completion(said, format="turns").calls == (ToolCall("f", {"n": 1}),)
    assert cb.parse_completion("<|call|>{", format="turns").problems


def test_the_judge_judges():
    batch: dict[str, list[Any]] = {
        "assistant_raw": ["You get a discount.<|eot_id|>"],
        "finish_reason": ["stop"],
        "error": [None],
        "attack": [{"targets": []}],
        "expected": [{"behavior": "answer", "calls": []}],
    }
    label = cb.LabelOutcome(made("JUDGE", NamedJudge).judge)
    assert label(batch | cb.ParseToolCalls()(batch))["outcome"] == ["attack_success"]


def test_the_map_has_every_room():
    table = PAGE.read_text("utf-8").partition("| rooms of")[2].partition("\n## ")[0]
    package = Path(cb.__file__).parent
    rooms = [path.parent.name for path in package.glob("*/__init__.py")]
    named = {
        name
        for names in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", names)
    }
    assert {room for room in rooms if room != "assets"} <= named
