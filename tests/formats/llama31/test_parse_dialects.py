"""The rules of reading a completion, dialect by dialect."""

from __future__ import annotations

from typing import Any

import pytest

from cb_datasets.formats import ParsedCompletion, parse_completion

Calls = list[tuple[str, dict[str, Any]]]
TAG = "<|python_tag|>"


def calls_of(parsed: ParsedCompletion) -> Calls:
    return [(call.name, call.arguments) for call in parsed.calls]


ONE_CALL: list[tuple[str, str, Calls]] = [
    ("canonical", TAG + '{"name": "f", "parameters": {"n": 1}}<|eom_id|>', [("f", {"n": 1})]),
    ("ends the turn", TAG + '{"name": "f", "parameters": {}}<|eot_id|>', [("f", {})]),
    (
        "typed",
        TAG + '{"type": "function", "name": "f", "parameters": {"n": "10"}}<|eom_id|>',
        [("f", {"n": "10"})],
    ),
    (
        "pretty-printed",
        TAG + '{\n    "name": "f",\n    "parameters": {\n  "n": 1\n}\n}<|eom_id|>',
        [("f", {"n": 1})],
    ),
    (
        "arguments instead of parameters",
        TAG + '{"name": "f", "arguments": {"n": 1}}',
        [("f", {"n": 1})],
    ),
    (
        "arguments as a JSON string",
        TAG + '{"name": "f", "arguments": "{\\"n\\": 1}"}',
        [("f", {"n": 1})],
    ),
    ("no arguments at all", TAG + '{"name": "f"}<|eom_id|>', [("f", {})]),
    ("arguments null", TAG + '{"name": "f", "parameters": null}', [("f", {})]),
    (
        "OpenAI form",
        TAG + '{"type":"function","function":{"name":"f","arguments":{"n":1}}}',
        [("f", {"n": 1})],
    ),
    (
        "OpenAI form, arguments as text",
        '{"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}}',
        [("f", {})],
    ),
    (
        "bare JSON of the chat template",
        '{"name": "f", "parameters": {"n": 1}}<|eot_id|>',
        [("f", {"n": 1})],
    ),
    ("bare JSON after white space", '\n\n{"name": "f", "parameters": {}}<|eot_id|>', [("f", {})]),
    (
        "bare JSON in a code fence",
        '```json\n{"name": "f", "parameters": {}}\n```<|eot_id|>',
        [("f", {})],
    ),
    ("typed bare JSON without arguments", '{"type": "function", "name": "f"}', [("f", {})]),
    (
        "built-in tool",
        TAG + "brave_search.call(query=\"tea; 'milk'\")<|eom_id|>",
        [("brave_search", {"query": "tea; 'milk'"})],
    ),
    (
        "built-in tool without the tag",
        'wolfram_alpha.call(query="1+1")<|eom_id|>',
        [("wolfram_alpha", {"query": "1+1"})],
    ),
    ("custom function tag", '<function=f>{"n": 1}</function><|eot_id|>', [("f", {"n": 1})]),
    (
        "custom function tag behind the tag",
        TAG + '<function=f>{"n": 1}</function><|eom_id|>',
        [("f", {"n": 1})],
    ),
    (
        "Python syntax",
        "search_web(query='x', limit=3, deep=True, cut=None)<|eot_id|>",
        [("search_web", {"query": "x", "limit": 3, "deep": True, "cut": None})],
    ),
    (
        "Python values",
        TAG + "f(a=[1, -2.5, (3,)], b={'k': 'v', 'l': [None]})",
        [("f", {"a": [1, -2.5, [3]], "b": {"k": "v", "l": [None]}})],
    ),
    (
        "Python escapes",
        TAG + r"f(a='it\'s', b='a\nb', c='\u00e9\x41\ud83d\ude00', d='C:\dir')",
        [("f", {"a": "it's", "b": "a\nb", "c": "éA😀", "d": "C:\\dir"})],
    ),
    (
        "list of JSON calls",
        TAG + '[{"name": "f", "parameters": {}}, {"name": "g"}]',
        [("f", {}), ("g", {})],
    ),
    (
        "bare list of JSON calls",
        '[{"name": "f", "parameters": {}}, {"name": "g", "arguments": {}}]',
        [("f", {}), ("g", {})],
    ),
    ("list of Pythonic calls", "[f(a=1), g()]<|eot_id|>", [("f", {"a": 1}), ("g", {})]),
    (
        "separated by a semicolon",
        TAG + '{"name": "f"}; {"name": "g"}<|eom_id|>',
        [("f", {}), ("g", {})],
    ),
    ("separated by a bare semicolon", TAG + '{"name": "f"};{"name": "g"}', [("f", {}), ("g", {})]),
    ("separated by a newline", TAG + '{"name": "f"}\n{"name": "g"}', [("f", {}), ("g", {})]),
    (
        "separated by a repeated tag",
        TAG + '{"name": "f"}' + TAG + '{"name": "g"}',
        [("f", {}), ("g", {})],
    ),
    (
        "bare, separated by a semicolon",
        '{"name": "f", "parameters": {}}; {"name": "g", "parameters": {}}',
        [("f", {}), ("g", {})],
    ),
    (
        "bare call, then a tagged one",
        '{"name": "f", "parameters": {}}' + TAG + '{"name": "g"}',
        [("f", {}), ("g", {})],
    ),
    (
        "Pythonic call, then a tagged one",
        "f(a=1)\n" + TAG + '{"name": "g"}',
        [("f", {"a": 1}), ("g", {})],
    ),
    (
        "dialects mixed in a series",
        TAG + '{"name": "f"}; g(a=1)\n<function=h>{}</function>',
        [("f", {}), ("g", {"a": 1}), ("h", {})],
    ),
]


@pytest.mark.parametrize(
    ("text", "expected"), [c[1:] for c in ONE_CALL], ids=[c[0] for c in ONE_CALL]
)
def test_dialects_of_a_call(text: str, expected: Calls):
    parsed = parse_completion(text)
    assert calls_of(parsed) == expected
    assert parsed.content == ""
    assert parsed.code is None
    assert parsed.problems == ()


@pytest.mark.parametrize(
    ("text", "content", "names"),
    [
        ("I will look." + TAG + '{"name": "f"}<|eom_id|>', "I will look.", ["f"]),
        (" \n" + TAG + '{"name": "f"}<|eom_id|>', " \n", ["f"]),
        (TAG + '{"name": "f"}\nLet me know {ok}.<|eot_id|>', "Let me know {ok}.", ["f"]),
        (TAG + '{"name": "f"}; and {"name": "g", "parameters": {}}', "and", ["f", "g"]),
        ('Sure: {"name": "f", "parameters": {}} Done.<|eot_id|>', "Sure: \nDone.", ["f"]),
        ('Use {"a": 1} or {"name": "x"}.<|eot_id|>', 'Use {"a": 1} or {"name": "x"}.', []),
        ('Set {"} now.<|eot_id|>', 'Set {"} now.', []),
        ('Set {"} now.' + TAG + '{"name": "f"}<|eom_id|>', 'Set {"} now.', ["f"]),
        ("I would call f(a=1) here.<|eot_id|>", "I would call f(a=1) here.", []),
        ("Paris.<|eot_id|>", "Paris.", []),
        ("  Paris.\n", "  Paris.\n", []),
        ("", "", []),
    ],
)
def test_prose_around_calls_is_content_and_loses_no_call(text: str, content: str, names: list[str]):
    parsed = parse_completion(text)
    assert parsed.content == content
    assert [call.name for call in parsed.calls] == names
    assert parsed.problems == ()


def test_raw_python_behind_the_tag_is_code():
    parsed = parse_completion(TAG + "import math\nprint(math.pi)<|eom_id|>")
    assert parsed.code == "import math\nprint(math.pi)"
    assert (parsed.calls, parsed.content, parsed.end) == ((), "", "eom_id")


@pytest.mark.parametrize("end", ["eom_id", "eot_id", "end_of_text"])
def test_the_end_token_is_named_and_padding_behind_it_is_nothing(end: str):
    parsed = parse_completion(f"Hi.<|{end}|><|finetune_right_pad_id|><|finetune_right_pad_id|>")
    assert (parsed.content, parsed.end, parsed.problems) == ("Hi.", end, ())


def test_no_end_token_is_none():
    assert parse_completion("Hi.").end is None


def test_what_follows_the_end_token_is_a_problem_and_no_call():
    parsed = parse_completion("Hi.<|eot_id|>" + TAG + '{"name": "f"}<|eom_id|>')
    assert (parsed.content, parsed.calls, parsed.end) == ("Hi.", (), "eot_id")
    assert parsed.problems == ("text follows the end token",)


def test_the_tag_is_noted():
    assert parse_completion(TAG + '{"name": "f"}').tagged
    assert not parse_completion('{"name": "f", "parameters": {}}').tagged


@pytest.mark.parametrize(
    "value",
    ["a;b", "{}}[", 'say "hi" it\'s', "line\nbreak", TAG, "<|eot_id|>", "😀é\u2028", "\\"],
)
@pytest.mark.parametrize("tag", [TAG, ""])
def test_what_stands_inside_a_string_is_data(value: str, tag: str):
    import json

    raw = json.dumps({"name": "f", "parameters": {"a": value}}, ensure_ascii=False)
    parsed = parse_completion(f"{tag}{raw}; {raw}<|eom_id|>")
    assert calls_of(parsed) == [("f", {"a": value})] * 2
    assert (parsed.problems, parsed.end, parsed.tagged) == ((), "eom_id", bool(tag))


def test_a_raw_newline_inside_a_string_is_data():
    parsed = parse_completion(TAG + '{"name": "f", "parameters": {"a": "x\ny"}}<|eom_id|>')
    assert calls_of(parsed) == [("f", {"a": "x\ny"})]


def test_numbers_keep_their_values():
    parsed = parse_completion(TAG + f'{{"name": "f", "parameters": {{"a": {2**70}, "b": 0.1}}}}')
    assert calls_of(parsed) == [("f", {"a": 2**70, "b": 0.1})]


TRUNCATED = [
    TAG + '{"name": "f", "parameters": {"a": 1}',
    TAG + '{"name": "f", "parameters": {"a": "x',
    TAG + '{"name": "f", "param',
    TAG + '{"name": "f", "parameters": {"a": "x<|eom_id|>',
    '{"name": "f", "parameters": {"a": 1',
    '[{"name": "f", "parameters": {}}, {"name": "g"',
    TAG + 'brave_search.call(query="tea',
    'brave_search.call(query="tea',
    '<function=f>{"a": 1',
    "<function=f><|eot_id|>",
]
MALFORMED = [
    TAG + '{"parameters": {"a": 1}}',
    TAG + '{"name": "", "parameters": {}}',
    TAG + '{"name": 5, "parameters": {}}',
    TAG + '{"name": "f", "parameters": [1]}',
    TAG + '{"name": "f", "arguments": "{broken"}',
    '{"name": "f", "arguments": "text"}',
    '[{"name": "f", "parameters": {}}, {"name": "g", "parameters": "text"}]',
    TAG + "{'name': 'f', 'parameters': {}}",
    TAG + '{"name": "f", "parameters": {"a": NaN}}',
    TAG + '{"name": "f", "parameters": {"a": 1e999}}',
    TAG + '{"name": "f", "parameters": {"a": ' + "9" * 5000 + "}}",
    TAG + '{"name": "f", "parameters": {"a": "\\ud800"}}',
    TAG + '{"name": "f", "parameters": {"a": ' + "[" * 300 + "]" * 300 + "}}",
    TAG + "f.call(a=" + "[" * 300 + "]" * 300 + ")",
    TAG + "f.call(a=1e999)",
    TAG + r"f.call(a='\ud800')",
    TAG + "f.call(a=1, a=2)",
    TAG + "f.call(a=open('x'))",
    TAG,
    TAG + "<|eom_id|>",
]


@pytest.mark.parametrize("text", TRUNCATED + MALFORMED)
def test_a_truncated_or_malformed_call_is_a_problem_and_no_call(text: str):
    parsed = parse_completion(text)
    assert parsed.calls == ()
    assert parsed.problems
    assert all(problem and "\n" not in problem for problem in parsed.problems)


@pytest.mark.parametrize("text", TRUNCATED + MALFORMED)
def test_the_end_token_behind_something_broken_is_still_seen(text: str):
    assert parse_completion(text.removesuffix("<|eom_id|>") + "<|eot_id|>").end == "eot_id"


def test_good_calls_beside_a_broken_one_are_read():
    broken = '{"name": "f", "parameters": {"a": oops}}'
    parsed = parse_completion(
        TAG + '{"name": "e"}; ' + broken + '; {"name": "g", "parameters": {}}'
    )
    assert [call.name for call in parsed.calls] == ["e", "g"]
    assert len(parsed.problems) == 1
