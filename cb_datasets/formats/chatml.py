"""ChatML with Hermes-style calls: Hermes 2 and 3, Qwen 2.5, Qwen 3 with and without thinking.

A turn is `<|im_start|>ROLE\n…<|im_end|>\n`, a call `<tool_call>\n{"name": …, "arguments": {…}}\n
</tool_call>`; results stand in `<tool_response>`, in a turn of the user's or of their own. The tags
are tokens in some vocabularies and text in others.
"""

from __future__ import annotations

import re
from functools import partial

from cb_datasets.formats.calls import ParsedCompletion, ToolCall
from cb_datasets.formats.format import CallSyntax, Format, ReadCompletion
from cb_datasets.formats.headers import Headers
from cb_datasets.formats.json_calls import (
    any_of,
    broken_end,
    call_json,
    calls_from_value,
    read_json,
)
from cb_datasets.formats.llama31.parse import call_of_llama31
from cb_datasets.formats.thinking import behind_space, leading_thinking
from cb_datasets.formats.tool_names import Tools

_START, _END, _END_OF_TEXT = "<|im_start|>", "<|im_end|>", "<|endoftext|>"
_CALL, _CLOSE = "<tool_call>", "</tool_call>"
_RESULT, _RESULT_CLOSE = "<tool_response>", "</tool_response>"
_THINK, _THINK_CLOSE = "<think>", "</think>"
_CONTROL = (_START, _END, _END_OF_TEXT)
_MARKUP = (_CALL, _CLOSE, _RESULT, _RESULT_CLOSE, _THINK, _THINK_CLOSE)
_ENDS = {"im_end": _END, "endoftext": _END_OF_TEXT}
_NAMES = {token: name for name, token in _ENDS.items()}
_ANY = any_of((*_CONTROL, _CALL, _CLOSE))


def read(text: str, tools: Tools | None = None) -> ReadCompletion:
    """Read a completion.

    What stands in `<think>` is no call, whatever it looks like. A call stands in tags; one that is
    written as Llama 3.1 writes calls is a problem: nothing that serves this format would make it.

    Args:
        text: The raw output, special tokens included.
        tools: The tools on offer; a call in tags is one, whatever they are.

    Example:
        >>> said = '<tool_call>\\n{"name": "f", "arguments": {"n": 1}}\\n</tool_call><|im_end|>'
        >>> read(said).parsed.calls
        (ToolCall(name='f', arguments={'n': 1}),)
    """
    thinking = leading_thinking(text, _THINK, _THINK_CLOSE)
    at, problems = thinking.end, list(thinking.problems)
    prose = [""]
    calls: list[ToolCall] = []
    places: list[tuple[int, int]] = []
    end, tagged = None, False
    while match := _ANY.search(text, at):
        _take(prose, text[at : match.start()], before_call=match.group() == _CALL)
        token, at = match.group(), match.end()
        if token in _NAMES:
            end = _NAMES[token]
            if text[at:].replace(_END_OF_TEXT, "").strip():
                problems.append("text follows the end token")
            at = len(text)
        elif token != _CALL:
            problems.append(f"{token} inside the completion")
        else:
            tagged = True
            begin = behind_space(text, at)
            found = read_json(text, begin)
            made = None if found.problem else calls_from_value(found.value, bare=False)
            stop = _stop(text, begin)
            if made is None:
                why = found.problem or "it has no name, or its arguments are not a JSON object"
                problems.append(f"malformed tool call: {why}")
                at = broken_end(text, begin, stop) if found.problem else min(found.end, stop)
                _take(prose, text[begin:at])
            else:
                calls += made
                places.append((begin, found.end))
                at = found.end
            after = behind_space(text, at)
            if text.startswith(_CLOSE, after):
                at = after + len(_CLOSE)
            elif made is not None and not text.startswith((*_NAMES, _CALL), after):
                # Cut off, or something else stands in the tags.
                problems.append("malformed tool call: its tag is not closed")
                del calls[-len(made) :], places[-1:]
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
    return ReadCompletion(parsed, tuple(places), thinking=thinking.spans)


def _take(prose: list[str], text: str, *, before_call: bool = False) -> None:
    """Prose; the beginning of the answer is kept to the letter, but for the line before a call."""
    if len(prose) == 1:
        prose.append(text.removesuffix("\n") if before_call else text)
    else:
        prose.append(text.strip())


def _stop(text: str, at: int) -> int:
    match = _ANY.search(text, at)
    return match.start() if match else len(text)


CHATML = Format(
    "chatml",
    "ChatML (Hermes, Qwen 2.5 and 3)",
    needs=(_START, _END),
    begin=None,
    end_tokens=_ENDS,
    ends=("im_end", "im_end"),
    control_tokens=(_START, _END),
    headers=Headers(
        _START,
        None,
        "\n",
        ("system", "user", "assistant", "tool"),
        ("user", "tool"),
        close=_END,
        openings=(_THINK + "\n", f"{_THINK}\n\n{_THINK_CLOSE}\n\n"),
        wrapped=re.compile(rb"<tool_response>\n(.*)\n</tool_response>", re.DOTALL),
    ),
    turn_end=_END,
    several_calls=None,
    calls=CallSyntax(
        partial(call_json, arguments="arguments", control_tokens=(*_CONTROL, *_MARKUP)),
        behind_name='", "arguments": {',
        closed="}}",
        tag=_CALL + "\n",
        close="\n" + _CLOSE,
        between=f"\n{_CLOSE}\n{_CALL}\n",
        behind_prose="\n",
    ),
    read=read,
    markup=(_END_OF_TEXT, *_MARKUP),
)
