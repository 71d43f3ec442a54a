"""Mistral's format: tokenizers of versions 3 and 7, and from 11 on.

Turns stand in brackets (`[INST]…[/INST]`) and what the assistant says between them, up to `</s>`.
Versions 3 and 7 write calls as `[TOOL_CALLS][{"name": …, "arguments": {…}}]`, later ones as
`[TOOL_CALLS]NAME[ARGS]{…}`, with an id of the call in between in version 11; from 13 on a model may
think first, in `[THINK]`. The template wants ids of calls in the history.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from cb_datasets.errors import FormatError
from cb_datasets.formats.brackets import TOOLS, Brackets
from cb_datasets.formats.calls import ParsedCompletion, ToolCall
from cb_datasets.formats.format import CallSyntax, Format, ReadCompletion
from cb_datasets.formats.json_calls import (
    any_of,
    arguments_json,
    broken_end,
    call_json,
    calls_from_value,
    read_json,
)
from cb_datasets.formats.json_names import CharSpan, json_name_spans
from cb_datasets.formats.llama31.parse import call_of_llama31
from cb_datasets.formats.thinking import Thinking, behind_space, leading_thinking
from cb_datasets.formats.tool_names import Tools

_BEGIN, _END, _CALLS = "<s>", "</s>", "[TOOL_CALLS]"
_ARGS, _ID = "[ARGS]", "[CALL_ID]"
_AROUND = (
    ("system", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]"),
    (TOOLS, "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]"),
    ("user", "[INST]", "[/INST]"),
    ("tool", "[TOOL_RESULTS]", "[/TOOL_RESULTS]"),
)
_NEEDS = (_BEGIN, _END, _CALLS, *(token for _, *pair in _AROUND[1:] for token in pair))
_THINK, _THINK_CLOSE = "[THINK]", "[/THINK]"
_TAGS = ("<think>", "</think>")
_LATER = (*_AROUND[0][1:], _ARGS, _ID, "[TOOL_CONTENT]", _THINK, _THINK_CLOSE, *_TAGS)
_ALL = (*_NEEDS, *_LATER)
_ANY = any_of(tuple(token for token in _ALL if token not in _TAGS))
_NAME = re.compile(r"\s*([^\[\]{}\s](?:[^\[\]{}\n]*[^\[\]{}\s])?)(?:\[CALL_ID\]\w*)?\[ARGS\]\s*")
_ENDS = {"eos": _END}


class _Found(NamedTuple):
    """Calls behind a tag up to `end`, or why there are none."""

    end: int
    calls: tuple[ToolCall, ...] = ()
    names: tuple[CharSpan, ...] = ()
    problem: str | None = None


_ReadCalls = Callable[[str, int], _Found]


def _listed(text: str, at: int) -> _Found:
    """Calls as versions 3 and 7 write them."""
    begin = behind_space(text, at)
    if not text.startswith(("[", "{"), begin):
        later = " (Mistral v11 writes it so)" if _NAME.match(text, at) else ""
        return _Found(at, problem=f"no list of calls follows {_CALLS}{later}")
    found = read_json(text, begin)
    calls = None if found.problem else calls_from_value(found.value, bare=False)
    if calls is None:
        why = found.problem or "it has no name, or its arguments are not a JSON object"
        return _Found(_broken(text, begin) if found.problem else found.end, problem=why)
    return _Found(found.end, tuple(calls), tuple(json_name_spans(text, begin, found.end)))


def _named(text: str, at: int) -> _Found:
    """A call as versions from 11 on write it."""
    head = _NAME.match(text, at)
    if head is None:
        is_list = text.startswith("[{", behind_space(text, at))
        earlier = " (Mistral v3 writes it so)" if is_list else ""
        return _Found(at, problem=f"no name and {_ARGS} follow {_CALLS}{earlier}")
    begin = head.end()
    found = read_json(text, begin) if text.startswith("{", begin) else None
    if found is None or found.problem:
        why = found.problem if found else "its arguments are not a JSON object"
        return _Found(_broken(text, begin) if found else begin, problem=why)
    return _Found(found.end, (ToolCall(head[1], found.value),), (head.span(1),))


def _broken(text: str, begin: int) -> int:
    """Where a broken value ends: no further than the next token."""
    after = _ANY.search(text, begin)
    return broken_end(text, begin, after.start() if after else len(text))


def _read(text: str, tools: Tools | None, *, read_calls: _ReadCalls) -> ReadCompletion:
    thinking = _thinking(text)
    at, problems = thinking.end, list(thinking.problems)
    prose, end, tagged = [""], None, False
    calls: list[ToolCall] = []
    places: list[CharSpan] = []
    names: list[CharSpan] = []
    while match := _ANY.search(text, at):
        _take(prose, text[at : match.start()])
        token, at = match.group(), match.end()
        if token == _END:
            end = "eos"
            if text[at:].replace(_END, "").strip():
                problems.append("text follows the end token")
            at = len(text)
        elif token != _CALLS:
            problems.append(f"{token} inside the completion")
        else:
            tagged = True
            found = read_calls(text, at)
            if found.problem is not None:
                problems.append(f"malformed tool call: {found.problem}")
                _take(prose, text[at : found.end])
            else:
                calls += found.calls
                names += found.names
                places.append((match.start(), found.end))
            at = found.end
    _take(prose, text[at:])
    content = "\n".join(filter(None, prose))
    if not calls and not problems:
        problems += call_of_llama31(content, tools)
    parsed = ParsedCompletion(
        content=content,
        calls=tuple(calls),
        end=end,
        tagged=tagged,
        problems=tuple(problems),
        thinking=thinking.text,
    )
    return ReadCompletion(parsed, tuple(places), tuple(names), thinking.spans)


def _thinking(text: str) -> Thinking:
    tags = (_THINK, _THINK_CLOSE) if _THINK in text or _THINK_CLOSE in text else _TAGS
    return leading_thinking(text, *tags)


def _take(prose: list[str], text: str) -> None:
    """Prose; the beginning of the answer is kept to the letter."""
    prose.append(text if len(prose) == 1 else text.strip())


def _named_text(call: ToolCall) -> str:
    text = call.name + _ARGS
    head = _NAME.fullmatch(text)
    if head is None or head[1] != call.name or any_of(_ALL).search(call.name):
        raise FormatError(f"call {call.name!r} has a name that Mistral's format cannot write")
    return text + arguments_json(call, _ALL)


_WRITTEN = Brackets(
    _BEGIN,
    _END,
    _AROUND,
    re.compile(rb'\{"content": (.*), "call_id": "[A-Za-z0-9]{9}"\}', re.DOTALL),
)

MISTRAL = Format(
    "mistral",
    "Mistral v3 and v7",
    needs=_NEEDS,
    begin=_BEGIN,
    end_tokens=_ENDS,
    ends=("eos", "eos"),
    control_tokens=_NEEDS,
    headers=_WRITTEN,
    turn_end=_END,
    several_calls=None,
    calls=CallSyntax(
        partial(call_json, arguments="arguments", control_tokens=_ALL),
        behind_name='", "arguments": {',
        closed="}}",
        tag=_CALLS + "[",
        close="]",
        between=", ",
    ),
    read=partial(_read, read_calls=_listed),
    inside=(_CALLS,),
    call_ids=True,
    markup=_LATER,
)

MISTRAL11 = Format(
    "mistral11",
    "Mistral v11 and later",
    needs=(*_NEEDS, _ARGS),
    begin=_BEGIN,
    end_tokens=_ENDS,
    ends=("eos", "eos"),
    control_tokens=(*_NEEDS, _ARGS),
    headers=_WRITTEN,
    turn_end=_END,
    several_calls=None,
    calls=CallSyntax(_named_text, behind_name=_ARGS + "{", closed="}", tag=_CALLS, between=_CALLS),
    read=partial(_read, read_calls=_named),
    inside=(_CALLS, _ARGS),
    call_ids=True,
    markup=tuple(token for token in _LATER if token != _ARGS),
)
