"""Bugs that users of other parsers have reported: none can be had here.

The parsers: vLLM's `llama3_json` and pythonic ones, those of other engines, BFCL's decoders,
`ToolUtils` of llama-models, and the readers of research pipelines. Where a report is public, the
table names it.
"""

from __future__ import annotations

from typing import Any

import pytest

from cb_datasets.formats import parse_completion

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
    (
        "nested object matched in place of the call around it",
        TAG + '{"name": "f", "parameters": {"a": {"b": {"c": {"d": "1"}}}}}',
        [("f", {"a": {"b": {"c": {"d": "1"}}}})],
    ),
    (
        "string cut at a comma inside single quotes",
        "[f(path='/tmp/x', a='Hello, \"world\"!')]",
        [("f", {"path": "/tmp/x", "a": 'Hello, "world"!'})],
    ),
    (
        "arguments as a JSON string dropped",
        TAG + '{"name": "f", "arguments": "{\\"a\\": 1}"}',
        ONE,
    ),
    (
        "arguments as a JSON string that is cut healed",
        TAG + '{"name": "f", "arguments": "{\\"a"}',
        [],
    ),
    (
        "truncated string of a call closed",
        TAG + '{"name": "f", "parameters": {"path": "/etc/hosts", "content": "line1',
        [],
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


PUBLIC_REPORTS = {
    "parallel calls dropped": ["ai-dynamo/dynamo#9536", "ggml-org/llama.cpp#14101"],
    "calls dropped when prose": ["vllm-project/vllm#19024"],
    "prose dropped": ["vllm-project/vllm#26047", "ollama/ollama#17323"],
    "JSON that is no call dropped": ["sgl-project/sglang#35562"],
    "split at a semicolon": ["ai-dynamo/dynamo#9536 (review)"],
    "single quotes swapped": ["NousResearch/atropos#478", "langgenius/dify#11390"],
    "string cut at a comma": ["ml-explore/mlx-lm#1785"],
    "nested object": ["vllm-project/vllm#27701"],
    "arguments as a JSON string": ["invergent-ai/surogate#142", "ollama/ollama#12413"],
    "truncated": ["cline/cline#13001", "langchain-ai/langchainjs#11469"],
    "tag inside an argument": ["vllm-project/vllm#45167"],
    "text taken for a call": ["ggml-org/llama.cpp#18183"],
}
"""Public reports, by the words that the cases of the table begin with."""


def test_each_public_report_has_a_case():
    cases = [case[0] for case in REPORTS] + [case[0] for case in CONTENT_REPORTS]
    for words in PUBLIC_REPORTS:
        assert any(case.startswith(words) for case in cases), words


CONTENT_REPORTS = [
    ("prose dropped before a call", f"I will look. {F}<|eot_id|>", "I will look. "),
    (
        "prose dropped behind a call",
        f"{TAG}{F}\nI called the tool.<|eot_id|>",
        "I called the tool.",
    ),
    ("prose dropped behind a bare call", f"{F} I called the tool.", "I called the tool."),
    ("JSON that is no call dropped", '{"a": 1} is a dict<|eot_id|>', '{"a": 1} is a dict'),
    ("JSON that is no call dropped, alone", "{}", "{}"),
]


@pytest.mark.parametrize(
    ("text", "content"), [c[1:] for c in CONTENT_REPORTS], ids=[c[0] for c in CONTENT_REPORTS]
)
def test_content_beside_calls_is_kept(text: str, content: str):
    assert parse_completion(text).content == content


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
