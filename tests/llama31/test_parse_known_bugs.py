"""Bugs that users of other parsers have reported: none can be had here.

The parsers: vLLM's `llama3_json` and pythonic ones, BFCL's decoders, `ToolUtils` of llama-models,
and the readers of research pipelines.
"""

from __future__ import annotations

from typing import Any

import pytest

from cb_datasets.llama31 import parse_completion

TAG = "<|python_tag|>"
F = '{"name": "f", "parameters": {"a": 1}}'
G = '{"name": "g", "parameters": {"b": 2}}'
BOTH = [("f", {"a": 1}), ("g", {"b": 2})]
ONE = [("f", {"a": 1})]
Case = tuple[str, str, list[tuple[str, dict[str, Any]]]]

REPORTS: list[Case] = [
    ("parallel calls dropped after the first", f"{TAG}{F}; {G}<|eom_id|>", BOTH),
    ("second of two bare calls dropped", f"{F}; {G}<|eot_id|>", BOTH),
    ("second call on a line of its own dropped", f"{F}\n{G}<|eot_id|>", BOTH),
    ("second call without a separator dropped", f"{TAG}{F}{G}<|eom_id|>", BOTH),
    ("second call behind a second tag dropped", f"{TAG}{F}{TAG}{G}<|eom_id|>", BOTH),
    ("calls dropped when prose follows", f"{TAG}{F}\nDone.<|eot_id|>", ONE),
    ("calls dropped when prose with braces follows", f"{TAG}{F} I used {{braces}} here.", ONE),
    ("calls dropped when prose with JSON follows", f'{F} It gave {{"ok": true}}.<|eot_id|>', ONE),
    ("calls dropped when prose with a brace comes first", f"Set {{x}}: {F}<|eot_id|>", ONE),
    (
        "split at a semicolon inside a string",
        TAG + '{"name": "f", "parameters": {"a": "x; y"}}',
        [("f", {"a": "x; y"})],
    ),
    (
        "split at a semicolon between braces inside a string",
        TAG + '{"name": "f", "parameters": {"a": "{1}; {2}"}}',
        [("f", {"a": "{1}; {2}"})],
    ),
    (
        "single quotes swapped for double ones",
        TAG + '{"name": "f", "parameters": {"a": "it\'s"}}',
        [("f", {"a": "it's"})],
    ),
    (
        "double quotes in a Pythonic string swapped",
        TAG + "f(a='say \"hi\"')",
        [("f", {"a": 'say "hi"'})],
    ),
    (
        "Python's True in a string replaced",
        TAG + '{"name": "f", "parameters": {"a": "True None"}}',
        [("f", {"a": "True None"})],
    ),
    (
        "nested object promoted to a call",
        TAG + '{"name": "f", "parameters": {"a": {"name": "g", "parameters": {}}}}',
        [("f", {"a": {"name": "g", "parameters": {}}})],
    ),
    (
        "nested object of a truncated call promoted",
        TAG + '{"name": "f", "parameters": {"a": {"name": "g", "parameters": {}}',
        [],
    ),
    (
        "nested object of a malformed call promoted",
        TAG + '{"name": "f", "parameters": {"x": oops, "a": {"name": "g", "parameters": {}}}}',
        [],
    ),
    (
        "nested object of a malformed bare call promoted",
        '{"id": "1", "name": "f", "parameters": {"x": oops, "a": {"name": "g", "parameters": {}}}}',
        [],
    ),
    (
        "nested object of a truncated built-in call promoted",
        TAG + 'foo.call(payload={"name":"bar","parameters":{}}',
        [],
    ),
    (
        "nested object of a truncated built-in call promoted, without the tag",
        'foo.call(payload={"name":"bar","parameters":{}}<|eot_id|>',
        [],
    ),
    (
        "nested object of a truncated Pythonic call promoted",
        'foo(payload={"name":"bar","parameters":{}}',
        [],
    ),
    (
        "nested object of a Pythonic call in prose promoted",
        'I would use foo({"name":"bar","parameters":{}}).',
        [],
    ),
    (
        "call in a string of another call promoted",
        TAG + '{"name": "f", "parameters": {"a": "{\\"name\\": \\"g\\", \\"parameters\\": {}}"}}',
        [("f", {"a": '{"name": "g", "parameters": {}}'})],
    ),
    ("truncated call healed", TAG + '{"name": "f", "parameters": {"a": 1', []),
    ("truncated second call healed", f'{TAG}{F}; {{"name": "g", "parameters": {{"b"', ONE),
    (
        "tag inside an argument taken for a tag",
        '{"name": "f", "parameters": {"a": "<|python_tag|>{\\"name\\": \\"g\\"}"}}',
        [("f", {"a": '<|python_tag|>{"name": "g"}'})],
    ),
    ("text taken for a call since it is JSON with a name", '{"name": "Ada", "age": 36}', []),
    ("schema in prose taken for a call", '{"type": "object", "parameters": {"a": 1}}', []),
]


@pytest.mark.parametrize(
    ("text", "expected"), [c[1:] for c in REPORTS], ids=[c[0] for c in REPORTS]
)
def test_reported_bug_cannot_be_reproduced(text: str, expected: list[tuple[str, dict[str, Any]]]):
    parsed = parse_completion(text)
    assert [(call.name, call.arguments) for call in parsed.calls] == expected


@pytest.mark.parametrize(
    "text",
    [
        TAG + "f(a=__import__('os').mkdir('evaluated'))",
        TAG + "[f(a=open('evaluated', 'w'))]",
        "f(a=open('evaluated', 'w'))",
        TAG + '{"name": "f", "parameters": {"a": open("evaluated", "w")}}',
        TAG + "f(a='x' * 10**9)",
    ],
)
def test_nothing_is_evaluated(text: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert parse_completion(text).calls == ()
    assert not list(tmp_path.iterdir())


def test_truncated_calls_are_reported_where_other_parsers_stay_silent():
    assert parse_completion(TAG + 'foo.call(payload={"name":"bar","parameters":{}}').problems
    assert parse_completion('foo.call(payload={"name":"bar","parameters":{}}').problems
