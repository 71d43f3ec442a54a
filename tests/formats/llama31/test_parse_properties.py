"""What holds for any completion: round trip, totality, linear time."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cb_datasets.errors import FormatError
from cb_datasets.formats import ParsedCompletion, ToolCall, parse_completion, render_completion
from cb_datasets.formats.llama31.tokens import CONTROL_TOKENS
from tests.formats.llama31.repeated_units import REPEATED

FRAGMENTS = [
    *CONTROL_TOKENS, "{", "}", "[", "]", '"', "'", "\\", ";", ",", ":", "=", "(", ")", " ", "\n",
    '{"', '"}', '{"name": "f", "parameters": {', '{"name": "f", "parameters": {}}', '"arguments"',
    '{"type": "function", "function": ', "f(a=", "f.call(a=", "f(a=1)", "[f(", "<function=f>",
    "<function=", "</function>", "NaN", "1e999", "\\ud800", "\\u003c", "```json\n", "null", "true",
    "-1.5", "9" * 50, "import os", "Paris", "é😀", "\x00", "\u2028", "\ud7ff", "\ue000",
]  # fmt: skip

TEXT = st.text(st.characters(exclude_categories=["Cs"])) | st.lists(
    st.sampled_from(FRAGMENTS), max_size=6
).map("".join)
NAMES = TEXT.filter(bool)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
CALLS = st.lists(st.builds(ToolCall, NAMES, st.dictionaries(TEXT, VALUES, max_size=4)), max_size=4)
CONTENT = st.one_of(
    st.just(""),
    TEXT,
    st.lists(st.sampled_from([f for f in FRAGMENTS if f not in CONTROL_TOKENS])).map("".join),
)
ENDS = st.sampled_from([None, "eom_id", "eot_id", "end_of_text"])
HOSTILE = st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=3), max_size=40).map("".join)


def same(left: Any, right: Any) -> bool:
    # 1 == 1.0 == True to Python, three values to a tool; -0.0 == 0.0 likewise.
    return json.dumps(left) == json.dumps(right)


@settings(max_examples=250, deadline=None)
@given(CONTENT, CALLS, ENDS)
def test_what_is_rendered_parses_back_to_the_same(
    content: str, calls: list[ToolCall], end: str | None
):
    try:
        text = render_completion(content, calls, end)
    except FormatError:
        # Only the content can be at fault: it is, or begins, a call itself.
        assert content
        assert parses_as_call_or_holds_control_token(content)
        return
    parsed = parse_completion(text)
    assert parsed.content == content
    assert [call.name for call in parsed.calls] == [call.name for call in calls]
    assert same([c.arguments for c in parsed.calls], [c.arguments for c in calls])
    assert (parsed.end, parsed.code, parsed.problems) == (end, None, ())
    assert parsed.tagged is bool(calls)


def parses_as_call_or_holds_control_token(content: str) -> bool:
    parsed = parse_completion(content)
    holds = any(token in content for token in CONTROL_TOKENS)
    return holds or bool(parsed.calls or parsed.problems)


@settings(max_examples=100, deadline=None)
@given(CALLS.filter(bool))
def test_a_rendered_call_holds_no_control_token_but_its_own(calls: list[ToolCall]):
    text = render_completion("", calls)
    assert sum(text.count(token) for token in CONTROL_TOKENS) == 2
    assert text.startswith("<|python_tag|>")
    assert text.endswith("<|eom_id|>")


@pytest.mark.parametrize(
    ("content", "calls", "end"),
    [
        ("<|eot_id|>", [], "eot_id"),
        ('{"name": "f", "parameters": {}}', [], "eot_id"),
        ('{"name": "f", "parameters": {}}', [ToolCall("g", {})], "eom_id"),
        ("f(a=1)", [], "eot_id"),
        ("", [ToolCall("", {})], "eom_id"),
        ("", [ToolCall("f", {"a": float("nan")})], "eom_id"),
        ("", [ToolCall("f", {"a": float("inf")})], "eom_id"),
        ("", [ToolCall("f", {"a": object()})], "eom_id"),
        ("", [ToolCall("f", {"a": "\ud800"})], "eom_id"),
        ("", [ToolCall("\udfff", {})], "eom_id"),
        ("", [ToolCall("f", {"a": json.loads("[" * 300 + "]" * 300)})], "eom_id"),
        ("Hi.", [], "im_end"),
    ],
)
def test_what_could_not_be_read_back_is_refused(content: str, calls: list[ToolCall], end: str):
    with pytest.raises(FormatError):
        render_completion(content, calls, end)


@pytest.mark.parametrize("depth", [1, 60, 125])
def test_nested_arguments_round_trip(depth: int):
    arguments = {"a": json.loads("[" * depth + "]" * depth)}
    parsed = parse_completion(render_completion("", [ToolCall("f", arguments)]))
    assert [c.arguments for c in parsed.calls] == [arguments]


@settings(max_examples=1000, deadline=None)
@given(HOSTILE)
def test_any_text_is_read_without_an_exception(text: str):
    parsed = parse_completion(text)
    assert isinstance(parsed, ParsedCompletion)
    for call in parsed.calls:
        assert call.name
        json.dumps(call.arguments, ensure_ascii=False, allow_nan=False).encode()
    assert parse_completion(render_completion("", parsed.calls)).calls == parsed.calls


@settings(max_examples=150, deadline=None)
@given(CALLS.filter(bool), st.data())
def test_a_cut_completion_yields_no_call_that_was_not_made(
    calls: list[ToolCall], data: st.DataObject
):
    text = render_completion("", calls, None)
    cut = text[: data.draw(st.integers(0, len(text)))]
    found = list(parse_completion(cut).calls)
    assert same([vars_of(c) for c in found], [vars_of(c) for c in calls[: len(found)]])


def vars_of(call: ToolCall) -> tuple[str, dict[str, Any]]:
    return call.name, call.arguments


def work(text: str) -> int:
    """Number of calls that parsing makes: of our functions and of built-in ones."""
    count = 0

    def counted(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(counted)
    try:
        parse_completion(text)
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("head", ["", "<|python_tag|>"])
@pytest.mark.parametrize("unit", REPEATED)
def test_work_is_linear_in_the_length(unit: str, head: str):
    # Time per character is measured by tests/benchmarks/parse_linear.py.
    short, long = (head + unit * (size // len(unit)) for size in (4_000, 16_000))
    assert work(long) <= 5 * work(short) + 100


@pytest.mark.parametrize("unit", ["{", "[", "<|python_tag|>", '{"', '{"a": oops} ', "f(a="])
def test_a_megabyte_is_read(unit: str):
    parsed = parse_completion(unit * (1_000_000 // len(unit)))
    assert parsed.calls == ()
